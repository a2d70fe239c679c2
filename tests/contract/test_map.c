/* Map and its outcomes: each item once, the same bytes for any workers and batch size. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "contract.h"
#include "tasks.h"

static uint64_t *numbers(uint64_t count)
{
    uint64_t *x = malloc((count ? count : 1) * sizeof *x);
    for (uint64_t i = 0; x && i < count; i++)
        x[i] = i * 2654435761u + 12345;
    return x;
}

/* ---- Same bytes ---------------------------------------------------------------------------- */

static void map_squares(fan_executor *executor, void *context)
{
    static const size_t batches[] = {1, 7, 0, 1000};
    uint64_t count = *(uint64_t *)context;
    uint64_t *x = numbers(count), *y = malloc(count * sizeof *y);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        fan_summary summary;
        memset(y, 0xff, count * sizeof *y);
        fan_status status = fan_map(executor, &task_square, fan_source_array(x, sizeof *x, count),
                                    fan_sink_array(y, sizeof *y, count),
                                    &(fan_map_options){.batch = batches[b]}, &summary);
        EXPECT_STR(fan_status_name(status), "FAN_OK");
        EXPECT_U64(summary.ok, count);
        uint64_t wrong = 0;
        for (uint64_t i = 0; i < count; i++)
            wrong += y[i] != x[i] * x[i];
        EXPECT_U64(wrong, 0);
    }
    free(x);
    free(y);
}

CONTRACT(map_same_bytes_for_any_workers_and_batch)
{
    uint64_t count = 1000;
    for (unsigned workers = 1; workers <= 5; workers++)
        contract_with(target, (fan_executor_options){.workers = workers}, map_squares, &count);
}

static void map_million(fan_executor *executor, void *context)
{
    (void)context;
    uint64_t count = 1000000, wrong = 0;
    uint64_t *y = calloc(count, sizeof *y);
    fan_summary summary;
    fan_status status = fan_map(executor, &task_square, fan_source_range(0, count),
                                fan_sink_array(y, sizeof *y, count), NULL, &summary);
    EXPECT_STR(fan_status_name(status), "FAN_OK");
    EXPECT_U64(summary.items, count);
    for (uint64_t i = 0; i < count; i++)
        wrong += y[i] != i * i;
    EXPECT_U64(wrong, 0);
    free(y);
}

CONTRACT(map_million_tiny_items)
{
    contract_with(target, (fan_executor_options){.workers = 2}, map_million, NULL);
}

/* ---- Each item once ------------------------------------------------------------------------ */

typedef struct census {
    unsigned char *seen;
    uint64_t count, first, next;
    bool ordered;
    uint64_t kinds[5];
} census;

static fan_status take_census(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    census *c = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        uint64_t place = outcomes[i].index - c->first;
        if (place >= c->count || c->seen[place]++ || (c->ordered && place != c->next++))
            return FAN_E_ARGUMENT;
        c->kinds[outcomes[i].kind]++;
    }
    return FAN_OK;
}

static void each_once(fan_executor *executor, void *context)
{
    uint64_t count = 5000;
    census c = {.seen = calloc(count, 1), .count = count, .first = 77, .ordered = context != NULL};
    fan_status status = fan_map(
        executor, &task_text, fan_source_range(77, count), fan_sink_callback(take_census, &c),
        &(fan_map_options){.batch = 3, .order = c.ordered ? FAN_ORDER_INDEX : FAN_ORDER_COMPLETED},
        NULL);
    EXPECT_STR(fan_status_name(status), "FAN_OK");
    EXPECT_U64(c.kinds[FAN_OUTCOME_OK], count);
    free(c.seen);
}

CONTRACT(map_gives_each_item_once_in_index_order)
{
    int ordered = 1;
    contract_with(target, (fan_executor_options){.workers = 3}, each_once, &ordered);
}

CONTRACT(map_gives_each_item_once_as_completed)
{
    contract_with(target, (fan_executor_options){.workers = 3}, each_once, NULL);
}

/* ---- Outcomes of moody tasks --------------------------------------------------------------- */

