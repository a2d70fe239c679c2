/* How many items a message gets and how many messages a worker holds: the two decisions that make
 * dispatch cheap and tails short. Pure functions of what was measured, so that map, the mpi
 * executor and bench/scale, which simulates it, decide alike. */
#ifndef FANI_BATCHING_H
#define FANI_BATCHING_H

#include <stddef.h>
#include <stdint.h>

/* What is known when the next batch is cut. */
typedef struct fani_batching {
    unsigned workers;
    double item_ns;     /* smoothed time of an item; 0: not known yet */
    size_t last;        /* items of the batch before; 0: this is the first */
    size_t most;        /* the limits allow this many, at least 1 */
    uint64_t remaining; /* items not yet in a batch; UINT64_MAX: not known */
} fani_batching;

/* Items of the next batch, 1..most: about 40 us of work, or 10 us for each worker where that is
 * more (whoever gives out batches must be through with all workers before the first is through with
 * its own: docs/scaling.md), at most four times the last one, so that one odd timing can't run
 * away, and at most remaining / (2 x workers), so that the tail stays balanced. */
size_t fani_batching_items(const fani_batching *known);

/* Batches that `workers` workers may hold, the ones that run included: short batches want some on
 * their way, so that no worker waits for a message; of long ones each in advance would be one that
 * an idle worker elsewhere can't have. `batch_ns`: smoothed time of a batch; 0: not known yet. */
unsigned fani_batching_credit(unsigned workers, double batch_ns);

#endif
