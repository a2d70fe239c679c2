/* What a member of the team does: finds work, runs it, rests. */
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/stamp.h"
#include "task/where.h"
#include "team.h"

enum {
    GRAB_NS = 20000,  /* work taken from the inbox at a time */
    SPINS = 100,      /* looks for work before resting; after each but the first few the core is */
    SPINS_ALONE = 20, /* offered to others */
    CLOCK_EVERY = 8,  /* short batches between two looks at the clock */
    SHORT_NS = 2000,
    ODD = 8,          /* a batch alone that takes so many times the mean moves it little */
    WAKES_NS = 50000, /* work before those who wait for it are woken */
    GATHER = 8,       /* batches of a stream of short ones that are waited for, */
    GATHER_SPINS = 8, /* and how long: below a microsecond */
};

/* ---- Hands --------------------------------------------------------------------------------- */

/* Its lock is held. */
static void moved(fani_member *m)
{
    atomic_store_explicit(&m->waiting, fani_hand_count(&m->hand), memory_order_relaxed);
}

/* How many batches to take at a time: of short ones many, of others one. */
static size_t worth_grabbing(const fani_member *m, size_t waiting)
{
    double share = (double)waiting / (2.0 * m->team->count) + 1;
    double most = m->mean_ns > 0 ? GRAB_NS / m->mean_ns : 1;
    if (share > most)
        share = most;
    return share < 1 ? 1 : share > FANI_HAND ? FANI_HAND : (size_t)share;
}

/* Where short batches come one after the other, taking each as it comes costs more than running it:
 * the inbox goes back and forth between who posts and who takes. A moment later there are several.
 */
static void gather(void)
{
    for (int i = 0; i < GATHER_SPINS; i++)
        fani_cpu_relax();
}

/* Fills the empty hand from the inbox: batches of one priority. A member of a gang is taken alone:
 * what lay behind it would wait for the gang, and while the inbox has more nobody would come to rob
 * it. */
static bool grab(fani_member *m)
{
    fani_team *team = m->team;
    uint32_t seen = atomic_load_explicit(&team->waiting, memory_order_relaxed);
    if (!seen)
        return false;
    if (m->streams && seen < GATHER)
        gather();
    fani_lock_take(&team->lock);
    fani_lock_take(&m->lock);
    fani_inbox *inbox = &team->inbox;
    size_t waiting = fani_inbox_count(inbox);
    if (waiting)
        m->priority = fani_inbox_priority(inbox);
    m->hand.first = 0;
    m->hand.last = (unsigned)fani_inbox_take(inbox, m->hand.batches, worth_grabbing(m, waiting));
    moved(m);
    unsigned taken = fani_hand_count(&m->hand);
    fani_lock_give(&m->lock);
    fani_team_recount(team);
    fani_lock_give(&team->lock);
    m->streams = taken > 1 && m->mean_ns > 0 && m->mean_ns < SHORT_NS;
    return taken > 0;
}

void fani_members_lock(fani_member *a, fani_member *b)
{
    fani_lock_take(a->number < b->number ? &a->lock : &b->lock);
    fani_lock_take(a->number < b->number ? &b->lock : &a->lock);
}

void fani_members_unlock(fani_member *a, fani_member *b)
{
    fani_lock_give(&a->lock);
    fani_lock_give(&b->lock);
}

/* Takes the newer half of another's hand: what it would come to last. */
static bool rob(fani_member *m, fani_member *victim)
{
    if (!atomic_load_explicit(&victim->waiting, memory_order_relaxed))
        return false;
    fani_members_lock(m, victim);
    m->priority = victim->priority;
    fani_hand_rob(&m->hand, &victim->hand);
    moved(m);
    moved(victim);
    bool any = fani_hand_count(&m->hand) > 0;
    fani_members_unlock(m, victim);
    return any;
}

/* Whether the inbox has what should begin before what is in the hand. */
static bool outranked(const fani_member *m)
{
    const fani_team *team = m->team;
    return atomic_load_explicit(&team->top, memory_order_relaxed) > m->priority &&
           atomic_load_explicit(&m->waiting, memory_order_relaxed) &&
           atomic_load_explicit(&team->waiting, memory_order_relaxed);
}

