/* The push form of a map: every outcome to a sink. */
#include <string.h>

#include "base/error.h"
#include "exec/map.h"
#include "exec/source.h"

enum { OUTCOMES_AT_ONCE = 256 };

/* A batch whose replies are one array of a sink array's item size is copied whole: for tiny items
 * outcome by outcome is most of what a map costs. False: it must go the long way. */
static bool deliver_array(fan_mapping *map, const fan_sink *sink)
{
    const fani_batch *batch = map->delivering->batch;
    const fani_replies *replies = &batch->replies;
    uint64_t place = batch->items.first - map->source.first, count = batch->items.count;
    if (sink->put || !replies->array || replies->slots || replies->item_size != sink->item_size ||
        place > sink->count || count > sink->count - place)
        return false;
    unsigned char *places = (unsigned char *)sink->array + place * sink->item_size;
    if (sink->item_size && replies->bytes.data != places)
        memcpy(places, replies->bytes.data, count * sink->item_size);
    map->summary.items += count;
    map->summary.ok += count;
    map->delivered = count;
    return true;
}

static fan_status deliver_some(fan_mapping *map, const fan_sink *sink, fan_error *error)
{
    fan_outcome outcomes[OUTCOMES_AT_ONCE];
    if (map->delivered == 0 && deliver_array(map, sink))
        return FAN_OK;
    size_t count = fani_map_take_outcomes(map, outcomes, OUTCOMES_AT_ONCE);
    return fani_sink_put(sink, map->source.first, outcomes, count, error);
}

/* Whether every reply has a place in the sink's array. */
static bool writes_direct(const fan_mapping *map, const fan_sink *sink)
{
    size_t aligned = sink->item_size & -sink->item_size; /* what tasks may rely on */
    if (aligned > 16)
        aligned = 16;
    return !sink->put && sink->item_size && map->source.count <= sink->count &&
           (uintptr_t)sink->array % aligned == 0;
}

static fan_status deliver_all(fan_mapping *map, const fan_sink *sink, fan_error *error)
{
    fan_status status = FAN_OK;
    for (;;) {
        if (!map->delivering)
            status = fani_map_next_batch(map, FAN_FOREVER, error);
        if (status != FAN_OK || !map->delivering)
            return status;
        status = deliver_some(map, sink, error);
        if (status != FAN_OK)
            return status;
        fani_map_end_delivery(map);
    }
}

fan_status fan_map_sized(fan_executor *executor, const fan_task *task, fan_source source,
                         fan_sink sink, const fan_map_options *options, size_t options_size,
                         fan_summary *summary, size_t summary_size)
{
    fan_mapping *map = NULL;
    fan_error error = {0};
    fan_summary whole = {0};
    fan_status status = fani_sink_check(&sink, &error);
    if (status == FAN_OK)
        status = fan_map_begin_sized(executor, task, source, options, options_size, &map, &error);
    if (status == FAN_OK && map) {
        if (map->divides && !map->source.pull && writes_direct(map, &sink))
            map->direct = &sink;
        status = deliver_all(map, &sink, &error);
        fan_map_end(map, &whole, sizeof whole);
    }
    if (status != FAN_OK && error.status == FAN_OK)
        fani_error_set(&error, status, "%s", fan_status_text(status));
    if (status != FAN_OK) /* a source may have set it and gone on */
        whole.error = error;
    if (summary)
        memcpy(summary, &whole, summary_size < sizeof whole ? summary_size : sizeof whole);
    return status;
}
