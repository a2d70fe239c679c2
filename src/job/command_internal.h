/* What the parts of the job "command" share: what its task is told, and what it answers. */
#ifndef FANI_COMMAND_INTERNAL_H
#define FANI_COMMAND_INTERNAL_H

#include <pthread.h>

#include "base/guard.h"
#include "fanfold/process.h"
#include "job/command_words.h"
#include "job/list.h"
#include "job/record.h"

typedef struct fani_sources fani_sources; /* where items come from, below */

/* ---- What the task is told -------------------------------------------------------------------
 */

enum {
    FANI_COMMAND_SHELL = 1,
    FANI_COMMAND_TAG = 2,
    FANI_COMMAND_KEEP_MPI = 4,
    FANI_COMMAND_STDIN = 8,    /* the item is also what the command reads */
    FANI_COMMAND_SOURCES = 16, /* an item's columns come from sources, with NUL between them */
    FANI_COMMAND_LOG = 32,     /* answers say what a job log wants to know */
};

/* A guard that is started when the first command turns out to take long. */
typedef struct fani_command_guard {
    pthread_mutex_t lock; /* guards the two below */
    bool tried;
    fani_guard *guard; /* NULL: not started, or there can be none */
} fani_command_guard;

/* Behind it stand the words of the command, each with a NUL, and the separator of columns. */
typedef struct fani_command_settings {
    uint32_t flags;
    uint32_t timeout_ms, retries, backoff_ms;
    uint64_t limit; /* bytes kept of each of output and error; 0: the library's */
    uint32_t words;
    uint32_t separator_size;
    uint64_t stage_size; /* of what command_stage.h tells, behind the separator */
    uint64_t run;        /* a number of its own, for places; 0: there is no {%} */
    /* Where the task runs in the caller's process, of all workers; NULL: each has its own. */
    fani_command_guard *guard;
} fani_command_settings;

/* ---- Words from items: command_fill.c --------------------------------------------------------
 */

/* Starts with zeroes. */
typedef struct fani_command_filler {
    fani_template *template;
    char *separator; /* of columns */
    size_t separator_size;
    fani_piece *columns;
    size_t room;
    fan_buffer joined; /* an item of several columns, with blanks */
} fani_command_filler;

/* Of the words of a command; `flags` as in the settings. Cleared by the caller, also after an
 * error: FAN_E_MEMORY. */
fan_status fani_command_filler_make(const char *const *words, size_t count, uint32_t flags,
                                    const char *separator, size_t separator_size,
                                    fani_command_filler *filler);
void fani_command_filler_clear(fani_command_filler *filler);

/* Cuts an item in columns, *joined is it with blanks between them; both hold until the next call.
 * FAN_E_MEMORY. */
fan_status fani_command_filler_cut(fani_command_filler *filler, const char *item, size_t size,
                                   fani_item_values *values, fani_piece *joined);

/* A separator with \t, \n, \0 and \\ taken as in C; NULL: none. FAN_E_MEMORY. */
fan_status fani_command_add_separator(fan_buffer *to, const char *text, uint32_t *size);

/* The words on one line as a shell reads them. FAN_E_MEMORY. */
fan_status fani_command_add_line(fan_buffer *to, const char *const *arguments);

/* command_place.c */

/* A worker's place, {%}: among all workers of a run on this host, threads, processes and those of
 * ranks, the lowest one that was free. */
typedef struct fani_command_place {
    uint64_t number; /* from 1; 0: none yet */
    int fd;          /* holds it */
} fani_command_place;

/* Takes one, to be left by the caller. `run` as in the settings. False: there is none, with errno.
 */
bool fani_command_place_take(uint64_t run, fani_command_place *place);

/* One that is none yet is accepted. */
void fani_command_place_leave(fani_command_place *place);

/* command_task.c */
extern const fan_task fani_task_command;

/* command.c: what a job's keys say of this. */
uint32_t fani_command_flags(const fan_job *job);

/* Adds the job's items to a reader: those of `sources`, or its inputs where that is NULL.
 * FAN_E_MEMORY. */
fan_status fani_command_add_inputs(const fan_job *job, fani_sources *sources, fani_reader *reader);

/* ---- What it answers -------------------------------------------------------------------------
 */

/* Stands before the bytes of the output, then those of the error stream (text format alone), the
 * host's name and the command line (for a log alone). */
typedef struct fani_command_head {
    uint32_t outcome; /* fan_outcome_kind */
    int32_t exit_code, signal_number;
    uint32_t host_size;
    int64_t begun_ns; /* since 1970 */
    uint64_t run_ns;
    uint64_t sent, received; /* bytes to its input, from its output and error */
    uint64_t output_size, error_size, line_size;
} fani_command_head;

/* What became of one item's command. */
typedef struct fani_command_done {
    const fan_process_result *result;
    const char *const *arguments;
    fani_piece item; /* its columns with blanks between them */
    uint64_t index;
    uint64_t sent;
    const char *text; /* what happened */
    fan_outcome_kind outcome;
} fani_command_done;

/* Appends what an item is answered with, as list jobs' replies are (record.h). FAN_E_MEMORY. */
fan_status fani_command_answer(fan_buffer *to, const fani_command_done *done, fani_format format,
                               uint32_t flags);

/* Takes the output of such an answer apart: `at` in the order above. False: malformed. */
typedef struct fani_command_parts {
    fani_command_head head;
    fani_piece output, error, host, line;
} fani_command_parts;
bool fani_command_read(const unsigned char *bytes, size_t size, fani_command_parts *parts);

/* ---- Where items come from: command_sources.c ------------------------------------------------
 */

/* The sources of the key `values`: words, and files that are read whole. All combinations of their
 * values are items. Errors: FAN_E_INPUT, FAN_E_SYNTAX (a NUL byte in a value), FAN_E_TOO_LARGE
 * (more than 2^62 items), FAN_E_MEMORY. */
fan_status fani_sources_open(const fan_job *job, fani_sources **sources, fan_error *error);
void fani_sources_free(fani_sources *sources);

/* Adds their items to a reader, which must be freed before them. FAN_E_MEMORY. */
fan_status fani_sources_add(fani_sources *sources, fani_reader *reader);

/* How many sources the key names; each file behind "::::" is one, and no file is one without items.
 */
size_t fani_sources_count(const fan_job *job);

/* ---- The log: command_log.c ------------------------------------------------------------------
 */

typedef struct fani_command_log fani_command_log;

/* Opens the file, to go on with what it has where `resumes`. Errors: FAN_E_OUTPUT, FAN_E_MEMORY. */
fan_status fani_command_log_open(const char *path, bool resumes, fani_command_log **log,
                                 fan_error *error);

/* Adds a line. `host` is that of the caller. FAN_E_OUTPUT. */
fan_status fani_command_log_add(fani_command_log *log, uint64_t index,
                                const fani_command_parts *parts, fan_error *error);

/* Writes out what waits; NULL is accepted. FAN_E_OUTPUT. */
fan_status fani_command_log_close(fani_command_log *log, fan_error *error);

#endif
