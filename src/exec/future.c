/* Futures: their memory, their end, and what can be done with one. */
#include "exec/future.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/settle.h"

enum {
    SPINS = 60, /* looks at a future before sleeping: about a microsecond */
    SLOW_CALLBACK_NS = 100000000,
    NAP_FIRST_NS = 200000, /* sleeps on a future grow from this to this */
    NAP_MOST_NS = 10000000,
};

/* ---- Memory -------------------------------------------------------------------------------- */

/* Futures that were used are kept in the shard of the thread that gave them back, so that making
 * one is a few stores. The list `given` may be pushed to by anyone and is only ever taken whole;
 * `ready` is what the one who is taking has of it. */

/* Stands in `given` once the executor is closed: futures are not kept any more. */
static fan_future retired; /* its address is all there is to it */

/* False: it is not kept. Once it is pushed the front may be gone. */
static bool push_given(fani_shard *shard, fan_future *future)
{
    fan_future *before = atomic_load_explicit(&shard->given, memory_order_relaxed);
    do {
        if (before == &retired)
            return false;
        future->pool_next = before;
    } while (!atomic_compare_exchange_weak(&shard->given, &before, future));
    return true;
}

/* All that was given to a shard, this one's or else another's: who gives futures back is often not
 * who makes them, and its shard would gather all there ever were. */
static fan_future *take_given(fani_front *front, const fani_shard *own)
{
    fan_future *chain = NULL;
    for (size_t i = 0; i < FANI_SHARDS && !chain; i++) {
        fani_shard *shard = &front->shards[((size_t)(own - front->shards) + i) % FANI_SHARDS];
        if (atomic_load_explicit(&shard->given, memory_order_relaxed))
            chain = atomic_exchange(&shard->given, NULL);
    }
    return chain;
}

/* *taken is NULL where there is none. False: another thread is just taking one from this shard. */
static bool take_ready(fani_front *front, fani_shard *shard, fan_future **taken)
{
    if (atomic_exchange_explicit(&shard->taking, true, memory_order_acquire))
        return false;
    if (!shard->ready)
        shard->ready = take_given(front, shard);
    *taken = shard->ready;
    if (*taken)
        shard->ready = (*taken)->pool_next;
    atomic_store_explicit(&shard->taking, false, memory_order_release);
    return true;
}

static fan_future *make_future(fani_front *front)
{
    fan_future *future = aligned_alloc(64, sizeof *future);
    if (!future)
        return NULL;
    pthread_mutex_lock(&front->lock);
    if (front->futures++ == 0)
        fani_front_retain(front);
    pthread_mutex_unlock(&front->lock);
    return future;
}

/* Frees a chain of futures, and the front with the last one. */
static void destroy_futures(fani_front *front, fan_future *chain)
{
    size_t count = 0;
    for (fan_future *future = chain, *next; future; future = next, count++) {
        next = future->pool_next;
        free(future);
    }
    pthread_mutex_lock(&front->lock);
    front->futures -= count;
    bool last = count && front->futures == 0;
    pthread_mutex_unlock(&front->lock);
    if (last)
        fani_front_release(front);
}

/* Nobody takes any more; some may still give. */
void fani_futures_retire(fani_front *front)
{
    for (size_t i = 0; i < FANI_SHARDS; i++) {
        fani_shard *shard = &front->shards[i];
        destroy_futures(front, shard->ready);
        destroy_futures(front, atomic_exchange(&shard->given, &retired));
    }
}

static void give_back(fani_front *front, fan_future *future)
{
    if (push_given(fani_front_shard(front), future))
        return;
    future->pool_next = NULL;
    destroy_futures(front, future);
}

/* All that is not zero in a future that nobody uses. */
static void make_ready(fan_future *future, fani_front *front)
{
    fani_batch *batch = &future->batch;
    memset(future, 0, offsetof(fan_future, input));
    future->front = front;
    future->standing = batch;
    batch->pooled = batch->submitted = true;
    batch->user = future;
    batch->done = fani_future_done;
    batch->reply_limit = front->reply_limit;
    fani_replies_lend(&batch->replies, future->reply, sizeof future->reply);
}

