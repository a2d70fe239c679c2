/* What the MPI tests share: the world, opening executors on it, and tasks. Bodies run on every
 * rank at once and must make the same collective calls: opening, serving, and the shim's hook. */
#ifndef FAN_TESTS_MPI_WORLD_H
#define FAN_TESTS_MPI_WORLD_H

#include "fanfold/fanfold.h"
#include "fanfold/mpi.h"
#include "shim.h"

typedef struct world {
    int rank;
    int size;
    int level;               /* what MPI_Init_thread provided */
    const char *other_tasks; /* --other-tasks; NULL: fan_start got world_tasks */
    int with_long;           /* whether tests that take much time or memory should run */
} world;

const world *the_world(void);

/* MPI_Init_thread with a level ("multiple", "funneled", "single"), and the hook that brings every
 * rank's failures to rank 0 and makes the verdict the same on all. Call it after fan_start. */
void world_begin(int *argc, char ***argv, const char *level, const char *other_tasks,
                 bool with_long);
void world_end(void);

/* Options over MPI_COMM_WORLD with 2 local workers a rank. */
fan_mpi_options world_options(void);

/* Opens on every rank; a failure is reported. NULL then. Collective. */
fan_executor *world_open(const fan_mpi_options *mpi, unsigned workers);

/* As most tests want it: `workers` threads on each rank. Collective. */
fan_executor *world_open_threads(unsigned workers);

/* Rank 0: closes (draining) and reports a failure. Other ranks: serves until then. Collective. */
void world_close(fan_executor *executor);

/* A sink that counts the items without OK in the int *user. */
fan_status count_failed(void *user, const fan_outcome *outcomes, size_t count, fan_error *error);

/* ---- Tasks --------------------------------------------------------------------------------- */

extern const fan_task task_mix;      /* u64 -> u64, from its value and index */
extern const fan_task task_index;    /* no input -> u64, from its index */
extern const fan_task task_echo;     /* bytes -> the same, backwards */
extern const fan_task task_digest;   /* bytes -> u64 */
extern const fan_task task_grow;     /* u64 n -> n bytes of a pattern */
extern const fan_task task_picky;    /* u64 -> u64; fails every 7th value with its number */
extern const fan_task task_where;    /* u64 ms -> pid, after ms of sleep */
extern const fan_task task_burn;     /* u64 ms -> u64; computes for so long */
extern const fan_task task_patient;  /* u64 ms -> 0; ends early where it is cancelled */
extern const fan_task task_mortal;   /* u64 -> u64; args: the value that it dies of */
extern const fan_task task_fault;    /* u64 -> u64; args: the value at which it does FAULT_... */
extern const fan_task task_launcher; /* nothing -> u64, count_launcher_variables */
extern const fan_task task_sum;      /* args: fan_shared of bytes; u64 -> their digest plus it */
extern const fan_task task_combine;  /* a pair of u64 -> u64 that shows their order */

extern const fan_task task_ragged; /* index, args: u64 salt -> ragged_size bytes, or it fails */
extern const fan_task task_drowsy; /* index -> u64 0, after 1 ms unless it is cancelled */

extern const fan_task task_gated;    /* test_resize.c: index, args: a path -> pid */
extern const fan_task task_stubborn; /* test_ended.c: two u64, args: a path -> nothing, ever */

enum { WORLD_TASKS = 19 };
extern const fan_task *const world_tasks[WORLD_TASKS + 1];

enum { FAULT_SEGV, FAULT_ABORT, FAULT_EXIT, FAULT_EXIT_AT_ONCE, FAULT_OVERFLOW, FAULTS };

/* Variables of this process's environment by which MPI knows its ranks. */
uint64_t count_launcher_variables(void);

uint64_t mix_value(uint64_t value, uint64_t index);
uint64_t digest(const unsigned char *bytes, size_t size);
unsigned char pattern(uint64_t at);
bool ragged_fails(uint64_t index);
size_t ragged_size(uint64_t index, uint64_t salt);

#endif
