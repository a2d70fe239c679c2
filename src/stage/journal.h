/* A journal: a file of checked records that are only ever appended, from which a run that was
 * killed at any moment continues. docs/journal.md has the format and says what is lost when.
 *
 *     fani_journal_open(&options, "out.journal", &journal, &error);   earlier records come by visit
 *     fani_journal_append(journal, KIND, bytes, size, FAN_FOREVER, &sequence, &error);   any thread
 *     fani_journal_wait_written(journal, sequence, deadline, &error); then it may be reported done
 *     fani_journal_close(journal, deadline, &error);
 *
 * One writer a file: others are kept out by a lock file beside it (NAME.lock); any number of
 * readers. Records are numbered from 1 without gaps; a compaction's snapshot goes on with the
 * numbers. Two threads of the journal hand what was appended to the system and sync it in groups;
 * they have all signals blocked. */
#ifndef FANI_JOURNAL_H
#define FANI_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/executor.h"
#include "fanfold/status.h"

#define FANI_JOURNAL_KIND_MAX 0xfffffeffU /* kinds above it are the journal's own */
#define FANI_JOURNAL_PAYLOAD_MAX (1U << 20)

typedef struct fani_journal fani_journal;
struct fani_journal_io;

/* What a run is: a resume where one of them has another value is refused. Texts in UTF-8, keys of
 * at most 200 bytes; all together less than FANI_JOURNAL_PAYLOAD_MAX. */
typedef struct fani_journal_fact {
    const char *key, *value;
} fani_journal_fact;

typedef struct fani_journal_record {
    uint32_t kind;
    uint32_t epoch; /* which opening for writing it came from, from 1 */
    uint64_t sequence;
    const void *payload; /* aligned to 8; valid during the visit */
    size_t size;
    /* Whether a later group says that it was synced, and data files before it. What a lost machine
     * leaves behind the last such record may speak of bytes in data files that are not there. */
    bool synced;
} fani_journal_record;

typedef enum fani_journal_loss_kind {
    FANI_JOURNAL_LOSS_TAIL,    /* what was being written when the writer or its machine ended */
    FANI_JOURNAL_LOSS_DAMAGED, /* in the middle: records that had been synced */
    FANI_JOURNAL_LOSS_STALE,   /* a valid record of a writer that had been replaced before it */
} fani_journal_loss_kind;

/* What is not given because it can't be. Bytes [from_byte, to_byte) of the file; records
 * [first, last], both 0 where the number of none is known to be missing. */
typedef struct fani_journal_loss {
    fani_journal_loss_kind kind;
    uint64_t from_byte, to_byte;
    uint64_t first, last;
} fani_journal_loss;

/* Who looks at the records of a file; each function may be NULL. They are called on the thread that
 * opens or reads, in the order of the file, which is that of the numbers: only where a repair told
 * that they were given twice may they go back. A `record` that answers an error ends the reading or
 * opening with it. */
typedef struct fani_journal_visitor {
    fan_status (*record)(void *user, const fani_journal_record *record, fan_error *error);
    void (*fact)(void *user, const char *key,
                 const char *value); /* of its identity, first of all */
    void (*lost)(void *user, const fani_journal_loss *loss);
    void *user;
} fani_journal_visitor;

