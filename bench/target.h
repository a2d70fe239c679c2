/* Executors as things to be measured: which processes work for each, and their CPU time. Single
 * threaded, on rank 0; what goes wrong ends the program (bench_fail). */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stdbool.h>

#include "fanfold/fanfold.h"
#include "fanfold/ranks.h"

enum { BENCH_PROCESSES_MAX = 64 };

typedef struct bench_target {
    const char *name;
    fan_executor *executor;
    unsigned workers;
    int processes[BENCH_PROCESSES_MAX]; /* beside this one */
    unsigned process_count;
    bool cpu_known;   /* every worker is on this host */
    char absent[256]; /* why it can't be measured here; empty where it can */
} bench_target;

/* The task by which workers say where they are: to be among those given to fan_start. */
extern const fan_task bench_place_task;

/* Opens a built-in executor and finds its processes; `absent` says why where it can't be opened. */
void bench_target_open(bench_target *target, const char *name, unsigned workers);

/* For an executor that is open already: its workers and their processes. */
void bench_target_describe(bench_target *target);

/* CPU time in nanoseconds so far of this process and all that work for the target; negative where
 * one can't be read. */
double bench_target_cpu_ns(const bench_target *target);

/* Closes the executor, if there is one. */
void bench_target_close(bench_target *target);

/* ---- Ranks ---------------------------------------------------------------------------------- */

/* Under mpirun: starts MPI and opens the executor over all ranks, one worker each, as a target that
 * is still to be described on rank 0. Otherwise gives NULL, and the target says that it is absent.
 * *rank is this process's own. Collective. */
const fan_ranks *bench_ranks_open(int *argc, char ***argv, bench_target *target, int *rank);

/* Ranks other than 0: works until rank 0 closes the executor, ends MPI; gives the exit code. */
int bench_ranks_serve(const fan_ranks *ranks, const bench_target *target);

/* Rank 0, after the executor is closed: ends MPI. NULL is fine. */
void bench_ranks_end(const fan_ranks *ranks);

#endif
