/* Queues of batches as arrays of pointers: moving a batch from one to another does not touch it, so
 * that its cache lines stay where they are until it runs. A linked list would fetch them one after
 * the other, under its lock. The caller locks. */
#ifndef FANI_TEAM_QUEUE_H
#define FANI_TEAM_QUEUE_H

#include "exec/fifo.h"

/* What was posted and no member has taken. Starts with zeroes. Plain batches (of priority 0, in no
 * gang) are in the ring, each with its place as its mark; all others, and what a ring that can't
 * grow has no room for, in the list. The home of a batch says in which of the two it is. */
typedef struct fani_inbox {
    fani_batch **ring; /* holes are batches that were taken back */
    uint64_t size;     /* a power of 2, or 0 */
    uint64_t first, last;
    size_t count; /* in the ring, without holes */
    fani_fifo list;
} fani_inbox;

static inline size_t fani_inbox_count(const fani_inbox *inbox)
{
    return inbox->count + inbox->list.count;
}

void fani_inbox_push(fani_inbox *inbox, fani_batch *batch);

/* Puts back what was taken too early: before all others of its priority. */
void fani_inbox_push_first(fani_inbox *inbox, fani_batch *batch);

/* The priority of what is to begin next; there is something. */
int fani_inbox_priority(const fani_inbox *inbox);

/* Takes up to `most` batches of equal priority, in the order in which they are to begin; a member
 * of a gang alone. How many. */
size_t fani_inbox_take(fani_inbox *inbox, fani_batch **batches, size_t most);

/* Takes this batch (NULL: any) out, or answers NULL. */
fani_batch *fani_inbox_remove(fani_inbox *inbox, fani_batch *batch);

void fani_inbox_free(fani_inbox *inbox);

/* What one member has taken, in order. */
enum { FANI_HAND = 32 };
typedef struct fani_hand {
    unsigned first, last;
    fani_batch *batches[FANI_HAND];
} fani_hand;

static inline unsigned fani_hand_count(const fani_hand *hand)
{
    return hand->last - hand->first;
}

/* The batch to begin next, or NULL. The one after the next is asked of the cache. */
fani_batch *fani_hand_pop(fani_hand *hand);

/* Takes the newer half of another's; this one is empty. */
void fani_hand_rob(fani_hand *hand, fani_hand *victim);

/* Takes this batch (NULL: any) out, or answers NULL. */
fani_batch *fani_hand_remove(fani_hand *hand, const fani_batch *batch);

#endif
