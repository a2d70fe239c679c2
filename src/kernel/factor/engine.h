/* What works on many numbers at once, one in each lane: an engine is an arithmetic modulo numbers
 * of up to so many bits, for one instruction set. The files engine_<name>.c define an arithmetic
 * and include engine_body.h, which has the algorithms; nothing else is compiled for an instruction
 * set.
 */
#ifndef FANI_ENGINE_H
#define FANI_ENGINE_H

#include "base/isa.h"
#include "ecm_plans.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FANI_ALIGNED __attribute__((aligned(64)))

enum {
    FANI_LANES_MAX = 16,
    FANI_ENGINES_MAX = 3,
    FANI_TRIAL_PRIMES = 64, /* odd primes that trial tries: 3 to FANI_TRIAL_END - 1 */
    FANI_TRIAL_END = 317,   /* the first prime that it does not try */
};

/* All arrays have `lanes` entries, aligned to 64 bytes. Every n is odd, above 1 and below 2^bits,
 * and one[i] = 2^radix mod n[i]. Lanes have nothing to do with each other. Any thread. */
typedef struct fani_engine {
    const char *name;
    unsigned bits;
    unsigned lanes;
    unsigned radix;
    /* passes[i] = whether n[i] passes the strong test to base 2 (primes do). */
    void (*strong)(const uint64_t *n, const uint64_t *one, uint8_t *passes);
    /* passes[i] = whether n[i] passes the almost extra strong Lucas test with P = p[i], Q = 1. */
    void (*lucas)(const uint64_t *n, const uint64_t *one, const uint64_t *p, uint8_t *passes);
    /* Runs curve[i] < FANI_CURVES as the plan says. divisor[i] = the gcd of n[i] and what should be
     * 0 modulo a prime of it by then: 1 where no prime was found, n[i] where all of them were; then
     * the gcd of n[i] and early[i] tells those of stage 1 alone. */
    void (*curve)(const fani_ecm_plan *plan, const uint64_t *n, const uint64_t *one,
                  const uint8_t *curve, uint64_t *divisor, uint64_t *early);
} fani_engine;

/* What an instruction set has. A number belongs to the first engine that takes its bits; the last
 * one takes all. */
typedef struct fani_lanes {
    /* found[i] has bit k where odd prime k (3, 5, 7, ...) divides n[i], for i < count. */
    void (*trial)(const uint64_t *n, size_t count, uint64_t *found);
    const fani_engine *engines[FANI_ENGINES_MAX]; /* the rest is NULL */
} fani_lanes;

/* The engines for an instruction set, or for the best below it that is compiled in. */
const fani_lanes *fani_lanes_of(fani_isa isa);

void fani_trial_scalar(const uint64_t *n, size_t count, uint64_t *found);
void fani_trial_avx2(const uint64_t *n, size_t count, uint64_t *found);
void fani_trial_avx512(const uint64_t *n, size_t count, uint64_t *found);
extern const fani_engine fani_engine_scalar;
extern const fani_engine fani_engine_scalar60;
extern const fani_engine fani_engine_double_avx2;
extern const fani_engine fani_engine_ifma48;
extern const fani_engine fani_engine_ifma52;
extern const fani_engine fani_engine_ifma64;

#endif
