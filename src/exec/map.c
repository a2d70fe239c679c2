/* Map: batches out, outcomes back in order. Everything here runs on the caller's thread but
 * map_done, which puts a batch on a list that the caller empties. */
#include "exec/map.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "exec/settle.h"
#include "exec/source.h"
#include "exec/watch.h"
#include "task/wire.h"

enum {
    BATCH_ITEMS_MAX = 65536,
    BATCH_BYTES_MAX = 1 << 20,
    DIRECT_ITEMS_MAX = 1 << 24,
    DIVISIBLE_NS = 1000000, /* work of a divisible batch, for each worker */
    DIVISIBLE_GROWTH = 8,
    DIVISIBLE_PARTS = 8,
    WAKE_NS = 50000, /* what waking the caller costs, at most */
    NS_PER_MS = 1000000,
    STOP_POLL_MS = 100,
    SOURCE_POLL_MS = 20,
};

#define ONE_END ((uint64_t)1 << 32)

/* ---- Out ----------------------------------------------------------------------------------- */

static uint32_t ended_ever(uint64_t ends)
{
    return (uint32_t)(ends >> 32);
}

static bool are_enough(uint64_t ends)
{
    return (int32_t)(ended_ever(ends) - (uint32_t)ends) >= 0;
}

/* Both in one: who ends a batch sees the count that is slept for when its end counts, and the
 * sleeper sees its end or is woken. */
static void sleep_for(fan_mapping *map, uint32_t count)
{
    uint64_t ends = atomic_load(&map->ends);
    while (
        !atomic_compare_exchange_weak(&map->ends, &ends, (uint64_t)ended_ever(ends) << 32 | count))
        ;
}

/* A batch has ended: any thread. Nothing of the map may be touched once it is counted. */
static void map_done(fani_batch *batch)
{
    sent *s = batch->user;
    fan_mapping *map = s->mapping;
    fani_front *front = map->front;
    s->batch = batch;
    s->ready_next = atomic_load_explicit(&map->ended_last, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&map->ended_last, &s->ready_next, s))
        ;
    if (are_enough(atomic_fetch_add(&map->ends, ONE_END) + ONE_END))
        fani_event_notify(&front->mapped);
}

/* The most items one batch may have: no more than may be held at all, and where Fanfold chooses a
 * part of it, so that the limit leaves every worker something to do. */
static size_t batch_items_max(const fan_mapping *map)
{
    size_t most = map->front->queue_items_max;
    if (map->direct)
        return DIRECT_ITEMS_MAX; /* nothing is held */
    if (!map->options.batch)
        most /= (size_t)2 * atomic_load(&map->front->workers);
    return most < 1 ? 1 : most < BATCH_ITEMS_MAX ? most : BATCH_ITEMS_MAX;
}

/* A divisible batch is cut by those who run it: it only has to be long against its own costs, have
 * several parts for each, and be short enough that outcomes come back in time. */
static size_t divisible_items(const fan_mapping *map, size_t max)
{
    double workers = atomic_load(&map->front->workers), unit = 1;
    if (map->options.batch)
        unit = (double)(map->options.batch < max ? map->options.batch : max);
    double wanted = map->item.ns > 0 ? workers * DIVISIBLE_NS / map->item.ns : unit;
    double parts =
        workers * DIVISIBLE_PARTS * fani_batching_together(map->task->together, map->item.ns);
    if (wanted < parts && !map->options.batch)
        wanted = parts;
    double growth = DIVISIBLE_GROWTH * (double)map->last_batch;
    if (wanted > growth && growth > 0)
        wanted = growth;
    if (wanted > (double)max)
        wanted = (double)max;
    return wanted < unit ? (size_t)unit : (size_t)(wanted / unit) * (size_t)unit;
}

/* How many items the next batch should have. */
static size_t batch_items(const fan_mapping *map)
{
    size_t fixed = map->options.batch, max = batch_items_max(map);
    if (fixed > max)
        fixed = max;
    if (map->divides)
        return divisible_items(map, max);
    if (fixed)
        return fixed;
    return fani_batching_items(&(fani_batching){
        .workers = atomic_load(&map->front->workers),
        .item_ns = map->item.ns,
        .last = map->last_batch,
        .most = max,
        .remaining = map->source.count == UINT64_MAX ? UINT64_MAX : map->source.count - map->taken,
        .together = map->task->together,
    });
}

/* Enough batches ahead that no worker waits for this thread, few enough that batch sizes follow
 * what was measured, and never more items than the queue may hold. */
