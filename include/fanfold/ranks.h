/* MPI ranks for a program that must not include mpi.h or link MPI: what the fanfold command loads
 * with dlopen from libfanfold_mpi and finds as the symbol "fan_ranks_table". A program that knows
 * MPI uses mpi.h instead. */
#ifndef FANFOLD_RANKS_H
#define FANFOLD_RANKS_H

#include "fanfold/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* plugin_options of the executor options that fan_ranks.open takes; NULL there: all zero. */
typedef struct fan_ranks_options {
    unsigned size_of_this;
    uint32_t heartbeat_ms; /* these as in fan_mpi_options (mpi.h) */
    void (*on_broken)(void *user, const fan_error *error);
    void *user;
} fan_ranks_options;

#define FAN_RANKS_NO_HEARTBEAT UINT32_MAX

typedef struct fan_ranks {
    unsigned size_of_this;
    /* Initializes MPI (MPI_THREAD_FUNNELED), gives this process's place in the world. Main thread,
     * once, after fan_start. Refuses N singletons with FAN_E_UNAVAILABLE, having ended MPI again: a
     * world of 1 where the launcher (OMPI_COMM_WORLD_SIZE, PMI_SIZE, else SLURM_NTASKS) meant more;
     * the text says how to start it rightly. Collective. */
    fan_status (*init)(int *argc, char ***argv, int *rank, int *size, fan_error *error);
    /* Opens an executor over all ranks; options->workers are local workers a rank (0: the rank's
     * part of its host's cores), options->kind the executor inside each rank ("threads",
     * "processes", "serial"; NULL: "threads"), options->plugin_options a fan_ranks_options or NULL.
     * Succeeds on all ranks or on none. Collective. */
    fan_status (*open)(const fan_executor_options *options, fan_executor **executor,
                       fan_error *error);
    /* Ranks other than 0: works until rank 0 closes the executor, then frees it. */
    fan_status (*serve)(fan_executor *executor, fan_error *error);
    /* Copies `size` bytes from rank 0 to all; waits for all without burning a core. Collective. */
    fan_status (*broadcast)(void *bytes, size_t size, fan_error *error);
    /* Ends MPI in order, all ranks together. Collective. */
    fan_status (*finalize)(fan_error *error);
    /* Ends the whole MPI job with a code; does not return normally. Local. */
    void (*abort)(int code);
    /* The MPI library's name and version; static text. Needs no init. */
    const char *(*version)(void);
    /* fan_mpi_warning: what makes the ranks slow, with the remedy; NULL: nothing. Rank 0. */
    const char *(*warning)(const fan_executor *executor);
} fan_ranks;

/* libfanfold_mpi's table; lives as long as the library is loaded. */
FAN_API const fan_ranks *fan_ranks_table(void);

#ifdef __cplusplus
}
#endif
#endif
