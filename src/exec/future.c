/* Submit and futures. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/front.h"
#include "task/inside.h"

struct fan_future {
    fani_front *front;           /* counted: a future outlives close */
    _Atomic unsigned references; /* the user's, and the batch's until it is done */
    fani_batch *batch;           /* while it is out; guarded by the front's lock, like all below */
    bool done;
    uint32_t attempt;
    fani_replies replies; /* once done */
    void (*function)(fan_future *future, void *user);
    void *user;
};

static void release(fan_future *future)
{
    if (atomic_fetch_sub_explicit(&future->references, 1, memory_order_acq_rel) != 1)
        return;
    fani_replies_clear(&future->replies);
    fani_front_release(future->front);
    free(future);
}

void fan_future_release(fan_future *future)
{
    if (future)
        release(future);
}

/* The batch's end: the future takes its replies. */
static void future_done(fani_batch *batch)
{
    fan_future *future = batch->user;
    fani_front *front = future->front;
    pthread_mutex_lock(&front->lock);
    future->replies = batch->replies;
    batch->replies = (fani_replies){0};
    future->attempt = batch->attempt;
    future->batch = NULL;
    future->done = true;
    front->submitted_items--;
    front->submitted_bytes -= batch->input_bytes;
    void (*function)(fan_future *, void *) = future->function;
    pthread_cond_broadcast(&front->changed);
    pthread_mutex_unlock(&front->lock);
    fani_batch_free(batch);
    if (function)
        function(future, future->user);
    release(future);
}

/* ---- Submit -------------------------------------------------------------------------------- */

/* Takes a place under the queue limits; one item may always be in flight, whatever its size. */
static fan_status reserve(fani_front *front, size_t bytes, bool may_wait)
{
    fan_status status = FAN_OK;
    pthread_mutex_lock(&front->lock);
    while (status == FAN_OK && !front->closing && front->submitted_items &&
           (front->submitted_items >= front->queue_items_max ||
            front->submitted_bytes + bytes > front->queue_bytes_max)) {
        if (may_wait)
            fani_front_wait(front, FAN_FOREVER);
        else
            status = FAN_E_BUSY;
    }
    if (front->closing)
        status = FAN_E_CLOSED;
    if (status == FAN_OK) {
        front->submitted_items++;
        front->submitted_bytes += bytes;
    }
    pthread_mutex_unlock(&front->lock);
    return status;
}

static void unreserve(fani_front *front, size_t bytes)
{
    pthread_mutex_lock(&front->lock);
    front->submitted_items--;
    front->submitted_bytes -= bytes;
    pthread_cond_broadcast(&front->changed);
    pthread_mutex_unlock(&front->lock);
}

static fani_batch *make_batch(const fan_task *task, const void *input, size_t size,
                              const fan_submit_options *options)
{
    fani_batch *batch = fani_batch_new();
    fani_args *args = options->args_size ? fani_args_new(options->args, options->args_size) : NULL;
    unsigned char *copy = size ? aligned_alloc(16, (size + 15) / 16 * 16) : NULL;
    if (!batch || (options->args_size && !args) || (size && !copy)) {
        fani_args_release(args);
        free(copy);
        free(batch);
        return NULL;
    }
    if (size)
        memcpy(copy, input, size);
    batch->task = task;
    batch->storage = copy;
    batch->items = (fan_items){.bytes = copy, .size = size, .count = 1};
    batch->input_bytes = size;
    batch->done = future_done;
    if (args) {
        fani_args_attach(args, batch);
        fani_args_release(args);
    }
    return batch;
}

static fan_status send_future(fani_front *front, fani_batch *batch, fan_future **made)
{
    fan_future *future = calloc(1, sizeof *future);
    size_t bytes = batch->input_bytes;
    if (!future) {
        unreserve(front, bytes);
        fani_batch_free(batch);
        return FAN_E_MEMORY;
    }
    future->front = front;
    fani_front_retain(front);
    atomic_init(&future->references, 2);
    future->batch = batch;
    batch->user = future;
    *made = future; /* before sending: a done callback may already use the caller's place */
    fan_status status = fani_front_send(front, batch);
    if (status != FAN_OK) {
        *made = NULL;
        unreserve(front, bytes);
        fani_batch_free(batch);
        fani_front_release(front);
        free(future);
    }
    return status;
}

static fan_status submit(fani_front *front, const fan_task *task, const void *input, size_t size,
                         const fan_submit_options *options, fan_future **future)
{
    fan_status status = fani_front_accepts(front, task, NULL);
    if (status == FAN_OK)
        status = reserve(front, size, !options->no_wait && !fani_inside());
    if (status != FAN_OK)
        return status;
    fani_batch *batch = make_batch(task, input, size, options);
    if (!batch) {
        unreserve(front, size);
        return FAN_E_MEMORY;
    }
    return send_future(front, batch, future);
}

