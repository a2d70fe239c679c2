/* Divisible batches: a range of items that members share out among themselves as they go. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/batching.h"
#include "task/where.h"
#include "team.h"

enum { PART_NS = 20000, PART_GROWTH = 4 };

/* ---- Ranges -------------------------------------------------------------------------------- */

static uint64_t make_range(uint64_t begin, uint64_t end)
{
    return end << 32 | begin;
}

static uint64_t range_begin(uint64_t range)
{
    return range & UINT32_MAX;
}

static uint64_t range_end(uint64_t range)
{
    return range >> 32;
}

bool fani_division_left(const fani_member *m)
{
    uint64_t range = atomic_load(&m->range);
    return range_begin(range) < range_end(range);
}

/* Takes up to `count` items off the front of the member's range. */
static bool claim(fani_member *m, uint64_t count, uint64_t *at, uint64_t *taken)
{
    uint64_t range = atomic_load_explicit(&m->range, memory_order_relaxed), begin, end;
    do {
        begin = range_begin(range);
        end = range_end(range);
        if (begin >= end)
            return false;
        *taken = end - begin < count ? end - begin : count;
    } while (!atomic_compare_exchange_weak(&m->range, &range, make_range(begin + *taken, end)));
    *at = begin;
    return true;
}

/* Cuts the back half off a range, in whole runs. The victim's lock is held, so that the range stays
 * one of the same division. */
static uint64_t cut_half(fani_member *victim, uint64_t unit)
{
    uint64_t range = atomic_load(&victim->range), begin, end, middle;
    do {
        begin = range_begin(range);
        end = range_end(range);
        if (begin >= end)
            return 0;
        middle = begin + (end - begin) / 2 / unit * unit;
    } while (!atomic_compare_exchange_weak(&victim->range, &range, make_range(begin, middle)));
    return make_range(middle, end);
}

/* ---- Parts --------------------------------------------------------------------------------- */

/* Items of the next part where the executor chooses: some microseconds of work, or what the task
 * works on at once, and not so much of the range that others find nothing, as long as a part of it
 * is worth a vector. */
static uint64_t choose_part(const fani_member *m, const fani_division *d, double item_ns,
                            uint64_t last)
{
    uint64_t range = atomic_load_explicit(&m->range, memory_order_relaxed);
    uint64_t most = (range_end(range) - range_begin(range)) / 4 + 1, growth = last * PART_GROWTH;
    double wanted = item_ns > 0 ? PART_NS / item_ns : 1;
    double together = fani_batching_together(d->batch->task->together, item_ns);
    if (wanted < together)
        wanted = together;
    if ((double)most < together / 4)
        most = (uint64_t)(together / 4);
    if (wanted > (double)growth)
        wanted = (double)growth;
    return wanted < 1 ? 1 : wanted < (double)most ? (uint64_t)wanted : most;
}

static void run_chosen_parts(fani_member *m, fani_division *d)
{
    uint64_t at, taken, last = d->batch->item_ns > 0 ? UINT32_MAX / PART_GROWTH : 1;
    int64_t before = fani_clock_ns();
    fani_item_time item = fani_item_time_of(d->batch->item_ns);
    while (!atomic_load_explicit(&d->stopped, memory_order_relaxed) &&
           claim(m, choose_part(m, d, item.ns, last), &at, &taken)) {
        fani_worker_part_run(m->worker, at, taken);
        int64_t now = fani_clock_ns();
        fani_item_time_learn(&item, (double)(now - before) / (double)taken + 0.01);
        before = now;
        last = taken;
    }
}

static void run_given_parts(fani_member *m, const fani_division *d)
{
    uint64_t at, taken;
    while (!atomic_load_explicit(&d->stopped, memory_order_relaxed) &&
           claim(m, d->batch->grain, &at, &taken))
        fani_worker_part_run(m->worker, at, taken);
}

/* Notes what a member has had, for the trace: its parts lie side by side. Without memory for it the
 * trace lacks it. */
static void note_stint(fani_division *d, uint64_t from, uint64_t count, int64_t begun_ns,
                       fani_where where)
{
    fani_stint *stint = d->batch->traced && count ? malloc(sizeof *stint) : NULL;
    if (!stint)
        return;
    *stint = (fani_stint){.from = from,
                          .count = count,
                          .begun_ns = begun_ns,
                          .run_ns = begun_ns ? (uint64_t)(fani_clock_ns() - begun_ns) : 0,
                          .where = where};
    stint->next = atomic_load(&d->stints);
    while (!atomic_compare_exchange_weak(&d->stints, &stint->next, stint))
        ;
}

