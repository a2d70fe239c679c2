/* Ranks that stop answering are named, those that only work long are not, and a job that is stopped
 * as a whole goes on. */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/mpi/testing.h"
#include "world.h"

/* The numbers of all ranks' processes; to be freed. */
static int *all_pids(void)
{
    int mine = (int)getpid(), *pids = calloc((size_t)the_world()->size, sizeof *pids);
    MPI_Allgather(&mine, 1, MPI_INT, pids, 1, MPI_INT, MPI_COMM_WORLD);
    return pids;
}

typedef struct news {
    int times;
    char text[512];
} news;

static void note(void *user, const fan_error *error)
{
    news *n = user;
    n->times++;
    EXPECT_I64(error->status, FAN_E_LOST);
    snprintf(n->text, sizeof n->text, "%s", error->text);
}

static void submit_all(fan_executor *executor, fan_future *futures[], int count, uint64_t ms)
{
    for (int i = 0; i < count; i++)
        EXPECT_I64(fan_submit(executor, &task_where, &ms, sizeof ms, NULL, &futures[i]), FAN_OK);
}

/* What failed has the text; how many. Releases the futures. */
static int count_silent(fan_future *futures[], int count, const char *text)
{
    int silent = 0;
    for (int i = 0; i < count; i++) {
        fan_outcome outcome = {0};
        EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(120000), &outcome), FAN_OK);
        if (outcome.kind == FAN_OUTCOME_FAILED)
            EXPECT_CONTAINS(outcome.text, text);
        else
            EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
        silent += outcome.kind == FAN_OUTCOME_FAILED;
        fan_future_release(futures[i]);
    }
    return silent;
}

/* A rank that has answered has promised to go on answering. */
static bool has_answered(fan_executor *executor, int victim)
{
    enum { ITEMS = 24 };
    fan_future *futures[ITEMS];
    bool answered = false;
    submit_all(executor, futures, ITEMS, 1);
    for (int i = 0; i < ITEMS; i++) {
        fan_outcome outcome = {0};
        uint64_t pid = 0;
        EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(120000), &outcome), FAN_OK);
        if (outcome.size == sizeof pid)
            memcpy(&pid, outcome.bytes, sizeof pid);
        answered |= pid == (uint64_t)victim;
        fan_future_release(futures[i]);
    }
    return answered;
}

static void stop_and_wait(fan_executor *executor, int victim, const char *text, news *n)
{
    enum { ITEMS = 24 };
    fan_future *futures[ITEMS];
    EXPECT_I64(kill(victim, SIGSTOP), 0);
    submit_all(executor, futures, ITEMS, 5);
    EXPECT_I64(fan_wait_all(futures, ITEMS, fan_deadline_in_ms(120000)), FAN_OK);
    EXPECT_I64(kill(victim, SIGCONT), 0);
    EXPECT_TRUE(count_silent(futures, ITEMS, text) >= 1);
    EXPECT_I64(n->times, 1);
    EXPECT_CONTAINS(n->text, text);
}

/* Nor does a share wait for it for ever. */
static void stop_and_share(fan_executor *executor, int victim, const char *text, news *n)
{
    unsigned char bytes[100] = {0};
    fan_shared shared;
    EXPECT_I64(kill(victim, SIGSTOP), 0);
    EXPECT_I64(fan_share(executor, bytes, sizeof bytes, &shared), FAN_E_LOST);
    EXPECT_I64(kill(victim, SIGCONT), 0);
    EXPECT_I64(n->times, 1);
    EXPECT_CONTAINS(n->text, text);
}

static void a_silent_rank(fan_mpi_progress progress, int victim, const char *of_rank_1)
{
    const char *const hosts[] = {"near", of_rank_1, "far"};
    char text[64];
    snprintf(text, sizeof text, "rank %d on far has not answered for 2 s", victim);
    if (the_world()->size != 3)
        SKIP("for three ranks");
    if (progress == FAN_MPI_PROGRESS_THREAD && the_world()->level < MPI_THREAD_MULTIPLE)
        SKIP("MPI provides less than MPI_THREAD_MULTIPLE");
    int *pids = all_pids();
    news n = {0};
    const struct fani_mpi_testing testing = {.host = hosts[the_world()->rank]};
    fan_mpi_options mpi = world_options();
    mpi.progress = progress;
    mpi.heartbeat_ms = 2000; /* as all of these: longer than a machine pauses, mostly */
    mpi.on_broken = note;
    mpi.user = &n;
    mpi.testing = &testing;
    fan_executor *executor = world_open(&mpi, 1);
    fan_error error = {0};
    if (executor && the_world()->rank == 0) {
        for (int i = 0; i < 1000 && !has_answered(executor, pids[victim]); i++) {
        }
        if (progress == FAN_MPI_PROGRESS_THREAD)
            stop_and_share(executor, pids[victim], text, &n);
        else
            stop_and_wait(executor, pids[victim], text, &n);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)),
                   FAN_OK);
    } else if (executor) { /* the silent one too, when it goes on */
        EXPECT_I64(fan_serve(&executor, 1, &error), FAN_E_LOST);
        EXPECT_CONTAINS(error.text, text);
        EXPECT_I64(n.times, 0);
    }
    free(pids);
}