static fan_status check_moody(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    uint64_t *seen = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        char text[32];
        snprintf(text, sizeof text, "%s%llu", o->index % 10 == 3 ? "bad " : "",
                 (unsigned long long)o->index);
        bool fails = o->index % 10 >= 3 && o->index % 10 <= 5;
        EXPECT_I64(o->kind, fails ? FAN_OUTCOME_FAILED : FAN_OUTCOME_OK);
        EXPECT_I64(o->attempt, 1);
        if (o->index % 10 == 3)
            EXPECT_STR(o->text, text);
        else if (o->index % 10 == 4)
            EXPECT_STR(o->text, "the task gave no reply");
        else if (o->index % 10 == 5)
            EXPECT_STR(o->text, fan_status_text(FAN_E_NOT_FINITE));
        else
            EXPECT_TRUE(o->size == strlen(text) && !memcmp(o->bytes, text, o->size));
        ++*seen;
    }
    return FAN_OK;
}

static void map_moody(fan_executor *executor, void *context)
{
    (void)context;
    for (size_t batch = 1; batch <= 64; batch *= 4) {
        uint64_t seen = 0, x[200];
        for (uint64_t i = 0; i < 200; i++)
            x[i] = i;
        fan_summary summary;
        fan_status status = fan_map(executor, &task_moody, fan_source_array(x, 8, 200),
                                    fan_sink_callback(check_moody, &seen),
                                    &(fan_map_options){.batch = batch}, &summary);
        EXPECT_STR(fan_status_name(status), "FAN_OK");
        EXPECT_U64(seen, 200);
        EXPECT_U64(summary.failed, 60);
        EXPECT_U64(summary.ok, 140);
    }
}

CONTRACT(map_failed_items_carry_their_text)
{
    contract_with(target, (fan_executor_options){.workers = 2}, map_moody, NULL);
}

static void map_refused(fan_executor *executor, void *context)
{
    (void)context;
    census c = {.seen = calloc(50, 1), .count = 50, .ordered = true};
    fan_status status = fan_map(executor, &task_refuse, fan_source_range(0, 50),
                                fan_sink_callback(take_census, &c), NULL, NULL);
    EXPECT_STR(fan_status_name(status), "FAN_OK");
    EXPECT_U64(c.kinds[FAN_OUTCOME_FAILED], 50);
    free(c.seen);
}

static void map_turned(fan_executor *executor, void *context)
{
    (void)context;
    census c = {.seen = calloc(50, 1), .count = 50, .ordered = true};
    fan_status status = fan_map(executor, &task_turn, fan_source_range(0, 50),
                                fan_sink_callback(take_census, &c), NULL, NULL);
    EXPECT_STR(fan_status_name(status), "FAN_OK");
    EXPECT_U64(c.kinds[FAN_OUTCOME_FAILED], 50);
    free(c.seen);
}

CONTRACT(map_item_whose_function_ends_badly_fails_though_it_replied)
{
    contract_with(target, (fan_executor_options){.workers = 2}, map_turned, NULL);
}

CONTRACT(map_task_that_refuses_fails_its_items)
{
    contract_with(target, (fan_executor_options){.workers = 2}, map_refused, NULL);
}

/* ---- Nothing, and empty things ------------------------------------------------------------- */

static void map_nothing(fan_executor *executor, void *context)
{
    (void)context;
    fan_summary summary;
    fan_outcome outcome;
    fan_future *future;
    EXPECT_I64(fan_map(executor, &task_square, fan_source_range(0, 0), fan_sink_array(NULL, 8, 0),
                       NULL, &summary),
               FAN_OK);
    EXPECT_U64(summary.items, 0);
    census c = {.seen = calloc(1000, 1), .count = 1000, .ordered = true};
    EXPECT_I64(fan_map(executor, &task_echo, fan_source_array("", 0, 1000),
                       fan_sink_callback(take_census, &c), NULL, &summary),
               FAN_OK);
    EXPECT_U64(c.kinds[FAN_OUTCOME_OK], 1000);
    free(c.seen);
    ASSERT_I64(fan_submit(executor, &task_echo, NULL, 0, NULL, &future), FAN_OK);
    ASSERT_I64(fan_future_result(future, fan_deadline_in_ms(30000), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    EXPECT_U64(outcome.size, 0);
    fan_future_release(future);
}

CONTRACT(map_empty_payloads_and_no_items)
{
    contract_with(target, (fan_executor_options){.workers = 2}, map_nothing, NULL);
}

/* ---- Large things -------------------------------------------------------------------------- */

static void echo_large(fan_executor *executor, void *context)
{
    size_t size = *(size_t *)context;
    unsigned char *bytes = malloc(size);
    fan_future *future;
    fan_outcome outcome;
    ASSERT_TRUE(bytes != NULL);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    for (int round = 0; round < 2; round++) {
        ASSERT_I64(fan_submit(executor, &task_echo, bytes, size, NULL, &future), FAN_OK);
        ASSERT_I64(fan_future_result(future, fan_deadline_in_ms(120000), &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
        EXPECT_TRUE(outcome.size == size && !memcmp(outcome.bytes, bytes, size));
        fan_future_release(future);
    }
    free(bytes);
}

CONTRACT(payload_of_100_mb_both_ways)
{
    size_t size = 100000000;
    contract_with(target, (fan_executor_options){.workers = 2}, echo_large, &size);
}

static void echo_sizes(fan_executor *executor, void *context)
{
    for (size_t size = 1; size < (size_t)8 << 20; size = size * 3 + 1)
        echo_large(executor, &size);
    (void)context;
}

CONTRACT(payload_of_any_size)
{
    contract_with(target, (fan_executor_options){.workers = 2}, echo_sizes, NULL);
}

static fan_status check_limit(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    (void)user, (void)error;
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i].index == 1) {
            EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_FAILED);
            EXPECT_CONTAINS(outcomes[i].text, "5000");
            EXPECT_CONTAINS(outcomes[i].text, "4096");
        } else {
            EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        }
    }
    return FAN_OK;
}

