/* What is seen of one RSA key by itself, at the cost of microseconds.
 *
 *   small factors   residues modulo all primes below 2^16 (small.h)
 *   square          is the modulus the square of a prime?
 *   close           P. de Fermat: N = a^2 - b^2 for an a among the first 64 from sqrt(N) on
 *   roca            M. Nemec, M. Sys, P. Svenda, D. Klinec, V. Matyas, "The Return of Coppersmith's
 *                   Attack", 2017: primes k * M + (65537^a mod M), M a product of the first primes
 *   tiny, exponent  what the numbers' sizes say */
#ifndef FANI_RSA_CHECKS_H
#define FANI_RSA_CHECKS_H

#include "fanfold/weakkeys.h"
#include "kernel/gcd/trees.h"
#include "small.h"

/* The checks with their tables, of about 1.2 MB, which are made when they are needed for the first
 * time: that takes about a millisecond. */
typedef struct fani_rsa_checker fani_rsa_checker;

/* NULL: out of memory. */
fani_rsa_checker *fani_rsa_checker_new(fani_isa isa);

/* NULL is accepted. */
void fani_rsa_checker_free(fani_rsa_checker *checker);

/* What is wrong with each of `count` moduli, as FAN_WEAKKEYS_* bits: those of `checks` that are
 * about the modulus. Moduli below 2 have nothing. FAN_E_MEMORY. One thread at a time. */
fan_status fani_rsa_check(fani_rsa_checker *checker, mpz_srcptr moduli, size_t count,
                          unsigned checks, unsigned *weakness);

/* Splits a modulus in which fani_rsa_check has found the `weakness`: appends its factors,
 * ascending, with multiplicity, their product the modulus; nothing where no check has found one.
 * Factors above 2^16 need not be prime. FAN_E_MEMORY. */
fan_status fani_rsa_split(fani_rsa_checker *checker, mpz_srcptr modulus, unsigned weakness,
                          fani_mpzs *factors);

/* Whether a public exponent is 1, 0 or another even number. */
bool fani_rsa_exponent_is_weak(const unsigned char *bytes, size_t size);

/* Fermat's method: whether n = (a - b)(a + b), neither of them 1, for one of the 64 integers a from
 * sqrt(n) on, b above 0. a and b are changed even where there are none. */
bool fani_rsa_fermat(mpz_srcptr n, mpz_ptr a, mpz_ptr b);

/* Whether a modulus looks as one made of primes k * M + (65537^a mod M): in the group of 65537
 * modulo each of the odd primes up to 167. Moduli below 512 bits don't: no such keys were made. */
bool fani_rsa_is_roca(mpz_srcptr n);

#endif
