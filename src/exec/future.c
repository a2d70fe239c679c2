/* Futures: their memory, their end, and what can be done with one. */
#include "exec/future.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/settle.h"
#include "task/inside.h"

enum {
    POOL_MAX = 4096, /* futures kept for use again */
    SPINS = 60,      /* looks at a future before sleeping: about a microsecond */
    SLOW_CALLBACK_NS = 100000000,
};

/* ---- Memory -------------------------------------------------------------------------------- */

/* Futures that were used are kept: making one is then a few stores. While any is out the pool holds
 * a reference to the front, so futures outlive close. */
struct fani_pool {
    pthread_mutex_t lock; /* guards the rest */
    fan_future *free;
    size_t free_count;
    size_t out;
};

struct fani_pool *fani_pool_new(void)
{
    struct fani_pool *pool = calloc(1, sizeof *pool);
    if (pool)
        pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void fani_pool_free(struct fani_pool *pool)
{
    if (!pool)
        return;
    for (fan_future *future = pool->free, *next; future; future = next) {
        next = future->pool_next;
        free(future);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static fan_future *take_from_pool(fani_front *front)
{
    struct fani_pool *pool = front->pool;
    pthread_mutex_lock(&pool->lock);
    fan_future *future = pool->free;
    if (future) {
        pool->free = future->pool_next;
        pool->free_count--;
    }
    if (pool->out++ == 0)
        fani_front_retain(front);
    pthread_mutex_unlock(&pool->lock);
    return future;
}

static void give_to_pool(fani_front *front, fan_future *future)
{
    struct fani_pool *pool = front->pool;
    pthread_mutex_lock(&pool->lock);
    bool keep = future && pool->free_count < POOL_MAX;
    if (keep) {
        future->pool_next = pool->free;
        pool->free = future;
        pool->free_count++;
    }
    bool last = --pool->out == 0;
    pthread_mutex_unlock(&pool->lock);
    if (!keep)
        free(future);
    if (last)
        fani_front_release(front);
}

fan_future *fani_future_new(fani_front *front)
{
    fan_future *future = take_from_pool(front);
    if (!future)
        future = aligned_alloc(64, sizeof *future);
    if (!future) {
        give_to_pool(front, NULL);
        return NULL;
    }
    memset(future, 0, offsetof(fan_future, input));
    future->front = front;
    future->standing = &future->batch;
    future->batch.pooled = future->batch.submitted = true;
    future->batch.user = future;
    future->batch.done = fani_future_done;
    future->batch.reply_limit = front->reply_limit;
    fani_replies_lend(&future->batch.replies, future->reply, sizeof future->reply);
    return future;
}

void fani_future_free(fan_future *future)
{
    if (future->standing != &future->batch)
        fani_batch_free(future->standing);
    fani_batch_free(&future->batch);
    free(future->links);
    free(future->why_not);
    give_to_pool(future->front, future);
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

/* ---- The end ------------------------------------------------------------------------------- */

static void unpin(fan_future *future, uint32_t pin)
{
    uint32_t pins = FANI_FUTURE_PINNED | FANI_FUTURE_RUNS_ON;
    uint32_t after = atomic_fetch_and(&future->state, ~pin) & ~pin;
    if ((after & FANI_FUTURE_RELEASED) && !(after & pins))
        fani_future_free(future);
}

static void call_back(fan_future *future, void (*function)(fan_future *, void *), void *user)
{
    fani_front *front = future->front;
    int64_t begun = fani_clock_ns();
    fani_inside before = fani_inside_enter(FANI_IN_CALLBACK);
    function(future, user); /* may release the future */
    fani_inside_leave(before);
    int64_t took = fani_clock_ns() - begun;
    if (took < SLOW_CALLBACK_NS)
        return;
    atomic_fetch_add(&front->slow_callbacks, 1);
    if (front->warn) {
        char text[160];
        (void)snprintf(text, sizeof text,
                       "a done callback took %lld ms: the executor \"%s\" waited for it",
                       (long long)(took / 1000000), front->ops->name);
        front->warn(front->warn_user, text);
    }
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
        fani_futex_wake(&future->state, INT32_MAX);
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

/* Sleeps on the future itself, so that no other's end wakes this thread. */
static bool sleep_on(fan_future *future, fan_deadline deadline)
{
    for (int i = 0; i < SPINS && deadline != FAN_NOW; i++) {
        fani_cpu_relax();
        if (is_done(future))
            return true;
    }
    while (deadline == FAN_FOREVER || fani_clock_ns() < deadline) {
        uint32_t state = atomic_fetch_or(&future->state, FANI_FUTURE_WATCHED);
        if (state & FANI_FUTURE_DONE)
            return true;
        (void)fani_futex_wait(&future->state, state | FANI_FUTURE_WATCHED, deadline);
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

/* Ends a future that was never posted. */
static void end_unposted(fan_future *future, const char *text)
{
    fani_replies *replies = &future->batch.replies;
    fani_shard *shard = fani_front_enter(future->front);
    fani_replies_begin(replies, 1, future->batch.reply_limit);
    if (fani_replies_mark(replies, 0, FANI_SLOT_CANCELLED, text) == FAN_OK)
        replies->complete = true;
    fani_front_finish(future->front, &future->batch);
    fani_front_leave(shard);
}

void fani_future_post(fan_future *future)
{
    if (future->why_not)
        end_unposted(future, future->why_not);
    else
        fani_front_post(future->front, &future->batch);
}

static fan_status end_early(fan_future *future, bool kill)
{
    if (!future)
        return FAN_E_ARGUMENT;
    fani_front *front = future->front;
    if (fani_future_take_held(front, future)) {
        end_unposted(future, "cancelled");
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
        end_unposted(future, "cancelled");
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
