/* How futures end: in chains, killed while they are on their way, given up after they took too
 * long, retired with their executor. */
#include "exec/front.h"
#include "exec/settle.h"
#include "held.h"

static fan_status fine_run(fan_run *run, fan_items in)
{
    (void)in;
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static fan_status failing_run(fan_run *run, fan_items in)
{
    (void)run, (void)in;
    return FAN_E_FAILED;
}

static const fan_task fine_task = {.name = "fine", .version = 1, .run = fine_run};
static const fan_task failing_task = {.name = "failing", .version = 1, .run = failing_run};

static fan_outcome outcome_of(fan_future *future)
{
    fan_outcome outcome = {.kind = FAN_OUTCOME_LOST};
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    return outcome;
}

/* Waits until so many batches are held. */
static void await_held(held_executor *h, unsigned count)
{
    unsigned held = 0;
    for (int i = 0; i < WAIT_MS && held < count; i++) {
        pthread_mutex_lock(&h->lock);
        held = h->count;
        pthread_mutex_unlock(&h->lock);
        if (held < count)
            pause_ms(1);
    }
    EXPECT_TRUE(held >= count);
}

/* ---- Chains -------------------------------------------------------------------------------- */

enum { CHAIN = 30000 };

/* A first future and a chain of others, each waiting for the one before. */
static fan_future **make_chain(fan_executor *executor, const fan_task *first)
{
    fan_future **chain = calloc(CHAIN, sizeof *chain);
    for (int i = 0; chain && i < CHAIN; i++) {
        fan_submit_options options = {.after = i ? &chain[i - 1] : NULL, .after_count = i > 0};
        EXPECT_I64(fan_submit(executor, i ? &fine_task : first, NULL, 0, &options, &chain[i]),
                   FAN_OK);
    }
    return chain;
}

static void expect_chain_cancelled(fan_future **chain)
{
    for (int i = 1; i < CHAIN; i++) {
        EXPECT_I64(outcome_of(chain[i]).kind, FAN_OUTCOME_CANCELLED);
        fan_future_release(chain[i]);
        if (shim_failed())
            break;
    }
    fan_future_release(chain[0]);
    free(chain);
}

static void *end_first(void *user)
{
    held_step(user, false);
    return NULL;
}

static void *cancel_future(void *user)
{
    EXPECT_I64(fan_future_cancel(user), FAN_OK);
    return NULL;
}

/* Calls it on a thread with little stack. */
static void call_on_small_stack(void *(*function)(void *), void *user)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    EXPECT_I64(pthread_attr_setstacksize(&attributes, (size_t)1 << 19), 0);
    ASSERT_I64(pthread_create(&thread, &attributes, function, user), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

FAN_TEST(front, a_long_chain_ends_with_its_first)
{
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future **chain = make_chain(executor, &failing_task);
    call_on_small_stack(end_first, &held);
    EXPECT_I64(outcome_of(chain[0]).kind, FAN_OUTCOME_FAILED);
    expect_chain_cancelled(chain);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

FAN_TEST(front, a_long_chain_is_cancelled_from_its_second)
{
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future **chain = make_chain(executor, &fine_task);
    call_on_small_stack(cancel_future, chain[1]);
    expect_chain_cancelled(chain);
    held_step(&held, false);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

FAN_TEST(front, waiting_for_nothing_is_refused)
{
    fan_future *none[2] = {NULL, NULL};
    size_t which;
    fan_outcome outcome;
    EXPECT_I64(fan_wait_any(none, 2, FAN_NOW, &which), FAN_E_ARGUMENT);
    EXPECT_I64(fan_wait_any(none, 0, FAN_NOW, &which), FAN_E_ARGUMENT);
    EXPECT_I64(fan_wait_all(none, 2, FAN_NOW), FAN_E_ARGUMENT);
    EXPECT_I64(fan_future_result(NULL, FAN_NOW, &outcome), FAN_E_ARGUMENT);
}

static void finish_the_first(held_executor *h)
{
    h->idle = NULL;
    held_finish(h);
}

/* What is posted while a waiter has just found nothing to move does not stay where it is. */
FAN_TEST(front, a_waiter_looks_again_before_it_sleeps)
{
    held_executor held = {.depth = 1, .idle = finish_the_first};
    fan_executor *executor = open_held(&held, &calls_ops, 0);
    fan_future *first = NULL, *second = NULL;
    ASSERT_I64(fan_submit(executor, &fine_task, NULL, 0, NULL, &first), FAN_OK);
    ASSERT_I64(fan_submit(executor, &fine_task, NULL, 0,
                          &(fan_submit_options){.after = &first, .after_count = 1}, &second),
               FAN_OK);
    EXPECT_TRUE(held_begin(&held) != NULL);
    EXPECT_I64(outcome_of(second).kind, FAN_OUTCOME_OK);
    fan_future_release(first);
    fan_future_release(second);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

/* ---- Killed and closed on the way ------------------------------------------------------------ */

static void kill_at_second_post(held_executor *h)
{
    fan_future **future = h->user;
    if (atomic_load(&h->posts) == 1)
        EXPECT_I64(fan_future_kill(*future), FAN_OK);
}

/* Who kills between the decision to run again and the post finds nothing to take back. */
FAN_TEST(front, a_kill_just_before_the_second_run_is_not_lost)
{
    fan_future *future = NULL;
    held_executor held = {.depth = 1, .before_post = kill_at_second_post, .user = &future};
    fan_submit_options options = {.retries = 1, .backoff_ms = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    ASSERT_I64(fan_submit(executor, &failing_task, NULL, 0, &options, &future), FAN_OK);
    held_step(&held, false);
    (void)outcome_of(future); /* nobody steps: it was taken back */
    EXPECT_U64(atomic_load(&held.posts), 2);
    EXPECT_TRUE(atomic_load(&held.revokes) >= 2);
    fan_future_release(future);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_ABANDON, FAN_FOREVER), FAN_OK);
}

FAN_TEST(front, a_kill_just_before_the_run_after_a_loss_is_not_lost)
{
    fan_future *future = NULL;
    held_executor held = {.depth = 1, .before_post = kill_at_second_post, .user = &future};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    ASSERT_I64(fan_submit(executor, &fine_task, NULL, 0, NULL, &future), FAN_OK);
    held_step(&held, true);
    (void)outcome_of(future);
    EXPECT_U64(atomic_load(&held.posts), 2);
    fan_future_release(future);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_ABANDON, FAN_FOREVER), FAN_OK);
}

typedef struct slow_post {
    held_executor held;
    fan_executor *executor;
    fan_future *future;
    _Atomic bool entered, go;
} slow_post;

static void post_when_told(held_executor *h)
{
    slow_post *s = h->user;
    atomic_store(&s->entered, true);
    while (!atomic_load(&s->go))
        pause_ms(1);
}

static void *submit_fine(void *user)
{
    slow_post *s = user;
    EXPECT_I64(fan_submit(s->executor, &fine_task, NULL, 0, NULL, &s->future), FAN_OK);
    return NULL;
}

static void *close_all(void *user)
{
    slow_post *s = user;
    EXPECT_I64(fan_executor_close(s->executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(WAIT_MS)),
               FAN_OK);
    return NULL;
}

/* What a submit that began before the close posts after it is abandoned too. */
FAN_TEST(front, close_that_abandons_meets_what_is_just_being_posted)
{
    slow_post s = {.held = {.depth = 1, .before_post = post_when_told}};
    pthread_t submitter, closer;
    s.held.user = &s;
    s.executor = open_held(&s.held, &held_ops, 0);
    ASSERT_I64(pthread_create(&submitter, NULL, submit_fine, &s), 0);
    while (!atomic_load(&s.entered))
        pause_ms(1);
    ASSERT_I64(pthread_create(&closer, NULL, close_all, &s), 0);
    while (!atomic_load(&s.held.revokes))
        pause_ms(1);
    atomic_store(&s.go, true);
    pthread_join(submitter, NULL);
    pthread_join(closer, NULL);
    (void)outcome_of(s.future);
    fan_future_release(s.future);
}

static _Atomic bool done_may_go, done_entered;

static void linger_done(fani_batch *batch)
{
    (void)batch; /* its memory is the test's until the end */
    atomic_store(&done_entered, true);
    while (!atomic_load(&done_may_go))
        pause_ms(1);
}

static void *step_once(void *user)
{
    held_step(user, false);
    return NULL;
}

/* The end of a batch is counted before it is told: in between the executor may close, and who
 * gives the batch up then must not ask an instance that is gone. */
FAN_TEST(front, nothing_is_asked_of_an_executor_that_has_closed)
{
    held_executor held = {.depth = 1};
    pthread_t stepper;
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fani_front *front = fani_executor_front(executor);
    fani_batch *batch = fani_batch_new();
    batch->task = &fine_task;
    batch->items.count = 1;
    batch->done = linger_done;
    fani_front_retain(front);
    ASSERT_I64(fani_front_send(front, batch), FAN_OK);
    ASSERT_I64(pthread_create(&stepper, NULL, step_once, &held), 0);
    while (!atomic_load(&done_entered))
        pause_ms(1);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    EXPECT_TRUE(!fani_abandon(front, batch, true));
    EXPECT_U64(atomic_load(&held.revokes), 0);
    atomic_store(&done_may_go, true);
    pthread_join(stepper, NULL);
    fani_batch_free(batch);
    fani_front_release(front);
}

/* ---- What took too long and runs on ---------------------------------------------------------- */

static const fan_submit_options hasty = {.timeout_ms = 20, .retries = 1, .backoff_ms = 1};

/* A future whose first run was given up and goes on, and whose second one is posted. */
static fan_future *give_up_first_run(held_executor *held, fan_executor *executor)
{
    fan_future *future = NULL;
    EXPECT_I64(fan_submit(executor, &fine_task, "x", 1, &hasty, &future), FAN_OK);
    EXPECT_TRUE(held_begin(held) != NULL);
    await_held(held, 1);
    return future;
}

FAN_TEST(front, kill_reaches_the_second_run_of_what_took_too_long)
{
    held_executor held = {.depth = 1, .lose = true};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *future = give_up_first_run(&held, executor);
    EXPECT_I64(fan_future_kill(future), FAN_OK);
    EXPECT_I64(outcome_of(future).kind, FAN_OUTCOME_CANCELLED);
    EXPECT_U64(outcome_of(future).attempt, 2);
    fan_future_release(future);
    held_finish(&held);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

FAN_TEST(front, cancel_reaches_the_second_run_where_it_waits)
{
    held_executor held = {.depth = 1, .cancels = true};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *future = give_up_first_run(&held, executor);
    EXPECT_I64(fan_future_cancel(future), FAN_OK);
    EXPECT_I64(outcome_of(future).kind, FAN_OUTCOME_CANCELLED);
    EXPECT_U64(outcome_of(future).attempt, 2);
    EXPECT_I64(fan_future_cancel(future), FAN_E_BUSY);
    fan_future_release(future);
    held_finish(&held);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

FAN_TEST(front, cancel_leaves_the_second_run_where_it_has_begun)
{
    held_executor held = {.depth = 1, .cancels = true};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *future = NULL;
    const fan_submit_options patient = {.timeout_ms = WAIT_MS, .retries = 1, .backoff_ms = 1};
    EXPECT_I64(fan_submit(executor, &fine_task, "x", 1, &patient, &future), FAN_OK);
    EXPECT_TRUE(held_begin(&held) != NULL);
    pthread_mutex_lock(&held.lock);
    held.begun_ns -= INT64_C(2000000) * WAIT_MS; /* long ago */
    pthread_mutex_unlock(&held.lock);
    fani_batch *first = held.running;
    await_held(&held, 1);
    EXPECT_TRUE(held_begin(&held) != NULL);
    EXPECT_I64(fan_future_cancel(future), FAN_E_BUSY);
    held_finish(&held);
    EXPECT_I64(outcome_of(future).kind, FAN_OUTCOME_OK);
    fan_future_release(future);
    held.running = first;
    held_finish(&held);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

/* The outcome of the second run counts, whichever ends first, and close waits for the first one. */
FAN_TEST(front, the_second_run_gives_the_outcome_in_every_order)
{
    for (int order = 0; order < 4; order++) {
        held_executor held = {.depth = 1};
        fan_executor *executor = open_held(&held, &held_ops, 0);
        fan_future *future = give_up_first_run(&held, executor);
        bool first_ends_first = order & 1, released_early = order & 2;
        if (first_ends_first)
            held_finish(&held);
        EXPECT_TRUE(!fan_future_done(future));
        if (released_early)
            fan_future_release(future);
        held_step(&held, false);
        if (!released_early) {
            EXPECT_I64(outcome_of(future).kind, FAN_OUTCOME_OK);
            fan_future_release(future);
        }
        if (!first_ends_first) {
            EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(10)),
                       FAN_E_BUSY);
            held_finish(&held);
        }
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)),
                   FAN_OK);
    }
}

