/* The front over threads, with several threads at it at once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "exec/front.h"
#include "exec/settle.h"
#include "shim.h"

enum { WAIT_MS = 120000, NS_PER_MS = 1000000 };

static void pause_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

static fan_executor *open_with(fan_executor_options options)
{
    fan_executor *executor = NULL;
    if (!options.kind)
        options.kind = "threads";
    EXPECT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    return executor;
}

static void close_it(fan_executor *executor, fan_close_mode mode)
{
    EXPECT_I64(fan_executor_close(executor, mode, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

static fan_status echo_run(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    for (size_t i = 0; y && i < in.count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        if (size == sizeof *y)
            memcpy(&y[i], bytes, size);
        else
            y[i] = in.first + i;
    }
    return y ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task echo_task = {.name = "echo", .version = 1, .run = echo_run};

static void release_it(fan_future *future, void *user)
{
    _Atomic unsigned *count = user;
    atomic_fetch_add(count, 1);
    fan_future_release(future);
}

static bool reaches(_Atomic unsigned *count, unsigned wanted)
{
    int64_t deadline = fani_clock_ns() + INT64_C(1000000) * WAIT_MS;
    while (atomic_load(count) < wanted && fani_clock_ns() < deadline)
        pause_us(200);
    return atomic_load(count) >= wanted;
}

/* ---- Memory -------------------------------------------------------------------------------- */

/* Futures released by another thread than makes them are used again. */
static void expect_bounded_futures(unsigned submits)
{
    _Atomic unsigned released = 0;
    fan_executor *executor = open_with((fan_executor_options){.workers = 2, .queue_items = 256});
    for (unsigned i = 0; i < submits; i++) {
        fan_future *future;
        ASSERT_I64(fan_submit(executor, &echo_task, &i, sizeof i, NULL, &future), FAN_OK);
        ASSERT_I64(fan_future_on_done(future, release_it, &released), FAN_OK);
    }
    EXPECT_TRUE(reaches(&released, submits));
    size_t futures = fani_executor_front(executor)->futures;
    if (futures > 4096)
        shim_fail(__FILE__, __LINE__, "%zu futures exist after %u submits", futures, submits);
    close_it(executor, FAN_CLOSE_DRAIN);
}

FAN_TEST(team, futures_released_elsewhere_are_used_again)
{
    expect_bounded_futures(30000);
}

FAN_TEST(team, long_futures_released_elsewhere_are_used_again)
{
    expect_bounded_futures(3000000);
}

/* ---- Who waits behind whom ------------------------------------------------------------------- */

static _Atomic unsigned shorts_done, longs_done, gave_up, begun;
static _Atomic bool gate;

/* Only a hang makes it give up. */
static bool wait_for(const fan_run *run, const _Atomic bool *what, bool or_cancel)
{
    int64_t deadline = fani_clock_ns() + INT64_C(1000000) * WAIT_MS;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(what) && !(or_cancel && fan_run_cancelled(run))) {
        if (fani_clock_ns() > deadline) {
            atomic_fetch_add(&gave_up, 1);
            return false;
        }
        pause_us(20);
    }
    return true;
}

static bool wait_for_gate(const fan_run *run, bool or_cancel)
{
    return wait_for(run, &gate, or_cancel);
}

