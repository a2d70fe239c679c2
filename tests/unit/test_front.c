/* The front over an executor whose every step the test decides: what no real executor does on
 * demand. */
#include "held.h"

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
    for (int i = 0; i < WAIT_MS && !atomic_load(flag); i++)
        pause_ms(1);
    return atomic_load(flag);
}

static void wait_inside(held_executor *h)
{
    for (int i = 0; i < WAIT_MS && !atomic_load(&h->inside); i++)
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
