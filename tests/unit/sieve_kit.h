/* The numbers that tests of the sieve are made for. */
#ifndef FAN_TESTS_SIEVE_KIT_H
#define FAN_TESTS_SIEVE_KIT_H

#include <gmp.h>

/* A random prime with so many digits; sometimes the first one behind them. */
void kit_prime(gmp_randstate_t random, unsigned digits, mpz_ptr out);

/* A product of two primes with so many digits: which of them. */
void kit_semiprime(unsigned digits, unsigned which, mpz_ptr n);

#endif
