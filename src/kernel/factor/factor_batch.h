/* Factoring many numbers at once. */
#ifndef FANI_FACTOR_BATCH_H
#define FANI_FACTOR_BATCH_H

#include "engine.h"
#include "fanfold/factor.h"

/* fan_factor_u64_array with these lanes. */
fan_status fani_factor_batch(const fani_lanes *lanes, const uint64_t *n, fan_factors_u64 *out,
                             size_t count);

/* Adds prime^exponent to a factorization and keeps the primes in order. */
void fani_factors_add(fan_factors_u64 *out, uint64_t prime, unsigned exponent);

/* Whether the factorization multiplies back to n; the empty one is that of 0 and 1. */
bool fani_factors_are_of(const fan_factors_u64 *factors, uint64_t n);

/* A proper divisor of a composite n below 2^FANI_SMALL_BITS without a factor below FANI_TRIAL_END,
 * by one number alone. */
uint64_t fani_small_divisor(uint64_t n);

enum { FANI_SMALL_BITS = 28 };

/* A proper divisor of an odd composite n that is no square and has no factor below FANI_TRIAL_END:
 * the lanes get different curves. */
uint64_t fani_curve_divisor(const fani_lanes *lanes, uint64_t n);

#endif
