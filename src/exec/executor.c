/* Opening, closing and asking executors. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/error.h"
#include "exec/batching.h"
#include "exec/front.h"
#include "exec/settle.h"
#include "exec/watch.h"
#include "fanfold/machine.h"
#include "task/registry.h"

enum {
    WORKERS_MAX = 4096,
    CRASH_LIMIT = 3,
    CRASH_LIMIT_MAX = 1000,
    HEARTBEAT_MS_MIN = 100,
    HEARTBEAT_MS_MAX = 86400000,
    UNCHARGED_BYTES = 64,
    CALLS_POLL_NS = 20000,
    ABANDON_AGAIN_MS = 50,
};
static const size_t queue_bytes_default = (size_t)256 << 20;
static const size_t worker_memory_least = (size_t)16 << 20;
static const size_t reply_limit_default = ((size_t)1 << 31) - 1 - 4096;

/* ---- Opening ------------------------------------------------------------------------------- */

static fan_status check_options(const fan_executor_options *options, fan_error *error)
{
    const char *flaw = fani_registry_flaw();
    if (options->plugin && options->kind)
        return fani_error_set(error, FAN_E_ARGUMENT, "give a kind or a plugin, not both");
    if (options->workers > WORKERS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "workers is %u; it may be 1 to %d",
                              options->workers, WORKERS_MAX);
    if (options->crash_limit > CRASH_LIMIT_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "crash_limit is %u; it may be 1 to %d",
                              options->crash_limit, CRASH_LIMIT_MAX);
    if (options->heartbeat_ms && options->heartbeat_ms != FAN_NO_HEARTBEAT &&
        (options->heartbeat_ms < HEARTBEAT_MS_MIN || options->heartbeat_ms > HEARTBEAT_MS_MAX))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "heartbeat_ms is %u; it may be %d to %d, or FAN_NO_HEARTBEAT",
                              options->heartbeat_ms, HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX);
    if (options->reply_limit > UINT32_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "reply_limit is %zu; it may be 1 to %u",
                              options->reply_limit, UINT32_MAX);
    if (options->workers_max > WORKERS_MAX ||
        (options->workers_max && options->workers_max < options->workers))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "workers_max is %u; it may be %u (the workers) to %d",
                              options->workers_max, options->workers, WORKERS_MAX);
    if (options->worker_memory && options->worker_memory < worker_memory_least)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "worker_memory is %zu bytes; a worker needs at least %zu",
                              options->worker_memory, worker_memory_least);
    if (flaw)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the tasks given to fan_start are unsound: \"%s\" stands twice, has "
                              "no run function, or a name outside 1 to 200 bytes",
                              flaw);
    return FAN_OK;
}

static const fan_executor_kind *find_kind(const fan_executor_options *options, fan_error *error)
{
    const char *name = options->kind ? options->kind : "threads";
    const fan_executor_kind *kind = options->plugin;
    if (!kind)
        kind = fani_executor_kind_find(name);
    if (!kind)
        fani_error_set(error, FAN_E_UNKNOWN_EXECUTOR,
                       "there is no executor \"%s\": expected serial, threads, processes or mpi",
                       name);
    return kind;
}

static fani_front *make_front(const fan_executor_kind *kind, const fan_executor_options *options)
{
    fan_executor *executor = aligned_alloc(64, sizeof *executor);
    if (!executor)
        return NULL;
    memset(executor, 0, sizeof *executor);
    fani_front *front = &executor->front;
    front->ops = kind->ops;
    front->reply_limit = options->reply_limit ? options->reply_limit : reply_limit_default;
    front->crash_limit = options->crash_limit ? options->crash_limit : CRASH_LIMIT;
    front->warn = options->warn;
    front->warn_user = options->warn_user;
    atomic_init(&front->fd, -1);
    atomic_init(&front->references, 1);
    front->shards[FANI_SHARDS - 1].common = true;
    atomic_init(&front->used, UINT32_C(1) << (FANI_SHARDS - 1));
    /* Neither can fail on Linux with default attributes. */
    pthread_mutex_init(&front->lock, NULL);
    pthread_mutex_init(&front->share_lock, NULL);
    return front;
}

/* The limits of the queue, once it is known how many workers there are. */
static void limit_queue(fani_front *front, const fan_executor_options *options)
{
    front->queue_bytes_max = options->queue_bytes ? options->queue_bytes : queue_bytes_default;
    front->queue_items_max = options->queue_items;
    if (!front->queue_items_max)
        front->queue_items_max =
            fani_batching_queue_items(front->workers_max, front->queue_bytes_max);
    if (front->queue_bytes_max / front->queue_items_max >= UNCHARGED_BYTES)
        front->uncharged = UNCHARGED_BYTES;
}

