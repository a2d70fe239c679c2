/* The front over an executor whose every step the test decides: what no real executor does on
 * demand. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "exec/executor_ops.h"
#include "shim.h"
#include "task/worker.h"

enum { HELD_MAX = 64, SLOW_MS = 60, WAIT_MS = 20000 };

/* Holds what is posted until the test runs or loses it. */
typedef struct held_executor {
    fani_front *front;
    unsigned depth;
    pthread_mutex_t lock; /* guards the list */
    fani_batch *held[HELD_MAX];
    unsigned count;
    _Atomic unsigned posts;
    _Atomic int inside; /* threads in a slow operation */
    _Atomic bool slow;  /* operations take SLOW_MS after their work is done */
    _Atomic bool lose;  /* revoke: the batch loses its worker, else it runs to its end */
    _Atomic bool closed;
    _Atomic bool late; /* an operation was still inside when close freed the instance */
} held_executor;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static fan_status held_probe(fan_error *why_not)
{
    (void)why_not;
    return FAN_OK;
}

static fan_status held_open(fani_front *front, const fan_executor_options *options,
                            fani_opened *opened, void **self, fan_error *error)
{
    held_executor *h = (void *)(uintptr_t)options->plugin_options;
    (void)error;
    h->front = front;
    pthread_mutex_init(&h->lock, NULL);
    *opened = (fani_opened){.workers = 1,
                            .ranks = 1,
                            .capabilities = FAN_CAP_SHARES_MEMORY,
                            .depth = h->depth,
                            .submits = true};
    *self = h;
    return FAN_OK;
}

static void linger(held_executor *h)
{
    if (!atomic_load(&h->slow))
        return;
    pause_ms(SLOW_MS);
    if (atomic_load(&h->closed))
        atomic_store(&h->late, true);
}

static void held_post(void *self, fani_batch *batch)
{
    held_executor *h = self;
    atomic_fetch_add(&h->inside, 1);
    pthread_mutex_lock(&h->lock);
    if (h->count < HELD_MAX)
        h->held[h->count++] = batch;
    pthread_mutex_unlock(&h->lock);
    atomic_fetch_add(&h->posts, 1);
    linger(h);
    atomic_fetch_sub(&h->inside, 1);
}

/* The oldest batch, or NULL; with `batch` only this one. */
static fani_batch *held_take(held_executor *h, const fani_batch *batch)
{
    fani_batch *taken = NULL;
    pthread_mutex_lock(&h->lock);
    for (unsigned i = 0; i < h->count && !taken; i++) {
        if (batch && h->held[i] != batch)
            continue;
        taken = h->held[i];
        h->count--;
        memmove(h->held + i, h->held + i + 1, (h->count - i) * sizeof(fani_batch *));
    }
    pthread_mutex_unlock(&h->lock);
    return taken;
}

static void held_end(held_executor *h, fani_batch *batch, bool lose)
{
    fani_outcome outcome = {.verdict = lose ? FANI_LOST : FANI_DONE, .text = "it died"};
    fani_worker *worker = lose ? NULL : fani_worker_new(&(fani_worker_host){.user = NULL});
    if (worker)
        fani_worker_run(worker, batch->task, &batch->items, &batch->args, batch->reply_limit,
                        &batch->replies, &batch->run_ns);
    fani_worker_free(worker);
    fani_front_complete(h->front, batch, outcome);
}

static bool held_step(held_executor *h, bool lose)
{
    fani_batch *batch = held_take(h, NULL);
    if (batch)
        held_end(h, batch, lose);
    return batch != NULL;
}

static bool held_revoke(void *self, fani_batch *batch, bool kill)
{
    held_executor *h = self;
    (void)kill;
    batch = held_take(h, batch);
    if (batch)
        held_end(h, batch, atomic_load(&h->lose));
    linger(h);
    return false;
}

static fan_status held_progress(void *self, fan_deadline deadline)
{
    held_executor *h = self;
    (void)deadline;
    atomic_fetch_add(&h->inside, 1);
    if (atomic_load(&h->slow))
        pause_ms(SLOW_MS);
    held_step(h, false);
    linger(h);
    atomic_fetch_sub(&h->inside, 1);
    return FAN_OK;
}

