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
 * host's cores.
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
 * whatever the program does. */
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

/* fan_executor_options.plugin_options of the MPI executor. */
typedef struct fan_mpi_options {
    size_t size_of_this;   /* sizeof(fan_mpi_options) */
    MPI_Comm communicator; /* may be freed after opening */
    fan_mpi_progress progress;
    const char *local; /* executor inside each rank: "threads" (NULL), "processes", or "serial",
                          which is one thread */
} fan_mpi_options;

/* The MPI executor's kind, for fan_executor_options.plugin. */
FAN_API const fan_executor_kind *fan_mpi_kind(void);

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
