/* Bounded queues. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/stage.h"
#include "stage/heap.h"
#include "stage/sleep.h"

enum { LIMIT = 1024, CAPACITY = 16 };

struct fan_queue {
    fan_queue_order order;
    size_t limit;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t filled, emptied, handled;
    size_t getters, putters; /* who sleep on the first two */
    void **ring;             /* FIFO and LIFO: `count` items from `first` on */
    size_t capacity, first, count;
    fani_heap heap;            /* by priority: count items too */
    uint64_t got, not_handled; /* items that were got, or accepted, and not yet said to be done */
    bool closed;
};

/* ---- Making and freeing -------------------------------------------------------------------- */

/* 0: all were made, else none is left. */
static int make_conditions(fan_queue *queue)
{
    int code = fani_sleep_init(&queue->filled);
    if (code)
        return code;
    code = fani_sleep_init(&queue->emptied);
    if (!code) {
        code = fani_sleep_init(&queue->handled);
        if (!code)
            return 0;
        pthread_cond_destroy(&queue->emptied);
    }
    pthread_cond_destroy(&queue->filled);
    return code;
}

fan_status fan_queue_new_sized(const fan_queue_options *options, size_t options_size,
                               fan_queue **queue)
{
    fan_queue_options o = {0};
    *queue = NULL;
    if (options)
        memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    if (o.order > FAN_QUEUE_PRIORITY || o.limit > UINT32_MAX)
        return FAN_E_ARGUMENT;
    fan_queue *q = calloc(1, sizeof *q);
    if (!q)
        return FAN_E_MEMORY;
    if (make_conditions(q)) {
        free(q);
        return FAN_E_MEMORY;
    }
    pthread_mutex_init(&q->lock, NULL);
    q->order = o.order;
    q->limit = o.limit ? o.limit : LIMIT;
    *queue = q;
    return FAN_OK;
}

void fan_queue_free(fan_queue *queue)
{
    if (!queue)
        return;
    pthread_cond_destroy(&queue->filled);
    pthread_cond_destroy(&queue->emptied);
    pthread_cond_destroy(&queue->handled);
    pthread_mutex_destroy(&queue->lock);
    fani_heap_clear(&queue->heap);
    free(queue->ring);
    free(queue);
}

/* ---- Items --------------------------------------------------------------------------------- */

static size_t grown(size_t capacity, size_t limit)
{
    size_t next = capacity ? 2 * capacity : CAPACITY;
    return next < limit ? next : limit;
}

static bool grow_ring(fan_queue *queue)
{
    size_t capacity = grown(queue->capacity, queue->limit);
    void **ring = malloc(capacity * sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) % queue->capacity];
    free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

/* False: out of memory. */
static bool add(fan_queue *queue, void *item, int priority)
{
    if (queue->order == FAN_QUEUE_PRIORITY) {
        size_t capacity = queue->heap.capacity;
        if (queue->count == capacity &&
            !fani_heap_reserve(&queue->heap, grown(capacity, queue->limit)))
            return false;
        fani_heap_push(&queue->heap, item, priority, NULL);
    } else {
        if (queue->count == queue->capacity && !grow_ring(queue))
            return false;
        queue->ring[(queue->first + queue->count) % queue->capacity] = item;
    }
    queue->count++;
    return true;
}

static void *take(fan_queue *queue)
{
    queue->count--;
    if (queue->order == FAN_QUEUE_PRIORITY)
        return fani_heap_pop(&queue->heap);
    if (queue->order == FAN_QUEUE_LIFO)
        return queue->ring[(queue->first + queue->count) % queue->capacity];
    void *item = queue->ring[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    return item;
}

/* ---- Calls --------------------------------------------------------------------------------- */

fan_status fan_queue_put(fan_queue *queue, void *item, int priority, fan_deadline deadline)
{
    fan_status status = FAN_OK;
    bool in_time = true;
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && queue->count >= queue->limit && in_time) {
        queue->putters++;
        in_time = fani_sleep_until(&queue->emptied, &queue->lock, deadline);
        queue->putters--;
    }
    /* Who was woken for a place takes it, even where its deadline came in the same moment. */
    if (queue->closed)
        status = FAN_E_CLOSED;
    else if (queue->count >= queue->limit)
        status = FAN_E_TIMEOUT;
    else if (!add(queue, item, priority))
        status = FAN_E_MEMORY;
    if (status == FAN_OK) {
        queue->not_handled++;
        if (queue->getters)
            pthread_cond_signal(&queue->filled);
    } else if (status == FAN_E_MEMORY && queue->putters) {
        pthread_cond_signal(&queue->emptied); /* the place is somebody else's */
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

fan_status fan_queue_get(fan_queue *queue, fan_deadline deadline, void **item)
{
    fan_status status = FAN_OK;
    bool in_time = true;
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && !queue->count && in_time) {
        queue->getters++;
        in_time = fani_sleep_until(&queue->filled, &queue->lock, deadline);
        queue->getters--;
    }
    if (queue->count) {
        *item = take(queue);
        queue->got++;
        if (queue->putters)
            pthread_cond_signal(&queue->emptied);
    } else {
        status = queue->closed ? FAN_E_CLOSED : FAN_E_TIMEOUT;
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

fan_status fan_queue_done(fan_queue *queue)
{
    fan_status status = FAN_OK;
    pthread_mutex_lock(&queue->lock);
    if (queue->got == 0) {
        status = FAN_E_ARGUMENT;
    } else {
        queue->got--;
        if (--queue->not_handled == 0)
            pthread_cond_broadcast(&queue->handled);
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

fan_status fan_queue_join(fan_queue *queue, fan_deadline deadline)
{
    bool in_time = true;
    pthread_mutex_lock(&queue->lock);
    while (queue->not_handled && in_time)
        in_time = fani_sleep_until(&queue->handled, &queue->lock, deadline);
    fan_status status = queue->not_handled ? FAN_E_TIMEOUT : FAN_OK;
    pthread_mutex_unlock(&queue->lock);
    return status;
}

void fan_queue_close(fan_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_cond_broadcast(&queue->emptied);
    pthread_mutex_unlock(&queue->lock);
}

size_t fan_queue_size(fan_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t size = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return size;
}
