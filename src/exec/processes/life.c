/* Workers begin and end here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/oom.h"
#include "memory.h"
#include "pool.h"

enum {
    STARTS_AT_ONCE = 16, /* between two looks at what the others do */
    FAILURES_MAX = 3,    /* failed starts in all until opening fails */
    WORN_OUT = 8,        /* failed starts in a row, of every worker, until batches fail */
    BLAMELESS_MAX = 3,
};

#define MS INT64_C(1000000)
static const fan_deadline LAST_WORDS = 1000 * MS;   /* from a closed socket to the end */
static const fan_deadline DEATH_LIMIT = 10000 * MS; /* from SIGKILL to the end, at close */
static const fan_deadline PAUSE_MAX = 1000 * MS;    /* between two failing starts */

const char fani_processes_was_stopped[] = "its worker was stopped by a signal";

/* ---- Beginning ----------------------------------------------------------------------------- */

/* A worker that ends again and again without having done anything is started ever more seldom. */
static fan_deadline pause_before_start(unsigned failures)
{
    fan_deadline pause = failures ? 10 * MS : 0;
    for (unsigned i = 1; i < failures && pause < PAUSE_MAX; i++)
        pause *= 2;
    return pause < PAUSE_MAX ? pause : PAUSE_MAX;
}

/* Whether no worker serves and no start has promise. While the executor is being opened a few
 * failed starts in all tell enough; later they may be somebody's kill -9. */
static bool hopeless(const fani_processes_pool *pool)
{
    if (pool->serving)
        return false;
    for (unsigned i = 0; pool->opened && i < pool->wanted; i++)
        if (pool->workers[i].start_failures < WORN_OUT)
            return false;
    return pool->failures >= FAILURES_MAX;
}

/* Batches then fail instead of waiting for ever. */
static void give_up_if_hopeless(fani_processes_pool *pool)
{
    if (!hopeless(pool))
        return;
    pool->broken = true;
    fani_batch *batch;
    while ((batch = fani_processes_next_waiting(pool)))
        fani_processes_refuse(pool, batch, 0);
}

