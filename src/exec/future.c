/* Futures: their memory, their end, and what can be done with one. */
#include "exec/future.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "exec/settle.h"

enum {
    SPINS = 60, /* looks at a future before sleeping: about a microsecond */
    SLOW_CALLBACK_NS = 100000000,
    NAP_FIRST_NS = 200000, /* sleeps on a future grow from this to this */
    NAP_MOST_NS = 10000000,
};

/* ---- Memory -------------------------------------------------------------------------------- */

/* Futures are made many at a time and never freed one by one. Those that were used are kept in the
 * shard of the thread that gave them back, so that making one is a few stores. The list `given`
 * (linked by batch.next) may be pushed to by anyone and is only ever taken whole; `ready` is what
 * the shard's owner has of it. Both are used inside calls only, but for giving back. */

enum { SLAB_FUTURES = 16 };

typedef struct fani_slab {
    struct fani_slab *next;
    _Alignas(128) fan_future futures[SLAB_FUTURES];
} fani_slab;

/* Stands in `given` once the executor is closed: futures are not kept any more. */
static fan_future retired; /* its address is all there is to it */

static fan_future *after(const fan_future *future)
{
    return (fan_future *)(void *)future->batch.next; /* the batch is its first member */
}

/* False: it is not kept. Once it is pushed the front may be gone. */
static bool push_given(fani_shard *shard, fan_future *future)
{
    fan_future *before = atomic_load_explicit(&shard->given, memory_order_relaxed);
    do {
        if (before == &retired)
            return false;
        future->batch.next = before ? &before->batch : NULL;
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

/* All that is not zero in a future that nobody uses. */
static void make_ready(fan_future *future, fani_front *front)
{
    fani_batch *batch = &future->batch;
    memset(future, 0, sizeof *future);
    future->front = front;
    future->standing = batch;
    batch->pooled = batch->submitted = true;
    batch->user = future;
    batch->done = fani_future_done;
    batch->reply_limit = front->reply_limit;
    fani_replies_lend(&batch->replies, batch->reply, sizeof batch->reply);
}

/* NULL: out of memory. */
static fan_future *make_futures(fani_front *front)
{
    fani_slab *slab = aligned_alloc(128, sizeof *slab);
    if (!slab)
        return NULL;
    for (size_t i = 0; i < SLAB_FUTURES; i++) {
        fan_future *future = &slab->futures[i];
        make_ready(future, front);
        future->batch.next = i + 1 < SLAB_FUTURES ? &future[1].batch : NULL;
    }
    pthread_mutex_lock(&front->lock);
    slab->next = front->slabs;
    front->slabs = slab;
    if (front->futures == 0)
        fani_front_retain(front);
    front->futures += SLAB_FUTURES;
    pthread_mutex_unlock(&front->lock);
    return slab->futures;
}

/* The shard is the thread's own, or locked. NULL: out of memory. */
static fan_future *take_ready(fani_front *front, fani_shard *shard)
{
    if (!shard->ready)
        shard->ready = take_given(front, shard);
    if (!shard->ready)
        shard->ready = make_futures(front);
    fan_future *future = shard->ready;
    if (future)
        shard->ready = after(future);
    return future;
}

/* Counts futures out; the memory of all and the front go with the last one. */
static void retire_futures(fani_front *front, const fan_future *chain)
{
    size_t count = 0;
    for (; chain; chain = after(chain))
        count++;
    pthread_mutex_lock(&front->lock);
    front->futures -= count;
    fani_slab *slabs = count && front->futures == 0 ? front->slabs : NULL;
    pthread_mutex_unlock(&front->lock);
    if (!slabs)
        return;
    for (fani_slab *next; slabs; slabs = next) {
        next = slabs->next;
        free(slabs);
    }
    fani_front_release(front);
}

/* Nobody takes any more; some may still give. */
void fani_futures_retire(fani_front *front)
{
    for (size_t i = 0; i < FANI_SHARDS; i++) {
        fani_shard *shard = &front->shards[i];
        retire_futures(front, shard->ready);
        retire_futures(front, atomic_exchange(&shard->given, &retired));
    }
}

static void give_back(fani_front *front, fan_future *future)
{
    if (push_given(fani_front_shard(front), future))
        return;
    future->batch.next = NULL;
    retire_futures(front, future);
}

fan_future *fani_future_new(fani_front *front)
{
    fani_shard *shard = fani_front_shard(front);
    if (shard->common)
        fani_lock_take(&shard->lock);
    fan_future *future = take_ready(front, shard);
    if (shard->common)
        fani_lock_give(&shard->lock);
    if (future)
        future->batch.next = NULL;
    return future;
}

/* Whether it was a plain one: nothing to free, and little to set back. */
static bool was_plain(const fan_future *future)
{
    const fani_batch *batch = &future->batch;
    const fani_replies *replies = &batch->replies;
    return !batch->care && !batch->args_owner && !batch->storage && !future->links &&
           !future->why_not && !future->function && !future->feed && future->standing == batch &&
           replies->bytes.lent && !replies->text.data && !replies->captures &&
           (!replies->slots || replies->slots == &replies->single);
}

void fani_future_free(fan_future *future)
{
    fani_front *front = future->front;
    fani_batch *batch = &future->batch;
    if (was_plain(future)) { /* what is written at each use anyway is left as it is */
        atomic_store_explicit(&batch->state, 0, memory_order_relaxed);
        batch->attempt = 0;
        batch->priority = 0;
        batch->charged = batch->slow = false;
        atomic_store_explicit(&batch->unwanted, false, memory_order_relaxed);
        batch->previous = NULL;
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
    unsigned char *place = future->batch.input;
    if (size > sizeof future->batch.input)
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
        deferred->words[deferred->count++] = &future->batch.state;
    else
        fani_futex_wake(&future->batch.state, INT32_MAX);
}

/* ---- The end ------------------------------------------------------------------------------- */

static void unpin(fan_future *future, uint32_t pin)
{
    uint32_t pins = FANI_FUTURE_PINNED | FANI_FUTURE_RUNS_ON;
    uint32_t after = atomic_fetch_and(&future->batch.state, ~pin) & ~pin;
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
    return atomic_load_explicit(&future->batch.state, memory_order_relaxed) & FANI_FUTURE_OBSERVED;
}

/* Marks it as done; what the state was before. What stays valid after the release is pinned. */
static uint32_t mark_done(fan_future *future)
{
    uint32_t before = atomic_load(&future->batch.state), after;
    do {
        after = before | FANI_FUTURE_DONE;
        if (before & FANI_FUTURE_OBSERVED)
            after |= FANI_FUTURE_PINNED;
        if (future->standing != &future->batch && !(before & FANI_FUTURE_GONE))
            after |= FANI_FUTURE_RUNS_ON;
    } while (!atomic_compare_exchange_weak(&future->batch.state, &before, after));
    return after;
}

void fani_future_done(fani_batch *batch)
{
    fan_future *future = batch->user;
    fani_front *front = future->front;
    if (future->standing != batch)
        future->standing = batch;
    if (batch->charged) {
        fani_shard *shard = fani_front_shard(front);
        fani_tally(shard, &shard->bytes_out, batch->input_bytes);
    }
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
    if (atomic_fetch_or(&future->batch.state, FANI_FUTURE_GONE) & FANI_FUTURE_RUNS_ON)
        unpin(future, FANI_FUTURE_RUNS_ON);
}

void fan_future_release(fan_future *future)
{
    if (!future)
        return;
    const uint32_t pins = FANI_FUTURE_PINNED | FANI_FUTURE_RUNS_ON;
    uint32_t before = atomic_load(&future->batch.state);
    /* Done and not pinned, nobody else touches it any more. */
    if (!(before & FANI_FUTURE_DONE) || (before & pins))
        before = atomic_fetch_or(&future->batch.state, FANI_FUTURE_RELEASED);
    if ((before & FANI_FUTURE_DONE) && !(before & pins))
        fani_future_free(future);
}

/* ---- Results ------------------------------------------------------------------------------- */

static bool is_done(void *user)
{
    fan_future *future = user;
    return atomic_load(&future->batch.state) & FANI_FUTURE_DONE;
}

/* Futures mostly are read, given back and used again in the order in which they lie: this asks for
 * what will be needed of the next one, where there is one. */
static void fetch_next(const fan_future *future)
{
    const fani_batch *next = &future[1].batch;
    fani_fetch_to_write(&next->task);
    fani_fetch_to_write(next->input);
    __builtin_prefetch(&next->replies);
    fani_fetch_to_write(next->reply);
}

/* Looks at the future for a moment. */
static bool soon_done(fan_future *future)
{
    if (future->front->ops->attend) {
        uint32_t state = atomic_load(&future->batch.state);
        if (!(state & FANI_FUTURE_DONE))
            fani_front_sleep(future->front, &future->batch.state, state, FAN_NOW);
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
        uint32_t state = atomic_fetch_or(&future->batch.state, FANI_FUTURE_WATCHED);
        if (state & FANI_FUTURE_DONE)
            return true;
        /* Its wake may be noted and not yet given (fani_wakes). */
        fani_front_sleep(future->front, &future->batch.state, state | FANI_FUTURE_WATCHED,
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
    if (done)
        fetch_next(future);
    else if (may_wait)
        done = front->ops->progress
                   ? fani_front_wait(front, &front->ended, is_done, future, deadline)
                   : sleep_on(future, deadline);
    if (!done)
        return FAN_E_TIMEOUT;
    *outcome = fani_replies_outcome(&future->standing->replies, 0);
    outcome->attempt += future->standing->attempt;
    if (!outcome->run_ns)
        outcome->run_ns = future->standing->run_ns;
    outcome->run_items = 1;
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
        done = atomic_fetch_or(&future->batch.state, FANI_FUTURE_OBSERVED) & FANI_FUTURE_DONE;
    }
    pthread_mutex_unlock(&front->lock);
    if (second)
        return FAN_E_ARGUMENT;
    if (done)
        call_back(future, function, user);
    return FAN_OK;
}
