/* A list of batches in the order in which they are to begin: higher priorities first, of equals the
 * oldest. The caller locks. */
#ifndef FANI_FIFO_H
#define FANI_FIFO_H

#include "exec/executor_ops.h"

/* Linked by batch->next and batch->previous. */
typedef struct fani_fifo {
    fani_batch *first, *last;
    size_t count;
} fani_fifo;

static inline void fani_fifo_insert_behind(fani_fifo *fifo, fani_batch *before, fani_batch *batch)
{
    batch->previous = before;
    batch->next = before ? before->next : fifo->first;
    if (batch->next)
        batch->next->previous = batch;
    else
        fifo->last = batch;
    if (before)
        before->next = batch;
    else
        fifo->first = batch;
    fifo->count++;
}

static inline void fani_fifo_push(fani_fifo *fifo, fani_batch *batch)
{
    fani_batch *before = fifo->last;
    while (before && before->priority < batch->priority)
        before = before->previous;
    fani_fifo_insert_behind(fifo, before, batch);
}

/* Puts a batch before all others of its priority: one that was taken out too early. */
static inline void fani_fifo_push_first(fani_fifo *fifo, fani_batch *batch)
{
    fani_batch *behind = fifo->first;
    while (behind && behind->priority > batch->priority)
        behind = behind->next;
    fani_fifo_insert_behind(fifo, behind ? behind->previous : fifo->last, batch);
}

/* Takes a batch of the list out. */
static inline void fani_fifo_take(fani_fifo *fifo, fani_batch *batch)
{
    if (batch->previous)
        batch->previous->next = batch->next;
    else
        fifo->first = batch->next;
    if (batch->next)
        batch->next->previous = batch->previous;
    else
        fifo->last = batch->previous;
    batch->next = batch->previous = NULL;
    fifo->count--;
}

/* The batch to begin next, or NULL. */
static inline fani_batch *fani_fifo_pop(fani_fifo *fifo)
{
    fani_batch *batch = fifo->first;
    if (batch)
        fani_fifo_take(fifo, batch);
    return batch;
}

/* Takes a batch out, if it is in the list; NULL stands for any. What was taken, or NULL. */
static inline fani_batch *fani_fifo_remove(fani_fifo *fifo, const fani_batch *batch)
{
    fani_batch *at = fifo->first;
    while (at && batch && at != batch)
        at = at->next;
    if (at)
        fani_fifo_take(fifo, at);
    return at;
}

#endif
