/* Ending what runs: asked first, killed when it does not answer. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "faults.h"

enum { WORKERS = 2 };

static fan_status drop(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    (void)user, (void)outcomes, (void)count, (void)error;
    return FAN_OK;
}

static bool all_began(void *user)
{
    const fault_marks *marks = user;
    for (size_t i = 0; i < marks->count; i++)
        if (atomic_load(&marks->counts[i]) == 0)
            return false;
    return true;
}

static bool both_began(void *user)
{
    const fault_marks *marks = user;
    return atomic_load(&marks->counts[0]) >= WORKERS;
}

static uint64_t workers_lost(fan_executor *executor)
{
    fan_executor_stats stats = {0};
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    return stats.workers_lost;
}

/* A map that is stopped once its items run; more items wait behind them. */
static void stopped_map(fan_executor *executor, const fan_task *task, fan_source source,
                        fault_marks *marks, bool (*stop)(void *user))
{
    EXPECT_I64(fan_map(executor, task, source, fan_sink_callback(drop, NULL),
                       &(fan_map_options){.args = marks->path,
                                          .args_size = strlen(marks->path),
                                          .batch = 1,
                                          .stop = stop,
                                          .stop_user = marks},
                       NULL),
               FAN_E_CANCELLED);
}

/* False: one was killed, as happens where it comes to no core while it has time to answer. */
static bool obey_and_stay(void)
{
    fault_marks marks;
    bool all_ended = true;
    fan_executor *executor = fault_open(WORKERS);
    if (!executor || !fault_marks_open(&marks, 2))
        return false;
    EXPECT_TRUE(fan_executor_capabilities(executor) & FAN_CAP_KILLS);
    for (int round = 0; round < 3; round++) {
        atomic_store(&marks.counts[0], 0);
        atomic_store(&marks.counts[1], 0);
        stopped_map(executor, &task_obedient, fan_source_range(0, 20), &marks, both_began);
        unsigned began = atomic_load(&marks.counts[0]), ended = atomic_load(&marks.counts[1]);
        all_ended &= ended == began;
        EXPECT_TRUE(began >= WORKERS && began < 20); /* of those that waited, most never ran */
    }
    bool kept = workers_lost(executor) == 0;
    EXPECT_TRUE(all_ended || !kept);
    int64_t pids[10 * WORKERS];
    EXPECT_I64(fan_map(executor, &task_pid, fan_source_range(0, 10 * WORKERS),
                       fan_sink_array(pids, sizeof *pids, 10 * WORKERS),
                       &(fan_map_options){.batch = 1}, NULL),
               FAN_OK);
    for (size_t i = 0; i < 10 * WORKERS; i++)
        EXPECT_TRUE(pids[i] != 0);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_marks_close(&marks);
    return kept;
}

FAN_TEST(kill, who_asks_whether_it_is_cancelled_keeps_its_worker)
{
    bool kept = false;
    for (int i = 0; i < 10 && !kept && !shim_failed(); i++)
        kept = obey_and_stay();
    EXPECT_TRUE(kept);
}

FAN_TEST(kill, who_does_not_answer_is_replaced_and_nothing_of_it_runs_on)
{
    const fault_order orders[WORKERS] = {{.stage = FAULT_RUN, .kind = FAULT_LOOP, .mark = 0},
                                         {.stage = FAULT_RUN, .kind = FAULT_STOP, .mark = 1}};
    fault_marks marks;
    fan_executor *executor = fault_open(WORKERS);
    if (!executor || !fault_marks_open(&marks, WORKERS))
        return;
    stopped_map(executor, &task_fault, fan_source_array(orders, sizeof *orders, WORKERS), &marks,
                all_began);
    EXPECT_U64(workers_lost(executor), WORKERS); /* dead by the time that map returns */
    EXPECT_U64(atomic_load(&marks.counts[0]), 1);
    EXPECT_U64(atomic_load(&marks.counts[1]), 1);
    fault_expect_children(WORKERS);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
    fault_marks_close(&marks);
}