fan_future *fani_future_new(fani_front *front)
{
    fan_future *future = NULL;
    size_t own = (size_t)(fani_front_shard(front) - front->shards);
    for (size_t i = 0; i < FANI_SHARDS; i++)
        if (take_ready(front, &front->shards[(own + i) % FANI_SHARDS], &future))
            break;
    if (future)
        return future;
    future = make_future(front);
    if (future)
        make_ready(future, front);
    return future;
}

/* Whether it was a plain one: nothing to free, and little to set back. */
static bool was_plain(const fan_future *future)
{
    const fani_batch *batch = &future->batch;
    const fani_replies *replies = &batch->replies;
    return !batch->care && !batch->args_owner && !batch->storage && !future->links &&
           !future->why_not && !future->function && future->standing == batch &&
           replies->bytes.lent && !replies->text.data && !replies->captures &&
           (!replies->slots || replies->slots == &replies->single);
}

void fani_future_free(fan_future *future)
{
    fani_front *front = future->front;
    fani_batch *batch = &future->batch;
    if (was_plain(future)) {
        atomic_store_explicit(&future->state, 0, memory_order_relaxed);
        batch->replies.slots = NULL;
        batch->replies.bytes.used = 0;
        batch->replies.complete = batch->replies.array = false;
        batch->attempt = 0;
        batch->input_bytes = 0;
        batch->priority = 0;
        batch->slow = false;
        atomic_store_explicit(&batch->unwanted, false, memory_order_relaxed);
        batch->run_ns = 0;
        batch->begun_ns = 0;
        batch->where = (fani_where){0};
        batch->next = batch->previous = NULL;
        batch->mark = NULL;
    } else {
        if (future->standing != batch)
            fani_batch_free(future->standing);
        fani_batch_free(batch);
        free(future->links);
        free(future->why_not);
        make_ready(future, front);
    }
    give_back(front, future);
}

bool fani_future_give_input(fan_future *future, const void *input, size_t size)
{
    unsigned char *place = future->input;
    if (size > sizeof future->input)
        place = future->batch.storage = aligned_alloc(16, (size + 15) / 16 * 16);
    if (!place)
        return false;
    if (size)
        memcpy(place, input, size);
    future->batch.items = (fan_items){.bytes = size ? place : NULL, .size = size, .count = 1};
    return true;
}

/* ---- Waking -------------------------------------------------------------------------------- */

/* Where this thread notes whom to wake, or NULL: it wakes at once. */
static _Thread_local fani_wakes *deferred __attribute__((tls_model("initial-exec")));

void fani_front_defer_wakes(fani_wakes *wakes)
{
    deferred = wakes;
}

/* A future may be gone by now, even used again: then a wake is for nothing, and harmless. */
void fani_front_wake_deferred(fani_wakes *wakes)
{
    for (unsigned i = 0; i < wakes->count; i++)
        fani_futex_wake(wakes->words[i], INT32_MAX);
    wakes->count = 0;
}

static void wake(fan_future *future)
{
    if (deferred && deferred->count < FANI_WAKES_MAX)
        deferred->words[deferred->count++] = &future->state;
    else
        fani_futex_wake(&future->state, INT32_MAX);
}

/* ---- The end ------------------------------------------------------------------------------- */

static void unpin(fan_future *future, uint32_t pin)
{
    uint32_t pins = FANI_FUTURE_PINNED | FANI_FUTURE_RUNS_ON;
    uint32_t after = atomic_fetch_and(&future->state, ~pin) & ~pin;
    if ((after & FANI_FUTURE_RELEASED) && !(after & pins))
        fani_future_free(future);
}

static void warn_of_callback(fani_front *front, int64_t took)
{
    char text[160];
    atomic_fetch_add(&front->slow_callbacks, 1);
    if (!front->warn)
        return;
    (void)snprintf(text, sizeof text,
                   "a done callback took %lld ms: the executor \"%s\" waited for it",
                   (long long)(took / 1000000), front->ops->name);
    front->warn(front->warn_user, text);
}

