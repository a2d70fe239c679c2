#include "fanfold/gcd.h"

uint64_t fan_gcd_u64(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a | b;
    int shared_twos = __builtin_ctzll(a | b);
    a >>= __builtin_ctzll(a);
    b >>= __builtin_ctzll(b);
    while (a != b) {
        /* a - b and b - a end in the same zeros: the shift need not wait for the comparison. */
        int zeros = __builtin_ctzll(a - b);
        uint64_t larger = a > b ? a : b;
        b = a > b ? b : a;
        a = (larger - b) >> zeros;
    }
    return a << shared_twos;
}

void fan_gcd_mpz(mpz_srcptr a, mpz_srcptr b, mpz_ptr gcd)
{
    mpz_gcd(gcd, a, b);
}

void fan_gcd_list(mpz_srcptr values, size_t count, mpz_ptr gcd)
{
    mpz_set_ui(gcd, 0);
    for (size_t i = 0; i < count && mpz_cmp_ui(gcd, 1) != 0; i++)
        mpz_gcd(gcd, gcd, &values[i]);
}

void fan_lcm_mpz(mpz_srcptr a, mpz_srcptr b, mpz_ptr lcm)
{
    mpz_lcm(lcm, a, b);
}

void fan_gcdext_mpz(mpz_srcptr a, mpz_srcptr b, mpz_ptr gcd, mpz_ptr x, mpz_ptr y)
{
    mpz_gcdext(gcd, x, y, a, b);
}

bool fan_coprime_mpz(mpz_srcptr a, mpz_srcptr b)
{
    mpz_t gcd;
    if (mpz_even_p(a) && mpz_even_p(b))
        return false;
    mpz_init(gcd);
    mpz_gcd(gcd, a, b);
    bool is_one = mpz_cmp_ui(gcd, 1) == 0;
    mpz_clear(gcd);
    return is_one;
}
