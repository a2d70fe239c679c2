/* The serial executor: batches run on whichever thread waits for them. The reference that all
 * others are compared with, and the one to debug on. */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "exec/fifo.h"
#include "task/worker.h"

typedef struct serial {
    fani_front *front;
    fani_nest nest;         /* of the worker */
    fani_worker *worker;    /* used by one thread at a time: the front lets one in progress */
    _Atomic bool cancelled; /* what runs should end: said by another thread */
    pthread_mutex_t lock;   /* guards the rest */
    fani_fifo waiting;
    fani_batch *running;
    int64_t begun_ns; /* when */
} serial;

static fan_status serial_probe(fan_error *why_not)
{
    (void)why_not;
    return FAN_OK;
}

static fani_worker *make_worker(serial *s, fani_front *front)
{
    s->nest = (fani_nest){.shared = fani_front_shared, .user = front};
    return fani_worker_new(&(fani_worker_host){.shared = fani_front_shared,
                                               .user = front,
                                               .cancelled = &s->cancelled,
                                               .nested = fani_nest_executor,
                                               .settle = fani_nest_settle,
                                               .nest = &s->nest});
}

static fan_status serial_open(fani_front *front, const fan_executor_options *options,
                              fani_opened *opened, void **self, fan_error *error)
{
    (void)options;
    serial *s = calloc(1, sizeof *s);
    if (s)
        s->worker = make_worker(s, front);
    if (!s || !s->worker) {
        free(s);
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a serial executor");
    }
    s->front = front;
    pthread_mutex_init(&s->lock, NULL);
    *opened = (fani_opened){.workers = 1,
                            .ranks = 1,
                            .capabilities = FAN_CAP_SHARES_MEMORY,
                            .depth = 1,
                            .submits = true};
    *self = s;
    return FAN_OK;
}

static void serial_post(void *self, fani_batch *batch)
{
    serial *s = self;
    pthread_mutex_lock(&s->lock);
    fani_fifo_push(&s->waiting, batch);
    pthread_mutex_unlock(&s->lock);
}

static bool serial_revoke(void *self, fani_batch *batch, bool kill)
{
    serial *s = self;
    bool any = false;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        fani_batch *taken = fani_fifo_remove(&s->waiting, batch);
        if (kill && s->running && (!batch || s->running == batch))
            atomic_store(&s->cancelled, true);
        pthread_mutex_unlock(&s->lock);
        if (taken)
            fani_front_complete(s->front, taken, (fani_outcome){.verdict = FANI_CANCELLED});
        any |= taken != NULL;
        if (!taken || batch)
            return any;
    }
}

static int64_t serial_begun(void *self, const fani_batch *batch)
{
    serial *s = self;
    pthread_mutex_lock(&s->lock);
    int64_t begun = s->running == batch ? s->begun_ns : 0;
    pthread_mutex_unlock(&s->lock);
    return begun;
}

/* Runs one batch: whoever waits looks again after each. */
static fan_status serial_progress(void *self, fan_deadline deadline)
{
    (void)deadline;
    serial *s = self;
    pthread_mutex_lock(&s->lock);
    fani_batch *batch = fani_fifo_pop(&s->waiting);
    s->running = batch;
    s->begun_ns = fani_clock_ns();
    atomic_store(&s->cancelled, false);
    pthread_mutex_unlock(&s->lock);
    if (!batch)
        return FAN_E_BUSY; /* what is under way waits for a time or for others */
    fan_status status = fani_worker_run(s->worker, batch->task, &batch->items, &batch->args,
                                        batch->reply_limit, &batch->replies, &batch->run_ns);
    batch->begun_ns = fani_worker_begun(s->worker);
    batch->where = fani_where_here(0);
    pthread_mutex_lock(&s->lock);
    s->running = NULL;
    pthread_mutex_unlock(&s->lock);
    fani_outcome outcome = {.verdict = status == FAN_OK ? FANI_DONE : FANI_FAILED,
                            .text = fan_status_text(status)};
    fani_front_complete(s->front, batch, outcome);
    return FAN_OK;
}

static void serial_stats(void *self, fan_executor_stats *stats)
{
    (void)self, (void)stats;
}

static fan_status serial_close(void *self, fan_deadline deadline)
{
    (void)deadline;
    serial *s = self;
    fani_worker_free(s->worker);
    fani_nest_end(&s->nest);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return FAN_OK;
}

static const fani_executor_ops serial_ops = {
    .name = "serial",
    .summary = "one item after another on the calling thread",
    .probe = serial_probe,
    .open = serial_open,
    .post = serial_post,
    .revoke = serial_revoke,
    .begun = serial_begun,
    .progress = serial_progress,
    .stats = serial_stats,
    .close = serial_close,
};

const fan_executor_kind fani_serial_kind = {.ops = &serial_ops};
