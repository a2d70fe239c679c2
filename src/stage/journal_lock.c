/* A lock is made whole under a name of its own and then linked to NAME.lock, which only one of
 * several can do. Nobody removes or replaces the lock of a holder with nonce N without holding the
 * claim NAME.lock.N, which is made in the same way. The claim's holder looks whether NAME.lock is
 * still N's, and then renames the claim over it: the claim is the new lock, and its name is gone at
 * the same moment. Who makes the same claim later, having looked before, sees that the lock is not
 * N's any more. Whoever's text NAME.lock holds after all that has it. A claim whose holder has died
 * is removed under a claim on itself. */
#include "stage/journal_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "stage/journal_slurm.h"

enum {
    NS_PER_MS = 1000000,
    PATIENCE_MS = 10000,      /* with others that are taking the lock at this moment */
    PATIENCE_NS = 1000000000, /* behind that, for those that come and go */
    PAUSE_MS = 5,
    SLURM_MS = 15000,
    STILL_PERIODS = 3,
    BEAT_MOST_MS = 60000, /* of what a lock says, so that a wrong one does not make us wait long */
    CLAIM_DEPTH = 8,
    LOOKS = 4, /* at holders of which only time tells whether they live */
    REMADE_MOST = 100,
    NAMELESS_MOST = 10, /* where that never works, a name of our own may */
    CHECK_NS = 1000000000,
    NAME_ROOM = 32, /* behind NAME.lock */
};

#define NEW_NAME "%s.new-%016" PRIx64

typedef struct taking {
    fani_journal_lock *lock;
    const fani_journal_lock_options *options;
    fan_deadline deadline;
    uint64_t broken; /* the one holder that break_lock is for: the first seen; 0: none yet */
    char *fresh;     /* the name of our own file, NULL: it has none */
    int remade;      /* how often our file lost its name */
    bool doubtful;
    bool copied; /* no hard links here: our file is not the one that has the lock's name */
    int looks;
    fan_error *error;
} taking;

static fan_status lock_error(const fani_journal_lock *lock, const char *doing, fan_error *error)
{
    int code = errno;
    fani_error_errno(error, FAN_E_OUTPUT, code, "the lock %s of %s can't be %s", lock->name,
                     lock->place->path, doing);
    fani_error_place(error, lock->place->path, 0, 0);
    return FAN_E_OUTPUT;
}

/* ---- Files ----------------------------------------------------------------------------------- */

typedef enum found { FOUND, ABSENT, UNREADABLE, BROKEN_OFF } found;

