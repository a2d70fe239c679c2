/* Batches as messages: the short ones are a frame and the input, in one cache line. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "memory.h"
#include "pool.h"
#include "task/wire.h"

/* Arguments larger than this travel with each batch. */
enum { ARGS_KEPT = 1 << 16 };

static fani_wire_batch wire_batch(const fani_batch *batch)
{
    return (fani_wire_batch){.posting = batch->posting,
                             .reply_limit = batch->reply_limit,
                             .task_name = batch->task->name,
                             .task_name_size = strlen(batch->task->name),
                             .args = batch->args,
                             .items = batch->items};
}

/* ---- Contexts ------------------------------------------------------------------------------ */

static bool is_context_of(const fani_processes_context *context, const fani_batch *batch)
{
    const fan_items *args = &batch->args;
    size_t size = args->count ? args->size : 0;
    return context->number && context->task == batch->task && context->name == batch->task->name &&
           context->reply_limit == batch->reply_limit && context->has_args == (args->count != 0) &&
           context->args_size == size &&
           (size == 0 || memcmp(context->args, args->bytes, size) == 0);
}

/* Makes the place behind the one used last that of a batch's context. NULL: no memory. */
static fani_processes_context *new_context(fani_processes_pool *pool, const fani_batch *batch)
{
    unsigned at = (pool->context + 1) % FANI_PROCESSES_CONTEXTS;
    fani_processes_context *context = &pool->contexts[at];
    size_t size = batch->args.count ? batch->args.size : 0;
    unsigned char *args = size ? malloc(size) : NULL;
    if (size && !args)
        return NULL;
    if (size)
        memcpy(args, batch->args.bytes, size);
    free(context->args);
    *context = (fani_processes_context){.number = ++pool->contexts_made,
                                        .task = batch->task,
                                        .name = batch->task->name,
                                        .args = args,
                                        .args_size = size,
                                        .has_args = batch->args.count != 0,
                                        .reply_limit = batch->reply_limit};
    return context;
}

/* The context of a batch; NULL: it must travel with the batch. */
static fani_processes_context *find_context(fani_processes_pool *pool, const fani_batch *batch)
{
    if (batch->args.count && batch->args.size > ARGS_KEPT)
        return NULL;
    for (unsigned i = 0; i < FANI_PROCESSES_CONTEXTS; i++) {
        unsigned at = (pool->context + FANI_PROCESSES_CONTEXTS - i) % FANI_PROCESSES_CONTEXTS;
        if (is_context_of(&pool->contexts[at], batch)) {
            pool->context = at;
            return &pool->contexts[at];
        }
    }
    fani_processes_context *context = new_context(pool, batch);
    if (context)
        pool->context = (unsigned)(context - pool->contexts);
    return context;
}

void fani_processes_free_contexts(fani_processes_pool *pool)
{
    for (unsigned i = 0; i < FANI_PROCESSES_CONTEXTS; i++)
        free(pool->contexts[i].args);
}

/* Tells a worker a context unless it knows it. False: no room in its ring. */
static bool tell_context(fani_processes_pool *pool, fani_processes_worker *worker,
                         const fani_processes_context *context, const fani_batch *batch)
{
    unsigned at = (unsigned)(context - pool->contexts);
    if (worker->contexts_told[at] == context->number)
        return true;
    fani_wire_batch wire = wire_batch(batch);
    wire.items = (fan_items){0};
    fani_processes_frame *frame =
        fani_processes_ring_reserve(&worker->requests, fani_wire_batch_size(&wire));
    if (!frame)
        return false;
    fani_wire_batch_write(&wire, (unsigned char *)(frame + 1));
    frame->kind = FANI_PROCESSES_CONTEXT;
    frame->flags = 0;
    frame->context = (uint16_t)at;
    frame->controls = (uint32_t)worker->controls;
    frame->posting = frame->first = 0;
    fani_processes_ring_publish(&worker->requests);
    worker->contexts_told[at] = context->number;
    return true;
}

/* ---- Short messages ------------------------------------------------------------------------ */

