/* The processes executor: isolated workers that are fresh program images. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cores.h"
#include "base/error.h"
#include "base/oom.h"
#include "memory.h"
#include "pool.h"
#include "task/registry.h"

static const fan_deadline SECOND = INT64_C(1000000000);
enum { OPEN_SECONDS = 20 }; /* for the first worker, in all */
/* For idle workers to stop their tasks' states and end, whatever the caller's deadline says. */
static const fan_deadline CLOSE_LEAST = INT64_C(200000000), CLOSE_MOST = INT64_C(10000000000);

/* Batches that are wanted at once: for a worker, and in all where there are many. */
enum { DEPTH_EACH = 256, DEPTH_MOST = 8192 };

static fan_status probe(fan_error *why_not)
{
    int memory;
    int error = fani_processes_memory_new(1, false, &memory);
    if (error)
        return fani_error_errno(why_not, FAN_E_UNAVAILABLE, error, "no anonymous shared memory");
    close(memory);
    int pidfd = pidfd_open(getpid(), 0);
    if (pidfd < 0)
        return fani_error_errno(why_not, FAN_E_UNAVAILABLE, errno, "no process descriptors");
    close(pidfd);
    return FAN_OK;
}

/* ---- Open ---------------------------------------------------------------------------------- */

/* Workers there may ever be. */
static unsigned places(const fan_executor_options *options)
{
    return options->workers_max > options->workers ? options->workers_max : options->workers;
}

static fan_status check_options(const fan_executor_options *options, fan_error *error)
{
    struct rlimit limit;
    unsigned most = places(options);
    uint64_t needed = 2 * (uint64_t)most + 32; /* and some for the program itself */
    if (!options->worker_program && !fani_registry_started())
        return fani_error_set(error, FAN_E_NOT_STARTED,
                              "workers are started as fresh images of this program, which must "
                              "call fan_start first in main (or give a worker_program)");
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed)
        return fani_error_set(error, FAN_E_UNAVAILABLE,
                              "%u workers need %llu open files and the limit is %llu: ask for "
                              "fewer workers, or raise it (ulimit -n)",
                              most, (unsigned long long)needed, (unsigned long long)limit.rlim_cur);
    return FAN_OK;
}

static void free_pool(fani_processes_pool *pool)
{
    fani_processes_free_shares(pool);
    fani_processes_free_contexts(pool);
    for (unsigned i = 0; i < pool->count; i++)
        free(pool->workers[i].flights);
    fani_processes_fd_close(&pool->bell);
    fani_processes_fd_close(&pool->epoll);
    fani_processes_program_clear(&pool->program);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->role);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static int init_lock(fani_processes_pool *pool)
{
    pthread_condattr_t attributes;
    pthread_mutexattr_t spins; /* the lock is held for moments */
    int error = pthread_mutexattr_init(&spins);
    if (error)
        return error;
    error = pthread_mutexattr_settype(&spins, PTHREAD_MUTEX_ADAPTIVE_NP);
    if (!error)
        error = pthread_mutex_init(&pool->lock, &spins);
    pthread_mutexattr_destroy(&spins);
    if (error)
        return error;
    error = pthread_mutex_init(&pool->role, NULL);
    if (!error)
        error = pthread_condattr_init(&attributes);
    if (!error) {
        error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (!error)
            error = pthread_cond_init(&pool->changed, &attributes);
        pthread_condattr_destroy(&attributes);
    }
    if (error)
        pthread_mutex_destroy(&pool->lock);
    return error;
}

static fani_processes_pool *new_pool(fani_front *front, unsigned count, unsigned wanted)
{
    fani_processes_pool *pool = calloc(1, sizeof *pool + count * sizeof *pool->workers);
    if (!pool || init_lock(pool)) {
        free(pool);
        return NULL;
    }
    pool->front = front;
    pool->count = count;
    pool->wanted = pool->untried = wanted;
    pool->bell = pool->epoll = -1;
    pool->has_mask = fani_cores_mask(&pool->mask);
    for (unsigned i = 0; i < count; i++)
        pool->workers[i] = (fani_processes_worker){.pidfd = -1,
                                                   .socket = -1,
                                                   .streams = FANI_PROCESSES_NO_STREAMS,
                                                   .due = i < wanted ? FAN_NOW : FAN_FOREVER,
                                                   .tried = i >= wanted,
                                                   .kill_due = FAN_FOREVER,
                                                   .window = FANI_PROCESSES_WINDOW_FIRST};
    return pool;
}

