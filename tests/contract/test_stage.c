/* An executor as a stage of a pipeline. */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"
#include "fanfold/stage.h"
#include "tasks.h"

enum { WAIT_MS = 60000, ITEMS = 60 };

typedef struct parcel {
    uint64_t number;
    char reply[32];
    bool fetched, stored;
} parcel;

static fan_status fetch(const fan_step *step, void **item, fan_error *error)
{
    parcel *p = *item;
    (void)error;
    p->number = step->index;
    p->fetched = true;
    return FAN_OK;
}

static fan_status store(const fan_step *step, void **item, fan_error *error)
{
    parcel *p = *item;
    (void)error;
    (void)step;
    EXPECT_TRUE(p->reply[0]);
    p->stored = true;
    return FAN_OK;
}

static fan_status give_number(void *user, void *item, const void **bytes, size_t *size,
                              fan_error *error)
{
    const parcel *p = item;
    (void)user;
    (void)error;
    EXPECT_TRUE(p->fetched);
    *bytes = &p->number;
    *size = sizeof p->number;
    return FAN_OK;
}

static fan_status take_text(void *user, void **item, const fan_outcome *outcome, fan_error *error)
{
    parcel *p = *item;
    (void)user;
    (void)error;
    snprintf(p->reply, sizeof p->reply, "%.*s", (int)outcome->size, (const char *)outcome->bytes);
    return FAN_OK;
}

static void expect_passed(const fan_passed *passed, const parcel *parcels)
{
    uint64_t last_digit = passed->index % 10;
    const parcel *p = passed->item;
    char text[32];
    EXPECT_TRUE(p == &parcels[passed->index]);
    snprintf(text, sizeof text, "%d", (int)passed->index);
    if (last_digit >= 3 && last_digit <= 5) { /* task_moody's */
        EXPECT_I64(passed->kind, FAN_OUTCOME_FAILED);
        EXPECT_I64(passed->status, FAN_E_FAILED);
        EXPECT_STR(passed->stage_name, "compute");
        if (last_digit == 3)
            EXPECT_CONTAINS(passed->error->text, "bad");
        EXPECT_TRUE(!p->stored);
    } else {
        EXPECT_I64(passed->kind, FAN_OUTCOME_OK);
        EXPECT_STR(p->reply, text);
        EXPECT_TRUE(p->stored);
    }
}

static void pass_through(fan_executor *executor, void *context)
{
    (void)context;
    fan_pipeline *pipeline;
    fan_passed passed;
    parcel *parcels = calloc(ITEMS, sizeof *parcels);
    fan_stage_task with = {
        .executor = executor, .task = &task_moody, .input = give_number, .reply = take_text};
    fan_stage stages[3] = {{.name = "fetch", .run = fetch, .workers = 2},
                           fan_stage_on_executor("compute", 3, &with),
                           {.name = "store", .run = store, .workers = 2}};
    ASSERT_TRUE(parcels);
    ASSERT_I64(
        fan_pipeline_open(stages, 3, &(fan_pipeline_options){.window = ITEMS}, &pipeline, NULL),
        FAN_OK);
    for (int i = 0; i < ITEMS; i++)
        EXPECT_I64(fan_pipeline_put(pipeline, &parcels[i], fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    fan_pipeline_end(pipeline);
    uint64_t count = 0;
    while (fan_pipeline_get(pipeline, fan_deadline_in_ms(WAIT_MS), &passed) == FAN_OK) {
        EXPECT_U64(passed.index, count++);
        expect_passed(&passed, parcels);
    }
    EXPECT_U64(count, ITEMS);
    EXPECT_I64(fan_pipeline_close(pipeline, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    free(parcels);
}

CONTRACT(executor_as_a_stage)
{
    if (!target->any_thread)
        SKIP("the stage's own threads make the calls");
    contract_with(target, (fan_executor_options){.workers = 2}, pass_through, NULL);
}

static void stop_while_it_runs(fan_executor *executor, void *context)
{
    (void)context;
    fan_pipeline *pipeline;
    fan_passed passed;
    parcel parcels[3] = {0};
    fan_stage_task with = {
        .executor = executor, .task = &task_obey, .input = give_number, .reply = take_text};
    fan_stage stage = fan_stage_on_executor("wait", 1, &with);
    ASSERT_I64(fan_pipeline_open(&stage, 1, &(fan_pipeline_options){.window = 3}, &pipeline, NULL),
               FAN_OK);
    for (int i = 0; i < 2; i++) { /* one runs, for ever, one waits */
        parcels[i] = (parcel){.number = WAIT_MS, .fetched = true};
        EXPECT_I64(fan_pipeline_put(pipeline, &parcels[i], fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    }
    fan_executor_stats stats = {0};
    fan_deadline limit = fan_deadline_in_ms(WAIT_MS);
    while (!stats.items_submitted && fan_deadline_in_ms(0) < limit)
        EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    fan_pipeline_stop(pipeline);
    for (int i = 0; i < 2; i++) {
        ASSERT_I64(fan_pipeline_get(pipeline, limit, &passed), FAN_OK);
        EXPECT_I64(passed.kind, FAN_OUTCOME_CANCELLED);
    }
    EXPECT_I64(fan_pipeline_close(pipeline, FAN_CLOSE_DRAIN, limit), FAN_OK);
}

CONTRACT(executor_as_a_stage_is_stopped)
{
    if (!target->any_thread)
        SKIP("the stage's own threads make the calls");
    contract_with(target, (fan_executor_options){.workers = 1}, stop_while_it_runs, NULL);
}
