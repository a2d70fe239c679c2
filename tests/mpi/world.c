#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "contract/ranks/hosts.h"
#include "exec/mpi/testing.h"

static world the;
static struct fani_mpi_testing pretended;
static MPI_Comm verdicts; /* the hook's own, so that it can't meet a test's messages */

const world *the_world(void)
{
    return &the;
}

/* ---- One verdict --------------------------------------------------------------------------- */

static void report_rank(int rank, const char *text)
{
    if (rank != 0 && *text)
        shim_fail(__FILE__, __LINE__, "on rank %d:\n%s", rank, text);
}

static void agree(const char *failures)
{
    int size = (int)strlen(failures) + 1, all = 0;
    int mine = shim_failed(), any = 0;
    int *sizes = calloc((size_t)the.size, sizeof *sizes);
    int *places = calloc((size_t)the.size, sizeof *places);
    MPI_Gather(&size, 1, MPI_INT, sizes, 1, MPI_INT, 0, verdicts);
    for (int r = 0; r < the.size; r++) {
        places[r] = all;
        all += sizes[r];
    }
    char *text = calloc(1, (size_t)all + 1);
    MPI_Gatherv(failures, size, MPI_CHAR, text, sizes, places, MPI_CHAR, 0, verdicts);
    for (int r = 0; r < the.size && the.rank == 0; r++)
        report_rank(r, text + places[r]);
    MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, verdicts);
    if (any && !shim_failed())
        shim_fail(__FILE__, __LINE__, "failed on another rank");
    free(sizes);
    free(places);
    free(text);
}

/* ---- Begin and end ------------------------------------------------------------------------- */

void world_begin(int *argc, char ***argv, const char *level, const char *other_tasks,
                 bool with_long)
{
    int wanted = !strcmp(level, "single")     ? MPI_THREAD_SINGLE
                 : !strcmp(level, "funneled") ? MPI_THREAD_FUNNELED
                                              : MPI_THREAD_MULTIPLE;
    the.other_tasks = other_tasks;
    the.with_long = with_long;
    MPI_Init_thread(argc, argv, wanted, &the.level);
    MPI_Comm_rank(MPI_COMM_WORLD, &the.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &the.size);
    unsigned hosts;
    pretended.host = the.host = pretended_host(argc, *argv, the.rank, the.size, &hosts);
    MPI_Comm_dup(MPI_COMM_WORLD, &verdicts);
    if (the.rank != 0 && !freopen("/dev/null", "w", stdout)) /* one report is enough */
        perror("/dev/null");
    shim_after_each(agree);
}

void world_end(void)
{
    MPI_Comm_free(&verdicts);
    MPI_Finalize();
}

/* ---- Executors ----------------------------------------------------------------------------- */

fan_mpi_options world_options(void)
{
    return (fan_mpi_options){.size_of_this = sizeof(fan_mpi_options),
                             .communicator = MPI_COMM_WORLD,
                             .testing = &pretended};
}

fan_executor *world_open(const fan_mpi_options *mpi, unsigned workers)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    fan_executor_options options = {
        .plugin = fan_mpi_kind(), .plugin_options = mpi, .workers = workers};
    fan_status status = fan_executor_open(&options, &executor, &error);
    if (status)
        shim_fail(__FILE__, __LINE__, "opening: %s: %s", fan_status_name(status), error.text);
    return executor;
}

fan_executor *world_open_threads(unsigned workers)
{
    fan_mpi_options mpi = world_options();
    return world_open(&mpi, workers);
}

void world_close(fan_executor *executor)
{
    fan_error error = {0};
    fan_status status;
    if (!executor)
        return;
    if (the.rank == 0)
        status = fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000));
    else
        status = fan_serve(&executor, 1, &error);
    if (status)
        shim_fail(__FILE__, __LINE__, "closing: %s: %s", fan_status_name(status), error.text);
}

fan_status count_failed(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    int *failed = user;
    (void)error;
    for (size_t i = 0; i < count; i++)
        *failed += outcomes[i].kind != FAN_OUTCOME_OK;
    return FAN_OK;
}
