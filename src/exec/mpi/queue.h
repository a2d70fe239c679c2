/* Batches that wait: higher priority first, of equals the one that came first. Linked by
 * batch->next and batch->previous. The caller locks. */
#ifndef FANI_MPI_QUEUE_H
#define FANI_MPI_QUEUE_H

#include "exec/executor_ops.h"

enum { FANI_QUEUE_BUCKETS = 16 };

/* Zeroes are an empty queue. The usual priorities, -7..6, have a bucket each; those beyond share
 * the two outer ones, which are kept in order by insertion. */
typedef struct fani_queue {
    struct {
        fani_batch *first, *last;
    } buckets[FANI_QUEUE_BUCKETS];
    unsigned filled; /* a bit for each bucket that holds something */
    size_t count;
} fani_queue;

void fani_queue_put(fani_queue *queue, fani_batch *batch);

/* The next batch, which stays; NULL: none waits. */
fani_batch *fani_queue_first(const fani_queue *queue);

/* Takes out a batch that is in the queue. */
void fani_queue_remove(fani_queue *queue, fani_batch *batch);

#endif
