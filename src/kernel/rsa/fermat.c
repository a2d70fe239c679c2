#include "checks.h"

enum { STEPS = 64 };

/* The squares modulo small numbers, a bit each. Their product fits 64 bits, so that long numbers
 * are divided once. */
static const struct {
    unsigned modulus;
    uint64_t squares;
} filters[] = {
    {63, 0x0402483012450293u}, {55, 0x000230148611ca33u}, {53, 0x0012dd703303aed3u},
    {47, 0x000004351b2753dfu}, {43, 0x0000035883a3ee53u}, {41, 0x000001b382b50737u},
    {37, 0x000000165e211e9bu}, {31, 0x00000000121d47b7u}, {29, 0x0000000013d122f3u},
};
#define FILTERS_PRODUCT 506163348579735u
#define SQUARES_MOD_64 0x0202021202030213u

/* Which of the 64 integers a from `first` on may make a^2 - n a square: about one set bit in fifty
 * of these words. */
static uint64_t candidates(mpz_srcptr n, mpz_srcptr first)
{
    uint64_t steps = 0, n_rest = mpz_fdiv_ui(n, FILTERS_PRODUCT);
    uint64_t a_rest = mpz_fdiv_ui(first, FILTERS_PRODUCT);
    uint64_t a_low = mpz_getlimbn(first, 0), n_low = mpz_getlimbn(n, 0);
    for (unsigned k = 0; k < STEPS; k++)
        steps |= (SQUARES_MOD_64 >> (((a_low + k) * (a_low + k) - n_low) & 63) & 1) << k;
    for (size_t f = 0; f < sizeof filters / sizeof *filters && steps; f++) {
        unsigned m = filters[f].modulus;
        unsigned a = (unsigned)(a_rest % m), minus_n = m - (unsigned)(n_rest % m);
        for (uint64_t left = steps; left; left &= left - 1) {
            unsigned k = (unsigned)__builtin_ctzll(left), x = a + k;
            if (!(filters[f].squares >> (x * x + minus_n) % m & 1))
                steps &= ~((uint64_t)1 << k);
        }
    }
    return steps;
}

bool fani_rsa_fermat(mpz_srcptr n, mpz_ptr a, mpz_ptr b)
{
    bool found = false;
    mpz_t first, square;
    mpz_inits(first, square, NULL);
    mpz_sqrtrem(first, square, n);
    if (mpz_sgn(square) > 0)
        mpz_add_ui(first, first, 1);
    for (uint64_t left = candidates(n, first); left && !found; left &= left - 1) {
        mpz_add_ui(a, first, (unsigned)__builtin_ctzll(left));
        mpz_mul(square, a, a);
        mpz_sub(square, square, n);
        if (mpz_sgn(square) > 0 && mpz_perfect_square_p(square)) {
            mpz_sqrt(b, square);
            mpz_sub(square, a, b);
            found = mpz_cmp_ui(square, 1) > 0;
        }
    }
    mpz_clears(first, square, NULL);
    return found;
}
