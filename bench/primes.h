/* Random numbers to be split, by their digits; the same in each run. */
#ifndef BENCH_PRIMES_H
#define BENCH_PRIMES_H

#include <gmp.h>

/* *out (initialized by the caller) = a probable prime of so many decimal digits (one more by a very
 * small chance), `digits` > 0. */
void bench_prime(gmp_randstate_t random, unsigned digits, mpz_ptr out);

/* *n (initialized by the caller) = number `which` of the products of so many digits, at least 4, of
 * two primes of half as many. */
void bench_semiprime(unsigned digits, unsigned which, mpz_ptr n);

#endif