static void call_back(fan_future *future, void (*function)(fan_future *, void *), void *user)
{
    fani_front *front = future->front;
    int64_t begun = fani_clock_ns();
    fani_shard *shard = fani_front_enter(front);
    fani_inside before = fani_inside_enter(FANI_IN_CALLBACK);
    function(future, user); /* may release the future */
    fani_inside_leave(before);
    int64_t took = fani_clock_ns() - begun;
    if (took >= SLOW_CALLBACK_NS)
        warn_of_callback(front, took);
    fani_front_leave(shard); /* the front may be gone from here on */
}

static void tell_observers(fan_future *future)
{
    fani_front *front = future->front;
    pthread_mutex_lock(&front->lock);
    void (*function)(fan_future *, void *) = future->function;
    void *user = future->user;
    pthread_mutex_unlock(&front->lock);
    fani_future_start_dependents(future);
    if (function)
        call_back(future, function, user);
}

bool fani_future_observed(const fani_batch *batch)
{
    fan_future *future = batch->user;
    return atomic_load_explicit(&future->state, memory_order_relaxed) & FANI_FUTURE_OBSERVED;
}

/* Marks it as done; what the state was before. What stays valid after the release is pinned. */
static uint32_t mark_done(fan_future *future)
{
    uint32_t before = atomic_load(&future->state), after;
    do {
        after = before | FANI_FUTURE_DONE;
        if (before & FANI_FUTURE_OBSERVED)
            after |= FANI_FUTURE_PINNED;
        if (future->standing != &future->batch && !(before & FANI_FUTURE_GONE))
            after |= FANI_FUTURE_RUNS_ON;
    } while (!atomic_compare_exchange_weak(&future->state, &before, after));
    return after;
}

void fani_future_done(fani_batch *batch)
{
    fan_future *future = batch->user;
    fani_front *front = future->front;
    future->standing = batch;
    future->attempt = batch->attempt;
    if (batch->input_bytes)
        atomic_fetch_add(&fani_front_shard(front)->bytes_out, batch->input_bytes);
    uint32_t state = mark_done(future);
    /* Unless pinned it may be gone from here on; a wake where nobody waits is harmless. */
    if (state & FANI_FUTURE_WATCHED)
        wake(future);
    if (state & FANI_FUTURE_PINNED) {
        tell_observers(future);
        unpin(future, FANI_FUTURE_PINNED);
    } else if ((state & FANI_FUTURE_RELEASED) && !(state & FANI_FUTURE_RUNS_ON)) {
        fani_future_free(future);
    }
}

/* Its batch was detached (its outcome came from another) and has ended. */
void fani_future_batch_gone(fani_batch *batch)
{
    fan_future *future = batch->user;
    if (atomic_fetch_or(&future->state, FANI_FUTURE_GONE) & FANI_FUTURE_RUNS_ON)
        unpin(future, FANI_FUTURE_RUNS_ON);
}

void fan_future_release(fan_future *future)
{
    if (!future)
        return;
    uint32_t before = atomic_fetch_or(&future->state, FANI_FUTURE_RELEASED);
    if ((before & FANI_FUTURE_DONE) && !(before & (FANI_FUTURE_PINNED | FANI_FUTURE_RUNS_ON)))
        fani_future_free(future);
}

/* ---- Results ------------------------------------------------------------------------------- */

static bool is_done(void *user)
{
    fan_future *future = user;
    return atomic_load(&future->state) & FANI_FUTURE_DONE;
}

/* Looks at the future for a moment. */
static bool soon_done(fan_future *future)
{
    if (future->front->ops->attend) {
        uint32_t state = atomic_load(&future->state);
        if (!(state & FANI_FUTURE_DONE))
            fani_front_sleep(future->front, &future->state, state, FAN_NOW);
        return is_done(future);
    }
    for (int i = 0; i < SPINS; i++) {
        fani_cpu_relax();
        if (is_done(future))
            return true;
    }
    return false;
}

