/* What the parts of `bench/factor` share: numbers, and ways to factor them. Errors end the program
 * (bench_fail). */
#ifndef BENCH_FACTOR_H
#define BENCH_FACTOR_H

#include <flint/fmpz.h>
#include <gmp.h>
#include <stdio.h>

#include "contest.h"
#include "fanfold/fanfold.h"

/* Numbers to be factored, or to be proven prime, and what came out. */
typedef struct numbers {
    size_t count;
    mpz_t *n;
    uint64_t *words; /* the same, where all are below 2^64; else NULL */
    char **expected; /* "p q r", primes as often as they divide: the first answer that came */
    fan_factors_u64 *found;
    bool *prime;
    fan_factorization *factorization;
    size_t every;    /* slow ways take every so many-th number */
    unsigned digits; /* of the shorter primes of semiprimes; 0: other numbers */
} numbers;

/* Makes a number of so many bits. */
typedef void number_maker(gmp_randstate_t random, unsigned bits, mpz_ptr out);
number_maker make_random, make_semiprime, make_prime;

/* Numbers by one maker, the same in each run. */
void numbers_make(numbers *z, size_t count, unsigned bits, number_maker *make);

/* Products of a prime of `shorter` digits and one that makes `digits` of it. */
void numbers_make_uneven(numbers *z, size_t count, unsigned digits, unsigned shorter);

/* The terms of the aliquot sequence of 840: 747 numbers of up to 49 digits, or the first of them.
 */
void numbers_make_aliquot(numbers *z, size_t count);

void numbers_free(numbers *z);

/* Keeps the first answer for number i and holds the others against it; takes `text` over. */
void numbers_check(numbers *z, size_t i, char *text, const char *name);

/* Ways: all numbers once, answers checked; CPU time in ns of all (slow ones: as if they had taken
 * all), negative where the way is absent here. `isa` is a value of FANFOLD_ISA. */
double by_array(numbers *z, const char *isa);  /* fan_factor_u64_array */
double by_single(numbers *z, const char *isa); /* fan_factor_u64 */
double by_mpz(numbers *z, const char *isa);    /* fan_factor_mpz */
double by_command(numbers *z, const char *isa);
double by_coreutils(numbers *z, const char *isa);
double by_flint(numbers *z, const char *isa);
double by_pari(numbers *z, const char *isa);
double by_gmp_ecm(numbers *z, const char *isa); /* semiprimes, split and nothing proven */
double primes_by_array(numbers *z, const char *isa);
double primes_by_single(numbers *z, const char *isa);
double primes_by_flint(numbers *z, const char *isa);
double primes_by_pari(numbers *z, const char *isa);

/* Where the sieve becomes faster than curves. */
void crossing(const bench_options *options);

#endif
