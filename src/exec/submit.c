/* Submit: one item, within the limits of the queue. */
#include <stdlib.h>
#include <string.h>

#include "exec/future.h"
#include "exec/settle.h"
#include "exec/watch.h"

/* ---- Limits -------------------------------------------------------------------------------- */

/* What an input counts for: nothing where even the most items of that size would not matter. */
static size_t charge(const fani_front *front, size_t size)
{
    return size > front->uncharged ? size : 0;
}

void fani_future_charge_input(fan_future *future)
{
    fani_batch *batch = &future->batch;
    batch->input_bytes = charge(future->front, batch->items.size);
    batch->charged = batch->input_bytes != 0;
    if (batch->charged) {
        fani_shard *shard = fani_front_shard(future->front);
        fani_tally(shard, &shard->bytes_in, batch->input_bytes);
    }
}

/* What other shards may still take without looking. */
static uint64_t allowed_to_others(const fani_front *front, const fani_shard *own)
{
    uint64_t sum = 0;
    for (const fani_shard *shard = front->shards; shard < front->shards + FANI_SHARDS; shard++) {
        uint64_t in = atomic_load(&shard->submitted) + 1, look_at = atomic_load(&shard->look_at);
        sum += shard != own && look_at > in ? look_at - in : 0;
    }
    return sum;
}

/* From now on others look before each item, until there is room again. */
static void allow_nothing(fani_front *front)
{
    for (fani_shard *shard = front->shards; shard < front->shards + FANI_SHARDS; shard++)
        if (atomic_load(&shard->look_at))
            atomic_store(&shard->look_at, 0);
}

/* Whether there is room for an item that was counted already; one may always be in flight. */
static bool within_limits(fani_front *front, const fani_shard *own, uint64_t *room)
{
    uint64_t items = fani_front_submitted(front);
    *room = items < front->queue_items_max ? front->queue_items_max - items : 0;
    uint64_t allowed = allowed_to_others(front, own);
    if (allowed > *room)
        allow_nothing(front);
    *room -= allowed < *room ? allowed : *room;
    return items <= 1 ||
           (items <= front->queue_items_max && fani_front_bytes(front) <= front->queue_bytes_max);
}

static void give_place_back(fani_front *front, size_t charged)
{
    fani_shard *shard = fani_front_shard(front);
    fani_tally(shard, &shard->bytes_out, charged);
    atomic_fetch_add(&shard->refused, 1);
    fani_event_notify(&front->ended);
}

/* Counts one item in. Adding up what all threads have done is needed only now and then: each shard
 * may take a part of the room that was left when it last looked. FAN_E_BUSY: there is none. */
static fan_status take_place(fani_front *front, fani_shard *shard, size_t charged, uint64_t *number)
{
    uint64_t room, in = *number = atomic_fetch_add(&shard->submitted, 1) + 1;
    if (charged)
        fani_tally(shard, &shard->bytes_in, charged);
    else if (in < atomic_load_explicit(&shard->look_at, memory_order_relaxed))
        return FAN_OK;
    if (!within_limits(front, shard, &room)) {
        give_place_back(front, charged);
        return FAN_E_BUSY;
    }
    atomic_store_explicit(&shard->look_at, in + room / (2 * (uint64_t)FANI_SHARDS),
                          memory_order_relaxed);
    return FAN_OK;
}

typedef struct place {
    fani_front *front;
    size_t charged;
} place;

static bool place_free(void *user)
{
    const place *p = user;
    fani_front *front = p->front;
    uint64_t items = fani_front_submitted(front);
    return atomic_load(&front->closing) || items == 0 ||
           (items < front->queue_items_max &&
            fani_front_bytes(front) + p->charged <= front->queue_bytes_max);
}

/* ---- Submitting ---------------------------------------------------------------------------- */

static fan_status prepare_slow(fan_future *future, const fan_submit_options *options)
{
    fani_batch *batch = &future->batch;
    if (options->args_size) {
        fani_args *args = fani_args_new(options->args, options->args_size);
        if (!args)
            return FAN_E_MEMORY;
        fani_args_attach(args, batch);
        fani_args_release(args);
    }
    if (!options->timeout_ms && !options->retries)
        return FAN_OK;
    fan_status status = fani_care_limits(batch, options->timeout_ms, options->retries,
                                         options->backoff_ms, fani_future_batch_gone);
    return status == FAN_OK ? fani_watch_start(future->front) : status;
}

