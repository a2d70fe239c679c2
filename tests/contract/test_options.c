/* Options of maps and submits out of their range, replies above the limit, and tasks that a worker
 * does not know: on every executor. */
#include <stdio.h>
#include <unistd.h>

#include "contract.h"
#include "tasks.h"

/* ---- Maps and submits ---------------------------------------------------------------------- */

static void options_of_maps(fan_executor *executor, void *context)
{
    (void)context;
    static const struct {
        fan_map_options options;
        const char *name, *value;
    } cases[] = {
        {{.args_size = 3}, "args_size", "3"},
        {{.args = "x", .args_size = SIZE_MAX}, "args_size", "18446744073709551615"},
        {{.order = (fan_order)2}, "order", "2"},
        {{.order = (fan_order)-1}, "order", "it may be 0 or 1"},
    };
    uint64_t y[4];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fan_summary summary = {0};
        fan_mapping *mapping = (void *)&mapping;
        fan_error error = {0};
        EXPECT_I64(fan_map(executor, &task_square, fan_source_range(0, 4),
                           fan_sink_array(y, sizeof *y, 4), &cases[i].options, &summary),
                   FAN_E_ARGUMENT);
        EXPECT_CONTAINS(summary.error.text, cases[i].name);
        EXPECT_CONTAINS(summary.error.text, cases[i].value);
        EXPECT_I64(fan_map_begin(executor, &task_square, fan_source_range(0, 4), &cases[i].options,
                                 &mapping, &error),
                   FAN_E_ARGUMENT);
        EXPECT_TRUE(mapping == NULL);
        EXPECT_CONTAINS(error.text, cases[i].name);
    }
    EXPECT_I64(fan_map(executor, NULL, fan_source_range(0, 4), fan_sink_array(y, sizeof *y, 4),
                       NULL, NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_map_begin(executor, &task_square, fan_source_range(0, 4), NULL, NULL, NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_map(executor, &task_square, fan_source_range(UINT64_MAX, 4),
                       fan_sink_array(y, sizeof *y, 4), NULL, NULL),
               FAN_E_ARGUMENT);
}

CONTRACT(options_of_maps_are_refused_by_name)
{
    contract_with(target, (fan_executor_options){.workers = 1}, options_of_maps, NULL);
}

static void options_of_submits(fan_executor *executor, void *context)
{
    (void)context;
    uint64_t x = 3;
    fan_future *first = NULL, *second = NULL;
    EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x, NULL, &first), FAN_OK);
    fan_future *const after[] = {first, first}, *const nothing[] = {NULL};
    const struct {
        fan_submit_options options;
        size_t size;
    } cases[] = {
        {{.args_size = 1}, sizeof x},
        {{.after_count = 1}, sizeof x},
        {{.after = nothing, .after_count = 1}, sizeof x},
        {{.feed = true}, 0},
        {{.feed = true, .after = after, .after_count = 2}, 0},
        {{.feed = true, .after = after, .after_count = 1}, sizeof x}, /* an input of its own too */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fan_future *future = (void *)&future;
        fan_status status =
            fan_submit(executor, &task_square, &x, cases[i].size, &cases[i].options, &future);
        if (status != FAN_E_ARGUMENT || future)
            shim_fail(__FILE__, __LINE__, "case %zu: %s", i, fan_status_name(status));
    }
    EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x, NULL, NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x,
                          &(fan_submit_options){.timeout_ms = UINT32_MAX,
                                                .retries = UINT32_MAX,
                                                .backoff_ms = UINT32_MAX,
                                                .priority = INT32_MIN},
                          &second),
               FAN_OK);
    fan_outcome outcome = {0};
    EXPECT_I64(fan_future_result(second, fan_deadline_in_ms(30000), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    EXPECT_I64(fan_future_result(first, fan_deadline_in_ms(30000), &outcome), FAN_OK);
    fan_future_release(first);
    fan_future_release(second);
}

CONTRACT(options_of_submits_are_refused)
{
    contract_with(target, (fan_executor_options){.workers = 1}, options_of_submits, NULL);
}

/* ---- Replies above the limit --------------------------------------------------------------- */

static void submitted_above(fan_executor *executor, void *context)
{
    (void)context;
    for (uint64_t size = 4095; size <= 4097; size++) {
        fan_future *future = NULL;
        fan_outcome outcome = {0};
        EXPECT_I64(fan_submit(executor, &task_grow, &size, sizeof size, NULL, &future), FAN_OK);
        EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(30000), &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, size <= 4096 ? FAN_OUTCOME_OK : FAN_OUTCOME_FAILED);
        if (size > 4096) {
            EXPECT_CONTAINS(outcome.text, "4097");
            EXPECT_CONTAINS(outcome.text, "4096");
        }
        fan_future_release(future);
    }
}

CONTRACT(submit_with_a_reply_above_the_limit_fails_with_both_sizes)
{
    contract_with(target, (fan_executor_options){.workers = 1, .reply_limit = 4096},
                  submitted_above, NULL);
}

/* ---- Tasks that a worker does not know ----------------------------------------------------- */

typedef struct stranger {
    bool strange; /* the workers are images of another program */
    uint64_t failed;
} stranger;

static fan_status expect_unknown(void *user, const fan_outcome *outcomes, size_t count,
                                 fan_error *error)
{
    stranger *s = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_FAILED);
        EXPECT_CONTAINS(outcomes[i].text, "\"square\"");
        s->failed++;
    }
    return FAN_OK;
}

static void ask_strangers(fan_executor *executor, void *context)
{
    stranger *s = context;
    fan_future *future = NULL;
    fan_outcome outcome = {0};
    unsigned capabilities = fan_executor_capabilities(executor);
    s->strange = (capabilities & FAN_CAP_ISOLATES) && !(capabilities & FAN_CAP_SHARES_MEMORY);
    if (!s->strange)
        return;
    uint64_t x = 3;
    EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x, NULL, &future), FAN_OK);
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(30000), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_FAILED);
    EXPECT_CONTAINS(outcome.text, "\"square\"");
    fan_future_release(future);
    EXPECT_I64(fan_map(executor, &task_square, fan_source_range(0, 100),
                       fan_sink_callback(expect_unknown, s), NULL, NULL),
               FAN_OK);
    EXPECT_U64(s->failed, 100);
    fan_executor_stats stats;
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_U64(stats.workers_lost, 0);
}

/* The command is a worker image of its own, with other tasks than these. */
CONTRACT(task_unknown_to_the_workers_fails_its_items)
{
    static const char program[] = FAN_TEST_BUILD_DIR "/bin/fanfold";
    stranger s = {0};
    if (access(program, X_OK) != 0)
        SKIP("there is no %s", program);
    contract_with(target, (fan_executor_options){.workers = 2, .worker_program = program},
                  ask_strangers, &s);
    if (!s.strange)
        SKIP("the workers of %s are no images of another program", target->name);
}
