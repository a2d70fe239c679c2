/* Workers that stand still though the program goes on: stopped from outside (SIGSTOP), or hung
 * between two items. Neither has an item whose time runs, and no death tells of them.
 *
 * Time is counted in ticks, and a tick passes when the pump looks, however long it did not: of the
 * time in which the job as a whole was stopped, one tick counts. What a worker that is stopped has
 * not begun goes back to where the others can have it at once, which is no harm if it goes on the
 * next moment; only one that is found so at each tick of the patience is killed. One that is busy
 * with an item is not asked anything: items may take as long as they like. */
#include "base/clock.h"
#include "pool.h"

#define MS INT64_C(1000000)
static const int64_t TICK_MOST = 250 * MS;
static const int64_t START_LIMIT = 10000 * MS; /* from a worker's start to its first word */

enum {
    TICKS = 16,         /* of patience, at least */
    TICKS_AT_CLOSE = 4, /* of a worker that has nothing left but to end */
    HEARTBEAT_MS = 30000,
};

void fani_processes_pulse_begin(fani_processes_pool *pool, uint32_t heartbeat_ms)
{
    bool never = heartbeat_ms == FAN_NO_HEARTBEAT;
    int64_t limit = (never || !heartbeat_ms ? HEARTBEAT_MS : (int64_t)heartbeat_ms) * MS;
    pool->tick_ns = limit / TICKS < TICK_MOST ? limit / TICKS : TICK_MOST;
    pool->patience = never ? 0 : (unsigned)(limit / pool->tick_ns);
    pool->ticked = fani_clock_ns();
}

/* A worker that has nothing to do is not looked at, stopped or not: its next batch will show. */
static bool is_of_interest(const fani_processes_worker *worker)
{
    return worker->in_flight || worker->stopped || worker->state == FANI_PROCESSES_STARTING ||
           worker->state == FANI_PROCESSES_ENDING;
}

bool fani_processes_wants_pulse(const fani_processes_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (is_of_interest(&pool->workers[i]))
            return true;
    return false;
}

/* Notes what has become of it since the last tick; true where it stands still. */
static bool stands_still(fani_processes_pool *pool, fani_processes_worker *worker)
{
    int64_t cpu_us = -1; /* of one that ran in between, the time differs: some tool slows it down */
    bool was_stopped = worker->stopped;
    bool stopped = fani_processes_is_stopped(worker->pidfd, &cpu_us);
    bool still = stopped && cpu_us == worker->cpu_us;
    worker->cpu_us = cpu_us;
    pthread_mutex_lock(&pool->lock);
    uint64_t untaken = fani_processes_untaken(worker);
    worker->stopped = stopped;
    if (stopped)
        fani_processes_unload(pool, worker);
    if (stopped || was_stopped)
        fani_processes_dispatch(pool);
    pthread_mutex_unlock(&pool->lock);
    still |= untaken && untaken == worker->untaken;
    worker->untaken = untaken;
    return still;
}

static void look_after(fani_processes_pool *pool, fani_processes_worker *worker)
{
    if (worker->state == FANI_PROCESSES_STARTING) {
        if (++worker->still * pool->tick_ns >= START_LIMIT)
            worker->due = FAN_NOW;
        return;
    }
    unsigned most = pool->dismissed ? TICKS_AT_CLOSE : pool->patience;
    worker->still = stands_still(pool, worker) ? worker->still + 1 : 0;
    if (most && worker->still >= most)
        fani_processes_give_up(
            pool, worker, worker->stopped ? fani_processes_was_stopped : "its worker took no work");
}

void fani_processes_pulse(fani_processes_pool *pool, int64_t now)
{
    if (now - pool->ticked < pool->tick_ns)
        return;
    pool->ticked = now;
    pool->lazy = true;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        pthread_mutex_lock(&pool->lock);
        bool matters = is_of_interest(worker) && !worker->killed;
        pool->lazy &= !matters && worker->given == worker->requests.at;
        worker->given = worker->requests.at;
        pthread_mutex_unlock(&pool->lock);
        if (matters)
            look_after(pool, worker);
        else
            worker->still = 0;
    }
}
