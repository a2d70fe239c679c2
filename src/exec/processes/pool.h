/* The program's side of the processes executor: the pool of workers, one pump thread, and the
 * threads that post. */
#ifndef FANI_PROCESSES_POOL_H
#define FANI_PROCESSES_POOL_H

#include <pthread.h>

#include "control.h"
#include "exec/fifo.h"
#include "region.h"
#include "spawn.h"

typedef enum fani_processes_state {
    FANI_PROCESSES_ABSENT,   /* to be started when `due` comes */
    FANI_PROCESSES_STARTING, /* has until `due` to say that it serves */
    FANI_PROCESSES_SERVING,
    FANI_PROCESSES_ENDING, /* gets no work any more; killed when `due` comes */
} fani_processes_state;

/* A batch in a worker's ring. */
typedef struct fani_processes_flight {
    fani_batch *batch;
    uint64_t position; /* of its frame */
    bool outside;      /* its message is in memory of its own */
} fani_processes_flight;

/* A place for a worker, whatever image fills it just now. */
typedef struct fani_processes_worker {
    /* Touched by the pump only. */
    fani_processes_ring replies;
    fani_processes_inbox inbox;
    bool deaf;               /* its messages are not to be believed any more */
    bool served;             /* this image has said that it serves */
    bool killed;             /* this image was sent SIGKILL, or has ended */
    bool tried;              /* its first start was tried */
    bool wake_due;           /* the pump gave it a batch and has not woken it yet */
    unsigned failures;       /* images in a row that ended without having answered a batch */
    unsigned start_failures; /* starts in a row that came to nothing */
    fan_deadline due;        /* see the states; FAN_FOREVER: nothing is due */

    /* Guarded by the pool's lock; the descriptors and the region change only in the pump. */
    fani_processes_state state;
    int pidfd, socket;
    const char *reason; /* what to tell instead of how it died, or NULL */
    fani_processes_region *region;
    fani_processes_ring requests;
    fani_processes_flight flights[FANI_PROCESSES_WINDOW]; /* in posting order */
    unsigned in_flight;
    uint64_t controls;    /* messages sent that its frames may need, WAKE not counted */
    uint64_t shares_told; /* up to this number of pool->shares_made */
    bool full;            /* takes no batch until it has made progress */
    bool revoked;         /* it is being killed for a batch that was taken back */
    bool kept;            /* for a member of a gang: takes nothing else */
    bool seated;          /* and has it */
    uint32_t rest_told;
} fani_processes_worker;

/* An entry of the list of shares: the data, or that it was dropped (fd -1). */
typedef struct fani_processes_share {
    struct fani_processes_share *next;
    uint64_t number; /* counts all entries ever made */
    uint64_t id;
    size_t size;
    int fd;
    bool gang; /* memory that members of a gang write to */
} fani_processes_share;

typedef struct fani_processes_pool {
    fani_front *front;
    unsigned count;
    fani_processes_program program;
    cpu_set_t mask;
    bool has_mask;
    int bell;  /* eventfd: wakes the pump; workers and posting threads ring it */
    int epoll; /* the bell, the workers' sockets and pidfds */
    pthread_t pump;
    bool dismissed; /* these two are the pump's: the workers were asked to end */
    bool wakes_due; /* some worker's wake_due is set */

    pthread_mutex_t lock;   /* guards all below, and what a worker's record says it does */
    pthread_cond_t changed; /* for open: something about starting has changed */
    fani_fifo queue;        /* batches that no worker has room for */
    fani_fifo members;      /* of a gang, that have no worker yet */
    bool ganging;           /* there are some, or workers are kept */
    fani_fifo refused;      /* batches that the pump is to fail; mark: why, or NULL */
    fani_processes_share *shares;
    uint64_t shares_made;
    fani_processes_rest rest; /* of the pump */
    unsigned next;            /* where the search for a worker begins */
    unsigned serving;
    unsigned untried;   /* workers whose first start is still to come */
    unsigned failures;  /* failed starts since a worker last said that it serves */
    unsigned blameless; /* deaths in a row that left batches none of which seemed begun */
    bool opened;        /* open has returned */
    bool open_failed;   /* the system refused a start before that */
    bool broken;        /* no worker can be started: batches fail with `trouble` */
    fan_error trouble;  /* the last failed start */
    bool closing;
    fan_deadline close_due;
    uint64_t lost;

    fani_processes_worker workers[];
} fani_processes_pool;

/* ---- dispatch.c: batches on their way to workers -------------------------------------------- */

/* The post and revoke operations. Any thread. */
void fani_processes_post(void *self, fani_batch *batch);
bool fani_processes_revoke(void *self, fani_batch *batch, bool kill);

typedef enum fani_processes_loaded {
    FANI_PROCESSES_LOADED,
    FANI_PROCESSES_NO_ROOM, /* just now: the worker is marked full */
    FANI_PROCESSES_HOPELESS,
} fani_processes_loaded;

/* Writes a batch into a worker's ring. The lock is held. */
fani_processes_loaded fani_processes_load(fani_processes_pool *pool, fani_processes_worker *worker,
                                          fani_batch *batch);

