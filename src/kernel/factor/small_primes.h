/* The odd primes below 4096, made for testing divisibility by multiplication. */
#ifndef FANI_SMALL_PRIMES_H
#define FANI_SMALL_PRIMES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FANI_SMALL_PRIMES = 563,
    FANI_SMALL_PRIMES_END = 4099, /* the first prime that is not in the table */
};

typedef struct fani_small_prime {
    uint64_t inverse;      /* prime * inverse = 1 mod 2^64 */
    uint64_t max_quotient; /* floor((2^64 - 1) / prime) */
    uint32_t prime;
} fani_small_prime;

extern const fani_small_prime fani_small_primes[FANI_SMALL_PRIMES];

/* Whether the prime divides n; if so, *quotient is n / prime. Source: Granlund and Montgomery 1994,
 * section 9: multiples, and only they, are mapped to the smallest numbers. */
static inline bool fani_small_prime_divides(const fani_small_prime *p, uint64_t n,
                                            uint64_t *quotient)
{
    *quotient = n * p->inverse;
    return *quotient <= p->max_quotient;
}

/* The same for numbers below 2^32. */
typedef struct fani_small_prime_32 {
    uint32_t inverse;
    uint32_t max_quotient;
} fani_small_prime_32;

static inline fani_small_prime_32 fani_small_prime_for_32(const fani_small_prime *p)
{
    return (fani_small_prime_32){(uint32_t)p->inverse, (uint32_t)(p->max_quotient >> 32)};
}

#endif
