/* The leader of a host: where ranks of a host other than rank 0's share memory, rank 0 sends what
 * is for them to the lowest of them, which passes it on, and hears from it what became of it. So
 * rank 0 exchanges messages with hosts while work goes on.
 *
 * A leader holds no work back: what comes is given at once to the ranks of its host that have the
 * least for each of their workers, itself among them. Rank 0 has given the host no more than its
 * workers may have, and numbers what it gives: the leader notes by these numbers who has what. */
#ifndef FANI_MPI_RELAY_H
#define FANI_MPI_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"
#include "link.h"
#include "parcel.h"

typedef struct fani_mpi fani_mpi;
typedef struct fani_passing fani_passing;

/* A rank of the leader's host. */
typedef struct fani_member {
    int rank;
    uint32_t out;         /* batches that it has */
    double out_ns;        /* work of that, as expected */
    uint32_t first, last; /* of the message being passed on: its orders by place + 1; 0: none */
    uint32_t count;       /* of these */
} fani_member;

/* A batch that a member has, at the place of its ticket. */
typedef struct fani_passed {
    uint32_t use; /* the ticket's */
    bool out;
    bool brings_args;
    uint32_t member;
    double ns;
    fani_mpi_args *args; /* NULL: none */
} fani_passed;

/* A range that the members claim of. */
typedef struct fani_passed_range {
    struct fani_passed_range *next;
    uint64_t part;
    uint64_t args; /* id; 0: none */
    uint32_t ranks;
} fani_passed_range;

/* All under `drive`, but for the two that say otherwise. Zeroes: this rank leads nobody. */
typedef struct fani_relay {
    bool leads;
    fani_member *members; /* the leader first */
    uint32_t count;
    unsigned workers; /* of all members */
    fani_passed *passed;
    uint32_t passed_room;
    uint32_t out;          /* of these */
    fani_passing *passing; /* the message being passed on */
    uint32_t passing_room;
    fani_passed_range *ranges;
    fani_message *held, **held_end; /* answers for rank 0 */
    size_t held_bytes;
    uint32_t held_answers;
    int64_t held_since;
    bool answered;       /* since rank 0 last wrote */
    bool stale;          /* `due` is to be looked at again */
    atomic_bool due;     /* an answer is to be expected soon. Any thread */
    atomic_bool waiting; /* some are held. Any thread */
} fani_relay;

/* Makes room for `ranks` ranks on this host. False: out of memory. */
bool fani_relay_init(fani_relay *relay, unsigned ranks);
void fani_relay_destroy(fani_relay *relay);

/* Arranges who talks to whom, once the ranks know each other's leaders: the same on all. `wanted`:
 * with leaders where a host has several ranks. */
void fani_relay_arrange(fani_mpi *self, bool wanted);

/* Counts again for how many workers each rank gets work, after these have changed. */
void fani_relay_count_workers(fani_mpi *self);

/* ORDERS from rank 0 to a leader; takes the message. Under `drive`, like all that follows. */
void fani_relay_orders_came(fani_mpi *self, fani_message *message);

/* RANGE from rank 0 to a leader: for the other members; the message stays the caller's. */
void fani_relay_range_came(fani_mpi *self, const fani_message *message);

/* ANSWERS and CLAIMED from a member to its leader; takes the message. */
void fani_relay_answers_came(fani_mpi *self, fani_message *message);

/* A leader is asked for a batch back: true where another member has it, which is asked now. */
bool fani_relay_asked_back(fani_mpi *self, uint64_t ticket, bool kill);

/* To all members but the leader: REVOKE or RANGE_STOP of a ticket or part; else what has no more
 * than these bytes. Nothing where this rank leads nobody. */
void fani_relay_revoke_all(fani_mpi *self, int tag, uint64_t ticket, bool kill);
void fani_relay_pass_on(fani_mpi *self, int tag, const void *bytes, size_t size);

/* Sends to rank 0 what should not be held longer. True: something was sent. */
bool fani_relay_step(fani_mpi *self);

/* Sends what is held, with the last answers of the leader's own workers. */
void fani_relay_flush(fani_mpi *self);

/* Rank 0: the next message in one of a leader (HOST_ANSWERS), which lies in it. *at starts with 0.
 * False: there is none, or what follows makes no sense (*at is not at the end). */
bool fani_relay_unpack(const fani_message *message, size_t *at, fani_message *one);

#endif