/* 0 stands for the default everywhere. */
typedef struct fani_journal_options {
    const fani_journal_fact *identity;
    size_t identity_count;
    bool resume; /* go on with a file that exists; where there is none, begin one */
    /* Without `resume`: whether a file that exists is to be replaced by a new one. Asked with the
     * lock held. NULL: it is not. */
    bool (*replaces)(void *user);
    void *replaces_user;
    bool repair;            /* go on although synced records are damaged: they are told as lost */
    bool break_lock;        /* take the lock from whoever has it now */
    uint32_t write_ms;      /* longest that a record waits in memory: 50 */
    uint32_t sync_ms;       /* longest between two syncs while records come: 1000 */
    uint64_t sync_bytes;    /* a sync is due after so many bytes: 4 MB */
    uint64_t buffer_bytes;  /* most bytes in memory; 8 MB, at least 4 MiB */
    uint64_t compact_bytes; /* below this size a file never wants to be compacted: 64 KB */
    uint32_t compact_times; /* how much larger than after the last compaction it may grow: 4 */
    uint32_t beat_ms;       /* how often the lock says that its holder lives: 10000 */
    fani_journal_visitor visitor;
    /* Told before opening waits to see whether a run on another host still lives, at most three of
     * its beats and the time Slurm takes to answer (15 s). May be NULL. */
    void (*waiting)(void *user, const char *text);
    void *waiting_user;
    /* Called first of all where the lock of one before us was taken, also where opening fails for
     * another reason then: `id` is that one's. What it answers ends the opening. May be NULL. */
    fan_status (*took_over)(void *user, uint64_t id, fan_error *error);
    void *took_over_user;
    const struct fani_journal_io *io; /* what it does to files, for tests; NULL: the system's */
} fani_journal_options;

/* Opens `path` for writing and takes its lock. A new file is made whole beside its place (mode 0600
 * without the umask's bits), synced and linked to its name, and its folder synced. With `resume`,
 * the records of an existing one are given to the visitor first, a torn tail is told as lost and
 * cut off. The options and what they point to are copied or not needed after the call. Errors:
 * FAN_E_ARGUMENT: it exists and `resume` was not given, or its identity differs (key and both
 * values in the text). FAN_E_BUSY: another run has the lock (host, pid, time, Slurm job in the
 * text). FAN_E_INPUT: no journal, of another version, or damaged (file and byte offset in the
 * text). FAN_E_OUTPUT with file and errno. FAN_E_MEMORY, FAN_E_SYSTEM. What the visitor answered.
 * On an error the file's records are as they were, and the lock is given back. */
fan_status fani_journal_open(const fani_journal_options *options, const char *path,
                             fani_journal **journal, fan_error *error);

/* Reads a journal that may have a writer: no lock is taken, nothing is changed. Memory is bounded
 * (about 1 MB), whatever the size. Damage is an error unless `repair`, as for opening; a torn tail
 * is told as lost and no error. Errors: FAN_E_INPUT with file and errno or offset, FAN_E_MEMORY,
 * and what the visitor answered. */
fan_status fani_journal_read(const char *path, bool repair, const fani_journal_visitor *visitor,
                             fan_error *error);

/* The same for a file that is open, which stays so; `name` is for messages. One descriptor can be
 * read several times, and is the same file also when its name has meanwhile gone to a compacted
 * one. A negative descriptor, with errno: the file could not be opened. */
fan_status fani_journal_read_fd(int fd, const char *name, bool repair,
                                const fani_journal_visitor *visitor, fan_error *error);

/* Appends a record: a copy into memory, no system call but to wake the journal's thread. Waits only
 * while `buffer_bytes` are full or a compaction runs, until the deadline. *sequence (may be NULL)
 * is its number: larger than of all records appended before. Any thread. Errors: FAN_E_ARGUMENT
 * (kind, size), FAN_E_TIMEOUT (nothing was appended), or the error that the journal has failed
 * with. */
fan_status fani_journal_append(fani_journal *journal, uint32_t kind, const void *payload,
                               size_t size, fan_deadline deadline, uint64_t *sequence,
                               fan_error *error);

/* The last record of this journal that has reached the system (a killed process does not lose it),
 * or the disk (a lost machine does not either). Never goes back. Any thread. */
uint64_t fani_journal_written(const fani_journal *journal);
uint64_t fani_journal_synced(const fani_journal *journal);

/* Has the records up to `sequence` written or synced without waiting for their time to come, and
 * waits for it. Threads that wait at the same time share one sync. Any thread. Errors:
 * FAN_E_TIMEOUT, FAN_E_ARGUMENT (no such record yet), or the error the journal has failed with
 * where the record did not get there before. */
fan_status fani_journal_wait_written(fani_journal *journal, uint64_t sequence,
                                     fan_deadline deadline, fan_error *error);
