/* The MPI executor, for programs that use MPI themselves. Link libfanfold_mpi.
 *
 *     MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);      after fan_start
 *     fan_mpi_options mpi = {.size_of_this = sizeof mpi, .communicator = MPI_COMM_WORLD};
 *     fan_executor_options options = {.plugin = fan_mpi_kind(), .plugin_options = &mpi};
 *     fan_executor_open(&options, &executor, &error);                     collective
 *     if (rank != 0)
 *         fan_serve(&executor, 1, &error);                                until rank 0 closes
 *     else
 *         fan_map(executor, ...), ..., fan_executor_close(executor, ...);
 *
 * Rank 0 gives out the work and computes too. Every rank runs the same program with the same tasks
 * given to fan_start; opening compares them. Opening succeeds on all ranks or fails on all, with a
 * text that names the rank at fault; only options without a usable communicator can't be agreed on.
 * fan_executor_options.workers counts the local workers of each rank; 0 is the rank's part of its
 * host's cores. So does workers_max; fan_executor_resize then counts all ranks' workers together.
 * Where another host has several ranks, one of them passes on what rank 0 has for the others
 * (fan_mpi_options.leaders).
 *
 * Fanfold never calls MPI_Init, MPI_Finalize or MPI_Abort on a program's behalf, and never uses its
 * communicator: it dups it. After opening it makes no collective call but MPI_Comm_free, and never
 * waits inside MPI, where a wait burns a core. Several executors may be open at once, on one
 * communicator or on several.
 *
 * Threads. With FAN_MPI_PROGRESS_CALLS MPI calls are made only on threads inside a Fanfold call
 * that waits (results, maps, folds, shares, closing, fan_serve). With MPI_THREAD_FUNNELED those
 * must be made by the main thread; another thread's wait does not move MPI and ends at its
 * deadline. With MPI_THREAD_SERIALIZED they may come from any thread, but several executors, or the
 * program's own MPI calls, beside each other on different threads need MPI_THREAD_MULTIPLE. Ranks
 * other than 0 get new work only while rank 0 is inside such a call; rank 0's own workers go on.
 * With FAN_MPI_PROGRESS_THREAD a thread of the executor makes all MPI calls, and everything goes on
 * whatever the program does.
 *
 * Silence. A rank that is inside fan_serve, or has a progress thread, answers whatever its workers
 * do. While rank 0 waits for work it asks ranks that have said nothing for a while; one that does
 * not answer for heartbeat_ms ends the executor: what is pending fails with a text that names the
 * rank and its host. Only time counts in which rank 0 itself was running, so a job that is
 * suspended as a whole goes on afterwards. The healthy ranks stay in fan_serve: after such an end a
 * program ends by MPI_Abort (fan_mpi_options.on_broken may call it). */
#ifndef FANFOLD_MPI_H
#define FANFOLD_MPI_H

#include <mpi.h>

#include "fanfold/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fan_mpi_progress {
    FAN_MPI_PROGRESS_CALLS,  /* needs MPI_THREAD_FUNNELED; opening says so */
    FAN_MPI_PROGRESS_THREAD, /* needs MPI_THREAD_MULTIPLE; opening says so */
} fan_mpi_progress;

/* Whether rank 0 exchanges messages with hosts instead of ranks while work goes on: where ranks of
 * a host other than rank 0's share memory, the lowest of them passes on what is for the others. It
 * has to be inside fan_serve, or have a progress thread, for all of them. Changes nothing but
 * speed. */
typedef enum fan_mpi_leaders {
    FAN_MPI_LEADERS_AUTO, /* where it pays; now the same as ON (docs/scaling.md) */
    FAN_MPI_LEADERS_ON,   /* on every such host of at least two ranks */
    FAN_MPI_LEADERS_OFF,  /* rank 0 talks to every rank */
} fan_mpi_leaders;

/* fan_executor_options.plugin_options of the MPI executor. */
typedef struct fan_mpi_options {
    size_t size_of_this;   /* sizeof(fan_mpi_options) */
    MPI_Comm communicator; /* may be freed after opening */
    fan_mpi_progress progress;
    const char *local;     /* executor inside each rank: "threads" (NULL), "processes", or "serial",
                              which is one thread */
    uint32_t heartbeat_ms; /* rank 0: how long another rank may say nothing before it is taken for
                              dead, 100 to 86400000; 0: 30000; FAN_MPI_NO_HEARTBEAT: for ever */
    /* Rank 0: the other ranks can't be reached any more (a silent one, a failed MPI call), and
     * `error` names it. Called once, before the items that depend on it fail with this text, on the
     * thread that makes the MPI calls; it may call MPI_Abort. May be NULL. */
    void (*on_broken)(void *user, const fan_error *error);
    void *user;
    const void *testing;     /* for Fanfold's own tests; NULL */
    fan_mpi_leaders leaders; /* rank 0's counts for all */
} fan_mpi_options;

#define FAN_MPI_NO_HEARTBEAT UINT32_MAX

/* The MPI executor's kind, for fan_executor_options.plugin. */
FAN_API const fan_executor_kind *fan_mpi_kind(void);

/* Rank 0: what opening found that makes the ranks slow though nothing is wrong (ranks that their
 * launcher bound to fewer cores than they have workers), in one line with the remedy. NULL:
 * nothing. Lives as long as the executor. Any thread. */
FAN_API const char *fan_mpi_warning(const fan_executor *executor);

/* Ranks other than 0: works for the `count` executors until rank 0 has closed each, then frees
 * them; they must not be used afterwards. Costs about 1 % of a core while there is nothing to do.
 * Errors: FAN_E_RANK on rank 0 and FAN_E_UNSUPPORTED on the wrong thread (nothing is done then),
 * FAN_E_MPI, FAN_E_PROTOCOL (the executor concerned is freed). An executor that is not served ends
 * by fan_executor_close, which serves it until its deadline (FAN_E_BUSY) or until rank 0 closes.
 *
 * When rank 0's close meets its deadline (FAN_E_BUSY) after all work was done, the other ranks have
 * been told to close all the same: until close succeeds, rank 0 works alone. */
FAN_API fan_status fan_serve(fan_executor *const executors[], size_t count, fan_error *error);

#ifdef __cplusplus
}
#endif
#endif
