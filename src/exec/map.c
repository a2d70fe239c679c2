/* Map: batches out, outcomes back in order. Everything here runs on the caller's thread but
 * map_done. */
#include "exec/front.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "exec/batching.h"
#include "exec/source.h"
#include "task/inside.h"
#include "task/wire.h"

enum {
    BATCH_ITEMS_MAX = 65536,
    BATCH_BYTES_MAX = 1 << 20,
    STOP_POLL_MS = 100,
    SOURCE_POLL_MS = 20,
    OUTCOMES_AT_ONCE = 256,
};

/* A batch of a map, from sending to delivery. */
typedef struct sent {
    fani_batch *batch;
    fan_mapping *mapping;
    size_t held_bytes;            /* of its input while it is out, of its replies once finished */
    bool finished;                /* these two and the ready list: guarded by the front's lock */
    struct sent *next, *previous; /* in index order */
    struct sent *ready_next;
} sent;

struct fan_mapping {
    fani_front *front;
    const fan_task *task;
    fan_source source;
    fan_map_options options;
    fani_args *args;
    uint64_t taken; /* items pulled from the source */
    bool source_ended;
    bool source_waits; /* the source has nothing at the moment */
    bool ended;        /* every outcome was given */
    size_t last_batch;

    sent *first, *last;             /* all not yet delivered, in index order */
    sent *ready_first, *ready_last; /* FAN_ORDER_COMPLETED: finished ones as they came */
    size_t items_held;              /* items of these, and their bytes */
    size_t bytes_held;
    unsigned out;   /* batches sent and not finished; guarded by the front's lock */
    double item_ns; /* smoothed time of one item; 0: not known yet; guarded likewise */

    sent *delivering;
    size_t delivered; /* items of it that were given */
    fan_summary summary;
};

/* ---- Out ----------------------------------------------------------------------------------- */

/* A batch has ended: any thread. From here on it holds its replies, no longer its input. */
static void map_done(fani_batch *batch)
{
    sent *s = batch->user;
    fan_mapping *map = s->mapping;
    fani_front *front = map->front;
    double item_ns = (double)batch->run_ns / (double)batch->items.count;
    free(batch->storage);
    batch->storage = NULL;
    pthread_mutex_lock(&front->lock);
    map->item_ns = map->item_ns > 0 ? 0.75 * map->item_ns + 0.25 * item_ns : item_ns;
    map->out--;
    size_t held = batch->replies.bytes.used + batch->replies.text.used;
    map->bytes_held = map->bytes_held - s->held_bytes + held;
    s->held_bytes = held;
    s->finished = true;
    if (map->options.order == FAN_ORDER_COMPLETED) {
        if (map->ready_last)
            map->ready_last->ready_next = s;
        else
            map->ready_first = s;
        map->ready_last = s;
    }
    pthread_cond_broadcast(&front->changed);
    pthread_mutex_unlock(&front->lock);
}

/* The most items one batch may have: no more than may be held at all, and where Fanfold chooses a
 * part of it, so that the limit leaves every worker something to do. */
static size_t batch_items_max(const fan_mapping *map)
{
    size_t most = map->front->queue_items_max;
    if (!map->options.batch)
        most /= (size_t)2 * map->front->opened.workers;
    return most < 1 ? 1 : most < BATCH_ITEMS_MAX ? most : BATCH_ITEMS_MAX;
}

/* How many items the next batch should have. The lock is held. */
static size_t batch_items(const fan_mapping *map)
{
    size_t fixed = map->options.batch, max = batch_items_max(map);
    if (fixed)
        return fixed < max ? fixed : max;
    return fani_batching_items(&(fani_batching){
        .workers = map->front->opened.workers,
        .item_ns = map->item_ns,
        .last = map->last_batch,
        .most = max,
        .remaining = map->source.count == UINT64_MAX ? UINT64_MAX : map->source.count - map->taken,
    });
}

/* Enough batches ahead that no worker waits for this thread, few enough that batch sizes follow
 * what was measured, and never more items than the queue may hold. The lock is held. */
static bool room(const fan_mapping *map)
{
    const fani_front *front = map->front;
    return !map->source_ended && map->out < 2 * front->opened.depth &&
           (!map->first || (map->items_held + batch_items(map) <= front->queue_items_max &&
                            map->bytes_held < front->queue_bytes_max));
}

/* How many bytes of input the next batch may have. There is room, and the lock is held. */
static size_t batch_bytes(const fan_mapping *map)
{
    size_t max = map->front->queue_bytes_max, left = max - map->bytes_held;
    if (map->bytes_held >= max)
        return 1;
    return left < BATCH_BYTES_MAX ? left : BATCH_BYTES_MAX;
}

/* Copies a source's items into one block that goes with the batch; a stored array is only borrowed.
 */