/* What a batch with a context is sent as, and the size of that; WIRE: not as a short message. */
static fani_processes_request_kind short_kind(const fan_items *items, size_t *size)
{
    if (items->bytes && items->count == 1) {
        *size = fani_items_bytes(items);
        return FANI_PROCESSES_ITEM;
    }
    *size = sizeof(fani_processes_count) + fani_items_bytes(items);
    if (items->offsets)
        return FANI_PROCESSES_WIRE;
    return items->bytes ? FANI_PROCESSES_ITEMS : FANI_PROCESSES_RANGE;
}

static void write_short(const fan_items *items, fani_processes_request_kind kind, size_t size,
                        unsigned char *at)
{
    const unsigned char *bytes = items->bytes;
    if (kind == FANI_PROCESSES_ITEM) {
        if (size)
            memcpy(at, items->offsets ? bytes + items->offsets[0] : bytes, size);
        return;
    }
    const fani_processes_count count = {.count = items->count, .size = items->size};
    memcpy(at, &count, sizeof count);
    if (size > sizeof count)
        memcpy(at + sizeof count, bytes, size - sizeof count);
}

/* Puts a batch into the ring as a short message where it can be one: the frame is then reserved and
 * filled. False: it can't be, or there is no room for it now. */
static bool put_short(fani_processes_pool *pool, fani_processes_worker *worker,
                      const fani_batch *batch, fani_processes_frame **frame)
{
    size_t size;
    fani_processes_request_kind kind = short_kind(&batch->items, &size);
    if (kind == FANI_PROCESSES_WIRE || size > FANI_PROCESSES_INLINE_BYTES)
        return false;
    const fani_processes_context *context = find_context(pool, batch);
    if (!context || !tell_context(pool, worker, context, batch))
        return false;
    *frame = fani_processes_ring_reserve(&worker->requests, size);
    if (!*frame)
        return false;
    write_short(&batch->items, kind, size, (unsigned char *)(*frame + 1));
    (*frame)->kind = (uint8_t)kind;
    (*frame)->context = (uint16_t)(context - pool->contexts);
    return true;
}

/* ---- Wire messages ------------------------------------------------------------------------- */

/* Puts a message into memory of its own. Answers 0 or an errno. */
static int write_outside(const fani_wire_batch *wire, size_t size, int *fd)
{
    unsigned char *bytes = NULL;
    int made = -1;
    int error = fani_processes_memory_new(size, true, &made);
    if (error)
        return error;
    error = fani_processes_memory_map(made, size, true, &bytes);
    if (!error) {
        fani_wire_batch_write(wire, bytes);
        fani_processes_memory_unmap(bytes, size);
        error = fani_processes_memory_freeze(made);
    }
    if (error)
        close(made);
    else
        *fd = made;
    return error;
}

/* Sends a message that is too large for the ring. It is packed only now, so that batches that wait
 * hold no descriptors. Answers 0 or an errno; *packed tells whether that was the socket's. */
static int send_outside(fani_processes_worker *worker, const fani_wire_batch *wire, size_t size,
                        bool *packed)
{
    const fani_processes_control control = {
        .kind = FANI_PROCESSES_MEMORY, .id = wire->posting, .size = size};
    int fd = -1;
    int error = write_outside(wire, size, &fd);
    *packed = !error;
    if (error)
        return error;
    error = fani_processes_control_send(worker->socket, &control, fd, false);
    close(fd);
    worker->controls += !error;
    return error;
}

bool fani_processes_is_outside(const fani_batch *batch)
{
    /* Most are far from it, and need no exact look. */
    if (batch->items.count == 1 && batch->args.size + fani_items_bytes(&batch->items) < ARGS_KEPT)
        return false;
    fani_wire_batch wire = wire_batch(batch);
    return fani_wire_batch_size(&wire) > FANI_PROCESSES_INLINE_BYTES;
}

/* ---- Into a ring --------------------------------------------------------------------------- */

/* The worker takes nothing until it has made progress, which the pump will see; where nothing of
 * it is under way the pump tries again as soon as it can. */
static fani_processes_loaded no_room(fani_processes_pool *pool, fani_processes_worker *worker,
                                     int error)
{
    worker->full = true;
    if (worker->requests.broken) /* it wrote over the ring; the pump buries it */
        (void)pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
    else if (error ? error != EPIPE : worker->in_flight == 0)
        fani_processes_watch_room(pool, worker, true);
    return FANI_PROCESSES_NO_ROOM;
}

