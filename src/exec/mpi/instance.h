/* One opened MPI executor, as one rank sees it; what the files of this folder share.
 *
 * Rank 0 holds the front. Batches that it posts wait in `posted` until a rank has room: each rank,
 * rank 0 too, takes work for a while for each of its workers, many batches in one message where
 * they are short (exec/batching.h), and runs them through an inner executor (threads, processes).
 * All MPI calls after opening are made in fani_mpi_step, by one thread at a time: whoever waits
 * inside Fanfold, or the pump thread. No rank ever waits inside MPI, so nothing here can deadlock,
 * whichever executors and threads a program mixes. */
#ifndef FANI_MPI_INSTANCE_H
#define FANI_MPI_INSTANCE_H

#include "answers.h"
#include "args.h"
#include "claims.h"
#include "exec/batching.h"
#include "exec/executor_ops.h"
#include "fanfold/mpi.h"
#include "idle.h"
#include "link.h"
#include "packet.h"
#include "queue.h"
#include "range.h"
#include "relay.h"
#include "segment.h"
#include "tags.h"
#include "tickets.h"
#include "who.h"

enum { FANI_MPI_TEXT_SIZE = 256 };

/* Asks for batches back. A long message may take longer than one that follows it, so this says what
 * has to be there before it means anything. */
typedef struct fani_mpi_revocation {
    uint64_t after;  /* messages of orders and ranges sent to that rank so far */
    uint64_t ticket; /* UINT64_MAX: all */
    uint64_t kill;   /* 1: those that run are to end too */
} fani_mpi_revocation;

typedef struct fani_mpi_share_order {
    uint64_t id;
    uint64_t size;
    int64_t pid; /* of the leader, for SHARE_MAP */
    int64_t fd;  /* -1: the leader has none */
} fani_mpi_share_order;

typedef struct fani_mpi_share_answer {
    uint64_t id;
    int64_t status; /* fan_status */
    char text[FANI_MPI_TEXT_SIZE];
} fani_mpi_share_answer;

/* A share as one rank holds it. */
typedef struct fani_mpi_share {
    struct fani_mpi_share *next;
    uint64_t id;
    fani_segment segment;
    size_t expected; /* bytes that come by messages; 0 on members of a leader's host */
    size_t matched;  /* of these, the bytes that have a receive */
    size_t filled;   /* and the bytes that are here */
    bool told;       /* rank 0 knows that it is full */
    bool committed;  /* the inner executor has it */
} fani_mpi_share;

/* Batches for one message or packet, in their order. */
typedef struct fani_load {
    fani_batch *first, **end;
    size_t count;
    size_t bytes; /* of their inputs */
    double ns;
} fani_load;

/* What rank 0 knows of a rank (of itself too). */
typedef struct fani_peer {
    unsigned workers;     /* that are to be used; 0: it is given nothing. Under `queue`, and
                             written under the lock of `ranges` too; elsewhere under `drive` */
    unsigned workers_max; /* that it may have */
    uint32_t heard;       /* the tick of its last message */
    bool asked;           /* since then, whether it lives */
    bool answers;         /* it has promised to answer, and has not said goodbye */
    fani_tickets tickets; /* what it has; not of rank 0 */
    double out_ns;        /* work of that, as expected */
    double credit_ns;     /* work that each of its workers may have; see fani_batching_adapt */
    uint64_t told;        /* messages of orders and ranges sent to it; under `queue` */
    int leader;           /* who holds the memory of its host */
    int via;              /* who carries messages about its work: its host's leader, or itself */
    bool carries;         /* it is the leader of others */
    unsigned serves;      /* workers that its orders are for: its own and those it passes them on
                             to; 0: it gets them from a leader */
    uint32_t member;      /* on its leader: its place there */
    fani_load writing;    /* rank 0: batches for it, or its host, that are still to be sent */
    int writing_next;     /* and the next rank with such; 0: none */
    uint64_t workers_lost;
} fani_peer;

/* Rank 0's watch over the others. */
typedef struct fani_watch {
    int64_t tick_ns; /* 0: nobody is watched */
    int64_t ticked;  /* when the last tick was */
    uint32_t ticks;
    unsigned steps; /* since the clock was asked */
    bool told;      /* the callback knows that the link is broken */
} fani_watch;

/* What rank 0 has measured of a task. */
typedef struct fani_known {
    uint32_t task;
    fani_item_time item;
} fani_known;

/* Times of consecutive batches of one task, noted together. Zeroes: none. */
typedef struct fani_learned {
    const fan_task *task;
    double ns;
    double items;
} fani_learned;

enum { FANI_KNOWN = 64 };