static void held_stats(void *self, fan_executor_stats *stats)
{
    (void)self, (void)stats;
}

static fan_status held_close(void *self, fan_deadline deadline)
{
    held_executor *h = self;
    (void)deadline;
    atomic_store(&h->closed, true);
    return FAN_OK;
}

static const fani_executor_ops held_ops = {
    .name = "held",
    .probe = held_probe,
    .open = held_open,
    .post = held_post,
    .revoke = held_revoke,
    .stats = held_stats,
    .close = held_close,
};

static const fani_executor_ops calls_ops = {
    .name = "calls",
    .probe = held_probe,
    .open = held_open,
    .post = held_post,
    .progress = held_progress,
    .stats = held_stats,
    .close = held_close,
};

static fan_executor *open_held(held_executor *h, const fani_executor_ops *ops, size_t queue_items)
{
    fan_executor_kind kind = {.ops = ops};
    fan_executor *executor = NULL;
    if (!h->depth)
        h->depth = 1;
    EXPECT_I64(fan_executor_open(&(fan_executor_options){.plugin = &kind,
                                                         .plugin_options = h,
                                                         .workers = 1,
                                                         .queue_items = queue_items},
                                 &executor, NULL),
               FAN_OK);
    return executor;
}

/* The index, or three times what the item says where it has bytes. */
static fan_status index_run(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    for (size_t i = 0; y && i < in.count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        y[i] = in.first + i;
        if (bytes && size)
            y[i] = UINT64_C(3) * bytes[0];
    }
    return y ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task index_task = {.name = "index", .version = 1, .run = index_run};

static bool wait_for(_Atomic bool *flag)
{
    for (int i = 0; i < 1000 && !atomic_load(flag); i++)
        pause_ms(1);
    return atomic_load(flag);
}

static void wait_inside(held_executor *h)
{
    for (int i = 0; i < 1000 && !atomic_load(&h->inside); i++)
        pause_ms(1);
    EXPECT_TRUE(atomic_load(&h->inside) > 0);
}

/* ---- Closing while other threads are in calls that began before --------------------------------
 */

typedef struct caller {
    held_executor held;
    fan_executor *executor;
    fan_future *future;
    fan_mapping *mapping;
    fan_status status;
    _Atomic bool returned;
} caller;

static void *wait_for_future(void *user)
{
    caller *c = user;
    fan_outcome outcome;
    c->status = fan_future_result(c->future, fan_deadline_in_ms(WAIT_MS), &outcome);
    return NULL;
}

FAN_TEST(front, close_waits_for_a_thread_that_makes_progress)
{
    caller c = {.status = FAN_E_BUSY};
    pthread_t thread;
    c.executor = open_held(&c.held, &calls_ops, 0);
    ASSERT_I64(fan_submit(c.executor, &index_task, NULL, 0, NULL, &c.future), FAN_OK);
    atomic_store(&c.held.slow, true);
    ASSERT_I64(pthread_create(&thread, NULL, wait_for_future, &c), 0);
    wait_inside(&c.held);
    EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)),
               FAN_OK);
    pthread_join(thread, NULL);
    EXPECT_I64(c.status, FAN_OK);
    EXPECT_TRUE(!atomic_load(&c.held.late));
    fan_future_release(c.future);
}

static void *submit_one(void *user)
{
    caller *c = user;
    fan_status status = fan_submit(c->executor, &index_task, NULL, 0, NULL, &c->future);
    c->status = status;
    atomic_store(&c->returned, true);
    return NULL;
}

FAN_TEST(front, close_waits_for_a_thread_that_posts)
{
    caller c = {.status = FAN_E_BUSY};
    pthread_t thread;
    c.executor = open_held(&c.held, &held_ops, 0);
    atomic_store(&c.held.slow, true);
    ASSERT_I64(pthread_create(&thread, NULL, submit_one, &c), 0);
    wait_inside(&c.held);
    while (!held_step(&c.held, false))
        pause_ms(1);
    EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)),
               FAN_OK);
    pthread_join(thread, NULL);
    EXPECT_I64(c.status, FAN_OK);
    EXPECT_TRUE(!atomic_load(&c.held.late));
    fan_future_release(c.future);
}

