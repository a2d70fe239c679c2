/* A list job's pass over what failed: its items are picked out of the input. */
#include <stdlib.h>

#include "base/error.h"
#include "job/hard_files.h"
#include "job/list_hard.h"
#include "job/list_internal.h"
#include "job/outcome_bytes.h"
#include "job/record.h"
#include "job/retry.h"
#include "job/state.h"

enum { READ_ITEMS = 1 << 16, READ_BYTES = 1 << 20, READS_AT_ONCE = 128 };

/* An outcome that has come while an item before it, or it itself, is left for all workers. */
typedef struct behind {
    uint64_t index;
    fan_buffer bytes; /* fani_outcomes_to_bytes */
} behind;

typedef struct picking {
    fani_list_state listing; /* first: its settle gets back to this */
    fan_items read;          /* what was read last, */
    size_t at;               /* and the first of it that was not looked at */
    behind *behind;          /* in the order of their indices */
    size_t count, room;
} picking;

/* The next items of the input, 0 at its end. While nothing comes, or in the middle of a long way to
 * the next item that is wanted, FAN_E_BUSY: the map has other things to do as well. */
static fan_status read_more(picking *p, fan_error *error)
{
    fani_list_state *lr = &p->listing;
    fani_state *state = lr->run->state;
    fani_reader_forget(lr->reader, p->read.first + p->read.count);
    p->at = 0;
    size_t most = fani_state_read_limit(state, READ_ITEMS);
    fan_status status =
        fani_reader_pull(lr->reader, most, READ_BYTES, false, &p->read, &lr->read_error);
    if (status == FAN_OK)
        status = fani_state_read(state, &p->read, &lr->read_error);
    if (status != FAN_OK) {
        p->read.count = 0;
        if (error)
            *error = lr->read_error;
        return status;
    }
    if (p->read.count)
        return FAN_OK;
    return fani_reader_ended(lr->reader) ? fani_state_read_all(state, error) : FAN_E_BUSY;
}

/* Those from `at` on that are wanted and follow each other, at least one. */
static size_t count_wanted(picking *p, size_t max_items, size_t max_bytes)
{
    fani_retry *retry = p->listing.run->retry;
    const fan_items *read = &p->read;
    size_t count = 0;
    while (count < max_items && p->at + count < read->count &&
           fani_retry_next(retry) == read->first + p->at + count &&
           (!count || read->offsets[p->at + count] - read->offsets[p->at] < max_bytes)) {
        fani_retry_give(retry, fani_reader_place(p->listing.reader, read->first + p->at + count));
        count++;
    }
    return count;
}

/* Looks for the next item that is wanted in what was read. */
static bool find_wanted(picking *p)
{
    uint64_t next = fani_retry_next(p->listing.run->retry), here = p->read.first + p->at;
    uint64_t left = p->read.count - p->at;
    p->at += next - here < left ? (size_t)(next - here) : (size_t)left;
    return p->at < p->read.count;
}

/* The source. A read error ends the items, not the map, as in the first pass. Once an item was
 * left, the map ends: the items behind it are not to wait in memory. */
static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    picking *p = user;
    fani_list_state *lr = &p->listing;
    if (p->count) {
        *items = (fan_items){0};
        lr->paused = true;
        return FAN_OK;
    }
    for (int reads = 0; !find_wanted(p); reads++) {
        if (fani_retry_next(lr->run->retry) == UINT64_MAX && fani_state_is_verified(lr->run->state))
            return FAN_OK;
        fan_status status = reads < READS_AT_ONCE ? read_more(p, error) : FAN_E_BUSY;
        if (status == FAN_E_INPUT) {
            lr->read_status = status;
            return FAN_OK;
        }
        if (status != FAN_OK || !p->read.count)
            return status;
    }
    *items = p->read;
    items->first += p->at;
    items->offsets += p->at;
    items->count = count_wanted(p, max_items, max_bytes);
    p->at += items->count;
    return FAN_OK;
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

static fan_status put_one(fani_list_state *lr, const fan_outcome *outcome, fan_error *error)
{
    fani_place place = fani_retry_place(lr->run->retry);
    lr->place = &place;
    fan_status status = fani_retry_before(lr->run, error);
    if (status == FAN_OK)
        status = fani_list_put(lr, outcome, error);
    if (status == FAN_OK)
        status = fani_retry_after(lr->run, lr->stopping, error);
    lr->place = NULL;
    return status;
}

