/* The front: what stands once above every executor. Private to the sources in this folder;
 * executors see executor_ops.h only. */
#ifndef FANI_FRONT_H
#define FANI_FRONT_H

#include <pthread.h>
#include <stdatomic.h>

#include "exec/executor_ops.h"
#include "exec/trace.h"

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

struct fani_front {
    const fani_executor_ops *ops;
    void *self;
    fani_opened opened;
    size_t queue_items_max;
    size_t queue_bytes_max;
    size_t reply_limit;
    unsigned crash_limit;
    fani_trace_source *trace;    /* NULL: no trace */
    _Atomic unsigned references; /* the executor's owner, each future, each completion under way */

    pthread_mutex_t share_lock; /* serializes the share op */

    pthread_mutex_t lock;   /* guards all below, the states of futures and of mappings */
    pthread_cond_t changed; /* something below changed; waiters look again */
    fani_batch *queue_first, *queue_last;
    fani_batch *posted_first; /* at the executor, in no order */
    unsigned posted;          /* batches at the executor */
    uint64_t
        outstanding; /* batches taken and not yet done with (their done function has returned) */
    size_t submitted_items; /* unfinished items of submits, and their input bytes: what the limits
                               bound */
    size_t submitted_bytes;
    unsigned calls;   /* threads inside an operation of the executor: close waits for them */
    bool dispatching; /* one thread at a time posts */
    bool progressing; /* one thread at a time is in the progress op */
    bool closing;     /* no new work */
    bool abandoning;  /* a close that abandons is under way: what lost its worker does not run again
                       */
    uint64_t next_posting;
    uint64_t next_share;
    fani_share_entry *shares;
    fan_executor_stats stats;
};

struct fan_executor {
    fani_front front;
};

/* ---- front.c ------------------------------------------------------------------------------- */

void fani_front_retain(fani_front *front);
void fani_front_release(fani_front *front);

/* Takes a batch into the queue and posts what may be posted. FAN_E_CLOSED: not taken. */
fan_status fani_front_send(fani_front *front, fani_batch *batch);

/* Takes a batch that is still queued out again; false where it is not. The lock is held. */
bool fani_front_unqueue(fani_front *front, fani_batch *batch);

/* Ends a batch that was taken out of the queue: every item cancelled. No lock held; the
 * caller holds a reference to the front that no done callback can give back. */
void fani_front_cancel(fani_front *front, fani_batch *batch);

/* Ends a batch that nobody waits for any more, and the pieces it may have been split into: what
 * waits is cancelled, what runs is asked to end, nothing of it runs again. The batch must stay
 * allocated until this returns. The lock is held before and after, released between. */
void fani_front_abandon(fani_front *front, fani_batch *batch);

/* The same for everything. The lock is held before and after, released between. */
void fani_front_abandon_all(fani_front *front);

/* Waits until something changed or the deadline; moves executors that work only inside calls. The
 * lock is held before and after, released between. False: the deadline has passed. */
bool fani_front_wait(fani_front *front, fan_deadline deadline);

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

/* ---- share.c ------------------------------------------------------------------------------- */

void fani_front_drop_shares(fani_front *front);

/* ---- executors.c --------------------------------------------------------------------------- */

extern const fan_executor_kind *const fani_executor_kinds[]; /* NULL-terminated */

const fan_executor_kind *fani_executor_kind_find(const char *name);

#endif
