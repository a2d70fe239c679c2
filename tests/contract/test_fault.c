/* What isolation promises: a crash costs one item, workers are replaced. Cases on executors that
 * don't isolate are skipped. Each case first proves that its fault fired. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "tasks.h"

typedef struct expectation {
    crash_order order;
    const char *text; /* part of the lost item's text */
    uint64_t count, seen, lost, next;
    bool isolates;
} expectation;

static fan_status see_crash(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    expectation *e = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        uint64_t y = UINT64_MAX;
        EXPECT_U64(o->index, e->next++);
        if (o->index == e->order.index) {
            EXPECT_I64(o->kind, FAN_OUTCOME_LOST);
            EXPECT_CONTAINS(o->text, e->text);
            EXPECT_TRUE(o->attempt >= 3);
            EXPECT_TRUE(o->run_ns > 0);
            EXPECT_U64(o->run_items, 1);
            e->lost++;
            continue;
        }
        EXPECT_I64(o->kind, FAN_OUTCOME_OK);
        if (o->size == sizeof y)
            memcpy(&y, o->bytes, sizeof y);
        EXPECT_U64(y, o->index);
    }
    e->seen += count;
    return FAN_OK;
}

static void one_crash(fan_executor *executor, void *context)
{
    expectation *e = context;
    e->isolates = fan_executor_capabilities(executor) & FAN_CAP_ISOLATES;
    if (!e->isolates)
        return;
    fan_executor_stats stats;
    fan_summary summary;
    EXPECT_I64(
        fan_map(executor, &task_crash, fan_source_range(0, e->count),
                fan_sink_callback(see_crash, e),
                &(fan_map_options){.args = &e->order, .args_size = sizeof e->order, .batch = 16},
                &summary),
        FAN_OK);
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_TRUE(stats.workers_lost >= 3); /* the fault fired */
    EXPECT_U64(e->seen, e->count);
    EXPECT_U64(e->lost, 1);
    EXPECT_U64(summary.ok, e->count - 1);
    uint64_t y[100]; /* the pool is whole again */
    EXPECT_I64(fan_map(executor, &task_square, fan_source_range(0, 100), fan_sink_array(y, 8, 100),
                       NULL, NULL),
               FAN_OK);
}

static void crash_case(const contract_target *target, int how, const char *text)
{
    expectation e = {.order = {.index = 41, .how = how}, .text = text, .count = 100};
    contract_with(target, (fan_executor_options){.workers = 2}, one_crash, &e);
    if (!e.isolates)
        SKIP("%s does not isolate its items", target->name);
}

CONTRACT(crash_by_signal_costs_one_item)
{
    crash_case(target, SIGSEGV, "SIGSEGV");
}

CONTRACT(crash_by_abort_costs_one_item)
{
    crash_case(target, SIGABRT, "SIGABRT");
}

CONTRACT(crash_by_kill_costs_one_item)
{
    crash_case(target, SIGKILL, "SIGKILL");
}

CONTRACT(crash_by_exit_costs_one_item)
{
    crash_case(target, 1000 + 3, "3");
}

CONTRACT(crash_by_exit_zero_costs_one_item)
{
    crash_case(target, 1000, "0");
}

/* ---- kill -9 from outside ------------------------------------------------------------------ */

typedef struct hunt {
    uint64_t next, ok, kills;
    bool isolates;
} hunt;

static fan_status kill_sometimes(void *user, const fan_outcome *outcomes, size_t count,
                                 fan_error *error)
{
    hunt *h = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        int64_t pid = 0;
        EXPECT_U64(outcomes[i].index, h->next++);
        h->ok += outcomes[i].kind == FAN_OUTCOME_OK;
        if (outcomes[i].size == sizeof pid)
            memcpy(&pid, outcomes[i].bytes, sizeof pid);
        /* It is one of our workers, mostly in the middle of a later item by now. */
        if (outcomes[i].index % 500 == 250 && pid > 1)
            h->kills += kill((pid_t)pid, SIGKILL) == 0;
    }
    return FAN_OK;
}

static void killed_from_outside(fan_executor *executor, void *context)
{
    hunt *h = context;
    fan_executor_stats stats;
    fan_summary summary;
    uint64_t us = 100, count = 3000;
    h->isolates = fan_executor_capabilities(executor) & FAN_CAP_ISOLATES;
    if (!h->isolates)
        return;
    EXPECT_I64(fan_map(executor, &task_pid, fan_source_range(0, count),
                       fan_sink_callback(kill_sometimes, h),
                       &(fan_map_options){.args = &us, .args_size = sizeof us}, &summary),
               FAN_OK);
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_TRUE(h->kills > 0 && stats.workers_lost > 0); /* the fault fired */
    EXPECT_U64(h->next, count);                          /* every index once, in order */
    EXPECT_U64(h->ok, count);                            /* and none was lost by it */
}

CONTRACT(kill_of_workers_from_outside_loses_nothing)
{
    hunt h = {0};
    contract_with(target, (fan_executor_options){.workers = 2}, killed_from_outside, &h);
    if (!h.isolates)
        SKIP("%s does not isolate its items", target->name);
}