static fan_status long_run(fan_run *run, fan_items in)
{
    (void)in;
    wait_for_gate(run, false);
    atomic_fetch_add(&longs_done, 1);
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static fan_status short_run(fan_run *run, fan_items in)
{
    atomic_fetch_add(&shorts_done, (unsigned)in.count);
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task long_task = {.name = "long", .version = 1, .run = long_run};
static const fan_task short_task = {.name = "short", .version = 1, .run = short_run};

static void forget_all(void)
{
    atomic_store(&shorts_done, 0);
    atomic_store(&longs_done, 0);
    atomic_store(&gave_up, 0);
    atomic_store(&begun, 0);
    atomic_store(&gate, false);
}

static void submit_and_forget(fan_executor *executor, const fan_task *task, int priority)
{
    fan_future *future = NULL;
    EXPECT_I64(
        fan_submit(executor, task, NULL, 0, &(fan_submit_options){.priority = priority}, &future),
        FAN_OK);
    fan_future_release(future);
}

/* Members that have learnt that items are short have many in their lists when long ones come: the
 * short ones among those end while a member is left to run them. */
FAN_TEST(team, short_items_do_not_wait_behind_long_ones_while_a_member_is_idle)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = 4});
    for (unsigned round = 0; round < 40 && !shim_failed(); round++) {
        forget_all();
        for (unsigned i = 0; i < 300; i++)
            submit_and_forget(executor, &short_task, 0);
        for (unsigned i = 0; i < 60; i++)
            submit_and_forget(executor, i % 20 == round % 20 ? &long_task : &short_task, 0);
        EXPECT_TRUE(reaches(&shorts_done, 357));
        EXPECT_U64(atomic_load(&gave_up), 0);
        atomic_store(&gate, true);
        EXPECT_TRUE(reaches(&longs_done, 3));
        pause_us(round * 37 % 500);
    }
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* Single items, each at another moment of the members' falling asleep. */
static void submit_singles(unsigned count, unsigned workers)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = workers});
    uint64_t dice = 88172645463325252;
    for (unsigned i = 0; i < count && !shim_failed(); i++) {
        fan_future *futures[2];
        fan_outcome outcome;
        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        for (uint64_t k = 0; k < dice % 4096; k++)
            fani_cpu_relax();
        for (int k = 0; k < 2; k++)
            ASSERT_I64(fan_submit(executor, &echo_task, NULL, 0, NULL, &futures[k]), FAN_OK);
        for (int k = 0; k < 2; k++) {
            EXPECT_I64(fan_future_result(futures[k], fan_deadline_in_ms(WAIT_MS), &outcome),
                       FAN_OK);
            fan_future_release(futures[k]);
        }
    }
    close_it(executor, FAN_CLOSE_DRAIN);
}

FAN_TEST(team, no_item_is_slept_through)
{
    submit_singles(3000, 1);
    submit_singles(3000, 3);
}

FAN_TEST(team, long_no_item_is_slept_through)
{
    submit_singles(300000, 1);
    submit_singles(300000, 3);
}

static _Atomic unsigned low_before_high, low_done, low_next, low_overtaken;

static fan_status low_run(fan_run *run, fan_items in)
{
    unsigned number;
    memcpy(&number, in.bytes, sizeof number);
    if (number != atomic_fetch_add(&low_next, 1))
        atomic_fetch_add(&low_overtaken, 1);
    if (atomic_fetch_add(&low_done, 1) == 0) {
        atomic_store(&gate, false);
        wait_for_gate(run, false);
    }
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static fan_status high_run(fan_run *run, fan_items in)
{
    (void)in;
    atomic_store(&low_before_high, atomic_load(&low_done));
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task low_task = {.name = "low", .version = 1, .run = low_run};
static const fan_task high_task = {.name = "high", .version = 1, .run = high_run};

/* What a member has in its list does not come before what has a higher priority. */
FAN_TEST(team, priorities_come_before_the_lists_of_members)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = 1});
    forget_all();
    atomic_store(&low_done, 0);
    atomic_store(&low_next, 0);
    atomic_store(&low_overtaken, 0);
    submit_and_forget(executor, &long_task, 0); /* at the gate while the others gather */
    EXPECT_TRUE(reaches(&begun, 1));
    for (unsigned i = 0; i < 2000; i++)
        submit_and_forget(executor, &short_task, 0); /* the member learns that items are short */
    for (unsigned i = 0; i < 100; i++) {
        fan_future *future = NULL;
        EXPECT_I64(fan_submit(executor, &low_task, &i, sizeof i, NULL, &future), FAN_OK);
        fan_future_release(future);
    }
    atomic_store(&gate, true);
    EXPECT_TRUE(reaches(&begun, 2)); /* the first one waits, others are in the list */
    submit_and_forget(executor, &high_task, 5);
    atomic_store(&gate, true);
    EXPECT_TRUE(reaches(&low_done, 100));
    EXPECT_U64(atomic_load(&low_before_high), 1);
    EXPECT_U64(atomic_load(&low_overtaken), 0); /* those given back for it are in order again */
    EXPECT_U64(atomic_load(&gave_up), 0);
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* A member that rests still knows what it ran last. Another item with the same memory waits: its
 * time has not begun. */
