/* Who multiplies the large numbers of a weak-key scan: by transforms of our own (kernel/ntt) from
 * the length on from which they pay, by GMP below.
 *
 * Numbers are limbs as GMP has them, least significant first; B is 2^64 (a limb's base). Each
 * multiplier gives the same numbers; only cyclic products may stand for 0 in either way. */
#ifndef FANI_GCD_MULTIPLIER_H
#define FANI_GCD_MULTIPLIER_H

#include "base/isa.h"
#include "fanfold/status.h"

#include <gmp.h>
#include <stddef.h>

struct fani_ntt_kept;

typedef struct fani_multiplier fani_multiplier;
struct fani_multiplier {
    const char *name;

    /* out[0 .. an + bn) = a b. an, bn >= 1, in any order; out overlaps neither. FAN_E_MEMORY,
     * FAN_E_TOO_LARGE. */
    fan_status (*product)(const fani_multiplier *self, mp_limb_t *out, const mp_limb_t *a,
                          size_t an, const mp_limb_t *b, size_t bn);

    /* Factors of fewer limbs than this (the shorter one counts) are not worth a cyclic product;
     * SIZE_MAX where none are. */
    size_t cyclic_from;

    /* A good size of at least `size` limbs for the next one; 0 where there is none. */
    size_t (*cyclic_size)(size_t size);

    /* out[0 .. size) = a b mod B^size - 1, where 0 may be B^size - 1. size is from cyclic_size,
     * 1 <= an, bn <= size; out overlaps neither. Errors as product. */
    fan_status (*cyclic)(const fani_multiplier *self, mp_limb_t *out, size_t size,
                         const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn);

    /* Products at a node whose children have at least so many limbs share transforms (shared.h). */
    size_t shared_from;

    fani_isa isa;               /* of the transforms */
    struct fani_ntt_kept *kept; /* plans and memory from product to product; NULL: for each anew */
};

/* GMP alone: cyclic products are whole ones, folded. */
extern const fani_multiplier fani_multiplier_plain;

/* The fastest with these instructions (at most what the machine has), and with those that kernels
 * are to use. They are shared, any number of threads may use them at once. */
const fani_multiplier *fani_multiplier_with(fani_isa isa);
const fani_multiplier *fani_multiplier_best(void);

/* Makes *own a multiplier like `like` that keeps plans and memory: for one thread at a time, until
 * fani_multiplier_close. FAN_E_MEMORY. */
fan_status fani_multiplier_open(fani_multiplier *own, const fani_multiplier *like);

/* Gives back its memory; the next product takes some again. */
void fani_multiplier_trim(fani_multiplier *own);

/* Frees what it keeps. Accepts zero bytes. */
void fani_multiplier_close(fani_multiplier *own);

#endif
