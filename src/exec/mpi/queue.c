#include "queue.h"

static unsigned bucket_of(const fani_batch *batch)
{
    int at = batch->priority;
    const int low = -FANI_QUEUE_BUCKETS / 2, high = FANI_QUEUE_BUCKETS / 2 - 1;
    at = at < low ? low : at > high ? high : at;
    return (unsigned)(at - low);
}

void fani_queue_put(fani_queue *queue, fani_batch *batch)
{
    unsigned b = bucket_of(batch);
    fani_batch *before = queue->buckets[b].last;
    while (before && before->priority < batch->priority)
        before = before->previous;
    fani_batch *after = before ? before->next : queue->buckets[b].first;
    batch->previous = before;
    batch->next = after;
    if (before)
        before->next = batch;
    else
        queue->buckets[b].first = batch;
    if (after)
        after->previous = batch;
    else
        queue->buckets[b].last = batch;
    queue->filled |= 1U << b;
    queue->count++;
}

fani_batch *fani_queue_first(const fani_queue *queue)
{
    if (!queue->filled)
        return NULL;
    unsigned highest =
        (unsigned)(sizeof(unsigned) * 8 - 1) - (unsigned)__builtin_clz(queue->filled);
    return queue->buckets[highest].first;
}

void fani_queue_remove(fani_queue *queue, fani_batch *batch)
{
    unsigned b = bucket_of(batch);
    if (batch->previous)
        batch->previous->next = batch->next;
    else
        queue->buckets[b].first = batch->next;
    if (batch->next)
        batch->next->previous = batch->previous;
    else
        queue->buckets[b].last = batch->previous;
    if (!queue->buckets[b].first)
        queue->filled &= ~(1U << b);
    batch->next = batch->previous = NULL;
    queue->count--;
}
