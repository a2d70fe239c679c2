/* Batches on their way to workers: whichever thread posts writes straight into a worker's ring. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "exec/gang.h"
#include "memory.h"
#include "pool.h"

enum {
    OUTSIDE_MAX = 2, /* large messages a worker may have at a time */
    WINDOW_MIN = 2,  /* one runs, the next is there when it ends */
    /* Work that a worker has in advance: so much that it goes on while the pump is called and sends
     * more, and that this is seldom; so little that most batches still wait where all workers can
     * have them, and those of high priority overtake. */
    WINDOW_NS = 1000000,
    FIRST_GUESS_NS = 20000, /* what a batch takes, before any has been seen */
    OVERHEAD_NS = 50,       /* of a batch in a worker */
    /* To wake a worker costs about this; for less it is better to queue behind another batch. */
    WAKE_NS = 10000,
    WORTH_WAKES = 8, /* with this much to do a worker's batches go to an idle one */
    CHOICES = 16,    /* workers looked at before one that is good enough is taken */
};

static const uint64_t LONGEST_NS =
    UINT64_C(1000000000000); /* a batch is not thought to take more */

/* ---- Bell and wake ------------------------------------------------------------------------- */

void fani_processes_ring_bell(const fani_processes_pool *pool)
{
    uint64_t one = 1;
    /* The counter is never read and never full; there is no other error. */
    while (write(pool->bell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void fani_processes_wake(fani_processes_worker *worker)
{
    const fani_processes_control wake = {.kind = FANI_PROCESSES_WAKE};
    if (atomic_exchange(&worker->region->asleep, 0))
        /* A full socket wakes it as well; a closed one is the pump's business. */
        (void)fani_processes_control_send(worker->socket, &wake, -1, false);
}

void fani_processes_wake_due(fani_processes_pool *pool)
{
    if (!pool->wakes_due)
        return;
    pool->wakes_due = false;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (worker->wake_due && worker->region)
            fani_processes_wake(worker);
        worker->wake_due = false;
    }
}

static uint64_t place_of(const fani_processes_worker *worker, uint64_t i)
{
    return worker->flights[(worker->first + i) % FANI_PROCESSES_WINDOW].position;
}

uint64_t fani_processes_bell_place(const fani_processes_worker *worker, fani_processes_bell bell)
{
    unsigned half = (worker->last - worker->first - 1) / 2, most = worker->window / 2 - 1;
    if (bell == FANI_PROCESSES_AT_THE_END)
        return (place_of(worker, 0) +
                (uint64_t)FANI_PROCESSES_LINE * (worker->window * 7 / 8 - 1)) |
               FANI_PROCESSES_PATIENT;
    return place_of(worker, half < most ? half : most) |
           (bell == FANI_PROCESSES_FOR_ATTENDANT ? FANI_PROCESSES_CALL : 0);
}

/* Each reply that waits is a line at least, so there are not more of them than lines. */
bool fani_processes_may_have_passed(const fani_processes_worker *worker, uint64_t place)
{
    uint64_t head = atomic_load(&worker->region->reply_ends.head);
    uint64_t waiting = (head - worker->replies.at) / FANI_PROCESSES_LINE;
    return waiting >= worker->in_flight || place_of(worker, waiting) > place;
}

void fani_processes_set_bell(fani_processes_worker *worker, uint64_t at)
{
    worker->bell_at = at;
    atomic_exchange(&worker->region->ring_at, at);
}

/* ---- Completing ---------------------------------------------------------------------------- */

void fani_processes_complete(fani_processes_pool *pool, fani_batch *batch, fani_verdict verdict,
                             const char *text)
{
    if (batch->gang && verdict == FANI_LOST) {
        fani_gang_member_ended(batch, FANI_SLOT_LOST, text);
        verdict = FANI_DONE;
    }
    fani_front_complete(pool->front, batch, (fani_outcome){.verdict = verdict, .text = text});
}

/* Failing it here would call back into whoever posts. */
void fani_processes_refuse(fani_processes_pool *pool, fani_batch *batch, int error)
{
    batch->mark = &pool->refused;
    batch->run_ns = (uint64_t)error;
    fani_fifo_push(&pool->refused, batch);
    fani_processes_ring_bell(pool);
}

/* ---- Choosing ------------------------------------------------------------------------------ */

static uint64_t batch_ns(const fani_processes_worker *worker)
{
    return OVERHEAD_NS + (worker->item_ns ? worker->item_ns : FIRST_GUESS_NS);
}

static void set_time(fani_processes_worker *worker, uint64_t item_ns)
{
    worker->item_ns = item_ns;
    uint64_t fit = WINDOW_NS / batch_ns(worker);
    worker->window = fit < WINDOW_MIN              ? WINDOW_MIN
                     : fit < FANI_PROCESSES_WINDOW ? (unsigned)fit
                                                   : FANI_PROCESSES_WINDOW;
}

/* One odd time moves little. From a long time in which the worker stood still it is a short way
 * back. */
void fani_processes_note_times(fani_processes_worker *worker, unsigned count, uint64_t run_ns)
{
    uint64_t before = batch_ns(worker) - OVERHEAD_NS, most = 8 * (before + OVERHEAD_NS);
    uint64_t now = run_ns / count < most ? run_ns / count : most;
    now = now < LONGEST_NS ? now : LONGEST_NS; /* a worker may tell anything */
    uint64_t weight = count < 8 ? count : 8;
    if (now < before / 8)
        set_time(worker, before / 2);
    else
        set_time(worker, ((8 - weight) * before + weight * now + 7) / 8);
}

static bool takes_work(const fani_processes_worker *worker, bool outside)
{
    return worker->state == FANI_PROCESSES_SERVING && !worker->full && !worker->stopped &&
           !worker->revoked && !worker->kept && worker->in_flight < worker->window &&
           worker->last - worker->first < FANI_PROCESSES_WINDOW &&
           (!outside || worker->outside < OUTSIDE_MAX);
}

/* How long a batch would wait there. */
static uint64_t wait_ns(const fani_processes_worker *worker)
{
    if (worker->in_flight)
        return worker->in_flight * batch_ns(worker);
    return atomic_load_explicit(&worker->region->asleep, memory_order_relaxed) ? WAKE_NS : 0;
}

/* The worker with room for a batch that comes to it first, or NULL. With many workers one that is
 * as good as a sleeping one will do, and later any. */
static fani_processes_worker *choose(fani_processes_pool *pool, const fani_batch *batch)
{
    bool outside = fani_processes_is_outside(batch);
    fani_processes_worker *best = NULL;
    uint64_t least = UINT64_MAX;
    unsigned at = pool->next;
    for (unsigned i = 0; i < pool->count && !(best && i >= CHOICES); i++, at++) {
        at = at < pool->count ? at : 0;
        fani_processes_worker *worker = &pool->workers[at];
        if (!takes_work(worker, outside))
            continue;
        uint64_t wait = wait_ns(worker);
        if (wait >= least)
            continue;
        best = worker;
        least = wait;
        if (wait == 0)
            break;
    }
    if (best)
        pool->next = (unsigned)(best - pool->workers);
    return best;
}

/* Gives a batch to a worker; false where none has room. */
static bool load(fani_processes_pool *pool, fani_batch *batch)
{
    fani_processes_worker *worker;
    while ((worker = choose(pool, batch)) != NULL)
        if (fani_processes_load(pool, worker, batch) != FANI_PROCESSES_NO_ROOM)
            return true;
    return false;
}

uint64_t fani_processes_most_wait_ns(const fani_processes_pool *pool)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < pool->count; i++) {
        const fani_processes_worker *worker = &pool->workers[i];
        uint64_t wait = worker->in_flight * batch_ns(worker);
        most = wait > most ? wait : most;
    }
    return most;
}

