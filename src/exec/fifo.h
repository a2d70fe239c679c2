/* A first-in first-out list of batches, linked by batch->next. The caller locks. */
#ifndef FANI_FIFO_H
#define FANI_FIFO_H

#include "exec/executor_ops.h"

typedef struct fani_fifo {
    fani_batch *first, *last;
} fani_fifo;

static inline void fani_fifo_push(fani_fifo *fifo, fani_batch *batch)
{
    batch->next = NULL;
    if (fifo->last)
        fifo->last->next = batch;
    else
        fifo->first = batch;
    fifo->last = batch;
}

/* Puts a batch before all others: one that was taken out too early. */
static inline void fani_fifo_push_first(fani_fifo *fifo, fani_batch *batch)
{
    batch->next = fifo->first;
    fifo->first = batch;
    if (!fifo->last)
        fifo->last = batch;
}

/* The oldest batch, or NULL. */
static inline fani_batch *fani_fifo_pop(fani_fifo *fifo)
{
    fani_batch *batch = fifo->first;
    if (batch) {
        fifo->first = batch->next;
        if (!fifo->first)
            fifo->last = NULL;
    }
    return batch;
}

/* Takes a batch out; false where it is not in the list. */
static inline bool fani_fifo_remove(fani_fifo *fifo, const fani_batch *batch)
{
    fani_batch *before = NULL;
    for (fani_batch *at = fifo->first; at; before = at, at = at->next) {
        if (at != batch)
            continue;
        if (before)
            before->next = at->next;
        else
            fifo->first = at->next;
        if (fifo->last == at)
            fifo->last = before;
        return true;
    }
    return false;
}

#endif
