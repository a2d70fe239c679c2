/* The lock beside a journal: a file NAME.lock that says who writes. How several programs that find
 * a dead holder's lock at once agree on one of them is in journal_lock.c. */
#ifndef FANI_JOURNAL_LOCK_H
#define FANI_JOURNAL_LOCK_H

#include "stage/journal_holder.h"
#include "stage/journal_io.h"

typedef struct fani_journal_lock {
    const fani_journal_place *place;
    char *name; /* NAME.lock */
    int fd;     /* of the lock's file while it is held, else -1 */
    fani_journal_holder self;
    uint32_t replaced; /* the epoch of the holder whose lock was taken over; 0: none */
    uint64_t replaced_nonce;
    /* Whether that holder may still run: its lock was broken, or only stood still. */
    bool doubtful;
    _Atomic int64_t checked_ns; /* when the lock's file was last read */
} fani_journal_lock;

typedef struct fani_journal_lock_options {
    bool break_lock;
    uint32_t beat_ms;
    void (*waiting)(void *user, const char *text);
    void *user;
} fani_journal_lock_options;

/* Takes the lock of the journal at `place`, which must live as long. A dead holder's lock is taken
 * over; another host's, where Slurm says that its job ended or its beats stand still for three of
 * its periods. Errors: FAN_E_BUSY with the holder; FAN_E_OUTPUT with file and errno; FAN_E_MEMORY;
 * FAN_E_SYSTEM. Nothing is left behind then. */
fan_status fani_journal_lock_take(const fani_journal_place *place,
                                  const fani_journal_lock_options *options, fani_journal_lock *lock,
                                  fan_error *error);

/* Writes the epoch, or one more beat, into the lock. Errors: FAN_E_OUTPUT. */
fan_status fani_journal_lock_epoch(fani_journal_lock *lock, uint32_t epoch, fan_error *error);
fan_status fani_journal_lock_beat(fani_journal_lock *lock, fan_error *error);

/* Whether the lock is still ours: by whether its file still has a name, which costs one call and is
 * seen at once on the same host, or, `thoroughly` or after a second since then, by reading it anew.
 * Errors: FAN_E_OUTPUT with the new holder in the text, or with file and errno. */
fan_status fani_journal_lock_check(fani_journal_lock *lock, bool thoroughly, fan_error *error);

/* Removes the lock, where it is still ours, and frees. Errors: FAN_E_OUTPUT. */
fan_status fani_journal_lock_give(fani_journal_lock *lock, fan_error *error);

#endif
