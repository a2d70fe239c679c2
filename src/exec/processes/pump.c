/* The pump: the thread that starts workers and buries them, and hears from them where no thread
 * that waits does (attend.c). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "pool.h"

enum {
    EVENTS = 64,
    TURNS_PER_LOOK = 64, /* turns full of replies between two looks at the descriptors */
    NAP_NS =
        5000000, /* shorter ones make the timer of the core be set each time: dear in a guest */
    HANDED_NS = 300000, /* a thread that was called takes the replies sooner, or the pump does */
};

/* How the pump comes to rest while workers have work. Naps end by themselves: after one without a
 * reply, batches are taken from a worker that seems stuck. The second one is there as a worker that
 * is in a hurry may look at its bell's flag too early by the time its last reply needs to show. */
typedef enum calmness {
    BUSY,  /* replies came lately: they are wanted in heaps, rung for in the middle of the work */
    QUIET, /* none came during a nap: the next one is wanted at once */
    STILL, /* nor in the next: sleep */
} calmness;

/* What an event is about: the bell, or twice the worker's place, plus one for its pidfd. */
static const uint64_t THE_BELL = UINT64_MAX;

int fani_processes_watch(fani_processes_pool *pool, fani_processes_worker *worker)
{
    uint64_t place = (uint64_t)(worker - pool->workers);
    struct epoll_event socket = {.events = EPOLLIN, .data.u64 = 2 * place};
    struct epoll_event end = {.events = EPOLLIN, .data.u64 = 2 * place + 1};
    if (epoll_ctl(pool->epoll, EPOLL_CTL_ADD, worker->socket, &socket) != 0 ||
        epoll_ctl(pool->epoll, EPOLL_CTL_ADD, worker->pidfd, &end) != 0)
        return errno;
    return 0;
}

int fani_processes_watch_bell(const fani_processes_pool *pool)
{
    /* By edge: it need not be read then. */
    struct epoll_event bell = {.events = EPOLLIN | EPOLLET, .data.u64 = THE_BELL};
    return epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->bell, &bell) == 0 ? 0 : errno;
}

/* Said aloud and not left to close: another thread's fork may hold the file open for a moment. */
void fani_processes_unwatch(const fani_processes_pool *pool, int fd)
{
    if (fd >= 0)
        (void)epoll_ctl(pool->epoll, EPOLL_CTL_DEL, fd, NULL); /* ENOENT: done before */
}

void fani_processes_watch_room(fani_processes_pool *pool, fani_processes_worker *worker,
                               bool wanted)
{
    struct epoll_event socket = {.events = EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0),
                                 .data.u64 = 2 * (uint64_t)(worker - pool->workers)};
    (void)epoll_ctl(pool->epoll, EPOLL_CTL_MOD, worker->socket, &socket); /* ENOENT: it is dying */
}

/* ---- Rest ---------------------------------------------------------------------------------- */

static bool any_replies_wait(const fani_processes_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (fani_processes_replies_wait(&pool->workers[i]))
            return true;
    return false;
}

/* Whether a worker, whose bell was just set, may not ring for what it has answered. */
static bool any_passed(const fani_processes_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++) {
        const fani_processes_worker *worker = &pool->workers[i];
        if (worker->in_flight && fani_processes_may_have_passed(worker, worker->bell_at))
            return true;
    }
    return false;
}

static bool any_in_flight(const fani_processes_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->workers[i].in_flight)
            return true;
    return false;
}

/* Tells the workers when to ring. Those without work are told with their next batch. */
static void set_bells(fani_processes_pool *pool, fani_processes_rest rest, calmness calm)
{
    fani_processes_bell bell =
        pool->attending ? FANI_PROCESSES_AT_THE_END : FANI_PROCESSES_IN_THE_MIDDLE;
    pool->rest = rest;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (!worker->in_flight)
            continue;
        fani_processes_set_bell(worker, rest == FANI_PROCESSES_AWAKE ? FANI_PROCESSES_NEVER
                                        : calm == BUSY ? fani_processes_bell_place(worker, bell)
                                                       : 0);
    }
}