FAN_TEST(front, what_always_takes_too_long_has_timed_out)
{
    held_executor held = {.depth = 1};
    fan_executor *executor = open_held(&held, &held_ops, 0);
    fan_future *future = give_up_first_run(&held, executor);
    fani_batch *first = held.running;
    EXPECT_TRUE(held_begin(&held) != NULL);
    EXPECT_I64(outcome_of(future).kind, FAN_OUTCOME_TIMED_OUT);
    EXPECT_CONTAINS(outcome_of(future).text, "ran longer than 20 ms");
    EXPECT_U64(outcome_of(future).attempt, 2);
    held_finish(&held);
    fan_future_release(future);
    held.running = first;
    held_finish(&held);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

FAN_TEST(front, end_of_a_map_takes_back_the_second_run)
{
    held_executor held = {.depth = 1, .lose = true};
    fan_mapping *mapping = NULL;
    fan_outcome outcome;
    fan_summary summary;
    fan_executor *executor = open_held(&held, &held_ops, 0);
    ASSERT_I64(fan_map_begin(executor, &fine_task, fan_source_range(0, 1),
                             &(fan_map_options){.timeout_ms = 20, .retries = 1, .backoff_ms = 1},
                             &mapping, NULL),
               FAN_OK);
    EXPECT_I64(fan_map_next(mapping, FAN_NOW, &outcome, NULL), FAN_E_TIMEOUT);
    EXPECT_TRUE(held_begin(&held) != NULL);
    await_held(&held, 1);
    fan_map_end(mapping, &summary, sizeof summary); /* nobody steps */
    held_finish(&held);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

/* ---- Limits -------------------------------------------------------------------------------- */

enum { SUBMITTERS = 15, PLACES = 2048 };

typedef struct crowd {
    fan_executor *executor;
    pthread_barrier_t barrier;
    _Atomic unsigned taken;
} crowd;

static void submit_until_busy(crowd *c, unsigned most)
{
    fan_future *future;
    for (unsigned i = 0; i < most; i++) {
        if (fan_submit(c->executor, &fine_task, NULL, 0, &(fan_submit_options){.no_wait = true},
                       &future) != FAN_OK)
            return;
        fan_future_release(future);
        atomic_fetch_add(&c->taken, 1);
    }
}

static void *submit_early_and_late(void *user)
{
    crowd *c = user;
    submit_until_busy(c, 1); /* there is much room: this thread may go on without looking */
    pthread_barrier_wait(&c->barrier);
    pthread_barrier_wait(&c->barrier); /* the queue is full by now */
    submit_until_busy(c, PLACES);
    return NULL;
}

typedef struct swallower {
    fani_front *front;
    pthread_mutex_t lock;
    fani_batch *batches[2 * PLACES];
    unsigned count;
} swallower;

static fan_status swallow_open(fani_front *front, const fan_executor_options *options,
                               fani_opened *opened, void **self, fan_error *error)
{
    swallower *s = (void *)(uintptr_t)options->plugin_options;
    (void)error;
    s->front = front;
    pthread_mutex_init(&s->lock, NULL);
    *opened = (fani_opened){.workers = 1,
                            .ranks = 1,
                            .capabilities = FAN_CAP_SHARES_MEMORY,
                            .depth = 1,
                            .submits = true};
    *self = s;
    return FAN_OK;
}

static void swallow_post(void *self, fani_batch *batch)
{
    swallower *s = self;
    pthread_mutex_lock(&s->lock);
    if (s->count < 2 * PLACES)
        s->batches[s->count++] = batch;
    pthread_mutex_unlock(&s->lock);
}

static bool swallow_revoke(void *self, fani_batch *batch, bool kill)
{
    swallower *s = self;
    (void)batch, (void)kill;
    while (s->count)
        fani_front_complete(s->front, s->batches[--s->count],
                            (fani_outcome){.verdict = FANI_CANCELLED});
    return true;
}

static fan_status swallow_probe(fan_error *error)
{
    (void)error;
    return FAN_OK;
}

static void swallow_stats(void *self, fan_executor_stats *stats)
{
    (void)self, (void)stats;
}

static fan_status swallow_close(void *self, fan_deadline deadline)
{
    (void)self, (void)deadline;
    return FAN_OK;
}

static const fani_executor_ops swallow_ops = {.name = "swallow",
                                              .probe = swallow_probe,
                                              .open = swallow_open,
                                              .post = swallow_post,
                                              .revoke = swallow_revoke,
                                              .stats = swallow_stats,
                                              .close = swallow_close};

/* Threads that looked when there was room must look again before they fill what is not there. */
FAN_TEST(front, the_queue_keeps_its_limit_whoever_submits)
{
    static swallower s;
    crowd c = {.taken = 0};
    pthread_t threads[SUBMITTERS];
    fan_executor_kind kind = {.ops = &swallow_ops};
    ASSERT_I64(fan_executor_open(
                   &(fan_executor_options){
                       .plugin = &kind, .plugin_options = &s, .workers = 1, .queue_items = PLACES},
                   &c.executor, NULL),
               FAN_OK);
    pthread_barrier_init(&c.barrier, NULL, SUBMITTERS + 1);
    for (int i = 0; i < SUBMITTERS; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, submit_early_and_late, &c), 0);
    pthread_barrier_wait(&c.barrier);
    submit_until_busy(&c, 2 * PLACES);
    EXPECT_U64(atomic_load(&c.taken), PLACES); /* all of it is to be had */
    pthread_barrier_wait(&c.barrier);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_U64(atomic_load(&c.taken), PLACES);
    EXPECT_I64(fan_executor_close(c.executor, FAN_CLOSE_ABANDON, FAN_FOREVER), FAN_OK);
    pthread_barrier_destroy(&c.barrier);
}

FAN_TEST(front, the_queue_has_room_for_all_workers_there_may_be)
{
    held_executor held = {.depth = 1};
    fan_executor_kind kind = {.ops = &held_ops};
    fan_executor *executor = NULL;
    fan_executor_options options = {
        .plugin = &kind, .plugin_options = &held, .workers = 1, .workers_max = 2000};
    ASSERT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    EXPECT_U64(fani_executor_front(executor)->queue_items_max, 128000);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    options.queue_items = 7;
    ASSERT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    EXPECT_U64(fani_executor_front(executor)->queue_items_max, 7);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

enum { FED_BYTES = 900 };

static fan_status large_run(fan_run *run, fan_items in)
{
    (void)in;
    return fan_run_reply_array(run, FED_BYTES) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task large_task = {.name = "large", .version = 1, .run = large_run};

/* Whether another item of 200 bytes is taken; it is run. */
static bool has_room(held_executor *h, fan_executor *executor)
{
    static const unsigned char input[200];
    const fan_submit_options at_once = {.no_wait = true, .priority = 1};
    fan_future *future = NULL;
    fan_status status = fan_submit(executor, &fine_task, input, sizeof input, &at_once, &future);
    if (status == FAN_E_BUSY)
        return false;
    EXPECT_I64(status, FAN_OK);
    EXPECT_I64(fan_future_kill(future), FAN_OK);
    EXPECT_TRUE(h->count <= 1);
    EXPECT_I64(outcome_of(future).kind, FAN_OUTCOME_CANCELLED);
    fan_future_release(future);
    return true;
}

/* What is fed to an item counts like what is submitted with it, until it ends in whatever way. */
FAN_TEST(front, fed_bytes_count_until_their_item_ends)
{
    for (int way = 0; way < 3; way++) {
        held_executor held = {.depth = 1, .cancels = true};
        fan_executor_kind kind = {.ops = &held_ops};
        fan_executor *executor = NULL;
        fan_future *first = NULL, *second = NULL;
        ASSERT_I64(fan_executor_open(&(fan_executor_options){.plugin = &kind,
                                                             .plugin_options = &held,
                                                             .workers = 1,
                                                             .queue_bytes = 1000},
                                     &executor, NULL),
                   FAN_OK);
        const fan_submit_options fed = {.after = &first, .after_count = 1, .feed = true};
        EXPECT_I64(fan_submit(executor, &large_task, NULL, 0, NULL, &first), FAN_OK);
        if (way == 2) /* fed within its submit */
            EXPECT_TRUE(held_step(&held, false));
        EXPECT_I64(fan_submit(executor, &large_task, NULL, 0, &fed, &second), FAN_OK);
        if (way != 2) {
            EXPECT_TRUE(has_room(&held, executor));
            EXPECT_TRUE(held_step(&held, false));
        }
        EXPECT_TRUE(!has_room(&held, executor)); /* the second one waits */
        if (way == 1)
            EXPECT_I64(fan_future_cancel(second), FAN_OK);
        else
            EXPECT_TRUE(held_step(&held, false));
        EXPECT_I64(outcome_of(second).kind, way == 1 ? FAN_OUTCOME_CANCELLED : FAN_OUTCOME_OK);
        for (int i = 0; i < 3; i++) /* what was taken is back, and not more */
            EXPECT_TRUE(has_room(&held, executor));
        EXPECT_U64(fani_front_bytes(fani_executor_front(executor)), 0);
        fan_future_release(first);
        fan_future_release(second);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)),
                   FAN_OK);
    }
}
