/* Who multiplies the large numbers of a weak-key scan: the one place to put a faster
 * multiplication.
 *
 * Numbers are limbs as GMP has them, least significant first; B is 2^64 (a limb's base). Each
 * multiplier gives the same numbers; only cyclic products may stand for 0 in either way. */
#ifndef FANI_GCD_MULTIPLIER_H
#define FANI_GCD_MULTIPLIER_H

#include "fanfold/status.h"

#include <gmp.h>
#include <stddef.h>

typedef struct fani_multiplier fani_multiplier;
struct fani_multiplier {
    const char *name;

    /* out[0 .. an + bn) = a b. an, bn >= 1, in any order; out overlaps neither. FAN_E_MEMORY, or
     * what a multiplier with a context finds wrong. */
    fan_status (*product)(const fani_multiplier *self, mp_limb_t *out, const mp_limb_t *a,
                          size_t an, const mp_limb_t *b, size_t bn);

    /* Factors of fewer limbs than this (the shorter one counts) are not worth a cyclic product;
     * SIZE_MAX where none are. */
    size_t cyclic_from;

    /* A good size of at least `size` limbs for the two below. */
    size_t (*cyclic_size)(size_t size);

    /* out[0 .. size) = a b mod B^size - 1, where 0 may be B^size - 1. size is from cyclic_size,
     * 1 <= an, bn <= size. Errors as product. */
    fan_status (*cyclic)(const fani_multiplier *self, mp_limb_t *out, size_t size,
                         const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn);

    /* out[0 .. size] = a b mod B^size + 1 (B^size itself included). As cyclic. */
    fan_status (*negacyclic)(const fani_multiplier *self, mp_limb_t *out, size_t size,
                             const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn);

    void *context; /* whatever else it needs */
};

/* GMP's public functions: cyclic products are whole ones, folded. */
extern const fani_multiplier fani_multiplier_plain;

/* The fastest that this build has. */
const fani_multiplier *fani_multiplier_best(void);

#endif
