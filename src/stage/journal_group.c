/* The two threads of a journal. The writer hands what was appended to the system; the syncer syncs
 * it. They are two so that a slow disk does not keep records in memory, where a killed process
 * loses them. Only the writer writes, so that records stand in the file in the order of their
 * numbers. */
#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "base/error.h"
#include "stage/journal_internal.h"

enum { NS_PER_MS = 1000000, RETRY_NS = 5 * NS_PER_MS };

/* ---- Failing --------------------------------------------------------------------------------- */

void fani_journal_fail(fani_journal *journal, const fan_error *error)
{
    pthread_mutex_lock(&journal->failure_lock);
    if (!atomic_load(&journal->failed)) {
        journal->failure = *error;
        atomic_store(&journal->failed, true);
    }
    pthread_mutex_unlock(&journal->failure_lock);
    fani_event_notify(&journal->progress);
    fani_event_notify(&journal->work);
    fani_event_notify(&journal->due);
}

void fani_journal_fail_errno(fani_journal *journal, int errno_code, const char *doing)
{
    fan_error error;
    fani_journal_place_error(&journal->place, FAN_E_OUTPUT, errno_code, doing, &error);
    fani_journal_fail(journal, &error);
}

fan_status fani_journal_check(fani_journal *journal, bool thoroughly, fan_error *error)
{
    fan_error why = {0};
    fan_status status = fani_journal_lock_check(&journal->lock, thoroughly, &why);
    if (status == FAN_OK)
        return FAN_OK;
    fani_journal_fail(journal, &why);
    if (error)
        *error = why;
    return status;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Whether there is something to be written at once rather than at its time. */
static bool wanted(const fani_journal *j, size_t used)
{
    return (used && atomic_load(&j->want_written) > atomic_load(&j->written)) || used > j->half / 2;
}

/* When the writer has something to do: 0 for now, INT64_MAX for not before it is told. */
static int64_t writer_due(fani_journal *j, int64_t beat_due)
{
    if (atomic_load(&j->failed))
        return beat_due;
    fani_lock_take(&j->gate);
    size_t used = j->used;
    int64_t since = j->since;
    fani_lock_give(&j->gate);
    if (atomic_load(&j->note) || wanted(j, used))
        return 0;
    return used && since + j->write_ns < beat_due ? since + j->write_ns : beat_due;
}

/* Writes so many bytes of the back buffer. What the lock's next holder could not have seen is not
 * taken for written: hence the second look. */
static bool put(fani_journal *j, const void *bytes, size_t size)
{
    if (fani_journal_check(j, false, NULL) != FAN_OK)
        return false;
    if (fani_journal_write_all(j->place.io, j->fd, bytes, size)) {
        fani_journal_fail_errno(j, errno, "written");
        return false;
    }
    atomic_fetch_add(&j->bytes, size);
    return fani_journal_check(j, false, NULL) == FAN_OK && !atomic_load(&j->failed);
}

static bool put_note(fani_journal *j)
{
    uint64_t synced = atomic_exchange(&j->note, 0);
    unsigned char value[8];
    _Alignas(8) unsigned char note[FANI_JOURNAL_NOTE_SIZE];
    if (!synced)
        return true;
    fani_journal_u64_put(value, synced);
    fani_journal_mark mark = {.size = sizeof value,
                              .kind = FANI_JOURNAL_NOTE,
                              .epoch = j->epoch,
                              .sequence = atomic_load(&j->written) + 1};
    fani_journal_record_put(note, j->id, mark, value);
    return put(j, note, sizeof note);
}

/* Writes all that was appended so far. */
static void put_group(fani_journal *j)
{
    fani_lock_take(&j->gate);
    unsigned char *group = j->front;
    size_t size = j->used;
    uint64_t last = j->next - 1;
    j->front = j->back;
    j->back = group;
    j->used = 0;
    fani_lock_give(&j->gate);
    if (!size)
        return;
    fani_event_notify(&j->progress); /* there is room again */
    if (!put(j, group, size))
        return;
    atomic_fetch_sub(&j->waiting, size);
    int64_t none = 0;
    atomic_store(&j->written, last);
    atomic_compare_exchange_strong(&j->unsynced_since, &none, fani_clock_ns());
    /* Last: a syncer that counts these bytes then counts their records too. */
    atomic_fetch_add(&j->grown, size);
    fani_event_notify(&j->progress);
    fani_event_notify(&j->due);
}

/* False: a compaction has the file. */
static bool write_step(fani_journal *j)
{
    if (pthread_rwlock_tryrdlock(&j->in_use))
        return false;
    if (put_note(j))
        put_group(j);
    pthread_rwlock_unlock(&j->in_use);
    return true;
}

/* Beats go on after a failure, so that nobody takes the lock of a program that still ends its
 * work, but not after one of beating. */
static int64_t beat(fani_journal *j)
{
    fan_error error;
    if (fani_journal_lock_beat(&j->lock, &error) == FAN_OK)
        return fani_clock_ns() + j->beat_ns;
    fani_journal_fail(j, &error);
    return INT64_MAX;
}

static void *write_on(void *argument)
{
    fani_journal *j = argument;
    int64_t beat_due = fani_clock_ns() + j->beat_ns;
    for (;;) {
        uint32_t key = fani_event_prepare(&j->work);
        int64_t due = writer_due(j, beat_due), now = fani_clock_ns();
        bool stop = atomic_load(&j->stop_writer);
        if (due > now && !stop) {
            (void)fani_event_wait(&j->work, key, due);
            continue;
        }
        fani_event_cancel(&j->work);
        if (beat_due <= now)
            beat_due = beat(j);
        bool done = atomic_load(&j->failed) || write_step(j);
        if (stop)
            return NULL;
        if (!done) {
            key = fani_event_prepare(&j->work);
            (void)fani_event_wait(&j->work, key, now + RETRY_NS);
        }
    }
}

/* ---- Syncing --------------------------------------------------------------------------------- */

fan_status fani_journal_sync_attached(fani_journal *journal, fan_error *error)
{
    fan_status status = FAN_OK;
    pthread_mutex_lock(&journal->attached_lock);
    for (fani_journal_attached *a = journal->attached; a && status == FAN_OK; a = a->next) {
        if (fani_journal_sync_data(journal->place.io, a->fd)) {
            status =
                fani_error_errno(error, FAN_E_OUTPUT, errno, "%.200s can't be synced", a->name);
            fani_error_place(error, a->name, 0, 0);
        }
    }
    pthread_mutex_unlock(&journal->attached_lock);
    return status;
}

static int64_t syncer_due(fani_journal *j)
{
    uint64_t unsynced = atomic_load(&j->grown) - atomic_load(&j->grown_synced);
    uint64_t want = atomic_load(&j->want_synced);
    if (atomic_load(&j->failed) || !unsynced)
        return INT64_MAX;
    if (want > atomic_load(&j->synced) && atomic_load(&j->written) >= want)
        return 0;
    return unsynced >= j->sync_bytes ? 0 : atomic_load(&j->unsynced_since) + j->sync_ns;
}

/* One group. A sync that has failed is never tried again: the system may have thrown away what it
 * could not write, and the next one would call that synced. */
static void sync_group(fani_journal *j)
{
    fan_error error;
    pthread_rwlock_rdlock(&j->in_use);
    atomic_store(&j->unsynced_since, 0);
    uint64_t grown = atomic_load(&j->grown), last = atomic_load(&j->written);
    uint64_t bytes = atomic_load(&j->bytes);
    if (fani_journal_sync_attached(j, &error) != FAN_OK)
        fani_journal_fail(j, &error);
    else if (fani_journal_sync_data(j->place.io, j->fd))
        fani_journal_fail_errno(j, errno, "synced");
    else if (fani_journal_check(j, true, NULL) == FAN_OK) {
        atomic_store(&j->grown_synced, grown);
        atomic_store(&j->synced, last);
        atomic_store(&j->note, bytes);
    }
    pthread_rwlock_unlock(&j->in_use);
    fani_event_notify(&j->progress);
    fani_event_notify(&j->work);
}

static void *sync_on(void *argument)
{
    fani_journal *j = argument;
    for (;;) {
        uint32_t key = fani_event_prepare(&j->due);
        if (atomic_load(&j->stop_syncer)) {
            fani_event_cancel(&j->due);
            return NULL;
        }
        int64_t due = syncer_due(j);
        if (due > fani_clock_ns()) {
            (void)fani_event_wait(&j->due, key, due);
            continue;
        }
        fani_event_cancel(&j->due);
        sync_group(j);
    }
}

/* ---- Threads --------------------------------------------------------------------------------- */

fan_status fani_journal_start(fani_journal *journal, fan_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    /* Signals are the program's: its own threads get them. */
    int code = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (code == 0) {
        code = pthread_create(&journal->writer, NULL, write_on, journal);
        journal->has_writer = code == 0;
        if (code == 0)
            code = pthread_create(&journal->syncer, NULL, sync_on, journal);
        journal->has_syncer = code == 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* it was so a moment ago */
    }
    return code ? fani_error_errno(error, FAN_E_SYSTEM, code, "no thread for a journal") : FAN_OK;
}

/* The syncer first: what it has noted is written yet. */
void fani_journal_stop(fani_journal *journal)
{
    atomic_store(&journal->stop_syncer, true);
    fani_event_notify(&journal->due);
    if (journal->has_syncer)
        pthread_join(journal->syncer, NULL);
    atomic_store(&journal->stop_writer, true);
    fani_event_notify(&journal->work);
    if (journal->has_writer)
        pthread_join(journal->writer, NULL);
    journal->has_syncer = journal->has_writer = false;
}
