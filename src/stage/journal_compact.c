#include <errno.h>

#include "base/clock.h"
#include "base/error.h"
#include "stage/journal_draft.h"
#include "stage/journal_internal.h"

enum { RETRY_NS = 1000000 };

struct fani_journal_snapshot {
    fani_journal_draft draft;
};

fan_status fani_journal_snapshot_add(fani_journal_snapshot *snapshot, uint32_t kind,
                                     const void *payload, size_t size, fan_error *error)
{
    if (kind > FANI_JOURNAL_KIND_MAX || size > FANI_JOURNAL_PAYLOAD_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "a record of kind %u with %zu bytes", kind,
                              size);
    return fani_journal_draft_add(&snapshot->draft, kind, payload, size, error);
}

/* Keeps appends out, one compaction at a time. *next is what the snapshot's first record gets. */
static fan_status hold(fani_journal *j, fan_deadline deadline, uint64_t *next, fan_error *error)
{
    for (;;) {
        uint32_t key = fani_event_prepare(&j->progress);
        fan_status status = fani_journal_failure(j, error);
        fani_lock_take(&j->gate);
        bool mine = status == FAN_OK && !j->held;
        j->held = j->held || mine;
        *next = j->next;
        fani_lock_give(&j->gate);
        if (mine || status != FAN_OK) {
            fani_event_cancel(&j->progress);
            return status;
        }
        if (!fani_event_wait(&j->progress, key, deadline))
            return fani_error_set(error, FAN_E_TIMEOUT, "another compaction is under way");
    }
}

/* Waits until the journal's threads have nothing under way; with appends held there is soon no more
 * for them to do. */
static fan_status take_file(fani_journal *j, fan_deadline deadline, fan_error *error)
{
    while (pthread_rwlock_trywrlock(&j->in_use)) {
        int64_t now = fani_clock_ns();
        if (now >= deadline)
            return fani_error_set(error, FAN_E_TIMEOUT, "%.200s is being written or synced",
                                  j->place.path);
        uint32_t key = fani_event_prepare(&j->progress);
        (void)fani_event_wait(&j->progress, key, now + RETRY_NS);
    }
    return FAN_OK;
}

static void let_go(fani_journal *j)
{
    fani_lock_take(&j->gate);
    j->held = false;
    fani_lock_give(&j->gate);
    fani_event_notify(&j->progress);
    fani_event_notify(&j->work);
    fani_event_notify(&j->due);
}

/* From here on the new file counts. What was appended and not yet written is in the snapshot. */
static void adopt(fani_journal *j, fani_journal_draft *draft)
{
    int old = j->fd;
    uint64_t last = draft->next - 1;
    fani_lock_take(&j->gate);
    j->id = draft->id;
    j->next = draft->next;
    j->used = 0;
    atomic_store(&j->waiting, 0);
    fani_lock_give(&j->gate);
    j->fd = fani_journal_draft_take_fd(draft);
    atomic_store(&j->bytes, draft->bytes);
    atomic_store(&j->base, draft->bytes);
    atomic_store(&j->note, 0);
    atomic_store(&j->unsynced_since, 0);
    atomic_store(&j->grown_synced, atomic_load(&j->grown));
    atomic_store(&j->written, last);
    atomic_store(&j->synced, last);
    if (fani_journal_close_fd(j->place.io, old))
        fani_journal_fail_errno(j, errno, "closed");
}

/* A data file that could not be synced is no matter of the new file alone. */
static fan_status sync_attached(fani_journal *j, fan_error *error)
{
    fan_error why;
    fan_status status = fani_journal_sync_attached(j, &why);
    if (status == FAN_OK)
        return FAN_OK;
    fani_journal_fail(j, &why);
    return fani_journal_failure(j, error);
}

/* Everything up to here can go wrong and leave the old file as it is. */
static fan_status write_snapshot(fani_journal *j, fani_journal_snapshot *to, uint64_t next,
                                 fan_status (*snapshot)(void *user, fani_journal_snapshot *to,
                                                        fan_error *error),
                                 void *user, fan_error *error)
{
    fan_status status = fani_journal_draft_begin(&j->place, j->epoch, j->identity, j->identity_size,
                                                 next, &to->draft, error);
    if (status == FAN_OK)
        status = snapshot(user, to, error);
    if (status == FAN_OK)
        status = fani_journal_draft_add(&to->draft, FANI_JOURNAL_SNAPSHOT, NULL, 0, error);
    if (status == FAN_OK)
        status = sync_attached(j, error);
    if (status == FAN_OK)
        status = fani_journal_draft_sync(&to->draft, error);
    return status;
}

static fan_status replace(fani_journal *j, fani_journal_draft *draft, fan_error *error)
{
    fan_error why;
    fan_status status = fani_journal_failure(j, &why);
    if (status == FAN_OK)
        status = fani_journal_lock_check(&j->lock, true, &why);
    if (status == FAN_OK)
        status = fani_journal_draft_place(draft, false, &why);
    if (status == FAN_OK) {
        adopt(j, draft);
        return fani_journal_failure(j, error);
    }
    fani_journal_fail(j, &why);
    return fani_journal_failure(j, error);
}

fan_status fani_journal_compact(fani_journal *journal,
                                fan_status (*snapshot)(void *user, fani_journal_snapshot *to,
                                                       fan_error *error),
                                void *user, fan_deadline deadline, fan_error *error)
{
    fani_journal *j = journal;
    fani_journal_snapshot to;
    uint64_t next;
    fan_status status = hold(j, deadline, &next, error);
    if (status != FAN_OK)
        return status;
    status = take_file(j, deadline, error);
    if (status == FAN_OK) {
        status = write_snapshot(j, &to, next, snapshot, user, error);
        if (status == FAN_OK)
            status = replace(j, &to.draft, error);
        fani_journal_draft_drop(&to.draft);
        pthread_rwlock_unlock(&j->in_use);
    }
    let_go(j);
    return status;
}
