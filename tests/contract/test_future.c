/* Submit, futures, closing. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "contract.h"
#include "tasks.h"

enum { WAIT_MS = 120000 };

static fan_future *submit_number(fan_executor *executor, const fan_task *task, uint64_t x)
{
    fan_future *future = NULL;
    fan_status status = fan_submit(executor, task, &x, sizeof x, NULL, &future);
    SHIM_CHECK(status == FAN_OK, (void)0, "submit: %s", fan_status_name(status));
    return future;
}

static void expect_square(fan_future *future, uint64_t x)
{
    fan_outcome outcome;
    uint64_t y = 0;
    if (!future)
        return;
    fan_status status = fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome);
    SHIM_CHECK(status == FAN_OK, return, "result of %llu: %s", (unsigned long long)x,
               fan_status_name(status));
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    EXPECT_I64(outcome.attempt, 1);
    if (outcome.size == sizeof y)
        memcpy(&y, outcome.bytes, sizeof y);
    EXPECT_U64(y, x * x);
}

static void many_futures(fan_executor *executor, void *context)
{
    (void)context;
    enum { MANY = 2000 };
    static fan_future *futures[MANY];
    for (uint64_t i = 0; i < MANY; i++)
        futures[i] = submit_number(executor, &task_square, i);
    EXPECT_I64(fan_wait_all(futures, MANY, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    fan_executor_stats stats;
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_U64(stats.items_submitted, MANY);
    EXPECT_U64(stats.items_done, MANY); /* what was seen is counted */
    for (uint64_t i = 0; i < MANY; i++) {
        expect_square(futures[i], i);
        fan_future_release(futures[i]);
    }
}

CONTRACT(futures_by_the_thousand)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        contract_with(target, (fan_executor_options){.workers = workers}, many_futures, NULL);
}

static void wait_for_any(fan_executor *executor, void *context)
{
    (void)context;
    fan_future *futures[8];
    bool seen[8] = {false};
    for (uint64_t i = 0; i < 8; i++)
        futures[i] = submit_number(executor, &task_square, i);
    fan_future *left[8];
    size_t places[8], count = 8, which;
    for (size_t i = 0; i < 8; i++)
        left[i] = futures[i], places[i] = i;
    while (count) {
        ASSERT_I64(fan_wait_any(left, count, fan_deadline_in_ms(WAIT_MS), &which), FAN_OK);
        EXPECT_TRUE(!seen[places[which]]);
        seen[places[which]] = true;
        count--;
        left[which] = left[count];
        places[which] = places[count];
    }
    for (size_t i = 0; i < 8; i++) {
        EXPECT_TRUE(seen[i]);
        expect_square(futures[i], i);
        fan_future_release(futures[i]);
    }
    EXPECT_I64(fan_wait_any(left, 0, FAN_NOW, &which), FAN_E_ARGUMENT);
}

CONTRACT(futures_wait_any)
{
    contract_with(target, (fan_executor_options){.workers = 2}, wait_for_any, NULL);
}

