/* Many batches in one message: with arguments that come and go, of any size, and asked back. */
#include <stdlib.h>

#include "world.h"

static fan_future *submit_salted(fan_executor *executor, const uint64_t *salt, size_t salt_size)
{
    fan_future *future = NULL;
    fan_submit_options options = {.args = salt, .args_size = salt_size};
    EXPECT_I64(fan_submit(executor, &task_ragged, "x", 1, &options, &future), FAN_OK);
    return future;
}

/* More arguments than ranks keep, small and large, each again and again. */
FAN_TEST(mpi_orders, arguments_reach_every_rank)
{
    enum { SALTS = 40, ROUNDS = 50, LARGE = 3000 };
    static fan_future *futures[ROUNDS][SALTS];
    static uint64_t large[SALTS][LARGE];
    fan_executor *executor = world_open_threads(2);
    ASSERT_TRUE(executor != NULL);
    for (size_t r = 0; r < ROUNDS && the_world()->rank == 0; r++) {
        for (size_t s = 0; s < SALTS; s++) {
            large[s][0] = s;
            futures[r][s] =
                submit_salted(executor, large[s], s % 3 ? sizeof large[s][0] : sizeof large[s]);
        }
    }
    size_t wrong = 0;
    for (size_t r = 0; r < ROUNDS && the_world()->rank == 0; r++) {
        for (size_t s = 0; s < SALTS; s++) {
            fan_outcome outcome = {0};
            EXPECT_I64(fan_future_result(futures[r][s], fan_deadline_in_ms(120000), &outcome),
                       FAN_OK);
            /* The large ones are no word, which reads as 0. */
            wrong +=
                outcome.kind != FAN_OUTCOME_OK || outcome.size != ragged_size(0, s % 3 ? s : 0);
            fan_future_release(futures[r][s]);
        }
    }
    EXPECT_U64(wrong, 0);
    world_close(executor);
}

/* Items that would run for minutes, on every rank and waiting for one: all end at once. */
FAN_TEST(mpi_orders, are_ended_wherever_they_are)
{
    enum { MANY = 60 };
    fan_executor *executor = world_open_threads(2);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank == 0) {
        fan_future *futures[MANY];
        uint64_t ms = 300000, none = 0;
        fan_outcome outcome = {0};
        fan_future *first = NULL;
        EXPECT_I64(fan_submit(executor, &task_patient, &none, sizeof none, NULL, &first), FAN_OK);
        for (int i = 0; i < MANY; i++)
            EXPECT_I64(fan_submit(executor, &task_patient, &ms, sizeof ms, NULL, &futures[i]),
                       FAN_OK);
        EXPECT_I64(fan_future_result(first, fan_deadline_in_ms(120000), &outcome), FAN_OK);
        fan_future_release(first);
        /* A while, in which what can begin begins. */
        EXPECT_I64(fan_future_result(futures[0], fan_deadline_in_ms(50), &outcome), FAN_E_TIMEOUT);
        for (int i = MANY - 1; i >= 0; i--)
            (void)fan_future_kill(futures[i]);
        for (int i = 0; i < MANY; i++) {
            EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(120000), &outcome), FAN_OK);
            EXPECT_TRUE(outcome.kind == FAN_OUTCOME_CANCELLED || outcome.kind == FAN_OUTCOME_OK);
            fan_future_release(futures[i]);
        }
    }
    world_close(executor);
}

/* Short and long items mixed: what was thought short and is not does not hold up what waits behind
 * it, on this rank or others. */
FAN_TEST(mpi_orders, surprises_hold_up_nothing)
{
    enum { SHORT = 20000, EVERY = 500 };
    fan_executor *executor = world_open_threads(2);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank == 0) {
        static uint64_t ms[SHORT], pids[SHORT];
        for (size_t i = 0; i < SHORT; i++)
            ms[i] = i % EVERY == EVERY / 2 ? 3 : 0;
        fan_map_options options = {.batch = 1};
        EXPECT_I64(fan_map(executor, &task_where, fan_source_array(ms, sizeof *ms, SHORT),
                           fan_sink_array(pids, sizeof *pids, SHORT), &options, NULL),
                   FAN_OK);
        size_t without = 0;
        for (size_t i = 0; i < SHORT; i++)
            without += pids[i] == 0;
        EXPECT_U64(without, 0);
    }
    world_close(executor);
}
