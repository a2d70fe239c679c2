/* What goes on after a batch did not end well: it keeps all that was asked of it. */
#include "exec/front.h"
#include "exec/future.h"
#include "exec/settle.h"
#include "held.h"

static fan_status busy_run(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    pause_ms(2);
    for (size_t i = 0; y && i < in.count; i++)
        y[i] = in.first + i;
    return y ? FAN_OK : FAN_E_MEMORY;
}

static fan_status moody_run(fan_run *run, fan_items in)
{
    (void)run, (void)in;
    return FAN_E_FAILED;
}

static const fan_task busy_task = {.name = "busy", .version = 1, .run = busy_run};
static const fan_task moody_task = {.name = "moody", .version = 1, .run = moody_run};

/* Waits until so many batches are held; the first of them. */
static fani_batch *await_first(held_executor *h, unsigned count)
{
    fani_batch *first = NULL;
    for (int i = 0; i < WAIT_MS && !first; i++) {
        pthread_mutex_lock(&h->lock);
        first = h->count >= count ? h->held[0] : NULL;
        pthread_mutex_unlock(&h->lock);
        if (!first)
            pause_ms(1);
    }
    EXPECT_TRUE(first != NULL);
    return first;
}

static void close_it(fan_executor *executor)
{
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

FAN_TEST(settle, pieces_keep_what_was_asked_of_their_batch)
{
    enum { ITEMS = 4 };
    const fan_map_options options = {.batch = ITEMS,
                                     .priority = 3,
                                     .timeout_ms = WAIT_MS,
                                     .retries = 1,
                                     .backoff_ms = 1,
                                     .args = "arguments",
                                     .args_size = 9};
    held_executor held = {.depth = 1, .capabilities = FAN_CAP_KILLS}; /* else each would be alone */
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_mapping *mapping = NULL;
    fan_outcome outcome;
    fan_executor_stats stats = {0};
    ASSERT_I64(
        fan_map_begin(executor, &busy_task, fan_source_range(10, ITEMS), &options, &mapping, NULL),
        FAN_OK);
    EXPECT_I64(fan_map_next(mapping, FAN_NOW, &outcome, NULL), FAN_E_TIMEOUT);
    fani_batch *whole = await_first(&held, 1);
    ASSERT_TRUE(whole != NULL);
    const fani_batch before = *whole;
    EXPECT_U64(before.items.count, ITEMS);
    EXPECT_I64(before.priority, 3);
    EXPECT_TRUE(held_step(&held, true));
    EXPECT_U64(held.count, 2);
    for (unsigned i = 0; i < held.count; i++) {
        const fani_batch *piece = held.held[i];
        EXPECT_U64(piece->items.count, ITEMS / 2);
        EXPECT_U64(piece->items.first, 10 + i * (ITEMS / 2));
        EXPECT_I64(piece->priority, before.priority);
        EXPECT_I64(piece->timeout_ns, before.timeout_ns);
        EXPECT_U64(piece->reply_limit, before.reply_limit);
        EXPECT_TRUE(piece->args.bytes == before.args.bytes);
        EXPECT_U64(piece->args.size, 9);
        EXPECT_U64(piece->care->retries, 1);
    }
    while (held_step(&held, false))
        ;
    for (uint64_t i = 0; i < ITEMS; i++) {
        EXPECT_I64(fan_map_next(mapping, fan_deadline_in_ms(WAIT_MS), &outcome, NULL), FAN_OK);
        EXPECT_U64(outcome.index, 10 + i);
        EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    }
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_TRUE(stats.run_ns >= 4000000); /* the pieces' time is their batch's */
    fan_map_end(mapping, NULL, 0);
    close_it(executor);
}

FAN_TEST(settle, an_item_may_lose_as_many_workers_as_the_limit_says)
{
    for (unsigned limit = 1; limit <= 4; limit++) {
        held_executor held = {.depth = 1};
        fan_executor_kind kind = {.ops = &held_ops};
        fan_executor *executor = NULL;
        fan_future *future = NULL;
        fan_outcome outcome = {.kind = FAN_OUTCOME_OK};
        ASSERT_I64(fan_executor_open(&(fan_executor_options){.plugin = &kind,
                                                             .plugin_options = &held,
                                                             .workers = 1,
                                                             .crash_limit = limit},
                                     &executor, NULL),
                   FAN_OK);
        ASSERT_I64(fan_submit(executor, &busy_task, NULL, 0, NULL, &future), FAN_OK);
        for (unsigned i = 0; i < limit; i++) {
            EXPECT_TRUE(!fan_future_done(future));
            EXPECT_TRUE(held_step(&held, true));
        }
        EXPECT_TRUE(!held_step(&held, true));
        EXPECT_I64(fan_future_result(future, FAN_NOW, &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, FAN_OUTCOME_LOST);
        EXPECT_STR(outcome.text, "it died");
        EXPECT_U64(outcome.attempt, limit);
        fan_future_release(future);
        close_it(executor);
    }
}

/* The second run of an item whose first one was given up has all that the first one had; those who
 * wait for a place still count it. */
FAN_TEST(settle, what_stands_for_another_has_all_of_it)
{
    const fan_submit_options options = {.args = "arguments",
                                        .args_size = 9,
                                        .priority = 4,
                                        .timeout_ms = 20,
                                        .retries = 2,
                                        .backoff_ms = 1};
    unsigned char input[100] = {7};
    held_executor held = {.depth = 1};
    fan_executor_kind kind = {.ops = &held_ops};
    fan_executor *executor = NULL;
    fan_future *future = NULL;
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.plugin = &kind,
                                                         .plugin_options = &held,
                                                         .workers = 1,
                                                         .queue_bytes = 1000,
                                                         .reply_limit = 5000},
                                 &executor, NULL),
               FAN_OK);
    fani_front *front = fani_executor_front(executor);
    ASSERT_I64(fan_submit(executor, &busy_task, input, sizeof input, &options, &future), FAN_OK);
    fani_batch *first = held_begin(&held), *second = await_first(&held, 1);
    ASSERT_TRUE(first && second && first != second);
    EXPECT_I64(second->priority, 4);
    EXPECT_I64(second->timeout_ns, 20000000);
    EXPECT_U64(second->reply_limit, 5000);
    EXPECT_U64(second->args.size, 9);
    EXPECT_TRUE(second->args.bytes && memcmp(second->args.bytes, "arguments", 9) == 0);
    EXPECT_U64(second->items.size, sizeof input);
    EXPECT_TRUE(second->items.bytes != first->items.bytes && second->items.bytes[0] == 7);
    EXPECT_U64(second->care->retries, 1);
    EXPECT_U64(fani_front_bytes(front), sizeof input);
    EXPECT_U64(fani_front_submitted(front), 1);
    EXPECT_TRUE(held_step(&held, false));
    fan_outcome outcome = {.kind = FAN_OUTCOME_LOST};
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    EXPECT_U64(fani_front_bytes(front), 0);
    EXPECT_U64(fani_front_submitted(front), 0);
    held_finish(&held);
    fan_future_release(future);
    close_it(executor);
}

