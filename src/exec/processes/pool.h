/* The program's side of the processes executor: the pool of workers, one pump thread, and the
 * threads that post. */
#ifndef FANI_PROCESSES_POOL_H
#define FANI_PROCESSES_POOL_H

#include <pthread.h>

#include "control.h"
#include "exec/fifo.h"
#include "queue.h"
#include "region.h"
#include "spawn.h"
#include "streams.h"

typedef enum fani_processes_state {
    FANI_PROCESSES_ABSENT,   /* to be started when `due` comes */
    FANI_PROCESSES_STARTING, /* has some ticks to say that it serves: see pulse.c */
    FANI_PROCESSES_SERVING,
    FANI_PROCESSES_ENDING, /* gets no work any more; killed when `due` comes */
} fani_processes_state;

/* A batch in a worker's ring. Its mark points here. */
typedef struct fani_processes_flight {
    fani_batch *batch; /* NULL: it was taken back */
    uint64_t position; /* of its frame */
    uint64_t posting;
    unsigned worker; /* whose flight this is */
    bool outside;    /* its message is in memory of its own */
} fani_processes_flight;

/* How deep the pump sleeps. */
typedef enum fani_processes_rest {
    FANI_PROCESSES_AWAKE,
    FANI_PROCESSES_NAPPING,  /* comes by itself in a moment */
    FANI_PROCESSES_SLEEPING, /* until a bell, or the next tick */
    FANI_PROCESSES_DORMANT,  /* until a bell: nothing is under way. The next batch rings */
} fani_processes_rest;

/* What workers know of tasks and arguments by number: see region.h. */
typedef struct fani_processes_context {
    uint64_t number; /* new with each content; 0: there is none */
    const fan_task *task;
    const char *name; /* of the task */
    unsigned char *args;
    size_t args_size;
    bool has_args;
    size_t reply_limit;
} fani_processes_context;