static bool room(const fan_mapping *map)
{
    const fani_front *front = map->front;
    unsigned depth = atomic_load(&front->depth), workers = atomic_load(&front->workers);
    bool learns =
        !map->options.batch && map->item.ns <= 0;        /* what an item takes: sizes follow it */
    if ((map->divides || learns) && depth > 4 * workers) /* a divisible one is work for all */
        depth = 4 * workers;
    return !map->source_ended && map->out < 2 * depth &&
           (!map->first || map->direct ||
            (map->items_held + batch_items(map) <= front->queue_items_max &&
             map->bytes_held < front->queue_bytes_max));
}

/* How many bytes of input the next batch may have. There is room. */
static size_t batch_bytes(const fan_mapping *map)
{
    size_t max = map->front->queue_bytes_max, left = max - map->bytes_held;
    if (map->direct)
        return SIZE_MAX;
    if (map->bytes_held >= max)
        return 1;
    return left < BATCH_BYTES_MAX ? left : BATCH_BYTES_MAX;
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

/* True: nobody else holds it, and its batch has nothing left that would be freed. */
static bool let_go(sent *s)
{
    if (atomic_fetch_sub(&s->holders, 1) != 1)
        return false;
    fani_batch_free(&s->original);
    return true;
}

/* A batch was detached, its outcome having come from another, and has now ended. */
static void detached_gone(fani_batch *batch)
{
    sent *s = batch->user;
    if (let_go(s))
        free(s);
}

/* Forgets a batch that is finished or was never sent. */
static void drop_sent(fan_mapping *map, sent *s)
{
    map->bytes_held -= s->held_bytes;
    map->items_held -= s->batch->items.count;
    map->summary.run_ns += s->batch->run_ns;
    unlink_sent(map, s);
    if (s->batch == &s->original) /* it was not detached */
        atomic_store(&s->holders, 1);
    else
        fani_batch_free(s->batch);
    if (!let_go(s))
        return;
    s->next = map->spare;
    map->spare = s;
}

/* What a batch gets from the options; FAN_E_MEMORY. */
static fan_status apply_options(const fan_mapping *map, fani_batch *batch)
{
    const fan_map_options *options = &map->options;
    batch->task = map->task;
    batch->priority = options->priority;
    batch->item_ns = map->item.ns;
    /* One that can't be cut writes its replies where they stay. */
    batch->divisible = map->divides && batch->items.count > (options->batch ? options->batch : 1);
    batch->traced = options->timed;
    batch->grain = options->batch;
    if (map->args)
        fani_args_attach(map->args, batch);
    if (!options->timeout_ms && !options->retries)
        return FAN_OK;
    return fani_care_limits(batch, options->timeout_ms, options->retries, options->backoff_ms,
                            detached_gone);
}

/* Where replies go: to their places in the caller's array, or a short one into the batch itself. */
static void lend_places(const fan_mapping *map, fani_batch *batch)
{
    const fan_sink *sink = map->direct;
    if (sink)
        fani_replies_lend(&batch->replies,
                          (unsigned char *)sink->array +
                              (batch->items.first - map->source.first) * sink->item_size,
                          batch->items.count * sink->item_size);
    else if (batch->items.count == 1)
        fani_replies_lend(&batch->replies, batch->reply, sizeof batch->reply);
}

/* NULL: out of memory. */
static sent *take_spare(fan_mapping *map)
{
    sent *s = map->spare;
    if (s)
        map->spare = s->next;
    else
        s = aligned_alloc(128, sizeof *s);
    if (!s)
        return NULL;
    memset(s, 0, sizeof *s);
    s->original.pooled = true;
    return s;
}

static sent *new_sent(fan_mapping *map, const fan_items *items)
{
    /* A copy where the items would not stay: an item that can't be ended may run on after the map.
     */
    bool borrowed = map->source.array && !map->source.pull && !map->options.timeout_ms;
    sent *s = take_spare(map);
    if (!s)
        return NULL;
    fani_batch *batch = &s->original;
    if (!fani_items_keep(batch, items, borrowed) || apply_options(map, batch) != FAN_OK) {
        fani_batch_free(batch);
        free(s);
        return NULL;
    }
    batch->done = map_done;
    batch->user = s;
    lend_places(map, batch);
    s->batch = batch;
    atomic_init(&s->holders, 2);
    s->mapping = map;
    s->held_bytes = map->direct ? 0 : batch->input_bytes;
    return s;
}

static fan_status send_items(fan_mapping *map, const fan_items *items, fan_error *error)
{
    sent *s = new_sent(map, items);
    if (!s)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a batch of %zu items",
                              items->count);
    link_sent(map, s);
    map->items_held += items->count;
    map->bytes_held += s->held_bytes;
    map->out++;
    fan_status status = fani_front_send(map->front, s->batch);
    if (status != FAN_OK) {
        map->out--;
        drop_sent(map, s);
        return fani_error_set(error, status, "the executor is closed");
    }
    map->last_batch = items->count;
    map->taken += items->count;
    if (++map->summary.batches % FANI_LOOK_EVERY == 0)
        fani_front_look(map->front);
    return FAN_OK;
}