/* A batch that can't be run, and why. */
typedef struct fani_failed {
    struct fani_failed *next;
    fani_batch *batch;
    fani_verdict verdict;
    char text[FANI_MPI_TEXT_SIZE];
} fani_failed;

struct fani_mpi {
    fani_front *front;
    MPI_Comm comm; /* our own */
    int rank;
    int size;
    int up;            /* where answers go: rank 0, or the leader; to itself: gathered there */
    bool pumped;       /* a thread of ours makes the MPI calls */
    bool main_only;    /* only the main thread may */
    bool isolates;     /* the inner executor's workers are processes */
    bool promised;     /* other ranks: rank 0 knows that this one answers */
    fani_mpi_who *who; /* rank 0: all ranks */
    char *warning;     /* rank 0: of opening; NULL: none */
    fan_mpi_options options; /* without what was only for opening */

    fan_executor *inner;
    fani_front *inner_front;
    fani_bell bell; /* rings for whatever may end a wait */

    /* Guards all below, up to the next lock, and every MPI call: held by whoever steps. No up-call
     * is made under it. */
    pthread_mutex_t drive;
    fani_link link;
    fani_watch watch;
    fani_mpi_share *shares;
    fani_mpi_share *filling; /* of these, the one that bytes arrive for */
    fani_batch *finished;    /* rank 0: have run, to be reported */
    fani_batch **finished_end;
    fani_failed *failed;        /* rank 0: to be reported likewise */
    fani_relay relay;           /* a leader's */
    uint64_t told;              /* elsewhere: messages of orders and ranges that came */
    fani_message *early;        /* and revocations that overtook some */
    fan_error share_error;      /* rank 0: the first bad answer */
    struct fani_mpi_gang *gang; /* the one that runs, or NULL */

    fani_lock queue;   /* guards these; the marks of batches that have not ended; at rank 0 args */
    bool feeding;      /* a thread is giving batches to rank 0's inner executor */
    fani_queue posted; /* rank 0: not yet given to a rank */
    fani_peer *peers;
    fani_known known[FANI_KNOWN]; /* rank 0: by a task's number, modulo */
    const fan_task *last_task;    /* rank 0: whose number was looked up last */
    uint32_t last_number;
    int *targets; /* rank 0: the ranks that it sends orders to */
    int target_count;
    int writing; /* rank 0: the first rank with a message to be sent; 0: none */
    unsigned all_workers;
    fani_mpi_args *args; /* the latest first; elsewhere under `drive` */
    uint64_t args_made;
    uint64_t parcels; /* numbers messages of orders; on leaders under `drive` */

    pthread_mutex_t packing; /* guards the list, not what is in it */
    fani_packet *packets;    /* that this rank's inner executor runs */
    atomic_uint runs_out;    /* inner batches that are out for them */
    atomic_uint own_workers; /* of the inner executor, at least 1 */
    fani_claims claims;
    fani_ranges ranges; /* rank 0 */

    pthread_mutex_t answering;     /* guards the list; taken before the lock of one of them */
    fani_answers *gathering;       /* that may hold some */
    _Atomic(fani_message *) local; /* rank 0: to itself, the newest first */
    fani_message *local_oldest;    /* taken from there; under `drive` */
    atomic_uint answers_open;      /* answers that hold some */

    fani_idle idle;             /* rank 0: of whoever is in the progress op */
    _Atomic uint64_t postings;  /* batches ever posted */
    _Atomic uint64_t completed; /* and completed */
    atomic_uint answers;        /* ranks that answered the step of a share */
    atomic_uint goodbyes;       /* rank 0: of all; a leader: of its host */
    unsigned closes;            /* that came; under `drive` */
    atomic_bool told_to_close;
    atomic_bool close_sent; /* CLOSE on rank 0, GOODBYE elsewhere: nothing may follow it */

    pthread_t pump;
    bool has_pump;
    atomic_bool pump_may_run;
    atomic_bool pump_must_end;
};

extern const fani_executor_ops fani_mpi_ops;

/* ---- open.c: collective -------------------------------------------------------------------- */

fan_status fani_mpi_open(fani_front *front, const fan_executor_options *options,
                         fani_opened *opened, void **self, fan_error *error);

/* Ends the inner executor and the pump and frees everything; NULL and half-made ones are accepted.
 * FAN_E_BUSY at the deadline: the inner executor still works, and all stays valid. Frees the
 * communicator, which MPI calls collective: each rank does so in the order in which rank 0 closes.
 */
fan_status fani_mpi_free(fani_mpi *self, fan_deadline deadline);

/* ---- drive.c: local ------------------------------------------------------------------------ */

/* Makes MPI move once and reports what has ended; true when something happened. */
bool fani_mpi_step(fani_mpi *self);

