/* Workers come and go while work goes on. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "faults.h"

enum { MOST = 5, COUNT = 2000 };

/* Workers given, and the most there may be; NULL: reported. */
static fan_executor *open_between(unsigned workers, unsigned most)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    fan_status status = fan_executor_open(
        &(fan_executor_options){.kind = "processes", .workers = workers, .workers_max = most},
        &executor, &error);
    SHIM_CHECK(status == FAN_OK, (void)0, "open: %s", error.text);
    return executor;
}

static void close_all(fan_executor *executor)
{
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
}

FAN_TEST(resize, workers_come_and_go_at_rest)
{
    static const unsigned sizes[] = {4, 1, MOST, 5, 2, 3};
    fan_executor_stats stats = {0};
    fan_executor *executor = open_between(2, MOST);
    fault_expect_children(2);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        EXPECT_I64(fan_executor_resize(executor, sizes[i]), FAN_OK);
        fault_expect_children(sizes[i]);
    }
    EXPECT_TRUE(fan_executor_resize(executor, 0) != FAN_OK);
    EXPECT_TRUE(fan_executor_resize(executor, MOST + 1) != FAN_OK);
    fault_expect_children(3);
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_U64(stats.workers_lost, 0); /* they were not lost */
    close_all(executor);
}

typedef struct changes {
    fan_executor *executor;
    uint64_t next;
} changes;

static fan_status see(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    changes *c = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        EXPECT_U64(outcomes[i].index, c->next++);
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        if (outcomes[i].index % 50 == 25)
            EXPECT_I64(fan_executor_resize(c->executor, 1 + (unsigned)(c->next / 50 * 7 % MOST)),
                       FAN_OK);
    }
    return FAN_OK;
}

FAN_TEST(resize, nothing_is_lost_while_workers_come_and_go)
{
    static const uint64_t inputs[COUNT];
    fan_executor_stats stats = {0};
    changes c = {.executor = open_between(2, MOST)};
    EXPECT_I64(fan_map(c.executor, &task_pid, fan_source_array(inputs, sizeof *inputs, COUNT),
                       fan_sink_callback(see, &c), &(fan_map_options){.batch = 1}, NULL),
               FAN_OK);
    EXPECT_U64(c.next, COUNT);
    EXPECT_I64(fan_executor_get_stats(c.executor, &stats), FAN_OK);
    EXPECT_U64(stats.workers_lost, 0);
    EXPECT_I64(fan_executor_resize(c.executor, 3), FAN_OK);
    fault_expect_children(3);
    close_all(c.executor);
}

FAN_TEST(resize, a_surplus_worker_ends_after_what_it_runs)
{
    const fault_order order = {.stage = FAULT_RUN, .kind = FAULT_LOOP};
    fault_marks marks;
    fan_future *future = NULL;
    fan_outcome outcome = {0};
    fan_executor *executor = open_between(1, 2);
    if (!executor || !fault_marks_open(&marks, 1))
        return;
    EXPECT_I64(
        fan_submit(executor, &task_fault, &order, sizeof order,
                   &(fan_submit_options){.args = marks.path, .args_size = strlen(marks.path)},
                   &future),
        FAN_OK);
    EXPECT_TRUE(fault_marks_wait(&marks, 0)); /* the first worker has it */
    EXPECT_I64(fan_executor_resize(executor, 2), FAN_OK);
    fault_expect_children(2);
    EXPECT_I64(fan_executor_resize(executor, 1), FAN_OK);
    fault_expect_children(1);
    EXPECT_TRUE(!fan_future_done(future));
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(120000)), FAN_OK);
    EXPECT_I64(fan_future_result(future, FAN_NOW, &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_CANCELLED);
    fan_future_release(future);
    fault_expect_children(0);
    fault_marks_close(&marks);
}
