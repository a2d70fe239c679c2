#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "stage/journal_draft.h"
#include "stage/journal_internal.h"
#include "stage/journal_scan.h"

enum {
    NS_PER_MS = 1000000,
    WRITE_MS = 50,
    SYNC_MS = 1000,
    BEAT_MS = 10000,
    SYNC_BYTES = 4 << 20,
    BUFFER_BYTES = 8 << 20,
    BUFFER_LEAST = 4 << 20,
    COMPACT_BYTES = 64 << 10,
    COMPACT_TIMES = 4,
};

/* What is under way while a journal is opened. */
typedef struct opening {
    const fani_journal_options *options;
    fani_journal *journal;
    fani_journal_scan scan;
    fani_journal_survey survey;
    fan_error *error;
} opening;

/* ---- The record of an opening ---------------------------------------------------------------- */

/* Who opened it, for people who look into the file. */
static size_t epoch_text(const fani_journal *j, char *text, size_t size)
{
    fani_journal_holder_describe(&j->lock.self, text, size);
    return strlen(text);
}

/* Ends a new file with the record of this opening, and takes it over. */
static fan_status finish_draft(fani_journal *j, fani_journal_draft *draft, bool fresh,
                               fan_error *error)
{
    char text[400];
    size_t size = epoch_text(j, text, sizeof text);
    fan_status status = fani_journal_draft_add(draft, FANI_JOURNAL_EPOCH, text, size, error);
    if (status == FAN_OK)
        status = fani_journal_draft_sync(draft, error);
    if (status == FAN_OK)
        status = fani_journal_lock_check(&j->lock, true, error);
    if (status == FAN_OK && fani_journal_draft_place(draft, fresh, error) != FAN_OK) {
        /* Whoever has taken the lock meanwhile has removed the draft. */
        (void)fani_journal_lock_check(&j->lock, true, error);
        status = FAN_E_OUTPUT;
    }
    if (status != FAN_OK)
        return status;
    if (j->fd >= 0)
        (void)fani_journal_close_fd(j->place.io, j->fd); /* only read */
    j->id = draft->id;
    j->next = draft->next;
    atomic_store(&j->bytes, draft->bytes);
    j->fd = fani_journal_draft_take_fd(draft);
    return FAN_OK;
}

static fan_status create(fani_journal *j, bool is_new, fan_error *error)
{
    fani_journal_draft draft;
    j->epoch = j->lock.replaced + 1;
    fan_status status = fani_journal_lock_epoch(&j->lock, j->epoch, error);
    if (status != FAN_OK)
        return status;
    status = fani_journal_draft_begin(&j->place, j->epoch, j->identity, j->identity_size, 1, &draft,
                                      error);
    if (status == FAN_OK)
        status = finish_draft(j, &draft, is_new, error);
    fani_journal_draft_drop(&draft);
    return status;
}

/* ---- Going on with a file -------------------------------------------------------------------- */

static fan_status check_identity(opening *o)
{
    fani_journal_step step;
    fani_journal_scan_rewind(&o->scan);
    fan_status status = fani_journal_scan_next(&o->scan, &step, o->error);
    if (status != FAN_OK)
        return status;
    return fani_journal_identity_match(step.payload, step.mark.size, o->options->identity,
                                       o->options->identity_count, o->error);
}

/* Copies what is valid into a new file: without what is damaged, and where the one before us may
 * still have the old file open and write to it. */
static fan_status copy_records(opening *o, fani_journal_draft *draft)
{
    fani_journal_step step;
    fani_journal_scan_rewind(&o->scan);
    for (;;) {
        fan_status status = fani_journal_scan_next(&o->scan, &step, o->error);
        if (status != FAN_OK || fani_journal_step_ends(&step, &o->survey))
            return status;
        if (step.kind == FANI_JOURNAL_STEP_RECORD && step.mark.kind != FANI_JOURNAL_NOTE &&
            step.mark.kind != FANI_JOURNAL_IDENTITY)
            status = fani_journal_draft_copy(draft, step.mark, step.payload, o->error);
        if (step.kind == FANI_JOURNAL_STEP_DAMAGE && step.first) {
            /* Numbers go back only in a newer epoch: in that of the record behind the gap. */
            fani_journal_mark gap = {.kind = FANI_JOURNAL_GAP,
                                     .epoch = step.mark.epoch > o->scan.epoch ? step.mark.epoch
                                                                              : o->scan.epoch,
                                     .sequence = o->scan.expected};
            status = fani_journal_draft_copy(draft, gap, NULL, o->error);
        }
        if (status != FAN_OK)
            return status;
    }
}

