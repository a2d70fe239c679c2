/* Maps that are stopped: nothing more is handed out, and what runs is still given while there is
 * time, without a gap. */
#include <time.h>

#include "contract.h"
#include "tasks.h"

enum { ITEMS = 40 };

typedef struct stopping {
    fan_order order;
    bool hurried;           /* hurry is true at once */
    bool source_is_stopped; /* the source answers FAN_E_CANCELLED where stop was asked for */
    uint64_t ms[ITEMS];     /* what each item takes */
    size_t count;
    uint64_t given[ITEMS]; /* indices of outcomes */
    size_t outcomes, wrong;
    size_t hurries; /* how often hurry was asked */
    uint64_t pulled;
} stopping;

static bool after_first(void *user)
{
    return ((const stopping *)user)->outcomes > 0;
}

static bool hurry(void *user)
{
    stopping *s = user;
    s->hurries++;
    return s->hurried;
}

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    stopping *s = user;
    (void)max_items, (void)max_bytes, (void)error;
    if (s->source_is_stopped && after_first(s))
        return FAN_E_CANCELLED;
    items->count = s->pulled < s->count;
    items->bytes = (const unsigned char *)&s->ms[s->pulled];
    items->size = sizeof *s->ms;
    s->pulled += items->count;
    return FAN_OK;
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    stopping *s = user;
    (void)error;
    for (size_t i = 0; i < count && s->outcomes < ITEMS; i++) {
        s->given[s->outcomes++] = outcomes[i].index;
        s->wrong += outcomes[i].kind != FAN_OUTCOME_OK;
    }
    return FAN_OK;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool runs_beside(const fan_executor *executor)
{
    return strcmp(fan_executor_name(executor), "serial") != 0;
}

static fan_status stopped_map(fan_executor *executor, stopping *s)
{
    fan_summary summary;
    fan_map_options options = {
        .order = s->order, .batch = 1, .stop = after_first, .hurry = hurry, .stop_user = s};
    fan_status status = fan_map(executor, &task_wait, fan_source_callback(pull, s, UINT64_MAX),
                                fan_sink_callback(put, s), &options, &summary);
    EXPECT_U64(s->wrong, 0);
    EXPECT_U64(summary.items, s->outcomes);
    uint64_t one = 3, y = 0; /* it works on */
    EXPECT_I64(fan_map(executor, &task_square, fan_source_array(&one, 8, 1),
                       fan_sink_array(&y, 8, 1), NULL, NULL),
               FAN_OK);
    EXPECT_U64(y, 9);
    return status;
}

/* ---- Time to end --------------------------------------------------------------------------- */

enum { ROUNDS = 10 };

static void stop_once(fan_executor *executor, bool source_is_stopped, stopping *s)
{
    *s = (stopping){.count = ITEMS, .source_is_stopped = source_is_stopped};
    for (size_t i = 0; i < ITEMS; i++)
        s->ms[i] = i ? 400 : 250; /* time for a second worker to begin */
    EXPECT_I64(stopped_map(executor, s), FAN_E_CANCELLED);
    EXPECT_TRUE(s->outcomes < ITEMS);
    for (size_t i = 0; i < s->outcomes; i++)
        EXPECT_U64(s->given[i], i);
}

/* Item 1 is given too where it ran when item 0 ended: on a busy machine not every time. */
static void stop_in_order(fan_executor *executor, void *context)
{
    stopping s = {.outcomes = 0};
    for (int round = 0; round < ROUNDS && s.outcomes < 2 && !shim_failed(); round++) {
        stop_once(executor, *(bool *)context, &s);
        if (!runs_beside(executor))
            return;
    }
    EXPECT_TRUE(s.outcomes >= 2);
}

CONTRACT(map_stopped_gives_what_still_ends)
{
    contract_with(target, (fan_executor_options){.workers = 2}, stop_in_order, &(bool){false});
}

CONTRACT(map_stopped_with_its_source_gives_what_still_ends)
{
    contract_with(target, (fan_executor_options){.workers = 2}, stop_in_order, &(bool){true});
}

static bool has_first(const stopping *s)
{
    for (size_t i = 0; i < s->outcomes; i++)
        if (s->given[i] == 0)
            return true;
    return false;
}

/* Item 0 is given where it had begun when another ended. */
static void stop_completed(fan_executor *executor, void *context)
{
    stopping s = {.outcomes = 0};
    (void)context;
    for (int round = 0; round < ROUNDS && !has_first(&s) && !shim_failed(); round++) {
        s = (stopping){.count = ITEMS, .order = FAN_ORDER_COMPLETED};
        for (size_t i = 0; i < ITEMS; i++)
            s.ms[i] = i ? 20 : 250;
        EXPECT_I64(stopped_map(executor, &s), FAN_E_CANCELLED);
        EXPECT_TRUE(s.outcomes < ITEMS);
    }
    EXPECT_TRUE(has_first(&s));
}

CONTRACT(map_stopped_as_completed_gives_what_still_ends)
{
    contract_with(target, (fan_executor_options){.workers = 2}, stop_completed, NULL);
}

static void stop_at_end(fan_executor *executor, void *context)
{
    stopping s = {.outcomes = 0};
    (void)context;
    for (int round = 0; round < ROUNDS && s.outcomes < 2 && !shim_failed(); round++) {
        uint32_t slower = 1u << round / 2; /* each time more time for the second one to begin */
        s = (stopping){.count = 2, .ms = {20 * slower, 150 * slower}};
        fan_status status = stopped_map(executor, &s);
        EXPECT_I64(status, s.outcomes == 2 ? FAN_OK : FAN_E_CANCELLED);
        if (!runs_beside(executor))
            return;
    }
    EXPECT_U64(s.outcomes, 2);
}

CONTRACT(map_stopped_when_all_runs_ends_well)
{
    contract_with(target, (fan_executor_options){.workers = 2}, stop_at_end, NULL);
}

/* ---- No time ------------------------------------------------------------------------------- */

static void stop_hurried(fan_executor *executor, void *context)
{
    (void)context;
    stopping s = {.count = ITEMS, .hurried = true};
    for (size_t i = 0; i < ITEMS; i++)
        s.ms[i] = i ? 300000 : 20; /* they end when they are asked to */
    int64_t begun = now_ms();
    EXPECT_I64(stopped_map(executor, &s), FAN_E_CANCELLED);
    EXPECT_TRUE(now_ms() - begun < 120000);
    EXPECT_U64(s.outcomes, 1);
}

CONTRACT(map_stopped_in_a_hurry_drops_what_runs)
{
    contract_with(target, (fan_executor_options){.workers = 2}, stop_hurried, NULL);
}
