/* A journal that is open for writing, inside. */
#ifndef FANI_JOURNAL_INTERNAL_H
#define FANI_JOURNAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/event.h"
#include "base/lock.h"
#include "stage/journal_format.h"
#include "stage/journal_io.h"
#include "stage/journal_lock.h"

typedef struct fani_journal_attached {
    struct fani_journal_attached *next;
    int fd;
    char name[];
} fani_journal_attached;

struct fani_journal {
    fani_journal_place place;
    fani_journal_lock lock;
    unsigned char *identity;
    size_t identity_size;

    int64_t write_ns, sync_ns, beat_ns;
    uint64_t sync_bytes, compact_bytes;
    size_t half; /* bytes of each of the two buffers */
    uint32_t compact_times;
    uint32_t epoch;

    unsigned char *front; /* what was appended and is not being written */
    size_t used;
    int64_t since;               /* when the first of it came */
    uint64_t next;               /* the next record's number */
    bool held;                   /* a compaction has begun: appends wait */
    bool has_writer, has_syncer; /* of those who start and stop */
    _Atomic bool stop_writer, stop_syncer, failed;
    fani_lock gate; /* guards front, used, since, next and held, and `id` against a compaction */

    /* The journal's threads hold this shared while they use the file; a compaction alone. */
    pthread_rwlock_t in_use;
    unsigned char *back; /* what is being written */
    uint64_t id;
    int fd;

    _Atomic uint64_t written, synced;           /* numbers of records */
    _Atomic uint64_t want_written, want_synced; /* that somebody waits for */
    _Atomic uint64_t bytes;                     /* of the file */
    _Atomic uint64_t waiting;                   /* bytes appended that `bytes` does not count yet */
    _Atomic uint64_t base;                /* of it, after the last compaction or when opened */
    _Atomic uint64_t grown, grown_synced; /* bytes of records written, and synced, by us */
    _Atomic int64_t unsynced_since;       /* when the first unsynced record was written, or 0 */
    _Atomic uint64_t note;                /* synced bytes, to be noted in the file, or 0 */

    pthread_t writer, syncer;
    fani_event work;     /* for the writer */
    fani_event due;      /* for the syncer */
    fani_event progress; /* for everybody else */

    pthread_mutex_t failure_lock; /* guards `failure` until `failed` is set */
    fan_error failure;

    pthread_mutex_t attached_lock; /* guards the list; a sync holds it */
    fani_journal_attached *attached;
};

/* Has the journal fail for good, with *error, unless it has failed before. */
void fani_journal_fail(fani_journal *journal, const fan_error *error);
void fani_journal_fail_errno(fani_journal *journal, int errno_code, const char *doing);

/* Syncs the attached files. Errors: FAN_E_OUTPUT with file and errno. */
fan_status fani_journal_sync_attached(fani_journal *journal, fan_error *error);

/* Starts the journal's threads. Errors: FAN_E_SYSTEM; what was started must be stopped. */
fan_status fani_journal_start(fani_journal *journal, fan_error *error);
void fani_journal_stop(fani_journal *journal);

/* Frees what a journal without threads has; the lock must have been given back. */
void fani_journal_free(fani_journal *journal);

#endif