static void *end_map(void *user)
{
    caller *c = user;
    fan_map_end(c->mapping, NULL, 0);
    atomic_store(&c->returned, true);
    return NULL;
}

static fan_mapping *begin_map(fan_executor *executor, uint64_t count, size_t batch)
{
    fan_mapping *mapping = NULL;
    fan_outcome outcome;
    EXPECT_I64(fan_map_begin(executor, &index_task, fan_source_range(0, count),
                             &(fan_map_options){.batch = batch}, &mapping, NULL),
               FAN_OK);
    EXPECT_I64(fan_map_next(mapping, FAN_NOW, &outcome, NULL), FAN_E_TIMEOUT);
    return mapping;
}

FAN_TEST(front, close_waits_for_a_thread_that_takes_back)
{
    caller c = {.held = {.depth = 1}};
    pthread_t thread;
    c.executor = open_held(&c.held, &held_ops, 0);
    c.mapping = begin_map(c.executor, 1, 1);
    atomic_store(&c.held.slow, true);
    ASSERT_I64(pthread_create(&thread, NULL, end_map, &c), 0);
    EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)),
               FAN_OK);
    pthread_join(thread, NULL);
    EXPECT_TRUE(!atomic_load(&c.held.late));
}

static void *close_it(void *user)
{
    caller *c = user;
    c->status = fan_executor_close(c->executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS));
    return NULL;
}

/* A submit that waits for a place is refused when close begins, not when the queue moves. */
FAN_TEST(front, close_refuses_submits_that_wait_at_once)
{
    caller waiting = {.status = FAN_OK}, closing = {.status = FAN_E_ARGUMENT};
    pthread_t submitter, closer;
    fan_future *first;
    fan_executor *executor = open_held(&waiting.held, &held_ops, 1);
    waiting.executor = closing.executor = executor;
    ASSERT_I64(fan_submit(executor, &index_task, NULL, 0, NULL, &first), FAN_OK);
    ASSERT_I64(pthread_create(&submitter, NULL, submit_one, &waiting), 0);
    pause_ms(30);
    ASSERT_I64(pthread_create(&closer, NULL, close_it, &closing), 0);
    EXPECT_TRUE(wait_for(&waiting.returned));
    EXPECT_TRUE(!fan_future_done(first));
    held_step(&waiting.held, false);
    pthread_join(submitter, NULL);
    pthread_join(closer, NULL);
    EXPECT_I64(waiting.status, FAN_E_CLOSED);
    EXPECT_TRUE(waiting.future == NULL);
    EXPECT_I64(closing.status, FAN_OK);
    fan_future_release(first);
}

/* ---- What nobody waits for does not run again -------------------------------------------------
 */

/* Runs what is still posted, so that a failing test ends. Returns how much that was. */
static unsigned run_the_rest(held_executor *h, _Atomic bool *done)
{
    unsigned ran = 0;
    wait_for(done);
    while (!atomic_load(done)) {
        ran += held_step(h, false);
        pause_ms(1);
    }
    return ran;
}