static void reply_limit(fan_executor *executor, void *context)
{
    (void)context;
    uint64_t sizes[] = {4096, 5000, 0, 4096};
    EXPECT_I64(fan_map(executor, &task_grow, fan_source_array(sizes, 8, 4),
                       fan_sink_callback(check_limit, NULL), &(fan_map_options){.batch = 4}, NULL),
               FAN_OK);
}

static fan_status check_wide(void *user, const fan_outcome *outcomes, size_t count,
                             fan_error *error)
{
    (void)error;
    for (size_t i = 0; i < count; i++) {
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_FAILED);
        EXPECT_CONTAINS(outcomes[i].text, "5000");
        EXPECT_CONTAINS(outcomes[i].text, "4096");
    }
    *(uint64_t *)user += count;
    return FAN_OK;
}

static void array_limit(fan_executor *executor, void *context)
{
    uint64_t seen = 0;
    (void)context;
    EXPECT_I64(fan_map(executor, &task_wide, fan_source_range(0, 10),
                       fan_sink_callback(check_wide, &seen), &(fan_map_options){.batch = 4}, NULL),
               FAN_OK);
    EXPECT_U64(seen, 10);
}

CONTRACT(reply_array_above_the_limit_fails_its_items_with_both_sizes)
{
    contract_with(target, (fan_executor_options){.workers = 1, .reply_limit = 4096}, array_limit,
                  NULL);
}

CONTRACT(reply_above_the_limit_fails_its_item_with_both_sizes)
{
    contract_with(target, (fan_executor_options){.workers = 1, .reply_limit = 4096}, reply_limit,
                  NULL);
}

/* ---- Ending early -------------------------------------------------------------------------- */

typedef struct breaker {
    uint64_t given, after;
} breaker;

static fan_status broken_sink(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    breaker *b = user;
    (void)outcomes;
    b->given += count;
    if (b->given < b->after)
        return FAN_OK;
    error->status = FAN_E_OUTPUT;
    strcpy(error->text, "the disk is full");
    return FAN_E_OUTPUT;
}

static fan_status broken_source(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                                fan_error *error)
{
    breaker *b = user;
    (void)max_items, (void)max_bytes;
    if (b->given++ < b->after) {
        items->count = 1;
        return FAN_OK;
    }
    error->status = FAN_E_INPUT;
    strcpy(error->text, "the tape tore");
    return FAN_E_INPUT;
}

static fan_status endless_source(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                                 fan_error *error)
{
    (void)user, (void)max_bytes, (void)error;
    items->count = max_items;
    return FAN_OK;
}

static bool stop_after(void *user)
{
    breaker *b = user;
    return b->given++ >= b->after;
}

