/* Resizing over ranks: rank 0 says how many of its workers each rank is to use. A rank that is left
 * without any keeps one, which does what the rank has already and then gets nothing more. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "instance.h"

uint32_t *fani_mpi_spread(const fani_mpi *self, size_t count, bool all)
{
    uint32_t *counts = calloc((size_t)self->size, sizeof *counts);
    while (counts && count) {
        bool any = false;
        for (int r = 0; r < self->size && count; r++) {
            const fani_peer *peer = &self->peers[r];
            if (counts[r] >= (all ? peer->workers_max : peer->workers))
                continue;
            counts[r]++;
            count--;
            any = true;
        }
        if (!any) {
            free(counts);
            return NULL;
        }
    }
    return counts;
}

static void tell(fani_mpi *self, int to, int rank, uint32_t workers)
{
    const uint64_t value = (uint64_t)rank << 32 | workers;
    fani_message *message = fani_message_new(to, FANI_TAG_WORKERS, sizeof value);
    if (message)
        memcpy(message->bytes, &value, sizeof value);
    fani_link_send(&self->link, message);
}

/* From here on work is given out for these workers; false: nothing changes. */
static bool settle(fani_mpi *self, const uint32_t *counts)
{
    bool any = false;
    pthread_mutex_lock(&self->ranges.lock);
    fani_lock_take(&self->queue);
    self->all_workers = 0;
    for (int r = 0; r < self->size; r++) {
        bool other = self->peers[r].workers != counts[r];
        self->peers[r].workers = counts[r];
        self->all_workers += counts[r];
        if (other && r > 0)
            tell(self, r, r, counts[r]);
        if (other && self->peers[r].via != r)
            tell(self, self->peers[r].via, r, counts[r]);
        any |= other;
    }
    fani_relay_count_workers(self);
    fani_ranges_count_workers(self);
    fani_lock_give(&self->queue);
    pthread_mutex_unlock(&self->ranges.lock);
    return any;
}

static fan_status resize_own(fani_mpi *self, uint32_t workers)
{
    if (!workers)
        workers = 1;
    fan_status status = fan_executor_resize(self->inner, workers);
    if (!status)
        atomic_store(&self->own_workers, workers);
    return status;
}

fan_status fani_mpi_resize(void *user, unsigned workers, fan_error *error)
{
    fani_mpi *self = user;
    fan_status status = fani_link_broken(&self->link, error);
    if (status)
        return status;
    uint32_t *counts = fani_mpi_spread(self, workers, true);
    if (!counts)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for %u workers", workers);
    status = resize_own(self, counts[0]);
    if (!status && settle(self, counts)) {
        fani_ranges_share_anew(self);
        fani_mpi_feed(self);
        fani_bell_ring(&self->bell);
    }
    free(counts);
    return status ? fani_error_set(error, status, "%s", fan_status_text(status)) : FAN_OK;
}

void fani_mpi_workers_came(fani_mpi *self, const fani_message *message)
{
    uint64_t workers = UINT64_MAX;
    if (message->size == sizeof workers)
        memcpy(&workers, message->bytes, sizeof workers);
    uint32_t rank = (uint32_t)(workers >> 32);
    fan_status status = rank < (uint32_t)self->size ? FAN_OK : FAN_E_PROTOCOL;
    if (!status) {
        self->peers[rank].workers = (uint32_t)workers;
        fani_relay_count_workers(self);
    }
    if (!status && rank == (uint32_t)self->rank)
        status = resize_own(self, (uint32_t)workers);
    if (status)
        fani_link_break(&self->link, status, "a number of workers that a rank can't have");
}
