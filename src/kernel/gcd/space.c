#include "space.h"

#include <gmp.h>

#include "kernel/ntt/ntt.h"

enum { WORD = sizeof(mp_limb_t), KEY_BYTES = 128, GMP_TIMES = 6 };

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A product of `limbs` limbs: two transforms, a plan and room for the whole; or what GMP takes. */
static uint64_t scratch_of(size_t limbs)
{
    uint64_t words = 2 * fani_ntt_plan_words(limbs + 2) + fani_ntt_length(limbs + 2);
    return larger(words * WORD + fani_ntt_plan_bytes(limbs + 2),
                  (uint64_t)GMP_TIMES * WORD * limbs);
}

uint64_t fani_space_multiply(size_t a, size_t b)
{
    return scratch_of(a + b) + ((uint64_t)a + b) * WORD;
}

uint64_t fani_space_step(size_t parent, size_t sibling)
{
    return scratch_of(parent + 2) + ((uint64_t)2 * parent + sibling) * WORD;
}

/* shared.c: four transforms at once. */
uint64_t fani_space_pair(size_t limbs)
{
    return scratch_of(limbs) + 2 * fani_ntt_plan_words(limbs + 2) * WORD + (uint64_t)limbs * WORD;
}

/* scaled_root.c, reciprocal.c: the largest product, a plan or two of half its length, and eight
 * numbers of the divisor's length where it reduces; making the reciprocal takes less. */
uint64_t fani_space_root(size_t product, size_t others)
{
    size_t n = product + 1, most = n + (others > n ? others : n);
    return scratch_of(most) + 2 * fani_ntt_plan_bytes(n) + (uint64_t)8 * n * WORD;
}

/* scaled.c: a level of products for each halving, four transforms, and sums or fractions on the
 * way. */
uint64_t fani_space_block(size_t limbs, size_t keys)
{
    unsigned depth = 1;
    for (size_t width = keys; width > 1; width = (width + 1) / 2)
        depth++;
    return ((uint64_t)depth + 8) * limbs * WORD + 2 * scratch_of(limbs) + keys * KEY_BYTES;
}
