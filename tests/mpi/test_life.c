/* Opening that is refused, closing that has to wait, and faults. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "exec/mpi/testing.h"
#include "fanfold/machine.h"
#include "fanfold/ranks.h"
#include "world.h"

/* ---- Refusals ------------------------------------------------------------------------------ */

static fan_status try_open(const fan_mpi_options *mpi, fan_error *error)
{
    fan_executor *executor = (fan_executor *)error; /* must become NULL */
    fan_executor_options options = {.plugin = fan_mpi_kind(), .plugin_options = mpi, .workers = 1};
    fan_status status = fan_executor_open(&options, &executor, error);
    EXPECT_TRUE(executor == NULL);
    return status;
}

FAN_TEST(mpi_refusal, options)
{
    fan_error error = {0};
    fan_mpi_options mpi = world_options();
    EXPECT_I64(try_open(NULL, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "fan_mpi_options");
    mpi.size_of_this = 1;
    EXPECT_I64(try_open(&mpi, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "size_of_this");
    mpi = world_options();
    mpi.communicator = MPI_COMM_NULL;
    EXPECT_I64(try_open(&mpi, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "MPI_COMM_NULL");
}

FAN_TEST(mpi_refusal, of_a_communicator_between_two_groups)
{
    fan_error error = {0};
    fan_mpi_options mpi = world_options();
    MPI_Comm half;
    int second = the_world()->rank % 2;
    if (the_world()->size == 1)
        SKIP("for more than one rank");
    MPI_Comm_split(MPI_COMM_WORLD, second, 0, &half);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, !second, 7, &mpi.communicator);
    EXPECT_I64(try_open(&mpi, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "intercommunicator");
    MPI_Comm_free(&mpi.communicator);
    MPI_Comm_free(&half);
}

/* Only the last rank asks for nonsense: all ranks hear of it, and which it was. */
FAN_TEST(mpi_refusal, of_one_rank_is_everyones)
{
    fan_error error = {0};
    fan_mpi_options mpi = world_options();
    char who[32] = "";
    bool guilty = the_world()->rank == the_world()->size - 1;
    if (guilty)
        mpi.local = "elves";
    else
        snprintf(who, sizeof who, "rank %d: ", the_world()->size - 1);
    EXPECT_I64(try_open(&mpi, &error), FAN_E_UNKNOWN_EXECUTOR);
    EXPECT_CONTAINS(error.text, "elves");
    EXPECT_CONTAINS(error.text, who);
    fan_executor *executor = world_open_threads(1); /* and nothing is spoilt */
    world_close(executor);
}

FAN_TEST(mpi_refusal, thread_levels)
{
    fan_error error = {0};
    fan_mpi_options mpi = world_options();
    mpi.progress = FAN_MPI_PROGRESS_THREAD;
    if (the_world()->level >= MPI_THREAD_MULTIPLE)
        SKIP("MPI provides MPI_THREAD_MULTIPLE, nothing is refused: run with --level=funneled");
    EXPECT_I64(try_open(&mpi, &error), FAN_E_UNAVAILABLE);
    EXPECT_CONTAINS(error.text, "MPI_THREAD_MULTIPLE, but MPI provides MPI_THREAD_");
}

FAN_TEST(mpi_refusal, roles)
{
    fan_error error = {0};
    fan_executor *executor = world_open_threads(1), *threads = NULL;
    ASSERT_TRUE(executor != NULL);
    fan_future *future = NULL;
    uint64_t word = 1;
    if (the_world()->rank == 0) {
        EXPECT_I64(fan_serve(&executor, 1, &error), FAN_E_RANK);
        EXPECT_I64(fan_executor_open(&(fan_executor_options){.workers = 1}, &threads, NULL),
                   FAN_OK);
        EXPECT_I64(fan_serve(&threads, 1, &error), FAN_E_ARGUMENT);
        EXPECT_I64(fan_executor_close(threads, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    } else {
        EXPECT_I64(fan_submit(executor, &task_mix, &word, sizeof word, NULL, &future), FAN_E_RANK);
        EXPECT_I64(fan_share(executor, &word, sizeof word, &(fan_shared){0}), FAN_E_RANK);
    }
    EXPECT_U64(fan_executor_capabilities(executor), FAN_CAP_SPANS_HOSTS);
    world_close(executor);
}

static void *wait_briefly(void *user)
{
    fan_outcome outcome;
    EXPECT_I64(fan_future_result(user, fan_deadline_in_ms(50), &outcome), FAN_E_TIMEOUT);
    return NULL;
}

/* With FUNNELED another thread can't move MPI: its wait ends at its deadline, and does no harm. */
FAN_TEST(mpi_refusal, waiting_off_the_main_thread)
{
    if (the_world()->level != MPI_THREAD_FUNNELED || the_world()->size == 1)
        SKIP("for --level=funneled and more than one rank");
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0) {
        fan_future *futures[9];
        uint64_t ms = 200;
        pthread_t other;
        for (int i = 0; i < 9; i++)
            EXPECT_I64(fan_submit(executor, &task_where, &ms, sizeof ms, NULL, &futures[i]),
                       FAN_OK);
        EXPECT_I64(pthread_create(&other, NULL, wait_briefly, futures[8]), 0);
        pthread_join(other, NULL);
        EXPECT_I64(fan_wait_all(futures, 9, fan_deadline_in_ms(120000)), FAN_OK);
        for (int i = 0; i < 9; i++)
            fan_future_release(futures[i]);
    }
    world_close(executor);
}

/* For mpirun -n 2 PROGRAM : -n 1 PROGRAM --other-tasks=WHICH, rank 2. */
FAN_TEST(mpi_mismatch, of_tasks_is_refused_with_both_versions)
{
    fan_error error = {0};
    fan_mpi_options mpi = world_options();
    const char *which = the_world()->other_tasks;
    static const char *const kinds[] = {"fewer", "versions", "order"};
    static const char *const texts[] = {
        "rank 0 has \"index\" (version 1), rank 2 has not",
        "rank 0 has \"echo\" in version 1, rank 2 in version 7",
        "they stand in another order",
    };
    int mine = 0, any = 0;
    for (int i = 0; which && i < 3; i++)
        mine = strcmp(which, kinds[i]) == 0 ? i + 1 : mine;
    MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    if (!any)
        SKIP("for ranks that were started with --other-tasks");
    EXPECT_I64(try_open(&mpi, &error), FAN_E_UNKNOWN_TASK);
    EXPECT_CONTAINS(error.text, "differ between rank 0 and rank 2: ");
    EXPECT_CONTAINS(error.text, texts[any - 1]);
}

FAN_TEST(mpi_mismatch, of_builds_is_refused_with_both)
{
    fan_error error = {0};
    fan_mpi_options mpi = world_options();
    const world *w = the_world();
    if (w->size == 1)
        SKIP("for more than one rank");
    const struct fani_mpi_testing testing = {.build = w->rank == w->size - 1 ? "0.9 (build ab)"
                                                                             : "0.8 (build cd)"};
    mpi.testing = &testing;
    char who[64];
    snprintf(who, sizeof who, "but rank %d runs Fanfold 0.9 (build ab)", w->size - 1);
    EXPECT_I64(try_open(&mpi, &error), FAN_E_UNAVAILABLE);
    EXPECT_CONTAINS(error.text, "rank 0 runs Fanfold 0.8 (build cd)");
    EXPECT_CONTAINS(error.text, who);
    fan_executor *executor = world_open_threads(1); /* and nothing is spoilt */
    world_close(executor);
}

/* What is compared is really the build: this program's, which holds all of Fanfold. */
FAN_TEST(mpi_mismatch, knows_builds_by_their_ids)
{
    fan_error error = {0};
    fan_mpi_options mpi = world_options();
    char id[64] = "";
    if (the_world()->size == 1)
        SKIP("for more than one rank");
    if (!fan_build_id(the_world(), id, sizeof id))
        SKIP("this program was linked without a build id");
    EXPECT_TRUE(strlen(id) >= 16);
    const struct fani_mpi_testing testing = {.build = "another"};
    if (the_world()->rank == 0)
        mpi.testing = &testing;
    EXPECT_I64(try_open(&mpi, &error), FAN_E_UNAVAILABLE);
    EXPECT_CONTAINS(error.text, id);
}

/* ---- Closing ------------------------------------------------------------------------------- */

static void submit_patient(fan_executor *executor, fan_future *futures[], int count, uint64_t ms)
{
    for (int i = 0; i < count; i++)
        EXPECT_I64(fan_submit(executor, &task_patient, &ms, sizeof ms, NULL, &futures[i]), FAN_OK);
}

FAN_TEST(mpi_close, abandons_what_has_not_begun)
{
    enum { MANY = 500 };
    fan_executor *executor = world_open_threads(1);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank != 0) {
        EXPECT_I64(fan_serve(&executor, 1, NULL), FAN_OK);
        return;
    }
    fan_future *futures[MANY];
    int cancelled = 0, ok = 0;
    submit_patient(executor, futures, MANY, 500); /* they end when they are told */
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(120000)), FAN_OK);
    for (int i = 0; i < MANY; i++) {
        fan_outcome outcome = {0};
        EXPECT_I64(fan_future_result(futures[i], FAN_NOW, &outcome), FAN_OK);
        cancelled += outcome.kind == FAN_OUTCOME_CANCELLED;
        ok += outcome.kind == FAN_OUTCOME_OK;
        fan_future_release(futures[i]);
    }
    EXPECT_I64(cancelled + ok, MANY);
    EXPECT_TRUE(cancelled > MANY / 2);
}

FAN_TEST(mpi_close, is_busy_at_its_deadline_and_can_be_repeated)
{
    fan_executor *executor = world_open_threads(1);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank == 0) {
        fan_future *futures[12], *endless;
        fan_outcome ended = {0};
        submit_patient(executor, &endless, 1, 300000); /* until it is killed */
        submit_patient(executor, futures, 12, 20);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_BUSY);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(20)),
                   FAN_E_BUSY);
        EXPECT_I64(fan_future_kill(endless), FAN_OK);
        EXPECT_I64(fan_future_result(endless, fan_deadline_in_ms(120000), &ended), FAN_OK);
        fan_future_release(endless);
        for (int i = 0; i < 12; i++) {
            fan_outcome outcome = {0};
            EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(120000), &outcome), FAN_OK);
            EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
            fan_future_release(futures[i]);
        }
    }
    world_close(executor);
}

