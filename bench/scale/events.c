#include "events.h"

#include <math.h>
#include <stdlib.h>

static bool before(const scale_event *a, const scale_event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

bool scale_events_add(scale_events *events, scale_event event)
{
    if (events->count == events->capacity) {
        size_t capacity = events->capacity ? events->capacity * 2 : 1024;
        scale_event *heap = reallocarray(events->heap, capacity, sizeof *heap);
        if (!heap)
            return false;
        events->heap = heap;
        events->capacity = capacity;
    }
    event.order = events->added++;
    size_t at = events->count++;
    while (at > 0 && before(&event, &events->heap[(at - 1) / 2])) {
        events->heap[at] = events->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    events->heap[at] = event;
    return true;
}

bool scale_events_take(scale_events *events, scale_event *event)
{
    if (events->count == 0)
        return false;
    *event = events->heap[0];
    scale_event last = events->heap[--events->count];
    size_t at = 0;
    for (size_t child = 1; child < events->count; child = 2 * at + 1) {
        if (child + 1 < events->count && before(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!before(&events->heap[child], &last))
            break;
        events->heap[at] = events->heap[child];
        at = child;
    }
    events->heap[at] = last;
    return true;
}

double scale_events_next(const scale_events *events)
{
    return events->count ? events->heap[0].at : INFINITY;
}

void scale_events_clear(scale_events *events)
{
    free(events->heap);
    *events = (scale_events){0};
}
