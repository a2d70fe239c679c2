#include "small.h"

#include <string.h>

/* By the sieve of Eratosthenes. */
void fani_rsa_small_primes(uint16_t primes[static FANI_RSA_SMALL_PRIMES])
{
    static const uint32_t limit = 65536;
    uint8_t composite[65536] = {0};
    size_t count = 0;
    for (uint32_t p = 2; p < limit; p++) {
        if (composite[p])
            continue;
        primes[count++] = (uint16_t)p;
        for (uint32_t multiple = p * p; p < 256 && multiple < limit; multiple += p)
            composite[multiple] = 1;
    }
}

/* 1 / odd modulo 2^32, by Newton: each step doubles the number of right bits, 3 to begin with. */
static uint32_t inverse_of(uint32_t odd)
{
    uint32_t x = odd;
    for (int step = 0; step < 4; step++)
        x *= 2 - odd * x;
    return x;
}

static void fill_pair(fani_rsa_small_table *t, size_t j, const uint16_t pair[static 2])
{
    uint32_t m = (uint32_t)pair[0] * pair[1];
    t->modulus[j] = m;
    t->inverse[j] = inverse_of(m);
    for (int side = 0; side < 2; side++) {
        t->prime_inverse[side][j] = inverse_of(pair[side]);
        t->most[side][j] = UINT32_MAX / pair[side];
    }
    uint64_t weight = 1;
    for (size_t i = 0; i < FANI_RSA_SMALL_DIGITS; i++) {
        t->weights[j / FANI_RSA_SMALL_BLOCK][i][j % FANI_RSA_SMALL_BLOCK] = (uint32_t)weight;
        weight = (weight << FANI_RSA_SMALL_DIGIT_BITS) % m;
    }
    t->shift[j] = (uint32_t)(((weight << 32) % m << 32) % m);
}

void fani_rsa_small_table_make(fani_rsa_small_table *table,
                               const uint16_t primes[static FANI_RSA_SMALL_PRIMES])
{
    for (size_t j = 0; j < FANI_RSA_SMALL_PAIRS; j++) {
        uint16_t pair[2];
        for (size_t side = 0; side < 2; side++) {
            size_t at = 1 + 2 * j + side; /* 2 is left out */
            pair[side] = primes[at < FANI_RSA_SMALL_PRIMES ? at : 1 + at % 64];
        }
        fill_pair(table, j, pair);
    }
}

unsigned fani_rsa_small_divisor(const uint16_t primes[static FANI_RSA_SMALL_PRIMES], mpz_srcptr n)
{
    for (size_t i = 0; i < FANI_RSA_SMALL_PRIMES; i++)
        if (mpz_divisible_ui_p(n, primes[i]) && mpz_cmp_ui(n, primes[i]) > 0)
            return primes[i];
    return 0;
}