/* The place is empty, its next start planned. `trouble`: a start that failed, or NULL. */
static void plan_start(fani_processes_pool *pool, fani_processes_worker *worker,
                       const fan_error *trouble)
{
    pthread_mutex_lock(&pool->lock);
    worker->state = FANI_PROCESSES_ABSENT;
    bool wanted = !pool->dismissed && (unsigned)(worker - pool->workers) < pool->wanted;
    worker->due = wanted ? fani_clock_ns() + pause_before_start(worker->failures) : FAN_FOREVER;
    if (trouble) {
        pool->trouble = *trouble;
        pool->failures++;
        worker->start_failures++;
        /* What the system refuses while the executor is being opened is the opener's business. */
        pool->open_failed |= !pool->opened && trouble->errno_code;
        give_up_if_hopeless(pool);
        pthread_cond_broadcast(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* An image and its descriptors. Answers 0 or an errno. */
static int start_image(fani_processes_pool *pool, fani_processes_worker *worker)
{
    int memory = -1, sockets[2] = {-1, -1}, pidfd = -1;
    fani_processes_region *region = NULL;
    fani_processes_streams streams = FANI_PROCESSES_NO_STREAMS;
    if (!worker->flights)
        worker->flights = calloc(FANI_PROCESSES_WINDOW, sizeof *worker->flights);
    int error = worker->flights ? 0 : ENOMEM;
    if (!error)
        error = fani_processes_region_new(pool->has_mask ? &pool->mask : NULL, &region, &memory);
    if (!error)
        region->memory_limit = pool->worker_memory;
    if (!error)
        error = fani_processes_control_pair(sockets);
    if (!error)
        error = fani_processes_streams_new(&streams);
    if (!error)
        error = fani_processes_spawn(&pool->program, memory, sockets[1], pool->bell, streams.fds,
                                     &pidfd);
    fani_processes_fd_close(&streams.fds[0]);
    fani_processes_fd_close(&streams.fds[1]);
    fani_processes_fd_close(&memory);
    fani_processes_fd_close(&sockets[1]);
    if (error) {
        fani_processes_fd_close(&sockets[0]);
        fani_processes_region_free(region);
        fani_processes_streams_clear(&streams);
        return error;
    }
    pthread_mutex_lock(&pool->lock);
    worker->pidfd = pidfd;
    worker->socket = sockets[0];
    worker->region = region;
    worker->streams = streams;
    worker->requests = fani_processes_region_requests(region);
    worker->replies = fani_processes_region_replies(region);
    worker->state = FANI_PROCESSES_STARTING;
    worker->due = FAN_FOREVER;
    worker->still = 0;
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

static void put_away(fani_processes_pool *pool, fani_processes_worker *worker);

static void start(fani_processes_pool *pool, fani_processes_worker *worker)
{
    fan_error trouble;
    int error = start_image(pool, worker);
    if (!error) {
        error = fani_processes_watch(pool, worker);
        if (error) {
            siginfo_t end;
            (void)pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
            (void)waitid(P_PIDFD, (id_t)worker->pidfd, &end, WEXITED);
            put_away(pool, worker);
        }
    }
    if (error) {
        worker->failures++;
        fani_error_errno(&trouble, FAN_E_SYSTEM, error, "can't start a worker (%s)",
                         pool->program.name);
        plan_start(pool, worker, &trouble);
    }
    pthread_mutex_lock(&pool->lock);
    pool->untried -= !worker->tried;
    worker->tried = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

void fani_processes_served(fani_processes_pool *pool, fani_processes_worker *worker)
{
    worker->served = true;
    worker->start_failures = 0;
    pthread_mutex_lock(&pool->lock);
    if (worker->state == FANI_PROCESSES_STARTING) {
        worker->state = FANI_PROCESSES_SERVING;
        worker->due = FAN_FOREVER;
        pool->serving++;
        pool->failures = 0;
        pool->broken = false;
        fani_processes_dispatch(pool);
    }
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- Ending -------------------------------------------------------------------------------- */

/* Nothing is given to it any more. */
static void retire(fani_processes_pool *pool, fani_processes_worker *worker, fan_deadline due)
{
    pthread_mutex_lock(&pool->lock);
    if (worker->state == FANI_PROCESSES_SERVING)
        pool->serving--;
    worker->state = FANI_PROCESSES_ENDING;
    worker->due = due;
    pool->stirred = true;
    pthread_mutex_unlock(&pool->lock);
}

static void kill_worker(fani_processes_worker *worker, const char *reason)
{
    if (!worker->reason)
        worker->reason = reason;
    worker->killed = true;
    worker->due = FAN_FOREVER;
    /* It may have ended just now: the pidfd tells in a moment. */
    (void)pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
}

void fani_processes_give_up(fani_processes_pool *pool, fani_processes_worker *worker,
                            const char *reason)
{
    retire(pool, worker, FAN_FOREVER);
    kill_worker(worker, reason);
}

void fani_processes_distrust(fani_processes_pool *pool, fani_processes_worker *worker,
                             const char *reason)
{
    if (worker->deaf)
        return;
    worker->deaf = true;
    fani_processes_give_up(pool, worker, reason);
}

void fani_processes_hung_up(fani_processes_pool *pool, fani_processes_worker *worker)
{
    fani_processes_unwatch(pool, worker->socket);
    /* Mostly it is just dying; one that lives on without its socket is of no use. */
    if (!worker->killed)
        retire(pool, worker, fani_clock_ns() + LAST_WORDS);
}

/* Frees what belonged to the image. */
static void put_away(fani_processes_pool *pool, fani_processes_worker *worker)
{
    pthread_mutex_lock(&pool->lock);
    fani_processes_unwatch(pool, worker->pidfd);
    fani_processes_unwatch(pool, worker->socket);
    fani_processes_fd_close(&worker->pidfd);
    fani_processes_fd_close(&worker->socket);
    fani_processes_region_free(worker->region);
    fani_processes_streams_clear(&worker->streams);
    fani_processes_inbox_clear(&worker->inbox);
    *worker = (fani_processes_worker){.state = FANI_PROCESSES_ABSENT,
                                      .pidfd = -1,
                                      .socket = -1,
                                      .streams = FANI_PROCESSES_NO_STREAMS,
                                      .due = FAN_FOREVER,
                                      .kill_due = FAN_FOREVER,
                                      .flights = worker->flights,
                                      .window = FANI_PROCESSES_WINDOW_FIRST,
                                      .tried = worker->tried,
                                      .failures = worker->failures,
                                      .start_failures = worker->start_failures};
    pthread_mutex_unlock(&pool->lock);
}

/* Gives back what the dead worker had; the batch it was at, if any, is returned. */
static fani_batch *clear_ring(fani_processes_pool *pool, fani_processes_worker *worker,
                              fani_verdict *verdict)
{
    pthread_mutex_lock(&pool->lock);
    fani_batch *next;
    bool had_work = worker->in_flight > 0;
    fani_batch *begun = fani_processes_ground(pool, worker, &next);
    /* A worker that wrote over its own ring may hide what it was at. The first batch is then taken
     * for it, lest it kill for ever. */
    *verdict = FANI_LOST;
    if (begun && begun->posting == worker->condemned) {
        *verdict = FANI_CANCELLED;
    } else if (begun && worker->revoked) { /* begun between that one's answer and the kill */
        fani_processes_requeue(pool, begun);
        begun = NULL;
    } else if (begun) {
        pool->blameless = 0;
    } else if (had_work && !worker->revoked && ++pool->blameless >= BLAMELESS_MAX) {
        begun = next;
        fani_processes_unqueue(pool, begun);
    }
    pool->lost += !pool->dismissed && !worker->surplus;
    pthread_mutex_unlock(&pool->lock);
    return begun;
}

/* How long a worker that has died was at a batch; 0: not known. */
static uint64_t time_at(const fani_processes_region *region, const fani_batch *batch)
{
    int64_t begun = atomic_load(&region->begun_ns), now = fani_clock_ns();
    bool exact = batch->timeout_ns || batch->traced;
    return exact && begun && now > begun ? (uint64_t)(now - begun) : 0;
}

/* A SIGKILL that came while the kernel was ending processes for want of memory says so. */
static void name_oom_kill(fani_processes_pool *pool, char *text, size_t text_size)
{
    if (strcmp(text, "killed by SIGKILL") != 0)
        return;
    uint64_t kills = fani_oom_kills("");
    if (kills > pool->oom_kills)
        snprintf(text, text_size, "killed by SIGKILL: the system ran out of memory (OOM killer)");
    pool->oom_kills = kills;
}

void fani_processes_bury(fani_processes_pool *pool, fani_processes_worker *worker)
{
    char text[128], last_words[160];
    fan_error trouble;
    fani_verdict verdict;
    if (!worker->region ||
        !fani_processes_reap(worker->pidfd, pool->worker_memory, text, sizeof text))
        return;
    name_oom_kill(pool, text, sizeof text);
    worker->killed = true;
    retire(pool, worker, FAN_FOREVER);
    while (fani_processes_collect(pool, worker, false))
        ; /* what it had answered counts */
    const char *reason = worker->reason ? worker->reason : text;
    fani_batch *begun = clear_ring(pool, worker, &verdict);
    bool failed = !worker->served && !pool->dismissed && !worker->surplus;
    fani_processes_streams_excerpt(&worker->streams, last_words, sizeof last_words);
    if (begun) {
        begun->run_ns = time_at(worker->region, begun);
        fani_replies_begin(&begun->replies, begun->items.count, begun->reply_limit);
        fani_processes_streams_rescue(&worker->streams, &begun->replies, 0);
    }
    worker->failures = begun || worker->surplus ? 0 : worker->failures + 1;
    put_away(pool, worker);
    if (failed)
        fani_error_set(&trouble, FAN_E_UNAVAILABLE,
                       "the worker program %s did not call fan_start (%s)%s", pool->program.name,
                       reason, last_words);
    plan_start(pool, worker, failed ? &trouble : NULL);
    if (begun) /* of one that was ended only a stop is worth telling */
        fani_processes_complete(
            pool, begun, verdict,
            verdict != FANI_CANCELLED || reason == fani_processes_was_stopped ? reason : NULL);
}

/* ---- Keeping ------------------------------------------------------------------------------- */

/* What is due for a worker now. */
static void act(fani_processes_pool *pool, fani_processes_worker *worker)
{
    switch (worker->state) {
    case FANI_PROCESSES_ABSENT:
        start(pool, worker);
        break;
    case FANI_PROCESSES_STARTING:
        pool->failures = worker->start_failures = WORN_OUT; /* 10 s more would tell no more */
        fani_processes_give_up(pool, worker, "no word from it in 10 s");
        break;
    case FANI_PROCESSES_ENDING:
        if (pool->dismissed && worker->killed) {
            put_away(pool, worker); /* not even SIGKILL ends it: it hangs in the kernel */
        } else {
            kill_worker(worker, "closed its connection");
            worker->due = pool->dismissed ? fani_clock_ns() + DEATH_LIMIT : FAN_FOREVER;
        }
        break;
    case FANI_PROCESSES_SERVING:
        worker->due = FAN_FOREVER;
    }
}

/* Whether it has not ended in time what it was asked to end: see revoke.c. */
static bool overdue(fani_processes_worker *worker, fan_deadline now)
{
    fan_deadline due = atomic_load(&worker->kill_due);
    return due <= now && atomic_compare_exchange_strong(&worker->kill_due, &due, FAN_FOREVER);
}

static void execute(fani_processes_pool *pool, fani_processes_worker *worker)
{
    int64_t cpu_us;
    bool stopped = fani_processes_is_stopped(worker->pidfd, &cpu_us);
    fani_processes_give_up(pool, worker, stopped ? fani_processes_was_stopped : NULL);
}

/* Fills the places that are wanted; a worker in another one ends after what it runs. */
static void fit(fani_processes_pool *pool, fani_processes_worker *worker, bool wanted)
{
    if (wanted && worker->state == FANI_PROCESSES_ABSENT && worker->due == FAN_FOREVER)
        worker->due = FAN_NOW;
    if (wanted || worker->surplus)
        return;
    if (worker->state == FANI_PROCESSES_ABSENT) {
        worker->due = FAN_FOREVER;
    } else if (worker->state != FANI_PROCESSES_ENDING) {
        worker->surplus = true;
        retire(pool, worker, FAN_FOREVER);
        pthread_mutex_lock(&pool->lock);
        fani_processes_unload(pool, worker);
        fani_processes_dispatch(pool);
        pthread_mutex_unlock(&pool->lock);
        shutdown(worker->socket, SHUT_WR);
    }
}

static void fit_all(fani_processes_pool *pool)
{
    if (!atomic_load_explicit(&pool->resized, memory_order_relaxed))
        return;
    pthread_mutex_lock(&pool->lock);
    unsigned wanted = pool->wanted;
    atomic_store_explicit(&pool->resized, false, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; !pool->dismissed && i < pool->count; i++)
        fit(pool, &pool->workers[i], i < wanted);
}

fan_status fani_processes_resize(void *self, unsigned workers, fan_error *error)
{
    fani_processes_pool *pool = self;
    if (workers == 0 || workers > pool->count)
        return fani_error_set(error, FAN_E_ARGUMENT, "workers is %u; it may be 1 to %u", workers,
                              pool->count);
    pthread_mutex_lock(&pool->lock);
    pool->wanted = workers;
    atomic_store_explicit(&pool->resized, true, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    fani_processes_ring_bell(pool);
    return FAN_OK;
}

fan_deadline fani_processes_keep_alive(fani_processes_pool *pool)
{
    fit_all(pool);
    pool->stirred = false;
    fan_deadline now = fani_clock_ns(), next = FAN_FOREVER;
    unsigned starts = 0;
    fani_processes_pulse(pool, now);
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        bool due = worker->due <= now;
        if (due && worker->state == FANI_PROCESSES_ABSENT && starts++ >= STARTS_AT_ONCE)
            return now;
        if (due)
            act(pool, worker);
        if (overdue(worker, now))
            execute(pool, worker);
        fan_deadline kill_due = atomic_load(&worker->kill_due);
        if (worker->due < next)
            next = worker->due;
        if (kill_due < next)
            next = kill_due;
    }
    return next;
}

void fani_processes_dismiss(fani_processes_pool *pool)
{
    pool->dismissed = true;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (worker->state == FANI_PROCESSES_ABSENT) {
            worker->due = FAN_FOREVER;
        } else {
            shutdown(worker->socket, SHUT_WR);
            retire(pool, worker, worker->killed ? fani_clock_ns() + DEATH_LIMIT : pool->close_due);
        }
    }
}

bool fani_processes_all_gone(const fani_processes_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->workers[i].state != FANI_PROCESSES_ABSENT)
            return false;
    return true;
}
