/* A trace names every item once, with the worker that ran it. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract.h"
#include "contract/trace_file.h"
#include "tasks.h"

enum { ITEMS = 2000, MOODY = 200, FUTURES = 40, CRASHES = 60, GUILTY = 41 };

static fan_status take(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    (void)error;
    for (size_t i = 0; i < count; i++)
        *(uint64_t *)user += outcomes[i].kind != FAN_OUTCOME_OK;
    return FAN_OK;
}

typedef struct traced {
    uint64_t failed;
    bool ran, isolates;
    unsigned workers;
    uint64_t crash_index;
} traced;

static void submit_some(fan_executor *executor)
{
    fan_future *futures[FUTURES] = {0};
    for (size_t i = 0; i < FUTURES; i++)
        EXPECT_I64(fan_submit(executor, &task_echo, "x", 1, NULL, &futures[i]), FAN_OK);
    EXPECT_I64(fan_wait_all(futures, FUTURES, FAN_FOREVER), FAN_OK);
    for (size_t i = 0; i < FUTURES; i++)
        fan_future_release(futures[i]);
}

static void work(fan_executor *executor, void *context)
{
    traced *t = context;
    uint64_t unused = 0;
    fan_executor_stats stats = {0};
    EXPECT_I64(fan_map(executor, &task_square, fan_source_range(7, ITEMS),
                       fan_sink_callback(take, &unused), NULL, NULL),
               FAN_OK);
    uint64_t moods[MOODY];
    for (uint64_t i = 0; i < MOODY; i++)
        moods[i] = i;
    EXPECT_I64(fan_map(executor, &task_moody, fan_source_array(moods, sizeof *moods, MOODY),
                       fan_sink_callback(take, &t->failed),
                       &(fan_map_options){.batch = 16, .order = FAN_ORDER_COMPLETED}, NULL),
               FAN_OK);
    submit_some(executor);
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    t->workers = stats.workers;
    t->ran = true;
}

static uint64_t sum_of_failed(const trace_file *trace)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < trace->count; i++) {
        const trace_event *e = &trace->events[i];
        sum += e->again ? 0 : e->failed;
        if (e->failed) {
            EXPECT_TRUE(e->outcome[0] != '\0');
            EXPECT_TRUE(e->first_failed >= e->item && e->first_failed < e->item + e->count);
            EXPECT_TRUE(e->first_failed % 10 >= 3 && e->first_failed % 10 <= 5);
        }
    }
    return sum;
}

static uint64_t events_of(const trace_file *trace, const char *task)
{
    uint64_t count = 0;
    for (size_t i = 0; i < trace->count; i++)
        count += strcmp(trace->events[i].name, task) == 0;
    return count;
}

CONTRACT(trace_has_every_item_once)
{
    char path[64];
    fan_trace *trace = NULL;
    fan_error error = {0};
    trace_file file = {0};
    traced t = {0};
    trace_name(path);
    ASSERT_I64(fan_trace_open(path, &trace, &error), FAN_OK);
    contract_with(target, (fan_executor_options){.workers = 2, .trace = trace}, work, &t);
    SHIM_CHECK(fan_trace_close(trace, &error) == FAN_OK, (void)0, "%s", error.text);
    if (t.ran && trace_read(path, &file)) {
        EXPECT_U64(file.dropped, 0);
        EXPECT_TRUE(file.row_count >= 1 && file.row_count <= t.workers);
        trace_expect_items(&file, task_square.name, 7, ITEMS, true);
        trace_expect_items(&file, task_moody.name, 0, MOODY, true);
        EXPECT_U64(events_of(&file, task_echo.name), FUTURES);
        EXPECT_U64(sum_of_failed(&file), t.failed);
        EXPECT_TRUE(t.failed > 0);
    }
    trace_clear(&file);
    unlink(path);
}

static void crash(fan_executor *executor, void *context)
{
    traced *t = context;
    crash_order order = {.index = GUILTY, .how = SIGKILL};
    t->isolates = fan_executor_capabilities(executor) & FAN_CAP_ISOLATES;
    if (!t->isolates)
        return;
    EXPECT_I64(fan_map(executor, &task_crash, fan_source_range(0, CRASHES),
                       fan_sink_callback(take, &t->failed),
                       &(fan_map_options){.args = &order, .args_size = sizeof order, .batch = 8},
                       NULL),
               FAN_OK);
    EXPECT_U64(t->failed, 1); /* the fault fired */
    t->ran = true;
}

static void expect_crash(const trace_file *file)
{
    bool lost = false, again = false;
    trace_expect_items(file, task_crash.name, 0, CRASHES, false);
    for (size_t i = 0; i < file->count; i++) {
        const trace_event *e = &file->events[i];
        bool guilty = GUILTY >= e->item && GUILTY < e->item + e->count;
        again |= e->again && guilty;
        lost |= !e->again && guilty && strcmp(e->outcome, "lost") == 0 && e->count == 1;
    }
    EXPECT_TRUE(lost);
    EXPECT_TRUE(again);
}

CONTRACT(trace_shows_what_ran_again)
{
    char path[64];
    fan_trace *trace = NULL;
    fan_error error = {0};
    trace_file file = {0};
    traced t = {0};
    trace_name(path);
    ASSERT_I64(fan_trace_open(path, &trace, &error), FAN_OK);
    contract_with(target, (fan_executor_options){.workers = 2, .trace = trace}, crash, &t);
    SHIM_CHECK(fan_trace_close(trace, &error) == FAN_OK, (void)0, "%s", error.text);
    bool over_ranks = target->plugin != NULL; /* there the rank's own front runs it again */
    if (t.ran && !over_ranks && trace_read(path, &file))
        expect_crash(&file);
    trace_clear(&file);
    unlink(path);
    if (!t.isolates)
        SKIP("%s does not isolate its items", target->name);
}
