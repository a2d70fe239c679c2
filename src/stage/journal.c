#include "stage/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "stage/journal_internal.h"

/* ---- Appending ------------------------------------------------------------------------------- */

fan_status fani_journal_failure(fani_journal *journal, fan_error *error)
{
    if (!atomic_load(&journal->failed))
        return FAN_OK;
    if (error)
        *error = journal->failure; /* never changed again */
    return journal->failure.status;
}

/* Waits for room, and for a compaction to end. */
static fan_status wait_for_room(fani_journal *j, size_t need, fan_deadline deadline,
                                fan_error *error)
{
    for (;;) {
        uint32_t key = fani_event_prepare(&j->progress);
        fani_lock_take(&j->gate);
        bool room = !j->held && need <= j->half - j->used;
        fani_lock_give(&j->gate);
        fan_status status = fani_journal_failure(j, error);
        if (room || status != FAN_OK) {
            fani_event_cancel(&j->progress);
            return status;
        }
        if (!fani_event_wait(&j->progress, key, deadline))
            return fani_error_set(error, FAN_E_TIMEOUT,
                                  "%.200s takes no records: what came before is not written yet",
                                  j->place.path);
    }
}

fan_status fani_journal_append(fani_journal *journal, uint32_t kind, const void *payload,
                               size_t size, fan_deadline deadline, uint64_t *sequence,
                               fan_error *error)
{
    fani_journal *j = journal;
    if (kind > FANI_JOURNAL_KIND_MAX || size > FANI_JOURNAL_PAYLOAD_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "a record of kind %u with %zu bytes", kind,
                              size);
    size_t need = fani_journal_record_bytes(size);
    fani_lock_take(&j->gate);
    while (j->held || need > j->half - j->used || atomic_load(&j->failed)) {
        fani_lock_give(&j->gate);
        fan_status status = wait_for_room(j, need, deadline, error);
        if (status != FAN_OK)
            return status;
        fani_lock_take(&j->gate);
    }
    fani_journal_mark mark = {
        .size = (uint32_t)size, .kind = kind, .epoch = j->epoch, .sequence = j->next++};
    fani_journal_record_put(j->front + j->used, j->id, mark, payload);
    size_t before = j->used;
    j->used += need;
    atomic_fetch_add(&j->waiting, need);
    if (!before)
        j->since = fani_clock_ns();
    fani_lock_give(&j->gate);
    /* The writer wakes for the first record, and again where there is much before its time. */
    if (!before || (before <= j->half / 2 && before + need > j->half / 2))
        fani_event_notify(&j->work);
    if (sequence)
        *sequence = mark.sequence;
    return FAN_OK;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

uint64_t fani_journal_written(const fani_journal *journal)
{
    return atomic_load(&journal->written);
}

uint64_t fani_journal_synced(const fani_journal *journal)
{
    return atomic_load(&journal->synced);
}

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
    uint64_t now = atomic_load(value);
    while (now < to && !atomic_compare_exchange_weak(value, &now, to))
        ;
}

static uint64_t last_appended(fani_journal *j)
{
    fani_lock_take(&j->gate);
    uint64_t last = j->next - 1;
    fani_lock_give(&j->gate);
    return last;
}

static fan_status wait_for(fani_journal *j, const _Atomic uint64_t *reached, uint64_t sequence,
                           fan_deadline deadline, fan_error *error)
{
    for (;;) {
        uint32_t key = fani_event_prepare(&j->progress);
        bool there = atomic_load(reached) >= sequence;
        fan_status status = there ? FAN_OK : fani_journal_failure(j, error);
        if (there || status != FAN_OK) {
            fani_event_cancel(&j->progress);
            return status;
        }
        if (!fani_event_wait(&j->progress, key, deadline) && atomic_load(reached) < sequence)
            return fani_error_set(error, FAN_E_TIMEOUT, "%.200s is not written yet", j->place.path);
    }
}

static fan_status wait_checked(fani_journal *j, bool sync, uint64_t sequence, fan_deadline deadline,
                               fan_error *error)
{
    if (sequence > last_appended(j))
        return fani_error_set(error, FAN_E_ARGUMENT, "a record that was never appended");
    raise_to(&j->want_written, sequence);
    if (sync)
        raise_to(&j->want_synced, sequence);
    fani_event_notify(&j->work);
    if (sync)
        fani_event_notify(&j->due);
    return wait_for(j, sync ? &j->synced : &j->written, sequence, deadline, error);
}