/* Rank 0: sends what is due, and takes nothing in: for threads that post and do not wait. Does
 * nothing where this thread may make no MPI calls, or another one does. No lock held. */
void fani_mpi_push(fani_mpi *self);

/* Workers that this rank's inner executor has lost so far. Every message that brings outcomes to
 * rank 0 carries it, so that a fault is counted when its item has ended. Any thread. */
uint64_t fani_mpi_lost_here(fani_mpi *self);

/* Rank 0: a rank says how many it has lost; what was said before may come after. Under `drive`. */
static inline void fani_mpi_lost_there(fani_mpi *self, int rank, uint64_t lost)
{
    if (self->peers[rank].workers_lost < lost)
        self->peers[rank].workers_lost = lost;
}

/* FAN_E_UNSUPPORTED where this thread may not make the MPI calls that waiting needs. */
fan_status fani_mpi_may_wait(const fani_mpi *self);

/* Whether something is on its way that moves only while this rank steps. Any thread. */
bool fani_mpi_in_flight(fani_mpi *self);

/* Steps (or waits for the pump to) until done says so. FAN_E_TIMEOUT at the deadline; the link's
 * error when it is broken; FAN_E_UNSUPPORTED. */
fan_status fani_mpi_until(fani_mpi *self, bool (*done)(const void *user), const void *user,
                          fan_deadline deadline);

/* The same, going on from how long nothing has come through MPI: for waits that follow each other
 * closely, so that the driving thread leaves its core to workers between messages. */
fan_status fani_mpi_until_idle(fani_mpi *self, bool (*done)(const void *user), const void *user,
                               fan_deadline deadline, fani_idle *idle);

fan_status fani_mpi_pump_start(fani_mpi *self, fan_error *error);
void fani_mpi_pump_end(fani_mpi *self);

/* ---- heartbeat.c ----------------------------------------------------------------------------- */

/* Rank 0: begins to watch, by its options. */
void fani_mpi_watch_begin(fani_mpi *self);

/* Notes that a rank lives. Under `drive`. */
static inline void fani_mpi_heard(fani_mpi *self, int rank)
{
    self->peers[rank].heard = self->watch.ticks;
    self->peers[rank].asked = false;
}

/* HEARTBEAT; the message stays the caller's. Under `drive`. */
void fani_mpi_heartbeat_came(fani_mpi *self, const fani_message *message);

/* Rank 0: asks silent ranks, and breaks the link where one does not answer. `moved`: there was work
 * to do. Under `drive`. */
void fani_mpi_watch_step(fani_mpi *self, bool moved);

/* CLOSE on other ranks; the message stays the caller's. Under `drive`. */
void fani_mpi_close_came(fani_mpi *self, const fani_message *message);

/* Rank 0, whose link is broken: tells the others, once, to end with its error. Not
 * under `drive`. */
void fani_mpi_send_home(fani_mpi *self);

/* Other ranks: tells rank 0, once, that from now on this one answers whatever its workers do. */
void fani_mpi_promise(fani_mpi *self);

/* ---- dispatch.c: rank 0 -------------------------------------------------------------------- */

void fani_mpi_post(void *self, fani_batch *batch);
bool fani_mpi_revoke(void *self, fani_batch *batch, bool kill);

/* Gives posted batches to ranks that have room; the least loaded first. Under `drive`. */
bool fani_mpi_distribute(fani_mpi *self);

/* Keeps the own inner executor busy; takes no MPI. Any thread, no lock held. */
void fani_mpi_feed(fani_mpi *self);

/* An inner batch of rank 0 has ended: there may be room for more. On its worker. */
void fani_mpi_own_ended(fani_mpi *self);

/* The only way to the front: no lock held. */
void fani_mpi_complete(fani_mpi *self, fani_batch *batch, fani_outcome outcome);

/* Reports what was collected while the drive lock was held; not under it. */
void fani_mpi_report(fani_mpi *self, fani_batch *finished, fani_failed *failed);

/* Takes in the ANSWERS of one rank. *dry turns true where its workers have nothing at hand.
 * FAN_E_PROTOCOL. Under `drive`. */
fan_status fani_mpi_take_answers(fani_mpi *self, const fani_message *message, bool *dry);

/* Notes that a batch has ended, to be reported after the step. Under `drive`. */
void fani_mpi_finished(fani_mpi *self, fani_batch *batch);
void fani_mpi_failed(fani_mpi *self, fani_batch *batch, fani_verdict verdict, const char *text);

/* The number of a task, and the smoothed time of its items (0: not known). Under `queue`. */
uint32_t fani_mpi_task_number(fani_mpi *self, const fan_task *task);
double fani_mpi_item_ns(fani_mpi *self, const fan_task *task);