/* The number that the first record of a file has, or would have. */
static fan_status first_number(opening *o, uint64_t *first)
{
    fani_journal_step step;
    fani_journal_scan_rewind(&o->scan);
    fan_status status = fani_journal_scan_next(&o->scan, &step, o->error);
    *first = step.mark.sequence;
    return status;
}

static fan_status rewrite(opening *o)
{
    fani_journal *j = o->journal;
    fani_journal_draft draft;
    uint64_t first;
    fan_status status = first_number(o, &first);
    if (status != FAN_OK)
        return status;
    status = fani_journal_draft_begin(&j->place, j->epoch, j->identity, j->identity_size, first,
                                      &draft, o->error);
    if (status == FAN_OK)
        status = copy_records(o, &draft);
    draft.next = o->survey.next;
    if (status == FAN_OK)
        status = finish_draft(j, &draft, false, o->error);
    fani_journal_draft_drop(&draft);
    return status;
}

/* Cuts the tail off, and says that and since when this opening writes. All is synced before the
 * first append, so that nothing of the tail can come back behind a record of ours. */
static fan_status go_on(opening *o)
{
    fani_journal *j = o->journal;
    const fani_journal_io *io = j->place.io;
    char text[400];
    size_t size = epoch_text(j, text, sizeof text);
    _Alignas(8) unsigned char record[FANI_JOURNAL_RECORD_HEAD + sizeof text];
    j->id = o->scan.id;
    j->next = o->survey.next;
    fan_status status = fani_journal_lock_check(&j->lock, true, o->error);
    if (status != FAN_OK)
        return status;
    if (o->survey.end < o->scan.size && io->truncate(j->fd, (off_t)o->survey.end))
        return fani_journal_place_error(&j->place, FAN_E_OUTPUT, errno, "cut off", o->error);
    fani_journal_mark mark = {
        .size = (uint32_t)size, .kind = FANI_JOURNAL_EPOCH, .epoch = j->epoch, .sequence = j->next};
    fani_journal_record_put(record, j->id, mark, text);
    size = fani_journal_record_bytes(size);
    if (fani_journal_write_all(io, j->fd, record, size))
        return fani_journal_place_error(&j->place, FAN_E_OUTPUT, errno, "written", o->error);
    if (fani_journal_sync_folder(io, j->fd))
        return fani_journal_place_error(&j->place, FAN_E_OUTPUT, errno, "synced", o->error);
    atomic_store(&j->bytes, o->survey.end + size);
    atomic_store(&j->note, o->survey.end + size);
    return FAN_OK;
}

static fan_status resume_scanned(opening *o)
{
    fani_journal *j = o->journal;
    fan_status status = fani_journal_scan_survey(&o->scan, &o->survey, o->error);
    if (status == FAN_OK)
        status = check_identity(o);
    if (status != FAN_OK)
        return status;
    uint32_t before = o->survey.epoch > j->lock.replaced ? o->survey.epoch : j->lock.replaced;
    j->epoch = before + 1;
    status = fani_journal_lock_epoch(&j->lock, j->epoch, o->error);
    if (status == FAN_OK)
        status = fani_journal_draft_clear(&j->place, before, o->error);
    if (status == FAN_OK)
        status = fani_journal_scan_visit(&o->scan, &o->survey, o->options->repair,
                                         &o->options->visitor, o->error);
    if (status != FAN_OK)
        return status;
    atomic_store(&j->base, o->survey.base);
    return o->survey.damages || j->lock.doubtful ? rewrite(o) : go_on(o);
}

static fan_status resume(const opening *o)
{
    fani_journal *j = o->journal;
    struct stat info;
    fan_error why = {0};
    opening inner = {.options = o->options, .journal = j, .error = &why};
    if (fstat(j->fd, &info))
        fani_error_errno(&why, FAN_E_INPUT, errno, "can't be looked at");
    else if (!S_ISREG(info.st_mode))
        fani_error_set(&why, FAN_E_INPUT, "is no journal: it is no file");
    else
        why.status = fani_journal_scan_open(j->fd, &inner.scan, &why);
    if (why.status == FAN_OK) {
        why.status = resume_scanned(&inner);
        fani_journal_scan_close(&inner.scan);
    }
    if (why.status != FAN_OK) {
        fani_journal_scan_name(j->place.path, &why);
        if (o->error)
            *o->error = why;
    }
    return why.status;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t value, uint64_t other)
{
    return value ? value : other;
}

