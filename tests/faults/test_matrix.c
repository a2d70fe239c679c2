/* Every kind of harm at every stage: it costs the item that does it, and nothing else. */
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "faults.h"

enum { APART = 4, WORKERS = 4 }; /* every fourth item does harm */

static const char *const texts[] = {
    [FAULT_ERROR] = "",
    [FAULT_EXIT] = "exited with code 3",
    [FAULT_QUICK_EXIT] = "exited with code 3",
    [FAULT_SEGV] = "killed by SIGSEGV",
    [FAULT_ABORT] = "killed by SIGABRT",
    [FAULT_OVERFLOW] = "killed by SIGSEGV",
    [FAULT_HOG] = "killed by SIGABRT, its memory used up: a worker may use 24 MiB",
};

typedef struct matrix {
    const fault_order *orders;
    const fault_marks *marks;
    uint64_t next;
    unsigned faults;
} matrix;

static void expect_harm(const matrix *m, const fan_outcome *o)
{
    const fault_order *order = &m->orders[o->index];
    unsigned fired = atomic_load(&m->marks->counts[o->index]);
    SHIM_CHECK(fired > 0, return, "stage %u kind %u never fired", order->stage, order->kind);
    fan_outcome_kind expected = order->kind == FAULT_ERROR ? FAN_OUTCOME_FAILED : FAN_OUTCOME_LOST;
    SHIM_CHECK(o->kind == expected && strstr(o->text, texts[order->kind]), (void)0,
               "stage %u kind %u is %s (%s)", order->stage, order->kind, fan_outcome_name(o->kind),
               o->text);
    if (order->kind != FAULT_ERROR) /* the crash limit */
        SHIM_CHECK(fired >= 3, (void)0, "stage %u kind %u fired %u times", order->stage,
                   order->kind, fired);
}

static fan_status see(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    matrix *m = user;
    unsigned char expected[FAULT_REPLY];
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        EXPECT_U64(o->index, m->next++);
        if (m->orders[o->index].stage != FAULT_NEVER) {
            m->faults++;
            expect_harm(m, o);
            continue;
        }
        fault_fill(o->index, expected);
        SHIM_CHECK(o->kind == FAN_OUTCOME_OK && o->size == sizeof expected &&
                       !memcmp(o->bytes, expected, sizeof expected),
                   (void)0, "item %llu: %s (%s)", (unsigned long long)o->index,
                   fan_outcome_name(o->kind), o->text);
    }
    return FAN_OK;
}