static void trace_stints(fani_front *front, fani_division *d)
{
    for (fani_stint *stint = atomic_load(&d->stints), *next; stint; stint = next) {
        next = stint->next;
        d->batch->begun_ns = stint->begun_ns;
        d->batch->run_ns = stint->run_ns;
        d->batch->where = stint->where;
        fani_front_trace_part(front, d->batch, stint->from, stint->count);
        free(stint);
    }
}

/* What nobody is to run any more. */
static void mark_rest(fani_member *m, fani_division *d, fani_slot_state state, const char *text)
{
    uint64_t at, taken;
    while (claim(m, UINT32_MAX, &at, &taken)) {
        note_stint(d, at, taken, 0, (fani_where){0});
        fani_parts_mark(&d->parts, at, taken, state, text);
    }
}

static void end_division(fani_member *m, fani_division *d)
{
    fani_batch *batch = d->batch;
    fan_status status = fani_parts_end(&d->parts);
    trace_stints(m->team->front, d);
    batch->run_ns = atomic_load(&d->run_ns);
    free(d);
    fani_front_complete(m->team->front, batch,
                        (fani_outcome){.verdict = status == FAN_OK ? FANI_DONE : FANI_FAILED,
                                       .text = fan_status_text(status)});
}

void fani_division_work(fani_member *m, fani_division *d)
{
    int64_t begun = fani_clock_ns();
    uint64_t from = range_begin(atomic_load(&m->range));
    fan_status status = fani_worker_parts_open(m->worker, &d->parts);
    if (status != FAN_OK) {
        mark_rest(m, d, FANI_SLOT_FAILED, fan_status_text(status));
    } else {
        if (d->batch->grain)
            run_given_parts(m, d);
        else
            run_chosen_parts(m, d);
        fani_worker_parts_close(m->worker);
        note_stint(d, from, range_begin(atomic_load(&m->range)) - from, begun,
                   fani_where_here(m->number));
        mark_rest(m, d, FANI_SLOT_CANCELLED, "cancelled");
    }
    m->clock_ns = fani_clock_ns();
    atomic_fetch_add(&d->run_ns, (uint64_t)(m->clock_ns - begun));
    fani_lock_take(&m->lock);
    m->division = NULL;
    m->running = NULL;
    fani_lock_give(&m->lock);
    if (atomic_fetch_sub(&d->members, 1) == 1)
        end_division(m, d);
}

/* The member's lock is held. Who revokes the batch looks at the members one after another, and may
 * have passed this one already: it has said before that the batch is not wanted. */
static void take_up(fani_member *m, fani_division *d, uint64_t range)
{
    if (atomic_load(&d->batch->unwanted) || atomic_load(&m->team->abandoned))
        fani_division_stop(d);
    atomic_store(&m->range, range);
    atomic_store(&m->cancelled, atomic_load(&d->stopped));
    m->division = d;
    m->running = d->batch;
}

void fani_division_run(fani_member *m, fani_batch *batch)
{
    fani_division *d = calloc(1, sizeof *d);
    if (!d) {
        fani_front_complete(
            m->team->front, batch,
            (fani_outcome){.verdict = FANI_FAILED, .text = fan_status_text(FAN_E_MEMORY)});
        return;
    }
    d->batch = batch;
    atomic_init(&d->members, 1);
    fani_parts_init(&d->parts, batch->task, &batch->items, &batch->args, batch->reply_limit,
                    &batch->replies);
    fani_lock_take(&m->lock);
    if (atomic_load(&m->cancelled)) /* since it began */
        fani_division_stop(d);
    take_up(m, d, make_range(0, batch->items.count));
    fani_lock_give(&m->lock);
    if (batch->items.count > 1)
        fani_team_wake(m->team);
    fani_division_work(m, d);
}

fani_division *fani_division_join(fani_member *m, fani_member *victim)
{
    uint64_t range = 0;
    if (!fani_division_left(victim))
        return NULL;
    fani_members_lock(m, victim);
    fani_division *d = victim->division;
    if (d) {
        range = cut_half(victim, d->batch->grain ? d->batch->grain : 1);
        if (range)
            atomic_fetch_add(&d->members, 1);
    }
    if (range)
        take_up(m, d, range);
    fani_members_unlock(m, victim);
    return range ? d : NULL;
}

void fani_division_stop(fani_division *d)
{
    atomic_store(&d->stopped, true);
}
