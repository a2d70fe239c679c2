#include "job/ledger_read.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "stage/journal.h"

/* What the last STATE of an epoch says, and what a later one left of it. */
typedef struct epoch_end {
    uint32_t epoch;
    uint64_t retries;  /* the pass that it belongs to, */
    uint64_t done;     /* the items that were done in it, from the first on, */
    uint64_t bytes;    /* and its output */
    uint64_t sequence; /* of that STATE */
} epoch_end;

/* A DONE or HELD record. */
typedef struct stretch {
    uint64_t first, end;
    uint64_t bytes; /* of the output, by the STATE behind it */
    uint32_t epoch;
} stretch;

typedef struct stretches {
    stretch *at;
    size_t count, room;
    size_t sure; /* so many have a STATE of their epoch behind them */
} stretches;

/* A record about an item that an earlier record may have been about. */
typedef struct change {
    uint64_t index;
    uint64_t sequence;
    uint64_t output_end; /* of what stands for it in the output; 0: nothing does */
    uint64_t retries;    /* the pass it was written in */
    uint32_t epoch;
} change;

typedef struct reading {
    const fani_ledger_visitor *visitor;
    fani_ledger_seen seen;
    epoch_end *ends; /* by epoch: they only grow */
    size_t end_count, end_room;
    change *changes; /* by index, then sequence, once the first pass is over */
    size_t change_count, change_room;
    uint64_t beyond;       /* the first index that no FAILED record was about */
    uint64_t retries;      /* of the last STATE that came: a pass begins with one */
    uint64_t output_bytes; /* by the last STATE of the first pass */
    stretches done, held;
} reading;

static fan_status out_of_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

static fan_status of_another(fan_error *error)
{
    return fani_error_set(error, FAN_E_INPUT, "a record of another Fanfold");
}

/* Room for one more of `size` bytes; NULL: out of memory. The memory is the caller's as before. */
static void *grow(void *at, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return at;
    size_t more = *room ? 2 * *room : 16;
    void *grown = realloc(at, more * size);
    if (grown)
        *room = more;
    return grown;
}

/* ---- The first pass: how far each epoch came, and what was done again --------------------------
 */

/* The items that were done in the pass of a state. */
static uint64_t done_of(const fani_ledger_state *state)
{
    return state->retries ? state->again : state->done;
}

/* Drops what was done as it came, in the first pass, and has its output beyond this. */
static void drop_beyond(stretches *list, uint64_t output_bytes)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].bytes <= output_bytes)
            list->at[kept++] = list->at[i];
    list->count = list->sure = kept;
}

/* Items from `done` on are done again, whatever was said of them before in this pass, and in one
 * that was begun after it and taken back; of those that were written as they came, those whose
 * output is beyond this. */
static void go_back(reading *r, const fani_ledger_state *to)
{
    for (size_t i = 0; i < r->end_count; i++) {
        epoch_end *end = &r->ends[i];
        uint64_t done = end->retries > to->retries ? 0 : done_of(to);
        if (end->retries < to->retries)
            continue;
        end->done = end->done < done ? end->done : done;
        end->bytes = end->bytes < to->output_bytes ? end->bytes : to->output_bytes;
    }
    if (to->retries)
        return;
    if (to->output_bytes < r->output_bytes)
        drop_beyond(&r->done, to->output_bytes);
    r->output_bytes = to->output_bytes;
}

/* Records before a STATE count by it; those that another epoch left behind are void. */
static void make_sure(stretches *list, uint32_t epoch, uint64_t bytes)
{
    size_t kept = list->sure;
    for (size_t i = kept; i < list->count; i++) {
        if (list->at[i].epoch != epoch)
            continue;
        list->at[kept] = list->at[i];
        list->at[kept++].bytes = bytes;
    }
    list->count = list->sure = kept;
}

static fan_status note_stretch(stretches *list, uint32_t epoch, uint64_t first, uint64_t count,
                               fan_error *error)
{
    stretch *at = grow(list->at, list->count, &list->room, sizeof *at);
    if (!at)
        return out_of_memory(error);
    list->at = at;
    at[list->count++] = (stretch){.first = first, .end = first + count, .epoch = epoch};
    return FAN_OK;
}

static fan_status note_done(reading *r, const fani_journal_record *record, fan_error *error)
{
    uint64_t first, count;
    return fani_ledger_get_done(record->payload, record->size, &first, &count)
               ? note_stretch(&r->done, record->epoch, first, count, error)
               : of_another(error);
}

