#include "job/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "job/ledger_read.h"
#include "job/record.h"
#include "job/state.h"

struct fani_held {
    fani_journal *journal; /* NULL: the output is no file with a ledger */
    char *path;            /* of the file that things wait in; NULL: it has no name */
    int fd;                /* -1: not needed yet */
    fani_spill *spill;
    fani_reorder *buffer;
    bool unordered;
    fani_ranges covered; /* need not be done: held or done by an earlier run */
    fani_ranges done;    /* written as they came, by this run or an earlier one */
    fani_ranges fresh;   /* of these, what the ledger does not say yet */
    uint64_t written;    /* items beyond STATE's that it speaks of */
    uint64_t marked;     /* the STATE that makes places free again; 0: none does */
    fan_buffer scratch;
};

/* ---- The file -------------------------------------------------------------------------------- */

static fan_status cant(const fani_held *held, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_OUTPUT, errno, "%s can't be %s", held->path, doing);
    fani_error_place(error, held->path, 0, 0);
    return FAN_E_OUTPUT;
}

/* A new one in the place of what an earlier run may have left, but not of what one has that took
 * the output over. Links are not followed. */
static fan_status make_named(fani_held *held, fan_error *error)
{
    fan_status status = fani_journal_check(held->journal, true, error);
    if (status != FAN_OK)
        return status;
    if (unlink(held->path) && errno != ENOENT)
        return cant(held, "replaced", error);
    do {
        held->fd = open(held->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    } while (held->fd < 0 && errno == EINTR);
    if (held->fd < 0)
        return cant(held, "created", error);
    return fani_journal_attach(held->journal, held->fd, held->path, error);
}

/* A file of nobody else's, which vanishes with the program. */
static int make_nameless(void)
{
    const char *folder = getenv("TMPDIR");
    char *name;
    folder = folder && *folder ? folder : "/tmp";
    int fd = open(folder, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || asprintf(&name, "%s/fanfold-XXXXXX", folder) < 0)
        return fd;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0 && unlink(name)) {
        (void)close(fd); /* nothing was written */
        fd = -1;
    }
    free(name);
    return fd;
}

static fan_status make_file(void *user, int *fd, fan_error *error)
{
    fani_held *held = user;
    fan_status status = FAN_OK;
    if (held->fd < 0 && held->path)
        status = make_named(held, error);
    else if (held->fd < 0 && (held->fd = make_nameless()) < 0)
        status = fani_error_errno(error, FAN_E_OUTPUT, errno, "no file for what waits");
    *fd = held->fd;
    return status;
}

/* Where the run before us may wake up, it does not get to see our file. */
static fan_status renew_left(const fani_held *held, fan_error *error)
{
    struct stat info;
    if (!fani_journal_is_doubtful(held->journal) || lstat(held->path, &info) ||
        !S_ISREG(info.st_mode))
        return FAN_OK;
    return fani_writer_part_renew(held->path, "", (uint64_t)info.st_size, error);
}