static void deadlines_end(fan_executor *executor, void *context)
{
    (void)context;
    fan_outcome outcome;
    gate_file gate;
    gate_make(&gate);
    fan_future *slow = gate_submit(&gate, executor);
    if (!slow)
        return;
    if (strcmp(fan_executor_name(executor), "serial") != 0) /* there the caller does the work */
        EXPECT_I64(fan_future_result(slow, fan_deadline_in_ms(20), &outcome), FAN_E_TIMEOUT);
    gate_open(&gate);
    EXPECT_I64(fan_future_result(slow, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    EXPECT_TRUE(fan_future_done(slow));
    fan_future_release(slow);
    gate_forget(&gate);
}

CONTRACT(futures_wait_until_their_deadline)
{
    contract_with(target, (fan_executor_options){.workers = 1}, deadlines_end, NULL);
}

static void polling_ends(fan_executor *executor, void *context)
{
    (void)context;
    fan_future *future = submit_number(executor, &task_square, 9);
    fan_deadline end = fan_deadline_in_ms(WAIT_MS);
    while (future && !fan_future_done(future) && fan_deadline_in_ms(0) < end)
        continue;
    EXPECT_TRUE(future && fan_future_done(future));
    fan_future_release(future);
}

CONTRACT(futures_polling_alone_gets_there)
{
    contract_with(target, (fan_executor_options){.workers = 1}, polling_ends, NULL);
}

/* ---- Callbacks ----------------------------------------------------------------------------- */

typedef struct chain {
    fan_executor *executor;
    _Atomic int calls;
    _Atomic int refusals;
} chain;

static void next_link(fan_future *future, void *user)
{
    chain *c = user;
    fan_outcome outcome;
    fan_future *next;
    uint64_t one = 1;
    if (fan_future_result(future, FAN_NOW, &outcome) != FAN_OK)
        atomic_fetch_add(&c->refusals, 1);
    if (fan_future_result(future, fan_deadline_in_ms(10), &outcome) != FAN_E_ARGUMENT)
        atomic_fetch_add(&c->refusals, 1); /* waiting in a callback must be refused */
    if (atomic_fetch_add(&c->calls, 1) < 9) {
        if (fan_submit(c->executor, &task_square, &one, sizeof one, NULL, &next) != FAN_OK ||
            fan_future_on_done(next, next_link, c) != FAN_OK)
            atomic_fetch_add(&c->refusals, 1);
    }
    fan_future_release(future);
}

static void callbacks_chain(fan_executor *executor, void *context)
{
    (void)context;
    chain c = {.executor = executor};
    fan_future *first = submit_number(executor, &task_square, 1);
    ASSERT_TRUE(first != NULL);
    ASSERT_I64(fan_future_on_done(first, next_link, &c), FAN_OK);
    fan_future *keep =
        submit_number(executor, &task_square, 2); /* something to wait on, again and again */
    fan_deadline end = fan_deadline_in_ms(WAIT_MS);
    while (atomic_load(&c.calls) < 10 && fan_deadline_in_ms(0) < end) {
        expect_square(keep, 2);
        fan_future_release(keep);
        keep = submit_number(executor, &task_square, 2);
    }
    EXPECT_I64(atomic_load(&c.calls), 10);
    EXPECT_I64(atomic_load(&c.refusals), 0);
    expect_square(keep, 2);
    EXPECT_I64(fan_future_on_done(keep, NULL, NULL), FAN_E_ARGUMENT);
    fan_future_release(keep);
}

CONTRACT(callbacks_may_submit_and_release_but_not_wait)
{
    contract_with(target, (fan_executor_options){.workers = 2}, callbacks_chain, NULL);
}

/* ---- Cancel and full queues ---------------------------------------------------------------- */

/* How many were cancelled of those that were to be. */
static int cancel_half(fan_executor *executor, uint64_t ms)
{
    enum { MANY = 200 };
    fan_future *futures[MANY];
    fan_outcome outcome;
    int cancelled = 0;
    for (size_t i = 0; i < MANY; i++)
        futures[i] = submit_number(executor, &task_wait, ms);
    for (size_t i = MANY; i-- > MANY / 2;)
        cancelled += fan_future_cancel(futures[i]) == FAN_OK;
    int answer = cancelled;
    for (size_t i = 0; i < MANY; i++) {
        EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
        cancelled -= outcome.kind == FAN_OUTCOME_CANCELLED;
        EXPECT_TRUE(outcome.kind == FAN_OUTCOME_CANCELLED || outcome.kind == FAN_OUTCOME_OK);
        fan_future_release(futures[i]);
    }
    EXPECT_I64(cancelled, 0); /* those and only those */
    return answer;
}

/* A machine that pauses may have them all run before: not each time. */
static void cancel_pending(fan_executor *executor, void *context)
{
    int cancelled = 0;
    (void)context;
    for (uint64_t ms = 1; ms <= 10 && !cancelled && !shim_failed(); ms++)
        cancelled = cancel_half(executor, ms);
    EXPECT_TRUE(cancelled > 0);
}

CONTRACT(cancel_takes_back_what_is_pending_and_nothing_else)
{
    contract_with(target, (fan_executor_options){.workers = 1}, cancel_pending, NULL);
}

static void full_queue(fan_executor *executor, void *context)
{
    (void)context;
    fan_future *futures[3], *refused;
    uint64_t x = 20;
    fan_submit_options no_wait = {.no_wait = true};
    gate_file gates[2];
    for (size_t i = 0; i < 2; i++) {
        gate_make(&gates[i]);
        futures[i] = gate_submit(&gates[i], executor);
    }
    EXPECT_I64(fan_submit(executor, &task_wait, &x, sizeof x, &no_wait, &refused), FAN_E_BUSY);
    EXPECT_TRUE(refused == NULL);
    for (size_t i = 0; i < 2; i++)
        gate_open(&gates[i]);
    futures[2] = submit_number(executor, &task_wait, 1); /* waits for a place */
    for (size_t i = 0; i < 3; i++) {
        fan_outcome outcome;
        EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
        fan_future_release(futures[i]);
    }
    for (size_t i = 0; i < 2; i++)
        gate_forget(&gates[i]);
}

CONTRACT(submit_waits_or_answers_busy_on_a_full_queue)
{
    contract_with(target, (fan_executor_options){.workers = 1, .queue_items = 2}, full_queue, NULL);
}

static void full_of_bytes(fan_executor *executor, void *context)
{
    static const unsigned char large[100];
    fan_future *futures[2], *refused, *alone;
    gate_file gates[2];
    fan_outcome outcome;
    uint64_t x = 1;
    fan_submit_options no_wait = {.no_wait = true};
    (void)context;
    for (size_t i = 0; i < 2; i++) {
        gate_make(&gates[i]);
        futures[i] = gate_submit(&gates[i], executor);
    }
    EXPECT_I64(fan_submit(executor, &task_wait, &x, sizeof x, &no_wait, &refused), FAN_E_BUSY);
    for (size_t i = 0; i < 2; i++)
        gate_open(&gates[i]);
    for (size_t i = 0; i < 2; i++) {
        EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
        fan_future_release(futures[i]);
        gate_forget(&gates[i]);
    }
    /* One item may always be in flight, whatever its size. */
    ASSERT_I64(fan_submit(executor, &task_echo, large, sizeof large, &no_wait, &alone), FAN_OK);
    EXPECT_I64(fan_future_result(alone, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_U64(outcome.size, sizeof large);
    fan_future_release(alone);
}

CONTRACT(submit_counts_bytes_too)
{
    contract_with(target, (fan_executor_options){.workers = 1, .queue_bytes = 47}, full_of_bytes,
                  NULL);
}

/* ---- Closing ------------------------------------------------------------------------------- */

typedef struct kept {
    fan_future *futures[500];
} kept;

static void submit_and_leave(fan_executor *executor, void *context)
{
    kept *k = context;
    for (uint64_t i = 0; i < 500; i++)
        k->futures[i] = submit_number(executor, &task_square, i);
}

CONTRACT(close_drains_and_futures_outlive_it)
{
    kept k = {{NULL}};
    contract_with(target, (fan_executor_options){.workers = 2}, submit_and_leave, &k);
    for (uint64_t i = 0; i < 500; i++) {
        expect_square(k.futures[i], i);
        fan_future_release(k.futures[i]);
    }
}

static void abandon(fan_executor *executor, void *context)
{
    kept *k = context;
    for (size_t i = 0; i < 100; i++)
        k->futures[i] = submit_number(executor, &task_wait, 2000); /* it ends when it is told */
    fan_status status = FAN_E_BUSY; /* again and again, each with hardly any time */
    fan_deadline end = fan_deadline_in_ms(WAIT_MS);
    while (status == FAN_E_BUSY && fan_deadline_in_ms(0) < end)
        status = fan_executor_close(executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(1));
    EXPECT_STR(fan_status_name(status), "FAN_OK");
}

/* Opens by the target's own function: this case closes for itself. */
CONTRACT(close_abandons_what_has_not_begun)
{
    kept k = {{NULL}};
    fan_executor *executor = NULL;
    fan_error error = {0};
    int cancelled = 0;
    ASSERT_I64(target->open(target, (fan_executor_options){.workers = 1}, 1, &executor, &error),
               FAN_OK);
    if (!executor)
        return;
    abandon(executor, &k);
    for (size_t i = 0; i < 100; i++) {
        fan_outcome outcome;
        ASSERT_I64(fan_future_result(k.futures[i], FAN_NOW, &outcome), FAN_OK);
        cancelled += outcome.kind == FAN_OUTCOME_CANCELLED;
        fan_future_release(k.futures[i]);
    }
    EXPECT_TRUE(cancelled > 50);
}

/* What ends because it was asked to is cancelled, not failed; where nothing can ask, it is done. */
CONTRACT(close_that_abandons_cancels_what_runs)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    fan_outcome outcome;
    ASSERT_I64(target->open(target, (fan_executor_options){.workers = 1}, 1, &executor, &error),
               FAN_OK);
    if (!executor)
        return;
    fan_future *future = submit_number(executor, &task_obey, 60000);
    if (strcmp(target->name, "serial") != 0) /* there nothing runs by itself */
        EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(50), &outcome), FAN_E_TIMEOUT);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(WAIT_MS)),
               FAN_OK);
    ASSERT_I64(fan_future_result(future, FAN_NOW, &outcome), FAN_OK);
    EXPECT_TRUE(outcome.kind == FAN_OUTCOME_CANCELLED || outcome.kind == FAN_OUTCOME_OK);
    if (!strcmp(target->name, "threads"))
        EXPECT_I64(outcome.kind, FAN_OUTCOME_CANCELLED);
    fan_future_release(future);
}

