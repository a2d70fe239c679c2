/* A list job's pass over what failed: its items are picked out of the input. */
#include "base/error.h"
#include "job/list_internal.h"
#include "job/retry.h"
#include "job/state.h"

enum { READ_ITEMS = 1 << 16, READ_BYTES = 1 << 20, READS_AT_ONCE = 128 };

typedef struct picking {
    fani_list_state listing;
    fan_items read; /* what was read last, */
    size_t at;      /* and the first of it that was not looked at */
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

/* The source. A read error ends the items, not the map, as in the first pass. */
static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    picking *p = user;
    fani_list_state *lr = &p->listing;
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

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    picking *p = user;
    fani_list_state *lr = &p->listing;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        fani_place place = fani_retry_place(lr->run->retry);
        lr->place = &place;
        status = fani_retry_before(lr->run, error);
        if (status == FAN_OK)
            status = fani_list_put(lr, &outcomes[i], error);
        if (status == FAN_OK)
            status = fani_retry_after(lr->run, lr->stopping, error);
    }
    lr->place = NULL;
    return status == FAN_OK ? fani_list_show(lr, error) : status;
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
    picking p = {.listing = {.run = run, .list = list}};
    fan_status status = start(&p, error);
    if (status == FAN_OK)
        status = fani_list_reader(&p.listing, &p.listing.reader, error);
    if (status == FAN_OK)
        status = fani_list_map(&p.listing, fan_source_callback(pull, &p, UINT64_MAX),
                               fan_sink_callback(put, &p), FAN_ORDER_INDEX, error);
    fani_reader_free(p.listing.reader);
    fan_buffer_clear(&p.listing.scratch);
    return status;
}