/* The failed items of a batch run again alone, and no oftener than was asked for. */
FAN_TEST(settle, pieces_have_the_retries_that_are_left_and_not_their_batch)
{
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_mapping *mapping = NULL;
    fan_outcome outcome;
    const fan_map_options options = {.batch = 2, .retries = 2, .backoff_ms = 1};
    ASSERT_I64(
        fan_map_begin(executor, &moody_task, fan_source_range(0, 2), &options, &mapping, NULL),
        FAN_OK);
    EXPECT_I64(fan_map_next(mapping, FAN_NOW, &outcome, NULL), FAN_E_TIMEOUT);
    unsigned runs = 0;
    for (int i = 0; i < WAIT_MS && runs < 5; i++, pause_ms(1))
        while (held_step(&held, false))
            runs++;
    for (uint64_t i = 0; i < 2; i++) {
        EXPECT_I64(fan_map_next(mapping, fan_deadline_in_ms(WAIT_MS), &outcome, NULL), FAN_OK);
        EXPECT_I64(outcome.kind, FAN_OUTCOME_FAILED);
        EXPECT_U64(outcome.attempt, 3);
    }
    EXPECT_U64(runs, 5); /* both together, then each alone twice */
    EXPECT_U64(atomic_load(&held.posts), 5);
    fan_map_end(mapping, NULL, 0);
    close_it(executor);
}

/* ---- Time ---------------------------------------------------------------------------------- */

/* More items wait than the watch looks at. Executors begin what has priority, so that comes first
 * there too. */
