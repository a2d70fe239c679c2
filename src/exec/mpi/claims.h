/* One-sided claims: the ranks of a host take parts of an index range by an atomic addition in
 * memory that they share, so that nobody hands anything out. Rank 0 announces a range once (part of
 * a batch, range.c); every worker of the host claims, runs and answers until nothing is left. */
#ifndef FANI_MPI_CLAIMS_H
#define FANI_MPI_CLAIMS_H

#include <mpi.h>
#include <stdatomic.h>

#include "answers.h"
#include "exec/executor_ops.h"
#include "segment.h"

enum { FANI_CLAIM_SLOTS = 8 }; /* ranges that a host may work on at once */

/* How far a range is claimed: its key in the upper 16 bits, so that whoever comes first to a slot
 * can start it, and below it the number of items claimed. */
typedef struct fani_claim_slot {
    _Alignas(64) _Atomic uint64_t word;
} fani_claim_slot;

typedef struct fani_claimer fani_claimer;

typedef struct fani_claims {
    fani_segment segment;
    fani_claim_slot *slots; /* NULL: this host can't share memory */
    fani_claimer *claimers; /* that have not ended; guarded by `packing` */
} fani_claims;

/* What follows is announced with: all a rank needs. An order in a parcel comes after it. */
typedef struct fani_announced {
    uint64_t part; /* number that the answers carry */
    uint64_t grain;
    double item_ns; /* as measured so far; 0: not known */
    uint32_t slot;
    uint32_t key;
    uint32_t workers; /* of the host */
    uint32_t traced;  /* 1: times are wanted exactly */
    uint32_t unused[2];
} fani_announced;

enum { FANI_CLAIM_OFFSET_BITS = 48 };

/* Makes or maps the host's memory; false on every rank where one of them can't. Collective. */
bool fani_claims_open(fani_mpi *self);
void fani_claims_close(fani_mpi *self);

/* Sets this rank's workers to a range. `came`: the announcement, which goes with it; NULL on rank
 * 0. False: out of memory. Any thread. */
bool fani_claims_start(fani_mpi *self, const fani_announced *range, const fani_order *order,
                       const fan_task *task, fan_items args, fani_message *came);

/* RANGE; takes the message. Under `drive`. */
void fani_claims_range_came(fani_mpi *self, fani_message *message);

/* Nobody of this rank claims any more of a part; with `kill` what runs is asked to end. Any thread,
 * no lock held. */
void fani_claims_stop(fani_mpi *self, uint64_t part, bool kill);

/* Takes all that is left, so that nobody of the host finds any more. Returns how many items had
 * been claimed (perhaps more than there are); UINT64_MAX where all that was left had been taken so
 * before. Any thread. */
uint64_t fani_claims_exhaust(fani_mpi *self, uint32_t slot, uint32_t key);

#endif