static fan_status note_held(reading *r, const fani_journal_record *record, fan_error *error)
{
    fani_ledger_held held;
    return fani_ledger_get_held(record->payload, record->size, &held)
               ? note_stretch(&r->held, record->epoch, held.first, held.count, error)
               : of_another(error);
}

static fan_status note_state(reading *r, const fani_journal_record *record, fan_error *error)
{
    if (!fani_ledger_get_state(record->payload, record->size, &r->seen.state))
        return of_another(error);
    const fani_ledger_state *state = &r->seen.state;
    r->seen.has_state = true;
    make_sure(&r->done, record->epoch, state->output_bytes);
    make_sure(&r->held, record->epoch, state->output_bytes);
    go_back(r, state);
    r->retries = state->retries;
    if (!r->end_count || r->ends[r->end_count - 1].epoch != record->epoch) {
        epoch_end *ends = grow(r->ends, r->end_count, &r->end_room, sizeof *ends);
        if (!ends)
            return out_of_memory(error);
        r->ends = ends;
        r->end_count++;
    }
    r->ends[r->end_count - 1] = (epoch_end){.epoch = record->epoch,
                                            .retries = state->retries,
                                            .done = done_of(state),
                                            .bytes = state->output_bytes,
                                            .sequence = record->sequence};
    return FAN_OK;
}

static fan_status note_change(reading *r, const fani_journal_record *record, uint64_t index,
                              uint64_t output_end, fan_error *error)
{
    change *changes = grow(r->changes, r->change_count, &r->change_room, sizeof *changes);
    if (!changes)
        return out_of_memory(error);
    r->changes = changes;
    changes[r->change_count++] = (change){.index = index,
                                          .sequence = record->sequence,
                                          .output_end = output_end,
                                          .retries = r->retries,
                                          .epoch = record->epoch};
    return FAN_OK;
}

/* A run's failures come by growing index: only one that is not beyond all others may be about an
 * item that had one. */
static fan_status note_failure(reading *r, const fani_journal_record *record, fan_error *error)
{
    fani_ledger_failure failure;
    if (!fani_ledger_get_failure(record->payload, record->size, &failure))
        return of_another(error);
    if (failure.index < r->beyond)
        return note_change(r, record, failure.index, failure.output_at + failure.output_size,
                           error);
    r->beyond = failure.index + 1;
    return FAN_OK;
}

static fan_status first_pass(void *user, const fani_journal_record *record, fan_error *error)
{
    reading *r = user;
    uint64_t index;
    switch (record->kind) {
    case FANI_LEDGER_STATE:
        return note_state(r, record, error);
    case FANI_LEDGER_FAILED:
        return note_failure(r, record, error);
    case FANI_LEDGER_MENDED:
        return fani_ledger_get_index(record->payload, record->size, &index)
                   ? note_change(r, record, index, 0, error)
                   : of_another(error);
    case FANI_LEDGER_DONE:
        return note_done(r, record, error);
    case FANI_LEDGER_HELD:
        return note_held(r, record, error);
    default:
        return of_another(error);
    }
}

static void fact(void *user, const char *key, const char *value)
{
    const reading *r = user;
    if (r->visitor->fact)
        r->visitor->fact(r->visitor->user, key, value);
}

/* ---- Between -----------------------------------------------------------------------------------
 */

/* The last STATE of a record's epoch; NULL: none stands behind the record. */
static const epoch_end *end_behind(const reading *r, uint32_t epoch, uint64_t sequence)
{
    size_t low = 0, high = r->end_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->ends[middle].epoch < epoch)
            low = middle + 1;
        else
            high = middle;
    }
    const epoch_end *end = &r->ends[low];
    return low < r->end_count && end->epoch == epoch && sequence < end->sequence ? end : NULL;
}

/* Whether a record about an item counts. What was written in an earlier pass than that of the
 * epoch's last STATE does: a pass begins when the one before it is complete. */
static bool counts(const reading *r, const change *about)
{
    const epoch_end *end = end_behind(r, about->epoch, about->sequence);
    if (!end || about->retries != end->retries)
        return end && about->retries < end->retries;
    return about->index < end->done || (!end->retries && about->output_end <= end->bytes &&
                                        fani_ranges_has(&r->seen.done, about->index));
}