static void close_too_soon(fan_executor *executor, void *context)
{
    fan_future *futures[8];
    fan_outcome outcome;
    gate_file gate;
    bool in_calls = !strcmp(fan_executor_name(executor), "serial"); /* each close does one item */
    (void)context;
    gate_make(&gate);
    for (size_t i = 0; i < 8; i++) {
        futures[i] =
            i || in_calls ? submit_number(executor, &task_wait, 20) : gate_submit(&gate, executor);
        if (i >= 4) /* one item at least is still to be done, whoever does them */
            EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_BUSY);
    }
    gate_open(&gate);
    for (size_t i = 0; i < 8; i++) {
        ASSERT_I64(fan_future_result(futures[i], fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
        EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
        fan_future_release(futures[i]);
    }
    gate_forget(&gate);
}

CONTRACT(close_that_is_busy_leaves_the_executor_open)
{
    contract_with(target, (fan_executor_options){.workers = 1}, close_too_soon, NULL);
}

/* Holds the thread that completes until the waiter has its outcome. */
static void await_the_waiter(fan_future *future, void *user)
{
    _Atomic int *seen = user; /* 1: the waiter came through; 2: it did so while we were here */
    fan_deadline end = fan_deadline_in_ms(WAIT_MS);
    (void)future;
    while (!atomic_load(seen) && fan_deadline_in_ms(0) < end)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (atomic_load(seen))
        atomic_store(seen, 2);
}

static void wake_before_callbacks(fan_executor *executor, void *context)
{
    _Atomic int seen = 0;
    fan_outcome outcome;
    (void)context;
    fan_future *future = submit_number(executor, &task_wait, 50);
    ASSERT_TRUE(future != NULL);
    EXPECT_I64(fan_future_on_done(future, await_the_waiter, &seen), FAN_OK);
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_TRUE(atomic_load(&seen) == 0);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_BUSY); /* it runs */
    atomic_store(&seen, 1);
    fan_deadline end = fan_deadline_in_ms(WAIT_MS);
    while (atomic_load(&seen) != 2 && fan_deadline_in_ms(0) < end)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    EXPECT_I64(atomic_load(&seen), 2);
    fan_future_release(future);
}