/* Reads whole what is there, anew: no descriptor of before, whose file may have lost its name. */
static found read_holder(const fani_journal_lock *lock, const char *name,
                         fani_journal_holder *holder)
{
    char text[FANI_JOURNAL_HOLDER_SIZE] = "";
    size_t size = 0;
    int fd = openat(lock->place->folder, name,
                    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    if (fd < 0)
        return errno == ENOENT || errno == ESTALE ? ABSENT : UNREADABLE;
    ssize_t n = 1;
    if (fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) { /* it would stay empty for ever */
        errno = ENOTSUP;
        n = -1;
    }
    while (size < sizeof text && n > 0) {
        n = read(fd, text + size, sizeof text - size);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            size += (size_t)n;
    }
    int code = errno;
    (void)close(fd); /* only read */
    errno = code;
    if (n < 0)
        return errno == ESTALE ? ABSENT : UNREADABLE;
    return fani_journal_holder_parse(text, holder) ? FOUND : BROKEN_OFF;
}

static void name_claim(const fani_journal_lock *lock, uint64_t nonce, char *name, size_t size)
{
    snprintf(name, size, "%s.%016" PRIx64, lock->name, nonce);
}

/* Rewrites our own text in place: it always has the same size. */
static int write_self(fani_journal_lock *lock)
{
    char text[FANI_JOURNAL_HOLDER_SIZE];
    fani_journal_holder_text(&lock->self, text);
    if (lseek(lock->fd, 0, SEEK_SET) < 0)
        return -1;
    return fani_journal_write_all(lock->place->io, lock->fd, text, sizeof text);
}

/* A file without a name, which leaves nothing behind when we are killed. False: not here. */
static bool make_nameless(fani_journal_lock *lock)
{
    int fd =
        lock->place->io->open_at(lock->place->folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    if (access("/proc/self/fd", F_OK) == 0) {
        lock->fd = fd;
        return true;
    }
    (void)fani_journal_close_fd(lock->place->io, fd); /* it could never get a name */
    return false;
}

/* Makes our own file, under a name that nobody else has where it needs one. */
static fan_status make_fresh(taking *t)
{
    fani_journal_lock *lock = t->lock;
    if (lock->fd >= 0)
        return FAN_OK;
    if (t->remade > NAMELESS_MOST || !make_nameless(lock)) {
        if (asprintf(&t->fresh, NEW_NAME, lock->name, lock->self.nonce) < 0) {
            t->fresh = NULL;
            return fani_error_set(t->error, FAN_E_MEMORY, "out of memory");
        }
        lock->fd =
            lock->place->io->open_at(lock->place->folder, t->fresh,
                                     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (lock->fd < 0)
            return lock_error(lock, "created", t->error);
    }
    return write_self(lock) ? lock_error(lock, "written", t->error) : FAN_OK;
}

/* A file that has lost its only name gets none again: the next try makes another one. */
static int link_own(taking *t, const char *name)
{
    const fani_journal_place *place = t->lock->place;
    int code = t->fresh ? place->io->link_at(place->folder, t->fresh, name)
                        : place->io->link_fd(t->lock->fd, place->folder, name);
    if (code && errno == ENOENT && t->remade++ < REMADE_MOST) {
        (void)fani_journal_close_fd(place->io, t->lock->fd); /* nobody sees it any more */
        t->lock->fd = -1;
        free(t->fresh);
        t->fresh = NULL;
        errno = EEXIST;
    }
    return code;
}

/* Where a file system has no hard links: exclusive all the same, but not whole at once. */
static int copy_to(const fani_journal_lock *lock, const char *name)
{
    char text[FANI_JOURNAL_HOLDER_SIZE];
    const fani_journal_io *io = lock->place->io;
    int fd = io->open_at(lock->place->folder, name,
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    fani_journal_holder_text(&lock->self, text);
    int failed = fani_journal_write_all(io, fd, text, sizeof text);
    return fani_journal_close_fd(io, fd) || failed ? -1 : 0;
}

/* Gives our file one more name, which nothing has yet. *mine: whether it has it now. */
static fan_status link_fresh(taking *t, const char *name, bool *mine)
{
    fani_journal_holder holder;
    *mine = false;
    fan_status status = make_fresh(t);
    if (status != FAN_OK)
        return status;
    int code = link_own(t, name);
    if (code && (errno == EPERM || errno == ENOTSUP || errno == ENOSYS))
        t->copied = (code = copy_to(t->lock, name)) == 0;
    if (code && errno != EEXIST)
        return lock_error(t->lock, "linked", t->error);
    /* Over a network the answer to a link that was made may have been lost. */
    *mine = code == 0 ||
            (read_holder(t->lock, name, &holder) == FOUND && holder.nonce == t->lock->self.nonce);
    return FAN_OK;
}

static void unlink_quietly(const fani_journal_lock *lock, const char *name)
{
    (void)lock->place->io->unlink_at(lock->place->folder, name); /* others may have been faster */
}

/* ---- Judging --------------------------------------------------------------------------------- */

static void pause_ms(int64_t ms)
{
    (void)poll(NULL, 0, (int)ms);
}

static fan_status refuse(taking *t, const fani_journal_holder *holder)
{
    char text[400];
    fani_journal_holder_describe(holder, text, sizeof text);
    fani_error_set(t->error, FAN_E_BUSY,
                   "%.120s is being written by %.300s; --break-lock takes it away",
                   t->lock->place->name, text);
    fani_error_place(t->error, t->lock->place->path, 0, 0);
    return FAN_E_BUSY;
}

/* Whether the holder of the lock `name` lets three of its periods pass without a beat. */
static bool stands_still(taking *t, const char *name, const fani_journal_holder *holder)
{
    uint32_t beat =
        holder->beat_ms && holder->beat_ms < BEAT_MOST_MS ? holder->beat_ms : BEAT_MOST_MS;
    fan_deadline until = fan_deadline_in_ms((uint64_t)beat * STILL_PERIODS);
    fani_journal_holder now;
    char text[600], who[400];
    fani_journal_holder_describe(holder, who, sizeof who);
    snprintf(text, sizeof text, "waiting %.1f s to see whether %s still writes %.100s",
             (double)beat * STILL_PERIODS / 1000, who, t->lock->place->name);
    if (t->options->waiting)
        t->options->waiting(t->options->user, text);
    while (fani_clock_ns() < until) {
        pause_ms(beat / 4 + 1 < 500 ? beat / 4 + 1 : 500);
        if (read_holder(t->lock, name, &now) != FOUND || now.nonce != holder->nonce ||
            now.beats != holder->beats)
            return false;
    }
    return true;
}

/* Whether a holder may be replaced. Sets t->doubtful where it may still run. */
static bool is_stale(taking *t, const char *name, const fani_journal_holder *holder)
{
    switch (fani_journal_holder_life(holder, &t->lock->self)) {
    case FANI_JOURNAL_DEAD:
        return true;
    case FANI_JOURNAL_LIVES:
        break;
    case FANI_JOURNAL_ELSEWHERE:
        if (t->broken == holder->nonce || t->looks++ == LOOKS)
            break;
        if (strcmp(holder->job, "-") != 0 && strcmp(holder->cluster, t->lock->self.cluster) == 0) {
            fani_slurm_answer answer = fani_slurm_ask(holder->job, fan_deadline_in_ms(SLURM_MS));
            if (answer == FANI_SLURM_ENDED)
                return true;
        }
        t->doubtful = stands_still(t, name, holder);
        return t->doubtful;
    }
    if (t->broken == holder->nonce)
        t->doubtful = true;
    return t->broken == holder->nonce;
}

/* A lock that is not whole: it is being made where there are no hard links, or its maker died. */
static bool stays_broken_off(taking *t, const char *name)
{
    fani_journal_holder holder;
    fan_deadline until = fan_deadline_in_ms(
        t->options->break_lock ? PAUSE_MS : (uint64_t)t->options->beat_ms * STILL_PERIODS);
    do {
        pause_ms(PAUSE_MS);
        if (read_holder(t->lock, name, &holder) != BROKEN_OFF)
            return false;
    } while (fani_clock_ns() < until);
    return true;
}

/* ---- Taking ---------------------------------------------------------------------------------- */

/* Removes what a dead holder left if it died while it took the lock. */
static void clear_fresh(const fani_journal_lock *lock, uint64_t nonce)
{
    char name[256 + NAME_ROOM];
    snprintf(name, sizeof name, NEW_NAME, lock->name, nonce);
    unlink_quietly(lock, name);
}

/* Removes the claim `name` of a holder that has died, under a claim on it. What others do at the
 * same time shows when the caller looks again. */
static fan_status clear_claim(taking *t, const char *name, const fani_journal_holder *dead,
                              int depth)
{
    char *upper = NULL;
    fani_journal_holder holder;
    bool mine;
    if (asprintf(&upper, "%s.%016" PRIx64, t->lock->name, dead->nonce) < 0)
        return fani_error_set(t->error, FAN_E_MEMORY, "out of memory");
    fan_status status = link_fresh(t, upper, &mine);
    if (status == FAN_OK && mine) {
        if (read_holder(t->lock, name, &holder) == FOUND && holder.nonce == dead->nonce)
            unlink_quietly(t->lock, name);
        clear_fresh(t->lock, dead->nonce);
        unlink_quietly(t->lock, upper);
    } else if (status == FAN_OK && depth < CLAIM_DEPTH &&
               read_holder(t->lock, upper, &holder) == FOUND && is_stale(t, upper, &holder)) {
        status = clear_claim(t, upper, &holder, depth + 1);
    } else if (status == FAN_OK)
        pause_ms(PAUSE_MS);
    free(upper);
    return status;
}

/* Tries to take the place of a stale holder; the caller then looks whether that went well. */
static fan_status replace(taking *t, const fani_journal_holder *stale)
{
    fani_journal_lock *lock = t->lock;
    char claim[256 + NAME_ROOM];
    fani_journal_holder holder;
    bool mine;
    name_claim(lock, stale->nonce, claim, sizeof claim);
    fan_status status = link_fresh(t, claim, &mine);
    if (status != FAN_OK)
        return status;
    if (!mine) {
        if (read_holder(lock, claim, &holder) == FOUND && is_stale(t, claim, &holder))
            return clear_claim(t, claim, &holder, 0);
        pause_ms(PAUSE_MS);
        return FAN_OK;
    }
    if (read_holder(lock, lock->name, &holder) != FOUND || holder.nonce != stale->nonce) {
        unlink_quietly(lock, claim);
        return FAN_OK;
    }
    if (lock->place->io->rename_at(lock->place->folder, claim, lock->name) && errno != ENOENT) {
        status = lock_error(lock, "taken over", t->error);
        unlink_quietly(lock, claim);
        return status;
    }
    clear_fresh(lock, stale->nonce);
    lock->replaced = stale->epoch;
    lock->replaced_nonce = stale->nonce;
    lock->doubtful = t->doubtful;
    return FAN_OK;
}

/* Looks at the lock and does the next thing about it. */
static fan_status step(taking *t, bool *taken)
{
    fani_journal_lock *lock = t->lock;
    fani_journal_holder holder;
    switch (read_holder(lock, lock->name, &holder)) {
    case ABSENT:
        return link_fresh(t, lock->name, taken);
    case UNREADABLE:
        return lock_error(lock, "read", t->error);
    case BROKEN_OFF:
        if (stays_broken_off(t, lock->name) &&
            lock->place->io->unlink_at(lock->place->folder, lock->name) && errno != ENOENT)
            return lock_error(lock, "removed", t->error);
        return FAN_OK;
    case FOUND:
        break;
    }
    *taken = holder.nonce == lock->self.nonce;
    if (*taken)
        return FAN_OK;
    if (t->options->break_lock && !t->broken)
        t->broken = holder.nonce;
    int64_t before = fani_clock_ns();
    bool stale = is_stale(t, lock->name, &holder);
    t->deadline += fani_clock_ns() - before;
    if (stale && fani_clock_ns() < t->deadline)
        return replace(t, &holder);
    /* It may have ended, or been replaced, while we looked. */
    fani_journal_holder now;
    if (fani_clock_ns() < t->deadline &&
        (read_holder(lock, lock->name, &now) != FOUND || now.nonce != holder.nonce))
        return FAN_OK;
    return refuse(t, &holder);
}

/* Where our file could only be copied: from now on the one with the lock's name is ours. */
static fan_status adopt_copy(fani_journal_lock *lock, fan_error *error)
{
    int fd = lock->place->io->open_at(lock->place->folder, lock->name,
                                      O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return lock_error(lock, "opened", error);
    (void)fani_journal_close_fd(lock->place->io, lock->fd); /* a copy that is not needed any more */
    lock->fd = fd;
    return fani_journal_lock_check(lock, true, error);
}

static void forget(fani_journal_lock *lock)
{
    if (lock->fd >= 0)
        (void)fani_journal_close_fd(lock->place->io, lock->fd); /* its text is in the system */
    lock->fd = -1;
    free(lock->name);
    lock->name = NULL;
}

fan_status fani_journal_lock_take(const fani_journal_place *place,
                                  const fani_journal_lock_options *options, fani_journal_lock *lock,
                                  fan_error *error)
{
    taking t = {.lock = lock, .options = options, .error = error};
    bool taken = false;
    *lock = (fani_journal_lock){.place = place, .fd = -1};
    t.deadline = fan_deadline_in_ms(PATIENCE_MS);
    if (asprintf(&lock->name, "%s.lock", place->name) < 0) {
        lock->name = NULL;
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    fan_status status = FAN_OK;
    if (!fani_journal_holder_self(options->beat_ms, &lock->self))
        status = fani_error_errno(error, FAN_E_SYSTEM, errno, "no random number for a lock");
    while (status == FAN_OK && !taken) {
        status = step(&t, &taken);
        if (status == FAN_OK && !taken && fani_clock_ns() > t.deadline + PATIENCE_NS)
            status = fani_error_set(error, FAN_E_BUSY,
                                    "others take the lock %.200s again and again", lock->name);
    }
    if (status == FAN_OK && t.copied)
        status = adopt_copy(lock, error);
    if (t.fresh)
        unlink_quietly(lock, t.fresh);
    free(t.fresh);
    if (status != FAN_OK)
        forget(lock);
    lock->checked_ns = fani_clock_ns();
    return status;
}

/* ---- Holding --------------------------------------------------------------------------------- */

fan_status fani_journal_lock_epoch(fani_journal_lock *lock, uint32_t epoch, fan_error *error)
{
    lock->self.epoch = epoch;
    return write_self(lock) ? lock_error(lock, "written", error) : FAN_OK;
}

fan_status fani_journal_lock_beat(fani_journal_lock *lock, fan_error *error)
{
    lock->self.beats++;
    return write_self(lock) ? lock_error(lock, "kept", error) : FAN_OK;
}

fan_status fani_journal_lock_check(fani_journal_lock *lock, bool thoroughly, fan_error *error)
{
    struct stat info;
    char who[400] = "nobody: its lock was removed";
    fani_journal_holder holder;
    int64_t now = fani_clock_ns();
    if (!thoroughly && now - lock->checked_ns < CHECK_NS && fstat(lock->fd, &info) == 0 &&
        info.st_nlink > 0)
        return FAN_OK;
    found what = read_holder(lock, lock->name, &holder);
    if (what == FOUND && holder.nonce == lock->self.nonce) {
        lock->checked_ns = now;
        return FAN_OK;
    }
    if (what == UNREADABLE)
        return lock_error(lock, "read", error);
    if (what == FOUND)
        fani_journal_holder_describe(&holder, who, sizeof who);
    fani_error_set(error, FAN_E_OUTPUT, "%.80s was taken over by %.380s", lock->place->name, who);
    fani_error_place(error, lock->place->path, 0, 0);
    return FAN_E_OUTPUT;
}

fan_status fani_journal_lock_give(fani_journal_lock *lock, fan_error *error)
{
    fan_status status = FAN_OK;
    fani_journal_holder holder;
    if (!lock->name)
        return FAN_OK;
    found what = read_holder(lock, lock->name, &holder);
    if (what == UNREADABLE)
        status = lock_error(lock, "read", error);
    if (what == FOUND && holder.nonce == lock->self.nonce &&
        lock->place->io->unlink_at(lock->place->folder, lock->name) && errno != ENOENT) {
        status = lock_error(lock, "removed", error);
        lock->self.pid = 0; /* if it stays, it says at least that nobody has it */
        (void)write_self(lock);
    }
    forget(lock);
    return status;
}
