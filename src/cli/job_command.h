/* What gcd, factor, divisors, integrate, weakkeys and run share: options make a job, the job runs
 * on an executor. */
#ifndef CLI_JOB_COMMAND_H
#define CLI_JOB_COMMAND_H

#include "fanfold/job.h"
#include "options.h"

/* Runs the job that the options describe, as a rank where a launcher started it; the exit code. */
int job_command_run(const cli_options *o);

/* The job of the options, checked. NULL: said why, *code is the exit code. */
fan_job *job_command_prepare(const cli_options *o, int *code);

/* The settings of an executor, without pointers: rank 0 sends them to the others. */
typedef struct executor_choice {
    char kind[16];
    char local[16];   /* mpi: inside the ranks; "" else */
    char set_by[24];  /* "--executor", "the job file", "FANFOLD_EXECUTOR", "the launcher", "default"
                       */
    unsigned workers; /* 0: the usable cores */
    unsigned crash_limit;
    size_t queue_bytes;
    uint32_t heartbeat_ms; /* FAN_NO_HEARTBEAT: never; 0: the default */
    size_t worker_memory;  /* 0: no limit */
} executor_choice;

/* What the options, the job, the environment and the launcher choose, in this order. `job` may be
 * NULL. False: the choice contradicts itself, said why (exit 2). */
bool job_command_choose(const cli_options *o, const fan_job *job, bool started_as_rank,
                        executor_choice *choice);

/* Fills the library's options; they borrow the choice's texts. */
fan_executor_options job_command_executor_options(const executor_choice *choice);

/* Opens the trace that --trace asks for; *trace is NULL where none is. False: said why (exit 3). */
bool job_command_open_trace(const cli_options *o, fan_trace **trace);

/* Writes the trace (may be NULL), after its executor is closed; the exit code, which is `code`
 * unless that is 0 and the trace can't be written. */
int job_command_close_trace(fan_trace *trace, int code);

/* Runs a prepared job on an open executor, with progress and signals, and closes the executor; the
 * exit code. */
int job_command_work(const cli_options *o, fan_job *job, fan_executor *executor);

/* Runs a prepared job on the chosen executor of this process (not mpi), or prints the dry run; the
 * exit code. The job stays the caller's. */
int job_command_run_here(const cli_options *o, fan_job *job, const executor_choice *choice);

/* Prints what would run, with each item's command; the exit code. */
int job_command_dry_run(const cli_options *o, const fan_job *job, const executor_choice *choice);

/* rank_command.c: the same command line on every rank. Takes the job; NULL: rank 0 makes it. */
int rank_command_run(const cli_options *o, fan_job *job);

/* record.c: --record, what `compare` reads back. One line of JSON. */
typedef struct run_record {
    double seconds;
    uint64_t items;  /* of the executor: a task of the job may be many */
    uint64_t run_ns; /* inside tasks, summed over workers */
    unsigned workers;
    unsigned ranks;
    uint64_t peak_kib; /* of this process and its children: the sum of their peaks */
} run_record;

/* This process's peak memory and that of its children now, in KiB. */
uint64_t record_peak_kib(void);

/* Writes a record; rank > 0 writes to FILE.RANK. False: said why. */
bool record_write(const char *path, int rank, const run_record *record);

/* Reads one back; false where it is not there or not whole. */
bool record_read(const char *path, int rank, run_record *record);

#endif