CONTRACT(futures_wake_who_waits_before_their_callback_ends)
{
    if (!target->any_thread || !strcmp(target->name, "serial"))
        SKIP("callbacks run on the thread that waits");
    contract_with(target, (fan_executor_options){.workers = 1}, wake_before_callbacks, NULL);
}

typedef struct storm {
    fan_executor *executor;
    _Atomic int accepted, ended, refused;
} storm;

static void count_end(fan_future *future, void *user)
{
    atomic_fetch_add(&((storm *)user)->ended, 1);
    fan_future_release(future);
}

static void *storm_thread(void *user)
{
    storm *s = user;
    for (uint64_t i = 0; i < 3000; i++) {
        fan_future *future;
        if (fan_submit(s->executor, &task_square, &i, sizeof i, NULL, &future) != FAN_OK) {
            atomic_fetch_add(&s->refused, 1);
            continue;
        }
        atomic_fetch_add(&s->accepted, 1);
        fan_future_on_done(future, count_end, s);
    }
    return NULL;
}

static void storm_of_submits(fan_executor *executor, void *context)
{
    bool threads = *(bool *)context;
    storm s = {.executor = executor};
    pthread_t submitters[3];
    for (size_t i = 0; threads && i < 3; i++)
        ASSERT_I64(pthread_create(&submitters[i], NULL, storm_thread, &s), 0);
    storm_thread(&s);
    for (size_t i = 0; threads && i < 3; i++)
        pthread_join(submitters[i], NULL);
    fan_deadline end = fan_deadline_in_ms(WAIT_MS);
    while (atomic_load(&s.ended) < atomic_load(&s.accepted) && fan_deadline_in_ms(0) < end) {
        fan_future *future = submit_number(executor, &task_square, 3);
        expect_square(future, 3);
        fan_future_release(future);
    }
    EXPECT_I64(atomic_load(&s.refused), 0);
    EXPECT_I64(atomic_load(&s.ended), threads ? 12000 : 3000);
}

