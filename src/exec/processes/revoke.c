/* Ending what runs. A worker's process is asked first, by a flag that fan_run_cancelled tells and
 * by SIGTERM, and killed when it does not answer in time. The batch stays the worker's until it has
 * answered or is dead: nothing of it runs any more when it is completed.
 *
 * The two sides may miss each other: the worker may be done with the batch by the time it is asked.
 * Each therefore writes first and looks then. The worker names the batch that it runs, then looks
 * whether one is condemned; the program names the condemned one, then looks what runs. So a flag
 * that is set while the condemned batch runs is seen by no other: see announce in image.c for the
 * other half. */
#include <signal.h>
#include <sys/pidfd.h>

#include "base/clock.h"
#include "pool.h"

/* From SIGTERM to SIGKILL. */
static const fan_deadline GRACE = INT64_C(200000000);

static void set_out(fani_processes_pool *pool, fani_processes_worker *worker, uint64_t posting)
{
    worker->condemned = posting;
    worker->revoked = true;
    atomic_store(&worker->kill_due, fani_clock_ns() + GRACE);
    fani_processes_ring_bell(pool);
}

/* Has a worker end the batch of a posting that it has begun. The lock is held. */
static void condemn(fani_processes_pool *pool, fani_processes_worker *worker, uint64_t posting)
{
    fani_processes_region *region = worker->region;
    if (fani_processes_has_answered(worker, posting)) {
        fani_processes_ring_bell(pool);
        return;
    }
    if (worker->condemned) {
        if (worker->condemned != posting) /* that one was answered, and this one follows */
            worker->condemned_next = posting;
        return;
    }
    atomic_store(&region->condemned, posting);
    if (atomic_load(&region->running) != posting) { /* its reply is on the way */
        atomic_store(&region->condemned, 0);
        return;
    }
    fani_processes_unload(pool, worker);
    set_out(pool, worker, posting);
    atomic_store(&region->cancelled, true);
    /* It may have ended just now: the pidfd tells in a moment. */
    (void)pidfd_send_signal(worker->pidfd, SIGTERM, NULL, 0);
}

bool fani_processes_pardon(fani_processes_pool *pool, fani_processes_worker *worker,
                           uint64_t posting)
{
    uint64_t next = worker->condemned_next;
    if (!worker->condemned || worker->condemned != posting)
        return false;
    worker->condemned = worker->condemned_next = 0;
    if (atomic_exchange(&worker->kill_due, FAN_FOREVER) == FAN_FOREVER) {
        worker->condemned = next; /* it is being killed: the next one does not run again either */
        return true;
    }
    worker->revoked = false;
    atomic_store(&worker->region->cancelled, false);
    if (next) /* it waits for this word to begin that one, which then finds itself cancelled */
        set_out(pool, worker, next);
    atomic_store(&worker->region->condemned, next);
    return true;
}

/* Takes everything that waits into one list, and condemns what runs. The lock is held. */
static void revoke_all(fani_processes_pool *pool, bool kill, fani_fifo *taken)
{
    for (unsigned i = 0; i < pool->count; i++)
        fani_processes_unload(pool, &pool->workers[i]);
    for (fani_batch *batch; (batch = fani_processes_next_waiting(pool));)
        fani_fifo_push(taken, batch);
    for (unsigned i = 0; kill && i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        for (unsigned k = worker->first; k != worker->last; k++) {
            const fani_processes_flight *flight = &worker->flights[k % FANI_PROCESSES_WINDOW];
            if (flight->batch)
                condemn(pool, worker, flight->posting);
        }
    }
}

bool fani_processes_revoke(void *self, fani_batch *batch, bool kill)
{
    fani_processes_pool *pool = self;
    fani_processes_worker *worker = NULL;
    fani_fifo taken = {0};
    pthread_mutex_lock(&pool->lock);
    if (!batch)
        revoke_all(pool, kill, &taken);
    else if (fani_processes_take_back(pool, batch, &worker))
        fani_fifo_push(&taken, batch);
    else if (worker && kill)
        condemn(pool, worker, batch->posting);
    fani_processes_dispatch(pool);
    pthread_mutex_unlock(&pool->lock);
    bool any = taken.first;
    while ((batch = fani_fifo_pop(&taken)))
        fani_processes_complete(pool, batch, FANI_CANCELLED, NULL);
    return any;
}

/* A worker names what it runs before it claims it, and may be stopped in between: what it has not
 * claimed is not begun, as it can go elsewhere. */
int64_t fani_processes_begun(void *self, const fani_batch *batch)
{
    fani_processes_pool *pool = self;
    int64_t begun_ns = 0;
    pthread_mutex_lock(&pool->lock);
    const fani_processes_flight *flight = fani_processes_flight_of(pool, batch);
    const fani_processes_worker *worker = flight ? &pool->workers[flight->worker] : NULL;
    const fani_processes_region *region = worker ? worker->region : NULL;
    if (region && batch->timeout_ns && atomic_load(&region->running) == batch->posting &&
        fani_processes_ring_begun(&worker->requests, flight->position)) {
        begun_ns = atomic_load(&region->begun_ns);
        if (atomic_load(&region->running) != batch->posting)
            begun_ns = 0; /* the time is that of a later one */
    }
    pthread_mutex_unlock(&pool->lock);
    return begun_ns;
}
