#include "job/ranges.h"

#include <stdlib.h>
#include <string.h>

void fani_ranges_clear(fani_ranges *ranges)
{
    free(ranges->at);
    *ranges = (fani_ranges){0};
}

/* The number of the first range that ends at `index` or behind it. */
static size_t find(const fani_ranges *ranges, uint64_t index)
{
    size_t low = 0, high = ranges->count;
    if (high && ranges->at[high - 1].end < index) /* mostly they grow at their end */
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->at[middle].end < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

fan_status fani_ranges_add(fani_ranges *ranges, uint64_t first, uint64_t end)
{
    size_t from = find(ranges, first), to = from;
    if (first >= end)
        return FAN_OK;
    for (; to < ranges->count && ranges->at[to].first <= end; to++) {
        first = ranges->at[to].first < first ? ranges->at[to].first : first;
        end = ranges->at[to].end > end ? ranges->at[to].end : end;
    }
    if (from == to && ranges->count == ranges->room) {
        size_t room = ranges->room ? 2 * ranges->room : 16;
        fani_range *at = realloc(ranges->at, room * sizeof *at);
        if (!at)
            return FAN_E_MEMORY;
        ranges->at = at;
        ranges->room = room;
    }
    if (from + 1 != to) /* one takes the place of those that it touches */
        memmove(ranges->at + from + 1, ranges->at + to, (ranges->count - to) * sizeof *ranges->at);
    ranges->count = ranges->count + 1 - (to - from);
    ranges->at[from] = (fani_range){.first = first, .end = end};
    return FAN_OK;
}

const fani_range *fani_ranges_from(const fani_ranges *ranges, uint64_t index)
{
    size_t i = find(ranges, index);
    i += i < ranges->count && ranges->at[i].end == index;
    return i < ranges->count ? &ranges->at[i] : NULL;
}

bool fani_ranges_has(const fani_ranges *ranges, uint64_t index)
{
    const fani_range *range = fani_ranges_from(ranges, index);
    return range && range->first <= index;
}

uint64_t fani_ranges_total(const fani_ranges *ranges, uint64_t from)
{
    uint64_t total = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        const fani_range *range = &ranges->at[i];
        uint64_t first = range->first > from ? range->first : from;
        total += first < range->end ? range->end - first : 0;
    }
    return total;
}
