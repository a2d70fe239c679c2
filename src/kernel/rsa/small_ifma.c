#include "small_ifma.h"

/* 1 / odd modulo 2^64, by Newton: each step doubles the number of right bits, 3 to begin with. */
static uint64_t inverse_of(uint64_t odd)
{
    uint64_t x = odd;
    for (int step = 0; step < 5; step++)
        x *= 2 - odd * x;
    return x;
}

static uint64_t times_2_to_52(uint64_t value, uint64_t modulus)
{
    for (int step = 0; step < 4; step++) /* a modulus has at most 48 bits */
        value = (value << 13) % modulus;
    return value;
}

static void fill_triple(fani_rsa_ifma_table *t, size_t j, const uint16_t triple[static 3])
{
    uint64_t m = (uint64_t)triple[0] * triple[1] * triple[2], weight = 1;
    t->modulus[j] = m;
    t->inverse[j] = inverse_of(m) & (((uint64_t)1 << 52) - 1);
    for (int k = 0; k < 3; k++) {
        t->prime_inverse[k][j] = inverse_of(triple[k]);
        t->most[k][j] = UINT64_MAX / triple[k];
    }
    for (size_t i = 0; i < FANI_RSA_IFMA_DIGITS; i++) {
        t->weights[j / FANI_RSA_IFMA_BLOCK][i][j % FANI_RSA_IFMA_BLOCK] = weight;
        weight = times_2_to_52(weight, m);
    }
    t->shift[j] = times_2_to_52(times_2_to_52(weight, m), m);
}

void fani_rsa_ifma_table_make(fani_rsa_ifma_table *table,
                              const uint16_t primes[static FANI_RSA_SMALL_PRIMES])
{
    for (size_t j = 0; j < FANI_RSA_IFMA_TRIPLES; j++) {
        uint16_t triple[3];
        for (size_t k = 0; k < 3; k++) {
            size_t at = 1 + 3 * j + k; /* 2 is left out */
            triple[k] = primes[at < FANI_RSA_SMALL_PRIMES ? at : 1 + at % 64];
        }
        fill_triple(table, j, triple);
    }
}
