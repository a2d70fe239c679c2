/* The front: what stands once above every executor. Private to the sources in this folder;
 * executors see executor_ops.h only.
 *
 * The way of a batch: fani_front_send -> the executor's queue -> fani_front_complete -> its done
 * function. On this way there is no lock: counters that every thread keeps for itself say how much
 * is under way. What needs more (pieces of a batch that lost its worker, retries, timeouts, being
 * abandoned) is `slow` and goes through settle.c and watch.c under the front's lock. */
#ifndef FANI_FRONT_H
#define FANI_FRONT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/event.h"
#include "base/lock.h"
#include "exec/executor_ops.h"
#include "exec/trace.h"
#include "task/inside.h"

enum { FANI_SHARDS = 16 }; /* the last one is for threads that found no free one */

/* Arguments, copied once per map or submit and counted by the batches that carry them. */
typedef struct fani_args {
    _Atomic unsigned references;
    size_t size;
    _Alignas(16) unsigned char bytes[];
} fani_args;

typedef struct fani_share_entry {
    fani_share share;
    struct fani_share_entry *next;
} fani_share_entry;

/* Counters of one of the program's threads: only it writes them, so that adding costs no locked
 * operation and no other core's cache line. Each only grows; the sums over all shards are what
 * counts. Threads that came when all shards had owners have the last one in common. */
typedef struct fani_shard {
    _Alignas(64) _Atomic uint64_t submitted; /* items of submits: each also begins a call */
    _Atomic uint64_t calls_begun;            /* other operations on the front or the executor */
    _Atomic uint64_t calls_ended;
    _Atomic uint64_t mapped;   /* items of all else */
    _Atomic uint64_t sent;     /* batches of all else */
    _Atomic uint64_t again;    /* batches posted another time */
    _Atomic uint64_t bytes_in; /* input bytes of submits */
    bool common;

    _Alignas(64) _Atomic uint64_t submitted_out; /* items ended */
    _Atomic uint64_t mapped_out;
    _Atomic uint64_t bytes_out;
    _Atomic uint64_t run_ns;
    _Atomic uint64_t refused; /* submitted, but never posted */
    _Atomic uint64_t look_at; /* below this value of submitted no limit can be reached */
    fani_lock lock;           /* guards ready where it is not the owner's alone */
    fan_future *ready;        /* futures to be used again: see future.c */
    _Alignas(64) fan_future *_Atomic given;
} fani_shard;

/* What different threads write lies on cache lines of its own: the padding is wanted. */
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct fani_front {
    const fani_executor_ops *ops;
    void *self;
    fani_opened opened;
    size_t queue_items_max;
    size_t queue_bytes_max;
    size_t reply_limit;
    unsigned crash_limit;
    unsigned workers_max; /* what it may be resized to */
    bool nested;          /* belongs to a running task, which may wait for it, */
    fan_items (*outer_shared)(void *outer, uint64_t id); /* and knows the shares of that task's */
    void *outer;                                         /* executor */
    _Atomic unsigned references; /* the executor's owner, the futures together, each mapping */
    _Atomic bool closing;        /* no new work */
    _Atomic bool closed;         /* the instance ends or has ended: its ops may not be called */
    _Atomic unsigned workers;    /* now, and */
    _Atomic unsigned depth;      /* the batches that keep them busy: opened's but for a resize */
    _Atomic bool progressing;    /* one thread at a time is in the progress op */
    _Atomic bool ganging;        /* a gang runs: one at a time */
    _Atomic int fd;              /* eventfd to write to at each end, or -1 */
    struct fani_watch *watch;    /* watch.c; made at the first use, under the lock */
    fani_trace_source *trace;    /* NULL: no trace */

    size_t uncharged; /* inputs up to this size do not count against queue_bytes_max */
    void (*warn)(void *user, const char *text);
    void *warn_user;
    _Atomic uint64_t slow_callbacks;

    fani_event ended;  /* a batch has ended, a place is free, work was posted where nothing runs by
                          itself */
    fani_event mapped; /* as many batches of a map have ended as its caller waits for */

    pthread_mutex_t share_lock; /* serializes the share op, and the resize op */

    pthread_mutex_t lock;                     /* guards all below, and what is slow */
    struct fani_care *cares;                  /* of all pieces under way */
    fan_future *held;                         /* futures that wait for others */
    fan_future *failing_first, *failing_last; /* futures that will not run, to be ended */
    bool failing_ends;                        /* a thread is at it */
    struct fani_slab *slabs;                  /* memory of futures, and how many there are in it */
    size_t futures;                           /* that were not yet retired, in use or not */
    unsigned
        detached;    /* batches that run on though they have their outcome: close waits for them */
    bool abandoning; /* a close that abandons is under way: what lost its worker does not run again
                      */
    uint64_t next_share;
    fani_share_entry *shares;
    uint64_t shares_sent;

    _Alignas(64) _Atomic uintptr_t owners[FANI_SHARDS]; /* fani_inside_place of each shard's thread;
                                                           0: nobody's yet */
    _Atomic uint32_t used; /* a bit for each shard that has an owner, and for the common one */
    fani_shard shards[FANI_SHARDS];
};

struct fan_executor {
    fani_front front;
};

/* ---- front.c ------------------------------------------------------------------------------- */

void fani_front_retain(fani_front *front);
void fani_front_release(fani_front *front);