static bool keep_items(fani_batch *batch, const fan_items *items, bool borrowed)
{
    size_t bytes = fani_items_bytes(items);
    size_t table = items->offsets ? (items->count + 1) * sizeof *items->offsets : 0;
    size_t head = (table + 15) / 16 * 16;
    batch->items = *items;
    batch->input_bytes = bytes;
    if (borrowed || (!items->bytes && !items->offsets))
        return true;
    unsigned char *block = aligned_alloc(16, (head + bytes + 15) / 16 * 16 + 16);
    if (!block)
        return false;
    batch->storage = block;
    batch->items.bytes = block + head;
    if (items->offsets) {
        uint64_t *offsets = (void *)block;
        for (size_t i = 0; i <= items->count; i++)
            offsets[i] = items->offsets[i] - items->offsets[0];
        batch->items.offsets = offsets;
        if (items->bytes)
            memcpy(block + head, items->bytes + items->offsets[0], bytes);
    } else {
        memcpy(block + head, items->bytes, bytes);
    }
    return true;
}

static void link_sent(fan_mapping *map, sent *s)
{
    s->previous = map->last;
    if (map->last)
        map->last->next = s;
    else
        map->first = s;
    map->last = s;
}

static void unlink_sent(fan_mapping *map, sent *s)
{
    if (s->previous)
        s->previous->next = s->next;
    else
        map->first = s->next;
    if (s->next)
        s->next->previous = s->previous;
    else
        map->last = s->previous;
}

/* Forgets a batch that is finished or was never sent. */
static void drop_sent(fan_mapping *map, sent *s)
{
    pthread_mutex_lock(&map->front->lock);
    map->bytes_held -= s->held_bytes;
    pthread_mutex_unlock(&map->front->lock);
    map->items_held -= s->batch->items.count;
    map->summary.run_ns += s->batch->run_ns;
    unlink_sent(map, s);
    fani_batch_free(s->batch);
    free(s);
}

static fan_status send_items(fan_mapping *map, const fan_items *items, fan_error *error)
{
    sent *s = calloc(1, sizeof *s);
    fani_batch *batch = fani_batch_new();
    if (!s || !batch || !keep_items(batch, items, map->source.array && !map->source.pull)) {
        fani_batch_free(batch);
        free(s);
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a batch of %zu items",
                              items->count);
    }
    batch->task = map->task;
    batch->done = map_done;
    batch->user = s;
    if (map->args)
        fani_args_attach(map->args, batch);
    *s = (sent){.batch = batch, .mapping = map, .held_bytes = batch->input_bytes};
    link_sent(map, s);
    map->items_held += items->count;
    pthread_mutex_lock(&map->front->lock);
    map->bytes_held += s->held_bytes;
    map->out++;
    pthread_mutex_unlock(&map->front->lock);
    fan_status status = fani_front_send(map->front, batch);
    if (status != FAN_OK) {
        pthread_mutex_lock(&map->front->lock);
        map->out--;
        pthread_mutex_unlock(&map->front->lock);
        drop_sent(map, s);
        return fani_error_set(error, status, "the executor is closed");
    }
    map->last_batch = items->count;
    map->taken += items->count;
    map->summary.batches++;
    return FAN_OK;
}

/* Sends batches while there is room for them. */
static fan_status feed(fan_mapping *map, fan_error *error)
{
    for (;;) {
        fan_items items;
        pthread_mutex_lock(&map->front->lock);
        bool more = room(map);
        size_t count = batch_items(map), bytes = batch_bytes(map);
        pthread_mutex_unlock(&map->front->lock);
        if (!more)
            return FAN_OK;
        fan_status status = fani_source_pull(&map->source, map->taken, count, bytes, &items, error);
        map->source_waits = status == FAN_E_BUSY;
        if (map->source_waits)
            return FAN_OK;
        if (status == FAN_OK && !items.count)
            map->source_ended = true;
        else if (status == FAN_OK)
            status = send_items(map, &items, error);
        if (status != FAN_OK)
            return status;
    }
}

/* ---- In ------------------------------------------------------------------------------------ */

/* The next finished batch in the map's order, or NULL. The lock is held. */
static sent *finished_batch(fan_mapping *map)
{
    if (map->options.order == FAN_ORDER_INDEX)
        return map->first && map->first->finished ? map->first : NULL;
    sent *s = map->ready_first;
    if (s) {
        map->ready_first = s->ready_next;
        if (!map->ready_first)
            map->ready_last = NULL;
    }
    return s;
}

static bool stop_asked(const fan_mapping *map)
{
    return map->options.stop && map->options.stop(map->options.stop_user);
}

