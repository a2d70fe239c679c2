/* What every quadratic sieve begins with: arithmetic modulo primes of a word, the multiplier, and
 * the primes of the factor base. Pure functions; any thread. */
#ifndef FANI_QUADRATIC_H
#define FANI_QUADRATIC_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

/* x * y mod p for numbers below p. */
static inline uint32_t fani_mod_mul(uint32_t x, uint32_t y, uint32_t p)
{
    return (uint32_t)((uint64_t)x * y % p);
}

/* The inverse of x, which p does not divide. */
uint32_t fani_mod_inverse(uint32_t x, uint32_t p);

/* The multiplier k of an odd n for which the values of the sieve are smoothest; k is squarefree and
 * k n = 1 mod 8. Source: Knuth and Schroeppel, see Silverman, "The multiple polynomial quadratic
 * sieve", 1987. */
uint32_t fani_quadratic_multiplier(mpz_srcptr n);

/* The first `count` odd primes modulo which k n is a square or 0, ascending, with a square root of
 * k n modulo each; prime[] and square_root[] have room for them. False when memory is out. */
bool fani_quadratic_base(mpz_srcptr kn, uint32_t count, uint32_t *prime, uint32_t *square_root);

#endif