fan_status fan_executor_open_sized(const fan_executor_options *given, size_t given_size,
                                   fan_executor **executor, fan_error *error)
{
    fan_executor_options options = {0};
    if (!executor)
        return fani_error_set(error, FAN_E_ARGUMENT, "fan_executor_open needs a place for it");
    *executor = NULL;
    if (given)
        memcpy(&options, given, given_size < sizeof options ? given_size : sizeof options);
    fan_status status = check_options(&options, error);
    if (status != FAN_OK)
        return status;
    const fan_executor_kind *kind = find_kind(&options, error);
    if (!kind)
        return FAN_E_UNKNOWN_EXECUTOR;
    if (options.worker_memory && !kind->serve_image && !options.plugin)
        return fani_error_set(error, FAN_E_UNSUPPORTED,
                              "worker_memory needs workers that are processes of their own (kind "
                              "\"processes\")");
    if (options.heartbeat_ms && !kind->serve_image && !options.plugin)
        return fani_error_set(error, FAN_E_UNSUPPORTED,
                              "heartbeat_ms is for workers that are processes of their own (kind "
                              "\"processes\")");
    if (!options.workers && !options.plugin) { /* a plugin resolves it where its workers are */
        fan_machine_info machine;
        fan_machine(&machine);
        unsigned most = options.workers_max ? options.workers_max : WORKERS_MAX;
        options.workers = machine.cores_usable < most ? machine.cores_usable : most;
    }
    fani_front *front = make_front(kind, &options);
    if (!front)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for an executor");
    status = front->ops->open(front, &options, &front->opened, &front->self, error);
    if (status != FAN_OK) {
        fani_front_release(front);
        return status;
    }
    front->workers_max = front->opened.workers_max ? front->opened.workers_max
                         : options.workers_max     ? options.workers_max
                                                   : front->opened.workers;
    limit_queue(front, &options);
    atomic_init(&front->workers, front->opened.workers);
    atomic_init(&front->depth, front->opened.depth);
    if (options.trace)
        status = fani_trace_attach(options.trace, front->ops->name, &front->opened, &front->trace,
                                   error);
    if (status != FAN_OK) {
        fan_executor_close((fan_executor *)front, FAN_CLOSE_ABANDON, FAN_FOREVER);
        return status;
    }
    *executor = (fan_executor *)front;
    return FAN_OK;
}

/* ---- Closing ------------------------------------------------------------------------------- */

static void reopen(fani_front *front)
{
    pthread_mutex_lock(&front->lock);
    front->abandoning = false;
    pthread_mutex_unlock(&front->lock);
    atomic_store(&front->closed, false);
    atomic_store(&front->closing, false);
}

static bool all_done(void *user)
{
    fani_front *front = user;
    pthread_mutex_lock(&front->lock);
    unsigned detached = front->detached;
    pthread_mutex_unlock(&front->lock);
    return !detached && fani_front_outstanding(front) == 0;
}

/* From here on nobody calls an op of the instance; false where someone is inside still. */
static bool seal(fani_front *front)
{
    atomic_store(&front->closed, true);
    bool sealed = !fani_front_has_calls(front);
    if (!sealed)
        atomic_store(&front->closed, false);
    return sealed;
}

/* Waits until nothing is under way, and nobody inside an operation. */
static bool wait_until_idle(fani_front *front, fan_deadline deadline)
{
    for (;;) {
        if (!fani_front_wait(front, &front->ended, all_done, front, deadline))
            return false;
        /* What ends is told before the operation it ended in is left, so that part is asked for
         * again and again: it takes no longer than a callback does. */
        if (!fani_front_has_calls(front) && all_done(front) && seal(front))
            return true;
        if (deadline != FAN_FOREVER && fani_clock_ns() >= deadline)
            return false;
        (void)nanosleep(&(struct timespec){.tv_nsec = CALLS_POLL_NS}, NULL);
    }
}

/* Ends what is under way, or waits for it. False: the deadline has passed. What another thread was
 * just about to post when the rest was abandoned is met the next time. */
static bool close_work(fani_front *front, fan_close_mode mode, fan_deadline deadline)
{
    for (;;) {
        fan_deadline until = deadline;
        if (mode == FAN_CLOSE_ABANDON) {
            fan_deadline next = fan_deadline_in_ms(ABANDON_AGAIN_MS);
            until = next < deadline ? next : deadline;
            fani_futures_cancel_held(front);
            fani_abandon_all(front);
        }
        if (wait_until_idle(front, until))
            return true;
        if (until == deadline)
            return false;
    }
}

