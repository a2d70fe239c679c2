/* A map between its two forms: map.c sends batches and gives outcomes one by one, map_push.c gives
 * them to a sink. All on the caller's thread. */
#ifndef FANI_MAP_H
#define FANI_MAP_H

#include "exec/batching.h"
#include "exec/front.h"
#include "exec/timed.h"

/* A batch of a map, from sending to delivery. */
typedef struct sent {
    _Alignas(128) fani_batch original; /* as it was sent */
    fani_batch
        *batch; /* with the outcomes, once finished: another where that one ran on too long */
    _Atomic unsigned holders; /* of this record: the map, and what runs on */
    fan_mapping *mapping;
    size_t held_bytes; /* of its input while it is out, of its replies once finished */
    bool finished;
    struct sent *next, *previous; /* in index order */
    struct sent *ready_next;      /* among those that ended, then in the ready list */
} sent;

/* The caller's own, but for the part that workers touch. */
struct fan_mapping {
    fani_front *front;
    const fan_task *task;
    fan_source source;
    fan_map_options options;
    const fan_sink *direct; /* an array that replies are written into at once, or NULL */
    fani_args *args;
    uint64_t taken; /* items pulled from the source */
    uint64_t next;  /* the least index that the next one may have */
    bool source_ended;
    bool source_waits; /* the source has nothing at the moment */
    bool ended;        /* every outcome was given */
    bool stopping;     /* stop was asked for: nothing is sent any more */
    bool cut;          /* items were taken back: the map can't end well */
    bool divides;      /* batches are divisible */
    size_t last_batch;

    sent *spare;                    /* records to be used again */
    sent *first, *last;             /* all not yet delivered, in index order */
    sent *ready_first, *ready_last; /* FAN_ORDER_COMPLETED: finished ones as they came */
    size_t items_held;              /* items of these, and their bytes */
    size_t bytes_held;
    unsigned out;        /* batches sent and not seen to have ended */
    uint32_t collected;  /* batches seen to have ended, ever */
    fani_item_time item; /* as measured so far */

    fani_timed timed; /* where options.timed: of the batch being delivered */

    sent *delivering;
    size_t delivered; /* items of it that were given */
    fan_summary summary;

    /* Shared with those who end batches. */
    sent *_Atomic ended_last; /* batches that have ended, the last first */
    _Atomic uint64_t ends;    /* how many ever, in the high half; in the low one the count
                                 that the caller sleeps for */
};

/* Sends what there is room for and waits until map->delivering is the next batch to give, or NULL
 * at the end. FAN_E_TIMEOUT: not by the deadline; what ended the map otherwise. */
fan_status fani_map_next_batch(fan_mapping *map, fan_deadline deadline, fan_error *error);

/* Up to `max` outcomes of the batch being delivered, counted in map->summary; valid until
 * fani_map_end_delivery. Answers how many. */
size_t fani_map_take_outcomes(fan_mapping *map, fan_outcome *outcomes, size_t max);

/* Frees the batch being delivered once all of it was given. */
void fani_map_end_delivery(fan_mapping *map);

#endif
