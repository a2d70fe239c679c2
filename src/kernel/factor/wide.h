/* Elliptic curves on one number of 65 bits and more: several curves at once, one in each lane. An
 * engine is an arithmetic with so many limbs; wide_body.h has the algorithms, and nothing else is
 * compiled for an instruction set. */
#ifndef FANI_WIDE_H
#define FANI_WIDE_H

#include "base/isa.h"
#include "fanfold/status.h"

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FANI_WIDE_LIMBS_MAX = 5,
    FANI_WIDE_LANES_MAX = 16,
    FANI_WIDE_ENGINES_MAX = 4,
    FANI_WIDE_BITS = 252, /* what the engines of each instruction set take */
    FANI_WIDE_B1_MAX = 12000,
    FANI_WIDE_B2_MAX = 1 << 20,
};

/* x(giant) - x(baby) is 0 modulo a prime of n if the curve's order there divides what they stand
 * for. */
typedef struct fani_wide_pair {
    uint16_t giant;
    uint16_t baby;
} fani_wide_pair;

/* What a curve does. Stage 1 multiplies by all prime powers up to b1; stage 2 has a pair (k, j) for
 * each prime up to b2: the prime is kD + baby[j] or kD - baby[j]. */
typedef struct fani_wide_plan {
    uint32_t b1;
    uint32_t b2;
    uint32_t step;       /* D: a multiple of 6, at most 2 b1 */
    uint32_t last_giant; /* multiples of D up to this; pair.giant is k - 1 */
    uint32_t baby_count;
    uint16_t *primes; /* the odd ones up to b1 */
    uint32_t prime_count;
    uint16_t *babies; /* the numbers below D / 2 that are coprime to D */
    fani_wide_pair *pairs;
    uint32_t pair_count;
} fani_wide_plan;

/* Makes a plan for 10 <= b1 <= FANI_WIDE_B1_MAX and b1 < b2 <= FANI_WIDE_B2_MAX; below b1 = 30,
 * where D is 12, b2 is at most half of that, for pairs name multiples of D in 16 bits. False when
 * memory is out; *plan then has nothing to free. Takes some microseconds for b2 = 20000. */
bool fani_wide_plan_make(uint32_t b1, uint32_t b2, fani_wide_plan *plan);
void fani_wide_plan_clear(fani_wide_plan *plan);

/* n in limbs, least one first, and what Montgomery multiplication with it needs. */
typedef struct fani_wide_modulus {
    uint64_t n[FANI_WIDE_LIMBS_MAX];
    uint64_t twice[FANI_WIDE_LIMBS_MAX];  /* 2n */
    uint64_t square[FANI_WIDE_LIMBS_MAX]; /* radix^2 mod n */
    uint64_t minus_inverse;               /* -1 / n modulo a limb's range */
} fani_wide_modulus;

/* The curve for sigma = over / under, by Suyama's parameters. */
typedef struct fani_wide_sigma {
    uint32_t over;
    uint32_t under;
} fani_wide_sigma;

/* Numbers as an engine writes them: limb i of lane k. */
typedef uint64_t fani_wide_lanes[FANI_WIDE_LIMBS_MAX][FANI_WIDE_LANES_MAX];

typedef struct fani_wide_engine {
    const char *name;
    unsigned bits; /* n is odd and below 2^bits */
    unsigned limbs;
    unsigned limb_bits;
    unsigned lanes;
    size_t residue_bytes;
    /* Runs a curve a lane. divisors: what is 0 modulo each prime of n that was found (up to a
     * factor that is coprime to n), early: the same for stage 1 alone. `room` is aligned to 64
     * bytes and has room for fani_wide_room. Any thread. */
    void (*curves)(const fani_wide_plan *plan, const fani_wide_modulus *modulus,
                   const fani_wide_sigma *sigmas, void *room, fani_wide_lanes divisors,
                   fani_wide_lanes early);
} fani_wide_engine;

/* The bytes that the curves of a plan need. */
size_t fani_wide_room(const fani_wide_engine *engine, const fani_wide_plan *plan);

/* The engines of an instruction set, by ascending bits; unused places are NULL. */
typedef struct fani_wide_engines {
    const fani_wide_engine *of[FANI_WIDE_ENGINES_MAX];
} fani_wide_engines;

const fani_wide_engines *fani_wide_engines_of(fani_isa isa);

/* Which of the ratios of prac.h makes the cheapest chain for the k-th odd prime: two primes a byte,
 * the first in the low half. Made by make_wide_chains.py. */
extern const uint8_t fani_wide_chains[];

extern const fani_wide_engine fani_wide_words2;
extern const fani_wide_engine fani_wide_words3;
extern const fani_wide_engine fani_wide_words4;
extern const fani_wide_engine fani_wide_ifma2;
extern const fani_wide_engine fani_wide_ifma3;
extern const fani_wide_engine fani_wide_ifma4;
extern const fani_wide_engine fani_wide_ifma5;

#endif