enum { WAITERS = 3, WAITED = 400, HELD = 7 };

/* Submits a few at a time, more each time up to a limit, and waits for each. */
static void *waiting_thread(void *executor)
{
    fan_future *held[HELD];
    for (int done = 0, width = 1; done < WAITED; done += width, width = width % HELD + 1) {
        for (int i = 0; i < width; i++)
            held[i] = submit_number(executor, &task_square, (uint64_t)(done + i));
        for (int i = 0; i < width; i++) {
            expect_square(held[i], (uint64_t)(done + i));
            fan_future_release(held[i]);
        }
    }
    return NULL;
}

static void waits_of_several(fan_executor *executor, void *context)
{
    bool threads = *(bool *)context;
    pthread_t waiters[WAITERS];
    for (size_t i = 0; threads && i < WAITERS; i++)
        ASSERT_I64(pthread_create(&waiters[i], NULL, waiting_thread, executor), 0);
    waiting_thread(executor);
    for (size_t i = 0; threads && i < WAITERS; i++)
        pthread_join(waiters[i], NULL);
}

CONTRACT(waits_of_several_threads_all_end)
{
    bool threads = target->any_thread;
    contract_with(target, (fan_executor_options){.workers = 2}, waits_of_several, &threads);
}

CONTRACT(submits_from_several_threads_all_end)
{
    bool threads = target->any_thread;
    contract_with(target, (fan_executor_options){.workers = 2, .queue_items = 64}, storm_of_submits,
                  &threads);
}