/* ---- In ------------------------------------------------------------------------------------ */

/* Of those that are ready at the same time lower indices are given first: who puts them in order
 * has less to keep. Mostly that is how they come. */
static void add_ready(fan_mapping *map, sent *s)
{
    sent **at = &map->ready_first;
    uint64_t index = s->original.items.first;
    if (map->ready_last && map->ready_last->original.items.first < index)
        at = &map->ready_last->ready_next;
    while (*at && (*at)->original.items.first < index)
        at = &(*at)->ready_next;
    s->ready_next = *at;
    *at = s;
    if (!s->ready_next)
        map->ready_last = s;
}

static void collect(fan_mapping *map, sent *s)
{
    fani_batch *batch = s->batch;
    double item_ns = (double)batch->run_ns / (double)batch->items.count;
    fani_item_time_learn(&map->item, item_ns > 0 ? item_ns : 1);
    map->out--;
    map->collected++;
    if (batch == &s->original) { /* from here on it holds its replies, no longer its input */
        free(batch->storage);
        batch->storage = NULL;
    }
    size_t held = batch->replies.text.used;
    if (!map->direct || !batch->replies.bytes.lent) /* not at its place already */
        held += batch->replies.bytes.used;
    map->bytes_held = map->bytes_held - s->held_bytes + held;
    s->held_bytes = held;
    s->finished = true;
    s->ready_next = NULL;
    if (map->options.order != FAN_ORDER_COMPLETED)
        return;
    add_ready(map, s);
}

/* Takes over the batches that have ended, the oldest first. */
static void collect_ended(fan_mapping *map)
{
    sent *last = atomic_load_explicit(&map->ended_last, memory_order_relaxed), *first = NULL;
    if (!last)
        return;
    last = atomic_exchange(&map->ended_last, NULL);
    for (sent *s = last, *before; s; s = before) {
        before = s->ready_next;
        s->ready_next = first;
        first = s;
    }
    for (sent *s = first, *next; s; s = next) {
        next = s->ready_next;
        collect(map, s);
    }
}

/* What is given in index order is sent in it. */
static fan_status check_number(fan_mapping *map, const fan_items *items, fan_error *error)
{
    uint64_t first = items->first;
    if (first < map->next || items->count > UINT64_MAX - first)
        return fani_error_set(
            error, FAN_E_ARGUMENT,
            "the source gave %zu items from index %llu on; the next index is %llu", items->count,
            (unsigned long long)first, (unsigned long long)map->next);
    map->next = first + items->count;
    return FAN_OK;
}

/* Sends batches while there is room for them. */
static fan_status feed(fan_mapping *map, fan_error *error)
{
    for (;;) {
        fan_items items;
        collect_ended(map);
        if (!room(map))
            return FAN_OK;
        fan_status status = fani_source_pull(&map->source, map->taken, batch_items(map),
                                             batch_bytes(map), &items, error);
        map->source_waits = status == FAN_E_BUSY;
        if (map->source_waits)
            return FAN_OK;
        if (status == FAN_OK && !items.count) {
            map->source_ended = true;
            continue;
        }
        if (status == FAN_OK && map->source.numbered)
            status = check_number(map, &items, error);
        if (status == FAN_OK)
            status = send_items(map, &items, error);
        if (status != FAN_OK)
            return status;
    }
}

/* The next finished batch in the map's order, or NULL. */
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

static bool enough_ended(void *user)
{
    fan_mapping *map = user;
    return are_enough(atomic_load(&map->ends));
}

/* How many more ends are worth waking up for. Waking this thread for each of many short batches
 * would cost their workers more than the batches; what is on its way must outlast the wake-up. */
