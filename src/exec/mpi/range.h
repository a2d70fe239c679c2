/* Rank 0: divisible batches of indices. Each host gets parts of the range (the only host all of it
 * at once), which its workers claim one-sidedly (claims.h); their answers come in any order and
 * sizes and are put together here. */
#ifndef FANI_MPI_RANGE_H
#define FANI_MPI_RANGE_H

#include "claims.h"
#include "link.h"

typedef struct fani_range fani_range;
typedef struct fani_part fani_part;

/* A host as rank 0 sees it. */
typedef struct fani_range_host {
    int leader;
    unsigned workers;
    unsigned ranks;
    unsigned parts; /* out */
    bool busy[FANI_CLAIM_SLOTS];
    uint16_t keys[FANI_CLAIM_SLOTS]; /* used last */
} fani_range_host;

typedef struct fani_ranges {
    pthread_mutex_t lock; /* guards all below; taken before `queue` */
    fani_range_host *hosts;
    unsigned host_count;
    fani_range *ranges;
    fani_part *parts;
    uint64_t next_part;
    atomic_bool some_end;   /* some were taken back */
    atomic_bool some_start; /* rank 0's own workers are to be set to parts */
} fani_ranges;

/* Rank 0, where fani_claims_open succeeded. False: out of memory. */
bool fani_ranges_open(fani_mpi *self);
void fani_ranges_close(fani_mpi *self);

/* How many workers each host has, from those of its ranks. Under `lock`, but for opening. */
void fani_ranges_count_workers(fani_mpi *self);

/* The workers are others now: what is not yet claimed of any range is given out anew. Any thread,
 * no lock held. */
void fani_ranges_share_anew(fani_mpi *self);

/* Takes a divisible batch; false: it must go the usual way. Any thread, no lock held. */
bool fani_ranges_take(fani_mpi *self, fani_batch *batch);

/* CLAIMED; the message stays the caller's. Under `drive`; gives ended batches to
 * fani_mpi_finished. */
void fani_ranges_claimed_came(fani_mpi *self, const fani_message *message);

/* Starts what was given to rank 0's own workers and has not begun, ends what was taken back. Under
 * `drive`. */
void fani_ranges_step(fani_mpi *self);

/* Asks for a batch back that is here: nobody claims of it any more. NULL: all of them. Any thread,
 * no lock held. */
void fani_ranges_revoke(fani_mpi *self, const fani_batch *batch, bool kill);

/* Fails all of them: the other ranks are lost. Under `drive`. */
bool fani_ranges_fail_all(fani_mpi *self, const char *text);

#endif
