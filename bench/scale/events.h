/* What happens when: a heap of events, of equals the one added first. */
#ifndef SCALE_EVENTS_H
#define SCALE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct scale_event {
    double at; /* ns */
    uint64_t order;
    uint32_t kind;
    uint32_t peer;
    int32_t batch;
    uint32_t items;
    double run_ns;
    double taken_ns; /* see the user */
} scale_event;

typedef struct scale_events {
    scale_event *heap;
    size_t count, capacity;
    uint64_t added;
} scale_events;

/* False: out of memory. `order` is set here. */
bool scale_events_add(scale_events *events, scale_event event);

/* The next event; false: there is none. */
bool scale_events_take(scale_events *events, scale_event *event);

/* When the next event is; infinity where there is none. */
double scale_events_next(const scale_events *events);

void scale_events_clear(scale_events *events);

#endif
