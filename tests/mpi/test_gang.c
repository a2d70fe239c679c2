/* Gangs over ranks: what the contract cases, which call from one thread, can't show. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "contract/gang_task.h"
#include "exec/mpi/testing.h"
#include "world.h"

enum { MEMBERS_MAX = 16 };

typedef struct gang_job {
    fan_executor *executor;
    size_t members;
    gang_input input;
    int rounds;
    double values[MEMBERS_MAX];
    fan_status status;
    fan_error error;
} gang_job;

static double expected_sum(size_t size)
{
    double values[MEMBERS_MAX] = {0};
    for (size_t i = 0; i < size; i++)
        values[i] = gang_value(i);
    for (size_t distance = 1; distance < size; distance *= 2)
        for (size_t i = 0; i + distance < size; i += 2 * distance)
            gang_combine(&values[i], &values[i + distance], sizeof(double), NULL);
    return values[0];
}

static void *sum_rounds(void *user)
{
    gang_job *job = user;
    double expected = expected_sum(job->members);
    for (int round = 0; round < job->rounds; round++) {
        memset(job->values, 0, sizeof job->values);
        job->status =
            fan_gang(job->executor, &task_gang, job->members, &job->input, sizeof job->input,
                     fan_sink_array(job->values, sizeof(double), MEMBERS_MAX), &job->error);
        EXPECT_I64(job->status, FAN_OK);
        EXPECT_STR(job->error.text, "");
        for (size_t i = 0; i < job->members; i++)
            EXPECT_TRUE(job->values[i] == expected);
    }
    return NULL;
}

static gang_job sum_job(fan_executor *executor, size_t members, int rounds)
{
    return (gang_job){.executor = executor,
                      .members = members,
                      .input = {.play = GANG_SUM, .number = 20},
                      .rounds = rounds};
}

FAN_TEST(mpi_gang, one_member_a_worker_on_all_ranks)
{
    fan_executor *executor = world_open_threads(3);
    if (executor && the_world()->rank == 0) {
        size_t workers = 3 * (size_t)the_world()->size;
        gang_job job = sum_job(executor, workers < MEMBERS_MAX ? workers : MEMBERS_MAX, 3);
        sum_rounds(&job);
    }
    world_close(executor);
}

FAN_TEST(mpi_gang, processes_inside_ranks_are_members_too)
{
    fan_mpi_options mpi = world_options();
    mpi.local = "processes";
    fan_executor *executor = world_open(&mpi, 1);
    if (executor && the_world()->rank == 0) {
        gang_job job = sum_job(executor, (size_t)the_world()->size, 3);
        sum_rounds(&job);
    }
    world_close(executor);
}

/* Orders, replies and what members say all travel in parts. */
FAN_TEST(mpi_gang, messages_longer_than_a_part_come_whole)
{
    const struct fani_mpi_testing testing = {.message_limit = 512, .host = the_world()->host};
    enum { VALUES = 4000 };
    fan_mpi_options mpi = world_options();
    mpi.testing = &testing;
    fan_executor *executor = world_open(&mpi, 2);
    if (executor && the_world()->rank == 0) {
        const gang_input input = {.play = GANG_LARGE_SUM, .number = VALUES};
        size_t workers = 2 * (size_t)the_world()->size;
        size_t members = workers < MEMBERS_MAX ? workers : MEMBERS_MAX;
        double *values = calloc(members * VALUES, sizeof *values);
        fan_error error = {0};
        EXPECT_I64(fan_gang(executor, &task_gang, members, &input, sizeof input,
                            fan_sink_array(values, VALUES * sizeof *values, members), &error),
                   FAN_OK);
        EXPECT_STR(error.text, "");
        EXPECT_TRUE(values && values[0] == expected_sum(members));
        for (size_t i = 1; values && i < members; i++)
            EXPECT_TRUE(!memcmp(values, values + i * VALUES, VALUES * sizeof *values));
        free(values);
    }
    world_close(executor);
}

