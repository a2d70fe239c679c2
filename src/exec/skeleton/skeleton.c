/* The skeleton: the least that is an executor, to start a new one from. One thread takes batches
 * from a list. It passes the whole contract suite;
 * docs/adding-an-executor.md walks through it. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "exec/fifo.h"
#include "task/worker.h"

typedef struct skeleton {
    fani_front *front;
    fani_worker *worker; /* the thread's own, like */
    fani_nest nest;      /* the executor of its tasks' children */
    pthread_t thread;
    pthread_mutex_t lock; /* guards the list and the flag */
    pthread_cond_t posted;
    fani_fifo waiting;
    fani_batch *running;
    int64_t begun_ns; /* when */
    bool stopping;
    _Atomic bool cancelled; /* what runs should end: fan_run_cancelled tells it */
} skeleton;

/* The next batch; NULL when the executor closes. */
static fani_batch *skeleton_take(skeleton *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->waiting.first && !s->stopping)
        pthread_cond_wait(&s->posted, &s->lock);
    fani_batch *batch = fani_fifo_pop(&s->waiting);
    s->running = batch;
    s->begun_ns = fani_clock_ns();
    atomic_store(&s->cancelled, false);
    pthread_mutex_unlock(&s->lock);
    return batch;
}

static void *skeleton_work(void *self)
{
    skeleton *s = self;
    for (fani_batch *batch; (batch = skeleton_take(s));) {
        fan_status status = fani_worker_run(s->worker, batch->task, &batch->items, &batch->args,
                                            batch->reply_limit, &batch->replies, &batch->run_ns);
        batch->begun_ns = fani_worker_begun(s->worker);
        batch->where = fani_where_here(0);
        fani_outcome outcome = {.verdict = status == FAN_OK ? FANI_DONE : FANI_FAILED,
                                .text = fan_status_text(status)};
        pthread_mutex_lock(&s->lock);
        s->running = NULL;
        pthread_mutex_unlock(&s->lock);
        fani_front_complete(s->front, batch, outcome);
    }
    fani_nest_end(&s->nest);
    return NULL;
}

static fan_status skeleton_probe(fan_error *why_not)
{
    (void)why_not;
    return FAN_OK;
}

static void skeleton_free(skeleton *s)
{
    fani_worker_free(s->worker);
    pthread_cond_destroy(&s->posted);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* A library's threads leave the program's signals to the program. */
static int skeleton_start_thread(skeleton *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&s->thread, NULL, skeleton_work, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static fan_status skeleton_open(fani_front *front, const fan_executor_options *options,
                                fani_opened *opened, void **self, fan_error *error)
{
    (void)options; /* it has one worker, whatever was asked for */
    skeleton *s = calloc(1, sizeof *s);
    if (!s)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a skeleton executor");
    fani_worker_host host = {.shared = fani_front_shared,
                             .user = front,
                             .cancelled = &s->cancelled,
                             .nested = fani_nest_executor,
                             .settle = fani_nest_settle,
                             .nest = &s->nest};
    s->nest = (fani_nest){.shared = fani_front_shared, .user = front};
    s->front = front;
    s->worker = fani_worker_new(&host);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->posted, NULL);
    int code = s->worker ? skeleton_start_thread(s) : 0;
    if (!s->worker || code) {
        fan_status status =
            code ? fani_error_errno(error, FAN_E_SYSTEM, code, "no thread for an executor")
                 : fani_error_set(error, FAN_E_MEMORY, "no memory for a worker");
        skeleton_free(s);
        return status;
    }
    *opened = (fani_opened){.workers = 1,
                            .ranks = 1,
                            .capabilities = FAN_CAP_SHARES_MEMORY,
                            .depth = 2,
                            .submits = true};
    *self = s;
    return FAN_OK;
}

static void skeleton_post(void *self, fani_batch *batch)
{
    skeleton *s = self;
    pthread_mutex_lock(&s->lock);
    fani_fifo_push(&s->waiting, batch);
    pthread_cond_signal(&s->posted);
    pthread_mutex_unlock(&s->lock);
}

/* What waits is given back; what runs is asked to end, where that is wanted. */
static bool skeleton_revoke(void *self, fani_batch *batch, bool kill)
{
    skeleton *s = self;
    bool any = false;
    for (fani_batch *taken = NULL;; any = true) {
        pthread_mutex_lock(&s->lock);
        taken = fani_fifo_remove(&s->waiting, batch);
        if (kill && s->running && (!batch || batch == s->running))
            atomic_store(&s->cancelled, true);
        pthread_mutex_unlock(&s->lock);
        if (!taken)
            return any;
        fani_front_complete(s->front, taken, (fani_outcome){.verdict = FANI_CANCELLED});
    }
}

/* For timeouts. */
static int64_t skeleton_begun(void *self, const fani_batch *batch)
{
    skeleton *s = self;
    pthread_mutex_lock(&s->lock);
    int64_t begun = batch == s->running ? s->begun_ns : 0;
    pthread_mutex_unlock(&s->lock);
    return begun;
}

static void skeleton_stats(void *self, fan_executor_stats *stats)
{
    (void)self, (void)stats; /* it loses no workers */
}

/* Every batch has completed by now: the thread is idle and ends at once. */
static fan_status skeleton_close(void *self, fan_deadline deadline)
{
    (void)deadline;
    skeleton *s = self;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->posted);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    skeleton_free(s);
    return FAN_OK;
}

static const fani_executor_ops skeleton_ops = {
    .name = "skeleton",
    .summary = "the least that is an executor: one thread and a list (for authors of executors)",
    .probe = skeleton_probe,
    .open = skeleton_open,
    .post = skeleton_post,
    .revoke = skeleton_revoke,
    .begun = skeleton_begun,
    .stats = skeleton_stats,
    .close = skeleton_close,
};

const fan_executor_kind fani_skeleton_kind = {.ops = &skeleton_ops};
