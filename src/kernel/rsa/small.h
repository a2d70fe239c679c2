/* Which numbers have a prime factor below 2^16: residues modulo all these primes at once.
 *
 * A number is cut into digits of 25 bits; the sum of digit * (2^25)^i mod m over them is the number
 * modulo m, where m is a product of two primes and below 2^32. Lanes hold different m. (AVX-512 has
 * larger digits: small_ifma.h.) Sums of one
 * chunk of digits stay below 2^64, between chunks they are reduced after Montgomery. */
#ifndef FANI_RSA_SMALL_H
#define FANI_RSA_SMALL_H

#include "base/isa.h"
#include "fanfold/status.h"

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FANI_RSA_SMALL_PRIMES = 6542, /* below 2^16 */
    FANI_RSA_SMALL_PAIRS =
        3296,                  /* of odd ones, and some twice: a multiple of FANI_RSA_SMALL_BLOCK */
    FANI_RSA_SMALL_BLOCK = 32, /* pairs that a kernel works on at once */
    FANI_RSA_SMALL_DIGIT_BITS = 25,
    FANI_RSA_SMALL_DIGITS = 82, /* in a chunk: 82 * 2^57 < 2^64; 2050 bits, for keys of 2048 */
    FANI_RSA_SMALL_NUMBERS = 4  /* looked at together, so that a weight is loaded once for all */
};

typedef struct fani_rsa_small_table {
    uint32_t modulus[FANI_RSA_SMALL_PAIRS];          /* products of two primes */
    uint32_t inverse[FANI_RSA_SMALL_PAIRS];          /* of the modulus, mod 2^32 */
    uint32_t shift[FANI_RSA_SMALL_PAIRS];            /* 2^(25 * 82 + 64) mod the modulus */
    uint32_t prime_inverse[2][FANI_RSA_SMALL_PAIRS]; /* of each of its primes, mod 2^32 */
    uint32_t most[2]
                 [FANI_RSA_SMALL_PAIRS]; /* x is a multiple if x * prime_inverse is at most this */
    /* (2^25)^i mod the modulus, for i up to 81, by blocks of moduli: what a kernel needs next is
     * next in memory. */
    uint32_t weights[FANI_RSA_SMALL_PAIRS / FANI_RSA_SMALL_BLOCK][FANI_RSA_SMALL_DIGITS]
                    [FANI_RSA_SMALL_BLOCK];
} fani_rsa_small_table;

/* All primes below 2^16. */
void fani_rsa_small_primes(uint16_t primes[static FANI_RSA_SMALL_PRIMES]);

/* Fills a table. */
void fani_rsa_small_table_make(fani_rsa_small_table *table,
                               const uint16_t primes[static FANI_RSA_SMALL_PRIMES]);

/* digits: FANI_RSA_SMALL_NUMBERS numbers of `count` digits each, least digit first, at least one.
 * found[k]: whether an odd prime of the table divides number k, 0 among them. */
typedef void fani_rsa_small_kernel(const fani_rsa_small_table *table, const uint64_t *digits,
                                   size_t count, bool found[static FANI_RSA_SMALL_NUMBERS]);

fani_rsa_small_kernel fani_rsa_small_scalar, fani_rsa_small_avx2;

/* The least of the primes that divides n > 0 and is not n itself, or 0. By division one by
 * one: for numbers that are known to have one. */
unsigned fani_rsa_small_divisor(const uint16_t primes[static FANI_RSA_SMALL_PRIMES], mpz_srcptr n);

#endif
