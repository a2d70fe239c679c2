/* Ranks that their launcher bound to too few cores: the library says so, in one line. */
#include <sched.h>
#include <stdio.h>

#include "exec/mpi/testing.h"
#include "world.h"

/* Binds this thread to the first of its cores, as a launcher does; false: it has but one. */
static bool bind(cpu_set_t *before)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof *before, before) || CPU_COUNT(before) < 2)
        return false;
    for (size_t c = 0; c < CPU_SETSIZE && CPU_COUNT(&one) == 0; c++)
        if (CPU_ISSET(c, before))
            CPU_SET(c, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

/* Opens with the ranks from `first` on bound, every one on a host of its own; NULL where this
 * machine has too few cores. */
static fan_executor *open_bound(int first, unsigned workers)
{
    static const char *const hosts[] = {"h0", "h1", "h2", "h3", "h4", "h5"};
    const world *w = the_world();
    cpu_set_t before;
    bool mine = w->rank >= first;
    int can = !mine || bind(&before), all_can = 0;
    MPI_Allreduce(&can, &all_can, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    const struct fani_mpi_testing testing = {.host = hosts[w->rank % 6]};
    fan_mpi_options mpi = world_options();
    mpi.local = workers ? "processes" : "threads";
    mpi.testing = &testing;
    fan_executor *executor = all_can ? world_open(&mpi, workers) : NULL;
    if (mine && can)
        EXPECT_I64(sched_setaffinity(0, sizeof before, &before), 0);
    return executor;
}

static void expect_warning(int first, unsigned workers, const char *text, const char *more)
{
    fan_executor *executor = open_bound(first, workers);
    if (!executor)
        SKIP("needs a machine with two cores");
    const char *warning = fan_mpi_warning(executor);
    if (the_world()->rank != 0) {
        EXPECT_TRUE(warning == NULL);
    } else if (!warning) {
        shim_fail(__FILE__, __LINE__, "there is no warning");
    } else {
        EXPECT_CONTAINS(warning, text);
        EXPECT_CONTAINS(warning, more);
        EXPECT_CONTAINS(warning, "--bind-to none, or --map-by slot:PE=N");
    }
    world_close(executor);
}

FAN_TEST(mpi_binding, of_more_workers_than_cores_is_warned_of)
{
    char more[64] = "";
    int others = the_world()->size - 1;
    if (others == 0)
        SKIP("for more than one rank");
    if (others > 1)
        snprintf(more, sizeof more, "(and so %d other%s)", others - 1, others > 2 ? "s" : "");
    expect_warning(1, 2, "rank 1 on h1 has 2 workers, but was bound to 1 of the ", more);
}

FAN_TEST(mpi_binding, that_leaves_cores_idle_is_warned_of)
{
    char more[64] = "";
    int others = the_world()->size - 1;
    if (others > 0)
        snprintf(more, sizeof more, "(and on %d other host%s)", others, others > 1 ? "s" : "");
    expect_warning(0, 0, "on h0 1 rank was bound to 1 of ", more);
}

FAN_TEST(mpi_binding, that_suffices_is_not)
{
    fan_executor *executor = open_bound(0, 1); /* one worker a rank, as asked */
    if (!executor)
        SKIP("needs a machine with two cores");
    EXPECT_TRUE(fan_mpi_warning(executor) == NULL);
    EXPECT_TRUE(fan_mpi_warning(NULL) == NULL);
    world_close(executor);
    executor = world_open_threads(2); /* nobody is bound: too many ranks are no trap */
    EXPECT_TRUE(fan_mpi_warning(executor) == NULL);
    world_close(executor);
}
