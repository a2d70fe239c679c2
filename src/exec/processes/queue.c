#include "queue.h"

#include <string.h>

/* The first level whose priority is not above `priority`. */
static unsigned find_level(const fani_processes_queue *queue, int priority)
{
    unsigned i = 0;
    while (i < queue->levels_used && queue->levels[i].priority > priority)
        i++;
    return i;
}

static bool is_level(const fani_processes_queue *queue, unsigned i, int priority)
{
    return i < queue->levels_used && queue->levels[i].priority == priority;
}

/* Notes that a priority ends with this batch. Where there is no room its end is searched for. */
static void set_last(fani_processes_queue *queue, fani_batch *batch)
{
    unsigned i = find_level(queue, batch->priority);
    if (!is_level(queue, i, batch->priority)) {
        if (queue->levels_used == FANI_PROCESSES_LEVELS)
            return;
        memmove(&queue->levels[i + 1], &queue->levels[i],
                (queue->levels_used - i) * sizeof *queue->levels);
        queue->levels_used++;
        queue->levels[i].priority = batch->priority;
    }
    queue->levels[i].last = batch;
}

static void insert_behind(fani_processes_queue *queue, fani_batch *before, fani_batch *batch)
{
    batch->mark = queue;
    batch->previous = before;
    batch->next = before ? before->next : queue->first;
    if (batch->next)
        batch->next->previous = batch;
    if (before)
        before->next = batch;
    else
        queue->first = batch;
    if (!batch->next || batch->next->priority != batch->priority)
        set_last(queue, batch);
}

void fani_processes_queue_push(fani_processes_queue *queue, fani_batch *batch)
{
    unsigned i = find_level(queue, batch->priority);
    fani_batch *at = is_level(queue, i, batch->priority) ? queue->levels[i].last
                     : i                                 ? queue->levels[i - 1].last
                                                         : NULL;
    for (fani_batch *next = at ? at->next : queue->first; next && next->priority >= batch->priority;
         next = next->next)
        at = next;
    insert_behind(queue, at, batch);
}

void fani_processes_queue_push_first(fani_processes_queue *queue, fani_batch *batch)
{
    unsigned i = find_level(queue, batch->priority);
    fani_batch *at = i ? queue->levels[i - 1].last : NULL;
    for (fani_batch *next = at ? at->next : queue->first; next && next->priority > batch->priority;
         next = next->next)
        at = next;
    insert_behind(queue, at, batch);
}

/* The batch leaves; the one before it may be the last of its priority now. */
static void leave_level(fani_processes_queue *queue, const fani_batch *batch)
{
    unsigned i = find_level(queue, batch->priority);
    if (!is_level(queue, i, batch->priority) || queue->levels[i].last != batch)
        return;
    if (batch->previous && batch->previous->priority == batch->priority) {
        queue->levels[i].last = batch->previous;
        return;
    }
    queue->levels_used--;
    memmove(&queue->levels[i], &queue->levels[i + 1],
            (queue->levels_used - i) * sizeof *queue->levels);
}

void fani_processes_queue_remove(fani_processes_queue *queue, fani_batch *batch)
{
    leave_level(queue, batch);
    if (batch->next)
        batch->next->previous = batch->previous;
    if (batch->previous)
        batch->previous->next = batch->next;
    else
        queue->first = batch->next;
    batch->next = batch->previous = NULL;
    batch->mark = NULL;
}

fani_batch *fani_processes_queue_pop(fani_processes_queue *queue)
{
    fani_batch *batch = queue->first;
    if (batch)
        fani_processes_queue_remove(queue, batch);
    return batch;
}
