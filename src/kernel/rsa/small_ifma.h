/* The residues of small.h with the multiplications of 52 bits that AVX-512 has: digits of 52 bits,
 * moduli that are products of three primes, a third of the work. */
#ifndef FANI_RSA_SMALL_IFMA_H
#define FANI_RSA_SMALL_IFMA_H

#include "small.h"

enum {
    FANI_RSA_IFMA_TRIPLES = 2192, /* of odd primes, some twice: a multiple of FANI_RSA_IFMA_BLOCK */
    FANI_RSA_IFMA_BLOCK = 16,     /* triples worked on at once */
    FANI_RSA_IFMA_DIGIT_BITS = 52,
    FANI_RSA_IFMA_DIGITS = 40 /* in a chunk: sums of so many halves of products are below 2^58 */
};

typedef struct fani_rsa_ifma_table {
    uint64_t modulus[FANI_RSA_IFMA_TRIPLES];          /* below 2^48 */
    uint64_t inverse[FANI_RSA_IFMA_TRIPLES];          /* of the modulus, mod 2^52 */
    uint64_t shift[FANI_RSA_IFMA_TRIPLES];            /* 2^(52 * 42) mod the modulus */
    uint64_t prime_inverse[3][FANI_RSA_IFMA_TRIPLES]; /* of each of its primes, mod 2^64 */
    uint64_t most[3]
                 [FANI_RSA_IFMA_TRIPLES]; /* x is a multiple if x * prime_inverse is at most this */
    /* (2^52)^i mod the modulus, by blocks of moduli. */
    uint64_t weights[FANI_RSA_IFMA_TRIPLES / FANI_RSA_IFMA_BLOCK][FANI_RSA_IFMA_DIGITS]
                    [FANI_RSA_IFMA_BLOCK];
} fani_rsa_ifma_table;

/* Fills a table. Any machine. */
void fani_rsa_ifma_table_make(fani_rsa_ifma_table *table,
                              const uint16_t primes[static FANI_RSA_SMALL_PRIMES]);

/* As a fani_rsa_small_kernel, with digits of 52 bits. FANI_ISA_AVX512 only. */
void fani_rsa_small_ifma_avx512(const fani_rsa_ifma_table *table, const uint64_t *digits,
                                size_t count, bool found[static FANI_RSA_SMALL_NUMBERS]);

#endif
