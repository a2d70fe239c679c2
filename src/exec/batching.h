/* How many items a message gets and how much work a worker holds: the decisions that make dispatch
 * cheap and tails short. Pure functions of what was measured, so that map, the mpi executor and
 * bench/scale, which simulates it, decide alike. */
#ifndef FANI_BATCHING_H
#define FANI_BATCHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known when the next batch is cut. */
typedef struct fani_batching {
    unsigned workers;
    double item_ns;     /* smoothed time of an item; 0: not known yet */
    size_t last;        /* items of the batch before; 0: this is the first */
    size_t most;        /* the limits allow this many, at least 1 */
    uint64_t remaining; /* items not yet in a batch; UINT64_MAX: not known */
    size_t together;    /* items that the task works on at once (fan_task); 0: one by one */
} fani_batching;

/* The time of an item, learned from batches. Starts as {0}. */
typedef struct fani_item_time {
    double ns;      /* smoothed; 0: not known yet */
    double seen[2]; /* the two times before the last one */
} fani_item_time;

/* A time that others have learned; 0 where none is known. */
static inline fani_item_time fani_item_time_of(double ns)
{
    return (fani_item_time){.ns = ns, .seen = {ns, ns}};
}

/* Takes in the time of an item as a batch had it. One odd time changes nothing, a second one like
 * it does: the clock also runs while a worker waits for a core, and batches that were cut for such
 * times would be all overhead. */
void fani_item_time_learn(fani_item_time *time, double ns);

/* Items that a task of `together` gets at once: as many as take no longer than 10 ms; none where
 * the time of an item is not known. */
double fani_batching_together(size_t together, double item_ns);

/* Items of the next batch, 1..most: about 40 us of work, or 10 us for each worker where that is
 * more (whoever gives out batches must be through with all workers before the first is through with
 * its own: docs/scaling.md), `together` where that is more and no longer than 10 ms, at most four
 * times the last one, so that one odd timing can't run away, and at most remaining / (2 x workers),
 * so that the tail stays balanced. */
size_t fani_batching_items(const fani_batching *known);

/* Unfinished items that may be under way at most, where nobody says otherwise (queue_items): 64 for
 * each worker, as far as their inputs fit into `queue_bytes`, at least 65536. In index order
 * finished items wait behind an unfinished one: with a few for each worker a single long item would
 * hold back all others. */
size_t fani_batching_queue_items(size_t workers, size_t queue_bytes);

/* Whether `workers` workers of one rank, which hold `out` batches of together `out_ns`, should be
 * given one more of `batch_ns` (expected; 0: not known). Credit is time: about 120 us of work for
 * each worker, or `credit_ns` where that is more, so that none waits for a message; two batches
 * each where that is more, so that one is at hand when another ends; of long ones none in advance,
 * which an idle worker elsewhere could not have. */
bool fani_batching_room(unsigned workers, size_t out, double out_ns, double batch_ns,
                        double credit_ns);

/* The credit of a rank after it answered: more where it had nothing left (`dry`) though work
 * waited, as messages to it take longer than thought; slowly back where it had not. At most 10 ms.
 */
double fani_batching_adapt(double credit_ns, bool dry);

/* The same as a count: batches of `batch_ns` each that `workers` workers may hold, the ones that
 * run included. */
unsigned fani_batching_credit(unsigned workers, double batch_ns);

/* Work, in nanoseconds, of the next message to a rank of `workers` workers: about 40 us for each of
 * them, and at most a part of the `waiting_ns` that wait for all the `all_workers`, so that
 * everyone finds something. A message takes at least one batch, whatever it needs. */
double fani_batching_message_ns(unsigned workers, unsigned all_workers, double waiting_ns);

#endif