/* Finds or takes a shard for a thread that is new here. */
fani_shard *fani_front_find_shard(fani_front *front, uintptr_t place, size_t hash);

/* The shard of the calling thread. Threads are told apart by where their thread-local storage lies:
 * no number to give out, and one that follows another at the same place may go on with its shard.
 */
static inline fani_shard *fani_front_shard(fani_front *front)
{
    uintptr_t place = (uintptr_t)fani_inside_place();
    size_t hash = (place * UINT64_C(0x9e3779b97f4a7c15)) >> 60;
    if (atomic_load_explicit(&front->owners[hash], memory_order_relaxed) == place)
        return &front->shards[hash];
    return fani_front_find_shard(front, place, hash);
}
_Static_assert(FANI_SHARDS == 16, "the shard is the top 4 bits of a hash");

/* Adds to a counter of the calling thread's shard. Sequentially consistent only where the shard is
 * common: what others must have seen before this thread looks at something of theirs is counted by
 * atomic_fetch_add instead. */
static inline uint64_t fani_tally(fani_shard *shard, _Atomic uint64_t *counter, uint64_t count)
{
    if (shard->common)
        return atomic_fetch_add(counter, count);
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + count, memory_order_release);
    return before;
}

/* Between these two the executor's instance stays: close waits. But it may be gone already
 * (front->closed): those ask who were not given something to do that has no outcome yet. */
static inline fani_shard *fani_front_enter(fani_front *front)
{
    fani_shard *shard = fani_front_shard(front);
    atomic_fetch_add(&shard->calls_begun, 1);
    return shard;
}

static inline void fani_front_leave(fani_shard *shard)
{
    fani_tally(shard, &shard->calls_ended, 1);
}

/* Hands a batch to the executor. Its items are counted, and the caller has entered. */
void fani_front_post(fani_front *front, fani_batch *batch, uint64_t number);

/* As post, for a batch that was posted before, or waited for something. */
void fani_front_post_again(fani_front *front, fani_batch *batch);

/* Numbers of postings, made from what a shard counts anyway. */
enum fani_numbering { FANI_BY_SUBMIT, FANI_BY_SEND, FANI_BY_REPEAT };
uint64_t fani_front_number(const fani_front *front, const fani_shard *shard, uint64_t count,
                           enum fani_numbering by);

/* The end of a batch with its outcomes: counts it and calls its done function. */
void fani_front_finish(fani_front *front, fani_batch *batch);

/* Items that have no outcome yet, of submits alone or of all; input bytes of submits. */
uint64_t fani_front_outstanding(fani_front *front);
uint64_t fani_front_submitted(fani_front *front);
uint64_t fani_front_bytes(fani_front *front);

/* Whether some thread is inside an operation. */
bool fani_front_has_calls(fani_front *front);

/* Sums of a counter over all shards. */
uint64_t fani_front_sum(const fani_front *front, size_t offset);
#define FANI_FRONT_SUM(front, counter) fani_front_sum(front, offsetof(fani_shard, counter))

/* Waits on one of the front's events until ready says so; moves executors that work only inside
 * calls. False: the deadline has passed (ready was asked after that too). No lock is held. */
bool fani_front_wait(fani_front *front, fani_event *event, bool (*ready)(void *user), void *user,
                     fan_deadline deadline);

/* Sleeps until *word is not `value` any more and a wake comes, or the deadline; executors may have
 * this thread take in what has come meanwhile. FAN_NOW: only that. May return early. No lock is
 * held. */
void fani_front_sleep(fani_front *front, _Atomic uint32_t *word, uint32_t value,
                      fan_deadline deadline);

/* For who hands out many batches: every so many it looks whether some have come back. */
enum { FANI_LOOK_EVERY = 64 };
void fani_front_look(fani_front *front);

/* Whether this thread may wait for this front: not inside a task or a callback, but for a task's
 * own executor. */
bool fani_front_may_wait(const fani_front *front);

/* Whether work of this task can be taken: open, rank 0, task known to the workers. */
fan_status fani_front_accepts(const fani_front *front, const fan_task *task, fan_error *error);

/* Input or arguments larger than this are refused: no object of that size can exist. */
#define FANI_BYTES_MAX ((size_t)PTRDIFF_MAX / 2)

/* ---- args ---------------------------------------------------------------------------------- */

/* A counted copy with one reference; NULL: out of memory. Size 0 gives an object too. */
fani_args *fani_args_new(const void *bytes, size_t size);
void fani_args_attach(fani_args *args,
                      fani_batch *batch); /* one more reference, held by the batch */
void fani_args_release(fani_args *args);

/* ---- future.c ------------------------------------------------------------------------------ */

/* The executor is closed: from now on futures are freed at their release; the last one releases the
 * reference to the front that they have together. */
void fani_futures_retire(fani_front *front);

/* Whether a submitted batch has callbacks, or futures that wait for it. */
bool fani_future_observed(const fani_batch *batch);

/* Cancels the futures that wait for others. No lock is held. */
void fani_futures_cancel_held(fani_front *front);

/* ---- share.c ------------------------------------------------------------------------------- */

void fani_front_drop_shares(fani_front *front);

/* ---- executors.c --------------------------------------------------------------------------- */

extern const fan_executor_kind *const fani_executor_kinds[]; /* NULL-terminated */

const fan_executor_kind *fani_executor_kind_find(const char *name);

#endif