/* Opens what an earlier run has left: what is no plain file of ours is not gone on with. */
static fan_status open_left(fani_held *held, fan_error *error)
{
    struct stat info;
    fan_status status = renew_left(held, error);
    if (status != FAN_OK)
        return status;
    int fd = open(held->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? FAN_OK : cant(held, "gone on with", error);
    bool known = fstat(fd, &info) == 0;
    bool ours = known && S_ISREG(info.st_mode) && info.st_uid == geteuid();
    if (!ours) {
        errno = known ? EPERM : errno;
        status = cant(held, "gone on with", error);
        (void)close(fd); /* nothing was written */
        return status;
    }
    held->fd = fd;
    fani_spill_go_on(held->spill, fd, (uint64_t)info.st_size);
    return fani_journal_attach(held->journal, fd, held->path, error);
}

/* ---- What an earlier run has left ------------------------------------------------------------ */

static fan_status take_held(void *user, const fani_ledger_held *record, fan_error *error)
{
    fani_held *held = user;
    fan_status status = held->fd < 0 ? open_left(held, error) : FAN_OK;
    fani_reorder_saved saved = {.first = record->first,
                                .count = record->count,
                                .place = record->place,
                                .size = record->size,
                                .hash = record->hash};
    if (status != FAN_OK || held->fd < 0 || !fani_reorder_adopt(held->buffer, &saved))
        return status;
    held->written += saved.count;
    return fani_ranges_add(&held->covered, saved.first, saved.first + saved.count) == FAN_OK
               ? FAN_OK
               : fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

static fan_status take_done(void *user, const fani_ledger_seen *seen, fan_error *error)
{
    fani_held *held = user;
    fan_status status = fani_ranges_add(&held->done, 0, seen->state.done);
    if (held->unordered)
        held->written = fani_ranges_total(&seen->done, seen->state.done);
    for (size_t i = 0; held->unordered && status == FAN_OK && i < seen->done.count; i++) {
        const fani_range *range = &seen->done.at[i];
        status = fani_ranges_add(&held->done, range->first, range->end);
        if (status == FAN_OK)
            status = fani_ranges_add(&held->covered, range->first, range->end);
    }
    return status == FAN_OK ? FAN_OK : fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

static fan_status take_up(fani_held *held, const fani_job_run *run, fan_error *error)
{
    fani_ledger_visitor visitor = {
        .seen = take_done, .held = held->unordered ? NULL : take_held, .user = held};
    char *ledger = fani_ledger_path(run->output);
    if (!ledger)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = fani_journal_flush(held->journal, false, FAN_FOREVER, error);
    if (status == FAN_OK)
        status = fani_ledger_read(ledger, &visitor, error);
    free(ledger);
    return status;
}

fan_status fani_held_open(fani_job_run *run, fan_error *error)
{
    fani_held *held = calloc(1, sizeof *held);
    if (!held)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    run->held = held;
    held->fd = -1;
    held->unordered = fani_job_flag(run->job, FANI_KEY_UNORDERED);
    if (run->state) {
        held->journal = fani_state_journal(run->state);
        held->path = fani_ledger_waiting_path(run->output);
    }
    held->spill = fani_spill_new(make_file, held, held->path ? held->path : "(waiting outcomes)");
    fani_reorder_options options = {.next = fani_state_done(run->state),
                                    .spill = held->spill,
                                    .must_spill = run->state != NULL};
    if (held->spill)
        held->buffer = fani_reorder_new(&options);
    if (!held->buffer || (run->state && !held->path))
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    return run->state && fani_job_resumes(run->job) ? take_up(held, run, error) : FAN_OK;
}

/* ---- While it runs --------------------------------------------------------------------------- */

fani_reorder *fani_held_buffer(fani_held *held)
{
    return held->buffer;
}

bool fani_held_is_unordered(const fani_held *held)
{
    return held->unordered;
}

bool fani_held_is_full(const fani_held *held)
{
    return fani_reorder_full(held->buffer);
}

uint64_t fani_held_covers(const fani_held *held, uint64_t index, uint64_t *before)
{
    const fani_range *range = fani_ranges_from(&held->covered, index);
    if (range && range->first <= index)
        return range->end - index;
    *before = range ? range->first - index : UINT64_MAX;
    return 0;
}

fan_status fani_held_done(fani_held *held, uint64_t first, uint64_t count, fan_error *error)
{
    fan_status status = fani_ranges_add(&held->done, first, first + count);
    if (status == FAN_OK && held->journal)
        status = fani_ranges_add(&held->fresh, first, first + count);
    return status == FAN_OK ? FAN_OK : fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

uint64_t fani_held_low(const fani_held *held)
{
    return held->done.count && !held->done.at[0].first ? held->done.at[0].end : 0;
}

uint64_t fani_held_written(const fani_held *held)
{
    return held ? held->written : 0;
}

static fan_status append(fani_held *held, fan_status put, fani_ledger_kind kind, fan_error *error)
{
    if (put != FAN_OK)
        return fani_error_set(error, put, "out of memory");
    return fani_journal_append(held->journal, kind, held->scratch.bytes, held->scratch.size,
                               FAN_FOREVER, NULL, error);
}

static fan_status tell(void *user, const fani_reorder_saved *saved, fan_error *error)
{
    fani_held *held = user;
    fani_ledger_held record = {.first = saved->first,
                               .count = saved->count,
                               .place = saved->place,
                               .size = saved->size,
                               .hash = saved->hash};
    return append(held, fani_ledger_put_held(&record, &held->scratch), FANI_LEDGER_HELD, error);
}

/* What STATE says itself needs no record. */
static fan_status write_done(fani_held *held, fan_error *error)
{
    fan_status status = FAN_OK;
    uint64_t low = fani_held_low(held);
    for (size_t i = 0; status == FAN_OK && i < held->fresh.count; i++) {
        const fani_range *range = &held->fresh.at[i];
        if (range->end > low)
            status = append(
                held, fani_ledger_put_done(range->first, range->end - range->first, &held->scratch),
                FANI_LEDGER_DONE, error);
    }
    if (status == FAN_OK)
        held->fresh.count = 0;
    return status;
}

fan_status fani_held_write(fani_held *held, fan_error *error)
{
    if (!held)
        return FAN_OK;
    fan_status status = fani_reorder_save(held->buffer, tell, held, error);
    if (status == FAN_OK)
        status = write_done(held, error);
    if (status == FAN_OK)
        held->written = held->unordered ? fani_ranges_total(&held->done, fani_held_low(held))
                                        : fani_reorder_waiting(held->buffer);
    return status;
}

fan_status fani_held_settle(fani_held *held, uint64_t sequence, fan_error *error)
{
    fan_status status = FAN_OK;
    if (!held)
        return FAN_OK;
    if (held->marked && fani_journal_synced(held->journal) >= held->marked) {
        held->marked = 0;
        status = fani_spill_settle(held->spill, error);
    }
    if (!held->marked && fani_spill_mark(held->spill))
        held->marked = sequence;
    return status;
}

fan_status fani_held_took(fani_held *held, fan_error *error)
{
    if (held->journal)
        return FAN_OK;
    (void)fani_spill_mark(held->spill);
    return fani_spill_settle(held->spill, error);
}

/* ---- The end --------------------------------------------------------------------------------- */

static fan_status take_away(const char *path, fan_error *error)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, errno, "%s can't be removed", path);
    fani_error_place(error, path, 0, 0);
    return FAN_E_OUTPUT;
}

fan_status fani_held_leave(fani_held *held, bool always, fan_error *error)
{
    if (!held || !held->path || held->fd < 0)
        return FAN_OK;
    if (!always && (fani_reorder_waiting(held->buffer) ||
                    fani_journal_flush(held->journal, true, FAN_FOREVER, NULL) != FAN_OK))
        return FAN_OK; /* the ledger speaks of it, or may */
    fan_status status = fani_journal_check(held->journal, true, error);
    return status == FAN_OK ? take_away(held->path, error) : status; /* else it may be another's */
}

fan_status fani_held_remove(const char *output, fan_error *error)
{
    char *path = fani_ledger_waiting_path(output);
    fan_status status =
        path ? take_away(path, error) : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    free(path);
    return status;
}

void fani_held_free(fani_held *held)
{
    if (!held)
        return;
    if (held->fd >= 0)
        (void)close(held->fd); /* the journal has synced it, or it is of no more use */
    fani_reorder_free(held->buffer);
    fani_spill_free(held->spill);
    fani_ranges_clear(&held->covered);
    fani_ranges_clear(&held->done);
    fani_ranges_clear(&held->fresh);
    fan_buffer_clear(&held->scratch);
    free(held->path);
    free(held);
}
