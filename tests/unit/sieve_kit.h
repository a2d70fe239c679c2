/* What the tests of the sieve share. */
#ifndef FAN_TESTS_SIEVE_KIT_H
#define FAN_TESTS_SIEVE_KIT_H

#include <gmp.h>
#include <sys/types.h>

#include "job/sieve.h"
#include "journal_kit.h"

/* A random prime with so many digits; sometimes the first one behind them. */
void kit_prime(gmp_randstate_t random, unsigned digits, mpz_ptr out);

/* A product of two primes with so many digits: which of them. */
void kit_semiprime(unsigned digits, unsigned which, mpz_ptr n);

/* A number, its divisor by one thread, and where its state is. */
typedef struct kit_known {
    kit_folder folder;
    mpz_t n, divisor, found;
    fan_executor *executor;
    fan_error error;
} kit_known;

/* Of 45 digits; with an executor of this kind. */
void kit_known_begin(kit_known *k, const char *kind, unsigned workers);
void kit_known_end(kit_known *k);

/* Sieves it on its executor, with these options or with its state. */
fan_status kit_sieve(kit_known *k, fani_sieve_options options);
fan_status kit_sieve_state(kit_known *k, bool repair);

/* That it has found its divisor. */
void kit_expect_found(kit_known *k, fan_status status);

/* The bytes of a file; 0 where there is none. */
off_t kit_size_of(const char *path);

#endif