fan_status fani_journal_wait_written(fani_journal *journal, uint64_t sequence,
                                     fan_deadline deadline, fan_error *error)
{
    return wait_checked(journal, false, sequence, deadline, error);
}

fan_status fani_journal_wait_synced(fani_journal *journal, uint64_t sequence, fan_deadline deadline,
                                    fan_error *error)
{
    return wait_checked(journal, true, sequence, deadline, error);
}

fan_status fani_journal_flush(fani_journal *journal, bool sync, fan_deadline deadline,
                              fan_error *error)
{
    return wait_checked(journal, sync, last_appended(journal), deadline, error);
}

/* ---- Data files ------------------------------------------------------------------------------ */

fan_status fani_journal_attach(fani_journal *journal, int fd, const char *name, fan_error *error)
{
    size_t size = strlen(name) + 1;
    fani_journal_attached *a = malloc(sizeof *a + size);
    if (!a)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    a->fd = fd;
    memcpy(a->name, name, size);
    pthread_mutex_lock(&journal->attached_lock);
    a->next = journal->attached;
    journal->attached = a;
    pthread_mutex_unlock(&journal->attached_lock);
    return FAN_OK;
}

fan_status fani_journal_detach(fani_journal *journal, int fd, fan_error *error)
{
    pthread_mutex_lock(&journal->attached_lock);
    fani_journal_attached **at = &journal->attached;
    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    fani_journal_attached *found = *at;
    if (found)
        *at = found->next;
    pthread_mutex_unlock(&journal->attached_lock);
    free(found);
    return found ? FAN_OK : fani_error_set(error, FAN_E_ARGUMENT, "a file that is not attached");
}

/* ---- The rest -------------------------------------------------------------------------------- */

bool fani_journal_is_doubtful(const fani_journal *journal)
{
    return journal->lock.doubtful;
}

uint64_t fani_journal_id(const fani_journal *journal)
{
    return journal->lock.self.nonce;
}

uint32_t fani_journal_epoch(const fani_journal *journal)
{
    return journal->epoch;
}

uint64_t fani_journal_bytes(const fani_journal *journal)
{
    fani_journal *j = (fani_journal *)journal; /* the gate opens and closes */
    fani_lock_take(&j->gate);
    size_t used = j->used;
    fani_lock_give(&j->gate);
    return atomic_load(&j->bytes) + used;
}

bool fani_journal_wants_compact(const fani_journal *journal)
{
    /* What waits counts too: a slow disk writes it all at once. */
    uint64_t bytes = atomic_load(&journal->bytes) + atomic_load(&journal->waiting);
    return bytes > journal->compact_bytes &&
           bytes / journal->compact_times > atomic_load(&journal->base);
}

void fani_journal_free(fani_journal *journal)
{
    if (!journal)
        return;
    while (journal->attached) {
        fani_journal_attached *a = journal->attached;
        journal->attached = a->next;
        free(a);
    }
    if (journal->fd >= 0)
        (void)fani_journal_close_fd(journal->place.io, journal->fd);
    pthread_rwlock_destroy(&journal->in_use);
    pthread_mutex_destroy(&journal->failure_lock);
    pthread_mutex_destroy(&journal->attached_lock);
    fani_journal_place_close(&journal->place);
    free(journal->identity);
    free(journal->front);
    free(journal->back);
    free(journal);
}

fan_status fani_journal_close(fani_journal *journal, fan_deadline deadline, fan_error *error)
{
    if (!journal)
        return FAN_OK;
    fan_status status = fani_journal_flush(journal, true, deadline, error);
    if (status == FAN_E_TIMEOUT)
        return status;
    fani_journal_stop(journal);
    if (status == FAN_OK) /* the last note may have failed */
        status = fani_journal_failure(journal, error);
    int code = fani_journal_close_fd(journal->place.io, journal->fd);
    journal->fd = -1;
    if (code && status == FAN_OK)
        status = fani_journal_place_error(&journal->place, FAN_E_OUTPUT, errno, "closed", error);
    fan_status given = fani_journal_lock_give(&journal->lock, status == FAN_OK ? error : NULL);
    fani_journal_free(journal);
    return status == FAN_OK ? given : status;
}
