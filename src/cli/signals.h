/* Ctrl-C and its kin: the first asks the run to end in order, the second ends it at once. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "fanfold/executor.h"

enum { SIGNALS_STOPPED = 75 }; /* the exit code after a first signal */

#define SIGNALS_NO_LIMIT UINT64_MAX

/* What this process is to the run: it decides what a signal does. */
typedef enum signals_role {
    SIGNALS_STARTS,  /* nothing has begun: the first signal ends the command, with 75 */
    SIGNALS_WORKS,   /* the first stops the run: its grace time, a second more, then the command
                        ends in any case, with 75; the second ends it at once, with 128 + number */
    SIGNALS_SERVES,  /* a rank other than 0: the first does nothing, for rank 0 ends the run */
    SIGNALS_WATCHES, /* children do the work: the first and the second are only told, the third
                        ends the command */
} signals_role;

/* Catches SIGINT, SIGTERM, SIGHUP and SIGUSR1 (those not ignored by whoever started the command)
 * and ignores SIGPIPE. `grace_ms` is how long running items may take after the first signal;
 * SIGNALS_NO_LIMIT: as long as it takes. `launched`: a launcher started this process as one of
 * several: what it passes on but SIGUSR1 is followed by SIGKILL within a second, so that there is
 * no grace and 0.4 s in all. The same signal again within 0.2 s is the same one: timeout(1) and
 * batch systems send it to a process and to its group. May be called again. */
void signals_install(uint64_t grace_ms, bool launched, signals_role role);

/* Changes the role. Where a signal came while the old one was SIGNALS_STARTS, the new one's rules
 * count from then on. */
void signals_set_role(signals_role role);

/* From now on SIGINT has 0.2 s of grace and ends the command within a second: nothing that running
 * items may still answer is kept for a later run. The other signals have their grace time. */
void signals_set_brief(void);

/* The numbers of the first signal caught and of the one that says "at once", 0 for none. Any
 * thread. */
int signals_caught(void);
int signals_caught_again(void);

/* The exit code of what a signal has stopped: 75, or 128 + the number that said "at once". */
int signals_code(void);

/* How many ms running items have from the first signal on: 0 where none was caught. */
uint64_t signals_grace_ms(void);

/* Whether the grace time after a first signal is over. */
bool signals_hurry(void);

/* When closing the executor should have come to its end after a first signal; FAN_FOREVER: none
 * was caught, or there is no limit. */
fan_deadline signals_close_by(void);

/* What is said where time runs out before the run has ended: whole lines, borrowed for good. NULL:
 * nothing any more, all has been said. */
void signals_set_last_words(const char *text);

#endif
