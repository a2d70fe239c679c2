/* Products at a node of a scaled remainder tree that have factors in common: by transforms of one
 * length, each number transformed once.
 *
 * With P and S of the two children (scaled.h): on the way up P_left P_right and S_left P_right +
 * S_right P_left take four transforms and two inverse ones, not six and three; on the way down
 * F P_right and F P_left take three and two, not four and two. */
#ifndef FANI_GCD_SHARED_H
#define FANI_GCD_SHARED_H

#include "multiplier.h"

#include <stdbool.h>
#include <stdint.h>

/* A number somewhere else. */
typedef struct fani_number {
    const mp_limb_t *at;
    size_t size;
} fani_number;

/* Memory from node to node. Zero bytes are none. */
typedef struct fani_shared {
    uint64_t *words;
    size_t words_room;
    mp_limb_t *whole;
    size_t whole_room;
} fani_shared;

void fani_shared_free(fani_shared *shared);

/* Whether the products over children of so many limbs (>= 1) are to be made by the two below. */
bool fani_shared_pays(const fani_multiplier *multiplier, size_t left, size_t right);

/* product[0 .. left + right) = P_left P_right, and, where sum is given, sum[0 .. left + right + 1)
 * = S_left P_right + S_right P_left, for left and right limbs of P; S is less than B P. The
 * multiplier is one that was opened. FAN_E_MEMORY, FAN_E_TOO_LARGE. */
fan_status fani_shared_up(fani_shared *shared, const fani_multiplier *multiplier,
                          const fani_number products[2], const fani_number sums[2],
                          mp_limb_t *product, mp_limb_t *sum);

/* out[side][0 .. products[side].size + 1) = limbs parent - products[side].size and on of the
 * fraction times the product of the other side, but for a unit (scaled.c); the fraction has parent
 * + 1 limbs. Errors as above. */
fan_status fani_shared_down(fani_shared *shared, const fani_multiplier *multiplier,
                            const mp_limb_t *fraction, size_t parent, const fani_number products[2],
                            mp_limb_t *const out[2]);

#endif
