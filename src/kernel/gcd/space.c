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

/* reciprocal.c: in the last step a product of the length of the value and six numbers of that; the
 * factors' product, the value, the divisor, and the reply. */
uint64_t fani_space_modulus(size_t value)
{
    return scratch_of(value + 2) + 2 * fani_ntt_plan_bytes(value) + (uint64_t)11 * value * WORD;
}

/* modulus.c: three transforms that are kept and two buffers, from so many groups on; else those of
 * a product. Several numbers are multiplied besides. */
static uint64_t reduction(size_t n, size_t number)
{
    enum { GROUPS = 3 };
    size_t quotient = 2 * n + 2, product = n + 2;
    if (number + 2 <= GROUPS * (n - 1))
        return scratch_of(quotient) + (uint64_t)5 * n * WORD;
    uint64_t words = 2 * fani_ntt_plan_words(quotient) + fani_ntt_plan_words(product) +
                     larger(fani_ntt_length(quotient), 2 * fani_ntt_length(product)) +
                     2 * fani_ntt_length(product) + 2 * n;
    return larger(words * WORD + fani_ntt_plan_bytes(quotient) + fani_ntt_plan_bytes(product),
                  (uint64_t)GMP_TIMES * WORD * quotient);
}

/* Besides: value, divisor and reciprocal; the number, copied, and shifted to another place. */
uint64_t fani_space_reduce(size_t value, size_t number, bool several)
{
    size_t n = value + 1;
    uint64_t numbers = (uint64_t)(5 * n + 2 * number) * WORD;
    if (number < n)
        return numbers;
    return numbers + reduction(n, number) + (several ? scratch_of(2 * n) + 2 * n * WORD : 0);
}

/* What is there of two levels, and what the longest product takes. */
uint64_t fani_space_product(size_t limbs, size_t keys)
{
    return scratch_of(limbs) + (uint64_t)2 * limbs * WORD + (uint64_t)keys * KEY_BYTES;
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
