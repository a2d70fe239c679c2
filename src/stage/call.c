/* Calls: what runs once on a pool, and its result. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "stage/pool_internal.h"
#include "stage/sleep.h"
#include "task/inside.h"

enum { DONE = 1, WATCHED = 2 }; /* bits of a state: it has ended; someone sleeps on it */

struct fan_call {
    fani_work work; /* first: work and call have one address */
    fan_pool *pool;
    fan_call_function function;
    void *user;
    _Atomic unsigned references; /* the caller's and the pool's */
    _Atomic uint32_t state;
    _Atomic bool cancelled;
    fan_status result; /* these two are written before DONE */
    fan_error error;

    void (*on_done)(fan_call *call, void *user); /* the pool's lock guards these two */
    void *on_done_user;
};

static bool is_done(fan_call *call)
{
    return atomic_load(&call->state) & DONE;
}

void fan_call_release(fan_call *call)
{
    if (!call || atomic_fetch_sub(&call->references, 1) > 1)
        return;
    fani_pool_release(call->pool);
    free(call);
}

/* ---- Running and ending -------------------------------------------------------------------- */

static void call_back(fan_call *call, void (*function)(fan_call *, void *), void *user)
{
    fani_inside before = fani_inside_enter(FANI_IN_CALLBACK);
    function(call, user);
    fani_inside_leave(before);
}

/* The result is there: tells everyone, and gives the pool's reference back. */
static void end(fan_call *call)
{
    fan_pool *pool = call->pool;
    pthread_mutex_lock(&pool->lock);
    uint32_t before = atomic_fetch_or(&call->state, DONE);
    void (*on_done)(fan_call *, void *) = call->on_done;
    pthread_mutex_unlock(&pool->lock);
    atomic_fetch_add(&pool->done, 1);
    if (before & WATCHED)
        fani_futex_wake(&call->state, INT32_MAX);
    fani_event_notify(&pool->ended);
    if (on_done)
        call_back(call, on_done, call->on_done_user);
    fan_call_release(call);
}

void fani_call_end_cancelled(fani_work *work)
{
    fan_call *call = (fan_call *)(void *)work;
    call->result = fani_error_set(&call->error, FAN_E_CANCELLED, "cancelled before it began");
    end(call);
}

void fani_call_run(fani_work *work)
{
    fan_call *call = (fan_call *)(void *)work;
    call->result = call->function(call, call->user, &call->error);
    if (call->result != FAN_OK && call->error.status == FAN_OK)
        fani_error_set(&call->error, call->result, "%s", fan_status_text(call->result));
    end(call);
}

/* ---- Submitting ---------------------------------------------------------------------------- */

/* With the pool's lock held: waits for room in the queue. */
static fan_status await_room(fan_pool *pool, bool may_wait)
{
    while (!pool->closing && pool->calls_waiting >= pool->calls_max) {
        if (!may_wait)
            return FAN_E_BUSY;
        pool->submitters++;
        (void)fani_sleep_until(&pool->room, &pool->lock, FAN_FOREVER);
        if (--pool->submitters == 0 && pool->closing)
            pthread_cond_broadcast(&pool->quiet);
    }
    if (pool->closing)
        return FAN_E_CLOSED;
    return fani_pool_has_thread(pool) ? FAN_OK : FAN_E_SYSTEM;
}

static fan_call *make(fan_pool *pool, fan_call_function function, void *user, bool is_kept)
{
    fan_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->work.run = fani_call_run;
    call->pool = pool;
    call->function = function;
    call->user = user;
    atomic_store(&call->references, is_kept ? 2 : 1);
    fani_pool_retain(pool);
    return call;
}

fan_status fan_pool_submit_sized(fan_pool *pool, fan_call_function function, void *user,
                                 const fan_call_options *options, size_t options_size,
                                 fan_call **call)
{
    fan_call_options o = {0};
    if (call)
        *call = NULL;
    if (!pool || !function)
        return FAN_E_ARGUMENT;
    if (options)
        memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    fan_call *made = make(pool, function, user, call != NULL);
    if (!made)
        return FAN_E_MEMORY;
    bool may_wait =
        !o.no_wait && !fani_pool_is_inside(pool) && fani_inside_what() != FANI_IN_CALLBACK;
    pthread_mutex_lock(&pool->lock);
    fan_status status = await_room(pool, may_wait);
    if (status == FAN_OK) {
        pool->calls_waiting++;
        fani_pool_hand_over(pool, &made->work, o.priority);
    }
    pthread_mutex_unlock(&pool->lock);
    if (status != FAN_OK) {
        fani_pool_release(pool);
        free(made);
    } else if (call) {
        *call = made;
    }
    return status;
}