/* The deadline of one wait: short where a stop function or a waiting source wants to be asked. */
static fan_deadline wait_until(const fan_mapping *map, fan_deadline deadline)
{
    fan_deadline poll = map->source_waits   ? fan_deadline_in_ms(SOURCE_POLL_MS)
                        : map->options.stop ? fan_deadline_in_ms(STOP_POLL_MS)
                                            : FAN_FOREVER;
    return poll < deadline ? poll : deadline;
}

/* Waits until something changed; FAN_E_TIMEOUT at the deadline. The lock is held. */
static fan_status wait_for_change(fan_mapping *map, fan_deadline deadline)
{
    bool in_time = fani_front_wait(map->front, wait_until(map, deadline));
    return in_time || fani_clock_ns() < deadline ? FAN_OK : FAN_E_TIMEOUT;
}

/* Sends what there is room for and takes the next batch to deliver; sets `ended` after the last. */
static fan_status next_batch(fan_mapping *map, fan_deadline deadline, fan_error *error)
{
    fani_front *front = map->front;
    fan_status status = FAN_OK;
    while (status == FAN_OK && !map->delivering && !map->ended) {
        if (stop_asked(map))
            return fani_error_set(error, FAN_E_CANCELLED, "stopped on request");
        status = feed(map, error);
        if (status != FAN_OK)
            return status;
        pthread_mutex_lock(&front->lock);
        map->delivering = finished_batch(map);
        map->ended = map->source_ended && !map->first;
        if (!map->delivering && !map->ended && (map->source_waits || !room(map)))
            status = wait_for_change(map, deadline);
        pthread_mutex_unlock(&front->lock);
    }
    return status;
}

static void count_outcome(fan_summary *summary, fan_outcome_kind kind)
{
    summary->items++;
    switch (kind) {
    case FAN_OUTCOME_OK:
        summary->ok++;
        break;
    case FAN_OUTCOME_FAILED:
        summary->failed++;
        break;
    case FAN_OUTCOME_LOST:
        summary->lost++;
        break;
    case FAN_OUTCOME_TIMED_OUT:
        summary->timed_out++;
        break;
    case FAN_OUTCOME_CANCELLED:
        summary->cancelled++;
        break;
    }
}

/* Up to `max` outcomes of the batch being delivered. */
static size_t take_outcomes(fan_mapping *map, fan_outcome *outcomes, size_t max)
{
    const fani_batch *batch = map->delivering->batch;
    size_t count = batch->items.count - map->delivered;
    if (count > max)
        count = max;
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = fani_replies_outcome(&batch->replies, map->delivered + i);
        outcomes[i].index = batch->items.first + map->delivered + i;
        outcomes[i].attempt += batch->attempt;
        count_outcome(&map->summary, outcomes[i].kind);
    }
    map->delivered += count;
    return count;
}

/* Frees the batch being delivered once all of it was given. */
static void end_delivery(fan_mapping *map)
{
    if (!map->delivering || map->delivered < map->delivering->batch->items.count)
        return;
    drop_sent(map, map->delivering);
    map->delivering = NULL;
    map->delivered = 0;
}

/* ---- The pull form ------------------------------------------------------------------------- */

static fan_status check_options(const fan_map_options *options, fan_error *error)
{
    if (options->timeout_ms || options->retries || options->priority)
        return fani_error_set(error, FAN_E_UNSUPPORTED, "%s is not supported yet",
                              options->timeout_ms ? "timeout_ms"
                              : options->retries  ? "retries"
                                                  : "priority");
    if ((!options->args && options->args_size) || options->args_size > FANI_BYTES_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "args is %s but args_size is %zu",
                              options->args ? "given" : "NULL", options->args_size);
    if (options->order != FAN_ORDER_INDEX && options->order != FAN_ORDER_COMPLETED)
        return fani_error_set(error, FAN_E_ARGUMENT, "order is %d; it may be 0 or 1",
                              (int)options->order);
    return FAN_OK;
}

fan_status fan_map_begin_sized(fan_executor *executor, const fan_task *task, fan_source source,
                               const fan_map_options *given, size_t given_size,
                               fan_mapping **mapping, fan_error *error)
{
    fan_map_options options = {0};
    if (!executor)
        return fani_error_set(error, FAN_E_UNSUPPORTED, "there is no executor");
    if (!mapping || fani_inside())
        return fani_error_set(error, FAN_E_ARGUMENT, "a map can't begin here");
    *mapping = NULL;
    if (given)
        memcpy(&options, given, given_size < sizeof options ? given_size : sizeof options);
    fan_status status = check_options(&options, error);
    if (status == FAN_OK)
        status = fani_source_check(&source, error);
    if (status == FAN_OK)
        status = fani_front_accepts(&executor->front, task, error);
    if (status != FAN_OK)
        return status;
    fan_mapping *map = calloc(1, sizeof *map);
    fani_args *args = options.args_size ? fani_args_new(options.args, options.args_size) : NULL;
    if (!map || (options.args_size && !args)) {
        fani_args_release(args);
        free(map);
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a map");
    }
    *map = (fan_mapping){.front = &executor->front,
                         .task = task,
                         .source = source,
                         .options = options,
                         .args = args};
    fani_front_retain(map->front);
    *mapping = map;
    return FAN_OK;
}