static void end_early(fan_executor *executor, void *context)
{
    (void)context;
    fan_summary summary;
    breaker sink = {.after = 100}, source = {.after = 20}, stop = {.after = 5},
            count = {.after = UINT64_MAX};
    EXPECT_I64(fan_map(executor, &task_text, fan_source_callback(endless_source, NULL, UINT64_MAX),
                       fan_sink_callback(broken_sink, &sink), NULL, &summary),
               FAN_E_OUTPUT);
    EXPECT_STR(summary.error.text, "the disk is full");
    EXPECT_I64(fan_map(executor, &task_text,
                       fan_source_callback(broken_source, &source, UINT64_MAX),
                       fan_sink_callback(broken_sink, &count), NULL, &summary),
               FAN_E_INPUT);
    EXPECT_STR(summary.error.text, "the tape tore");
    EXPECT_I64(fan_map(executor, &task_text, fan_source_callback(endless_source, NULL, UINT64_MAX),
                       fan_sink_callback(broken_sink, &count),
                       &(fan_map_options){.stop = stop_after, .stop_user = &stop}, &summary),
               FAN_E_CANCELLED);
    uint64_t one = 1, y;
    EXPECT_I64(fan_map(executor, &task_square, fan_source_array(&one, 8, 1),
                       fan_sink_array(&y, 8, 1), NULL, NULL),
               FAN_OK); /* it still works */
    EXPECT_U64(y, 1);
}

CONTRACT(map_ends_with_the_error_of_its_source_sink_or_stop)
{
    contract_with(target, (fan_executor_options){.workers = 2}, end_early, NULL);
}

/* ---- The pull form ------------------------------------------------------------------------- */

static void pull_form(fan_executor *executor, void *context)
{
    (void)context;
    fan_mapping *mapping;
    fan_error error = {0};
    fan_outcome outcome;
    fan_summary summary;
    uint64_t next = 0;
    ASSERT_I64(
        fan_map_begin(executor, &task_square, fan_source_range(0, 500), NULL, &mapping, &error),
        FAN_OK);
    while (fan_map_next(mapping, fan_deadline_in_ms(30000), &outcome, &error) == FAN_OK) {
        uint64_t y;
        EXPECT_U64(outcome.index, next);
        memcpy(&y, outcome.bytes, sizeof y);
        EXPECT_U64(y, next * next);
        next++;
    }
    EXPECT_U64(next, 500);
    fan_map_end(mapping, &summary, sizeof summary);
    EXPECT_U64(summary.ok, 500);
    /* Left in the middle: nothing hangs, nothing leaks. */
    ASSERT_I64(
        fan_map_begin(executor, &task_square, fan_source_range(0, 100000), NULL, &mapping, &error),
        FAN_OK);
    EXPECT_I64(fan_map_next(mapping, fan_deadline_in_ms(30000), &outcome, &error), FAN_OK);
    fan_map_end(mapping, &summary, sizeof summary);
    EXPECT_TRUE(summary.items >= 1);
}

CONTRACT(map_pull_form)
{
    contract_with(target, (fan_executor_options){.workers = 2}, pull_form, NULL);
}

/* ---- Bounds -------------------------------------------------------------------------------- */

typedef struct meter {
    uint64_t pulled, put, most;
} meter;

static fan_status metered_source(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                                 fan_error *error)
{
    meter *m = user;
    (void)max_items, (void)max_bytes, (void)error;
    items->count = m->pulled < 3000;
    m->pulled += items->count;
    if (m->pulled - m->put > m->most)
        m->most = m->pulled - m->put;
    return FAN_OK;
}

static fan_status metered_sink(void *user, const fan_outcome *outcomes, size_t count,
                               fan_error *error)
{
    meter *m = user;
    (void)outcomes, (void)error;
    m->put += count;
    return FAN_OK;
}

static void bounded(fan_executor *executor, void *context)
{
    (void)context;
    meter m = {0};
    EXPECT_I64(fan_map(executor, &task_square, fan_source_callback(metered_source, &m, UINT64_MAX),
                       fan_sink_callback(metered_sink, &m), NULL, NULL),
               FAN_OK);
    EXPECT_U64(m.put, 3000);
    EXPECT_TRUE(m.most <= 11); /* the limit, and the one that is being pulled */
}

CONTRACT(map_never_holds_more_items_than_the_queue_limit)
{
    contract_with(target, (fan_executor_options){.workers = 2, .queue_items = 10}, bounded, NULL);
}

static fan_status greedy_source(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                                fan_error *error)
{
    meter *m = user;
    (void)max_bytes, (void)error;
    items->count = m->pulled < 3000 ? max_items : 0;
    m->pulled += items->count;
    if (m->pulled - m->put > m->most)
        m->most = m->pulled - m->put;
    return FAN_OK;
}

