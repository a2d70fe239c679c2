/* A hash of the items that a run has read, so that a run that goes on with it knows whether its
 * input is the same one. A polynomial in the hashes of the items, so that none of these waits for
 * the one before: where one item ends and the next begins counts, how they came in blocks does not.
 * All zeroes is that of no items. */
#ifndef FANI_INPUT_HASH_H
#define FANI_INPUT_HASH_H

#include "fanfold/task.h"

typedef struct fani_input_hash {
    uint64_t value;
    uint64_t count;
} fani_input_hash;

/* The items that follow. */
void fani_input_hash_add(fani_input_hash *hash, const fan_items *items);

#endif
