/* What the parts of the job "command" share: what its task is told, and what it answers. */
#ifndef FANI_COMMAND_INTERNAL_H
#define FANI_COMMAND_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/guard.h"
#include "fanfold/process.h"
#include "job/command_words.h"
#include "job/list.h"
#include "job/record.h"

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

/* Which places are taken by commands that run, for {%}: of one process. */
enum { FANI_COMMAND_PLACES = 4096 };
typedef struct fani_command_places {
    _Atomic uint64_t taken[FANI_COMMAND_PLACES / 64];
} fani_command_places;

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
    /* Where the task runs in the caller's process: NULL elsewhere. */
    fani_command_places *places; /* NULL: {%} is not used */
    fani_command_guard *guard;   /* of all workers; elsewhere each has one of its own */
} fani_command_settings;

/* command_task.c */
extern const fan_task fani_task_command;

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

typedef struct fani_sources fani_sources;

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