static void *close_in_storm(void *user)
{
    storm *s = user;
    for (uint64_t i = 0; i < 20000 && !atomic_load(&s->refused); i++) {
        fan_future *future;
        fan_status status = fan_submit(s->executor, &task_square, &i, sizeof i,
                                       &(fan_submit_options){.no_wait = true}, &future);
        if (status == FAN_E_CLOSED)
            atomic_fetch_add(&s->refused, 1);
        if (status != FAN_OK)
            continue;
        atomic_fetch_add(&s->accepted, 1);
        fan_future_on_done(future, count_end, s);
    }
    return NULL;
}

/* A close that can't finish in time leaves the executor open; what was accepted ends all the same.
 */
static void close_during_storm(fan_executor *executor, void *context)
{
    (void)context;
    storm s = {.executor = executor};
    pthread_t submitter;
    gate_file gate;
    gate_make(&gate);
    fan_future *slow = gate_submit(&gate, executor);
    ASSERT_I64(pthread_create(&submitter, NULL, close_in_storm, &s), 0);
    for (int i = 0; i < 20; i++)
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(5)),
                   FAN_E_BUSY);
    pthread_join(submitter, NULL);
    gate_open(&gate);
    fan_outcome outcome;
    EXPECT_I64(fan_future_result(slow, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    fan_future_release(slow);
    fan_deadline end = fan_deadline_in_ms(WAIT_MS);
    while (atomic_load(&s.ended) < atomic_load(&s.accepted) && fan_deadline_in_ms(0) < end) {
        fan_future *future = submit_number(executor, &task_square, 3);
        expect_square(future, 3);
        fan_future_release(future);
    }
    EXPECT_I64(atomic_load(&s.ended), atomic_load(&s.accepted));
    gate_forget(&gate);
}

CONTRACT(close_during_a_storm_of_submits)
{
    if (!target->any_thread || !strcmp(target->name, "serial"))
        SKIP("needs calls from several threads, and workers beside the caller");
    contract_with(target, (fan_executor_options){.workers = 1}, close_during_storm, NULL);
}

/* ---- Arguments and states ------------------------------------------------------------------ */

static void arguments_arrive(fan_executor *executor, void *context)
{
    (void)context;
    fan_future *future;
    fan_outcome outcome;
    fan_submit_options options = {.args = "left ", .args_size = 5};
    ASSERT_I64(fan_submit(executor, &task_args, "right", 5, &options, &future), FAN_OK);
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_TRUE(outcome.size == 10 && !memcmp(outcome.bytes, "left right", 10));
    fan_future_release(future);
    ASSERT_I64(fan_submit(executor, &task_args, "alone", 5, NULL, &future), FAN_OK);
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_TRUE(outcome.size == 5 && !memcmp(outcome.bytes, "alone", 5));
    fan_future_release(future);
}

CONTRACT(arguments_reach_the_task)
{
    contract_with(target, (fan_executor_options){.workers = 1}, arguments_arrive, NULL);
}

typedef struct starts {
    uint64_t runs_seen, items;
} starts;

static fan_status count_starts(void *user, const fan_outcome *outcomes, size_t count,
                               fan_error *error)
{
    starts *s = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        uint64_t pair[2] = {0, 0};
        if (outcomes[i].size == sizeof pair)
            memcpy(pair, outcomes[i].bytes, sizeof pair);
        EXPECT_U64(pair[0], 1);
        s->items++;
        if (pair[1] > s->runs_seen)
            s->runs_seen = pair[1];
    }
    return FAN_OK;
}