/* Sleeps on the future itself, so that no other's end wakes this thread. */
static bool sleep_on(fan_future *future, fan_deadline deadline)
{
    if (deadline != FAN_NOW && soon_done(future))
        return true;
    int64_t nap = future->front->ops->attend ? NAP_MOST_NS : NAP_FIRST_NS;
    for (int64_t now = fani_clock_ns(); now < deadline; now = fani_clock_ns()) {
        uint32_t state = atomic_fetch_or(&future->state, FANI_FUTURE_WATCHED);
        if (state & FANI_FUTURE_DONE)
            return true;
        /* Its wake may be noted and not yet given (fani_wakes). */
        fani_front_sleep(future->front, &future->state, state | FANI_FUTURE_WATCHED,
                         deadline - now < nap ? deadline : now + nap);
        nap = nap < NAP_MOST_NS ? 2 * nap : nap;
    }
    return is_done(future);
}

fan_status fan_future_result(fan_future *future, fan_deadline deadline, fan_outcome *outcome)
{
    if (!future || !outcome)
        return FAN_E_ARGUMENT;
    fani_front *front = future->front;
    bool done = is_done(future), may_wait = fani_front_may_wait(front);
    if (!may_wait && deadline != FAN_NOW)
        return FAN_E_ARGUMENT;
    if (!done && may_wait)
        done = front->ops->progress
                   ? fani_front_wait(front, &front->ended, is_done, future, deadline)
                   : sleep_on(future, deadline);
    if (!done)
        return FAN_E_TIMEOUT;
    *outcome = fani_replies_outcome(&future->standing->replies, 0);
    outcome->attempt += future->attempt;
    return FAN_OK;
}

bool fan_future_done(fan_future *future)
{
    fan_outcome outcome;
    return fan_future_result(future, FAN_NOW, &outcome) == FAN_OK;
}

void fani_future_end_unposted(fan_future *future, const char *text)
{
    fani_replies *replies = &future->batch.replies;
    fani_shard *shard = fani_front_enter(future->front);
    fani_replies_begin(replies, 1, future->batch.reply_limit);
    if (fani_replies_mark(replies, 0, FANI_SLOT_CANCELLED, text) == FAN_OK)
        replies->complete = true;
    if (future->front->trace)
        fani_trace_batch(future->front->trace, &future->batch, false);
    fani_front_finish(future->front, &future->batch);
    fani_front_leave(shard);
}

static fan_status end_early(fan_future *future, bool kill)
{
    if (!future)
        return FAN_E_ARGUMENT;
    fani_front *front = future->front;
    if (fani_future_take_held(front, future)) {
        fani_future_end_unposted(future, "cancelled");
        return FAN_OK;
    }
    if (is_done(future))
        return FAN_E_BUSY;
    bool taken = fani_abandon(front, &future->batch, kill);
    return taken || kill ? FAN_OK : FAN_E_BUSY;
}

fan_status fan_future_cancel(fan_future *future)
{
    return end_early(future, false);
}

fan_status fan_future_kill(fan_future *future)
{
    return end_early(future, true);
}

void fani_futures_cancel_held(fani_front *front)
{
    for (fan_future *future; (future = fani_future_take_held(front, NULL));)
        fani_future_end_unposted(future, "cancelled");
}

fan_status fan_future_on_done(fan_future *future, void (*function)(fan_future *, void *),
                              void *user)
{
    if (!future || !function)
        return FAN_E_ARGUMENT;
    fani_front *front = future->front;
    pthread_mutex_lock(&front->lock);
    bool second = future->function != NULL, done = false;
    if (!second) {
        future->function = function;
        future->user = user;
        done = atomic_fetch_or(&future->state, FANI_FUTURE_OBSERVED) & FANI_FUTURE_DONE;
    }
    pthread_mutex_unlock(&front->lock);
    if (second)
        return FAN_E_ARGUMENT;
    if (done)
        call_back(future, function, user);
    return FAN_OK;
}