static uint32_t worth_waking(const fan_mapping *map)
{
    double batch_ns = map->item.ns * (double)map->last_batch / atomic_load(&map->front->workers);
    double ends = batch_ns > 0 ? WAKE_NS / batch_ns : 1;
    uint32_t most = map->out / 2;
    return ends < 1 || most < 1 ? 1 : ends < most ? (uint32_t)ends : most;
}

/* Hands out no more: what has not begun comes back as cancelled. */
static void begin_stopping(fan_mapping *map)
{
    map->stopping = true;
    map->source_waits = false;
    collect_ended(map);
    for (sent *s = map->first; s; s = s->next)
        if (!s->finished)
            fani_abandon(map->front, &s->original, false);
}

/* Whether what runs has had its time to end. */
static bool time_is_up(const fan_mapping *map)
{
    return !map->options.hurry || map->options.hurry(map->options.stop_user);
}

/* Whether items of a finished batch were taken back. */
static bool is_cut(const sent *s)
{
    for (size_t i = 0; i < s->batch->items.count; i++)
        if (fani_replies_outcome(&s->batch->replies, i).kind == FAN_OUTCOME_CANCELLED)
            return true;
    return false;
}

/* As finished_batch, once stop was asked for. FAN_E_CANCELLED: nothing more will come that could be
 * given, or there is no more time to wait for it. */
static fan_status last_batches(fan_mapping *map, sent **given, fan_error *error)
{
    sent *s;
    collect_ended(map);
    while ((s = finished_batch(map)) && is_cut(s)) {
        if (map->options.order == FAN_ORDER_INDEX) /* what follows would leave a gap */
            return fani_error_set(error, FAN_E_CANCELLED, "stopped on request");
        map->cut = true;
        drop_sent(map, s);
    }
    *given = s;
    if (s || (map->source_ended && !map->first && !map->cut))
        return FAN_OK;
    return !map->out || time_is_up(map)
               ? fani_error_set(error, FAN_E_CANCELLED, "stopped on request")
               : FAN_OK;
}

/* Waits until something changed; FAN_E_TIMEOUT at the deadline. */
static fan_status wait_for_change(fan_mapping *map, fan_deadline deadline)
{
    fani_front *front = map->front;
    fan_deadline until = wait_until(map, deadline);
    if (!map->out && map->source_waits) { /* nothing will end: only time passes */
        struct timespec pause = {.tv_nsec = (int64_t)SOURCE_POLL_MS * NS_PER_MS};
        int64_t left = until - fani_clock_ns();
        if (left < pause.tv_nsec)
            pause.tv_nsec = left > 0 ? left : 0;
        (void)nanosleep(&pause, NULL);
    } else {
        sleep_for(map, map->collected + worth_waking(map));
        (void)fani_front_wait(front, &front->mapped, enough_ended, map, until);
    }
    return deadline == FAN_FOREVER || fani_clock_ns() < deadline ? FAN_OK : FAN_E_TIMEOUT;
}

/* Sends what there is room for, or what a stop leaves to do. A source that a stop has cut short is
 * no error. */
static fan_status send_more(fan_mapping *map, fan_error *error)
{
    if (!map->stopping && stop_asked(map))
        begin_stopping(map);
    if (map->stopping)
        return FAN_OK;
    fan_status status = feed(map, error);
    if (status != FAN_E_CANCELLED || !stop_asked(map))
        return status;
    begin_stopping(map);
    return FAN_OK;
}

