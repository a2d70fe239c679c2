/* What an executor is. The front (this folder) does once, for all executors: batch sizes, order,
 * back pressure, attempts, timeouts, blame, futures and callbacks, fold trees, traces, statistics.
 * An executor only queues and runs batches and reports what became of them.
 * docs/adding-an-executor.md walks through skeleton/, the smallest one. */
#ifndef FANI_EXECUTOR_OPS_H
#define FANI_EXECUTOR_OPS_H

#include <stddef.h>

#include "fanfold/executor.h"
#include "task/replies.h"
#include "task/where.h"

typedef struct fani_front fani_front;
typedef struct fani_batch fani_batch;
typedef struct fani_gang fani_gang; /* exec/gang.h */

/* Bytes of input, and of reply, that need no memory of their own. */
enum { FANI_BATCH_INPUT = 64, FANI_BATCH_REPLY = 40 };

/* A batch, from posting to completion. The front owns it; while it is posted the executor may read
 * the first part of each group, must fill what it became before reporting FANI_DONE, and may use
 * next, previous, mark and home as it likes (zero at the first posting).
 *
 * Groups are cache lines, by who writes them when: where a batch goes from core to core and back,
 * each line that both have written since is fetched each way, and that is most of what a short item
 * costs. Lines that nobody has written are read by both from their own caches; hence what is zero
 * already is not set to zero again. */
struct fani_batch {
    /* What it is. Written before it is posted. */
    const fan_task *task;
    fan_items items;
    void (*done)(fani_batch *batch); /* once, every item with an outcome in `replies`; any thread,
                                        no lock held; frees the batch */
    bool divisible;                  /* may be run in parts (only where opened.divides) */
    bool traced;                     /* begun_ns, run_ns and where are wanted exactly */
    bool slow;             /* front: its end needs more than its done function (settle.c) */
    bool submitted;        /* front: by fan_submit: the limits of the queue are for these */
    bool pooled;           /* front: a part of a larger object: its memory ends with that */
    bool charged;          /* front: input_bytes count against the limit of the queue */
    _Atomic bool unwanted; /* front: nobody waits for it: it does not run again */
    _Alignas(
        16) unsigned char input[FANI_BATCH_INPUT]; /* front: room for the bytes of short items */

    /* What it became. Written where it runs. */
    fani_replies replies;
    _Alignas(
        16) unsigned char reply[FANI_BATCH_REPLY]; /* front: room that may be lent to `replies` */
    void *_Atomic home; /* where it waits: may be looked at under another's lock */
    uint64_t run_ns;
    _Atomic uint32_t state; /* its user's */

    /* Seldom written. */
    fan_items args; /* one item, or count 0 */
    size_t reply_limit;
    int64_t timeout_ns; /* what one item may take; 0: no limit. See the op begun */
    void *user;
    size_t grain;     /* a divisible batch: items a run gets; 0: the executor chooses */
    double item_ns;   /* what an item is thought to take; 0: not known */
    fani_gang *gang;  /* a member of a gang (its number: items.first), or NULL. All members must
                         run at once, so each needs a worker with nothing else before it that
                         waits for the gang; it never runs again */
    int64_t begun_ns; /* when its run began (monotonic clock of its host), 0: not known */
    fani_where where; /* who ran it */
    struct fani_care *care; /* front: what a slow batch needs: settle.h; NULL elsewhere */
    void *storage;          /* front: input memory that goes with the batch, or NULL */

    /* Written at each posting, and by who queues it. */
    uint64_t posting; /* number of this posting, new at each: names it in messages */
    int priority;     /* higher first; of equals the one posted first */
    unsigned attempt; /* front: how often it was posted */
    fani_batch *next, *previous;
    void *mark;
    int64_t posted_ns;  /* front: when it was posted, where it is traced */
    size_t input_bytes; /* front */
    void *args_owner;   /* front: a counted fani_args, or NULL */
};

/* The groups begin where a line does, in a batch that lies at one. */
_Static_assert(offsetof(fani_batch, input) == 64 && offsetof(fani_batch, replies) == 128 &&
                   offsetof(fani_batch, reply) % 64 == 0 && offsetof(fani_batch, args) % 64 == 0 &&
                   offsetof(fani_batch, posting) % 64 == 0 && sizeof(fani_batch) % 64 == 0,
               "a group of a batch shares a cache line with another");

typedef enum fani_verdict {
    FANI_DONE,   /* it ran: replies are filled and finished */
    FANI_LOST,   /* its worker died while this batch was running: text says how */
    FANI_FAILED, /* it can't be run (message too large, task unknown there): every item fails with
                    text */
    FANI_CANCELLED, /* it never started, or was ended: revoked */
} fani_verdict;

