#include "stage/journal_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum {
    CHUNK = 1 << 18,
    WINDOW = FANI_JOURNAL_RECORD_HEAD + FANI_JOURNAL_PAYLOAD_MAX + CHUNK,
};

/* ---- Looking at bytes ------------------------------------------------------------------------ */

/* Fills the window from `offset` on with `size` bytes at least. False: reading failed, with errno.
 */
static bool fill(fani_journal_scan *s, uint64_t offset, size_t size)
{
    size_t want = size > CHUNK ? size : CHUNK;
    want = want < s->capacity ? want : s->capacity;
    s->window_from = offset;
    s->window_size = 0;
    while (s->window_size < want) {
        ssize_t n = pread(s->fd, s->window + s->window_size, want - s->window_size,
                          (off_t)(offset + s->window_size));
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return false;
        s->window_size += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Sets *bytes to `size` bytes at `offset`, or NULL where the file has not so many. */
static fan_status look(fani_journal_scan *s, uint64_t offset, size_t size, unsigned char **bytes,
                       fan_error *error)
{
    *bytes = NULL;
    if (offset > s->size || size > s->size - offset)
        return FAN_OK;
    bool inside = offset >= s->window_from && offset - s->window_from <= s->window_size &&
                  size <= s->window_size - (offset - s->window_from);
    if (!inside && !fill(s, offset, size))
        return fani_error_errno(error, FAN_E_INPUT, errno, "can't be read");
    if (!inside && s->window_size < size)
        s->size = offset + s->window_size; /* it was cut off meanwhile */
    else
        *bytes = s->window + (offset - s->window_from);
    return FAN_OK;
}

/* What is at `offset`. *bytes is the record where it is whole. */
static fan_status find_at(fani_journal_scan *s, uint64_t offset, fani_journal_mark *mark,
                          unsigned char **bytes, fani_journal_find *find, fan_error *error)
{
    *find = FANI_JOURNAL_FIND_NONE;
    fan_status status = look(s, offset, FANI_JOURNAL_RECORD_HEAD, bytes, error);
    if (status != FAN_OK || !*bytes)
        return status;
    *find = fani_journal_mark_get(*bytes, s->id, mark);
    if (*find == FANI_JOURNAL_FIND_NONE)
        return FAN_OK;
    status = look(s, offset, fani_journal_record_bytes(mark->size), bytes, error);
    *find = *bytes && fani_journal_record_whole(*bytes, s->id, mark->size)
                ? FANI_JOURNAL_FIND_RECORD
                : FANI_JOURNAL_FIND_BAD;
    return status;
}

fan_status fani_journal_scan_open(int fd, fani_journal_scan *scan, fan_error *error)
{
    struct stat info;
    unsigned char *head;
    *scan = (fani_journal_scan){.fd = fd};
    if (fstat(fd, &info))
        return fani_error_errno(error, FAN_E_INPUT, errno, "can't be looked at");
    scan->size = (uint64_t)info.st_size;
    scan->capacity = scan->size < WINDOW ? (size_t)scan->size + 1 : WINDOW;
    scan->window = malloc(scan->capacity);
    if (!scan->window)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = look(scan, 0, FANI_JOURNAL_HEAD, &head, error);
    if (status == FAN_OK && !head)
        status = fani_error_set(error, FAN_E_INPUT, "is no journal: it is too short");
    if (status == FAN_OK)
        status = fani_journal_head_get(head, &scan->id, error);
    if (status != FAN_OK)
        fani_journal_scan_close(scan);
    else
        fani_journal_scan_rewind(scan);
    return status;
}

void fani_journal_scan_close(fani_journal_scan *scan)
{
    free(scan->window);
    scan->window = NULL;
}

void fani_journal_scan_rewind(fani_journal_scan *scan)
{
    scan->offset = FANI_JOURNAL_HEAD;
    scan->expected = scan->synced = scan->base = 0;
    scan->epoch = 0;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* From `offset`, where no whole record is, to the next one. */
static fan_status pass_damage(fani_journal_scan *s, fani_journal_find found,
                              fani_journal_mark damaged, fani_journal_step *step, fan_error *error)
{
    unsigned char *bytes;
    fani_journal_mark mark;
    /* A beginning that is whole tells where its record ends. */
    uint64_t skip = found == FANI_JOURNAL_FIND_BAD ? fani_journal_record_bytes(damaged.size) : 8;
    *step = (fani_journal_step){.kind = FANI_JOURNAL_STEP_TAIL, .from = s->offset, .to = s->size};
    for (uint64_t at = s->offset + skip; at < s->size; at += 8) {
        fan_status status = find_at(s, at, &mark, &bytes, &found, error);
        if (status != FAN_OK)
            return status;
        if (found != FANI_JOURNAL_FIND_RECORD)
            continue;
        step->kind = FANI_JOURNAL_STEP_DAMAGE;
        step->to = at;
        if (mark.epoch >= s->epoch && mark.sequence > s->expected) {
            step->first = s->expected;
            step->last = mark.sequence - 1;
            s->expected = mark.sequence;
        }
        break;
    }
    s->offset = step->to;
    return FAN_OK;
}

/* Numbers that a whole record shows to be missing, or, where a new writer began with fewer than the
 * old one had, to be there twice. Answers whether that is so. */
static bool pass_gap(fani_journal_scan *s, fani_journal_mark mark, fani_journal_step *step)
{
    bool over = mark.sequence > s->expected && mark.kind != FANI_JOURNAL_GAP;
    bool under = mark.sequence < s->expected && mark.kind == FANI_JOURNAL_EPOCH;
    if (!over && !under)
        return false;
    *step = (fani_journal_step){.kind = FANI_JOURNAL_STEP_DAMAGE,
                                .from = s->offset,
                                .to = s->offset,
                                .mark = mark,
                                .first = over ? s->expected : mark.sequence,
                                .last = (over ? mark.sequence : s->expected) - 1};
    s->expected = mark.sequence;
    return true;
}

/* What the journal's own records say. */
static void take_in(fani_journal_scan *s, const fani_journal_step *step)
{
    s->epoch = step->mark.epoch;
    if (step->mark.kind <= FANI_JOURNAL_KIND_MAX)
        s->expected++;
    else if (step->mark.kind == FANI_JOURNAL_GAP)
        s->expected = step->mark.sequence;
    else if (step->mark.kind == FANI_JOURNAL_SNAPSHOT)
        s->base = step->to;
    else if (step->mark.kind == FANI_JOURNAL_NOTE && step->mark.size == 8) {
        /* Where bytes before it are gone, all that is left before it was synced. */
        uint64_t synced = fani_journal_u64_get(step->payload);
        synced = synced < step->from ? synced : step->from;
        s->synced = synced > s->synced ? synced : s->synced;
    }
}

fan_status fani_journal_scan_next(fani_journal_scan *scan, fani_journal_step *step,
                                  fan_error *error)
{
    fani_journal_scan *s = scan;
    unsigned char *bytes;
    fani_journal_find found;
    fani_journal_mark mark = {0};
    *step = (fani_journal_step){.kind = FANI_JOURNAL_STEP_END, .from = s->size, .to = s->size};
    if (s->offset >= s->size)
        return FAN_OK;
    fan_status status = find_at(s, s->offset, &mark, &bytes, &found, error);
    if (status != FAN_OK)
        return status;
    if (found != FANI_JOURNAL_FIND_RECORD)
        return pass_damage(s, found, mark, step, error);
    if (mark.kind == FANI_JOURNAL_IDENTITY && s->offset == FANI_JOURNAL_HEAD)
        s->expected = mark.sequence;
    /* Numbers go back where a new writer did not see all that the old one wrote. */
    bool may_go_back =
        (mark.kind == FANI_JOURNAL_EPOCH || mark.kind == FANI_JOURNAL_GAP) && mark.epoch > s->epoch;
    bool stale = mark.epoch < s->epoch || (mark.sequence < s->expected && !may_go_back);
    if (!stale && pass_gap(s, mark, step))
        return FAN_OK;
    *step = (fani_journal_step){.kind = stale ? FANI_JOURNAL_STEP_STALE : FANI_JOURNAL_STEP_RECORD,
                                .from = s->offset,
                                .to = s->offset + fani_journal_record_bytes(mark.size),
                                .mark = mark,
                                .payload = bytes + FANI_JOURNAL_RECORD_HEAD};
    if (stale && mark.kind <= FANI_JOURNAL_KIND_MAX)
        step->first = step->last = mark.sequence;
    if (!stale)
        take_in(s, step);
    s->offset = step->to;
    return FAN_OK;
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* Whether damage belongs to the tail: nobody has said that it was synced. */
static bool ends_at(const fani_journal_step *step, uint64_t synced)
{
    return step->kind == FANI_JOURNAL_STEP_TAIL || step->kind == FANI_JOURNAL_STEP_END ||
           (step->kind == FANI_JOURNAL_STEP_DAMAGE && step->from >= synced);
}

/* One walk; damage from `synced` on ends it. */
static fan_status walk(fani_journal_scan *s, uint64_t synced, fani_journal_survey *survey,
                       fan_error *error)
{
    fani_journal_step step;
    *survey = (fani_journal_survey){0};
    fani_journal_scan_rewind(s);
    for (;;) {
        survey->next = s->expected;
        fan_status status = fani_journal_scan_next(s, &step, error);
        if (status != FAN_OK)
            return status;
        if (step.from == FANI_JOURNAL_HEAD &&
            (step.kind != FANI_JOURNAL_STEP_RECORD || step.mark.kind != FANI_JOURNAL_IDENTITY))
            return fani_error_set(
                error, FAN_E_INPUT,
                "is damaged at byte %" PRIu64 ", in its identity: it can't be repaired", step.from);
        if (ends_at(&step, synced))
            break;
        if (step.kind == FANI_JOURNAL_STEP_DAMAGE && survey->damages++ == 0)
            survey->first_damage = step.from;
    }
    survey->end = step.from;
    survey->synced = s->synced;
    survey->base = s->base;
    survey->epoch = s->epoch;
    return FAN_OK;
}

fan_status fani_journal_scan_survey(fani_journal_scan *scan, fani_journal_survey *survey,
                                    fan_error *error)
{
    fan_status status = walk(scan, UINT64_MAX, survey, error);
    fani_journal_survey whole = *survey;
    if (status != FAN_OK || !whole.damages)
        return status;
    status = walk(scan, whole.synced, survey, error);
    survey->synced = whole.synced;
    survey->epoch = whole.epoch;
    return status;
}

void fani_journal_scan_name(const char *path, fan_error *error)
{
    if (!error || error->file[0])
        return;
    fan_error inner = *error;
    fani_error_set(error, inner.status, "%.200s %.300s", path, inner.text);
    error->errno_code = inner.errno_code;
    fani_error_place(error, path, 0, 0);
}

bool fani_journal_step_ends(const fani_journal_step *step, const fani_journal_survey *survey)
{
    return ends_at(step, survey->synced);
}

static void tell(const fani_journal_visitor *visitor, fani_journal_loss_kind kind,
                 const fani_journal_step *step, uint64_t to)
{
    if (visitor->lost)
        visitor->lost(visitor->user, &(fani_journal_loss){.kind = kind,
                                                          .from_byte = step->from,
                                                          .to_byte = to,
                                                          .first = step->first,
                                                          .last = step->last});
}

static fan_status visit_record(const fani_journal_step *step, const fani_journal_survey *survey,
                               const fani_journal_visitor *visitor, fan_error *error)
{
    if (step->mark.kind == FANI_JOURNAL_IDENTITY) {
        if (visitor->fact && !fani_journal_identity_get(step->payload, step->mark.size,
                                                        visitor->fact, visitor->user))
            return fani_error_set(error, FAN_E_INPUT, "has a malformed identity");
        return FAN_OK;
    }
    if (step->mark.kind > FANI_JOURNAL_KIND_MAX || !visitor->record)
        return FAN_OK;
    return visitor->record(visitor->user,
                           &(fani_journal_record){.kind = step->mark.kind,
                                                  .epoch = step->mark.epoch,
                                                  .sequence = step->mark.sequence,
                                                  .payload = step->payload,
                                                  .size = step->mark.size,
                                                  .synced = step->to <= survey->synced},
                           error);
}

fan_status fani_journal_scan_visit(fani_journal_scan *scan, const fani_journal_survey *survey,
                                   bool repair, const fani_journal_visitor *visitor,
                                   fan_error *error)
{
    fani_journal_step step;
    if (survey->damages && !repair)
        return fani_error_set(error, FAN_E_INPUT,
                              "is damaged at byte %" PRIu64
                              ": --repair goes on and says what is lost",
                              survey->first_damage);
    fani_journal_scan_rewind(scan);
    for (;;) {
        fan_status status = fani_journal_scan_next(scan, &step, error);
        if (status == FAN_OK && step.kind == FANI_JOURNAL_STEP_RECORD)
            status = visit_record(&step, survey, visitor, error);
        if (status != FAN_OK)
            return status;
        if (ends_at(&step, survey->synced))
            break;
        if (step.kind == FANI_JOURNAL_STEP_DAMAGE)
            tell(visitor, FANI_JOURNAL_LOSS_DAMAGED, &step, step.to);
        if (step.kind == FANI_JOURNAL_STEP_STALE)
            tell(visitor, FANI_JOURNAL_LOSS_STALE, &step, step.to);
    }
    step.first = step.last = 0; /* how many were under way is not known */
    if (step.from < scan->size)
        tell(visitor, FANI_JOURNAL_LOSS_TAIL, &step, scan->size);
    return FAN_OK;
}