/* Nothing has come from workers that have work, for the time of a nap. */
static void note_stalls(fani_processes_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        fani_processes_note_stall(&pool->workers[i], NAP_NS);
}

/* Tells the workers to ring, then looks once more: a reply is seen here or rings. Where a waiting
 * thread has `attended` to replies they are left to it while they are few. False: stay up.
 * Otherwise *ns tells when to wake without a bell (negative: not). */
static bool lie_down(fani_processes_pool *pool, calmness calm, bool attended, int64_t *ns)
{
    pthread_mutex_lock(&pool->lock);
    if (calm != BUSY)
        note_stalls(pool);
    fani_processes_balance(pool);
    fani_processes_wake_due(pool);
    bool nap = calm != STILL && (pool->attending || any_in_flight(pool));
    bool ticks = !pool->lazy || fani_processes_wants_pulse(pool);
    pool->attending -= pool->attending && !attended;
    set_bells(pool,
              nap     ? FANI_PROCESSES_NAPPING
              : ticks ? FANI_PROCESSES_SLEEPING
                      : FANI_PROCESSES_DORMANT,
              calm);
    *ns = nap ? NAP_NS : ticks ? pool->tick_ns : -1;
    bool quiet = !pool->refused.first && !(attended ? any_passed(pool) : any_replies_wait(pool));
    if (!quiet)
        set_bells(pool, FANI_PROCESSES_AWAKE, calm);
    pthread_mutex_unlock(&pool->lock);
    return quiet;
}

static void get_up(fani_processes_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    set_bells(pool, FANI_PROCESSES_AWAKE, BUSY);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- Events -------------------------------------------------------------------------------- */

static void room_again(fani_processes_pool *pool, fani_processes_worker *worker)
{
    pthread_mutex_lock(&pool->lock);
    worker->full = false;
    fani_processes_watch_room(pool, worker, false);
    fani_processes_dispatch(pool);
    pthread_mutex_unlock(&pool->lock);
}

static void handle(fani_processes_pool *pool, const struct epoll_event *event)
{
    if (event->data.u64 == THE_BELL)
        return;
    fani_processes_worker *worker = &pool->workers[event->data.u64 / 2];
    if (!worker->region)
        return; /* buried since by an earlier event of this round */
    if (event->data.u64 % 2) {
        fani_processes_bury(pool, worker);
        return;
    }
    if (event->events & EPOLLOUT)
        room_again(pool, worker);
    if (event->events & ~(uint32_t)EPOLLOUT)
        fani_processes_listen(pool, worker);
}

static int wait_events(const fani_processes_pool *pool, struct epoll_event *events, int64_t ns)
{
    struct timespec limit = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    int count = epoll_pwait2(pool->epoll, events, EVENTS, ns < 0 ? NULL : &limit, NULL);
    if (count < 0 && errno == ENOSYS) /* Linux before 5.11 */
        count = epoll_wait(pool->epoll, events, EVENTS, ns < 0 ? -1 : (int)(ns / 1000000) + 1);
    return count < 0 ? 0 : count;
}

/* Handles what has happened, waiting up to `ns` nanoseconds (negative: for ever) for something.
 * False: nothing has. */
static bool look(fani_processes_pool *pool, int64_t ns)
{
    struct epoll_event events[EVENTS];
    if (ns) {
        bool calls = pool->calls;
        pool->calls = false;
        pthread_mutex_unlock(&pool->role);
        if (calls) /* it is to find the role free */
            fani_processes_wake_attendant(pool);
    }
    int count = wait_events(pool, events, ns);
    if (ns) {
        pthread_mutex_lock(&pool->role);
        if (count || !pool->attended) /* else the bells are as who attended wants them */
            get_up(pool);
    }
    for (int i = 0; i < count; i++)
        handle(pool, &events[i]);
    fani_processes_wake_due(pool);
    return count > 0;
}

/* ---- The loop ------------------------------------------------------------------------------ */

/* Why a batch was refused; pool->trouble changes under the lock. */
static void tell_refusal(fani_processes_pool *pool, const fani_batch *batch, char *text,
                         size_t text_size)
{
    int error = (int)batch->run_ns;
    if (error)
        snprintf(text, text_size, "no memory for a message to a worker: %s",
                 strerrordesc_np(error));
    else
        snprintf(text, text_size, "%s", pool->trouble.text);
}

static void fail_refused(fani_processes_pool *pool)
{
    char text[sizeof pool->trouble.text];
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        fani_batch *batch = fani_fifo_pop(&pool->refused);
        if (batch)
            tell_refusal(pool, batch, text, sizeof text);
        pthread_mutex_unlock(&pool->lock);
        if (!batch)
            return;
        batch->run_ns = 0;
        batch->mark = NULL;
        fani_processes_complete(pool, batch, FANI_FAILED, text);
    }
}