typedef struct fani_outcome {
    fani_verdict verdict;
    const char *text; /* for LOST and FAILED, and what is told of a run that took too long and was
                         CANCELLED for that, or NULL; copied */
} fani_outcome;

/* What open tells the front about the opened instance. */
typedef struct fani_opened {
    unsigned workers;
    unsigned workers_max; /* what it may be resized to; 0: what the options say */
    unsigned ranks;
    unsigned capabilities; /* FAN_CAP_ bits */
    unsigned depth;      /* batches posted at once that keep every worker busy: what map aims at */
    bool submits;        /* false on ranks other than 0 */
    bool divides;        /* takes divisible batches, */
    bool divides_ranges; /* or at least those that have no input bytes */
    const char *hosts;   /* the host of rank r is named at hosts + r * hosts_stride, until close;
                            NULL: all is on this one */
    size_t hosts_stride;
} fani_opened;

/* Read-only data on its way to the workers. bytes stay valid until the drop. */
typedef struct fani_share {
    uint64_t id;
    const unsigned char *bytes;
    size_t size;
    bool drop; /* forget it */
} fani_share;

typedef struct fani_executor_ops {
    const char *name, *summary;

    /* REQUIRED. Can it run here? No side effects. */
    fan_status (*probe)(fan_error *why_not);

    /* REQUIRED. Options are checked for what all executors share; workers is already resolved
     * (1..4096). */
    fan_status (*open)(fani_front *front, const fan_executor_options *options, fani_opened *opened,
                       void **self, fan_error *error);

    /* REQUIRED. Takes the batch into the executor's queue: by priority, of equals the oldest first.
     * Never blocks, never fails but by completing it, and never completes it inside the call. Any
     * thread, several at once; no lock of the front is held. Their number is bounded by whoever
     * makes batches, not by `depth`. */
    void (*post)(void *self, fani_batch *batch);

    /* Optional. Asks for a batch back: true where it waited and was now completed as
     * FANI_CANCELLED. With `kill` a running one is asked to end too, or ended; it is then completed
     * as FANI_CANCELLED, at once or later (or as what it came to meanwhile). The batch may have
     * completed already, or not be here: that is no error. Its memory is valid during the call.
     * NULL means every batch. Without this op posted batches finish. */
    bool (*revoke)(void *self, fani_batch *batch, bool kill);

    /* Optional where workers share the caller's memory (they ask fani_front_shared); else REQUIRED.
     * Sends or drops a share; batches posted later may use it. Adds to *sent the copies made.
     * Called one at a time, no lock held. */
    fan_status (*share)(void *self, const fani_share *share, uint64_t *sent, fan_error *error);

    /* Optional where workers share the caller's memory; without it there are no gangs elsewhere.
     * Makes ready what the members of a gang talk over, before its batches are posted, or (`end`)
     * takes it away once all of them have completed. One gang at a time, no lock held. */
    fan_status (*gang)(void *self, fani_gang *gang, bool end, fan_error *error);

    /* Optional: only where nothing runs by itself. Works until at least one batch has completed, or
     * the deadline. Called by whoever waits, one thread at a time, and only while some batch has
     * not ended; where nothing can be done it passes a little time, or returns FAN_E_BUSY at once
     * if that stays so until the next post. */
    fan_status (*progress)(void *self, fan_deadline deadline);

    /* Optional. A thread that waits for a batch sleeps as by fani_futex_wait(word, value,
     * deadline), and meanwhile takes in what has come, so that what it waits for ends on its own
     * core. FAN_NOW: it looks for a moment, and does not sleep; without a word (NULL) it looks
     * once, as who hands out many batches does now and then. May return early. Any thread, no lock
     * held. */
    void (*attend)(void *self, _Atomic uint32_t *word, uint32_t value, fan_deadline deadline);

    /* Optional. When a posted batch began to run (monotonic clock); 0: it has not. The front asks
     * for batches with a timeout, and revokes with `kill` what runs too long. Without this op the
     * executor sees to timeouts itself (mpi: the inner executors do). */
    int64_t (*begun)(void *self, const fani_batch *batch);

    /* Optional. Changes the number of workers, 1..workers_max; those too many end after what they
     * run. One call at a time. */
    fan_status (*resize)(void *self, unsigned workers, fan_error *error);

    /* REQUIRED. Adds what only the executor knows: workers_lost. */
    void (*stats)(void *self, fan_executor_stats *stats);

    /* REQUIRED. No batch is posted any more, none will come. Ends the workers and frees self. When
     * it returns, no thread of the executor is inside an up-call. FAN_E_BUSY at the deadline leaves
     * it valid. */
    fan_status (*close)(void *self, fan_deadline deadline);
} fani_executor_ops;

