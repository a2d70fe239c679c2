/* The slow ways a batch can go: again after its worker died or it failed, in pieces, late, or not
 * at all. */
#ifndef FANI_SETTLE_H
#define FANI_SETTLE_H

#include "exec/front.h"

/* What a slow batch needs beyond a plain one. Guarded by the front's lock where it says so. */
typedef struct fani_care {
    fani_batch *batch;
    fani_batch *parent;           /* it is a piece of this one, */
    fani_batch *stands_for;       /* or goes on in the place of this one, which is detached */
    size_t parent_at;             /* its first item's place in the parent */
    struct fani_care *next_piece; /* locked: all pieces of the front and all that stand for */
    struct fani_care *last_piece; /* others; and whether it is in that list */
    bool linked;
    size_t pieces; /* locked: pieces still out */
    unsigned pins; /* locked: threads that hold its address; while there are any, its end waits */
    bool settling; /* locked: its end is being seen to, or it was not posted yet: nobody is to take
                      hold of it */
    bool ended;    /* locked: it came to an end meanwhile, namely: */
    fani_verdict verdict;
    char *text;
    unsigned crashes; /* workers it lost, alone */

    uint32_t retries; /* runs left after a failure */
    int64_t backoff_ns;

    struct fani_care *next, *previous; /* locked: in one of the watch's lists */
    enum { FANI_UNLISTED, FANI_TIMED, FANI_DELAYED } listed;
    int64_t due;       /* FANI_DELAYED: when it is posted again */
    int64_t paused_ns; /* FANI_TIMED: of the time since it began, what does not count */
    bool overtime;     /* locked: it ran too long and was revoked for that, having */
    int64_t begun_ns;  /* begun then */
    bool detached;     /* locked: its outcome was given; it still runs */
    void (*freed)(
        fani_batch *batch); /* NULL, or what ends a detached batch instead of freeing it */
} fani_care;

/* Makes a batch slow: gives it what can be watched over. FAN_E_MEMORY. */
fan_status fani_care_for(fani_batch *batch);

/* Gives a batch a limit of time (0: none) and runs after a failure, as submit and map are asked for
 * them; backoff_ms 0: 10 ms. `freed` as in fani_care. FAN_E_MEMORY. */
fan_status fani_care_limits(fani_batch *batch, uint32_t timeout_ms, uint32_t retries,
                            uint32_t backoff_ms, void (*freed)(fani_batch *batch));

/* The batch that its pieces and their pieces came from, or that others stand for. */
const fani_batch *fani_root_of(const fani_batch *batch);

/* Ends a batch that is slow, or did not end well. The caller has entered. */
void fani_settle(fani_front *front, fani_batch *batch, fani_outcome outcome);

/* Keeps a slow batch from ending while its address is used. The lock is held for pin, not for
 * unpin, which brings the end about if it came meanwhile. */
void fani_pin(fani_care *care);
void fani_unpin(fani_front *front, fani_care *care);

/* Posts a slow batch another time and unpins it: it was pinned when it was decided that it should
 * run. Who gave it up since then looked for it in vain. No lock is held. */
void fani_post_pinned(fani_front *front, fani_batch *batch);

/* The outcome of a batch that took too long; `why` is what is known of the reason, or empty. */
void fani_mark_overtime(fani_batch *batch, const char *why);

/* Gives a batch that runs too long, where it can't be ended, its outcome (or another try) at once,
 * and has it asked to end. It is detached: what it still answers is dropped. The lock is held, and
 * released. */
void fani_detach(fani_front *front, fani_batch *batch);

/* Ends a batch that nobody waits for any more, or what goes on in its place: what waits is
 * cancelled. With `kill` also the pieces it may have been split into; what runs is asked to end,
 * and nothing of it runs again. True where it (unsplit) was completed within. Its memory must stay
 * valid until this returns. No lock is held. */
bool fani_abandon(fani_front *front, fani_batch *batch, bool kill);

/* The same for everything that is under way. */
void fani_abandon_all(fani_front *front);

#endif
