/* What the tests of the sieve over an executor share. */
#ifndef FAN_TESTS_SIEVE_KIT_H
#define FAN_TESTS_SIEVE_KIT_H

#include <gmp.h>

/* A product of two primes with so many digits: which of them. */
void kit_semiprime(unsigned digits, unsigned which, mpz_ptr n);

#endif
