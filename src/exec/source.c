/* The ready-made sources and sinks. */
#include "exec/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "task/wire.h"

fan_source fan_source_array(const void *items, size_t size, uint64_t count)
{
    return (fan_source){.array = items, .item_size = size, .count = count};
}

fan_source fan_source_range(uint64_t first, uint64_t count)
{
    return (fan_source){.first = first, .count = count};
}

fan_source fan_source_callback(fan_status (*pull)(void *user, size_t max_items, size_t max_bytes,
                                                  fan_items *items, fan_error *error),
                               void *user, uint64_t count)
{
    return (fan_source){.pull = pull, .user = user, .count = count};
}

fan_sink fan_sink_array(void *array, size_t size, uint64_t count)
{
    return (fan_sink){.array = array, .item_size = size, .count = count};
}

fan_sink fan_sink_callback(fan_status (*put)(void *user, const fan_outcome *outcomes, size_t count,
                                             fan_error *error),
                           void *user)
{
    return (fan_sink){.put = put, .user = user};
}

/* ---- Pulling ------------------------------------------------------------------------------- */

static fan_status pull_stored(const fan_source *source, uint64_t taken, size_t max_items,
                              size_t max_bytes, fan_items *items)
{
    uint64_t left = source->count - taken;
    size_t count = left < max_items ? (size_t)left : max_items;
    size_t fitting = source->item_size ? max_bytes / source->item_size : count;
    if (source->array && count > fitting)
        count = fitting ? fitting : 1;
    items->count = count;
    if (source->array) {
        items->size = source->item_size;
        items->bytes = (const unsigned char *)source->array + taken * source->item_size;
    }
    return FAN_OK;
}

fan_status fani_source_pull(const fan_source *source, uint64_t taken, size_t max_items,
                            size_t max_bytes, fan_items *items, fan_error *error)
{
    *items = (fan_items){0};
    fan_status status = source->pull
                            ? source->pull(source->user, max_items, max_bytes, items, error)
                            : pull_stored(source, taken, max_items, max_bytes, items);
    if (status == FAN_OK && items->count > max_items)
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "the source gave %zu items; at most %zu were asked for",
                                items->count, max_items);
    if (status == FAN_OK && items->offsets && !items->bytes &&
        items->offsets[items->count] != items->offsets[0])
        status = fani_error_set(error, FAN_E_ARGUMENT, "the source gave offsets without bytes");
    if (!source->numbered)
        items->first = source->first + taken;
    return status;
}

fan_status fani_source_check(const fan_source *source, fan_error *error)
{
    uint64_t end, bytes;
    bool known = source->count != UINT64_MAX;
    if (source->numbered && !source->pull)
        return fani_error_set(error, FAN_E_ARGUMENT, "an array or a range can't be numbered");
    if (!source->pull && !known)
        return fani_error_set(error, FAN_E_ARGUMENT, "an array or a range needs its count");
    if (known && __builtin_add_overflow(source->first, source->count, &end))
        return fani_error_set(error, FAN_E_ARGUMENT, "the range of indices is too long");
    if (!source->pull && (__builtin_mul_overflow(source->count, source->item_size, &bytes) ||
                          bytes > PTRDIFF_MAX || (bytes && !source->array)))
        return fani_error_set(error, FAN_E_ARGUMENT, "there is no array of %llu items of %zu bytes",
                              (unsigned long long)source->count, source->item_size);
    return FAN_OK;
}

fan_status fani_sink_check(const fan_sink *sink, fan_error *error)
{
    uint64_t bytes;
    if (!sink->put && (__builtin_mul_overflow(sink->count, sink->item_size, &bytes) ||
                       bytes > PTRDIFF_MAX || (bytes && !sink->array)))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "there is no array of %llu places of %zu bytes",
                              (unsigned long long)sink->count, sink->item_size);
    return FAN_OK;
}

/* ---- Putting ------------------------------------------------------------------------------- */

static fan_status put_in_array(const fan_sink *sink, uint64_t first, const fan_outcome *outcome,
                               fan_error *error)
{
    uint64_t place = outcome->index - first;
    unsigned long long index = outcome->index;
    if (outcome->kind != FAN_OUTCOME_OK)
        return fani_error_set(error, FAN_E_FAILED, "item %llu %s: %s", index,
                              fan_outcome_name(outcome->kind), outcome->text);
    if (place >= sink->count || outcome->size != sink->item_size)
        return fani_error_set(error, FAN_E_TOO_LARGE,
                              "item %llu has a reply of %zu bytes for an array of %llu places of "
                              "%zu bytes",
                              index, outcome->size, (unsigned long long)sink->count,
                              sink->item_size);
    if (outcome->size)
        memcpy((unsigned char *)sink->array + place * sink->item_size, outcome->bytes,
               outcome->size);
    return FAN_OK;
}

fan_status fani_sink_put(const fan_sink *sink, uint64_t first, const fan_outcome *outcomes,
                         size_t count, fan_error *error)
{
    fan_status status = FAN_OK;
    if (sink->put)
        return sink->put(sink->user, outcomes, count, error);
    for (size_t i = 0; i < count && status == FAN_OK; i++)
        status = put_in_array(sink, first, &outcomes[i], error);
    return status;
}

bool fani_items_keep(fani_batch *batch, const fan_items *items, bool borrowed)
{
    size_t bytes = fani_items_bytes(items);
    size_t table = items->offsets ? (items->count + 1) * sizeof *items->offsets : 0;
    size_t head = (table + 15) / 16 * 16;
    batch->items = *items;
    batch->input_bytes = bytes;
    if (borrowed || (!items->bytes && !items->offsets))
        return true;
    if (!items->offsets && bytes <= sizeof batch->input) {
        memcpy(batch->input, items->bytes, bytes);
        batch->items.bytes = batch->input;
        return true;
    }
    unsigned char *block = aligned_alloc(16, (head + bytes + 15) / 16 * 16 + 16);
    if (!block)
        return false;
    batch->storage = block;
    batch->items.bytes = block + head;
    if (items->offsets) {
        uint64_t *offsets = (void *)block;
        for (size_t i = 0; i <= items->count; i++)
            offsets[i] = items->offsets[i] - items->offsets[0];
        batch->items.offsets = offsets;
        if (items->bytes)
            memcpy(block + head, items->bytes + items->offsets[0], bytes);
    } else {
        memcpy(block + head, items->bytes, bytes);
    }
    return true;
}
