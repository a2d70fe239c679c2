/* Futures: what future.c, submit.c, wait.c and chain.c share. */
#ifndef FANI_FUTURE_H
#define FANI_FUTURE_H

#include "exec/front.h"

enum {
    /* Bits of a future's state (of its batch). */
    FANI_FUTURE_DONE = 1,      /* it has its outcome */
    FANI_FUTURE_RELEASED = 2,  /* the user is through with it */
    FANI_FUTURE_PINNED = 4,    /* callbacks run: it stays after the release */
    FANI_FUTURE_RUNS_ON = 32,  /* it has its outcome, but its batch still runs: likewise */
    FANI_FUTURE_GONE = 64,     /* its batch was detached and has ended */
    FANI_FUTURE_WATCHED = 8,   /* someone sleeps on the state */
    FANI_FUTURE_OBSERVED = 16, /* there are callbacks or futures that start when it is done */
};

/* A future that waits for others, in the list of one that it waits for. */
typedef struct fani_link_to {
    struct fani_link_to *next;
    fan_future *from; /* whose list it is in, or NULL */
    fan_future *dependent;
} fani_link_to;

struct fan_future {
    _Alignas(128) fani_batch batch; /* all that a plain one writes */
    fani_front *front;              /* it stays as long as its pool has futures out */
    fani_batch *standing; /* whose outcome it has: &batch, or what stands for it (freed with the
                             future) */

    /* Guarded by the front's lock. */
    void (*function)(fan_future *future, void *user);
    void *user;
    fani_link_to *dependents;          /* whom to start */
    size_t waits_for;                  /* of `after`, those not yet done */
    bool held;                         /* waits for others: among the front's held futures */
    bool feed;                         /* takes the reply of the one it waits for */
    fan_future *next_held, *last_held; /* or the next of those that will not run */
    char *why_not;                     /* one that it waits for did not end well: it will not run */
    fani_link_to *links;               /* its places in others' lists */
    size_t links_count;
};

/* A future with its batch ready but for the input, or NULL: out of memory. */
fan_future *fani_future_new(fani_front *front);

/* Gives it back: it was never sent, or nobody needs it any more. */
void fani_future_free(fan_future *future);

/* Copies an item's input into the future; false: out of memory. */
bool fani_future_give_input(fan_future *future, const void *input, size_t size);

/* submit.c: counts an input that a future was given after its submit. It may go beyond the limit:
 * what waits for a place then waits for this one's end too. */
void fani_future_charge_input(fan_future *future);

/* A future's batch was detached and has ended. */
void fani_future_batch_gone(fani_batch *batch);

/* The end of a future's batch. */
void fani_future_done(fani_batch *batch);

/* Ends a future that was never posted: it is cancelled, with this text. */
void fani_future_end_unposted(fan_future *future, const char *text);

/* chain.c: has the future wait for others, or posts it where they are done. FAN_E_ARGUMENT (of
 * another executor), FAN_E_MEMORY: it was not taken. The caller has entered. */
fan_status fani_future_after(fan_future *future, fan_future *const *after, size_t count);

/* chain.c: `future` is done: starts those that wait for it. No lock is held. */
void fani_future_start_dependents(fan_future *future);

/* chain.c: takes a future that waits for others (NULL: any) out, so that it may be cancelled. NULL:
 * there is none. */
fan_future *fani_future_take_held(fani_front *front, fan_future *future);

#endif
