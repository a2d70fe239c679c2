/* Shares: every rank sees the bytes, one copy a host is made, and rank 0 counts it. */
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "world.h"

enum { ITEMS = 24 };

/* Whether every rank, rank 0 too, digests the shared bytes to what they are. */
static void use_share(fan_executor *executor, fan_shared shared, uint64_t expected)
{
    uint64_t words[ITEMS], sums[ITEMS] = {0};
    fan_summary summary = {0};
    for (uint64_t i = 0; i < ITEMS; i++)
        words[i] = i;
    fan_map_options options = {.args = &shared.id, .args_size = sizeof shared.id, .batch = 1};
    fan_status status = fan_map(executor, &task_sum, fan_source_array(words, sizeof *words, ITEMS),
                                fan_sink_array(sums, sizeof *sums, ITEMS), &options, &summary);
    if (status)
        shim_fail(__FILE__, __LINE__, "%s: %s", fan_status_name(status), summary.error.text);
    for (uint64_t i = 0; i < ITEMS && !status; i++)
        EXPECT_U64(sums[i], expected + i);
}

static void share_and_use(fan_executor *executor, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    fan_shared shared = {0};
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(i + size);
    EXPECT_I64(fan_share(executor, bytes, size, &shared), FAN_OK);
    use_share(executor, shared, digest(bytes, size));
    EXPECT_I64(fan_unshare(executor, shared), FAN_OK);
    EXPECT_I64(fan_unshare(executor, shared), FAN_E_ARGUMENT);
    free(bytes);
}

static uint64_t copies(fan_executor *executor)
{
    fan_executor_stats stats = {0};
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    return stats.shares_sent;
}

/* Shares of several sizes: none, less and more than a chunk, and not a multiple of it. */
static void share_sizes(fan_executor *executor, uint64_t copies_each)
{
    static const size_t sizes[] = {1000, 0, 4 << 20, 9000001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        share_and_use(executor, sizes[i]);
        EXPECT_U64(copies(executor), (i + 1) * copies_each);
    }
}

FAN_TEST(mpi_share, one_copy_a_host)
{
    fan_mpi_options mpi = world_options();
    mpi.testing = NULL; /* its real hosts */
    fan_executor *executor = world_open(&mpi, 1);
    if (executor && the_world()->rank == 0)
        share_sizes(executor, the_world()->size > 1); /* alone, the bytes are only borrowed */
    world_close(executor);
}

FAN_TEST(mpi_share, worker_processes_see_them_too)
{
    fan_mpi_options mpi = world_options();
    mpi.local = "processes";
    mpi.testing = NULL;
    fan_executor *executor = world_open(&mpi, 1);
    if (executor && the_world()->rank == 0)
        share_sizes(executor, the_world()->size > 1);
    world_close(executor);
}

FAN_TEST(mpi_share, several_at_once_and_left_over)
{
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0) {
        static unsigned char bytes[3][100000];
        fan_shared shared[3];
        for (size_t s = 0; s < 3; s++) {
            memset(bytes[s], (int)s + 1, sizeof bytes[s]);
            EXPECT_I64(fan_share(executor, bytes[s], sizeof bytes[s], &shared[s]), FAN_OK);
        }
        for (size_t s = 3; s-- > 0;)
            use_share(executor, shared[s], digest(bytes[s], sizeof bytes[s]));
        EXPECT_I64(fan_unshare(executor, shared[1]), FAN_OK);
        use_share(executor, shared[2], digest(bytes[2], sizeof bytes[2]));
    } /* closing forgets the others */
    world_close(executor);
}

FAN_TEST(mpi_share, unknown_handles_fail_their_items)
{
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0) {
        uint64_t words[20] = {0}, id = 424242;
        fan_summary summary = {0};
        fan_map_options options = {.args = &id, .args_size = sizeof id};
        EXPECT_I64(fan_map(executor, &task_sum, fan_source_array(words, sizeof *words, 20),
                           fan_sink_array(words, sizeof *words, 20), &options, &summary),
                   FAN_E_FAILED);
    }
    world_close(executor);
}

/* ---- Several hosts ------------------------------------------------------------------------- */

/* Hides /proc from this thread, so that it can't map the memory of others, as on another host. */
static bool hide_proc(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/proc", "tmpfs", 0, NULL) == 0;
}

/* Opens with some ranks as hosts of their own; NULL on all ranks where that is not possible. */
static fan_executor *open_apart(bool apart)
{
    int can = !apart || hide_proc(), all_can = 0;
    MPI_Allreduce(&can, &all_can, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    fan_mpi_options mpi = world_options();
    mpi.testing = NULL;
    fan_executor *executor = all_can ? world_open(&mpi, 1) : NULL;
    if (apart && can)
        EXPECT_I64(umount2("/proc", MNT_DETACH), 0);
    return executor;
}

FAN_TEST(mpi_share, every_rank_a_host_of_its_own)
{
    fan_executor *executor = open_apart(the_world()->rank != 0);
    if (!executor)
        SKIP("needs the right to mount");
    if (the_world()->rank == 0)
        share_sizes(executor, (unsigned)the_world()->size - 1);
    world_close(executor);
}

/* Ranks 0, 2, 4 on one host; 1 and 3 alone. */
FAN_TEST(mpi_share, hosts_of_one_and_of_many)
{
    fan_executor *executor = open_apart(the_world()->rank % 2 == 1);
    if (!executor)
        SKIP("needs the right to mount");
    if (the_world()->rank == 0)
        share_sizes(executor, (unsigned)the_world()->size / 2 + (the_world()->size > 2));
    world_close(executor);
}