/* What an item of one worker that is `stopped` from outside while it runs, or not, came to. */
static void overrun(bool stopped, uint32_t timeout_ms, char *text, size_t size)
{
    const fault_order order = {.stage = FAULT_RUN, .kind = FAULT_LOOP, .mark = 0};
    fault_marks marks;
    int64_t pid = 0;
    fan_future *future = NULL;
    fan_outcome outcome = {.kind = FAN_OUTCOME_OK, .text = ""};
    fan_executor *executor = fault_open(1);
    if (!executor || !fault_marks_open(&marks, 1))
        return;
    EXPECT_I64(fan_map(executor, &task_pid, fan_source_range(0, 1),
                       fan_sink_array(&pid, sizeof pid, 1), NULL, NULL),
               FAN_OK);
    const fan_submit_options options = {
        .args = marks.path, .args_size = strlen(marks.path), .timeout_ms = timeout_ms};
    EXPECT_I64(fan_submit(executor, &task_fault, &order, sizeof order, &options, &future), FAN_OK);
    EXPECT_TRUE(fault_marks_wait(&marks, 0));
    if (stopped)
        (void)kill((pid_t)pid, SIGSTOP); /* mostly before its time is up */
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(120000), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_TIMED_OUT);
    snprintf(text, size, "%s", outcome.text);
    fan_future_release(future);
    EXPECT_I64(fan_map(executor, &task_pid, fan_source_range(0, 1),
                       fan_sink_array(&pid, sizeof pid, 1), NULL, NULL),
               FAN_OK); /* by its successor */
    EXPECT_U64(workers_lost(executor), 1);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_marks_close(&marks);
}

FAN_TEST(kill, an_item_whose_worker_was_stopped_from_outside_says_so)
{
    char text[200] = "", expected[200] = "-";
    for (uint32_t ms = 300; ms < 20000 && strcmp(text, expected) != 0 && !shim_failed(); ms *= 2) {
        overrun(true, ms, text, sizeof text);
        snprintf(expected, sizeof expected,
                 "ran longer than %u ms: its worker was stopped by a signal", ms);
    }
    EXPECT_STR(text, expected);
    overrun(false, 300, text, sizeof text);
    EXPECT_STR(text, "ran longer than 300 ms");
}

static fan_status check_order(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    uint64_t *next = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        EXPECT_U64(outcomes[i].index, (*next)++);
        SHIM_CHECK(outcomes[i].kind == FAN_OUTCOME_OK, (void)0, "item %llu is %s (%s)",
                   (unsigned long long)outcomes[i].index, fan_outcome_name(outcomes[i].kind),
                   outcomes[i].text);
    }
    return FAN_OK;
}

/* A map that ends in the middle, and one right behind it on the same workers. False: one was
 * killed, as happens where it comes to no core while it has time to answer. */
static bool end_and_follow(void)
{
    enum { COUNT = 200 };
    static fault_order orders[COUNT];
    fault_marks marks;
    fan_executor *executor = fault_open(WORKERS);
    if (!executor || !fault_marks_open(&marks, 1))
        return false;
    for (size_t i = 0; i < COUNT; i++)
        orders[i].stage = FAULT_NEVER;
    for (int round = 0; round < 20; round++) {
        uint64_t next = 0;
        fan_mapping *mapping = NULL;
        fan_map_options options = {.args = marks.path, .args_size = strlen(marks.path), .batch = 1};
        EXPECT_I64(fan_map_begin(executor, &task_fault,
                                 fan_source_array(orders, sizeof *orders, COUNT), &options,
                                 &mapping, NULL),
                   FAN_OK);
        fan_outcome outcome;
        for (int i = 0; i < 5 + round; i++)
            EXPECT_I64(fan_map_next(mapping, fan_deadline_in_ms(120000), &outcome, NULL), FAN_OK);
        fan_map_end(mapping, NULL, 0); /* kills what runs of it */
        EXPECT_I64(fan_map(executor, &task_fault, fan_source_array(orders, sizeof *orders, COUNT),
                           fan_sink_callback(check_order, &next), &options, NULL),
                   FAN_OK);
        EXPECT_U64(next, COUNT);
    }
    bool kept = workers_lost(executor) == 0; /* what runs for microseconds ends in time */
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_marks_close(&marks);
    return kept;
}

FAN_TEST(kill, what_follows_an_ended_map_is_not_hit)
{
    bool kept = false;
    for (int i = 0; i < 10 && !kept && !shim_failed(); i++)
        kept = end_and_follow();
    EXPECT_TRUE(kept);
}