/* The next batch in the hand, which then runs; or NULL. */
static fani_batch *begin_next(fani_member *m)
{
    if (!atomic_load_explicit(&m->waiting, memory_order_relaxed))
        return NULL;
    fani_lock_take(&m->lock);
    fani_batch *batch = fani_hand_pop(&m->hand);
    if (batch) {
        atomic_store_explicit(&batch->home, NULL, memory_order_relaxed);
        m->running = batch;
        atomic_store_explicit(&m->cancelled, false, memory_order_relaxed);
        if (batch->timeout_ns)
            m->begun_ns = fani_clock_ns();
        moved(m);
    }
    fani_lock_give(&m->lock);
    return batch;
}

/* ---- Running ------------------------------------------------------------------------------- */

/* At the end, `now`, of `batches` batches since the clock was last read; what they took. */
static uint64_t set_clock(fani_member *m, int64_t now, double batches)
{
    now = now > m->clock_ns ? now : m->clock_ns; /* a stamp may be a little ahead */
    int64_t elapsed = now - m->clock_ns;
    double mean = (double)elapsed / batches + 1;
    m->mean_ns = m->mean_ns > 0 ? 0.75 * m->mean_ns + 0.25 * mean : mean;
    m->clock_ns = now;
    m->unclocked = 0;
    return (uint64_t)elapsed;
}

/* What the batch that has just ended took. Reading the clock costs as much as a short batch: then
 * it is read now and then, and one batch gets what all since took. */
static uint64_t time_spent(fani_member *m)
{
    if (m->mean_ns > 0 && m->mean_ns < SHORT_NS && ++m->unclocked < CLOCK_EVERY)
        return 0;
    return set_clock(m, fani_clock_ns(), m->unclocked ? m->unclocked : 1);
}

static void wake_waiters(fani_member *m)
{
    if (m->wakes.count)
        fani_front_wake_deferred(&m->wakes);
    m->wakes_ns = 0;
}

/* After each batch: wakes who waits, unless more short batches are at hand. */
static void consider_waiters(fani_member *m)
{
    if (!m->wakes.count)
        return;
    m->wakes_ns += m->mean_ns;
    if (m->mean_ns > SHORT_NS || m->wakes_ns > WAKES_NS)
        wake_waiters(m);
}

static fan_status run_task(fani_member *m, fani_batch *batch)
{
    if (batch->traced) /* whoever runs others inside it names this worker for them */
        batch->where = fani_where_here(m->number);
    fan_status status = fani_worker_run_untimed(m->worker, batch->task, &batch->items, &batch->args,
                                                batch->reply_limit, &batch->replies);
    if (!batch->traced) {
        batch->run_ns = time_spent(m);
        return status;
    }
    /* One batch begins where the last one ended: reading the clock twice would double the cost. One
     * that lost its core to the waiter that was woken is not to have the next wake each waiter. */
    int64_t now = fani_stamp_ns();
    double took = (double)(now - m->clock_ns), most = ODD * m->mean_ns;
    batch->begun_ns = m->clock_ns;
    batch->run_ns = set_clock(m, now, most > 0 && took > most ? took / most : 1);
    return status;
}

static void run_batch(fani_member *m, fani_batch *batch)
{
    fan_status status = run_task(m, batch);
    if (batch->timeout_ns) {
        fani_lock_take(&m->lock);
        m->begun_ns = 0;
        fani_lock_give(&m->lock);
    }
    fani_front_complete(m->team->front, batch,
                        (fani_outcome){.verdict = status == FAN_OK ? FANI_DONE : FANI_FAILED,
                                       .text = fan_status_text(status)});
    consider_waiters(m);
}

/* ---- Searching and resting ----------------------------------------------------------------- */

void fani_team_wake(fani_team *team)
{
    if (atomic_load(&team->searching) == 0)
        fani_event_notify_one(&team->work);
}

/* True: it was the last that searched. What came meanwhile woke nobody: it has to see to that. */
static bool search(fani_member *m, bool searches)
{
    if (m->searches == searches)
        return false;
    m->searches = searches;
    m->clock_ns = 0;
    m->unclocked = 0;
    if (!searches)
        return atomic_fetch_sub(&m->team->searching, 1) == 1;
    atomic_fetch_add(&m->team->searching, 1);
    return false;
}