static int compare_changes(const void *left, const void *right)
{
    const change *a = left, *b = right;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

/* What is held counts where the last STATE has read it, and does not have it among what is done. */
static bool is_held(const reading *r, uint64_t first, uint64_t end)
{
    return first >= r->seen.state.done && end <= r->seen.state.read;
}

/* What is done beyond the last STATE, and what waits, as ranges. */
static fan_status join_stretches(reading *r, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < r->done.sure; i++)
        status = fani_ranges_add(&r->seen.done, r->done.at[i].first, r->done.at[i].end);
    for (size_t i = 0; status == FAN_OK && i < r->held.sure; i++)
        if (is_held(r, r->held.at[i].first, r->held.at[i].end))
            status = fani_ranges_add(&r->seen.held, r->held.at[i].first, r->held.at[i].end);
    return status == FAN_OK ? FAN_OK : out_of_memory(error);
}

static void keep_changes_that_count(reading *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->change_count; i++)
        if (counts(r, &r->changes[i]))
            r->changes[kept++] = r->changes[i];
    r->change_count = kept;
    if (kept)
        qsort(r->changes, kept, sizeof *r->changes, compare_changes);
}

/* Whether a later record about the item takes this one's place. */
static bool is_replaced(const reading *r, uint64_t sequence, uint64_t index)
{
    size_t low = 0, high = r->change_count;
    while (low < high) { /* the first change of a larger index */
        size_t middle = low + (high - low) / 2;
        if (r->changes[middle].index <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low && r->changes[low - 1].index == index && r->changes[low - 1].sequence > sequence;
}

/* ---- The second pass: what counts is given ------------------------------------------------------
 */

static fan_status give_failure(const reading *r, const fani_journal_record *record,
                               fan_error *error)
{
    fani_ledger_failure failure;
    if (!fani_ledger_get_failure(record->payload, record->size, &failure))
        return of_another(error);
    change about = {.index = failure.index,
                    .sequence = record->sequence,
                    .output_end = failure.output_at + failure.output_size,
                    .retries = r->retries,
                    .epoch = record->epoch};
    if (!r->visitor->failure || !counts(r, &about) ||
        is_replaced(r, record->sequence, failure.index))
        return FAN_OK;
    return r->visitor->failure(r->visitor->user, &failure, error);
}

static fan_status give_held(const reading *r, const fani_journal_record *record, fan_error *error)
{
    fani_ledger_held held;
    if (!fani_ledger_get_held(record->payload, record->size, &held))
        return of_another(error);
    if (!r->visitor->held || !end_behind(r, record->epoch, record->sequence) ||
        !is_held(r, held.first, held.first + held.count))
        return FAN_OK;
    return r->visitor->held(r->visitor->user, &held, error);
}

static fan_status pass_state(reading *r, const fani_journal_record *record, fan_error *error)
{
    fani_ledger_state state;
    if (!fani_ledger_get_state(record->payload, record->size, &state))
        return of_another(error);
    r->retries = state.retries;
    return FAN_OK;
}

static fan_status second_pass(void *user, const fani_journal_record *record, fan_error *error)
{
    reading *r = user;
    switch (record->kind) {
    case FANI_LEDGER_STATE:
        return pass_state(r, record, error);
    case FANI_LEDGER_FAILED:
        return give_failure(r, record, error);
    case FANI_LEDGER_HELD:
        return give_held(r, record, error);
    default:
        return FAN_OK;
    }
}

/* Both passes look at one file, also where a writer compacts its journal between them; what it only
 * appends comes behind the last STATE that the first pass saw. */
static fan_status read_both(reading *r, int fd, const char *path, fan_error *error)
{
    fani_journal_visitor first = {.record = first_pass, .fact = fact, .user = r};
    fani_journal_visitor second = {.record = second_pass, .user = r};
    fan_status status = fani_journal_read_fd(fd, path, false, &first, error);
    if (status == FAN_OK)
        status = join_stretches(r, error);
    if (status != FAN_OK)
        return status;
    keep_changes_that_count(r);
    r->retries = 0;
    if (r->visitor->seen)
        status = r->visitor->seen(r->visitor->user, &r->seen, error);
    bool more = r->visitor->failure || r->visitor->held;
    return status == FAN_OK && more ? fani_journal_read_fd(fd, path, false, &second, error)
                                    : status;
}

fan_status fani_ledger_read(const char *path, const fani_ledger_visitor *visitor, fan_error *error)
{
    reading r = {.visitor = visitor};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    fan_status status = read_both(&r, fd, path, error);
    if (fd >= 0)
        (void)close(fd); /* only read */
    free(r.ends);
    free(r.changes);
    free(r.done.at);
    free(r.held.at);
    fani_ranges_clear(&r.seen.done);
    fani_ranges_clear(&r.seen.held);
    return status;
}
