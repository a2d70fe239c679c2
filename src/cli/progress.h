/* Progress on standard error: one line rewritten in place on a terminal, else a plain line a
 * minute. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum progress_mode {
    PROGRESS_AUTO,   /* in place when standard error is a terminal and results go elsewhere */
    PROGRESS_ALWAYS, /* as auto, but in place beside results too; a last line at the end */
    PROGRESS_NEVER,
} progress_mode;

/* Starts the clock. `name` is what runs and lives as long as the progress; `results_on_terminal`:
 * lines of results would break a line rewritten in place. */
void progress_start(const char *name, progress_mode mode, bool results_on_terminal);

/* Items done and in all (UINT64_MAX: not known). Shown when it is time to. */
void progress_show(uint64_t done, uint64_t total);

/* What is being done on a long item, shown behind the items from the next progress_show on; copied.
 * NULL: nothing. */
void progress_stage(const char *text);

/* Takes a line rewritten in place off the terminal; the next progress_show brings it back. */
void progress_clear(void);

/* Clears, and with PROGRESS_ALWAYS says how it ended. */
void progress_end(void);

/* As progress_clear, from a signal handler. */
void progress_clear_in_handler(void);

#endif