/* Looks at everyone's work once; what was found is in the hand, or has been run. */
static bool find_work(fani_member *m)
{
    fani_team *team = m->team;
    if (grab(m))
        return true;
    for (unsigned i = 1; i < team->count; i++) {
        fani_member *other = &team->members[(m->number + i) % team->count];
        if (rob(m, other))
            return true;
        fani_division *division = fani_division_join(m, other);
        if (division) {
            search(m, false);
            fani_team_wake(team); /* the next one looks for its part */
            fani_division_work(m, division);
            return true;
        }
    }
    return false;
}

static bool may_work(const fani_member *m)
{
    return m->number < atomic_load(&m->team->active);
}

/* Gives back what a member that is to rest, or to do something else first, has in its hand. */
static void empty_hand(fani_member *m)
{
    fani_team *team = m->team;
    fani_lock_take(&team->lock);
    fani_lock_take(&m->lock);
    while (m->hand.last != m->hand.first)
        fani_inbox_push_first(&team->inbox, m->hand.batches[--m->hand.last]);
    moved(m);
    fani_lock_give(&m->lock);
    fani_team_recount(team);
    fani_lock_give(&team->lock);
    fani_team_wake(team);
}

/* Spins for a moment, since sleeping and waking costs far more than most pauses between batches.
 */
static bool spin(fani_member *m)
{
    for (int i = 0; i < SPINS && may_work(m); i++) {
        if (find_work(m))
            return true;
        if (i >= SPINS_ALONE)
            sched_yield();
        else
            fani_cpu_relax();
    }
    return false;
}

/* Sleeps until there may be work. Whoever brings some does so under a lock that find_work takes
 * after this member has announced itself: nothing is missed. */
static void rest(fani_member *m)
{
    fani_team *team = m->team;
    wake_waiters(m);
    bool was_last = search(m, false), works = may_work(m);
    if (!works && was_last && fani_team_has_work(team))
        fani_team_wake(team); /* who may work did not hear of it */
    fani_event *event = works ? &team->work : &team->changed;
    uint32_t key = fani_event_prepare(event);
    if (atomic_load(&team->ending) || works != may_work(m) || (works && fani_team_has_work(team)))
        fani_event_cancel(event);
    else
        (void)fani_event_wait(event, key, INT64_MAX);
}

/* Whether some work waits, looked at under the locks. */
bool fani_team_has_work(fani_team *team)
{
    fani_lock_take(&team->lock);
    bool any = fani_inbox_count(&team->inbox) > 0;
    fani_lock_give(&team->lock);
    for (unsigned i = 0; i < team->count && !any; i++) {
        fani_member *m = &team->members[i];
        fani_lock_take(&m->lock);
        any = fani_hand_count(&m->hand) || (m->division && fani_division_left(m));
        fani_lock_give(&m->lock);
    }
    return any;
}

/* What this member has found is more than it does at once: another may have some. */
static void share_work(fani_member *m)
{
    if (atomic_load_explicit(&m->waiting, memory_order_relaxed) > 1 ||
        atomic_load_explicit(&m->team->waiting, memory_order_relaxed))
        fani_team_wake(m->team);
}

static bool next_work(fani_member *m)
{
    if (grab(m)) {
        share_work(m);
        return true;
    }
    search(m, true);
    bool found = find_work(m);
    if (!found) {
        wake_waiters(m);
        found = spin(m);
    }
    if (!found)
        return false;
    if (search(m, false))
        share_work(m);
    return true;
}

void fani_member_run(fani_member *m)
{
    fani_team *team = m->team;
    fani_front_defer_wakes(&m->wakes);
    while (!atomic_load_explicit(&team->ending, memory_order_relaxed)) {
        if (outranked(m) ||
            (!may_work(m) && atomic_load_explicit(&m->waiting, memory_order_relaxed)))
            empty_hand(m);
        fani_batch *batch = may_work(m) ? begin_next(m) : NULL;
        if (batch && !m->clock_ns)
            m->clock_ns = fani_clock_ns();
        if (batch && batch->divisible) {
            wake_waiters(m);
            fani_division_run(m, batch);
        } else if (batch)
            run_batch(m, batch);
        else if (!may_work(m) || !next_work(m))
            rest(m);
    }
    wake_waiters(m);
    fani_front_defer_wakes(NULL); /* what follows on this thread wakes at once */
}