static void states_last(fan_executor *executor, void *context)
{
    (void)context;
    starts s = {0};
    fan_executor_stats stats;
    ASSERT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_I64(fan_map(executor, &task_counted, fan_source_range(0, 1000),
                       fan_sink_callback(count_starts, &s), &(fan_map_options){.batch = 5}, NULL),
               FAN_OK);
    EXPECT_U64(s.items, 1000);
    /* One state a worker: some worker saw at least its share of the items. */
    EXPECT_TRUE(s.runs_seen >= 1000 / stats.workers);
    starts other = {0};
    EXPECT_I64(fan_map(executor, &task_counted, fan_source_range(0, 10),
                       fan_sink_callback(count_starts, &other),
                       &(fan_map_options){.args = "new", .args_size = 3}, NULL),
               FAN_OK);
    EXPECT_TRUE(other.runs_seen <= 10); /* other arguments, another state */
}

CONTRACT(states_are_made_once_per_worker_task_and_arguments)
{
    contract_with(target, (fan_executor_options){.workers = 2}, states_last, NULL);
}

/* ---- Two at once, and what is refused ------------------------------------------------------ */

static void two_at_once(fan_executor *one, fan_executor *two, void *context)
{
    (void)context;
    fan_future *futures[200];
    for (uint64_t i = 0; i < 200; i++)
        futures[i] = submit_number(i % 2 ? one : two, &task_square, i);
    for (uint64_t i = 200; i-- > 0;) {
        expect_square(futures[i], i);
        fan_future_release(futures[i]);
    }
}

CONTRACT(two_executors_in_one_program)
{
    contract_with_two(target, (fan_executor_options){.workers = 2}, two_at_once, NULL);
}

static void refusals(fan_executor *executor, void *context)
{
    (void)context;
    fan_future *future = (void *)&future;
    fan_executor_stats stats;
    uint64_t x = 1;
    int fd;
    EXPECT_I64(fan_submit(executor, NULL, &x, 8, NULL, &future), FAN_E_ARGUMENT);
    EXPECT_TRUE(future == NULL);
    EXPECT_I64(fan_submit(executor, &task_square, NULL, 8, NULL, &future), FAN_E_ARGUMENT);
    EXPECT_I64(fan_submit(NULL, &task_square, &x, 8, NULL, &future), FAN_E_UNSUPPORTED);
    EXPECT_I64(fan_submit(executor, &task_square, &x, SIZE_MAX, NULL, &future), FAN_E_TOO_LARGE);
    EXPECT_I64(fan_submit(executor, &task_square, &x, 8,
                          &(fan_submit_options){.args = &x, .args_size = SIZE_MAX}, &future),
               FAN_E_TOO_LARGE);
    EXPECT_I64(
        fan_submit(executor, &task_square, &x, 8, &(fan_submit_options){.after_count = 1}, &future),
        FAN_E_ARGUMENT);
    EXPECT_I64(
        fan_submit(executor, &task_square, &x, 8, &(fan_submit_options){.feed = true}, &future),
        FAN_E_ARGUMENT);
    EXPECT_I64(fan_future_result(NULL, FAN_NOW, &(fan_outcome){0}), FAN_E_ARGUMENT);
    EXPECT_I64(fan_future_cancel(NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_future_kill(NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_I64(fan_executor_resize(executor, stats.workers + 1), FAN_E_ARGUMENT); /* the most */
    EXPECT_TRUE(fan_executor_resize(executor, 0) != FAN_OK);
    EXPECT_TRUE(fan_executor_fd(executor, NULL) != FAN_OK);
    EXPECT_I64(fan_executor_fd(NULL, &fd), FAN_E_UNSUPPORTED);
    EXPECT_I64(fan_unshare(executor, (fan_shared){12345}), FAN_E_ARGUMENT);
    fan_status unknown = fan_submit(executor, &task_unknown, &x, 8, NULL, &future);
    bool shares = fan_executor_capabilities(executor) & FAN_CAP_SHARES_MEMORY;
    EXPECT_I64(unknown, shares ? FAN_OK : FAN_E_UNKNOWN_TASK);
    fan_future_release(future);
}

CONTRACT(bad_calls_are_refused_by_name)
{
    contract_with(target, (fan_executor_options){.workers = 1}, refusals, NULL);
}