static fan_status open_descriptors(fani_processes_pool *pool, fan_error *error)
{
    int code = 0;
    pool->bell = fani_processes_fd_above(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (pool->bell >= 0)
        pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (pool->bell < 0 || pool->epoll < 0)
        code = errno;
    if (!code)
        code = fani_processes_watch_bell(pool);
    return code ? fani_error_errno(error, FAN_E_SYSTEM, code, "can't open the executor's files")
                : FAN_OK;
}

/* The program's signals are its own: the pump takes none. */
static fan_status start_pump(fani_processes_pool *pool, fan_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&pool->pump, NULL, fani_processes_pump, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code ? fani_error_errno(error, FAN_E_SYSTEM, code, "can't start a thread") : FAN_OK;
}

/* Every start must have been tried, so that a limit of the system shows here and not later. Seconds
 * are counted one by one: of a time in which this program was stopped, one counts. */
static fan_status wait_for_workers(fani_processes_pool *pool, fan_error *error)
{
    fan_status status = FAN_OK;
    unsigned seconds = 0;
    pthread_mutex_lock(&pool->lock);
    struct timespec until = fani_clock_timespec(fani_clock_ns() + SECOND);
    while (seconds < OPEN_SECONDS && !pool->broken && !pool->open_failed &&
           (pool->untried || !pool->serving)) {
        if (pthread_cond_timedwait(&pool->changed, &pool->lock, &until) == 0)
            continue;
        seconds++;
        until = fani_clock_timespec(fani_clock_ns() + SECOND);
    }
    if (pool->broken || pool->open_failed) {
        status = pool->trouble.status;
        if (error)
            *error = pool->trouble;
    } else if (pool->untried || !pool->serving) {
        status =
            fani_error_set(error, FAN_E_UNAVAILABLE, "no worker was ready in %d s", OPEN_SECONDS);
    }
    pool->opened = status == FAN_OK;
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static fan_status close_pool(void *self, fan_deadline deadline)
{
    fani_processes_pool *pool = self;
    fan_deadline now = fani_clock_ns(), least = now + CLOSE_LEAST, most = now + CLOSE_MOST;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pool->close_due = deadline < least ? least : deadline < most ? deadline : most;
    pthread_mutex_unlock(&pool->lock);
    fani_processes_ring_bell(pool);
    pthread_join(pool->pump, NULL);
    free_pool(pool);
    return FAN_OK;
}

/* So many of the shortest batches that a worker is busy for some time when half are done; with
 * long ones most of them wait in the queue. */
static unsigned depth(unsigned workers)
{
    unsigned each = DEPTH_MOST / workers;
    each = each < DEPTH_EACH ? each : DEPTH_EACH;
    return workers * (each > FANI_PROCESSES_WINDOW_FIRST ? each : FANI_PROCESSES_WINDOW_FIRST);
}

static fan_status open_pool(fani_front *front, const fan_executor_options *options,
                            fani_opened *opened, void **self, fan_error *error)
{
    fan_status status = check_options(options, error);
    if (status != FAN_OK)
        return status;
    fani_processes_pool *pool = new_pool(front, places(options), options->workers);
    if (!pool)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for %u workers", options->workers);
    pool->worker_memory = options->worker_memory;
    fani_processes_pulse_begin(pool, options->heartbeat_ms);
    pool->oom_kills = fani_oom_kills("");
    status = fani_processes_program_init(&pool->program, options->worker_program, error);
    if (status == FAN_OK)
        status = open_descriptors(pool, error);
    if (status == FAN_OK)
        status = start_pump(pool, error);
    if (status != FAN_OK) {
        free_pool(pool);
        return status;
    }
    status = wait_for_workers(pool, error);
    if (status != FAN_OK) {
        close_pool(pool, FAN_NOW);
        return status;
    }
    *opened = (fani_opened){.workers = options->workers,
                            .ranks = 1,
                            .capabilities = FAN_CAP_ISOLATES | FAN_CAP_KILLS,
                            .depth = depth(options->workers),
                            .submits = true};
    *self = pool;
    return FAN_OK;
}

static void stats(void *self, fan_executor_stats *stats)
{
    fani_processes_pool *pool = self;
    pthread_mutex_lock(&pool->lock);
    stats->workers_lost += pool->lost;
    pthread_mutex_unlock(&pool->lock);
}

static const fani_executor_ops ops = {
    .name = "processes",
    .summary = "isolated worker processes over shared memory: a crash costs one item",
    .probe = probe,
    .open = open_pool,
    .post = fani_processes_post,
    .revoke = fani_processes_revoke,
    .share = fani_processes_share_op,
    .begun = fani_processes_begun,
    .resize = fani_processes_resize,
    .gang = fani_processes_gang_op,
    .attend = fani_processes_attend,
    .stats = stats,
    .close = close_pool,
};

const fan_executor_kind fani_processes_kind = {.ops = &ops, .serve_image = fani_processes_serve};
