/* Shared data: one copy a share, in memory that every worker maps. A worker is told of new shares
 * right before a batch that may use them, and of dropped ones as soon as its socket has room. */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "memory.h"
#include "pool.h"

static int tell(fani_processes_worker *worker, const fani_processes_share *share)
{
    const fani_processes_control control = {.kind = share->fd < 0 ? FANI_PROCESSES_DROP
                                                    : share->gang ? FANI_PROCESSES_GANG
                                                                  : FANI_PROCESSES_SHARE,
                                            .id = share->id,
                                            .size = share->size};
    int error = fani_processes_control_send(worker->socket, &control, share->fd, false);
    if (error)
        return error;
    worker->controls++;
    worker->shares_told = share->number;
    return 0;
}

int fani_processes_tell_shares(fani_processes_pool *pool, fani_processes_worker *worker)
{
    if (worker->shares_told == pool->shares_made)
        return 0;
    for (const fani_processes_share *share = pool->shares; share; share = share->next) {
        if (share->number <= worker->shares_told)
            continue;
        int error = tell(worker, share);
        if (error)
            return error;
    }
    worker->shares_told = pool->shares_made;
    return 0;
}

static void free_share(fani_processes_share *share)
{
    fani_processes_fd_close(&share->fd);
    free(share);
}

/* Removes a share's data, and the drops that every worker knows of. */
static void trim(fani_processes_pool *pool, uint64_t dropped)
{
    uint64_t told = pool->shares_made;
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->workers[i].state == FANI_PROCESSES_SERVING && pool->workers[i].shares_told < told)
            told = pool->workers[i].shares_told;
    fani_processes_share **link = &pool->shares;
    while (*link) {
        fani_processes_share *share = *link;
        if (share->fd >= 0 ? share->id == dropped : share->number <= told) {
            *link = share->next;
            free_share(share);
        } else {
            link = &share->next;
        }
    }
}

/* Adds an entry at the end: workers are told in this order. */
static void append(fani_processes_pool *pool, fani_processes_share *share)
{
    fani_processes_share **link = &pool->shares;
    while (*link)
        link = &(*link)->next;
    share->number = ++pool->shares_made;
    *link = share;
}

static void drop(fani_processes_pool *pool, fani_processes_share *entry)
{
    trim(pool, entry->id);
    append(pool, entry);
    /* Those whose socket is full hear of it with their next batch. */
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->workers[i].state == FANI_PROCESSES_SERVING)
            (void)fani_processes_tell_shares(pool, &pool->workers[i]);
    trim(pool, entry->id);
}

fan_status fani_processes_share_op(void *self, const fani_share *share, uint64_t *sent,
                                   fan_error *error)
{
    fani_processes_pool *pool = self;
    fani_processes_share *entry = calloc(1, sizeof *entry);
    if (!entry)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a share");
    *entry = (fani_processes_share){.id = share->id, .size = share->size, .fd = -1};
    if (!share->drop) {
        int code = fani_processes_memory_copy(share->bytes, share->size, &entry->fd);
        if (code) {
            free(entry);
            return fani_error_errno(error, FAN_E_SYSTEM, code,
                                    "can't make shared memory of %zu bytes", share->size);
        }
        *sent += 1;
    }
    pthread_mutex_lock(&pool->lock);
    if (share->drop)
        drop(pool, entry);
    else
        append(pool, entry);
    pthread_mutex_unlock(&pool->lock);
    return FAN_OK;
}

int fani_processes_share_gang(fani_processes_pool *pool, uint64_t id, size_t size, int fd)
{
    fani_processes_share *entry = calloc(1, sizeof *entry);
    if (!entry)
        return ENOMEM;
    *entry = (fani_processes_share){.id = id, .size = size, .fd = fd, .gang = true};
    pthread_mutex_lock(&pool->lock);
    append(pool, entry);
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

void fani_processes_free_shares(fani_processes_pool *pool)
{
    while (pool->shares) {
        fani_processes_share *share = pool->shares;
        pool->shares = share->next;
        free_share(share);
    }
}