/* Of a number that was left, when its turn has come. */
static fan_status settle(fani_list_state *lr, const fan_outcome *outcome, fan_error *error)
{
    fan_status status = put_one(lr, outcome, error);
    return status == FAN_OK ? fani_list_show(lr, error) : status;
}

static fan_status keep_behind(picking *p, const fan_outcome *outcome)
{
    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        behind *grown = reallocarray(p->behind, room, sizeof *grown);
        if (!grown)
            return FAN_E_MEMORY;
        p->behind = grown;
        p->room = room;
    }
    behind b = {.index = outcome->index};
    if (fani_outcomes_to_bytes(outcome, 1, p->listing.places, &b.bytes) != FAN_OK)
        return FAN_E_MEMORY;
    p->behind[p->count++] = b;
    return FAN_OK;
}

static bool is_left(const fan_outcome *o)
{
    return o->kind == FAN_OUTCOME_OK && fani_record_is_left(o->bytes, o->size);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    picking *p = user;
    fani_list_state *lr = &p->listing;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        if (!p->count && !is_left(&outcomes[i]))
            status = put_one(lr, &outcomes[i], error);
        else if (keep_behind(p, &outcomes[i]) != FAN_OK)
            status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    return status == FAN_OK ? fani_list_show(lr, error) : status;
}

/* What has come behind an item that was left, and that itself. */
static fan_status put_behind(picking *p, const behind *b, const fan_buffer *args, fan_error *error)
{
    fani_list_state *lr = &p->listing;
    fani_outcome_read read;
    const unsigned char *bytes = b->bytes.bytes;
    size_t size = b->bytes.size;
    if (!fani_outcome_from_bytes(&bytes, &size, b->index, &read))
        return fani_error_set(error, FAN_E_PROTOCOL, "what has waited is malformed");
    if (!is_left(&read.outcome))
        return put_one(lr, &read.outcome, error);
    fan_status status = fani_hard_keep(lr->hard, &read.outcome, error);
    return status == FAN_OK ? fani_hard_work(lr->hard, args, error) : status;
}

static void clear_behind(picking *p)
{
    for (size_t i = 0; i < p->count; i++)
        fan_buffer_clear(&p->behind[i].bytes);
    p->count = 0;
}

/* After a map: in their order. */
static fan_status put_all_behind(fani_list_state *lr, const fan_buffer *args, fan_error *error)
{
    picking *p = (picking *)lr;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < p->count; i++)
        status = put_behind(p, &p->behind[i], args, error);
    clear_behind(p);
    return status;
}

static fan_status start(picking *p, fan_error *error)
{
    fani_reader *reader = NULL;
    fan_status status = fani_list_reader(&p->listing, &reader, error);
    if (status == FAN_OK)
        status = fani_retry_start(p->listing.run, reader, error);
    fani_reader_free(reader);
    return status;
}

fan_status fani_list_retry(fani_job_run *run, const fani_list *list, fan_error *error)
{
    picking p = {.listing = {.run = run,
                             .list = list,
                             .places = fani_places_new(),
                             .settle = settle,
                             .rest = put_all_behind}};
    fan_status status =
        p.listing.places ? start(&p, error) : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (status == FAN_OK && list->leaves)
        status = fani_hard_open(&p.listing, error);
    if (status == FAN_OK)
        status = fani_list_reader(&p.listing, &p.listing.reader, error);
    if (status == FAN_OK)
        status = fani_list_map(&p.listing, fan_source_callback(pull, &p, UINT64_MAX),
                               fan_sink_callback(put, &p), FAN_ORDER_INDEX, error);
    if (status == FAN_OK && p.listing.hard) /* as after the first pass */
        status = fani_hard_files_sweep(run->output, false, error);
    clear_behind(&p);
    free(p.behind);
    fani_hard_free(p.listing.hard);
    fani_places_free(p.listing.places);
    fani_reader_free(p.listing.reader);
    fan_buffer_clear(&p.listing.scratch);
    return status;
}