fan_status fan_submit_sized(fan_executor *executor, const fan_task *task, const void *input,
                            size_t size, const fan_submit_options *given, size_t given_size,
                            fan_future **future)
{
    fan_submit_options options = {0};
    if (!executor)
        return FAN_E_UNSUPPORTED;
    if (!future || (!input && size))
        return FAN_E_ARGUMENT;
    *future = NULL;
    if (given)
        memcpy(&options, given, given_size < sizeof options ? given_size : sizeof options);
    if (options.timeout_ms || options.retries || options.priority)
        return FAN_E_UNSUPPORTED;
    if (!options.args && options.args_size)
        return FAN_E_ARGUMENT;
    if (size > FANI_BYTES_MAX || options.args_size > FANI_BYTES_MAX)
        return FAN_E_TOO_LARGE;
    fani_front *front = &executor->front;
    fani_front_retain(front); /* a close on another thread may free the executor while this waits */
    fan_status status = submit(front, task, input, size, &options, future);
    fani_front_release(front);
    return status;
}

/* ---- Results ------------------------------------------------------------------------------- */

fan_status fan_future_result(fan_future *future, fan_deadline deadline, fan_outcome *outcome)
{
    bool in_time = true;
    if (!future || !outcome || (fani_inside() && deadline != FAN_NOW))
        return FAN_E_ARGUMENT;
    fani_front *front = future->front;
    pthread_mutex_lock(&front->lock);
    while (!future->done && in_time && !fani_inside())
        in_time = fani_front_wait(front, deadline);
    bool done = future->done;
    pthread_mutex_unlock(&front->lock);
    if (!done)
        return FAN_E_TIMEOUT;
    *outcome = fani_replies_outcome(&future->replies, 0);
    outcome->attempt += future->attempt;
    return FAN_OK;
}

bool fan_future_done(fan_future *future)
{
    fan_outcome outcome;
    return fan_future_result(future, FAN_NOW, &outcome) == FAN_OK;
}

fan_status fan_future_cancel(fan_future *future)
{
    if (!future)
        return FAN_E_ARGUMENT;
    fani_front *front = future->front;
    pthread_mutex_lock(&front->lock);
    fani_batch *batch = future->batch;
    bool mine = batch && fani_front_unqueue(front, batch);
    pthread_mutex_unlock(&front->lock);
    if (!mine)
        return FAN_E_BUSY;
    fani_front_retain(front); /* the callback may release the future */
    fani_front_cancel(front, batch);
    fani_front_release(front);
    return FAN_OK;
}

fan_status fan_future_kill(fan_future *future)
{
    (void)future;
    return FAN_E_UNSUPPORTED;
}

fan_status fan_future_on_done(fan_future *future, void (*function)(fan_future *, void *),
                              void *user)
{
    if (!future)
        return FAN_E_ARGUMENT;
    fani_front *front = future->front;
    pthread_mutex_lock(&front->lock);
    bool second = future->function != NULL, done = future->done;
    if (!second) {
        future->function = function;
        future->user = user;
    }
    pthread_mutex_unlock(&front->lock);
    if (second || !function)
        return FAN_E_ARGUMENT;
    if (done) {
        bool before = fani_inside_enter();
        function(future, user);
        fani_inside_leave(before);
    }
    return FAN_OK;
}

/* ---- Waiting for several ------------------------------------------------------------------- */

fan_status fan_wait_any(fan_future *const futures[], size_t count, fan_deadline deadline,
                        size_t *which)
{
    bool in_time = true;
    if (!count || !which || fani_inside())
        return FAN_E_ARGUMENT;
    fani_front *front = futures[0]->front;
    for (size_t i = 1; i < count; i++)
        if (futures[i]->front != front)
            return FAN_E_ARGUMENT;
    pthread_mutex_lock(&front->lock);
    for (;;) {
        for (size_t i = 0; i < count; i++) {
            if (futures[i]->done) {
                *which = i;
                pthread_mutex_unlock(&front->lock);
                return FAN_OK;
            }
        }
        if (!in_time)
            break;
        in_time = fani_front_wait(front, deadline);
    }
    pthread_mutex_unlock(&front->lock);
    return FAN_E_TIMEOUT;
}

fan_status fan_wait_all(fan_future *const futures[], size_t count, fan_deadline deadline)
{
    fan_outcome outcome;
    for (size_t i = 0; i < count; i++) {
        fan_status status = fan_future_result(futures[i], deadline, &outcome);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}