/* Ranks that do not serve: rank 0's close gives up at its deadline, and succeeds once they do. */
FAN_TEST(mpi_close, does_not_wait_for_ever_for_other_ranks)
{
    fan_executor *executor = world_open_threads(1);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank != 0)
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_BUSY);
    MPI_Barrier(MPI_COMM_WORLD);
    if (the_world()->rank == 0 && the_world()->size > 1) {
        uint64_t word = 5;
        fan_shared shared;
        fan_future *futures[8];
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(50)),
                   FAN_E_BUSY);
        /* Still valid, but the others have been sent home: rank 0 works alone. */
        EXPECT_I64(fan_share(executor, &word, sizeof word, &shared), FAN_E_CLOSED);
        submit_patient(executor, futures, 8, 10);
        EXPECT_I64(fan_wait_all(futures, 8, fan_deadline_in_ms(120000)), FAN_OK);
        for (int i = 0; i < 8; i++)
            fan_future_release(futures[i]);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    world_close(executor);
}

/* ---- Faults -------------------------------------------------------------------------------- */

typedef struct mourning {
    uint64_t victim;
    uint64_t lost;
} mourning;

static fan_status check_mortal(void *user, const fan_outcome *outcomes, size_t count,
                               fan_error *error)
{
    mourning *m = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        uint64_t expected = mix_value(outcomes[i].index, 0);
        bool dead = outcomes[i].index == m->victim;
        EXPECT_I64(outcomes[i].kind, dead ? FAN_OUTCOME_LOST : FAN_OUTCOME_OK);
        if (dead)
            EXPECT_CONTAINS(outcomes[i].text, "SIGKILL");
        else
            EXPECT_TRUE(outcomes[i].size == 8 && memcmp(outcomes[i].bytes, &expected, 8) == 0);
        m->lost += outcomes[i].kind == FAN_OUTCOME_LOST;
    }
    return FAN_OK;
}

