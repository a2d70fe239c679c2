/* Proofs of primality for many numbers at once. */
#ifndef FANI_PRIME_BATCH_H
#define FANI_PRIME_BATCH_H

#include "engine.h"

/* The parameter of the Lucas test for an odd n without a factor below FANI_TRIAL_END: the first P
 * >= 3 for which P^2 - 4 has Jacobi symbol -1 modulo n. 0 for squares, which have none. Any thread.
 */
uint64_t fani_lucas_parameter(uint64_t n);

/* 2^radix mod n for odd n above 1. */
uint64_t fani_power_of_two(unsigned radix, uint64_t n);

/* The engine for n: the first that takes its bits. */
unsigned fani_engine_for(const fani_lanes *lanes, uint64_t n);

/* fan_is_prime_u64_array with these lanes. */
void fani_is_prime_batch(const fani_lanes *lanes, const uint64_t *n, bool *prime, size_t count);

#endif
