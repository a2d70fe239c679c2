#include "queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fetch.h"

enum { SIZE_FIRST = 1024 };

/* Places are counted from here, so that there is always one before the first. */
static const uint64_t start = UINT64_C(1) << 62;

/* ---- Inbox --------------------------------------------------------------------------------- */

static fani_batch **place(const fani_inbox *inbox, uint64_t at)
{
    return &inbox->ring[at & (inbox->size - 1)];
}

/* Closes the holes. */
static void compact(fani_inbox *inbox)
{
    uint64_t to = inbox->first;
    for (uint64_t at = inbox->first; at != inbox->last; at++) {
        fani_batch *batch = *place(inbox, at);
        if (!batch)
            continue;
        batch->mark = (void *)(uintptr_t)to;
        *place(inbox, to++) = batch;
    }
    inbox->last = to;
}

static bool grow(fani_inbox *inbox)
{
    uint64_t size = inbox->size ? 2 * inbox->size : SIZE_FIRST;
    fani_batch **ring = calloc(size, sizeof(fani_batch *));
    if (!ring)
        return false;
    if (!inbox->size)
        inbox->first = inbox->last = start;
    for (uint64_t at = inbox->first; at != inbox->last; at++)
        ring[at & (size - 1)] = *place(inbox, at);
    free(inbox->ring);
    inbox->ring = ring;
    inbox->size = size;
    return true;
}

static bool has_room(fani_inbox *inbox)
{
    if (inbox->last - inbox->first < inbox->size)
        return true;
    if (inbox->count < inbox->size / 2) {
        compact(inbox);
        return true;
    }
    return grow(inbox);
}

static bool is_plain(const fani_batch *batch)
{
    return batch->priority == 0 && !batch->gang;
}

static void live_in(fani_batch *batch, void *home)
{
    atomic_store_explicit(&batch->home, home, memory_order_relaxed);
}

static void put_in_ring(fani_inbox *inbox, uint64_t at, fani_batch *batch)
{
    batch->mark = (void *)(uintptr_t)at;
    live_in(batch, inbox);
    *place(inbox, at) = batch;
    inbox->count++;
}

void fani_inbox_push(fani_inbox *inbox, fani_batch *batch)
{
    /* Where one had no room in the ring those after it may not overtake it there. */
    bool queues = inbox->list.last && is_plain(inbox->list.last);
    if (is_plain(batch) && !queues && has_room(inbox)) {
        put_in_ring(inbox, inbox->last++, batch);
        return;
    }
    live_in(batch, &inbox->list);
    fani_fifo_push(&inbox->list, batch);
}

void fani_inbox_push_first(fani_inbox *inbox, fani_batch *batch)
{
    if (is_plain(batch) && has_room(inbox)) {
        put_in_ring(inbox, --inbox->first, batch);
        return;
    }
    live_in(batch, &inbox->list);
    fani_fifo_push_first(&inbox->list, batch);
}

/* Whether the list comes before the ring. What waits in it for want of room is younger than all
 * that is in the ring. */
static bool list_is_next(const fani_inbox *inbox)
{
    const fani_batch *first = inbox->list.first;
    return first && (!inbox->count || first->priority > 0 || (first->gang && first->priority == 0));
}

int fani_inbox_priority(const fani_inbox *inbox)
{
    return list_is_next(inbox) ? inbox->list.first->priority : 0;
}

static size_t take_from_ring(fani_inbox *inbox, fani_batch **batches, size_t most)
{
    size_t taken = 0;
    while (taken < most && inbox->first != inbox->last) {
        fani_batch *batch = *place(inbox, inbox->first++);
        if (batch)
            batches[taken++] = batch;
    }
    inbox->count -= taken;
    return taken;
}

size_t fani_inbox_take(fani_inbox *inbox, fani_batch **batches, size_t most)
{
    if (!list_is_next(inbox))
        return take_from_ring(inbox, batches, most);
    size_t taken = 0;
    int priority = inbox->list.first->priority;
    bool alone = inbox->list.first->gang;
    for (fani_batch *batch; taken < (alone ? 1 : most) && (batch = inbox->list.first); taken++) {
        if (batch->priority != priority || (batch->gang && !alone))
            break;
        fani_fifo_take(&inbox->list, batch);
        live_in(batch, inbox);
        batches[taken] = batch;
    }
    return taken;
}

fani_batch *fani_inbox_remove(fani_inbox *inbox, fani_batch *batch)
{
    fani_batch *any = NULL;
    if (!batch)
        return fani_inbox_take(inbox, &any, 1) ? any : NULL;
    if (atomic_load_explicit(&batch->home, memory_order_relaxed) == &inbox->list) {
        fani_fifo_take(&inbox->list, batch);
        return batch;
    }
    uint64_t at = (uintptr_t)batch->mark;
    if (at - inbox->first >= inbox->last - inbox->first || *place(inbox, at) != batch)
        return NULL;
    *place(inbox, at) = NULL;
    inbox->count--;
    return batch;
}

void fani_inbox_free(fani_inbox *inbox)
{
    free(inbox->ring);
}

/* ---- Hands --------------------------------------------------------------------------------- */

/* What running a batch reads and writes. */
static void fetch(const fani_batch *batch)
{
    __builtin_prefetch(&batch->task);
    __builtin_prefetch(batch->input);
    fani_fetch_to_write(&batch->replies);
    fani_fetch_to_write(batch->reply);
}

fani_batch *fani_hand_pop(fani_hand *hand)
{
    enum { AHEAD = 2 };
    if (hand->first == hand->last)
        return NULL;
    if (fani_hand_count(hand) > AHEAD)
        fetch(hand->batches[hand->first + AHEAD]);
    return hand->batches[hand->first++];
}

void fani_hand_rob(fani_hand *hand, fani_hand *victim)
{
    unsigned count = (fani_hand_count(victim) + 1) / 2;
    victim->last -= count;
    memcpy(hand->batches, &victim->batches[victim->last], count * sizeof(fani_batch *));
    hand->first = 0;
    hand->last = count;
}

fani_batch *fani_hand_remove(fani_hand *hand, const fani_batch *batch)
{
    for (unsigned i = hand->first; i < hand->last; i++) {
        fani_batch *found = hand->batches[i];
        if (batch && found != batch)
            continue;
        memmove(&hand->batches[i], &hand->batches[i + 1],
                (hand->last - i - 1) * sizeof(fani_batch *));
        hand->last--;
        return found;
    }
    return NULL;
}