FAN_TEST(settle, time_is_kept_for_what_overtakes)
{
    enum { WAITING = 100 };
    const fan_submit_options low = {.timeout_ms = 1000}, high = {.timeout_ms = 20, .priority = 1};
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *futures[WAITING + 1] = {NULL};
    fan_outcome outcome = {.kind = FAN_OUTCOME_LOST};
    for (int i = 0; i <= WAITING; i++)
        ASSERT_I64(
            fan_submit(executor, &busy_task, NULL, 0, i < WAITING ? &low : &high, &futures[i]),
            FAN_OK);
    pthread_mutex_lock(&held.lock);
    fani_batch *first = held.held[0];
    held.held[0] = held.held[WAITING]; /* the next to begin */
    held.held[WAITING] = first;
    pthread_mutex_unlock(&held.lock);
    EXPECT_TRUE(held_begin(&held) != NULL);
    EXPECT_I64(fan_future_result(futures[WAITING], fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_TIMED_OUT);
    held_finish(&held);
    while (held_step(&held, false))
        ;
    for (int i = 0; i <= WAITING; i++)
        fan_future_release(futures[i]);
    close_it(executor);
}

FAN_TEST(settle, a_short_pause_ends_before_a_long_one)
{
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *patient = NULL, *hasty = NULL;
    const fan_submit_options late = {.retries = 1, .backoff_ms = WAIT_MS};
    const fan_submit_options soon = {.retries = 1, .backoff_ms = 1};
    ASSERT_I64(fan_submit(executor, &moody_task, NULL, 0, &late, &patient), FAN_OK);
    EXPECT_TRUE(held_step(&held, false));
    ASSERT_I64(fan_submit(executor, &moody_task, NULL, 0, &soon, &hasty), FAN_OK);
    EXPECT_TRUE(held_step(&held, false));
    fan_outcome outcome = {.kind = FAN_OUTCOME_OK};
    int64_t begun = fan_deadline_in_ms(0);
    EXPECT_TRUE(await_first(&held, 1) != NULL);
    EXPECT_TRUE(fan_deadline_in_ms(0) - begun < INT64_C(1000000) * WAIT_MS / 2);
    EXPECT_I64(fan_future_cancel(patient), FAN_OK);
    EXPECT_TRUE(held_step(&held, false));
    EXPECT_I64(fan_future_result(hasty, FAN_NOW, &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_FAILED);
    fan_future_release(patient);
    fan_future_release(hasty);
    close_it(executor);
}

/* ---- Futures used again ---------------------------------------------------------------------- */

/* Submits a plain item, expects the memory of the one before, and nothing of what that was asked.
 */
static void expect_clean(held_executor *h, fan_executor *executor, const fani_batch *used)
{
    fan_future *future = NULL;
    fan_outcome outcome = {.kind = FAN_OUTCOME_FAILED};
    ASSERT_I64(fan_submit(executor, &busy_task, NULL, 0, NULL, &future), FAN_OK);
    ASSERT_U64(h->count, 1);
    const fani_batch *batch = h->held[0];
    EXPECT_TRUE(batch == used);
    EXPECT_I64(batch->priority, 0);
    EXPECT_U64(batch->attempt, 1);
    EXPECT_U64(batch->args.count, 0);
    EXPECT_U64(batch->input_bytes, 0);
    EXPECT_I64(batch->timeout_ns, 0);
    EXPECT_TRUE(!batch->slow && !batch->care && !atomic_load(&batch->unwanted));
    EXPECT_TRUE(held_step(h, true)); /* it loses its worker, and is wanted */
    EXPECT_TRUE(held_step(h, false));
    EXPECT_I64(fan_future_result(future, FAN_NOW, &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    EXPECT_U64(outcome.attempt, 2);
    fan_future_release(future);
}

/* Futures are made many at a time: takes all but one, so that this one is used again and again. */
enum { SPARE = 64 };

static size_t take_all_but_one(fan_executor *executor, fan_future *spare[SPARE])
{
    fani_front *front = fani_executor_front(executor);
    size_t count = 0;
    do
        spare[count++] = fani_future_new(front);
    while (count < SPARE && spare[count - 1] && count < front->futures);
    fani_future_free(spare[--count]);
    return count;
}

static void give_all_back(fan_future *spare[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        fani_future_free(spare[i]);
}

FAN_TEST(settle, a_future_that_is_used_again_has_nothing_of_the_one_before)
{
    static const unsigned char input[20]; /* it has room in the future */
    const fan_submit_options ways[] = {
        {.priority = 7},
        {.args = "arguments", .args_size = 9},
        {.timeout_ms = WAIT_MS},
        {.retries = 3, .backoff_ms = 1},
    };
    enum { WAYS = sizeof ways / sizeof *ways };
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *spare[SPARE];
    size_t spares = take_all_but_one(executor, spare);
    for (int way = 0; way <= WAYS; way++) {
        fan_future *future = NULL;
        ASSERT_I64(fan_submit(executor, &busy_task, input, sizeof input,
                              way < WAYS ? &ways[way] : NULL, &future),
                   FAN_OK);
        const fani_batch *used = held.held[0];
        if (way == WAYS) /* which lets it run to its end here */
            EXPECT_I64(fan_future_kill(future), FAN_OK);
        else
            EXPECT_TRUE(held_step(&held, false));
        EXPECT_TRUE(fan_future_done(future));
        fan_future_release(future);
        expect_clean(&held, executor, used);
    }
    give_all_back(spare, spares);
    close_it(executor);
}

/* Neither run is over when the future is released; the memory is used again whichever ends last. */
FAN_TEST(settle, a_future_that_was_given_up_is_used_again)
{
    const fan_submit_options hasty = {.timeout_ms = 20, .retries = 1, .backoff_ms = 1};
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *spare[SPARE];
    size_t spares = take_all_but_one(executor, spare);
    for (int order = 0; order < 4; order++) {
        fan_future *future = NULL;
        ASSERT_I64(fan_submit(executor, &busy_task, NULL, 0, &hasty, &future), FAN_OK);
        EXPECT_TRUE(held_begin(&held) != NULL && await_first(&held, 1) != NULL);
        if (order & 1)
            held_finish(&held);
        if (order & 2)
            fan_future_release(future);
        EXPECT_TRUE(held_step(&held, false));
        if (!(order & 1))
            held_finish(&held);
        if (!(order & 2))
            fan_future_release(future);
        EXPECT_U64(fani_executor_front(executor)->futures, spares + 1);
    }
    give_all_back(spare, spares);
    close_it(executor);
}

/* ---- Chains -------------------------------------------------------------------------------- */

FAN_TEST(settle, the_first_that_failed_is_the_reason)
{
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *before[3] = {NULL}, *after = NULL;
    fan_outcome outcome = {.kind = FAN_OUTCOME_OK, .text = ""};
    for (int i = 0; i < 3; i++)
        ASSERT_I64(
            fan_submit(executor, i == 1 ? &moody_task : &busy_task, NULL, 0, NULL, &before[i]),
            FAN_OK);
    ASSERT_I64(fan_submit(executor, &busy_task, NULL, 0,
                          &(fan_submit_options){.after = before, .after_count = 3}, &after),
               FAN_OK);
    EXPECT_TRUE(held_step(&held, false));
    EXPECT_TRUE(held_step(&held, false)); /* this one fails */
    EXPECT_TRUE(!fan_future_done(after)); /* it waits for the third one all the same */
    while (held_step(&held, true))        /* that is lost, again and again */
        ;
    EXPECT_I64(fan_future_result(after, FAN_NOW, &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_CANCELLED);
    EXPECT_CONTAINS(outcome.text, "an item that it waited for failed");
    for (int i = 0; i < 3; i++)
        fan_future_release(before[i]);
    fan_future_release(after);
    close_it(executor);
}

FAN_TEST(settle, futures_of_two_executors_do_not_mix)
{
    held_executor held[2] = {{.depth = 1}, {.depth = 1}};
    fan_executor *executor[2];
    fan_future *futures[2] = {NULL}, *after = (void *)&held;
    size_t which = 7;
    for (int i = 0; i < 2; i++) {
        executor[i] = open_held(&held[i], &held_ops, 0);
        ASSERT_I64(fan_submit(executor[i], &busy_task, NULL, 0, NULL, &futures[i]), FAN_OK);
    }
    EXPECT_TRUE(held_step(&held[0], false));
    EXPECT_I64(fan_wait_any(futures, 2, FAN_NOW, &which), FAN_E_ARGUMENT);
    EXPECT_U64(which, 7);
    EXPECT_I64(fan_submit(executor[0], &busy_task, NULL, 0,
                          &(fan_submit_options){.after = futures, .after_count = 2}, &after),
               FAN_E_ARGUMENT);
    EXPECT_TRUE(after == NULL);
    EXPECT_U64(fani_front_submitted(fani_executor_front(executor[0])), 0);
    EXPECT_TRUE(held_step(&held[1], false));
    for (int i = 0; i < 2; i++) {
        fan_future_release(futures[i]);
        close_it(executor[i]);
    }
}
