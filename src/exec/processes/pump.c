/* The pump: the one thread of the program that hears from workers, starts and buries them. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "pool.h"

enum {
    EVENTS = 64,
    SPINS = 100,         /* looks at the rings before lying down */
    TURNS_PER_LOOK = 64, /* turns full of replies between two looks at the descriptors */
    NAP_NS = 50000,
};

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
    struct epoll_event bell = {.events = EPOLLIN, .data.u64 = THE_BELL};
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

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static bool replies_wait(const fani_processes_worker *worker)
{
    return worker->region && !worker->deaf && fani_processes_ring_waiting(&worker->replies);
}

static bool any_replies_wait(const fani_processes_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (replies_wait(&pool->workers[i]))
            return true;
    return false;
}

static bool spin(const fani_processes_pool *pool)
{
    for (int i = 0; i < SPINS; i++) {
        if (any_replies_wait(pool))
            return true;
        pause_a_little();
    }
    return false;
}

static void tell_rest(fani_processes_pool *pool, fani_processes_rest rest)
{
    pool->rest = rest;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (!worker->in_flight)
            continue; /* told with its next batch */
        worker->rest_told = rest;
        atomic_store(&worker->region->rest, rest);
    }
}

/* Tells the workers to ring, then looks once more: a reply is seen here or rings. False: stay up.
 */
static bool lie_down(fani_processes_pool *pool, fani_processes_rest rest)
{
    pthread_mutex_lock(&pool->lock);
    fani_processes_balance(pool);
    fani_processes_wake_due(pool);
    tell_rest(pool, rest);
    bool quiet = !pool->refused.first && !any_replies_wait(pool);
    if (!quiet)
        tell_rest(pool, FANI_PROCESSES_AWAKE);
    pthread_mutex_unlock(&pool->lock);
    return quiet;
}

static void get_up(fani_processes_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    tell_rest(pool, FANI_PROCESSES_AWAKE);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- Events -------------------------------------------------------------------------------- */

static void quiet_bell(const fani_processes_pool *pool)
{
    uint64_t rings;
    while (read(pool->bell, &rings, sizeof rings) < 0 && errno == EINTR)
        ;
}

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
    if (event->data.u64 == THE_BELL) {
        quiet_bell(pool);
        return;
    }
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

/* Handles what has happened, waiting up to `ns` nanoseconds (negative: for ever) for something. */
static void look(fani_processes_pool *pool, int64_t ns)
{
    struct epoll_event events[EVENTS];
    int count = wait_events(pool, events, ns);
    if (ns)
        get_up(pool);
    for (int i = 0; i < count; i++)
        handle(pool, &events[i]);
    fani_processes_wake_due(pool);
}

/* ---- The loop ------------------------------------------------------------------------------ */

static void fail_refused(fani_processes_pool *pool)
{
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        fani_batch *batch = fani_fifo_pop(&pool->refused);
        pthread_mutex_unlock(&pool->lock);
        if (!batch)
            return;
        const char *why = batch->mark ? batch->mark : "out of memory for a message to a worker";
        fani_processes_complete(pool, batch, FANI_FAILED, why);
    }
}

/* Takes what has come; true where that was something. */
static bool work(fani_processes_pool *pool)
{
    bool any = false;
    fail_refused(pool);
    for (unsigned i = 0; i < pool->count; i++)
        any |= fani_processes_collect(pool, &pool->workers[i]);
    return any;
}

/* Sleeps until there is something to do. `lately`: replies came just before, more will come soon,
 * and a nap costs the workers less than waking the pump for each of them. */
static void rest(fani_processes_pool *pool, fan_deadline due, bool lately)
{
    int64_t ns = due == FAN_FOREVER ? -1 : due - fani_clock_ns();
    if (due != FAN_FOREVER && ns <= 0)
        ns = 0;
    if (lately && (ns < 0 || ns > NAP_NS))
        ns = NAP_NS;
    if (ns == 0 || lie_down(pool, lately ? FANI_PROCESSES_NAPPING : FANI_PROCESSES_SLEEPING))
        look(pool, ns);
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
    bool lately = false;
    unsigned turns = 0;
    if (pool->has_mask) /* the opener may be pinned to one core: see base/cores.h */
        (void)pthread_setaffinity_np(pthread_self(), sizeof pool->mask, &pool->mask);
    (void)pthread_setname_np(pthread_self(), "fan-processes");
    while (!closed(pool)) {
        fan_deadline due = fani_processes_keep_alive(pool);
        if (work(pool)) {
            lately = true;
            if (++turns % TURNS_PER_LOOK == 0)
                look(pool, 0);
        } else if (!lately || !spin(pool)) {
            rest(pool, due, lately);
            lately = false;
        }
    }
    return NULL;
}
