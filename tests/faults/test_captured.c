/* What an item writes to its standard streams comes with its outcome. */
#include <stdio.h>
#include <stdlib.h>

#include "faults.h"

enum { COUNT = 60, WORKERS = 2 };

typedef struct order {
    uint64_t how, index;
} order;

typedef struct check {
    const order *orders;
    uint64_t next;
    unsigned captured;
} check;

static void expect_captured(const fan_outcome *o, uint64_t how)
{
    char out[64], err[64];
    const fan_captured *text = o->captured;
    SHIM_CHECK(text != NULL, return, "nothing of item %llu was captured",
               (unsigned long long)o->index);
    snprintf(out, sizeof out, how == TALK_BY_CHILD ? "child %llu\n" : "out %llu",
             (unsigned long long)o->index);
    snprintf(err, sizeof err, "err %llu", (unsigned long long)o->index);
    if (how == TALK_MUCH) {
        EXPECT_TRUE(text->out_size > 1 << 20 && text->out_size < (1 << 20) + 100);
        EXPECT_CONTAINS(text->out + (1 << 20) - 1, "x\n[the rest was cut off: more than 1 MiB]\n");
        EXPECT_U64(strspn(text->out, "x"), 1 << 20);
        EXPECT_U64(text->err_size, 0);
        return;
    }
    EXPECT_STR(text->out, out);
    EXPECT_U64(text->out_size, strlen(out));
    EXPECT_STR(text->err, how == TALK_BY_CHILD ? "" : err);
    EXPECT_U64(text->err_size, how == TALK_BY_CHILD ? 0 : strlen(err));
}

static fan_status see(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    check *c = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        EXPECT_U64(o->index, c->next++);
        uint64_t how = c->orders[o->index].how;
        EXPECT_I64(o->kind, how == TALK_AND_CRASH ? FAN_OUTCOME_LOST : FAN_OUTCOME_OK);
        c->captured += o->captured != NULL;
        if (how != TALK_NOT)
            expect_captured(o, how);
        else
            EXPECT_TRUE(!o->captured);
    }
    return FAN_OK;
}

static void talks(const fan_task *task, size_t batch, const uint64_t *hows, size_t kinds)
{
    order orders[COUNT];
    check c = {.orders = orders};
    unsigned expected = 0;
    fan_executor *executor = fault_open(WORKERS);
    if (!executor)
        return;
    for (uint64_t i = 0; i < COUNT; i++) {
        orders[i] = (order){.how = hows[i % kinds], .index = i};
        expected += orders[i].how != TALK_NOT;
    }
    EXPECT_I64(fan_map(executor, task, fan_source_array(orders, sizeof *orders, COUNT),
                       fan_sink_callback(see, &c), &(fan_map_options){.batch = batch}, NULL),
               FAN_OK);
    EXPECT_U64(c.next, COUNT);
    EXPECT_U64(c.captured, expected);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
}

FAN_TEST(captured, items_of_a_batch_are_told_apart)
{
    static const uint64_t hows[] = {TALK, TALK_NOT, TALK_NOT, TALK_BY_CHILD, TALK_NOT};
    talks(&task_talk, 7, hows, 5);
}

FAN_TEST(captured, without_run_each_it_goes_with_the_first_item)
{
    static const uint64_t hows[] = {TALK, TALK_NOT, TALK_NOT, TALK_NOT};
    talks(&task_talk_whole, 4, hows, 4);
    talks(&task_talk_whole, 1, hows, 4);
}

FAN_TEST(captured, the_last_words_of_a_crash_are_told)
{
    static const uint64_t hows[] = {TALK_NOT, TALK,     TALK_NOT, TALK_NOT, TALK_AND_CRASH,
                                    TALK_NOT, TALK_NOT, TALK_NOT, TALK_NOT, TALK};
    talks(&task_talk, 1, hows, 10);
    talks(&task_talk, 5, hows, 10);
}

FAN_TEST(captured, much_is_cut_off)
{
    static const uint64_t hows[] = {TALK_MUCH, TALK_NOT, TALK, TALK_NOT, TALK_NOT, TALK_NOT,
                                    TALK_NOT,  TALK_NOT, TALK, TALK_NOT, TALK_NOT, TALK_NOT};
    talks(&task_talk, 4, hows, 12);
}

FAN_TEST(captured, it_is_the_futures_as_long_as_that_lives)
{
    const order input = {.how = TALK, .index = 0};
    fan_future *future = NULL;
    fan_outcome outcome = {0};
    fan_executor *executor = fault_open(1);
    if (!executor)
        return;
    EXPECT_I64(fan_submit(executor, &task_talk, &input, sizeof input, NULL, &future), FAN_OK);
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(120000), &outcome), FAN_OK);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    ASSERT_TRUE(outcome.captured != NULL);
    EXPECT_STR(outcome.captured->out, "out 0");
    EXPECT_STR(outcome.captured->err, "err 0");
    fan_future_release(future);
}

static void see_leaf(void *user, uint64_t leaf, const fan_captured *text)
{
    unsigned *seen = user;
    EXPECT_U64(leaf, 0);
    EXPECT_STR(text->out, "out 0");
    EXPECT_STR(text->err, "err 0");
    ++*seen;
}

FAN_TEST(captured, leaves_of_folds_too)
{
    order one = {.how = TALK, .index = 0};
    unsigned seen = 0;
    fan_buffer result = {0};
    fan_executor *executor = fault_open(1);
    if (!executor)
        return;
    const fan_fold_plan plan = {
        .leaf_items = 1, .combine = &task_talk, .captured = see_leaf, .captured_user = &seen};
    EXPECT_I64(
        fan_fold(executor, &task_talk, fan_source_array(&one, sizeof one, 1), &plan, &result, NULL),
        FAN_OK);
    EXPECT_U64(seen, 1);
    fan_buffer_clear(&result);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
}
