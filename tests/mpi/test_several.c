/* Several executors in one program, from one thread and from several, and the progress thread. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "world.h"

enum { ITEMS = 20000 };

static void map_and_check(fan_executor *executor)
{
    uint64_t *got = calloc(ITEMS, sizeof *got);
    fan_summary summary = {0};
    fan_status status = fan_map(executor, &task_index, fan_source_range(0, ITEMS),
                                fan_sink_array(got, sizeof *got, ITEMS), NULL, &summary);
    if (status)
        shim_fail(__FILE__, __LINE__, "%s: %s", fan_status_name(status), summary.error.text);
    for (uint64_t i = 0; i < ITEMS && !status; i++)
        if (got[i] != mix_value(0, i)) {
            shim_fail(__FILE__, __LINE__, "item %llu is wrong", (unsigned long long)i);
            break;
        }
    free(got);
}

/* Serves both at once; on rank 0 closes them in the order given. */
static void close_both(fan_executor *const executors[2], bool second_first)
{
    fan_error error = {0};
    if (the_world()->rank != 0) {
        EXPECT_I64(fan_serve(executors, 2, &error), FAN_OK);
        EXPECT_STR(error.text, "");
        return;
    }
    for (int i = 0; i < 2; i++)
        EXPECT_I64(fan_executor_close(executors[i ^ second_first], FAN_CLOSE_DRAIN,
                                      fan_deadline_in_ms(120000)),
                   FAN_OK);
}

static void interleave(fan_executor *const executors[2])
{
    fan_future *futures[200];
    for (uint64_t i = 0; i < 200; i++)
        EXPECT_I64(fan_submit(executors[i % 2], &task_mix, &i, sizeof i, NULL, &futures[i]),
                   FAN_OK);
    for (int e = 0; e < 2; e++)
        map_and_check(executors[e]);
    for (uint64_t i = 200; i-- > 0;) {
        fan_outcome outcome = {0};
        uint64_t expected = mix_value(i, 0);
        EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(120000), &outcome), FAN_OK);
        EXPECT_TRUE(outcome.size == 8 && memcmp(outcome.bytes, &expected, 8) == 0);
        fan_future_release(futures[i]);
    }
}

FAN_TEST(mpi_several, two_on_one_communicator)
{
    fan_executor *executors[2] = {world_open_threads(1), world_open_threads(2)};
    ASSERT_TRUE(executors[0] && executors[1]);
    if (the_world()->rank == 0)
        interleave(executors);
    close_both(executors, true);
}

/* Even and odd ranks work apart, each half under its own rank 0. */
FAN_TEST(mpi_several, split_communicators)
{
    MPI_Comm half;
    int rank;
    MPI_Comm_split(MPI_COMM_WORLD, the_world()->rank % 2, the_world()->rank, &half);
    MPI_Comm_rank(half, &rank);
    fan_mpi_options mpi = world_options();
    mpi.communicator = half;
    fan_executor *executor = world_open(&mpi, 1);
    MPI_Comm_free(&half); /* the executor has its own */
    ASSERT_TRUE(executor != NULL);
    if (rank == 0) {
        map_and_check(executor);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)),
                   FAN_OK);
    } else {
        EXPECT_I64(fan_serve(&executor, 1, NULL), FAN_OK);
    }
}

/* The last rank of the world is the communicator's rank 0. */
FAN_TEST(mpi_several, ranks_in_reversed_order)
{
    MPI_Comm reversed;
    int rank;
    MPI_Comm_split(MPI_COMM_WORLD, 0, the_world()->size - the_world()->rank, &reversed);
    MPI_Comm_rank(reversed, &rank);
    fan_mpi_options mpi = world_options();
    mpi.communicator = reversed;
    fan_executor *executor = world_open(&mpi, 1);
    MPI_Comm_free(&reversed);
    ASSERT_TRUE(executor != NULL);
    EXPECT_I64(rank, the_world()->size - 1 - the_world()->rank);
    if (rank != 0) {
        EXPECT_I64(fan_serve(&executor, 1, NULL), FAN_OK);
        return;
    }
    unsigned char bytes[1000] = {1};
    fan_shared shared;
    EXPECT_I64(fan_share(executor, bytes, sizeof bytes, &shared), FAN_OK);
    map_and_check(executor);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
}