/* Sends what there is room for and takes the next batch to deliver; sets `ended` after the last. */
fan_status fani_map_next_batch(fan_mapping *map, fan_deadline deadline, fan_error *error)
{
    fan_status status = FAN_OK;
    while (status == FAN_OK && !map->delivering && !map->ended) {
        status = send_more(map, error);
        if (status == FAN_OK && map->stopping)
            status = last_batches(map, &map->delivering, error);
        else if (status == FAN_OK)
            map->delivering = finished_batch(map);
        if (status != FAN_OK)
            return status;
        map->ended = map->source_ended && !map->first && !map->cut;
        if (!map->delivering && !map->ended && (map->stopping || map->source_waits || !room(map)))
            status = wait_for_change(map, deadline);
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
size_t fani_map_take_outcomes(fan_mapping *map, fan_outcome *outcomes, size_t max)
{
    const fani_batch *batch = map->delivering->batch;
    size_t count = batch->items.count - map->delivered;
    if (count > max)
        count = max;
    uint64_t run_ns = batch->run_ns;
    if (map->options.timed) {
        fani_timed_look(&map->timed, batch);
        run_ns = map->timed.run_ns;
    }
    fani_replies_outcomes(&batch->replies, map->delivered, count, outcomes);
    for (fan_outcome *o = outcomes; o < outcomes + count; o++) {
        o->index += batch->items.first;
        o->attempt += batch->attempt;
        if (!o->run_ns) {
            o->run_ns = run_ns;
            o->run_items = (uint32_t)batch->items.count;
        }
        o->worker = map->options.timed ? map->timed.worker : NULL;
        o->began_ns = map->timed.began_ns;
        count_outcome(&map->summary, o->kind);
    }
    map->delivered += count;
    return count;
}

/* Frees the batch being delivered once all of it was given. */
void fani_map_end_delivery(fan_mapping *map)
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
    if (!mapping || !fani_front_may_wait(&executor->front))
        return fani_error_set(error, FAN_E_ARGUMENT, "a map can't begin here");
    *mapping = NULL;
    if (given)
        memcpy(&options, given, given_size < sizeof options ? given_size : sizeof options);
    fan_status status = check_options(&options, error);
    if (status == FAN_OK)
        status = fani_source_check(&source, error);
    if (status == FAN_OK)
        status = fani_front_accepts(&executor->front, task, error);
    if (status == FAN_OK && (options.timeout_ms || options.retries) &&
        (status = fani_watch_start(&executor->front)) != FAN_OK)
        fani_error_set(error, status, "no thread to watch over timeouts and retries");
    if (status != FAN_OK)
        return status;
    fan_mapping *map = calloc(1, sizeof *map);
    fani_args *args = options.args_size ? fani_args_new(options.args, options.args_size) : NULL;
    fani_timed timed = {0};
    if (!map || (options.args_size && !args) ||
        (options.timed && fani_timed_begin(&timed, &executor->front.opened) != FAN_OK)) {
        fani_timed_end(&timed);
        fani_args_release(args);
        free(map);
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a map");
    }
    *map = (fan_mapping){.front = &executor->front,
                         .task = task,
                         .source = source,
                         .options = options,
                         .args = args,
                         .timed = timed};
    if (options.timeout_ms && !(map->front->opened.capabilities & FAN_CAP_KILLS))
        map->options.batch = 1; /* only one alone can be given up */
    if (options.timed && !options.batch)
        map->options.batch = 1;
    bool is_range = !source.pull && !source.array;
    map->divides =
        (map->front->opened.divides || (map->front->opened.divides_ranges && is_range)) &&
        !options.timeout_ms && !options.retries && !options.timed;
    fani_front_retain(map->front);
    *mapping = map;
    return FAN_OK;
}

fan_status fan_map_next(fan_mapping *map, fan_deadline deadline, fan_outcome *outcome,
                        fan_error *error)
{
    if (!fani_front_may_wait(map->front))
        return fani_error_set(error, FAN_E_ARGUMENT, "a map can't be waited for here");
    fani_map_end_delivery(map);
    fan_status status = map->delivering ? FAN_OK : fani_map_next_batch(map, deadline, error);
    if (status == FAN_E_CLOSED) /* a cut must not look like the end */
        return fani_error_set(error, FAN_E_CANCELLED, "the executor was closed");
    if (status != FAN_OK)
        return status;
    if (!map->delivering)
        return FAN_E_CLOSED;
    fani_map_take_outcomes(map, outcome, 1);
    return FAN_OK;
}

static bool all_ended(void *user)
{
    fan_mapping *map = user;
    return ended_ever(atomic_load(&map->ends)) == map->collected + map->out;
}

/* Takes back what is not running, asks for the end of what is, and waits for the rest. */
static void abandon(fan_mapping *map)
{
    fani_front *front = map->front;
    collect_ended(map);
    for (sent *s = map->first; s; s = s->next)
        if (!s->finished)
            fani_abandon(front, &s->original, true);
    sleep_for(map, map->collected + map->out);
    (void)fani_front_wait(front, &front->mapped, all_ended, map, FAN_FOREVER);
    collect_ended(map);
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
    for (sent *s = map->spare, *next; s; s = next) {
        next = s->next;
        free(s);
    }
    if (summary)
        memcpy(summary, &map->summary,
               summary_size < sizeof map->summary ? summary_size : sizeof map->summary);
    fani_args_release(map->args);
    fani_timed_end(&map->timed);
    fani_front_release(map->front);
    free(map);
}