static fan_status prepare(fan_future *future, const fan_task *task, const void *input, size_t size,
                          const fan_submit_options *options)
{
    fani_batch *batch = &future->batch;
    batch->task = task;
    batch->input_bytes = charge(future->front, size);
    batch->charged = batch->input_bytes != 0;
    if (!fani_future_give_input(future, input, size))
        return FAN_E_MEMORY;
    if (!options)
        return FAN_OK;
    batch->priority = options->priority;
    future->feed = options->feed;
    return prepare_slow(future, options);
}

/* The place is taken, and the caller has entered. */
static fan_status send(fani_front *front, const fan_task *task, const void *input, size_t size,
                       const fan_submit_options *options, uint64_t number, fan_future **made)
{
    fan_future *future = fani_future_new(front);
    fan_status status = future ? prepare(future, task, input, size, options) : FAN_E_MEMORY;
    *made = future; /* before posting: a done callback may already use the caller's place */
    if (status == FAN_OK && options && options->after_count)
        status = fani_future_after(future, options->after, options->after_count);
    else if (status == FAN_OK)
        fani_front_post(front, &future->batch, number);
    if (status == FAN_OK && number / 4 / FANI_SHARDS % FANI_LOOK_EVERY == 0)
        fani_front_look(front);
    if (status == FAN_OK)
        return FAN_OK;
    *made = NULL;
    if (future)
        fani_future_free(future);
    give_place_back(front, charge(front, size));
    return status;
}

/* Counting the item in begins the call, too: close waits for its end. */
static fan_status try_once(fani_front *front, const fan_task *task, const void *input, size_t size,
                           const fan_submit_options *options, fan_future **future)
{
    uint64_t number;
    fani_shard *shard = fani_front_shard(front);
    fan_status status = take_place(front, shard, charge(front, size), &number);
    if (atomic_load(&front->closing)) {
        if (status == FAN_OK)
            give_place_back(front, charge(front, size));
        status = FAN_E_CLOSED;
    }
    if (status != FAN_OK)
        return status;
    return send(front, task, input, size, options,
                fani_front_number(front, shard, number, FANI_BY_SUBMIT), future);
}

static fan_status submit(fani_front *front, const fan_task *task, const void *input, size_t size,
                         const fan_submit_options *options, fan_future **future)
{
    place wanted = {.front = front, .charged = charge(front, size)};
    bool waits = false;
    fan_status status = fani_front_accepts(front, task, NULL);
    while (status == FAN_OK) {
        status = try_once(front, task, input, size, options, future);
        bool again =
            status == FAN_E_BUSY && !(options && options->no_wait) && fani_front_may_wait(front);
        if (again && !waits) {
            fani_front_retain(
                front); /* a close on another thread may free the executor meanwhile */
            waits = true;
        }
        fani_front_leave(fani_front_shard(front));
        if (!again)
            break;
        status = FAN_OK;
        fani_front_wait(front, &front->ended, place_free, &wanted, FAN_FOREVER);
    }
    if (waits)
        fani_front_release(front);
    return status;
}

static bool sound(const fan_submit_options *options, size_t size)
{
    return (options->args || !options->args_size) && (options->after || !options->after_count) &&
           (!options->feed || (options->after_count == 1 && !size));
}

static fan_status submit_with(fani_front *front, const fan_task *task, const void *input,
                              size_t size, const fan_submit_options *given, size_t given_size,
                              fan_future **future)
{
    fan_submit_options options = {0};
    memcpy(&options, given, given_size < sizeof options ? given_size : sizeof options);
    if (!sound(&options, size))
        return FAN_E_ARGUMENT;
    if (options.args_size > FANI_BYTES_MAX)
        return FAN_E_TOO_LARGE;
    return submit(front, task, input, size, &options, future);
}

fan_status fan_submit_sized(fan_executor *executor, const fan_task *task, const void *input,
                            size_t size, const fan_submit_options *options, size_t options_size,
                            fan_future **future)
{
    if (!executor)
        return FAN_E_UNSUPPORTED;
    if (!future || (!input && size))
        return FAN_E_ARGUMENT;
    *future = NULL;
    if (size > FANI_BYTES_MAX)
        return FAN_E_TOO_LARGE;
    if (options)
        return submit_with(&executor->front, task, input, size, options, options_size, future);
    return submit(&executor->front, task, input, size, NULL, future);
}
