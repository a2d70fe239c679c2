/* gcd of many integers at once, one in each lane. */
#ifndef FANI_GCD_LIMBS_H
#define FANI_GCD_LIMBS_H

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

enum { FANI_GCD_GROUP = 32 }; /* pairs that are worked on together */

/* One pair and where its gcd goes: `out` has room for as many limbs as the longer one has, and may
 * be one of the two. No top limb of `a` or `b` need be other than 0. */
typedef struct fani_gcd_pair {
    const mp_limb_t *a, *b;
    size_t a_size, b_size;
    mp_limb_t *out;
    size_t out_size; /* set: limbs written, the top one not 0; none for gcd(0, 0) */
} fani_gcd_pair;

/* Words of scratch for pairs of at most so many limbs. */
size_t fani_gcd_limbs_scratch(size_t limbs);

/* One gcd after the other, by GMP. */
void fani_gcd_limbs_scalar(fani_gcd_pair *pairs, size_t count);

/* By AVX-512: at most FANI_GCD_GROUP pairs, which need at most `rounds` rounds of 52 steps in lanes
 * (0: as many as any pair that was ever seen, and more). Those that need more are left to
 * fani_gcd_limbs_scalar. `scratch` is aligned to 64 bytes. */
void fani_gcd_limbs_avx512(fani_gcd_pair *pairs, size_t count, size_t rounds, uint64_t *scratch);

#endif