fan_status fan_executor_close(fan_executor *executor, fan_close_mode mode, fan_deadline deadline)
{
    if (!executor)
        return FAN_OK;
    fani_front *front = &executor->front;
    if (!fani_front_may_wait(front))
        return FAN_E_ARGUMENT;
    atomic_store(&front->closing, true);
    fani_event_notify(&front->ended); /* submits that wait for a place are refused */
    if (!close_work(front, mode, deadline)) {
        reopen(front);
        return FAN_E_BUSY;
    }
    fani_watch_end(front->watch);
    front->watch = NULL;
    fan_status status = front->ops->close(front->self, deadline);
    if (status != FAN_OK) {
        reopen(front);
        return status;
    }
    fani_trace_detach(front->trace);
    fani_front_drop_shares(front);
    fani_futures_retire(front);
    fani_front_release(front);
    return FAN_OK;
}

/* ---- Asking -------------------------------------------------------------------------------- */

unsigned fan_executor_capabilities(const fan_executor *executor)
{
    return executor ? executor->front.opened.capabilities : 0;
}

const char *fan_executor_host(const fan_executor *executor, unsigned rank)
{
    const fani_opened *opened = executor ? &executor->front.opened : NULL;
    return opened && opened->hosts && rank < opened->ranks
               ? opened->hosts + rank * opened->hosts_stride
               : NULL;
}

const char *fan_executor_name(const fan_executor *executor)
{
    return executor ? executor->front.ops->name : "none";
}

fan_status fan_executor_get_stats_sized(fan_executor *executor, fan_executor_stats *out,
                                        size_t size)
{
    if (!executor)
        return FAN_E_UNSUPPORTED;
    fani_front *front = &executor->front;
    fan_executor_stats stats = {0};
    uint64_t refused = FANI_FRONT_SUM(front, refused);
    stats.items_done = FANI_FRONT_SUM(front, submitted_out) + FANI_FRONT_SUM(front, mapped_out);
    uint64_t submitted = FANI_FRONT_SUM(front, submitted) - refused;
    stats.items_submitted = submitted + FANI_FRONT_SUM(front, mapped);
    stats.batches = submitted + FANI_FRONT_SUM(front, sent) + FANI_FRONT_SUM(front, again);
    stats.run_ns = FANI_FRONT_SUM(front, run_ns);
    stats.slow_callbacks = atomic_load(&front->slow_callbacks);
    pthread_mutex_lock(&front->lock);
    stats.shares_sent = front->shares_sent;
    pthread_mutex_unlock(&front->lock);
    stats.workers = atomic_load(&front->workers);
    stats.ranks = front->opened.ranks;
    front->ops->stats(front->self, &stats);
    memcpy(out, &stats, size < sizeof stats ? size : sizeof stats);
    return FAN_OK;
}

fan_status fan_executor_resize(fan_executor *executor, unsigned workers)
{
    if (!executor)
        return FAN_E_UNSUPPORTED;
    fani_front *front = &executor->front;
    if (!workers || workers > front->workers_max)
        return FAN_E_ARGUMENT;
    if (!front->ops->resize)
        return workers == front->opened.workers ? FAN_OK : FAN_E_UNSUPPORTED;
    fani_shard *shard = fani_front_enter(front);
    pthread_mutex_lock(&front->share_lock);
    fan_status status = FAN_E_BUSY;
    if (atomic_load(&front->closing))
        status = FAN_E_CLOSED;
    else if (!atomic_load(&front->ganging)) /* members need the workers that were counted */
        status = front->ops->resize(front->self, workers, NULL);
    if (status == FAN_OK) {
        uint64_t depth = (uint64_t)front->opened.depth * workers / front->opened.workers;
        atomic_store(&front->workers, workers);
        atomic_store(&front->depth, depth ? (unsigned)depth : 1);
    }
    pthread_mutex_unlock(&front->share_lock);
    fani_front_leave(shard);
    return status;
}

fan_status fan_executor_fd(fan_executor *executor, int *fd)
{
    if (!executor || executor->front.ops->progress)
        return FAN_E_UNSUPPORTED;
    if (!fd)
        return FAN_E_ARGUMENT;
    fani_front *front = &executor->front;
    fan_status status = FAN_OK;
    pthread_mutex_lock(&front->lock);
    if (atomic_load(&front->fd) < 0) {
        int made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (made < 0)
            status = FAN_E_SYSTEM;
        else
            atomic_store(&front->fd, made);
    }
    *fd = atomic_load(&front->fd);
    pthread_mutex_unlock(&front->lock);
    return status;
}

const char *fan_outcome_name(fan_outcome_kind kind)
{
    static const char *const names[] = {"ok", "failed", "lost", "timed out", "cancelled"};
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "?";
}

fani_front *fani_executor_front(fan_executor *executor)
{
    return &executor->front;
}

void *fani_executor_self(fan_executor *executor, const fani_executor_ops *ops)
{
    return executor->front.ops == ops ? executor->front.self : NULL;
}
