/* Batches that wait for a worker: by priority, the highest first; of equals the one that came
 * first. A doubly linked list through the batches, and for each priority there (up to a limit) the
 * place where it ends, so that nothing is searched with the few priorities that programs use. */
#ifndef FANI_PROCESSES_QUEUE_H
#define FANI_PROCESSES_QUEUE_H

#include "exec/executor_ops.h"

enum { FANI_PROCESSES_LEVELS = 16 };

typedef struct fani_processes_queue {
    fani_batch *first;
    struct {
        int priority;
        fani_batch *last;            /* of this priority */
    } levels[FANI_PROCESSES_LEVELS]; /* the highest first; those beyond the limit have none */
    unsigned levels_used;
} fani_processes_queue;

/* Behind all of its priority. */
void fani_processes_queue_push(fani_processes_queue *queue, fani_batch *batch);

/* Before all of its priority: one that was taken out too early. */
void fani_processes_queue_push_first(fani_processes_queue *queue, fani_batch *batch);

/* Takes a batch out, which must be there. */
void fani_processes_queue_remove(fani_processes_queue *queue, fani_batch *batch);

/* Takes the first one out, or NULL. */
fani_batch *fani_processes_queue_pop(fani_processes_queue *queue);

#endif
