/* A batch that several workers run in parts at the same time, each part a run of its own. Replies
 * that make one array are written in their places by whoever runs the part; all else is kept apart
 * until the last part is done. */
#ifndef FANI_PARTS_H
#define FANI_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "task/worker.h"

/* Replies of a part that are not just its places in the array. */
typedef struct fani_odd_part {
    struct fani_odd_part *next;
    size_t at;
    bool array; /* items without a mark are answered in the array */
    fani_replies replies;
} fani_odd_part;

typedef struct fani_parts {
    const fan_task *task;
    fan_items items, args;
    size_t reply_limit;
    fani_replies *whole;

    pthread_mutex_t lock; /* guards the rest but for reads of `array`, which is set once */
    unsigned char *_Atomic array;
    size_t item_size; /* valid once array is set */
    fani_odd_part *odd;
    fan_status status; /* FAN_E_MEMORY: some part could not be kept */
} fani_parts;

/* Begins `whole` for all items. */
void fani_parts_init(fani_parts *parts, const fan_task *task, const fan_items *items,
                     const fan_items *args, size_t reply_limit, fani_replies *whole);

/* Gives items at .. at + count - 1 the same mark. */
void fani_parts_mark(fani_parts *parts, size_t at, size_t count, fani_slot_state state,
                     const char *text);

/* Every item has been run or marked: puts all together and finishes `whole`. FAN_E_MEMORY. */
fan_status fani_parts_end(fani_parts *parts);

/* For worker.c: the place of an array of replies of `size` bytes for a part, zeroed; NULL where the
 * parts have agreed on another size, or memory is short. */
void *fani_parts_array(fani_parts *parts, size_t at, size_t count, size_t size);

/* For worker.c: keeps what a part answered beside the array. Empties `replies`. */
void fani_parts_keep(fani_parts *parts, size_t at, bool array, fani_replies *replies);

#endif
