#include "held.h"

#include "base/clock.h"

void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static fan_status held_probe(fan_error *why_not)
{
    (void)why_not;
    return FAN_OK;
}

static fan_status held_open(fani_front *front, const fan_executor_options *options,
                            fani_opened *opened, void **self, fan_error *error)
{
    held_executor *h = (void *)(uintptr_t)options->plugin_options;
    (void)error;
    h->front = front;
    pthread_mutex_init(&h->lock, NULL);
    *opened = (fani_opened){.workers = 1,
                            .ranks = 1,
                            .capabilities = FAN_CAP_SHARES_MEMORY | h->capabilities,
                            .depth = h->depth,
                            .submits = true};
    *self = h;
    return FAN_OK;
}

static void linger(held_executor *h)
{
    if (!atomic_load(&h->slow))
        return;
    pause_ms(SLOW_MS);
    if (atomic_load(&h->closed))
        atomic_store(&h->late, true);
}

static void held_post(void *self, fani_batch *batch)
{
    held_executor *h = self;
    atomic_fetch_add(&h->inside, 1);
    if (h->before_post)
        h->before_post(h);
    pthread_mutex_lock(&h->lock);
    if (h->count < HELD_MAX)
        h->held[h->count++] = batch;
    pthread_mutex_unlock(&h->lock);
    atomic_fetch_add(&h->posts, 1);
    linger(h);
    atomic_fetch_sub(&h->inside, 1);
}

/* The oldest batch, or NULL; with `batch` only this one. */
static fani_batch *held_take(held_executor *h, const fani_batch *batch)
{
    fani_batch *taken = NULL;
    pthread_mutex_lock(&h->lock);
    for (unsigned i = 0; i < h->count && !taken; i++) {
        if (batch && h->held[i] != batch)
            continue;
        taken = h->held[i];
        h->count--;
        memmove(h->held + i, h->held + i + 1, (h->count - i) * sizeof(fani_batch *));
    }
    pthread_mutex_unlock(&h->lock);
    return taken;
}

static void held_end(held_executor *h, fani_batch *batch, bool lose)
{
    fani_outcome outcome = {.verdict = lose ? FANI_LOST : FANI_DONE, .text = "it died"};
    fani_worker *worker = lose ? NULL : fani_worker_new(&(fani_worker_host){.user = NULL});
    if (worker)
        fani_worker_run(worker, batch->task, &batch->items, &batch->args, batch->reply_limit,
                        &batch->replies, &batch->run_ns);
    fani_worker_free(worker);
    fani_front_complete(h->front, batch, outcome);
}

bool held_step(held_executor *h, bool lose)
{
    fani_batch *batch = held_take(h, NULL);
    if (batch)
        held_end(h, batch, lose);
    return batch != NULL;
}

fani_batch *held_begin(held_executor *h)
{
    fani_batch *batch = held_take(h, NULL);
    pthread_mutex_lock(&h->lock);
    h->running = batch;
    h->begun_ns = fani_clock_ns();
    pthread_mutex_unlock(&h->lock);
    return batch;
}

void held_finish(held_executor *h)
{
    pthread_mutex_lock(&h->lock);
    fani_batch *batch = h->running;
    h->running = NULL;
    pthread_mutex_unlock(&h->lock);
    held_end(h, batch, false);
}

static int64_t held_begun(void *self, const fani_batch *batch)
{
    held_executor *h = self;
    pthread_mutex_lock(&h->lock);
    int64_t begun = h->running == batch ? h->begun_ns : 0;
    pthread_mutex_unlock(&h->lock);
    return begun;
}

static bool held_revoke(void *self, fani_batch *batch, bool kill)
{
    held_executor *h = self;
    (void)kill;
    atomic_fetch_add(&h->revokes, 1);
    batch = held_take(h, batch);
    bool cancels = batch && atomic_load(&h->cancels);
    if (cancels)
        fani_front_complete(h->front, batch, (fani_outcome){.verdict = FANI_CANCELLED});
    else if (batch)
        held_end(h, batch, atomic_load(&h->lose));
    linger(h);
    return cancels;
}

static fan_status held_progress(void *self, fan_deadline deadline)
{
    held_executor *h = self;
    (void)deadline;
    atomic_fetch_add(&h->inside, 1);
    if (atomic_load(&h->slow))
        pause_ms(SLOW_MS);
    bool stepped = held_step(h, false);
    if (!stepped && h->idle)
        h->idle(h);
    linger(h);
    atomic_fetch_sub(&h->inside, 1);
    return stepped ? FAN_OK : FAN_E_BUSY;
}

static void held_stats(void *self, fan_executor_stats *stats)
{
    (void)self, (void)stats;
}

static fan_status held_close(void *self, fan_deadline deadline)
{
    held_executor *h = self;
    (void)deadline;
    atomic_store(&h->closed, true);
    return FAN_OK;
}

const fani_executor_ops held_ops = {
    .name = "held",
    .probe = held_probe,
    .open = held_open,
    .post = held_post,
    .revoke = held_revoke,
    .begun = held_begun,
    .stats = held_stats,
    .close = held_close,
};

const fani_executor_ops calls_ops = {
    .name = "calls",
    .probe = held_probe,
    .open = held_open,
    .post = held_post,
    .progress = held_progress,
    .stats = held_stats,
    .close = held_close,
};

fan_executor *open_held(held_executor *h, const fani_executor_ops *ops, size_t queue_items)
{
    fan_executor_kind kind = {.ops = ops};
    fan_executor *executor = NULL;
    if (!h->depth)
        h->depth = 1;
    EXPECT_I64(fan_executor_open(&(fan_executor_options){.plugin = &kind,
                                                         .plugin_options = h,
                                                         .workers = 1,
                                                         .queue_items = queue_items},
                                 &executor, NULL),
               FAN_OK);
    return executor;
}