FAN_TEST(team, time_counts_from_the_run_and_not_from_one_before)
{
    const fan_submit_options timed = {.timeout_ms = 300};
    fan_executor *executor = open_with((fan_executor_options){.workers = 2});
    fan_future *blocker = NULL, *futures[2] = {NULL};
    fan_outcome outcome = {.kind = FAN_OUTCOME_LOST};
    forget_all();
    for (int i = 0; i < 2; i++) /* each is one member's last */
        ASSERT_I64(fan_submit(executor, &long_task, NULL, 0, &timed, &futures[i]), FAN_OK);
    EXPECT_TRUE(reaches(&begun, 2));
    atomic_store(&gate, true);
    EXPECT_TRUE(reaches(&longs_done, 2));
    EXPECT_I64(fan_wait_all(futures, 2, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    EXPECT_I64(fan_executor_resize(executor, 1), FAN_OK);
    atomic_store(&gate, false);
    ASSERT_I64(fan_submit(executor, &long_task, NULL, 0, NULL, &blocker), FAN_OK);
    EXPECT_TRUE(reaches(&begun, 3));
    for (int i = 0; i < 2; i++)
        fan_future_release(futures[i]);
    for (int i = 0; i < 2; i++)
        ASSERT_I64(fan_submit(executor, &short_task, NULL, 0, &timed, &futures[i]), FAN_OK);
    for (int i = 0; i < 600; i++)
        pause_us(1000);
    for (int i = 0; i < 2; i++)
        EXPECT_TRUE(!fan_future_done(futures[i]));
    atomic_store(&gate, true);
    for (int i = 0; i < 2; i++) {
        EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
        fan_future_release(futures[i]);
    }
    fan_future_release(blocker);
    close_it(executor, FAN_CLOSE_DRAIN);
}

typedef struct asker {
    fan_executor *executor;
    _Atomic bool ends;
    _Atomic unsigned asked;
} asker;

static void *ask_on(void *user)
{
    asker *a = user;
    while (!atomic_load(&a->ends)) {
        fan_future *future = NULL;
        (void)fan_submit(a->executor, &echo_task, NULL, 0, &(fan_submit_options){.no_wait = true},
                         &future);
        EXPECT_TRUE(future == NULL); /* the queue is full */
        atomic_fetch_add(&a->asked, 1);
    }
    return NULL;
}

/* Submits that are refused do not show among what is done. */
FAN_TEST(team, refused_items_are_never_counted_as_done)
{
    asker a = {.ends = false};
    pthread_t thread;
    fan_executor_stats stats = {0};
    a.executor = open_with((fan_executor_options){.workers = 1, .queue_items = 2});
    forget_all();
    submit_and_forget(a.executor, &long_task, 0);
    submit_and_forget(a.executor, &long_task, 0);
    ASSERT_I64(pthread_create(&thread, NULL, ask_on, &a), 0);
    while (atomic_load(&a.asked) < 20000 && !shim_failed()) {
        EXPECT_I64(fan_executor_get_stats(a.executor, &stats), FAN_OK);
        EXPECT_U64(stats.items_done, 0);
    }
    atomic_store(&a.ends, true);
    pthread_join(thread, NULL);
    EXPECT_I64(fan_executor_get_stats(a.executor, &stats), FAN_OK);
    EXPECT_U64(stats.items_submitted, 2);
    atomic_store(&gate, true);
    close_it(a.executor, FAN_CLOSE_DRAIN);
}

/* ---- Stopping ------------------------------------------------------------------------------ */

static fan_status until_cancelled_run(fan_run *run, fan_items in)
{
    (void)in;
    return wait_for_gate(run, true) ? FAN_E_CANCELLED : FAN_E_FAILED;
}

static const fan_task until_cancelled = {.name = "until", .version = 1, .run = until_cancelled_run};

/* A map is ended at any moment of its beginning: none of its items goes on unaware of it. */
FAN_TEST(team, the_end_of_a_map_reaches_whoever_begins_it)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = 3});
    forget_all();
    for (unsigned round = 0; round < 600 && !atomic_load(&gave_up); round++) {
        fan_mapping *mapping;
        fan_outcome outcome;
        ASSERT_I64(fan_map_begin(executor, &until_cancelled, fan_source_range(0, 500), NULL,
                                 &mapping, NULL),
                   FAN_OK);
        EXPECT_I64(fan_map_next(mapping, FAN_NOW, &outcome, NULL), FAN_E_TIMEOUT);
        for (unsigned i = 0; i < round % 64 * 20; i++)
            fani_cpu_relax();
        if (round % 8 == 7)
            pause_us(round % 50);
        fan_map_end(mapping, NULL, 0);
    }
    EXPECT_U64(atomic_load(&gave_up), 0);
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* Items move between lists while they are killed. */
FAN_TEST(team, kills_meet_items_that_move)
{
    enum { ITEMS = 40 };
    fan_executor *executor = open_with((fan_executor_options){.workers = 4});
    forget_all();
    for (unsigned round = 0; round < 100 && !atomic_load(&gave_up); round++) {
        fan_future *futures[ITEMS];
        for (unsigned i = 0; i < ITEMS; i++) {
            submit_and_forget(executor, &short_task, 0);
            ASSERT_I64(fan_submit(executor, i % 3 ? &short_task : &until_cancelled, NULL, 0, NULL,
                                  &futures[i]),
                       FAN_OK);
        }
        for (unsigned i = 0; i < ITEMS; i++)
            (void)fan_future_kill(futures[i * 7 % ITEMS]);
        for (unsigned i = 0; i < ITEMS; i++) {
            fan_outcome outcome;
            EXPECT_I64(fan_future_result(futures[i], fan_deadline_in_ms(WAIT_MS), &outcome),
                       FAN_OK);
            if (i % 3 == 0)
                EXPECT_I64(outcome.kind, FAN_OUTCOME_CANCELLED);
            fan_future_release(futures[i]);
        }
    }
    EXPECT_U64(atomic_load(&gave_up), 0);
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* ---- Divisible batches ----------------------------------------------------------------------- */

enum { GRAIN = 7, RANGE = 3000 };

/* 0 for each item of a run that is a whole grain, or the last one. */
static fan_status grain_run(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    bool whole = in.first % GRAIN == 0 && (in.count == GRAIN || in.first + in.count == RANGE);
    for (size_t i = 0; y && i < in.count; i++)
        y[i] = !whole;
    pause_us(1);
    return y ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task grain_task = {.name = "grain", .version = 1, .run = grain_run};

FAN_TEST(team, ranges_are_taken_over_in_whole_grains)
{
    uint64_t *y = calloc(RANGE, sizeof *y), odd = 0;
    ASSERT_TRUE(y != NULL);
    fan_executor *executor = open_with((fan_executor_options){.workers = 4});
    for (int round = 0; round < 5; round++) {
        EXPECT_I64(fan_map(executor, &grain_task, fan_source_range(0, RANGE),
                           fan_sink_array(y, sizeof *y, RANGE), &(fan_map_options){.batch = GRAIN},
                           NULL),
                   FAN_OK);
        for (unsigned i = 0; i < RANGE; i++)
            odd += y[i];
    }
    EXPECT_U64(odd, 0);
    close_it(executor, FAN_CLOSE_DRAIN);
    free(y);
}

static fan_status counted_run(fan_run *run, fan_items in)
{
    atomic_fetch_add(&shorts_done, (unsigned)in.count);
    pause_us(100);
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task counted_task = {.name = "counted", .version = 1, .run = counted_run};

static void set_flag(fani_batch *batch)
{
    atomic_store((_Atomic bool *)batch->user, true);
}

/* Of a range that is given up, what was run has its replies and the rest is cancelled. */
FAN_TEST(team, a_range_that_is_given_up_tells_what_was_run)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = 3});
    fani_front *front = fani_executor_front(executor);
    for (unsigned round = 0; round < 20; round++) {
        fani_batch *batch = fani_batch_new();
        _Atomic bool done = false;
        unsigned ok = 0, cancelled = 0;
        ASSERT_TRUE(batch != NULL);
        forget_all();
        batch->task = &counted_task;
        batch->items.count = 100000;
        batch->divisible = true;
        batch->grain = round % 2;
        batch->done = set_flag;
        batch->user = &done;
        ASSERT_I64(fani_front_send(front, batch), FAN_OK);
        EXPECT_TRUE(reaches(&shorts_done, round % 5));
        (void)fani_abandon(front, batch, true);
        while (!atomic_load(&done))
            pause_us(50);
        for (size_t i = 0; i < batch->items.count; i++) {
            fan_outcome_kind kind = fani_replies_outcome(&batch->replies, i).kind;
            ok += kind == FAN_OUTCOME_OK;
            cancelled += kind == FAN_OUTCOME_CANCELLED;
        }
        EXPECT_U64(ok, atomic_load(&shorts_done));
        EXPECT_U64(ok + cancelled, batch->items.count);
        EXPECT_TRUE(ok < batch->items.count);
        fani_batch_free(batch);
    }
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* The first item waits until the last one runs, so that another member than the first has that. */
static fan_status ends_run(fan_run *run, fan_items in)
{
    if (in.first == 0) {
        EXPECT_TRUE(reaches(&begun, 1));
    } else if (in.first + in.count == RANGE) {
        wait_for_gate(run, true);
        atomic_fetch_add(&longs_done, 1);
    }
    atomic_fetch_add(&shorts_done, (unsigned)in.count);
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task ends_task = {.name = "ends", .version = 1, .run = ends_run};

static _Atomic bool doors[2];

/* Until the door opens that the item names. */
static fan_status door_run(fan_run *run, fan_items in)
{
    unsigned door;
    memcpy(&door, in.bytes, sizeof door);
    wait_for(run, &doors[door], false);
    atomic_fetch_add(&longs_done, 1);
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task door_task = {.name = "door", .version = 1, .run = door_run};

static void close_doors(fan_executor *executor)
{
    forget_all();
    for (unsigned door = 0; door < 2; door++) {
        fan_future *future = NULL;
        atomic_store(&doors[door], false);
        EXPECT_I64(fan_submit(executor, &door_task, &door, sizeof door, NULL, &future), FAN_OK);
        fan_future_release(future);
        EXPECT_TRUE(reaches(&begun, door + 1));
    }
}

/* Both members are at a door. One begins a range, the other joins in at the moment at which the
 * range is given up, and hears of it. */
static void give_up_while_joined(fan_executor *executor, unsigned round)
{
    fani_front *front = fani_executor_front(executor);
    fani_batch *batch = fani_batch_new();
    _Atomic bool done = false;
    ASSERT_TRUE(batch != NULL);
    close_doors(executor);
    batch->task = &until_cancelled;
    batch->items.count = 10;
    batch->divisible = true;
    batch->grain = 1;
    batch->done = set_flag;
    batch->user = &done;
    atomic_store(&doors[round % 2], true);
    ASSERT_I64(fani_front_send(front, batch), FAN_OK);
    EXPECT_TRUE(reaches(&begun, 3));
    atomic_store(&doors[1 - round % 2], true);
    for (unsigned i = 0; i < round % 30 * 100; i++)
        fani_cpu_relax();
    (void)fani_abandon(front, batch, true);
    while (!atomic_load(&done))
        pause_us(50);
    EXPECT_TRUE(reaches(&longs_done, 2));
    EXPECT_U64(atomic_load(&gave_up), 0);
    fani_batch_free(batch);
}

FAN_TEST(team, the_end_of_a_range_reaches_whoever_joins_late)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = 2});
    for (unsigned round = 0; round < 300 && !shim_failed(); round++)
        give_up_while_joined(executor, round);
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* Who took the batch has left it: the end that is asked for reaches who joined. */
FAN_TEST(team, a_range_is_given_up_by_whoever_has_the_rest_of_it)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = 2});
    fani_front *front = fani_executor_front(executor);
    fani_batch *batch = fani_batch_new();
    _Atomic bool done = false;
    ASSERT_TRUE(batch != NULL);
    forget_all();
    batch->task = &ends_task;
    batch->items.count = RANGE;
    batch->divisible = true;
    batch->grain = 1;
    batch->done = set_flag;
    batch->user = &done;
    ASSERT_I64(fani_front_send(front, batch), FAN_OK);
    EXPECT_TRUE(reaches(&shorts_done, RANGE - 1));
    for (int i = 0; i < 20; i++)
        pause_us(1000); /* until it has left, mostly */
    (void)fani_abandon(front, batch, true);
    EXPECT_TRUE(reaches(&longs_done, 1));
    EXPECT_U64(atomic_load(&gave_up), 0); /* it was told, and did not run into its limit */
    while (!atomic_load(&done))
        pause_us(50);
    fani_batch_free(batch);
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* ---- Resizing ------------------------------------------------------------------------------ */