FAN_TEST(mpi_silence, of_a_rank_is_named_with_its_host)
{
    a_silent_rank(FAN_MPI_PROGRESS_CALLS, 2, "near");
}

FAN_TEST(mpi_silence, of_a_rank_behind_a_leader)
{
    a_silent_rank(FAN_MPI_PROGRESS_CALLS, 2, "far");
}

FAN_TEST(mpi_silence, of_a_leader)
{
    a_silent_rank(FAN_MPI_PROGRESS_CALLS, 1, "far");
}

FAN_TEST(mpi_silence, of_a_rank_with_a_progress_thread)
{
    a_silent_rank(FAN_MPI_PROGRESS_THREAD, 2, "near");
}

/* Items longer than the limit, inside ranks that have one worker. */
FAN_TEST(mpi_silence, is_not_the_work_of_long_items)
{
    if (the_world()->size != 3)
        SKIP("for three ranks");
    news n = {0};
    fan_mpi_options mpi = world_options();
    mpi.local = "serial";
    mpi.heartbeat_ms = 2500;
    mpi.on_broken = note;
    mpi.user = &n;
    fan_executor *executor = world_open(&mpi, 1);
    if (executor && the_world()->rank == 0) {
        fan_future *futures[3];
        for (uint64_t i = 0, ms = 5500; i < 3; i++)
            EXPECT_I64(fan_submit(executor, &task_burn, &ms, sizeof ms, NULL, &futures[i]), FAN_OK);
        EXPECT_I64(count_silent(futures, 3, ""), 0);
    }
    world_close(executor);
    EXPECT_I64(n.times, 0);
}

/* A rank that has not come to fan_serve yet has promised nothing. */
FAN_TEST(mpi_silence, before_serving_is_allowed)
{
    if (the_world()->size != 3)
        SKIP("for three ranks");
    fan_mpi_options mpi = world_options();
    mpi.heartbeat_ms = 2500;
    fan_executor *executor = world_open(&mpi, 1);
    if (executor && the_world()->rank == 0) {
        fan_future *futures[12];
        submit_all(executor, futures, 12, 1);
        EXPECT_I64(count_silent(futures, 12, ""), 0);
    } else if (executor) {
        const struct timespec away = {.tv_sec = 3, .tv_nsec = 500000000};
        nanosleep(&away, NULL);
    }
    world_close(executor);
}

static bool suspend_all(const int *pids, pid_t *agent)
{
    extern char **environ;
    char script[256];
    snprintf(script, sizeof script,
             "kill -STOP %d %d %d; sleep 4.5; kill -CONT %d; sleep 0.2; kill -CONT %d %d", pids[1],
             pids[2], pids[0], pids[0], pids[2], pids[1]);
    char *arguments[] = {"sh", "-c", script, NULL};
    return posix_spawn(agent, "/bin/sh", NULL, NULL, arguments, environ) == 0;
}

/* Stopped for longer than the limit, and rank 0 goes on first. */
FAN_TEST(mpi_silence, of_the_whole_job_is_survived)
{
    if (the_world()->size != 3)
        SKIP("for three ranks");
    int *pids = all_pids();
    news n = {0};
    fan_mpi_options mpi = world_options();
    mpi.heartbeat_ms = 3000;
    mpi.on_broken = note;
    mpi.user = &n;
    fan_executor *executor = world_open(&mpi, 1);
    pid_t agent = 0;
    if (executor && the_world()->rank == 0) {
        fan_future *futures[60];
        ASSERT_TRUE(suspend_all(pids, &agent));
        submit_all(executor, futures, 60, 50);
        EXPECT_I64(count_silent(futures, 60, ""), 0);
        EXPECT_I64(waitpid(agent, NULL, 0), agent);
    }
    world_close(executor);
    EXPECT_I64(n.times, 0);
    free(pids);
}

/* ---- Options ------------------------------------------------------------------------------- */

FAN_TEST(mpi_silence, limits_out_of_range_are_refused)
{
    static const uint32_t bad[] = {1, 99, 86400001, UINT32_MAX - 1},
                          good[] = {0, 100, 86400000, FAN_MPI_NO_HEARTBEAT};
    for (size_t i = 0; i < 4; i++) {
        fan_executor *executor = NULL;
        fan_error error = {0};
        fan_mpi_options mpi = world_options();
        fan_executor_options options = {
            .plugin = fan_mpi_kind(), .plugin_options = &mpi, .workers = 1};
        mpi.heartbeat_ms = bad[i];
        EXPECT_I64(fan_executor_open(&options, &executor, &error), FAN_E_ARGUMENT);
        EXPECT_CONTAINS(error.text, "heartbeat_ms");
        mpi.heartbeat_ms = good[i];
        executor = world_open(&mpi, 1);
        world_close(executor);
    }
}