static void bounded_batches(fan_executor *executor, void *context)
{
    (void)context;
    for (size_t batch = 0; batch <= 1000; batch = batch * 10 + 1) {
        meter m = {0};
        EXPECT_I64(
            fan_map(executor, &task_square, fan_source_callback(greedy_source, &m, UINT64_MAX),
                    fan_sink_callback(metered_sink, &m), &(fan_map_options){.batch = batch}, NULL),
            FAN_OK);
        EXPECT_TRUE(m.put >= 3000);
        EXPECT_TRUE(m.most <= 10);
    }
}

CONTRACT(map_never_holds_more_items_than_the_queue_limit_in_batches)
{
    contract_with(target, (fan_executor_options){.workers = 2, .queue_items = 10}, bounded_batches,
                  NULL);
}

static fan_status sized_source(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                               fan_error *error)
{
    static const unsigned char zeroes[4000];
    meter *m = user;
    (void)error;
    size_t fitting = max_bytes / 100;
    if (fitting > max_items)
        fitting = max_items;
    if (fitting > sizeof zeroes / 100)
        fitting = sizeof zeroes / 100;
    *items = (fan_items){.bytes = zeroes, .size = 100, .count = fitting ? fitting : 1};
    if (m->pulled >= 3000)
        items->count = 0;
    m->pulled += items->count;
    if (m->pulled - m->put > m->most)
        m->most = m->pulled - m->put;
    return FAN_OK;
}

/* 100 bytes of input an item and a reply of none: at most 10 are inside, and one that is over. */
static void bounded_bytes(fan_executor *executor, void *context)
{
    meter m = {0};
    (void)context;
    EXPECT_I64(fan_map(executor, &task_square, fan_source_callback(sized_source, &m, UINT64_MAX),
                       fan_sink_callback(metered_sink, &m), &(fan_map_options){.batch = 50}, NULL),
               FAN_OK);
    EXPECT_TRUE(m.put >= 3000);
    EXPECT_TRUE(m.most <= 200); /* finished ones count by their replies of 8 bytes */
}

CONTRACT(map_never_holds_more_bytes_than_the_queue_limit)
{
    contract_with(target, (fan_executor_options){.workers = 2, .queue_bytes = 1000}, bounded_bytes,
                  NULL);
}

static fan_status pull_offsets_only(void *user, size_t max_items, size_t max_bytes,
                                    fan_items *items, fan_error *error)
{
    static const uint64_t offsets[] = {0, 8};
    (void)user, (void)max_items, (void)max_bytes, (void)error;
    *items = (fan_items){.offsets = offsets, .count = 1};
    return FAN_OK;
}

