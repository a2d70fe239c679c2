/* Jobs: Fanfold's own work from input to output. A job says what to do (task, inputs, options,
 * output); fan_job_run does it on any executor, with the same bytes out on each. Job files, the
 * command line and programs set the same keys. */
#ifndef FANFOLD_JOB_H
#define FANFOLD_JOB_H

#include "fanfold/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fan_job fan_job;

/* The tasks of all jobs, NULL-terminated, for fan_start. */
FAN_API const fan_task *const *fan_job_tasks(void);

/* A key that jobs understand. */
typedef struct fan_job_key {
    const char *name;  /* "points"; on the command line "--points" */
    const char *tasks; /* blank-separated tasks that know it; "*": all */
    const char *value; /* what stands for the value in help: "N", "FILE", "lo:hi"; NULL: a flag
                          (value "true" or "false") */
    const char *help;  /* one line; with range and default */
    bool repeats;      /* may be set several times: the values add up (input, over) */
} fan_job_key;

/* Key number i, from 0; NULL past the last. */
FAN_API const fan_job_key *fan_job_key_at(size_t i);

/* Task number i ("gcd", "factor", "divisors", "integrate", "weakkeys"), from 0; NULL past the last.
 * `summary` (may be NULL) gets one line. */
FAN_API const char *fan_job_task_name(size_t i, const char **summary);

/* A new job of a task; freed by fan_job_free. FAN_E_ARGUMENT: no such task (the text lists them).
 */
FAN_API fan_status fan_job_new(const char *task, fan_job **job, fan_error *error);

/* A job from a job file; "-" is standard input. The file has one section [job] with `task = NAME`
 * and keys with their values; lines that begin with '#' or ';' are comments. A value may go on in
 * indented lines: for a key that repeats they are further values. A line has at most 198 bytes.
 * Relative paths in it are relative to the job file's folder. Errors: FAN_E_INPUT (can't be
 * opened), FAN_E_SYNTAX and FAN_E_ARGUMENT with file, line, column and what was expected. */
FAN_API fan_status fan_job_load(const char *path, fan_job **job, fan_error *error);

FAN_API void fan_job_free(fan_job *job);

/* Sets a key. Values are checked here: FAN_E_ARGUMENT (unknown key, with those known; out of
 * range), FAN_E_SYNTAX (the column is a place in value). A value set again replaces the older one,
 * except where the key repeats. */
FAN_API fan_status fan_job_set(fan_job *job, const char *key, const char *value, fan_error *error);

/* The value of a key as set (the last one where it repeats; the job's task for "task"), NULL where
 * unset; valid until it is set again. */
FAN_API const char *fan_job_get(const fan_job *job, const char *key);

/* An argument in place of input: a number (gcd, factor, divisors), an expression (integrate), a
 * file (weakkeys). */
FAN_API fan_status fan_job_add_argument(fan_job *job, const char *text, fan_error *error);

/* Checks what only shows with all keys together (an integral without --over), without running
 * anything; fan_job_run does it too. Where an expression or a range does not parse, the error's
 * text goes on in two more lines: what was read and a caret under the column. */
FAN_API fan_status fan_job_check(const fan_job *job, fan_error *error);

/* Whether a run of this job that ends early can be gone on with (key resume): its output is a file,
 * and a journal is kept beside it. */
FAN_API bool fan_job_is_resumable(const fan_job *job);

/* What a job of task "command" would run, without running it: calls `take` with each item's command
 * line, in the order of the items, as a shell would read it ({%} stays as it is), or NULL and why
 * there is none. Reads the job's input. Other tasks have no commands. Errors: those of reading
 * (FAN_E_INPUT, FAN_E_SYNTAX, FAN_E_MEMORY) and of fan_job_check; another status than FAN_OK of
 * `take` ends it with that. */
FAN_API fan_status fan_job_each_command(const fan_job *job,
                                        fan_status (*take)(void *user, uint64_t index,
                                                           const char *line, const char *why_not),
                                        void *user, fan_error *error);

