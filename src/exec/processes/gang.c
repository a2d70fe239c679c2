/* Gangs: each member needs a worker of its own at the same time as the others. While members wait,
 * as many workers are kept free for them: they end what they have and get nothing else. What the
 * members talk over is memory that every worker maps, sent and dropped as shares are. */
#include "exec/gang.h"

#include "base/error.h"
#include "memory.h"
#include "pool.h"

/* ---- Their memory -------------------------------------------------------------------------- */

static fan_status begin(fani_processes_pool *pool, fani_gang *gang, fan_error *error)
{
    size_t size = fani_gang_region_size(gang->members);
    unsigned char *bytes = NULL;
    int fd = -1;
    int code = fani_processes_memory_new(size, false, &fd);
    if (!code)
        code = fani_processes_memory_map(fd, size, false, &bytes);
    if (!code) {
        gang->link.region = (void *)bytes;
        fani_gang_region_init(gang->link.region, gang->members);
        code = fani_processes_share_gang(pool, gang->id, size, fd);
    }
    if (!code)
        return FAN_OK;
    fani_processes_memory_unmap(bytes, size);
    fani_processes_fd_close(&fd);
    return fani_error_errno(error, FAN_E_SYSTEM, code,
                            "can't make shared memory for a gang of %zu members", gang->members);
}

static fan_status end(fani_processes_pool *pool, fani_gang *gang, fan_error *error)
{
    uint64_t sent = 0;
    /* The size in the region may not be what it was: members can write there. */
    fani_processes_memory_unmap((unsigned char *)gang->link.region,
                                fani_gang_region_size(gang->members));
    gang->link.region = NULL;
    return fani_processes_share_op(pool, &(fani_share){.id = gang->id, .drop = true}, &sent, error);
}

fan_status fani_processes_gang_op(void *self, fani_gang *gang, bool ends, fan_error *error)
{
    return ends ? end(self, gang, error) : begin(self, gang, error);
}

/* ---- Their workers ------------------------------------------------------------------------- */

static bool serves(const fani_processes_worker *worker)
{
    return worker->state == FANI_PROCESSES_SERVING && !worker->stopped;
}

/* The worker that will be free first, and is not kept yet; NULL: there is none just now. */
static fani_processes_worker *to_keep(fani_processes_pool *pool)
{
    fani_processes_worker *best = NULL;
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (serves(worker) && !worker->kept && (!best || worker->in_flight < best->in_flight))
            best = worker;
    }
    return best;
}

/* Keeps as many workers as members wait. */
static void keep_workers(fani_processes_pool *pool)
{
    fani_processes_worker *worker;
    size_t wanted = pool->members.count;
    for (unsigned i = 0; i < pool->count; i++) {
        worker = &pool->workers[i];
        if (!worker->kept || worker->seated)
            continue;
        if (wanted && serves(worker))
            wanted--;
        else
            worker->kept = false;
    }
    while (wanted-- && (worker = to_keep(pool)))
        worker->kept = true;
}

static void seat(fani_processes_pool *pool, fani_processes_worker *worker)
{
    fani_batch *batch = pool->members.first;
    if (!batch)
        return;
    fani_processes_unqueue(pool, batch);
    fani_processes_loaded loaded = fani_processes_load(pool, worker, batch);
    worker->seated = loaded == FANI_PROCESSES_LOADED;
    if (loaded == FANI_PROCESSES_NO_ROOM)
        fani_processes_requeue(pool, batch);
}

void fani_processes_seat_members(fani_processes_pool *pool)
{
    bool kept = false;
    if (!pool->ganging)
        return;
    keep_workers(pool);
    for (unsigned i = 0; i < pool->count; i++) {
        fani_processes_worker *worker = &pool->workers[i];
        if (worker->kept && !worker->seated && !worker->in_flight && !worker->full &&
            !worker->revoked && serves(worker))
            seat(pool, worker);
        kept |= worker->kept;
    }
    pool->ganging = kept || pool->members.first;
}
