/* The leaves of a fold: a task whose item is a whole leaf. It runs the user's task over the leaf's
 * items and combines the replies on the same worker, so that one value travels back per leaf. */
#ifndef FANI_LEAF_H
#define FANI_LEAF_H

#include "task/worker.h"

/* "fan.leaf": an item is a wire message (task/wire.h) of the leaf's items, task and arguments; the
 * arguments are a fani_leaf_args. A failed item fails the leaf with its index and text. */
extern const fan_task fani_leaf_task;

/* Which tasks a leaf runs. Where workers share the caller's memory the pointers are set, so that a
 * fold needs no registered tasks; elsewhere they are NULL and names count. */
typedef struct fani_leaf_args {
    const fan_task *task;
    const fan_task *combine;
    char combine_name[208]; /* with NUL */
} fani_leaf_args;

/* A list of values, packed one behind the other. */
typedef struct fani_values {
    fani_heap bytes;
    uint64_t *offsets; /* count + 1 entries; NULL while capacity is 0 */
    size_t count;
    size_t capacity;
} fani_values;

fan_status fani_values_add(fani_values *values, const void *bytes, size_t size);
void fani_values_clear(fani_values *values);

/* Combines neighbours, level by level, an odd last one moving up unchanged, until one value is left
 * in *values: the tree that a binary counter over the indices gives. `text` (1001 bytes) tells why
 * on FAN_E_FAILED. */
fan_status fani_values_combine(fani_values *values, fani_worker *worker, const fan_task *combine,
                               const fan_items *args, char *text);

#endif