/* Harmless work on every worker. */
static void expect_whole(fan_executor *executor, const fault_marks *marks)
{
    enum { COUNT = 60 };
    static fault_order orders[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        orders[i].stage = FAULT_NEVER;
    matrix m = {.orders = orders, .marks = marks};
    EXPECT_I64(fan_map(executor, &task_fault, fan_source_array(orders, sizeof *orders, COUNT),
                       fan_sink_callback(see, &m),
                       &(fan_map_options){.args = marks->path, .args_size = strlen(marks->path)},
                       NULL),
               FAN_OK);
    EXPECT_U64(m.next, COUNT);
}

static void run_matrix(fault_kind first, fault_kind last, size_t batch)
{
    fault_order orders[FAULT_STAGES * (FAULT_OVERFLOW + 1) * APART];
    fault_marks marks;
    unsigned faults = 0;
    size_t count = 0;
    for (unsigned stage = 0; stage < FAULT_STAGES; stage++) {
        for (unsigned kind = first; kind <= last; kind++, faults++) {
            for (int k = 1; k < APART; k++)
                orders[count++] = (fault_order){.stage = FAULT_NEVER};
            orders[count] = (fault_order){.stage = stage, .kind = kind, .mark = count};
            count++;
        }
    }
    fan_executor *executor = fault_open_limited(WORKERS, last == FAULT_HOG ? 24 << 20 : 0);
    if (!executor || !fault_marks_open(&marks, count))
        return;
    matrix m = {.orders = orders, .marks = &marks};
    fan_executor_stats stats = {0};
    fan_summary summary = {0};
    EXPECT_I64(fan_map(executor, &task_fault, fan_source_array(orders, sizeof *orders, count),
                       fan_sink_callback(see, &m),
                       &(fan_map_options){
                           .args = marks.path, .args_size = strlen(marks.path), .batch = batch},
                       &summary),
               FAN_OK);
    EXPECT_U64(m.next, count);
    EXPECT_U64(m.faults, faults);
    EXPECT_U64(summary.ok, count - faults);
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    if (first != FAULT_ERROR)
        EXPECT_TRUE(stats.workers_lost >= 3 * (uint64_t)faults);
    fault_expect_children(WORKERS);
    expect_whole(executor, &marks);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
    fault_marks_close(&marks);
}

FAN_TEST(matrix, errors_alone)
{
    run_matrix(FAULT_ERROR, FAULT_ERROR, 1);
}

FAN_TEST(matrix, deaths_alone)
{
    run_matrix(FAULT_EXIT, FAULT_OVERFLOW, 1);
}

FAN_TEST(matrix, deaths_among_others)
{
    run_matrix(FAULT_EXIT, FAULT_OVERFLOW, 12); /* also replies too large for a ring */
}

FAN_TEST(matrix, hogs_alone)
{
    if (FAULT_SANITIZED)
        SKIP("sanitizers reserve more memory than any limit");
    run_matrix(FAULT_HOG, FAULT_HOG, 1);
}

/* ---- What does not end by itself ------------------------------------------------------------- */

enum { STUCK = 2 * FAULT_STAGES };

typedef struct stuck {
    fan_future *futures[STUCK];
    fault_marks marks;
    fan_executor *executor;
} stuck;

/* Loops and stopped workers at every stage, each on a worker of its own. */
static fan_status begin_stuck(stuck *s, unsigned workers, uint32_t timeout_ms)
{
    *s = (stuck){0};
    if (!fault_marks_open(&s->marks, STUCK))
        return FAN_E_SYSTEM;
    s->executor = fault_open(workers);
    fan_status status = s->executor ? FAN_OK : FAN_E_UNAVAILABLE;
    for (unsigned i = 0; status == FAN_OK && i < STUCK; i++) {
        fault_order order = {.stage = i / 2, .kind = i % 2 ? FAULT_LOOP : FAULT_STOP, .mark = i};
        status = fan_submit(s->executor, &task_fault, &order, sizeof order,
                            &(fan_submit_options){.args = s->marks.path,
                                                  .args_size = strlen(s->marks.path),
                                                  .timeout_ms = timeout_ms},
                            &s->futures[i]);
    }
    return status;
}

static void end_stuck(stuck *s, fan_outcome_kind kind)
{
    for (unsigned i = 0; i < STUCK; i++) {
        fan_outcome outcome = {0};
        if (!s->futures[i])
            continue;
        EXPECT_I64(fan_future_result(s->futures[i], fan_deadline_in_ms(120000), &outcome), FAN_OK);
        SHIM_CHECK(outcome.kind == kind, (void)0, "item %u is %s (%s)", i,
                   fan_outcome_name(outcome.kind), outcome.text);
        EXPECT_TRUE(atomic_load(&s->marks.counts[i]) > 0);
        fan_future_release(s->futures[i]);
    }
}

FAN_TEST(matrix, what_never_ends_is_ended_by_an_abandoning_close)
{
    stuck s;
    EXPECT_I64(begin_stuck(&s, STUCK + 1, 0), FAN_OK);
    for (unsigned i = 0; s.executor && i < STUCK; i++)
        fault_marks_wait(&s.marks, i);
    if (!shim_failed()) {
        expect_whole(s.executor, &s.marks); /* one worker is left, and works */
        EXPECT_I64(fan_executor_close(s.executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(50)),
                   FAN_E_BUSY);
    }
    EXPECT_I64(fan_executor_close(s.executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(120000)),
               FAN_OK);
    end_stuck(&s, FAN_OUTCOME_CANCELLED);
    fault_expect_children(0);
    fault_marks_close(&s.marks);
}

FAN_TEST(matrix, what_never_ends_is_ended_by_its_timeout)
{
    stuck s;
    fan_executor_stats stats = {0};
    EXPECT_I64(begin_stuck(&s, 2, 200), FAN_OK); /* they wait for each other's places */
    end_stuck(&s, FAN_OUTCOME_TIMED_OUT);
    EXPECT_I64(fan_executor_get_stats(s.executor, &stats), FAN_OK);
    EXPECT_U64(stats.workers_lost, STUCK); /* none of them ended by itself */
    fault_expect_children(2);
    expect_whole(s.executor, &s.marks);
    EXPECT_I64(fan_executor_close(s.executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
    fault_marks_close(&s.marks);
}

/* ---- States -------------------------------------------------------------------------------- */

typedef struct state_args {
    fault_order order;
    char path[64];
} state_args;

static fan_status map_state(fan_executor *executor, const state_args *args, fan_sink sink)
{
    return fan_map(executor, &task_fault_state, fan_source_range(0, 4), sink,
                   &(fan_map_options){.args = args,
                                      .args_size = offsetof(state_args, path) + strlen(args->path),
                                      .batch = 1},
                   NULL);
}

static fan_status count_lost(void *user, const fan_outcome *outcomes, size_t count,
                             fan_error *error)
{
    unsigned *lost = user;
    (void)error;
    for (size_t i = 0; i < count; i++)
        *lost += outcomes[i].kind == FAN_OUTCOME_LOST && strstr(outcomes[i].text, "SIGSEGV");
    return FAN_OK;
}

FAN_TEST(states, a_start_that_crashes_costs_the_items_that_want_it)
{
    fault_marks marks;
    unsigned lost = 0;
    fan_executor *executor = fault_open(2);
    if (!executor || !fault_marks_open(&marks, 1))
        return;
    state_args args = {.order = {.stage = 0, .kind = FAULT_SEGV}};
    strcpy(args.path, marks.path);
    EXPECT_I64(map_state(executor, &args, fan_sink_callback(count_lost, &lost)), FAN_OK);
    EXPECT_U64(lost, 4);
    EXPECT_U64(atomic_load(&marks.counts[0]), 4 * 3);
    fault_expect_children(2);
    expect_whole(executor, &marks);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_marks_close(&marks);
}

/* A worker that closes stops its states: whatever they do, close ends, and soon. False: that was
 * before the worker had come to it. */
static bool stop_that(fault_kind kind, uint64_t ms)
{
    fault_marks marks;
    uint64_t y[4] = {0};
    fan_executor *executor = fault_open(1);
    if (!executor || !fault_marks_open(&marks, 1))
        return false;
    state_args args = {.order = {.stage = 1, .kind = kind}};
    strcpy(args.path, marks.path);
    EXPECT_I64(map_state(executor, &args, fan_sink_array(y, sizeof *y, 4)), FAN_OK);
    EXPECT_U64(y[3], 3);
    EXPECT_U64(atomic_load(&marks.counts[0]), 0);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(ms)), FAN_OK);
    unsigned stops = atomic_load(&marks.counts[0]);
    EXPECT_TRUE(stops <= 1);
    fault_expect_children(0);
    fault_marks_close(&marks);
    return stops == 1;
}

FAN_TEST(states, a_stop_that_crashes_or_hangs_costs_nothing)
{
    static const fault_kind kinds[] = {FAULT_EXIT, FAULT_SEGV, FAULT_ABORT, FAULT_LOOP, FAULT_STOP};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool stopped = false;
        for (uint64_t ms = 300; ms < 20000 && !stopped && !shim_failed(); ms *= 2)
            stopped = stop_that(kinds[i], ms);
        EXPECT_TRUE(stopped);
    }
}