static void *map_rounds(void *user)
{
    uint64_t *got = calloc(5000, sizeof *got);
    for (int round = 0; round < 3; round++) {
        EXPECT_I64(fan_map(user, &task_index, fan_source_range(0, 5000),
                           fan_sink_array(got, sizeof *got, 5000), NULL, NULL),
                   FAN_OK);
        for (uint64_t i = 0; i < 5000; i++)
            if (got[i] != mix_value(0, i)) {
                shim_fail(__FILE__, __LINE__, "item %llu is wrong", (unsigned long long)i);
                break;
            }
    }
    free(got);
    return NULL;
}

FAN_TEST(mpi_gang, beside_a_map_of_another_thread)
{
    if (the_world()->level < MPI_THREAD_MULTIPLE)
        SKIP("MPI provides less than MPI_THREAD_MULTIPLE");
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0) {
        gang_job job = sum_job(executor, 2 * (size_t)the_world()->size, 5);
        pthread_t other;
        EXPECT_I64(pthread_create(&other, NULL, map_rounds, executor), 0);
        sum_rounds(&job);
        pthread_join(other, NULL);
    }
    world_close(executor);
}

/* One with a pump of its own, one driven by its callers. */
FAN_TEST(mpi_gang, two_executors_run_one_each)
{
    if (the_world()->level < MPI_THREAD_MULTIPLE)
        SKIP("MPI provides less than MPI_THREAD_MULTIPLE");
    fan_mpi_options mpi = world_options();
    mpi.progress = FAN_MPI_PROGRESS_THREAD;
    fan_executor *executors[2] = {world_open(&mpi, 1), world_open_threads(1)};
    ASSERT_TRUE(executors[0] && executors[1]);
    if (the_world()->rank != 0) {
        EXPECT_I64(fan_serve(executors, 2, NULL), FAN_OK);
        return;
    }
    gang_job jobs[2];
    pthread_t other;
    for (int i = 0; i < 2; i++)
        jobs[i] = sum_job(executors[i], (size_t)the_world()->size, 5);
    EXPECT_I64(pthread_create(&other, NULL, sum_rounds, &jobs[1]), 0);
    sum_rounds(&jobs[0]);
    pthread_join(other, NULL);
    for (int i = 0; i < 2; i++)
        EXPECT_I64(fan_executor_close(executors[i], FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)),
                   FAN_OK);
}

static fan_status count_bad(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    size_t *bad = user;
    (void)error;
    for (size_t i = 0; i < count; i++)
        *bad += outcomes[i].kind != FAN_OUTCOME_OK;
    return FAN_OK;
}

static void *poll_for_ever(void *user)
{
    gang_job *job = user;
    size_t bad = 0;
    job->status = fan_gang(job->executor, &task_gang, job->members, &job->input, sizeof job->input,
                           fan_sink_callback(count_bad, &bad), &job->error);
    EXPECT_U64(bad, job->status == FAN_E_CLOSED ? 0 : job->members);
    return NULL;
}

FAN_TEST(mpi_gang, ends_when_its_executor_is_abandoned)
{
    if (the_world()->level < MPI_THREAD_MULTIPLE)
        SKIP("MPI provides less than MPI_THREAD_MULTIPLE");
    fan_executor *executor = world_open_threads(2);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank != 0) {
        EXPECT_I64(fan_serve(&executor, 1, NULL), FAN_OK);
        return;
    }
    gang_job job = sum_job(executor, 2 * (size_t)the_world()->size, 1);
    job.input.play = GANG_POLL;
    pthread_t other;
    EXPECT_I64(pthread_create(&other, NULL, poll_for_ever, &job), 0);
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(120000)), FAN_OK);
    pthread_join(other, NULL);
    EXPECT_TRUE(job.status == FAN_E_CANCELLED || job.status == FAN_E_CLOSED);
}
