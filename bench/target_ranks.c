/* The executor over ranks as a target: loaded only under mpirun, so that no worker image of the
 * other executors links MPI. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "target.h"

static bool under_mpirun(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMI_RANK") || getenv("PMIX_RANK");
}

static const fan_ranks *load_ranks(void)
{
    const fan_ranks *(*table)(void) = NULL;
    void *library = dlopen(BENCH_RANKS_LIBRARY, RTLD_NOW | RTLD_GLOBAL);
    void *symbol = library ? dlsym(library, "fan_ranks_table") : NULL;
    if (!symbol)
        bench_fail("under mpirun, but no ranks: %s", dlerror());
    memcpy(&table, &symbol, sizeof table);
    return table();
}

const fan_ranks *bench_ranks_open(int *argc, char ***argv, bench_target *t, int *rank)
{
    int size;
    fan_error error = {0};
    fan_executor_options options = {.workers = 1};
    *t = (bench_target){.name = "mpi"};
    *rank = 0;
    if (!under_mpirun()) {
        snprintf(t->absent, sizeof t->absent, "start it as mpirun -n 2 --bind-to none %s",
                 (*argv)[0]);
        return NULL;
    }
    const fan_ranks *ranks = load_ranks();
    if (ranks->init(argc, argv, rank, &size, &error) != FAN_OK ||
        ranks->open(&options, &t->executor, &error) != FAN_OK)
        bench_fail("no executor over ranks: %s", error.text);
    return ranks;
}

int bench_ranks_serve(const fan_ranks *ranks, const bench_target *t)
{
    fan_error error = {0};
    if (ranks->serve(t->executor, &error) != FAN_OK || ranks->finalize(&error) != FAN_OK)
        bench_fail("a rank: %s", error.text);
    return 0;
}

void bench_ranks_end(const fan_ranks *ranks)
{
    fan_error error = {0};
    if (ranks && ranks->finalize(&error) != FAN_OK)
        bench_fail("ending MPI: %s", error.text);
}
