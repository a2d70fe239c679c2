/* Batches that one message brought, or that rank 0 takes for itself at once, on the inner executor.
 * Short ones are run one after another by one worker in one go, so that each costs no more than its
 * run; the others are batches of the inner executor. */
#ifndef FANI_MPI_PACKET_H
#define FANI_MPI_PACKET_H

#include <stdatomic.h>

#include "answers.h"
#include "exec/executor_ops.h"
#include "link.h"

typedef struct fani_packet fani_packet;

/* Of pieces that run in one go with others; those on their own are waiting until they are done. */
typedef enum fani_piece_state {
    FANI_PIECE_WAITING,
    FANI_PIECE_RUNNING,
    FANI_PIECE_KILLING, /* it runs, and its run is being asked to end */
    FANI_PIECE_KILLED,  /* has been asked */
    FANI_PIECE_DONE,    /* or taken back, or refused */
} fani_piece_state;

/* One batch of a packet. */
typedef struct fani_piece {
    fani_packet *packet;
    fani_batch *batch; /* rank 0's own; NULL elsewhere */
    uint64_t ticket;   /* elsewhere */
    const fan_task *task;
    fan_items items;
    fan_items args;
    size_t reply_limit;
    int64_t timeout_ns;
    int priority;
    bool is_short;
    bool traced;                 /* its times are wanted exactly */
    _Atomic int state;           /* fani_piece_state */
    _Atomic(fani_batch *) inner; /* what it runs in; stays until the packet ends. NULL: nothing */
} fani_piece;

struct fani_packet {
    fani_mpi *self;
    fani_packet *next, *previous; /* among the rank's; guarded by `packing` */
    fani_batch *buried;           /* inner batches that have ended; guarded likewise */
    fani_message *came;           /* the items lie in it; NULL: rank 0's own */
    atomic_size_t users;          /* inner batches that are out, and whoever starts it */
    fani_answers answers;         /* not rank 0 */
    size_t count;
    fani_piece pieces[];
};

/* Room for `count` pieces, which the caller adds. NULL: out of memory. Any thread. */
fani_packet *fani_packet_new(fani_mpi *self, size_t count);

/* Adds a piece like `piece` (batch or ticket, and task to is_short); there is room. */
void fani_packet_add(fani_packet *packet, const fani_piece *piece);

/* Lets it be found by who asks for pieces back: once all are added, before it is started. Any
 * thread, no lock held. */
void fani_packet_show(fani_packet *packet);

/* Runs what it holds, the short pieces in up to `parts` runs. Takes the packet and its message. Any
 * thread, no lock held. */
void fani_packet_start(fani_packet *packet, size_t parts);

/* Asks for a piece back, by its batch on rank 0, by its ticket elsewhere (batch NULL). One that has
 * not begun is completed or answered as cancelled: true. With `kill` one that runs is asked to end.
 * Any thread, no lock held. */
bool fani_packet_revoke(fani_mpi *self, uint64_t ticket, const fani_batch *batch, bool kill);

/* The same for everything that the rank has. */
void fani_packet_revoke_all(fani_mpi *self, bool kill);

#endif
