/* I/O threads: when they are made, what they run next, and how all ends. */
#include "stage/pool.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "base/error.h"
#include "stage/pool_internal.h"
#include "stage/sleep.h"

enum { THREADS = 16, THREADS_MAX = 4096, CALLS = 1024 };

static _Thread_local const fan_pool *own_pool; /* whose thread this is */

/* ---- Threads ------------------------------------------------------------------------------- */

/* Where a runtime has pinned the thread that submits to one core, its threads need not share that.
 */
static void use_all_cores(void)
{
    cpu_set_t mask;
    if (fani_cores_mask(&mask))
        (void)pthread_setaffinity_np(pthread_self(), sizeof mask, &mask);
}

/* With the lock held. */
static void leaves_queue(fan_pool *pool, fani_work *work)
{
    work->place = FANI_NOT_WAITING;
    if (work->run != fani_call_run)
        return;
    pool->calls_waiting--;
    if (pool->submitters)
        pthread_cond_signal(&pool->room);
}

/* With the lock held; it is given back while the work runs. */
static void run_next(fan_pool *pool)
{
    fani_work *work = fani_heap_pop(&pool->waiting);
    leaves_queue(pool, work);
    pool->running++;
    pthread_mutex_unlock(&pool->lock);
    work->run(work);
    pthread_mutex_lock(&pool->lock);
    if (--pool->running == 0 && pool->waiting.count == 0)
        pthread_cond_broadcast(&pool->quiet);
}

static void *serve(void *user);

