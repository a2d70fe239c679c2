/* The MPI executor, for programs that use MPI themselves. Link libfanfold_mpi.
 *
 * Fanfold never calls MPI_Init, MPI_Finalize or MPI_Abort on a program's behalf, and never uses its
 * communicator: it dups it. MPI calls are made only on threads that are inside a Fanfold call on
 * the MPI executor (FAN_MPI_PROGRESS_CALLS, needs MPI_THREAD_FUNNELED and that the calls come from
 * the main thread), or on a thread of its own (FAN_MPI_PROGRESS_THREAD). */
#ifndef FANFOLD_MPI_H
#define FANFOLD_MPI_H

#include <mpi.h>

#include "fanfold/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fan_mpi_progress {
    FAN_MPI_PROGRESS_CALLS,
    FAN_MPI_PROGRESS_THREAD, /* needs MPI_THREAD_MULTIPLE; opening says so */
} fan_mpi_progress;

/* fan_executor_options.plugin_options of the MPI executor. fan_executor_options.workers counts the
 * local workers of each rank. */
typedef struct fan_mpi_options {
    size_t size_of_this; /* sizeof(fan_mpi_options) */
    MPI_Comm communicator;
    fan_mpi_progress progress;
    const char *local; /* executor inside each rank: "threads" (NULL), "processes", "serial" */
} fan_mpi_options;

/* The MPI executor's kind, for fan_executor_options.plugin. */
FAN_API const fan_executor_kind *fan_mpi_kind(void);

/* Ranks other than 0: works for the `count` executors (in the order they were opened) until rank 0
 * has closed each, then frees them. Errors: FAN_E_RANK on rank 0, FAN_E_MPI. */
FAN_API fan_status fan_serve(fan_executor *const executors[], size_t count, fan_error *error);

#ifdef __cplusplus
}
#endif
#endif