typedef struct resizer {
    fan_executor *executor;
    _Atomic bool ends;
} resizer;

static void *resize_on(void *user)
{
    resizer *r = user;
    for (unsigned i = 0; !atomic_load(&r->ends); i++) {
        EXPECT_I64(fan_executor_resize(r->executor, 1 + i * 7 % 5), FAN_OK);
        pause_us(i % 3 * 40L);
    }
    return NULL;
}

/* Singles, one after another so that members fall asleep in between, and maps of both kinds. */
static void work_while_resized(fan_executor *executor, unsigned rounds)
{
    static uint64_t y[2000];
    for (unsigned round = 0; round < rounds && !shim_failed(); round++) {
        fan_future *future;
        fan_outcome outcome;
        fan_map_options options = {.retries = round % 2, .batch = round % 3};
        ASSERT_I64(fan_submit(executor, &echo_task, NULL, 0, NULL, &future), FAN_OK);
        EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
        fan_future_release(future);
        if (round % 16)
            continue;
        memset(y, 0xFF, sizeof y);
        EXPECT_I64(fan_map(executor, &echo_task, fan_source_range(0, 2000),
                           fan_sink_array(y, sizeof *y, 2000), &options, NULL),
                   FAN_OK);
        for (uint64_t i = 0; i < 2000; i++)
            EXPECT_U64(y[i], i);
    }
}

