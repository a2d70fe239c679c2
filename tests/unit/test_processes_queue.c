/* What waits for a worker: by priority, of equals the first that came. */
#include <stdlib.h>

#include "exec/processes/queue.h"
#include "shim/shim.h"

enum { BATCHES = 200, STEPS = 20000 };

/* The queue beside a sorted array of the same batches. */
typedef struct both {
    fani_processes_queue queue;
    fani_batch *sorted[BATCHES];
    size_t used;
    fani_batch *free[BATCHES];
    size_t free_used;
} both;

static void insert(both *b, fani_batch *batch, bool first)
{
    size_t at = 0;
    while (at < b->used && (b->sorted[at]->priority > batch->priority ||
                            (!first && b->sorted[at]->priority == batch->priority)))
        at++;
    memmove(&b->sorted[at + 1], &b->sorted[at], (b->used - at) * sizeof *b->sorted);
    b->sorted[at] = batch;
    b->used++;
    if (first)
        fani_processes_queue_push_first(&b->queue, batch);
    else
        fani_processes_queue_push(&b->queue, batch);
}

static void take_out(both *b, size_t at)
{
    fani_batch *batch = b->sorted[at];
    b->used--;
    memmove(&b->sorted[at], &b->sorted[at + 1], (b->used - at) * sizeof *b->sorted);
    if (at == 0)
        EXPECT_TRUE(fani_processes_queue_pop(&b->queue) == batch);
    else
        fani_processes_queue_remove(&b->queue, batch);
    b->free[b->free_used++] = batch;
}

static bool same(const both *b)
{
    const fani_batch *before = NULL, *at = b->queue.first;
    for (size_t i = 0; i < b->used; i++, before = at, at = at->next)
        if (at != b->sorted[i] || at->previous != before || at->mark != &b->queue)
            return false;
    return !at;
}

/* Few priorities, each with its level, and more than there are levels. */
static void mix(unsigned priorities)
{
    fani_batch *batches = calloc(BATCHES, sizeof *batches);
    both *b = calloc(1, sizeof *b);
    if (!batches || !b)
        abort();
    uint32_t random = 12345;
    for (size_t i = 0; i < BATCHES; i++)
        b->free[b->free_used++] = &batches[i];
    for (int step = 0; step < STEPS && !shim_failed(); step++) {
        random = random * 1664525 + 1013904223;
        unsigned dice = random >> 24;
        if (b->free_used && (dice < 140 || !b->used)) {
            fani_batch *batch = b->free[--b->free_used];
            batch->priority = (int)((random >> 8) % priorities) - 2;
            insert(b, batch, dice % 4 == 0);
        } else {
            take_out(b, dice % 2 ? 0 : (random >> 8) % b->used);
        }
        if (!same(b))
            shim_fail(__FILE__, __LINE__, "step %d, %u priorities: not in order", step, priorities);
    }
    while (b->used)
        take_out(b, 0);
    EXPECT_TRUE(!fani_processes_queue_pop(&b->queue));
    EXPECT_U64(b->queue.levels_used, 0);
    free(b);
    free(batches);
}

FAN_TEST(processes_queue, one_priority)
{
    mix(1);
}

FAN_TEST(processes_queue, some_priorities)
{
    mix(5);
}

FAN_TEST(processes_queue, more_priorities_than_levels)
{
    mix(3 * FANI_PROCESSES_LEVELS);
}