/* ---- The pool ------------------------------------------------------------------------------ */

FAN_TEST(pool, items_that_all_crash_do_not_drain_it)
{
    enum { COUNT = 24 };
    fault_order orders[COUNT];
    fault_marks marks;
    fan_executor *executor = fault_open(3);
    if (!executor || !fault_marks_open(&marks, COUNT))
        return;
    for (size_t i = 0; i < COUNT; i++)
        orders[i] = (fault_order){.stage = FAULT_RUN, .kind = FAULT_ABORT, .mark = i};
    matrix m = {.orders = orders, .marks = &marks};
    EXPECT_I64(
        fan_map(executor, &task_fault, fan_source_array(orders, sizeof *orders, COUNT),
                fan_sink_callback(see, &m),
                &(fan_map_options){.args = marks.path, .args_size = strlen(marks.path), .batch = 1},
                NULL),
        FAN_OK);
    EXPECT_U64(m.faults, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        EXPECT_U64(atomic_load(&marks.counts[i]), 3); /* the limit is kept exactly */
    fault_expect_children(3);
    expect_whole(executor, &marks);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
    fault_marks_close(&marks);
}

/* What a task starts is the task's own: it lives on when its worker dies, and holds nothing of the
 * executor that would keep the worker's end from being seen. */
FAN_TEST(pool, what_a_task_starts_does_not_hide_its_end)
{
    fan_executor *executor = fault_open(1);
    static const char *const inputs[] = {"calm", "crash", "calm"};
    if (!executor)
        return;
    for (size_t i = 0; i < 3; i++) {
        fan_future *future = NULL;
        fan_outcome outcome = {0};
        int64_t pid = 0;
        EXPECT_I64(
            fan_submit(executor, &task_grandchild, inputs[i], strlen(inputs[i]), NULL, &future),
            FAN_OK);
        EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(120000), &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, i == 1 ? FAN_OUTCOME_LOST : FAN_OUTCOME_OK);
        if (outcome.size == sizeof pid)
            memcpy(&pid, outcome.bytes, sizeof pid);
        if (pid > 1)
            EXPECT_I64(kill((pid_t)pid, SIGKILL), 0); /* it lives */
        fan_future_release(future);
    }
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
}