FAN_TEST(front, end_of_a_map_does_not_repeat_what_lost_its_worker)
{
    caller c = {.held = {.depth = 1}};
    pthread_t thread;
    c.executor = open_held(&c.held, &held_ops, 0);
    c.mapping = begin_map(c.executor, 8, 8);
    atomic_store(&c.held.lose, true);
    ASSERT_I64(pthread_create(&thread, NULL, end_map, &c), 0);
    EXPECT_U64(run_the_rest(&c.held, &c.returned), 0);
    pthread_join(thread, NULL);
    EXPECT_U64(atomic_load(&c.held.posts), 1);
    EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

FAN_TEST(front, end_of_a_map_takes_back_the_pieces_of_a_split_batch)
{
    caller c = {.held = {.depth = 2}};
    pthread_t thread;
    fan_future *other;
    fan_outcome outcome;
    c.executor = open_held(&c.held, &held_ops, 0);
    c.mapping = begin_map(c.executor, 8, 8);
    EXPECT_TRUE(held_step(&c.held, true)); /* two pieces are out */
    EXPECT_TRUE(held_step(&c.held, true)); /* one is out, two smaller ones: out and queued */
    ASSERT_I64(fan_submit(c.executor, &index_task, NULL, 0, NULL, &other), FAN_OK);
    ASSERT_I64(pthread_create(&thread, NULL, end_map, &c), 0);
    EXPECT_U64(run_the_rest(&c.held, &c.returned), 0);
    pthread_join(thread, NULL);
    while (held_step(&c.held, false))
        continue;
    EXPECT_I64(fan_future_result(other, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK); /* others are left alone */
    fan_future_release(other);
    EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

static void *close_abandoning(void *user)
{
    caller *c = user;
    c->status = fan_executor_close(c->executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(WAIT_MS));
    atomic_store(&c->returned, true);
    return NULL;
}

FAN_TEST(front, close_that_abandons_does_not_repeat_what_lost_its_worker)
{
    caller c = {.status = FAN_E_ARGUMENT};
    pthread_t thread;
    fan_outcome outcome;
    c.executor = open_held(&c.held, &held_ops, 0);
    ASSERT_I64(fan_submit(c.executor, &index_task, NULL, 0, NULL, &c.future), FAN_OK);
    atomic_store(&c.held.lose, true);
    ASSERT_I64(pthread_create(&thread, NULL, close_abandoning, &c), 0);
    EXPECT_U64(run_the_rest(&c.held, &c.returned), 0);
    pthread_join(thread, NULL);
    EXPECT_I64(c.status, FAN_OK);
    EXPECT_U64(atomic_load(&c.held.posts), 1);
    ASSERT_I64(fan_future_result(c.future, FAN_NOW, &outcome), FAN_OK);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_CANCELLED);
    fan_future_release(c.future);
}

/* ---- Splitting ---------------------------------------------------------------------------------
 */

/* 37 items by offsets, i % 3 + 1 bytes each, the first of them i; behind 5 bytes of no item. */
static fan_status pull_texts(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                             fan_error *error)
{
    static unsigned char bytes[5 + 37 * 3];
    static uint64_t offsets[38];
    bool *given = user;
    (void)max_items, (void)max_bytes, (void)error;
    if (*given)
        return FAN_OK;
    *given = true;
    offsets[0] = 5;
    for (uint64_t i = 0; i < 37; i++) {
        bytes[offsets[i]] = (unsigned char)i;
        offsets[i + 1] = offsets[i] + i % 3 + 1;
    }
    *items = (fan_items){.bytes = bytes, .offsets = offsets, .count = 37};
    return FAN_OK;
}

/* Takes all outcomes of 37 items that lose their workers again and again. */
static void expect_whole(held_executor *held, fan_mapping *mapping, uint64_t factor)
{
    fan_outcome outcome;
    uint64_t seen = 0, lost = 0;
    fan_status status = FAN_OK;
    for (unsigned step = 0; step < 2000 && status != FAN_E_CLOSED; step++) {
        status = fan_map_next(mapping, FAN_NOW, &outcome, NULL);
        if (status == FAN_E_TIMEOUT)
            held_step(held, step % 3 != 2 && step < 60);
        if (status != FAN_OK)
            continue;
        uint64_t y = UINT64_MAX;
        if (outcome.kind == FAN_OUTCOME_OK && outcome.size == sizeof y)
            memcpy(&y, outcome.bytes, sizeof y);
        lost += outcome.kind == FAN_OUTCOME_LOST;
        EXPECT_U64(outcome.index, seen++);
        EXPECT_TRUE(y == factor * outcome.index || outcome.kind == FAN_OUTCOME_LOST);
        EXPECT_TRUE(outcome.attempt >= 2);
    }
    EXPECT_I64(status, FAN_E_CLOSED);
    EXPECT_U64(seen, 37);
    EXPECT_TRUE(lost < 10);
}

/* However the front splits, every item keeps its reply, its place and its count. */
FAN_TEST(front, split_batches_give_every_item_its_own_reply)
{
    unsigned char x[37];
    for (unsigned char i = 0; i < 37; i++)
        x[i] = i;
    for (int shape = 0; shape < 3; shape++) {
        caller c = {.held = {.depth = 3}};
        bool given = false;
        fan_source source = shape == 0   ? fan_source_range(0, 37)
                            : shape == 1 ? fan_source_array(x, 1, 37)
                                         : fan_source_callback(pull_texts, &given, UINT64_MAX);
        c.executor = open_held(&c.held, &held_ops, 0);
        ASSERT_I64(fan_map_begin(c.executor, &index_task, source, &(fan_map_options){.batch = 37},
                                 &c.mapping, NULL),
                   FAN_OK);
        expect_whole(&c.held, c.mapping, shape == 0 ? 1 : 3);
        fan_map_end(c.mapping, NULL, 0);
        EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    }
}

/* ---- Sources -----------------------------------------------------------------------------------
 */

/* Offsets of empty items with no bytes at all: overwritten at the next pull. */
static fan_status pull_empty(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                             fan_error *error)
{
    uint64_t *state = user; /* pulls, then two offsets */
    (void)max_items, (void)max_bytes, (void)error;
    state[1] = state[2] = state[0]; /* any offset will do for nothing */
    if (state[0]++ < 3)
        *items = (fan_items){.offsets = state + 1, .count = 1};
    else
        state[1] = 0, state[2] = UINT64_MAX / 2; /* what a batch of before must not see */
    return FAN_OK;
}

static fan_status size_run(fan_run *run, fan_items in)
{
    for (size_t i = 0; i < in.count; i++) {
        size_t size;
        fan_items_at(&in, i, &size);
        fan_status status = fan_run_reply(run, i, &size, sizeof size);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

static const fan_task size_task = {.name = "size", .version = 1, .run = size_run};

FAN_TEST(front, maps_keep_the_offsets_of_empty_items)
{
    caller c = {.held = {.depth = 8}};
    uint64_t state[3] = {0};
    fan_outcome outcome;
    c.executor = open_held(&c.held, &held_ops, 0);
    ASSERT_I64(fan_map_begin(c.executor, &size_task,
                             fan_source_callback(pull_empty, state, UINT64_MAX), NULL, &c.mapping,
                             NULL),
               FAN_OK);
    EXPECT_I64(fan_map_next(c.mapping, FAN_NOW, &outcome, NULL), FAN_E_TIMEOUT);
    EXPECT_U64(state[0], 4); /* all pulled, none run */
    while (held_step(&c.held, false))
        continue;
    for (uint64_t i = 0; i < 3; i++) {
        size_t size = 1;
        ASSERT_I64(fan_map_next(c.mapping, FAN_NOW, &outcome, NULL), FAN_OK);
        if (outcome.size == sizeof size)
            memcpy(&size, outcome.bytes, sizeof size);
        EXPECT_U64(size, 0);
    }
    fan_map_end(c.mapping, NULL, 0);
    EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

static void *close_soon(void *user)
{
    caller *c = user;
    c->status = fan_executor_close(c->executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS));
    atomic_store(&c->returned, true);
    return NULL;
}

/* A map that is cut by a close must not look like one that came to its end. */
FAN_TEST(front, a_map_cut_by_close_is_cancelled_not_ended)
{
    caller c = {.held = {.depth = 1}};
    pthread_t closer;
    fan_outcome outcome;
    fan_error error = {0};
    fan_status status = FAN_OK;
    c.executor = open_held(&c.held, &held_ops, 0);
    c.mapping = begin_map(c.executor, 1000, 1);
    ASSERT_I64(pthread_create(&closer, NULL, close_soon, &c), 0);
    pause_ms(30);
    for (int step = 0; step < 100 && (status == FAN_OK || status == FAN_E_TIMEOUT); step++) {
        held_step(&c.held, false);
        status = fan_map_next(c.mapping, FAN_NOW, &outcome, &error);
    }
    EXPECT_STR(fan_status_name(status), "FAN_E_CANCELLED");
    EXPECT_CONTAINS(error.text, "closed");
    while (!atomic_load(&c.returned))
        if (!held_step(&c.held, false))
            pause_ms(1);
    pthread_join(closer, NULL);
    fan_map_end(c.mapping, NULL, 0);
    EXPECT_I64(c.status, FAN_OK);
}