static void no_arrays(fan_executor *executor, void *context)
{
    uint64_t y[4], x[4] = {0};
    (void)context;
    EXPECT_I64(fan_map(executor, &task_square, fan_source_array(NULL, 8, 4),
                       fan_sink_array(y, 8, 4), NULL, NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_map(executor, &task_square, fan_source_array(x, 8, 4),
                       fan_sink_array(NULL, 8, 4), NULL, NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_map(executor, &task_square, fan_source_array(x, 8, UINT64_MAX / 4),
                       fan_sink_array(y, 8, 4), NULL, NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_map(executor, &task_square, fan_source_array(x, 8, 4), fan_sink_array(y, 8, 4),
                       &(fan_map_options){.args_size = 3}, NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_map(executor, &task_echo,
                       fan_source_callback(pull_offsets_only, NULL, UINT64_MAX),
                       fan_sink_array(y, 8, 4), NULL, NULL),
               FAN_E_ARGUMENT);
}

CONTRACT(map_refuses_arrays_that_are_not_there)
{
    contract_with(target, (fan_executor_options){.workers = 1}, no_arrays, NULL);
}

/* ---- Who ran it, when, and how long --------------------------------------------------------- */

typedef struct timed_map {
    bool timed;
    int64_t begun_ns;
    unsigned seen;
} timed_map;

#define S INT64_C(1000000000)

static int64_t calendar_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * S + now.tv_nsec;
}

static fan_status check_timed(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    timed_map *t = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        EXPECT_TRUE((o->worker != NULL) == t->timed);
        if (t->timed) {
            EXPECT_TRUE(strchr(o->worker, '/') != NULL);
            EXPECT_U64(o->run_items, 1);
            EXPECT_TRUE(o->run_ns >= 1000000 * (o->index ? 5 : 30));
            /* To a minute: the calendar's clock may be set meanwhile. */
            EXPECT_TRUE(o->began_ns >= t->begun_ns - 60 * S);
            EXPECT_TRUE(o->began_ns + (int64_t)o->run_ns <= calendar_ns() + 60 * S);
        } else {
            EXPECT_I64(o->began_ns, 0);
        }
        t->seen++;
    }
    return FAN_OK;
}

static void timed(fan_executor *executor, void *context)
{
    uint64_t ms[5] = {30, 5, 5, 5, 5};
    (void)context;
    for (int i = 0; i < 2; i++) {
        timed_map t = {.timed = i, .begun_ns = calendar_ns()};
        EXPECT_I64(fan_map(executor, &task_wait, fan_source_array(ms, sizeof *ms, 5),
                           fan_sink_callback(check_timed, &t), &(fan_map_options){.timed = t.timed},
                           NULL),
                   FAN_OK);
        EXPECT_U64(t.seen, 5);
    }
}

CONTRACT(map_says_who_ran_what_when_and_how_long_where_it_is_asked)
{
    contract_with(target, (fan_executor_options){.workers = 2}, timed, NULL);
}

/* ---- A source that numbers its items ------------------------------------------------------- */

typedef struct gaps {
    uint64_t next, end;
    uint64_t back; /* so far back from where it is (once, in the middle) */
    uint64_t given, seen;
    fan_order order;
} gaps;

/* Up to three indices, then as many are left out. */
static fan_status pull_gaps(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                            fan_error *error)
{
    gaps *g = user;
    (void)max_bytes, (void)error;
    if (g->next >= g->end)
        return FAN_OK;
    if (g->next > g->end / 2 && g->back) {
        g->next -= g->back;
        g->back = 0;
    }
    items->first = g->next;
    items->count = max_items < 3 ? max_items : 3;
    g->given += items->count;
    g->next += 2 * items->count;
    return FAN_OK;
}

static fan_status check_gaps(void *user, const fan_outcome *outcomes, size_t count,
                             fan_error *error)
{
    gaps *g = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        uint64_t square = outcomes[i].index * outcomes[i].index;
        EXPECT_TRUE(outcomes[i].size == 8 && !memcmp(outcomes[i].bytes, &square, 8));
        EXPECT_TRUE(outcomes[i].index / 3 % 2 == 0); /* batches hold three */
        if (g->order == FAN_ORDER_INDEX)
            EXPECT_U64(outcomes[i].index, g->seen / 3 * 6 + g->seen % 3);
        g->seen++;
    }
    return FAN_OK;
}

static void numbered(fan_executor *executor, void *context)
{
    static const fan_order orders[] = {FAN_ORDER_INDEX, FAN_ORDER_COMPLETED};
    (void)context;
    for (size_t i = 0; i < 2; i++) {
        gaps g = {.end = 600, .order = orders[i]};
        fan_source source = fan_source_callback(pull_gaps, &g, UINT64_MAX);
        source.numbered = true;
        EXPECT_I64(fan_map(executor, &task_square, source, fan_sink_callback(check_gaps, &g),
                           &(fan_map_options){.order = orders[i], .batch = 3}, NULL),
                   FAN_OK);
        EXPECT_U64(g.given, 300);
        EXPECT_U64(g.seen, 300);
    }
}

CONTRACT(map_leaves_out_what_its_source_leaves_out)
{
    contract_with(target, (fan_executor_options){.workers = 2}, numbered, NULL);
}

static void numbered_wrongly(fan_executor *executor, void *context)
{
    uint64_t y[4], x[4] = {0};
    fan_buffer result;
    fan_summary summary;
    gaps g = {.end = 600, .back = 4, .order = FAN_ORDER_COMPLETED};
    fan_source source = fan_source_callback(pull_gaps, &g, UINT64_MAX);
    (void)context;
    source.numbered = true;
    EXPECT_I64(fan_map(executor, &task_square, source, fan_sink_callback(check_gaps, &g),
                       &(fan_map_options){.order = g.order, .batch = 3}, &summary),
               FAN_E_ARGUMENT);
    EXPECT_CONTAINS(summary.error.text, "from index 302 on; the next index is 303");
    EXPECT_I64(fan_fold(executor, &task_square, source, &(fan_fold_plan){.combine = &task_add},
                        &result, NULL),
               FAN_E_ARGUMENT);
    source = fan_source_array(x, 8, 4);
    source.numbered = true;
    EXPECT_I64(fan_map(executor, &task_square, source, fan_sink_array(y, 8, 4), NULL, NULL),
               FAN_E_ARGUMENT);
}

CONTRACT(map_refuses_indices_that_go_back)
{
    contract_with(target, (fan_executor_options){.workers = 2}, numbered_wrongly, NULL);
}