static void resize_for(unsigned rounds)
{
    resizer r = {.ends = false};
    pthread_t thread;
    r.executor = open_with((fan_executor_options){.workers = 2, .workers_max = 5});
    ASSERT_I64(pthread_create(&thread, NULL, resize_on, &r), 0);
    work_while_resized(r.executor, rounds);
    atomic_store(&r.ends, true);
    pthread_join(thread, NULL);
    close_it(r.executor, FAN_CLOSE_DRAIN);
}

FAN_TEST(team, resizing_loses_no_item)
{
    resize_for(3000);
}

FAN_TEST(team, long_resizing_loses_no_item)
{
    resize_for(100000);
}

/* A map over more workers than it began with keeps them all busy. */
FAN_TEST(team, resizing_changes_how_far_ahead_maps_send)
{
    fan_executor *executor = open_with((fan_executor_options){.workers = 1, .workers_max = 6});
    fan_mapping *mapping;
    fan_outcome outcome;
    EXPECT_I64(fan_executor_resize(executor, 6), FAN_OK);
    forget_all();
    ASSERT_I64(fan_map_begin(executor, &long_task, fan_source_range(0, 20),
                             &(fan_map_options){.batch = 1, .retries = 1}, &mapping, NULL),
               FAN_OK);
    EXPECT_I64(fan_map_next(mapping, FAN_NOW, &outcome, NULL), FAN_E_TIMEOUT);
    EXPECT_TRUE(reaches(&begun, 6));
    EXPECT_U64(atomic_load(&gave_up), 0);
    atomic_store(&gate, true);
    for (int i = 0; i < 20; i++)
        EXPECT_I64(fan_map_next(mapping, fan_deadline_in_ms(WAIT_MS), &outcome, NULL), FAN_OK);
    fan_map_end(mapping, NULL, 0);
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* ---- Waiting uses no time -------------------------------------------------------------------- */

static fan_status second_time_run(fan_run *run, fan_items in)
{
    (void)in;
    if (atomic_fetch_add(&begun, 1) == 0)
        return FAN_E_FAILED;
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task second_time = {.name = "second", .version = 1, .run = second_time_run};

FAN_TEST(team, serial_sleeps_until_the_next_run)
{
    struct timespec before, after;
    fan_executor *executor = open_with((fan_executor_options){.kind = "serial"});
    fan_future *future;
    fan_outcome outcome;
    forget_all();
    ASSERT_I64(fan_submit(executor, &second_time, NULL, 0,
                          &(fan_submit_options){.retries = 1, .backoff_ms = 300}, &future),
               FAN_OK);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    int64_t used =
        (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + after.tv_nsec - before.tv_nsec;
    EXPECT_TRUE(used < INT64_C(60) * NS_PER_MS);
    fan_future_release(future);
    close_it(executor, FAN_CLOSE_DRAIN);
}

typedef struct pair {
    uint64_t index, aligned;
} pair;

static fan_status pair_run(fan_run *run, fan_items in)
{
    pair *y = fan_run_reply_array(run, sizeof *y);
    for (size_t i = 0; y && i < in.count; i++)
        y[i] = (pair){.index = in.first + i, .aligned = (uintptr_t)y % 16 == 0};
    return y ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task pair_task = {.name = "pair", .version = 1, .run = pair_run};

/* What tasks are told of the alignment of their replies holds for any sink. */
FAN_TEST(team, replies_are_aligned_whatever_the_sink_is)
{
    enum { COUNT = 1000 };
    _Alignas(16) static uint64_t memory[2 * COUNT + 1];
    fan_executor *executor = open_with((fan_executor_options){.workers = 2});
    for (uint64_t shift = 0; shift < 2; shift++) {
        EXPECT_I64(fan_map(executor, &pair_task, fan_source_range(0, COUNT),
                           fan_sink_array(memory + shift, sizeof(pair), COUNT), NULL, NULL),
                   FAN_OK);
        for (uint64_t i = 0; i < COUNT; i++) {
            EXPECT_U64(memory[shift + 2 * i], i);
            EXPECT_U64(memory[shift + 2 * i + 1], 1);
        }
    }
    close_it(executor, FAN_CLOSE_DRAIN);
}

/* ---- Children left behind -------------------------------------------------------------------- */

static fan_status fail_run(fan_run *run, fan_items in)
{
    (void)run, (void)in;
    return FAN_E_FAILED;
}

static const fan_task fail_task = {.name = "fail", .version = 1, .run = fail_run};

/* Begins children of all sorts and leaves them: one that is about to run again, one that waits for
 * it, one that has not begun. Answers how many the run before left. */
static fan_status leave_run(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    fan_executor *executor = fan_run_executor(run);
    fan_executor_stats stats;
    fan_outcome outcome;
    fan_future *children[3] = {NULL};
    const fan_submit_options again = {.retries = 1000, .backoff_ms = 1};
    const fan_submit_options then = {.after = children, .after_count = 1};
    if (!y || !executor || fan_executor_get_stats(executor, &stats) != FAN_OK)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        y[i] = stats.items_submitted - stats.items_done;
    if (fan_submit(executor, &fail_task, NULL, 0, &again, &children[0]) != FAN_OK ||
        fan_submit(executor, &echo_task, NULL, 0, &then, &children[1]) != FAN_OK)
        return FAN_E_FAILED;
    (void)fan_future_result(children[0], fan_deadline_in_ms(1), &outcome);
    if (fan_submit(executor, &fail_task, NULL, 0, NULL, &children[2]) != FAN_OK)
        return FAN_E_FAILED;
    for (int i = 0; i < 3; i++)
        fan_future_release(children[i]);
    return FAN_OK;
}

static const fan_task leave_task = {.name = "leave", .version = 1, .run = leave_run};

static void expect_nothing_left(const char *kind, uint32_t retries)
{
    uint64_t y[60], left = 0;
    fan_executor *executor = open_with((fan_executor_options){.kind = kind, .workers = 2});
    fan_map_options options = {.batch = 2, .retries = retries}; /* with retries it is not divided */
    EXPECT_I64(fan_map(executor, &leave_task, fan_source_range(0, 60),
                       fan_sink_array(y, sizeof *y, 60), &options, NULL),
               FAN_OK);
    for (int i = 0; i < 60; i++)
        left += y[i];
    EXPECT_U64(left, 0);
    close_it(executor, FAN_CLOSE_DRAIN);
}

FAN_TEST(team, children_left_behind_end_with_their_run)
{
    expect_nothing_left("threads", 0);
    expect_nothing_left("threads", 1);
    expect_nothing_left("serial", 0);
}