/* Puts a batch into the ring as a wire message. */
static fani_processes_loaded put_wire(fani_processes_pool *pool, fani_processes_worker *worker,
                                      fani_batch *batch, fani_processes_frame **frame)
{
    fani_wire_batch wire = wire_batch(batch);
    size_t size = fani_wire_batch_size(&wire);
    bool outside = size > FANI_PROCESSES_INLINE_BYTES, packed = true;
    *frame = fani_processes_ring_reserve(&worker->requests, outside ? 0 : size);
    if (!*frame)
        return no_room(pool, worker, 0);
    (*frame)->kind = outside ? FANI_PROCESSES_WIRE_OUTSIDE : FANI_PROCESSES_WIRE;
    (*frame)->context = 0;
    if (!outside) {
        fani_wire_batch_write(&wire, (unsigned char *)(*frame + 1));
        return FANI_PROCESSES_LOADED;
    }
    int error = send_outside(worker, &wire, size, &packed);
    if (error && packed)
        return no_room(pool, worker, error);
    if (error)
        fani_processes_refuse(pool, batch, error);
    return error ? FANI_PROCESSES_HOPELESS : FANI_PROCESSES_LOADED;
}

/* A pump that sleeps is to be rung for where it could not know of this batch: where it has none
 * before it, at the middle of the work that may follow, or when the worker has done all there is;
 * and at once, to look after it for a moment, where it waits behind one that may take long. */
static void tell_pump(fani_processes_pool *pool, fani_processes_worker *worker)
{
    if (worker->in_flight == 0) {
        worker->bell_at =
            worker->requests.at + FANI_PROCESSES_LINE * (uint64_t)(worker->window / 2 - 1);
        if (pool->attending)
            worker->bell_at |= FANI_PROCESSES_PATIENT;
        atomic_store_explicit(&worker->region->ring_at, worker->bell_at, memory_order_relaxed);
        if (pool->rest == FANI_PROCESSES_DORMANT) { /* from here on it has ticks */
            pool->rest = FANI_PROCESSES_SLEEPING;
            fani_processes_ring_bell(pool);
        }
    } else if (pool->rest == FANI_PROCESSES_SLEEPING) {
        pool->rest = FANI_PROCESSES_NAPPING;
        fani_processes_ring_bell(pool);
    }
}

static void take_off(fani_processes_pool *pool, fani_processes_worker *worker,
                     fani_processes_frame *frame, fani_batch *batch)
{
    bool outside = frame->kind == FANI_PROCESSES_WIRE_OUTSIDE;
    frame->flags = batch->timeout_ns || batch->traced ? FANI_PROCESSES_EXACT : 0;
    frame->posting = batch->posting;
    frame->first = batch->items.first;
    frame->controls = (uint32_t)worker->controls;
    if (pool->rest != FANI_PROCESSES_AWAKE)
        tell_pump(pool, worker);
    fani_processes_flight *flight = &worker->flights[worker->last++ % FANI_PROCESSES_WINDOW];
    *flight = (fani_processes_flight){.batch = batch,
                                      .position = fani_processes_ring_publish(&worker->requests),
                                      .posting = batch->posting,
                                      .worker = (unsigned)(worker - pool->workers),
                                      .outside = outside};
    batch->mark = flight;
    worker->in_flight++;
    worker->outside += outside;
    if (pool->collecting || pthread_equal(pthread_self(), pool->pump))
        pool->wakes_due = worker->wake_due = true;
    else
        fani_processes_wake(worker);
}

fani_processes_loaded fani_processes_load(fani_processes_pool *pool, fani_processes_worker *worker,
                                          fani_batch *batch)
{
    fani_processes_frame *frame;
    int error = fani_processes_tell_shares(pool, worker);
    if (error)
        return no_room(pool, worker, error);
    if (!put_short(pool, worker, batch, &frame)) {
        fani_processes_loaded loaded = put_wire(pool, worker, batch, &frame);
        if (loaded != FANI_PROCESSES_LOADED)
            return loaded;
    }
    take_off(pool, worker, frame, batch);
    return FANI_PROCESSES_LOADED;
}