FAN_TEST(mpi_faults, a_crash_costs_one_item)
{
    enum { ITEMS = 400 };
    fan_mpi_options mpi = world_options();
    mpi.local = "processes";
    fan_executor *executor = world_open(&mpi, 1);
    if (executor && the_world()->rank == 0) {
        uint64_t words[ITEMS];
        fan_executor_stats stats = {0};
        for (uint64_t i = 0; i < ITEMS; i++)
            words[i] = i;
        EXPECT_U64(fan_executor_capabilities(executor),
                   FAN_CAP_SPANS_HOSTS | FAN_CAP_ISOLATES | FAN_CAP_KILLS);
        for (uint64_t victim = 17; victim < ITEMS; victim += 150) {
            mourning m = {.victim = victim};
            fan_map_options options = {.args = &victim, .args_size = sizeof victim, .batch = 32};
            EXPECT_I64(fan_map(executor, &task_mortal, fan_source_array(words, 8, ITEMS),
                               fan_sink_callback(check_mortal, &m), &options, NULL),
                       FAN_OK);
            EXPECT_U64(m.lost, 1);
        }
        EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
        EXPECT_TRUE(stats.workers_lost >= 3);
    }
    world_close(executor);
}

FAN_TEST(mpi_faults, unknown_tasks_and_replies_above_the_limit)
{
    fan_task stranger = task_mix;
    fan_executor *executor = NULL;
    fan_mpi_options mpi = world_options();
    fan_executor_options options = {
        .plugin = fan_mpi_kind(), .plugin_options = &mpi, .workers = 1, .reply_limit = 1000};
    EXPECT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    for (int i = 0; i < 10 && executor && the_world()->rank == 0; i++) {
        fan_future *future = NULL;
        fan_outcome outcome = {0};
        uint64_t size = i % 2 ? 1001 : 1000;
        EXPECT_I64(fan_submit(executor, &stranger, NULL, 0, NULL, &future), FAN_E_UNKNOWN_TASK);
        ASSERT_I64(fan_submit(executor, &task_grow, &size, sizeof size, NULL, &future), FAN_OK);
        EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(120000), &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, i % 2 ? FAN_OUTCOME_FAILED : FAN_OUTCOME_OK);
        fan_future_release(future);
    }
    world_close(executor);
}