/* ---- Several threads ----------------------------------------------------------------------- */

static void *share_and_map(void *user)
{
    fan_executor *executor = user;
    static unsigned char bytes[5000000];
    for (int round = 0; round < 3; round++) {
        fan_shared shared;
        EXPECT_I64(fan_share(executor, bytes, sizeof bytes, &shared), FAN_OK);
        map_and_check(executor);
        EXPECT_I64(fan_unshare(executor, shared), FAN_OK);
    }
    return NULL;
}

static void in_two_threads(fan_executor *const executors[2])
{
    pthread_t other;
    EXPECT_I64(pthread_create(&other, NULL, share_and_map, executors[1]), 0);
    share_and_map(executors[0]);
    pthread_join(other, NULL);
}

FAN_TEST(mpi_several, two_threads_with_shares_do_not_lock_each_other_out)
{
    if (the_world()->level < MPI_THREAD_MULTIPLE)
        SKIP("MPI provides less than MPI_THREAD_MULTIPLE");
    fan_executor *executors[2] = {world_open_threads(1), world_open_threads(1)};
    ASSERT_TRUE(executors[0] && executors[1]);
    if (the_world()->rank == 0)
        in_two_threads(executors);
    close_both(executors, false);
}

FAN_TEST(mpi_several, two_threads_on_one_executor)
{
    if (the_world()->level < MPI_THREAD_SERIALIZED)
        SKIP("MPI provides less than MPI_THREAD_SERIALIZED");
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0)
        in_two_threads((fan_executor *const[]){executor, executor});
    world_close(executor);
}

/* ---- The progress thread ------------------------------------------------------------------- */

static fan_executor *open_pumped(void)
{
    fan_mpi_options mpi = world_options();
    mpi.progress = FAN_MPI_PROGRESS_THREAD;
    return world_open(&mpi, 1);
}

FAN_TEST(mpi_pump, maps_and_shares)
{
    if (the_world()->level < MPI_THREAD_MULTIPLE)
        SKIP("MPI provides less than MPI_THREAD_MULTIPLE");
    fan_executor *executors[2] = {open_pumped(), open_pumped()};
    ASSERT_TRUE(executors[0] && executors[1]);
    if (the_world()->rank == 0) {
        interleave(executors);
        in_two_threads(executors);
    }
    close_both(executors, true);
}

static void count_done(fan_future *future, void *user)
{
    atomic_uint *done = user;
    atomic_fetch_add(done, 1);
    fan_future_release(future);
}

/* The caller makes no call after submitting: everything ends all the same, on all ranks. */
FAN_TEST(mpi_pump, works_while_the_caller_is_away)
{
    enum { AWAY = 40 };
    if (the_world()->level < MPI_THREAD_MULTIPLE)
        SKIP("MPI provides less than MPI_THREAD_MULTIPLE");
    fan_executor *executor = open_pumped();
    if (executor && the_world()->rank == 0) {
        static atomic_uint done;
        const struct timespec tick = {.tv_nsec = 1000000};
        atomic_store(&done, 0);
        for (uint64_t i = 0, ms = 5; i < AWAY; i++) {
            fan_future *future;
            EXPECT_I64(fan_submit(executor, &task_where, &ms, sizeof ms, NULL, &future), FAN_OK);
            EXPECT_I64(fan_future_on_done(future, count_done, &done), FAN_OK);
        }
        for (int ms = 0; ms < 20000 && atomic_load(&done) < AWAY; ms++)
            nanosleep(&tick, NULL);
        EXPECT_U64(atomic_load(&done), AWAY);
    }
    world_close(executor);
}