/* What a job of task "factor" will take for the numbers among its arguments and numbers, where they
 * take more than some seconds: calls `take` with a line for each. What is found out without the
 * sieve is, which takes up to some seconds a number; the time is that of one core of this machine,
 * measured now. Other jobs, and inputs from files: nothing. Errors: FAN_E_MEMORY, and what ended a
 * measurement. */
FAN_API fan_status fan_job_estimate(const fan_job *job, void (*take)(void *user, const char *text),
                                    void *user, fan_error *error);

typedef struct fan_job_events {
    /* A bad token, an unreadable entry, a failed item: said once each, in input order. The caller
     * prints it. May be NULL. */
    void (*report)(void *user, const fan_error *error);
    /* Items done and in all (UINT64_MAX: not known), about ten times a second. May be NULL. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    /* True, and from then on always: hand out nothing more (FAN_E_CANCELLED). May be NULL. */
    bool (*stop)(void *user);
    void *user;
    int output_fd; /* where results go when the job has no output key: usually 1 */
    /* What was done, in one line, where the results alone don't tell ("111 keys read, 109 RSA, 0
     * weak"): when the results are written; that a run which was to go on with another can't, or
     * waits to see whether that still lives. No problem; the caller may show it. May be NULL. */
    void (*note)(void *user, const char *text);
    /* What an item wrote to its standard output and error, where the executor captures it: once an
     * item, in input order. `item` names it ("item 3"); valid during the call. May be NULL. */
    void (*wrote)(void *user, const char *item, const fan_captured *text);
    /* Asked once stop was true, about ten times a second: true drops what still runs, instead of
     * writing the results that come in without a gap. Integrals and key scans, of which parts are
     * of no use, are dropped at once. NULL: all are. */
    bool (*hurry)(void *user);
    /* For OUTPUT.run.json, which says what a run with a journal was: the command line that asked
     * for it, NULL-terminated; the MPI library's name and version where ranks work. May be NULL. */
    const char *const *arguments;
    const char *mpi;
    /* What a command wrote to its standard error (job "command", text format): whole, an item after
     * the other, in the order of the output. May be NULL. */
    void (*err)(void *user, const void *bytes, size_t size);
    /* How far the work on one long item has come, which all workers share (factor): what is being
     * done, of how much, the rate and the time left, in one line, about four times a second; NULL:
     * it is over. Valid during the call. May be NULL. */
    void (*stage)(void *user, const char *text);
} fan_job_events;

typedef struct fan_job_result {
    fan_summary summary;
    uint64_t bad_inputs; /* tokens, lines or files that were refused and reported */
    uint64_t output_bytes;
    double seconds;     /* wall clock */
    int exit_code;      /* DESIGN: 0 all ok, 1 items failed, 2 bad input, 3 input or output error, 4
                           infrastructure lost, 75 stopped */
    const char *resume; /* of a run that did not come to its end: the output that a later one can go
                           on with; NULL: nothing was kept, or it is another run's now */
    bool halted; /* it was ended early, with FAN_E_FAILED, by the key max-fails or halt; where
                    that had waited for successes, exit_code is 0 */
    /* Of a run that was ended early in the middle of a long number, and whose output has no
     * journal: the key state, beside whose file that work is kept: the same job goes on with it.
     * NULL: no such. */
    const char *parts;
    bool parts_lost; /* the same without that key: the work is lost */
} fan_job_result;

/* Runs the job. Results go to the output key's file (published atomically: complete or not at all)
 * or to output_fd. Everything that failed was reported through events. FAN_OK when it ran to its
 * end (failed items and bad tokens are in *result); else what ended it, with *result filled as far
 * as it came and exit_code set. Local to the caller (rank 0 on MPI). */
FAN_API fan_status fan_job_run_sized(fan_job *job, fan_executor *executor,
                                     const fan_job_events *events, size_t events_size,
                                     fan_job_result *result, size_t result_size, fan_error *error);
static inline fan_status fan_job_run(fan_job *job, fan_executor *executor,
                                     const fan_job_events *events, fan_job_result *result,
                                     fan_error *error)
{
    return fan_job_run_sized(job, executor, events, sizeof *events, result, sizeof *result, error);
}

#ifdef __cplusplus
}
#endif
#endif