void fani_processes_dispatch(fani_processes_pool *pool)
{
    fani_batch *batch;
    fani_processes_seat_members(pool);
    while ((batch = fani_processes_queue_pop(&pool->queue))) {
        fani_processes_expect(pool->queue.first);
        if (!load(pool, batch)) {
            fani_processes_queue_push_first(&pool->queue, batch);
            return;
        }
    }
}

static void post_member(fani_processes_pool *pool, fani_batch *batch)
{
    batch->mark = &pool->members;
    fani_fifo_push(&pool->members, batch);
    pool->ganging = true;
    fani_processes_dispatch(pool);
}

void fani_processes_post(void *self, fani_batch *batch)
{
    fani_processes_pool *pool = self;
    pthread_mutex_lock(&pool->lock);
    if (pool->broken)
        fani_processes_refuse(pool, batch, 0);
    else if (batch->gang)
        post_member(pool, batch);
    else if (pool->queue.first || !load(pool, batch))
        fani_processes_queue_push(&pool->queue, batch);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- Out of a ring ------------------------------------------------------------------------- */

void fani_processes_requeue(fani_processes_pool *pool, fani_batch *batch)
{
    if (!batch->gang) {
        fani_processes_queue_push_first(&pool->queue, batch);
        return;
    }
    batch->mark = &pool->members;
    fani_fifo_push_first(&pool->members, batch);
    pool->ganging = true;
}

bool fani_processes_unqueue(fani_processes_pool *pool, fani_batch *batch)
{
    if (batch->mark == &pool->queue)
        fani_processes_queue_remove(&pool->queue, batch);
    else if (batch->mark == &pool->members)
        fani_fifo_take(&pool->members, batch);
    else
        return false;
    batch->mark = NULL;
    return true;
}

fani_batch *fani_processes_next_waiting(fani_processes_pool *pool)
{
    fani_batch *batch = pool->queue.first ? pool->queue.first : pool->members.first;
    if (batch)
        fani_processes_unqueue(pool, batch);
    return batch;
}

static fani_processes_flight *flight_at(const fani_processes_worker *worker, unsigned i)
{
    return &worker->flights[i % FANI_PROCESSES_WINDOW];
}

/* Takes the batch of a flight. The flight stays, void, until an answer passes it. */
static fani_batch *take_flight(fani_processes_worker *worker, fani_processes_flight *flight)
{
    fani_batch *batch = flight->batch;
    flight->batch = NULL;
    worker->in_flight--;
    worker->outside -= flight->outside;
    if (worker->seated) /* that was its member */
        worker->kept = worker->seated = false;
    return batch;
}

/* No answer may come to pass void flights at the end. */
static void drop_void(fani_processes_worker *worker)
{
    while (worker->last != worker->first && !flight_at(worker, worker->last - 1)->batch)
        worker->last--;
}

/* Replies come in the order of the flights; the batch itself is not touched here. */
bool fani_processes_land(fani_processes_worker *worker, uint64_t posting, fani_batch **batch)
{
    while (worker->first != worker->last) {
        fani_processes_flight *flight = flight_at(worker, worker->first);
        bool answered = flight->posting == posting;
        if (flight->batch && !answered)
            return false;
        worker->first++;
        if (!answered)
            continue;
        *batch = flight->batch ? take_flight(worker, flight) : NULL;
        return true;
    }
    return false;
}

fani_batch *fani_processes_ground(fani_processes_pool *pool, fani_processes_worker *worker,
                                  fani_batch **next)
{
    fani_batch *begun = NULL;
    *next = NULL;
    for (; worker->last != worker->first; worker->last--) {
        fani_processes_flight *flight = flight_at(worker, worker->last - 1);
        if (!flight->batch)
            continue;
        bool has_begun = fani_processes_ring_begun(&worker->requests, flight->position);
        fani_batch *batch = take_flight(worker, flight);
        if (has_begun && !begun) {
            begun = batch;
            begun->mark = NULL;
        } else {
            *next = batch;
            fani_processes_requeue(pool, batch);
        }
    }
    return begun;
}

/* The worker that has most to do, where that is worth waking another; or NULL. */
static fani_processes_worker *most_loaded(fani_processes_pool *pool)
{
    fani_processes_worker *most = NULL;
    uint64_t longest = (uint64_t)WORTH_WAKES * WAKE_NS;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (worker->in_flight < 2 || wait_ns(worker) < longest)
            continue;
        longest = wait_ns(worker);
        most = worker;
    }
    return most;
}