/* Whether some rank has so little to do that it will soon answer. Any thread. */
bool fani_mpi_answers_due(fani_mpi *self);

/* Fails everything that depends on other ranks. Under `drive`. */
bool fani_mpi_fail_all(fani_mpi *self, const char *text);

/* Notes how long a batch ran. The second notes what was added. Any thread, `queue` not held. */
void fani_learned_add(fani_learned *learned, fani_mpi *self, const fan_task *task, uint64_t run_ns,
                      size_t items);
void fani_learned_end(const fani_learned *learned, fani_mpi *self);

/* ---- inbox.c: rank 0 ----------------------------------------------------------------------- */

/* ANSWERS, CLAIMED and HOST_ANSWERS, by themselves or from rank 0 itself; the message stays the
 * caller's. Under `drive`. */
void fani_mpi_answers_came(fani_mpi *self, const fani_message *message);

/* Opens answers that came, and notes what they say of their rank. FAN_E_PROTOCOL: they make no
 * sense. Under `drive`. */
fan_status fani_mpi_answers_open(fani_mpi *self, const fani_message *message,
                                 fani_answers_read *answers);
/* ---- resize.c ------------------------------------------------------------------------------ */

/* Rank 0: the resize operation. */
fan_status fani_mpi_resize(void *self, unsigned workers, fan_error *error);

/* WORKERS; the message stays the caller's. Under `drive`. */
void fani_mpi_workers_came(fani_mpi *self, const fani_message *message);

/* Rank 0: `count` workers over the ranks, one after the other to each rank in turn that has one
 * left: of those that it uses, or (`all`) of those that it may have. One count a rank, malloc'd;
 * NULL: out of memory, or there are not so many. While no resize is under way. */
uint32_t *fani_mpi_spread(const fani_mpi *self, size_t count, bool all);

/* ---- work.c: ranks other than 0 ------------------------------------------------------------ */

/* ORDERS; takes the message. Under `drive`. */
void fani_mpi_orders_came(fani_mpi *self, fani_message *message);

/* Adds an order that came to a packet, or refuses it. Under `drive`. */
void fani_mpi_packet_order(fani_mpi *self, fani_packet *packet, const fani_order *order);

/* A message of orders or about a range is done with: revocations that waited for it mean something
 * now. Under `drive`. */
void fani_mpi_told(fani_mpi *self);

/* REVOKE and RANGE_STOP; ARGS_DROP; take the message. Under `drive`. */
void fani_mpi_revocation_came(fani_mpi *self, fani_message *message);
void fani_mpi_args_drop_came(fani_mpi *self, fani_message *message);

/* ---- share.c ------------------------------------------------------------------------------- */

/* Rank 0: the share operation. */
fan_status fani_mpi_share_op(void *self, const fani_share *share, uint64_t *sent, fan_error *error);

/* SHARE, SHARE_MAP, SHARE_BYTES, SHARE_COMMIT, SHARE_DROP and SHARE_ANSWER; frees the message.
 * Under `drive`. */
void fani_mpi_share_came(fani_mpi *self, fani_message *message);

/* Where the next `size` arriving bytes of the share belong; NULL: nowhere. Under `drive`. */
unsigned char *fani_mpi_share_place(fani_mpi *self, size_t size);

/* Tells rank 0 when all bytes have come and gone on. Under `drive`. */
bool fani_mpi_share_step(fani_mpi *self);

/* Frees what is held of shares; the inner executor is closed. */
void fani_mpi_shares_clear(fani_mpi *self);

/* ---- gang.c -------------------------------------------------------------------------------- */

/* Rank 0: the gang operation, and post for members of a gang. */
fan_status fani_mpi_gang_op(void *self, fani_gang *gang, bool ends, fan_error *error);
void fani_mpi_gang_post(fani_mpi *self, fani_batch *batch);

/* GANG; frees the message. Under `drive`. */
void fani_mpi_gang_came(fani_mpi *self, fani_message *message);

/* Carries on what members here said to members elsewhere. Under `drive`. */
bool fani_mpi_gang_step(fani_mpi *self);

/* Rank 0: what has ended since the last call, to be reported by the other one, not under `drive`.
 * The first is under it. */
fani_batch *fani_mpi_gang_take_ended(fani_mpi *self);
void fani_mpi_gang_report(fani_mpi *self, fani_batch *ended);

/* The link is broken: ends the gang. Under `drive`. */
bool fani_mpi_gang_fail(fani_mpi *self, const char *text);

/* Frees what a broken link left; the inner executor is closed. */
void fani_mpi_gang_clear(fani_mpi *self);

#endif