/* Puts a batch back to where it waits, before all others. The lock is held. */
void fani_processes_requeue(fani_processes_pool *pool, fani_batch *batch);

/* Gives queued batches to workers that have room. The lock is held. */
void fani_processes_dispatch(fani_processes_pool *pool);

/* Has idle workers take over batches that wait behind others. The lock is held. */
void fani_processes_balance(fani_processes_pool *pool);

/* Takes the batch of a posting out of a worker's flights; NULL: not there. The lock is held. */
fani_batch *fani_processes_land(fani_processes_worker *worker, uint64_t posting);

/* Puts the batches of a worker that is gone back to the head of the queue; the one it had begun is
 * taken out and returned, or NULL. The lock is held. */
fani_batch *fani_processes_ground(fani_processes_pool *pool, fani_processes_worker *worker);

/* Reports an outcome; what hangs at the batch's mark is freed. No lock held. */
void fani_processes_complete(fani_processes_pool *pool, fani_batch *batch, fani_verdict verdict,
                             const char *text);

/* Wakes a worker that sleeps at its socket. The lock is held, or the caller is the pump. */
void fani_processes_wake(fani_processes_worker *worker);

/* Wakes the workers that got batches from the pump. It gives out many in a row, each soon after the
 * other: one wake for all costs less than one for each. Pump only. */
void fani_processes_wake_due(fani_processes_pool *pool);

/* Wakes the pump. Any thread. */
void fani_processes_ring_bell(const fani_processes_pool *pool);

/* ---- gang.c -------------------------------------------------------------------------------- */

/* The gang operation. Any thread. */
fan_status fani_processes_gang_op(void *self, fani_gang *gang, bool ends, fan_error *error);

/* Keeps workers for the members that wait, and gives them to those that are idle. The lock is
 * held. */
void fani_processes_seat_members(fani_processes_pool *pool);

/* ---- shares.c ------------------------------------------------------------------------------ */

/* The share operation. Any thread. */
fan_status fani_processes_share_op(void *self, const fani_share *share, uint64_t *sent,
                                   fan_error *error);

/* Adds a gang's memory to what workers are told of; takes the descriptor over. Dropped as a share.
 * Answers 0 or an errno. Any thread. */
int fani_processes_share_gang(fani_processes_pool *pool, uint64_t id, size_t size, int fd);

/* Sends a worker the shares it has not been told of. Answers 0 or an errno (EAGAIN: its socket is
 * full). The lock is held. */
int fani_processes_tell_shares(fani_processes_pool *pool, fani_processes_worker *worker);

void fani_processes_free_shares(fani_processes_pool *pool);

/* ---- replies.c: what comes back; pump only, no lock held ------------------------------------ */

/* Takes the replies that wait in a worker's ring; true where there was one. */
bool fani_processes_collect(fani_processes_pool *pool, fani_processes_worker *worker);

/* Takes the messages that wait at a worker's socket. */
void fani_processes_listen(fani_processes_pool *pool, fani_processes_worker *worker);

/* ---- life.c: workers begin and end; pump only, no lock held ---------------------------------- */

/* Starts the workers that are due, kills those whose time is over. Returns when it is wanted next.
 */
fan_deadline fani_processes_keep_alive(fani_processes_pool *pool);

/* A worker has said that it serves. */
void fani_processes_served(fani_processes_pool *pool, fani_processes_worker *worker);

/* Ends a worker that can't be trusted; `reason` is a literal. */
void fani_processes_distrust(fani_processes_pool *pool, fani_processes_worker *worker,
                             const char *reason);

/* A worker's socket has ended: it must die soon, or is killed. */
void fani_processes_hung_up(fani_processes_pool *pool, fani_processes_worker *worker);

/* Buries a worker whose pidfd is readable. */
void fani_processes_bury(fani_processes_pool *pool, fani_processes_worker *worker);

/* Asks every worker to end, at close. */
void fani_processes_dismiss(fani_processes_pool *pool);

/* Whether every place is empty. */
bool fani_processes_all_gone(const fani_processes_pool *pool);

/* ---- pump.c -------------------------------------------------------------------------------- */

/* The pump thread: argument is the pool. Ends when the pool is closing and its workers are gone. */
void *fani_processes_pump(void *argument);

/* Watches a worker's descriptors (answers 0 or an errno), or forgets one. */
int fani_processes_watch(fani_processes_pool *pool, fani_processes_worker *worker);
void fani_processes_unwatch(const fani_processes_pool *pool, int fd);

/* Watches the bell. Answers 0 or an errno. */
int fani_processes_watch_bell(const fani_processes_pool *pool);

/* Also watches for room in a worker's socket. The lock is held. */
void fani_processes_watch_room(fani_processes_pool *pool, fani_processes_worker *worker,
                               bool wanted);

/* ---- image.c ------------------------------------------------------------------------------- */

/* Serves as a worker image: see struct fan_executor_kind. */
int fani_processes_serve(const char *argument);

#endif