fan_status fani_journal_wait_synced(fani_journal *journal, uint64_t sequence, fan_deadline deadline,
                                    fan_error *error);

/* The same for all that was appended before the call. */
fan_status fani_journal_flush(fani_journal *journal, bool sync, fan_deadline deadline,
                              fan_error *error);

/* Names a file whose bytes records speak of: in each group it is synced before the journal, so that
 * no record counts as synced before its bytes. What is written to it before the append of a record
 * is covered. The descriptor stays the caller's and open until it is detached or the journal is
 * closed; `name` is copied, for messages. Detach waits for a sync that is under way. Any thread.
 * Errors: FAN_E_MEMORY; detach: FAN_E_ARGUMENT where it is not attached. */
fan_status fani_journal_attach(fani_journal *journal, int fd, const char *name, fan_error *error);
fan_status fani_journal_detach(fani_journal *journal, int fd, fan_error *error);

/* Adds one record of a snapshot; only inside fani_journal_compact's callback, on its thread. */
typedef struct fani_journal_snapshot fani_journal_snapshot;
fan_status fani_journal_snapshot_add(fani_journal_snapshot *snapshot, uint32_t kind,
                                     const void *payload, size_t size, fan_error *error);

/* Whether the file has grown so large that it should be compacted. Any thread. */
bool fani_journal_wants_compact(const fani_journal *journal);

/* Replaces all records by those that `snapshot` adds: they must say what all records appended
 * before the call say. A new file is written beside, synced (data files first) and renamed over,
 * and the folder synced: a kill at any moment leaves the old or the new one whole. Appends of other
 * threads wait meanwhile and come behind the snapshot: a caller whose threads could append
 * something that the snapshot already says either holds them back or has records that do no harm
 * when they come again. When it returns, all is synced. Errors: what `snapshot` answered,
 * FAN_E_OUTPUT, FAN_E_TIMEOUT (another compaction, or a disk that does not answer, at the
 * deadline): the old file stays and goes on, unless the rename itself is in doubt: then the journal
 * has failed. */
fan_status fani_journal_compact(fani_journal *journal,
                                fan_status (*snapshot)(void *user, fani_journal_snapshot *to,
                                                       fan_error *error),
                                void *user, fan_deadline deadline, fan_error *error);

/* Whether something failed for good: a write, a sync, or the lock, which was taken away. Then every
 * call answers that error (FAN_E_OUTPUT with file and errno; without an errno and with the new
 * holder in the text where the lock is gone). What counted as written before stays valid, and a new
 * opening with `resume` goes on from there. Any thread. */
fan_status fani_journal_failure(fani_journal *journal, fan_error *error);

/* Looks whether the lock is still ours, before something is done to other files that it guards;
 * `thoroughly`: read anew, not only whether its file still has a name. Where it is not, the journal
 * has failed. Any thread. Errors: FAN_E_OUTPUT with the new holder in the text. */
fan_status fani_journal_check(fani_journal *journal, bool thoroughly, fan_error *error);

/* Whether the one before us, whose lock this opening has taken, may still run and wake up: what it
 * has open must not be written by us. */
bool fani_journal_is_doubtful(const fani_journal *journal);

/* A random number that this opening alone has. */
uint64_t fani_journal_id(const fani_journal *journal);

/* This opening's number: it is raised by each. */
uint32_t fani_journal_epoch(const fani_journal *journal);

/* Bytes in the file, including those that wait in memory. Any thread. */
uint64_t fani_journal_bytes(const fani_journal *journal);

/* Writes and syncs all, ends the threads, gives the lock back and frees. Errors: FAN_E_TIMEOUT: not
 * done by the deadline, the journal is as it was and may be closed again; any other error has
 * closed it: what the journal has failed with, or FAN_E_OUTPUT of closing. NULL is accepted. No
 * other call may be under way. */
fan_status fani_journal_close(fani_journal *journal, fan_deadline deadline, fan_error *error);

#endif