/* One per executor folder: its only exported symbol. */
struct fan_executor_kind {
    const fani_executor_ops *ops;
    /* Where workers are program images of their own: serves as one; `argument` is what followed
     * "--fanfold-worker=NAME:" on the command line. Returns the exit code. NULL elsewhere. */
    int (*serve_image)(const char *argument);
};

/* ---- Up-calls: any thread, no lock of the executor held that post takes -------------------------
 */

/* Reports what became of a posted batch, exactly once per posting. The batch is gone afterwards. */
void fani_front_complete(fani_front *front, fani_batch *batch, fani_outcome outcome);

/* Whether the end of a batch calls somebody back, which may take long. */
bool fani_front_observed(const fani_batch *batch);

/* Wakes that can wait a moment: a thread that completes one short batch after another notes whom to
 * wake for them, and wakes them all at once when it has nothing more at hand, or after some tens of
 * microseconds. Waking a waiter for each would cost more than the batches, and take the core away
 * from who works. Waiters look again by themselves before long, so that no harm comes of a long
 * batch that follows unexpectedly. */
enum { FANI_WAKES_MAX = 32 };
typedef struct fani_wakes {
    unsigned count;
    _Atomic uint32_t *words[FANI_WAKES_MAX];
} fani_wakes;

/* From here on completions on this thread note their wakes; NULL ends that. */
void fani_front_defer_wakes(fani_wakes *wakes);
void fani_front_wake_deferred(fani_wakes *wakes);

/* Where a divisible batch is `traced`, before it is completed: what one who had a part of it (items
 * `at` to `at` + count - 1) did; begun_ns, run_ns and where of the batch say so just now (zero:
 * nobody ran them). Its replies are complete. */
void fani_front_trace_part(fani_front *front, const fani_batch *batch, size_t at, size_t count);

/* Shared data, for executors whose workers share memory: a fani_worker_host's `shared` with user =
 * the front. */
fan_items fani_front_shared(void *front, uint64_t id);

/* ---- For workers: executors for the children of what they run
 * ------------------------------------
 */

/* One for each worker; `shared` and `user` as in its fani_worker_host, the rest zero. */
typedef struct fani_nest {
    fan_items (*shared)(void *user, uint64_t id);
    void *user;
    fan_executor *executor; /* made when it is first asked for */
} fani_nest;

/* For a fani_worker_host with nest = a fani_nest: the executor (NULL: out of memory), and what is
 * to be done when a run has ended: children that it left behind are cancelled. */
fan_executor *fani_nest_executor(void *nest);
void fani_nest_settle(void *nest);

/* With the worker, on its thread, not inside a task. */
void fani_nest_end(fani_nest *nest);

/* ---- For executors that contain another (mpi): a batch of its own through an inner executor -----
 */

fani_front *fani_executor_front(fan_executor *executor);

/* The executor's own instance if it is of this kind, else NULL. */
void *fani_executor_self(fan_executor *executor, const fani_executor_ops *ops);

/* A batch with nothing in it: set task, args, items, reply_limit, done, user and (malloc'd, freed
 * with the batch) storage. NULL: out of memory. */
fani_batch *fani_batch_new(void);

/* Frees a batch and its storage; done functions end with it. */
void fani_batch_free(fani_batch *batch);

/* Hands a batch to an executor, past its queue limits: the caller bounds them. `done` is called
 * exactly once. FAN_E_CLOSED: not taken. */
fan_status fani_front_send(fani_front *front, fani_batch *batch);

/* Asks for a batch that was sent back, as the op revoke does. Its memory must stay until this
 * returns. */
bool fani_front_revoke(fani_front *front, fani_batch *batch, bool kill);

/* To be called before a batch with a timeout is sent. Where a worker can't be made to end it in
 * time, its done function is called with another batch in its place, and `gone` once the worker has
 * let go of it; else `gone` is not called. FAN_E_MEMORY, FAN_E_SYSTEM. */
fan_status fani_front_watch(fani_front *front, fani_batch *batch, void (*gone)(fani_batch *batch));

/* fan_share under an id that another front has given out (an inner executor keeps the outer one's
 * ids). fan_unshare drops it. */
fan_status fani_front_share_as(fani_front *front, uint64_t id, const void *bytes, size_t size,
                               fan_error *error);

#endif