static fani_journal *make(const fani_journal_options *options)
{
    fani_journal *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    uint64_t buffer = or_default(options->buffer_bytes, BUFFER_BYTES);
    j->fd = j->place.folder = -1;
    j->write_ns = (int64_t)or_default(options->write_ms, WRITE_MS) * NS_PER_MS;
    j->sync_ns = (int64_t)or_default(options->sync_ms, SYNC_MS) * NS_PER_MS;
    j->beat_ns = (int64_t)or_default(options->beat_ms, BEAT_MS) * NS_PER_MS;
    j->sync_bytes = or_default(options->sync_bytes, SYNC_BYTES);
    j->compact_bytes = or_default(options->compact_bytes, COMPACT_BYTES);
    j->compact_times = (uint32_t)or_default(options->compact_times, COMPACT_TIMES);
    j->half = (buffer > BUFFER_LEAST ? buffer : BUFFER_LEAST) / 2;
    bool made = pthread_rwlock_init(&j->in_use, NULL) == 0;
    made = pthread_mutex_init(&j->failure_lock, NULL) == 0 && made;
    made = pthread_mutex_init(&j->attached_lock, NULL) == 0 && made;
    j->front = malloc(j->half);
    j->back = malloc(j->half);
    j->identity =
        fani_journal_identity_put(options->identity, options->identity_count, &j->identity_size);
    if (made && j->front && j->back && j->identity)
        return j;
    fani_journal_free(j);
    return NULL;
}

/* From here on the holder before us can't put anything in its place any more. */
static fan_status clear_drafts(const opening *o)
{
    const fani_journal_options *options = o->options;
    const fani_journal_lock *lock = &o->journal->lock;
    if (!lock->replaced)
        return FAN_OK;
    fan_status status = fani_journal_draft_clear(&o->journal->place, lock->replaced, o->error);
    return status == FAN_OK && options->took_over
               ? options->took_over(options->took_over_user, lock->replaced_nonce, o->error)
               : status;
}

static fan_status open_locked(opening *o)
{
    fani_journal *j = o->journal;
    const fani_journal_place *place = &j->place;
    fan_status status = clear_drafts(o);
    if (status != FAN_OK)
        return status;
    j->fd =
        place->io->open_at(place->folder, place->name,
                           O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0);
    if (j->fd < 0 && errno == ENOENT)
        status = create(j, true, o->error);
    else if (j->fd < 0)
        status = fani_journal_place_error(place, FAN_E_OUTPUT, errno, "opened", o->error);
    else if (!o->options->resume && o->options->replaces &&
             o->options->replaces(o->options->replaces_user))
        status = create(j, false, o->error);
    else if (!o->options->resume) {
        status = fani_error_set(o->error, FAN_E_ARGUMENT, "%.300s exists: --resume goes on with it",
                                place->path);
        fani_error_place(o->error, place->path, 0, 0);
    } else
        status = resume(o);
    if (status != FAN_OK)
        return status;
    atomic_store(&j->written, j->next - 1);
    atomic_store(&j->synced, j->next - 1);
    status = fani_journal_start(j, o->error);
    if (status != FAN_OK)
        fani_journal_stop(j);
    return status;
}

fan_status fani_journal_open(const fani_journal_options *options, const char *path,
                             fani_journal **journal, fan_error *error)
{
    const fani_journal_io *io = options->io ? options->io : &fani_journal_system_io;
    fani_journal *j = make(options);
    if (!j)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = fani_journal_place_open(io, path, &j->place, error);
    fani_journal_lock_options lock = {.break_lock = options->break_lock,
                                      .beat_ms = (uint32_t)or_default(options->beat_ms, BEAT_MS),
                                      .waiting = options->waiting,
                                      .user = options->waiting_user};
    if (status == FAN_OK)
        status = fani_journal_lock_take(&j->place, &lock, &j->lock, error);
    if (status == FAN_OK) {
        status = open_locked(&(opening){.options = options, .journal = j, .error = error});
        if (status != FAN_OK)
            (void)fani_journal_lock_give(&j->lock, NULL); /* the first error counts */
    }
    if (status != FAN_OK) {
        fani_journal_free(j);
        return status;
    }
    *journal = j;
    return FAN_OK;
}