/* Completes what others have left to the pump. */
static void complete_passed(fani_processes_pool *pool)
{
    fani_batch *batch;
    while ((batch = fani_fifo_pop(&pool->passed)))
        fani_processes_complete(pool, batch, FANI_DONE, "");
}

/* Takes what has come; true where that was something. */
static bool work(fani_processes_pool *pool)
{
    bool any = false;
    for (unsigned i = 0; i < pool->count; i++)
        any |= fani_processes_collect(pool, &pool->workers[i], false);
    fani_front_wake_deferred(&pool->wakes);
    return any;
}

/* Until `due`, and `most` at most (negative: no limit). */
static int64_t time_until(fan_deadline due, int64_t most)
{
    int64_t ns = due == FAN_FOREVER ? -1 : due - fani_clock_ns();
    if (due != FAN_FOREVER && ns <= 0)
        ns = 1;
    return most >= 0 && (ns < 0 || ns > most) ? most : ns;
}

/* Sleeps until there is something to do. True: there is. */
static bool rest(fani_processes_pool *pool, fan_deadline due, calmness calm, bool attended)
{
    int64_t most = -1;
    if (!lie_down(pool, calm, attended, &most))
        return true;
    return look(pool, time_until(due, most));
}

/* Leaves the replies that wait to a thread that waits for them; false where there is none. Whether
 * it has come is seen afterwards. */
static bool hand_over(fani_processes_pool *pool, fan_deadline due)
{
    if (!any_replies_wait(pool) || !atomic_load(&pool->attendant))
        return false;
    pool->calls = true;
    pthread_mutex_lock(&pool->lock);
    pool->rest = FANI_PROCESSES_NAPPING;
    pthread_mutex_unlock(&pool->lock);
    (void)look(pool, time_until(due, HANDED_NS));
    return true;
}

static bool closed(fani_processes_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool closing = pool->closing;
    pthread_mutex_unlock(&pool->lock);
    if (closing && !pool->dismissed)
        fani_processes_dismiss(pool);
    return closing && fani_processes_all_gone(pool);
}

void *fani_processes_pump(void *argument)
{
    fani_processes_pool *pool = argument;
    calmness calm = STILL;
    unsigned turns = 0;
    bool handed = false; /* and not taken yet */
    if (pool->has_mask)  /* the opener may be pinned to one core: see base/cores.h */
        (void)pthread_setaffinity_np(pthread_self(), sizeof pool->mask, &pool->mask);
    (void)pthread_setname_np(pthread_self(), "fan-processes");
    fani_front_defer_wakes(&pool->wakes); /* work() gives them */
    pthread_mutex_lock(&pool->role);
    while (!closed(pool)) {
        fan_deadline due = fani_processes_keep_alive(pool);
        fail_refused(pool);
        complete_passed(pool);
        bool attended = pool->attended;
        pool->attended = false;
        if (attended) {
            calm = BUSY;
        } else if (!handed && hand_over(pool, due)) {
            handed = true;
            continue;
        }
        handed = false;
        if (!attended && work(pool)) {
            calm = BUSY;
            if (++turns % TURNS_PER_LOOK == 0)
                look(pool, 0);
        } else if (rest(pool, due, calm, attended)) {
            calm = BUSY;
        } else if (calm != STILL) {
            calm++;
        }
        fani_front_wake_deferred(&pool->wakes); /* of workers that died */
    }
    pthread_mutex_unlock(&pool->role);
    return NULL;
}