/* Takes the last of a worker's batches back that it has not begun. NULL: there is none. */
static fani_batch *take_last(fani_processes_worker *worker)
{
    drop_void(worker);
    if (worker->last == worker->first)
        return NULL;
    fani_processes_flight *flight = flight_at(worker, worker->last - 1);
    if (!fani_processes_ring_take_back(&worker->requests, flight->position))
        return NULL;
    worker->last--;
    return take_flight(worker, flight);
}

/* An idle worker gets half of what another has. */
static void share_work(fani_processes_pool *pool, fani_processes_worker *idle,
                       fani_processes_worker *victim)
{
    for (unsigned n = victim->in_flight / 2; n > 0; n--) {
        fani_batch *batch = take_last(victim);
        if (!batch)
            return;
        /* Taken from the end and put before the others: the queue has them in order again. */
        fani_processes_queue_push_first(&pool->queue, batch);
    }
    while (pool->queue.first && takes_work(idle, fani_processes_is_outside(pool->queue.first))) {
        fani_batch *batch = fani_processes_queue_pop(&pool->queue);
        if (fani_processes_load(pool, idle, batch) == FANI_PROCESSES_NO_ROOM)
            fani_processes_queue_push_first(&pool->queue, batch);
    }
}

/* Without this a batch could wait behind a long one while other workers have nothing to do. */
void fani_processes_balance(fani_processes_pool *pool)
{
    fani_processes_dispatch(pool);
    for (unsigned i = 0; i < pool->count && !pool->queue.first; i++) {
        fani_processes_worker *idle = &pool->workers[i];
        if (idle->in_flight || !takes_work(idle, false))
            continue;
        fani_processes_worker *victim = most_loaded(pool);
        if (!victim)
            return;
        share_work(pool, idle, victim);
    }
    fani_processes_dispatch(pool);
}