/* ---- Waiting ------------------------------------------------------------------------------- */

/* A thread that waits for what waits for a thread runs it: one of these calls. */
static void help(fan_call *const calls[], size_t count)
{
    if (!fani_pool_is_inside(calls[0]->pool))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!fani_pool_take_back(calls[i]->pool, &calls[i]->work))
            continue;
        fani_call_run(&calls[i]->work);
        return;
    }
}

static bool sleep_on(fan_call *call, fan_deadline deadline)
{
    bool in_time = true;
    while (in_time) {
        uint32_t state = atomic_fetch_or(&call->state, WATCHED);
        if (state & DONE)
            return true;
        in_time = fani_futex_wait(&call->state, state | WATCHED, deadline);
    }
    return is_done(call);
}

static bool may_wait(void)
{
    return fani_inside_what() != FANI_IN_CALLBACK;
}

static fan_status await(fan_call *call, fan_deadline deadline)
{
    if (is_done(call))
        return FAN_OK;
    if (deadline == FAN_NOW)
        return FAN_E_TIMEOUT;
    if (!may_wait())
        return FAN_E_ARGUMENT;
    if (deadline == FAN_FOREVER)
        help(&call, 1);
    return sleep_on(call, deadline) ? FAN_OK : FAN_E_TIMEOUT;
}

fan_status fan_call_result(fan_call *call, fan_deadline deadline, fan_status *result,
                           fan_error *error)
{
    if (!call)
        return FAN_E_ARGUMENT;
    fan_status status = await(call, deadline);
    if (status != FAN_OK)
        return status;
    if (result)
        *result = call->result;
    if (error && call->result != FAN_OK)
        *error = call->error;
    return FAN_OK;
}

bool fan_call_done(fan_call *call)
{
    return call && is_done(call);
}

fan_status fan_call_cancel(fan_call *call)
{
    if (!call)
        return FAN_E_ARGUMENT;
    if (fani_pool_take_back(call->pool, &call->work)) {
        fani_call_end_cancelled(&call->work);
        return FAN_OK;
    }
    atomic_store(&call->cancelled, true);
    return FAN_E_BUSY;
}

bool fan_call_cancelled(const fan_call *call)
{
    return atomic_load(&call->cancelled) || atomic_load(&call->pool->abandoned);
}

fan_status fan_call_on_done(fan_call *call, void (*function)(fan_call *call, void *user),
                            void *user)
{
    if (!call || !function)
        return FAN_E_ARGUMENT;
    pthread_mutex_lock(&call->pool->lock);
    bool second = call->on_done != NULL, done = is_done(call);
    if (!second) {
        call->on_done = function;
        call->on_done_user = user;
    }
    pthread_mutex_unlock(&call->pool->lock);
    if (second)
        return FAN_E_ARGUMENT;
    if (done)
        call_back(call, function, user);
    return FAN_OK;
}

/* The first of the calls that has ended, or `count`. */
static size_t find_done(fan_call *const calls[], size_t count)
{
    size_t i = 0;
    while (i < count && !is_done(calls[i])) // NOLINT(clang-analyzer-unix.Malloc): the caller's
        i++;
    return i;
}

fan_status fan_call_wait_any(fan_call *const calls[], size_t count, fan_deadline deadline,
                             size_t *which)
{
    bool in_time = true;
    if (!count || !calls || !which)
        return FAN_E_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!calls[i] || calls[i]->pool != calls[0]->pool)
            return FAN_E_ARGUMENT;
    fan_pool *pool = calls[0]->pool;
    size_t found = find_done(calls, count);
    if (found == count && deadline != FAN_NOW && !may_wait())
        return FAN_E_ARGUMENT;
    if (found == count && deadline == FAN_FOREVER)
        help(calls, count);
    while ((found = find_done(calls, count)) == count && in_time && deadline != FAN_NOW) {
        uint32_t key = fani_event_prepare(&pool->ended);
        if (find_done(calls, count) < count)
            fani_event_cancel(&pool->ended);
        else
            in_time = fani_event_wait(&pool->ended, key, deadline);
    }
    if (found == count)
        return FAN_E_TIMEOUT;
    *which = found;
    return FAN_OK;
}

fan_status fan_call_wait_all(fan_call *const calls[], size_t count, fan_deadline deadline)
{
    if (!count || !calls)
        return FAN_E_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        fan_status status = fan_call_result(calls[i], deadline, NULL, NULL);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}
