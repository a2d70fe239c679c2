/* Which integers of one list have a common factor with which of another, without trying all pairs.
 */
#ifndef FANI_GCD_WEAK_MATCH_H
#define FANI_GCD_WEAK_MATCH_H

#include "trees.h"
#include "weak_halt.h"

#include <stdint.h>

/* gcd(a[left], b[right]) > 1. */
typedef struct fani_weak_pair {
    size_t left;
    size_t right;
} fani_weak_pair;

/* A growing list of pairs; zero bytes are an empty one. */
typedef struct fani_weak_pairs {
    fani_weak_pair *pairs;
    size_t count;
    size_t capacity;
} fani_weak_pairs;

/* Appends a pair. FAN_E_MEMORY. */
fan_status fani_weak_pairs_push(fani_weak_pairs *list, size_t left, size_t right);

/* Frees the pairs and empties the list. */
void fani_weak_pairs_free(fani_weak_pairs *list);

/* Appends every pair of positions whose integers have a common factor, in no promised order.
 * a, b: lists of integers above 0. FAN_E_MEMORY, FAN_E_CANCELLED (as `halt` says). Any thread.
 * Method: halve the longer list, keep of the other one what a product tree shows to meet each
 * half, and go on with both; lists that hardly meet cost little more than two trees. */
fan_status fani_weak_match(const fani_mpzs *a, const fani_mpzs *b, const fani_weak_halt *halt,
                           fani_weak_pairs *found);

#endif