void fani_processes_note_stall(fani_processes_worker *worker, uint64_t ns)
{
    if (worker->in_flight && worker->item_ns < ns)
        set_time(worker, ns);
}

fani_processes_flight *fani_processes_flight_of(const fani_processes_pool *pool,
                                                const fani_batch *batch)
{
    fani_processes_flight *flight = batch->mark;
    if (!flight || batch->mark == &pool->queue || batch->mark == &pool->members ||
        batch->mark == &pool->refused)
        return NULL;
    return flight->batch == batch ? flight : NULL; /* else it has just been answered */
}

bool fani_processes_take_back(fani_processes_pool *pool, fani_batch *batch,
                              fani_processes_worker **worker)
{
    if (fani_processes_unqueue(pool, batch))
        return true;
    fani_processes_flight *flight = fani_processes_flight_of(pool, batch);
    if (!flight)
        return false;
    *worker = &pool->workers[flight->worker];
    if (!fani_processes_ring_take_back(&(*worker)->requests, flight->position))
        return false;
    take_flight(*worker, flight);
    batch->mark = NULL;
    drop_void(*worker);
    return true;
}

uint64_t fani_processes_untaken(const fani_processes_worker *worker)
{
    for (unsigned i = worker->first; i != worker->last; i++) {
        const fani_processes_flight *flight = flight_at(worker, i);
        if (flight->batch)
            return fani_processes_ring_untaken(&worker->requests, flight->position)
                       ? flight->posting
                       : 0;
    }
    return 0;
}

void fani_processes_unload(fani_processes_pool *pool, fani_processes_worker *worker)
{
    for (fani_batch *batch; (batch = take_last(worker));)
        fani_processes_requeue(pool, batch);
}