/* With the lock held. A thread that can't be made is not missed where there is another one. */
static void start_thread(fan_pool *pool)
{
    sigset_t all, before;
    sigfillset(&all); /* the program's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&pool->handles[pool->threads], NULL, serve, pool) == 0)
        pool->threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* With the lock held: the earliest time at which a work is due. */
static fan_deadline first_due(const fan_pool *pool)
{
    fan_deadline due = FAN_FOREVER;
    for (const fani_work *work = pool->later; work; work = work->next)
        due = work->due < due ? work->due : due;
    return due;
}

/* With the lock held: works whose time has come wait like others. */
static void take_due(fan_pool *pool)
{
    fan_deadline now = pool->later ? fan_deadline_in_ms(0) : 0;
    for (fani_work **at = &pool->later; *at;) {
        fani_work *work = *at;
        if (work->due > now) {
            at = &work->next;
            continue;
        }
        *at = work->next;
        fani_pool_hand_over(pool, work, work->priority);
    }
}

/* With the lock held, before a thread has something to do: if it was the one that watches the
 * clock, another one does. */
static void pass_watch(fan_pool *pool)
{
    if (!pool->later)
        return;
    if (pool->threads - pool->running > 1)
        pthread_cond_signal(&pool->work);
    else if (pool->threads < pool->threads_max)
        start_thread(pool);
}

static void *serve(void *user)
{
    fan_pool *pool = user;
    own_pool = pool;
    (void)pthread_setname_np(pthread_self(), "fan-io");
    use_all_cores();
    pthread_mutex_lock(&pool->lock);
    while (pool->waiting.count || !pool->ending) {
        take_due(pool);
        if (pool->waiting.count) {
            pass_watch(pool);
            run_next(pool);
        } else {
            (void)fani_sleep_until(&pool->work, &pool->lock, first_due(pool));
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

bool fani_pool_has_thread(fan_pool *pool)
{
    if (!pool->threads)
        start_thread(pool);
    return pool->threads > 0;
}

void fani_pool_hand_over(fan_pool *pool, fani_work *work, int priority)
{
    fani_heap_push(&pool->waiting, work, priority, &work->place);
    /* Threads that were signalled, or made, for what still waits count as idle. */
    if (pool->waiting.count > pool->threads - pool->running && pool->threads < pool->threads_max)
        start_thread(pool);
    pthread_cond_signal(&pool->work);
}

/* ---- For the layer's own parts -------------------------------------------------------------- */

fan_status fani_pool_join(fan_pool *pool, size_t works)
{
    fan_status status = FAN_OK;
    pthread_mutex_lock(&pool->lock);
    if (pool->closing)
        status = FAN_E_CLOSED;
    else if (!fani_heap_reserve(&pool->waiting, pool->places + works))
        status = FAN_E_MEMORY;
    else if (!fani_pool_has_thread(pool))
        status = FAN_E_SYSTEM;
    if (status == FAN_OK) {
        pool->places += works;
        pool->joined++;
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

void fani_pool_leave(fan_pool *pool, size_t works)
{
    pthread_mutex_lock(&pool->lock);
    pool->places -= works;
    pool->joined--;
    pthread_mutex_unlock(&pool->lock);
}

void fani_pool_post(fan_pool *pool, fani_work *work, int priority)
{
    pthread_mutex_lock(&pool->lock);
    fani_pool_hand_over(pool, work, priority);
    pthread_mutex_unlock(&pool->lock);
}

void fani_pool_post_at(fan_pool *pool, fani_work *work, int priority, fan_deadline due)
{
    pthread_mutex_lock(&pool->lock);
    work->place = FANI_WAITING_FOR_DUE;
    work->priority = priority;
    work->due = due;
    work->next = pool->later;
    pool->later = work;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

/* With the lock held. */
static void unlink_later(fan_pool *pool, fani_work *work)
{
    fani_work **at = &pool->later;
    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    work->place = FANI_NOT_WAITING;
}

bool fani_pool_take_back(fan_pool *pool, fani_work *work)
{
    pthread_mutex_lock(&pool->lock);
    bool waits = work->place != FANI_NOT_WAITING;
    if (waits && work->place == FANI_WAITING_FOR_DUE) {
        unlink_later(pool, work);
    } else if (waits) {
        fani_heap_remove(&pool->waiting, work->place);
        leaves_queue(pool, work);
        if (!pool->running && !pool->waiting.count)
            pthread_cond_broadcast(&pool->quiet);
    }
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

bool fani_pool_is_inside(const fan_pool *pool)
{
    return own_pool == pool;
}

/* ---- Opening and closing ------------------------------------------------------------------- */

static void destroy(fan_pool *pool)
{
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->room);
    pthread_cond_destroy(&pool->quiet);
    pthread_mutex_destroy(&pool->lock);
    fani_heap_clear(&pool->waiting);
    free(pool->handles);
    free(pool);
}

void fani_pool_retain(fan_pool *pool)
{
    atomic_fetch_add(&pool->references, 1);
}

void fani_pool_release(fan_pool *pool)
{
    if (atomic_fetch_sub(&pool->references, 1) == 1)
        destroy(pool);
}

/* Conditions on the monotonic clock and a mutex: nothing that glibc could fail to make. */
static fan_pool *make(const fan_pool_options *options)
{
    fan_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->threads_max = options->threads;
    pool->calls_max = pool->places = options->queue_calls;
    atomic_store(&pool->references, 1);
    pthread_mutex_init(&pool->lock, NULL);
    (void)fani_sleep_init(&pool->work);
    (void)fani_sleep_init(&pool->room);
    (void)fani_sleep_init(&pool->quiet);
    pool->handles = calloc(pool->threads_max, sizeof *pool->handles);
    if (!pool->handles || !fani_heap_reserve(&pool->waiting, pool->places)) {
        destroy(pool);
        return NULL;
    }
    return pool;
}

fan_status fan_pool_open_sized(const fan_pool_options *options, size_t options_size,
                               fan_pool **pool, fan_error *error)
{
    fan_pool_options o = {0};
    *pool = NULL;
    if (options)
        memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    if (o.threads > THREADS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "a pool has at most %d threads", THREADS_MAX);
    if (o.queue_calls > UINT32_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "a pool's queue has at most %u calls",
                              UINT32_MAX);
    o.threads = o.threads ? o.threads : THREADS;
    o.queue_calls = o.queue_calls ? o.queue_calls : CALLS;
    *pool = make(&o);
    return *pool ? FAN_OK : fani_error_set(error, FAN_E_MEMORY, "no memory for a pool of threads");
}

/* Takes out one call that has not begun; nobody else posts any more. NULL: there is none. */
static fani_work *take_waiting(fan_pool *pool)
{
    fani_work *work = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->waiting.count) {
        work = fani_heap_pop(&pool->waiting);
        leaves_queue(pool, work);
    }
    pthread_mutex_unlock(&pool->lock);
    return work;
}

static void abandon(fan_pool *pool)
{
    atomic_store(&pool->abandoned, true);
    for (fani_work *work; (work = take_waiting(pool));)
        fani_call_end_cancelled(work);
}

/* Refuses what is new and waits for the rest. FAN_E_BUSY: not all has ended. */
static fan_status finish(fan_pool *pool, fan_deadline deadline)
{
    bool in_time = true;
    pthread_mutex_lock(&pool->lock);
    while ((pool->running || pool->waiting.count || pool->submitters) && in_time)
        in_time = fani_sleep_until(&pool->quiet, &pool->lock, deadline);
    bool busy = pool->running || pool->waiting.count || pool->submitters || pool->joined;
    if (!busy) {
        pool->ending = true;
        pthread_cond_broadcast(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return busy ? FAN_E_BUSY : FAN_OK;
}

fan_status fan_pool_close(fan_pool *pool, fan_close_mode mode, fan_deadline deadline)
{
    if (!pool)
        return FAN_OK;
    if (fani_pool_is_inside(pool))
        return FAN_E_ARGUMENT;
    pthread_mutex_lock(&pool->lock);
    bool joined = pool->joined > 0;
    if (!joined)
        pool->closing = true;
    pthread_cond_broadcast(&pool->room);
    pthread_mutex_unlock(&pool->lock);
    if (joined)
        return FAN_E_BUSY;
    if (mode == FAN_CLOSE_ABANDON)
        abandon(pool);
    fan_status status = finish(pool, deadline);
    if (status != FAN_OK)
        return status;
    for (unsigned i = 0; i < pool->threads; i++)
        (void)pthread_join(pool->handles[i], NULL);
    fani_pool_release(pool);
    return FAN_OK;
}

fan_status fan_pool_get_stats_sized(fan_pool *pool, fan_pool_stats *stats, size_t stats_size)
{
    fan_pool_stats now = {0};
    pthread_mutex_lock(&pool->lock);
    now.threads = pool->threads;
    now.idle = pool->threads - pool->running;
    now.waiting = pool->calls_waiting;
    now.done = atomic_load(&pool->done);
    pthread_mutex_unlock(&pool->lock);
    memcpy(stats, &now, stats_size < sizeof now ? stats_size : sizeof now);
    return FAN_OK;
}