/* ---- The command's table ------------------------------------------------------------------- */

FAN_TEST(mpi_ranks, broadcast_and_names)
{
    enum { SIZE = 70000001 };
    const fan_ranks *ranks = fan_ranks_table();
    fan_error error = {0};
    int rank, size;
    EXPECT_U64(ranks->size_of_this, sizeof *ranks);
    EXPECT_CONTAINS(ranks->version(), "MPI");
    EXPECT_I64(ranks->init(NULL, NULL, &rank, &size, &error), FAN_E_ARGUMENT);
    unsigned char *bytes = calloc(1, SIZE);
    for (size_t i = 0; i < SIZE && the_world()->rank == 0; i++)
        bytes[i] = pattern(i);
    EXPECT_I64(ranks->broadcast(bytes, SIZE, &error), FAN_OK);
    size_t wrong = 0;
    for (size_t i = 0; i < SIZE; i++)
        wrong += bytes[i] != pattern(i);
    EXPECT_U64(wrong, 0);
    free(bytes);
}

FAN_TEST(mpi_ranks, open_and_serve)
{
    const fan_ranks *ranks = fan_ranks_table();
    fan_executor *executor = NULL;
    fan_error error = {0};
    EXPECT_I64(ranks->open(&(fan_executor_options){.kind = "serial"}, &executor, &error), FAN_OK);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank != 0) {
        EXPECT_I64(ranks->serve(executor, &error), FAN_OK);
        return;
    }
    uint64_t out[100];
    EXPECT_I64(fan_map(executor, &task_index, fan_source_range(0, 100),
                       fan_sink_array(out, sizeof *out, 100), NULL, NULL),
               FAN_OK);
    for (uint64_t i = 0; i < 100; i++)
        EXPECT_U64(out[i], mix_value(0, i));
    fan_executor_stats stats = {0};
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_U64(stats.workers, (unsigned)the_world()->size);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
}