fan_status fan_map_next(fan_mapping *map, fan_deadline deadline, fan_outcome *outcome,
                        fan_error *error)
{
    if (fani_inside())
        return fani_error_set(error, FAN_E_ARGUMENT, "a map can't be waited for here");
    end_delivery(map);
    fan_status status = map->delivering ? FAN_OK : next_batch(map, deadline, error);
    if (status == FAN_E_CLOSED) /* a cut must not look like the end */
        return fani_error_set(error, FAN_E_CANCELLED, "the executor was closed");
    if (status != FAN_OK)
        return status;
    if (!map->delivering)
        return FAN_E_CLOSED;
    take_outcomes(map, outcome, 1);
    return FAN_OK;
}

/* Takes back what is not running, asks for the end of what is, and waits for the rest. */
static void abandon(fan_mapping *map)
{
    fani_front *front = map->front;
    pthread_mutex_lock(&front->lock);
    for (sent *s = map->first; s; s = s->next)
        if (!s->finished)
            fani_front_abandon(front, s->batch);
    while (map->out)
        fani_front_wait(front, FAN_FOREVER);
    pthread_mutex_unlock(&front->lock);
}

void fan_map_end(fan_mapping *map, fan_summary *summary, size_t summary_size)
{
    if (!map)
        return;
    abandon(map);
    for (sent *s = map->first, *next; s; s = next) {
        next = s->next;
        drop_sent(map, s);
    }
    if (summary)
        memcpy(summary, &map->summary,
               summary_size < sizeof map->summary ? summary_size : sizeof map->summary);
    fani_args_release(map->args);
    fani_front_release(map->front);
    free(map);
}

/* ---- The push form ------------------------------------------------------------------------- */

/* A batch whose replies are one array of a sink array's item size is copied whole: for tiny items
 * outcome by outcome is most of what a map costs. False: it must go the long way. */
static bool deliver_array(fan_mapping *map, const fan_sink *sink)
{
    const fani_batch *batch = map->delivering->batch;
    const fani_replies *replies = &batch->replies;
    uint64_t place = batch->items.first - map->source.first, count = batch->items.count;
    if (sink->put || !replies->array || replies->slots || replies->item_size != sink->item_size ||
        place > sink->count || count > sink->count - place)
        return false;
    if (sink->item_size)
        memcpy((unsigned char *)sink->array + place * sink->item_size, replies->bytes.data,
               count * sink->item_size);
    map->summary.items += count;
    map->summary.ok += count;
    map->delivered = count;
    return true;
}

static fan_status deliver_some(fan_mapping *map, const fan_sink *sink, fan_error *error)
{
    fan_outcome outcomes[OUTCOMES_AT_ONCE];
    if (map->delivered == 0 && deliver_array(map, sink))
        return FAN_OK;
    size_t count = take_outcomes(map, outcomes, OUTCOMES_AT_ONCE);
    return fani_sink_put(sink, map->source.first, outcomes, count, error);
}

static fan_status deliver_all(fan_mapping *map, const fan_sink *sink, fan_error *error)
{
    fan_status status = FAN_OK;
    for (;;) {
        if (!map->delivering)
            status = next_batch(map, FAN_FOREVER, error);
        if (status != FAN_OK || !map->delivering)
            return status;
        status = deliver_some(map, sink, error);
        if (status != FAN_OK)
            return status;
        end_delivery(map);
    }
}

fan_status fan_map_sized(fan_executor *executor, const fan_task *task, fan_source source,
                         fan_sink sink, const fan_map_options *options, size_t options_size,
                         fan_summary *summary, size_t summary_size)
{
    fan_mapping *map = NULL;
    fan_error error = {0};
    fan_summary whole = {0};
    fan_status status = fani_sink_check(&sink, &error);
    if (status == FAN_OK)
        status = fan_map_begin_sized(executor, task, source, options, options_size, &map, &error);
    if (status == FAN_OK && map) {
        status = deliver_all(map, &sink, &error);
        fan_map_end(map, &whole, sizeof whole);
    }
    if (status != FAN_OK && error.status == FAN_OK)
        fani_error_set(&error, status, "%s", fan_status_text(status));
    if (status != FAN_OK) /* a source may have set it and gone on */
        whole.error = error;
    if (summary)
        memcpy(summary, &whole, summary_size < sizeof whole ? summary_size : sizeof whole);
    return status;
}
