/* Multiplication of long integers by number-theoretic transforms modulo three to eight primes (see
 * docs/multiplication.md).
 *
 * All products are cyclic: modulo B^n - 1 with B = 2^64 and n the length of a plan. A product that
 * is shorter than n limbs is the product itself; of a longer one the limbs from n on are added to
 * those from 0 on. That is what a middle product needs: of an a limbs by b limbs product with
 * n < a + b <= 2n, limbs a+b-n .. n-1 of the cyclic product are those of the product, but for a
 * carry into limb a+b-n: the window is at most 1 (in its lowest limb) too large.
 *
 * A transform is an array of fani_ntt_words(plan) words that the caller owns. What is in it depends
 * on the plan's length and instruction set; it may be kept and used by any plan made with the same
 * two. The life of a product:
 *
 *     split -> forward of each prime       of each factor; the transform of a factor can be reused
 *     multiply, multiply_add               at most FANI_NTT_SUMS products in one sum
 *     inverse of each prime -> join -> settle
 *
 * Parts of one step that are named by different primes or slices touch different memory and may run
 * on different threads; a step begins when all parts of the one before have ended. */
#ifndef FANI_NTT_H
#define FANI_NTT_H

#include "base/isa.h"
#include "fanfold/status.h"

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FANI_NTT_SUMS = 4,        /* products that may be summed before one inverse transform */
    FANI_NTT_PRIMES_MAX = 8,  /* of a plan */
    FANI_NTT_CARRY_LIMBS = 8, /* what a slice passes on */
    FANI_NTT_ALIGNMENT = 64,  /* of transforms, in bytes */
};

typedef struct fani_ntt fani_ntt;

/* What a slice of fani_ntt_join passes on to the limbs behind it. */
typedef struct fani_ntt_carry {
    mp_limb_t limb[FANI_NTT_CARRY_LIMBS];
} fani_ntt_carry;

/* ---- Plans ---------------------------------------------------------------------------------- */

/* The length n >= limbs (limbs >= 1) that a plan for so many limbs has; the same on every machine.
 * 0 where there is none (beyond 2^32 limbs). Any thread. */
size_t fani_ntt_length(size_t limbs);

/* The bytes that a plan for so many limbs takes, and the words (of 8 bytes) of a transform. */
size_t fani_ntt_plan_bytes(size_t limbs);
size_t fani_ntt_plan_words(size_t limbs);

/* Makes a plan of length fani_ntt_length(limbs): its tables. isa: at most what the machine has.
 * The plan is freed by fani_ntt_free; it is read-only: any number of threads may use it at once.
 * FAN_E_ARGUMENT (0 limbs), FAN_E_TOO_LARGE, FAN_E_MEMORY. */
fan_status fani_ntt_make(size_t limbs, fani_isa isa, fani_ntt **plan);

/* Accepts NULL. */
void fani_ntt_free(fani_ntt *plan);

/* The plan's length n in limbs, its primes, and the words of a transform. */
size_t fani_ntt_limbs(const fani_ntt *plan);
unsigned fani_ntt_primes(const fani_ntt *plan);
size_t fani_ntt_words(const fani_ntt *plan);

/* Memory for `count` transforms one behind the other, in large pages where there are any; freed by
 * free(). FAN_E_MEMORY. */
fan_status fani_ntt_allocate(const fani_ntt *plan, size_t count, uint64_t **transforms);

/* ---- Parts: one core each -------------------------------------------------------------------
 *
 * prime < fani_ntt_primes(plan); slice < slices, slices >= 1: any number will do, beyond the size
 * of the transform slices become empty. Transforms are aligned to FANI_NTT_ALIGNMENT. */

/* Cuts a part of a (an <= n limbs, zeros behind it) into coefficients modulo each prime. What comes
 * next is told the same an: of factors of half the length the other half is neither written nor
 * read. */
void fani_ntt_split(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                    size_t slice, size_t slices);

/* Transforms what split left, modulo one prime. */
void fani_ntt_forward(const fani_ntt *plan, uint64_t *transform, size_t an, unsigned prime);

/* product = a * b, or product += a * b, modulo one prime. product may be a or b (of multiply only),
 * a may be b. */
void fani_ntt_multiply(const fani_ntt *plan, uint64_t *product, const uint64_t *a,
                       const uint64_t *b, unsigned prime);
void fani_ntt_multiply_add(const fani_ntt *plan, uint64_t *product, const uint64_t *a,
                           const uint64_t *b, unsigned prime);

/* Back to coefficients, modulo one prime. Of products only. */
void fani_ntt_inverse(const fani_ntt *plan, uint64_t *product, unsigned prime);

/* a = forward, multiply by b, inverse, modulo one prime: quicker than the three, as parts of the
 * data stay in a cache. a is as split left it; b is a transform for convolve, for convolve_both it
 * is as split left it, too, and overwritten (b == a: a square). */
void fani_ntt_convolve(const fani_ntt *plan, uint64_t *a, size_t an, const uint64_t *b,
                       unsigned prime);
void fani_ntt_convolve_both(const fani_ntt *plan, uint64_t *a, size_t an, uint64_t *b, size_t bn,
                            unsigned prime);

/* Writes a part of the limbs of out (n limbs), and to *carry what is to be added behind it. */
void fani_ntt_join(const fani_ntt *plan, const uint64_t *product, size_t slice, size_t slices,
                   mp_limb_t *out, fani_ntt_carry *carry);

/* Adds the carries of all slices to out, the last one's to its beginning: ends a product. The
 * result is below B^n; 0 modulo B^n - 1 may be either 0 or B^n - 1. Not a part: one thread. */
void fani_ntt_settle(const fani_ntt *plan, const fani_ntt_carry *carries, size_t slices,
                     mp_limb_t *out);

/* ---- Wholes: all parts one after the other ----------------------------------------------------
 */

/* The transform of a (an <= n limbs). */
void fani_ntt_transform(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an);

/* out (n limbs) = the product (or sum of products) in this transform, which is overwritten. */
void fani_ntt_finish(const fani_ntt *plan, uint64_t *product, mp_limb_t *out);

/* out (n limbs) = a * b mod B^n - 1; an, bn <= n. scratch: two transforms, or one where a == b and
 * an == bn. out may be a or b. */
void fani_ntt_mul_cyclic(const fani_ntt *plan, mp_limb_t *out, const mp_limb_t *a, size_t an,
                         const mp_limb_t *b, size_t bn, uint64_t *scratch);

/* out (an + bn limbs, apart from a and b) = a * b, by mpn_mul where that is quicker. an, bn >= 1.
 * Makes a plan and its transforms for this one product. FAN_E_MEMORY, FAN_E_TOO_LARGE. */
fan_status fani_ntt_mul(mp_limb_t *out, const mp_limb_t *a, size_t an, const mp_limb_t *b,
                        size_t bn, fani_isa isa);

/* Whether fani_ntt_mul multiplies by transforms: whether they are quicker than mpn_mul, the making
 * of a plan included. */
bool fani_ntt_pays(size_t an, size_t bn, fani_isa isa);

#endif
