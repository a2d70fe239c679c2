/* One opened threads executor; what the files of this folder share.
 *
 * Batches come into the inbox. A member takes a few at a time into its hand, so that it works
 * without meeting others; who has nothing takes half of another's hand. The home of a batch is NULL
 * once it has begun. A divisible batch is a range of items in the hands of the member that took it:
 * it takes a run's worth from the front of its range, and who has nothing takes the back half of
 * another's range. So no item waits behind a long one while a member is idle. */
#ifndef FANI_TEAM_H
#define FANI_TEAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/cores.h"
#include "base/event.h"
#include "base/lock.h"
#include "queue.h"
#include "task/parts.h"

/* What one member has had of a divisible batch: for the trace. */
typedef struct fani_stint {
    struct fani_stint *next;
    uint64_t from, count;
    int64_t begun_ns;
    uint64_t run_ns;
    fani_where where;
} fani_stint;

/* A divisible batch while members run it. It ends with the last of them. */
struct fani_team;

typedef struct fani_division {
    fani_batch *batch;
    fani_parts parts;
    _Atomic unsigned members; /* who have a range of it */
    _Atomic bool stopped;     /* nobody begins another part */
    _Atomic uint64_t run_ns;
    fani_stint *_Atomic stints;
} fani_division;

/* Groups that different threads write lie apart, on cache lines of their own: the padding is
 * wanted. */
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
typedef struct fani_member {
    _Alignas(
        64) _Atomic uint64_t range; /* of its division: begin in the low, end in the high half */
    _Atomic uint32_t waiting;       /* batches in the hand: what others may look at */
    _Atomic bool cancelled;         /* what it runs should end */

    _Alignas(64) fani_lock lock; /* guards these */
    fani_hand hand;
    fani_batch *running; /* or what it ran last */
    int64_t begun_ns;    /* when, for a batch with a timeout that runs; else 0 */
    fani_division *division;

    _Alignas(64) fani_worker *worker; /* the member's own, like all below */
    fani_nest nest;
    struct fani_team *team;
    unsigned number;
    int priority;       /* of all that is in the hand; changes under its lock */
    bool streams;       /* the inbox had several short batches the last time */
    bool searches;      /* it is counted among those that look for work */
    int64_t clock_ns;   /* when the clock was last read; 0: before it rested */
    unsigned unclocked; /* batches since */
    fani_wakes wakes;
    double wakes_ns; /* work since the first of them */
    double mean_ns;  /* of a batch, lately; 0: not known */
} fani_member;

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
typedef struct fani_team {
    fani_front *front;
    unsigned count; /* members that were started */
    fani_member *members;
    bool has_mask;
    cpu_set_t mask;
    pthread_t host;  /* opens the region and is its first member */
    _Atomic int top; /* the highest priority in the inbox, or the last there was: seldom changes */

    _Alignas(64) fani_lock lock; /* guards the inbox and up */
    fani_inbox inbox;
    unsigned up;              /* members that OpenMP gave; 0: not up yet */
    _Atomic uint32_t waiting; /* batches in the inbox */

    _Alignas(64) fani_event work; /* members without work sleep on it */
    _Atomic uint32_t searching;   /* members awake without work */
    _Atomic unsigned active;      /* members with smaller numbers work; the others rest */
    _Atomic bool abandoned;       /* all that there is was killed */
    _Atomic bool ending;
    fani_event changed; /* up, active or ending has changed */
} fani_team;

/* The inbox has changed. Its lock is held. The priority is mostly the same: members look at it all
 * the time. */
static inline void fani_team_recount(fani_team *team)
{
    const fani_inbox *inbox = &team->inbox;
    size_t count = fani_inbox_count(inbox);
    int top = count ? fani_inbox_priority(inbox) : 0;
    if (count && top != atomic_load_explicit(&team->top, memory_order_relaxed))
        atomic_store_explicit(&team->top, top, memory_order_relaxed);
    atomic_store_explicit(&team->waiting, (uint32_t)count, memory_order_relaxed);
}

/* ---- member.c ------------------------------------------------------------------------------ */

/* The life of a member: ends when the team ends. */
void fani_member_run(fani_member *member);

void fani_members_lock(fani_member *a, fani_member *b);
void fani_members_unlock(fani_member *a, fani_member *b);

/* Wakes a member for new work, unless one is looking for some already. Any thread. */
void fani_team_wake(fani_team *team);

/* Whether some work waits, looked at under the locks. */
bool fani_team_has_work(fani_team *team);

/* ---- divide.c ------------------------------------------------------------------------------ */

/* Runs a divisible batch from its first item on, with whoever joins in. */
void fani_division_run(fani_member *member, fani_batch *batch);

/* Takes half of another's range over; NULL: there is nothing to take. Its work is then to be done.
 */
fani_division *fani_division_join(fani_member *member, fani_member *victim);
void fani_division_work(fani_member *member, fani_division *division);

/* Whether a member's range has items that nobody has begun. */
bool fani_division_left(const fani_member *member);

/* Nobody is to begin another part. */
void fani_division_stop(fani_division *division);

#endif
