/* Batches on their way to workers: whichever thread posts writes straight into a worker's ring. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "exec/gang.h"
#include "memory.h"
#include "pool.h"
#include "task/wire.h"

enum { OUTSIDE_MAX = 2 }; /* large messages a worker may have at a time */

/* ---- The bell -------------------------------------------------------------------------------- */

void fani_processes_ring_bell(const fani_processes_pool *pool)
{
    uint64_t one = 1;
    /* The one error that can come, EAGAIN at a full counter, means that it rings already. */
    while (write(pool->bell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void fani_processes_wake(fani_processes_worker *worker)
{
    const fani_processes_control wake = {.kind = FANI_PROCESSES_WAKE};
    if (atomic_load_explicit(&worker->region->asleep, memory_order_seq_cst) &&
        atomic_exchange(&worker->region->asleep, 0))
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

/* ---- Messages ------------------------------------------------------------------------------ */

static fani_wire_batch wire_batch(const fani_batch *batch)
{
    return (fani_wire_batch){.posting = batch->posting,
                             .reply_limit = batch->reply_limit,
                             .task_name = batch->task->name,
                             .task_name_size = strlen(batch->task->name),
                             .args = batch->args,
                             .items = batch->items};
}

/* Puts a message into memory of its own. Answers 0 or an errno. */
static int write_outside(const fani_wire_batch *wire, size_t size, int *fd)
{
    unsigned char *bytes = NULL;
    int made = -1;
    int error = fani_processes_memory_new(size, true, &made);
    if (error)
        return error;
    error = fani_processes_memory_map(made, size, true, &bytes);
    if (!error) {
        fani_wire_batch_write(wire, bytes);
        fani_processes_memory_unmap(bytes, size);
        error = fani_processes_memory_freeze(made);
    }
    if (error)
        close(made);
    else
        *fd = made;
    return error;
}

void fani_processes_complete(fani_processes_pool *pool, fani_batch *batch, fani_verdict verdict,
                             const char *text)
{
    char *why = batch->mark;
    batch->mark = NULL;
    if (batch->gang && verdict == FANI_LOST) {
        fani_gang_member_ended(batch, FANI_SLOT_LOST, text);
        verdict = FANI_DONE;
    }
    fani_front_complete(pool->front, batch, (fani_outcome){.verdict = verdict, .text = text});
    free(why);
}

/* Leaves a batch to the pump to fail: failing it here would call back into whoever posts. The text
 * (NULL: there is no memory for one) hangs at its mark. The lock is held. */
static void give_up(fani_processes_pool *pool, fani_batch *batch, char *why)
{
    batch->mark = why;
    fani_fifo_push(&pool->refused, batch);
    fani_processes_ring_bell(pool);
}

/* ---- Into a ring --------------------------------------------------------------------------- */

/* The worker takes nothing until it has made progress, which the pump will see; where nothing of
 * it is under way the pump tries again as soon as it can. */
static fani_processes_loaded no_room(fani_processes_pool *pool, fani_processes_worker *worker,
                                     int error)
{
    worker->full = true;
    if (worker->requests.broken) /* it wrote over the ring; the pump buries it */
        (void)pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
    else if (error ? error != EPIPE : worker->in_flight == 0)
        fani_processes_watch_room(pool, worker, true);
    return FANI_PROCESSES_NO_ROOM;
}

/* Sends a message that is too large for the ring. It is packed only now, so that batches that wait
 * hold no descriptors. Answers 0 or an errno; *packed tells whether that was the socket's. */
static int send_outside(fani_processes_worker *worker, const fani_wire_batch *wire, size_t size,
                        bool *packed)
{
    const fani_processes_control control = {
        .kind = FANI_PROCESSES_MEMORY, .id = wire->posting, .size = size};
    int fd = -1;
    int error = write_outside(wire, size, &fd);
    *packed = !error;
    if (error)
        return error;
    error = fani_processes_control_send(worker->socket, &control, fd, false);
    close(fd);
    worker->controls += !error;
    return error;
}

static void take_off(fani_processes_pool *pool, fani_processes_worker *worker,
                     fani_processes_frame *frame, fani_batch *batch, bool outside)
{
    frame->kind = outside ? FANI_PROCESSES_OUTSIDE : FANI_PROCESSES_INLINE;
    frame->posting = batch->posting;
    frame->controls = worker->controls;
    if (worker->rest_told != pool->rest) {
        worker->rest_told = pool->rest;
        atomic_store(&worker->region->rest, pool->rest);
    }
    uint64_t position = fani_processes_ring_publish(&worker->requests);
    worker->flights[worker->in_flight++] =
        (fani_processes_flight){.batch = batch, .position = position, .outside = outside};
    if (pthread_equal(pthread_self(), pool->pump))
        pool->wakes_due = worker->wake_due = true;
    else
        fani_processes_wake(worker);
}

fani_processes_loaded fani_processes_load(fani_processes_pool *pool, fani_processes_worker *worker,
                                          fani_batch *batch)
{
    fani_wire_batch wire = wire_batch(batch);
    size_t size = fani_wire_batch_size(&wire);
    bool outside = size > FANI_PROCESSES_INLINE_BYTES, packed = true;
    int error = fani_processes_tell_shares(pool, worker);
    if (error)
        return no_room(pool, worker, error);
    fani_processes_frame *frame =
        fani_processes_ring_reserve(&worker->requests, outside ? 0 : size);
    if (!frame)
        return no_room(pool, worker, 0);
    if (outside)
        error = send_outside(worker, &wire, size, &packed);
    else
        fani_wire_batch_write(&wire, (unsigned char *)(frame + 1));
    if (error && packed)
        return no_room(pool, worker, error);
    if (error) {
        char *why = NULL;
        if (asprintf(&why, "no memory for a message of %zu bytes to a worker: %s", size,
                     strerrordesc_np(error)) < 0)
            why = NULL;
        give_up(pool, batch, why);
        return FANI_PROCESSES_HOPELESS;
    }
    take_off(pool, worker, frame, batch, outside);
    return FANI_PROCESSES_LOADED;
}

/* Descriptors on their way are counted by the kernel, and limited. */
static bool takes_outside(const fani_processes_worker *worker)
{
    unsigned outside = 0;
    for (unsigned i = 0; i < worker->in_flight; i++)
        outside += worker->flights[i].outside;
    return outside < OUTSIDE_MAX;
}

static bool takes_work(const fani_processes_worker *worker, bool outside)
{
    return worker->state == FANI_PROCESSES_SERVING && !worker->full && !worker->revoked &&
           !worker->kept && worker->in_flight < FANI_PROCESSES_WINDOW &&
           (!outside || takes_outside(worker));
}

static bool is_outside(const fani_batch *batch)
{
    fani_wire_batch wire = wire_batch(batch);
    return fani_wire_batch_size(&wire) > FANI_PROCESSES_INLINE_BYTES;
}

/* The worker with the least to do that has room for a batch, or NULL. */
static fani_processes_worker *choose(fani_processes_pool *pool, const fani_batch *batch)
{
    bool outside = is_outside(batch);
    fani_processes_worker *best = NULL;
    for (unsigned i = 0; i < pool->count; i++) {
        unsigned at = (pool->next + i) % pool->count;
        fani_processes_worker *worker = &pool->workers[at];
        if (!takes_work(worker, outside) || (best && worker->in_flight >= best->in_flight))
            continue;
        best = worker;
        if (best->in_flight == 0)
            break;
    }
    if (best)
        pool->next = (unsigned)(best - pool->workers + 1) % pool->count;
    return best;
}

void fani_processes_dispatch(fani_processes_pool *pool)
{
    fani_processes_seat_members(pool);
    while (pool->queue.first) {
        fani_processes_worker *worker = choose(pool, pool->queue.first);
        if (!worker)
            return;
        fani_batch *batch = fani_fifo_pop(&pool->queue);
        if (fani_processes_load(pool, worker, batch) == FANI_PROCESSES_NO_ROOM)
            fani_fifo_push_first(&pool->queue, batch);
    }
}

void fani_processes_post(void *self, fani_batch *batch)
{
    fani_processes_pool *pool = self;
    batch->mark = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->broken) {
        give_up(pool, batch, strdup(pool->trouble.text));
    } else {
        pool->ganging |= batch->gang != NULL;
        fani_fifo_push(batch->gang ? &pool->members : &pool->queue, batch);
        fani_processes_dispatch(pool);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* ---- Out of a ring ------------------------------------------------------------------------- */

void fani_processes_requeue(fani_processes_pool *pool, fani_batch *batch)
{
    pool->ganging |= batch->gang != NULL;
    fani_fifo_push_first(batch->gang ? &pool->members : &pool->queue, batch);
}

static fani_batch *take_flight(fani_processes_worker *worker, unsigned i)
{
    fani_batch *batch = worker->flights[i].batch;
    worker->in_flight--;
    memmove(&worker->flights[i], &worker->flights[i + 1],
            (worker->in_flight - i) * sizeof *worker->flights);
    if (batch->gang)
        worker->kept = worker->seated = false;
    return batch;
}

fani_batch *fani_processes_land(fani_processes_worker *worker, uint64_t posting)
{
    for (unsigned i = 0; i < worker->in_flight; i++)
        if (worker->flights[i].batch->posting == posting)
            return take_flight(worker, i);
    return NULL;
}

fani_batch *fani_processes_ground(fani_processes_pool *pool, fani_processes_worker *worker)
{
    fani_batch *begun = NULL;
    while (worker->in_flight) {
        unsigned last = worker->in_flight - 1;
        bool has_begun =
            fani_processes_ring_begun(&worker->requests, worker->flights[last].position);
        fani_batch *batch = take_flight(worker, last);
        if (has_begun && !begun)
            begun = batch;
        else
            fani_processes_requeue(pool, batch);
    }
    return begun;
}

static fani_processes_worker *most_loaded(fani_processes_pool *pool)
{
    fani_processes_worker *most = NULL;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (worker->in_flight > 1 && (!most || worker->in_flight > most->in_flight))
            most = worker;
    }
    return most;
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
        unsigned last = victim->in_flight - 1;
        if (!fani_processes_ring_take_back(&victim->requests, victim->flights[last].position))
            continue;
        fani_batch *batch = take_flight(victim, last);
        if (fani_processes_load(pool, idle, batch) == FANI_PROCESSES_NO_ROOM)
            fani_fifo_push_first(&pool->queue, batch);
    }
}

static bool find_flight(fani_processes_pool *pool, const fani_batch *batch,
                        fani_processes_worker **worker, unsigned *flight)
{
    for (unsigned i = 0; i < pool->count; i++) {
        for (unsigned k = 0; k < pool->workers[i].in_flight; k++) {
            if (pool->workers[i].flights[k].batch != batch)
                continue;
            *worker = &pool->workers[i];
            *flight = k;
            return true;
        }
    }
    return false;
}

/* Takes a batch back; true where it is the caller's again. The lock is held. */
static bool take_back(fani_processes_pool *pool, fani_batch *batch, bool kill)
{
    fani_processes_worker *worker;
    unsigned i;
    if (fani_fifo_remove(&pool->queue, batch) || fani_fifo_remove(&pool->members, batch))
        return true;
    if (!find_flight(pool, batch, &worker, &i))
        return false;
    if (!fani_processes_ring_take_back(&worker->requests, worker->flights[i].position)) {
        if (!kill || pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0) != 0)
            return false;
        worker->revoked = true; /* its death blames nobody */
    }
    take_flight(worker, i);
    return true;
}

/* The next batch that can be taken back, or NULL. The lock is held. */
static fani_batch *take_back_any(fani_processes_pool *pool, bool kill)
{
    fani_batch *waits = fani_fifo_pop(pool->queue.first ? &pool->queue : &pool->members);
    if (waits)
        return waits;
    for (unsigned i = 0; i < pool->count; i++) {
        for (unsigned k = pool->workers[i].in_flight; k-- > 0;) {
            fani_batch *batch = pool->workers[i].flights[k].batch;
            if (take_back(pool, batch, kill))
                return batch;
        }
    }
    return NULL;
}

bool fani_processes_revoke(void *self, fani_batch *batch, bool kill)
{
    fani_processes_pool *pool = self;
    bool any = false;
    for (fani_batch *taken;; any = true) {
        pthread_mutex_lock(&pool->lock);
        taken = !batch ? take_back_any(pool, kill) : take_back(pool, batch, kill) ? batch : NULL;
        pthread_mutex_unlock(&pool->lock);
        if (!taken)
            return any;
        fani_processes_complete(pool, taken, FANI_CANCELLED, NULL);
        if (batch)
            return true;
    }
}