/* A place for a worker, whatever image fills it just now. */
typedef struct fani_processes_worker {
    /* The pump's: touched by who has its role. */
    fani_processes_ring replies;
    fani_processes_inbox inbox;
    fani_processes_streams streams;
    bool deaf;               /* its messages are not to be believed any more */
    bool served;             /* this image has said that it serves */
    bool killed;             /* this image was sent SIGKILL, or has ended */
    bool tried;              /* its first start was tried */
    bool surplus;            /* it is to end after what it runs: the pool has become smaller */
    bool wake_due;           /* the pump gave it a batch and has not woken it yet */
    unsigned failures;       /* images in a row that ended without having answered a batch */
    unsigned start_failures; /* starts in a row that came to nothing */
    unsigned still;          /* ticks in a row in which it stood still; while it starts: ticks */
    int64_t cpu_us;          /* its time on a core when it was last seen stopped */
    uint64_t untaken;        /* the posting that it did not take up to the last tick, or 0 */
    uint64_t given;          /* how far it had been given work at the last tick */
    fan_deadline due;        /* see the states; FAN_FOREVER: nothing is due */

    /* Guarded by the pool's lock; the descriptors and the region change only in the pump. */
    fani_processes_state state;
    int pidfd, socket;
    const char *reason; /* what to tell instead of how it died, or NULL */
    fani_processes_region *region;
    fani_processes_ring requests;
    fani_processes_flight *flights; /* a ring of FANI_PROCESSES_WINDOW, in posting order */
    unsigned first, last;           /* the flights there, counted from the start; some are void */
    unsigned in_flight;             /* those that are not */
    unsigned outside;               /* those of them outside */
    unsigned window;                /* how many it may have */
    uint64_t item_ns;               /* smoothed time of a batch */
    uint64_t contexts_told[FANI_PROCESSES_CONTEXTS]; /* their numbers */
    uint64_t heard;                                  /* its replies up to this position are known */
    uint64_t bell_at;                                /* what its ring_at was set to */
    uint64_t controls;       /* messages sent that its frames may need, WAKE not counted */
    uint64_t shares_told;    /* up to this number of pool->shares_made */
    bool full;               /* takes no batch until it has made progress */
    bool stopped;            /* by a signal, when last looked: it gets no work */
    bool revoked;            /* it is to end a batch: it gets no work, its death blames nobody */
    uint64_t condemned;      /* the posting of that batch; 0: it was answered, or there is none */
    uint64_t condemned_next; /* another that it has claimed meanwhile; 0: none */
    bool kept;               /* for a member of a gang: takes nothing else */
    bool seated;             /* and has it, which is all it has */
    _Atomic fan_deadline kill_due; /* when it is killed for that; FAN_FOREVER: not, or it was */
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
    unsigned count; /* places; those from `wanted` on are empty, or become so */
    fani_processes_program program;
    cpu_set_t mask;
    bool has_mask;
    size_t worker_memory; /* see fan_executor_options; 0: no limit */
    uint64_t oom_kills;   /* fani_oom_kills when last looked */
    int bell;             /* eventfd: wakes the pump; workers and posting threads ring it */
    int epoll;            /* the bell, the workers' sockets and pidfds */
    pthread_t pump;
    fani_wakes wakes;  /* the pump's */
    bool dismissed;    /* these also: the workers were asked to end */
    bool calls;        /* the attendant is to be woken once the role is free */
    int64_t tick_ns;   /* see pulse.c */
    int64_t ticked;    /* when the last tick was */
    unsigned patience; /* ticks after which a worker that stands still is given up; 0: never */
    bool lazy;         /* from the tick before to the last one no worker had work */

    /* Who has the role pumps: the pump itself, or while that rests a thread that waits: see
     * attend.c. It comes before all other locks. Guards what follows, and what a worker's record
     * says is the pump's. */
    pthread_mutex_t role;
    bool wakes_due;   /* some worker's wake_due is set */
    bool attended;    /* a waiting thread has taken replies, the pump has not heard */
    bool stirred;     /* and something is due now that the pump does not know of */
    fani_fifo passed; /* batches that it has left to the pump to complete */
    _Atomic uint32_t *_Atomic attendant; /* what that thread waits on, or NULL; not guarded */

    pthread_mutex_t lock;       /* guards all below, and what a worker's record says it does */
    pthread_cond_t changed;     /* for open: something about starting has changed */
    fani_processes_queue queue; /* batches that no worker has room for; mark: the queue */
    fani_fifo members;          /* of a gang, that have no worker yet; mark: this list */
    bool ganging;               /* there are some, or workers are kept */
    fani_fifo refused;          /* batches that the pump is to fail; mark: this list; run_ns: the
                                   errno of what their message lacked, or 0 for `trouble` */
    fani_processes_context contexts[FANI_PROCESSES_CONTEXTS];
    uint64_t contexts_made;
    unsigned context; /* the one used last */
    fani_processes_share *shares;
    uint64_t shares_made;
    fani_processes_rest rest; /* of the pump */
    unsigned attending;       /* threads took replies of their own accord; times the pump has lain
                                 down since without that are taken off */
    bool collecting;          /* who has the lock has the role too, and gives wakes afterwards */
    unsigned next;            /* where the search for a worker begins */
    unsigned wanted;          /* workers there are to be */
    _Atomic bool resized;     /* the pump has yet to see to that */
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

/* Asks for what a batch becomes and where it queues, when another core has written them. */
static inline void fani_processes_expect(const fani_batch *batch)
{
    if (!batch)
        return;
    __builtin_prefetch(&batch->task);
    fani_fetch_to_write(&batch->replies);
    fani_fetch_to_write(batch->reply);
    fani_fetch_to_write(&batch->posting);
}

/* ---- load.c: batches as messages in a worker's ring ------------------------------------------ */

typedef enum fani_processes_loaded {
    FANI_PROCESSES_LOADED,
    FANI_PROCESSES_NO_ROOM,  /* just now: the worker is marked full */
    FANI_PROCESSES_HOPELESS, /* there is no memory for its message: it was refused */
} fani_processes_loaded;

/* Writes a batch into a worker's ring and its flights. The lock is held. */
fani_processes_loaded fani_processes_load(fani_processes_pool *pool, fani_processes_worker *worker,
                                          fani_batch *batch);

/* Whether a batch's message is too large for a ring. */
bool fani_processes_is_outside(const fani_batch *batch);

/* Forgets the contexts: at the end. */
void fani_processes_free_contexts(fani_processes_pool *pool);

/* ---- dispatch.c: batches on their way to workers -------------------------------------------- */

/* The post operation. Any thread. */
void fani_processes_post(void *self, fani_batch *batch);

/* How long some worker is thought to need for all that it has. The lock is held. */
uint64_t fani_processes_most_wait_ns(const fani_processes_pool *pool);

/* Gives queued batches to workers that have room. The lock is held. */
void fani_processes_dispatch(fani_processes_pool *pool);

/* Puts a batch that no worker has begun back to where it waits, before others of its priority. The
 * lock is held. */
void fani_processes_requeue(fani_processes_pool *pool, fani_batch *batch);

/* Takes a batch out of where it waits; false: it does not wait. The lock is held. */
bool fani_processes_unqueue(fani_processes_pool *pool, fani_batch *batch);

/* Takes out some batch that waits, or NULL: until none does. The lock is held. */
fani_batch *fani_processes_next_waiting(fani_processes_pool *pool);

/* Has idle workers take over batches that wait behind others. The lock is held. */
void fani_processes_balance(fani_processes_pool *pool);

/* Where a batch flies, or NULL. The lock is held. */
fani_processes_flight *fani_processes_flight_of(const fani_processes_pool *pool,
                                                const fani_batch *batch);

/* Takes a batch back that no worker has begun. False: *worker has begun it, or it is nobody's (NULL
 * stays). The lock is held. */
bool fani_processes_take_back(fani_processes_pool *pool, fani_batch *batch,
                              fani_processes_worker **worker);

/* The posting that a worker would begin next, while it is at none; or 0. The lock is held. */
uint64_t fani_processes_untaken(const fani_processes_worker *worker);

/* Takes what a worker has not begun back to where it waits. The lock is held. */
void fani_processes_unload(fani_processes_pool *pool, fani_processes_worker *worker);

/* Takes the batch of a posting that was answered out of a worker's flights; *batch is NULL where it
 * had been taken back. False: that posting can't be answered now. The lock is held. */
bool fani_processes_land(fani_processes_worker *worker, uint64_t posting, fani_batch **batch);

/* From what `count` batches took together it is guessed what those to come will take. The lock is
 * held. */
void fani_processes_note_times(fani_processes_worker *worker, unsigned count, uint64_t run_ns);

/* A worker that has work has answered nothing for so long. The lock is held. */
void fani_processes_note_stall(fani_processes_worker *worker, uint64_t ns);

/* Puts the batches of a worker that is gone back to where they wait, before others of their
 * priority; the one it had begun is taken out and returned, or NULL. *next: the one it would have
 * begun next, or NULL. The lock is held. */
fani_batch *fani_processes_ground(fani_processes_pool *pool, fani_processes_worker *worker,
                                  fani_batch **next);

/* Has the pump fail a batch, as its message lacked what the errno says, or 0: as no worker can be
 * started. The lock is held. */
void fani_processes_refuse(fani_processes_pool *pool, fani_batch *batch, int error);

/* When a worker is to ring. In any case it rings when it has done all that it has. */
typedef enum fani_processes_bell {
    FANI_PROCESSES_IN_THE_MIDDLE, /* of what it has: for who sleeps, and is to bring more in time */
    FANI_PROCESSES_FOR_ATTENDANT, /* the same, and the attendant is called, not the pump */
    FANI_PROCESSES_AT_THE_END,    /* of most of a full window: for who comes again by itself */
} fani_processes_bell;

/* The position behind which it then rings; it has work. The lock is held. */
uint64_t fani_processes_bell_place(const fani_processes_worker *worker, fani_processes_bell bell);

/* Whether a worker may have passed a place, or all that it has, before its bell was set to there,
 * so that it does not ring. The lock and the role are held. */
bool fani_processes_may_have_passed(const fani_processes_worker *worker, uint64_t place);

/* Has a worker ring when it has passed a position (FANI_PROCESSES_NEVER), and orders the looks
 * behind it: what the worker has answered before is seen, or it rings. The lock is held. */
void fani_processes_set_bell(fani_processes_worker *worker, uint64_t at);

/* Reports an outcome. No lock held. */
void fani_processes_complete(fani_processes_pool *pool, fani_batch *batch, fani_verdict verdict,
                             const char *text);

/* Wakes a worker that sleeps at its socket; orders what was published before. The lock is held, or
 * the caller is the pump. */
void fani_processes_wake(fani_processes_worker *worker);

/* Wakes the workers that got batches from the pump. It gives out many in a row, each soon after the
 * other: one wake for all costs less than one for each. Pump only. */
void fani_processes_wake_due(fani_processes_pool *pool);

/* Wakes the pump. Any thread. */
void fani_processes_ring_bell(const fani_processes_pool *pool);

/* ---- revoke.c ------------------------------------------------------------------------------ */

/* The revoke operation. Any thread. */
bool fani_processes_revoke(void *self, fani_batch *batch, bool kill);

/* The begun operation. Any thread. */
int64_t fani_processes_begun(void *self, const fani_batch *batch);

/* A worker has answered a posting: true where that was to be ended, and counts as such. It goes on
 * where it has not been killed yet. The lock is held. */
bool fani_processes_pardon(fani_processes_pool *pool, fani_processes_worker *worker,
                           uint64_t posting);

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

/* ---- replies.c: what comes back. For who has the role, no other lock held, but for has_answered.
 */

/* Takes the replies that wait in a worker's ring; true where there was one. An `attendant` passes
 * batches with callbacks on to the pump: they may take long, and it has a caller to return to. */
bool fani_processes_collect(fani_processes_pool *pool, fani_processes_worker *worker,
                            bool attendant);

/* Whether replies wait in a worker's ring. */
static inline bool fani_processes_replies_wait(const fani_processes_worker *worker)
{
    return worker->region && !worker->deaf && fani_processes_ring_waiting(&worker->replies);
}

/* Whether the answer to a posting waits in a worker's ring. Any thread; the lock is held. */
bool fani_processes_has_answered(const fani_processes_worker *worker, uint64_t posting);

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

/* Kills a worker, of which nothing more is expected than what it has answered; `reason` is a
 * literal, or NULL. */
void fani_processes_give_up(fani_processes_pool *pool, fani_processes_worker *worker,
                            const char *reason);

/* The reason of one that somebody has stopped. */
extern const char fani_processes_was_stopped[];

/* A worker's socket has ended: it must die soon, or is killed. */
void fani_processes_hung_up(fani_processes_pool *pool, fani_processes_worker *worker);

/* Buries a worker whose pidfd is readable. */
void fani_processes_bury(fani_processes_pool *pool, fani_processes_worker *worker);

/* The resize operation. Any thread. */
fan_status fani_processes_resize(void *self, unsigned workers, fan_error *error);

/* Asks every worker to end, at close. */
void fani_processes_dismiss(fani_processes_pool *pool);

/* Whether every place is empty. */
bool fani_processes_all_gone(const fani_processes_pool *pool);

/* ---- pulse.c: workers that stand still; pump only, no lock held --------------------------------
 */

/* Before the pump runs: heartbeat_ms as in fan_executor_options. */
void fani_processes_pulse_begin(fani_processes_pool *pool, uint32_t heartbeat_ms);

/* A tick, if it is time for one: `now`, on the monotonic clock. */
void fani_processes_pulse(fani_processes_pool *pool, int64_t now);

/* Whether ticks are of use. The lock is held. */
bool fani_processes_wants_pulse(const fani_processes_pool *pool);

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

/* ---- attend.c ------------------------------------------------------------------------------ */

/* The attend operation. Any thread that may wait. */
void fani_processes_attend(void *self, _Atomic uint32_t *word, uint32_t value,
                           fan_deadline deadline);

/* Wakes the thread that waits here, if there is one. */
void fani_processes_wake_attendant(fani_processes_pool *pool);

/* ---- image.c ------------------------------------------------------------------------------- */

/* Serves as a worker image: see struct fan_executor_kind. */
int fani_processes_serve(const char *argument);

#endif
