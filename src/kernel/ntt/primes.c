#include "internal.h"

/* Below 2^52 / 10, so that residues below 10 p are exact in 52 bits. */
const uint64_t fani_ntt_prime_list[FANI_NTT_PRIMES_MAX] = {
    450262896476161, 449811924910081, 449683075891201, 448459010211841,
    448201312174081, 446977246494721, 446848397475841, 446268576890881};

uint64_t fani_ntt_mulmod(uint64_t a, uint64_t b, uint64_t p)
{
    return (uint64_t)((unsigned __int128)a * b % p);
}

uint64_t fani_ntt_powmod(uint64_t a, uint64_t e, uint64_t p)
{
    uint64_t power = 1;
    for (; e; e >>= 1) {
        if (e & 1)
            power = fani_ntt_mulmod(power, a, p);
        a = fani_ntt_mulmod(a, a, p);
    }
    return power;
}

uint64_t fani_ntt_invmod(uint64_t a, uint64_t p)
{
    return fani_ntt_powmod(a, p - 2, p);
}

/* Whether z, whose order divides `order`, has that order: 2, 3 and 5 are all its prime factors. */
static bool has_order(uint64_t z, uint64_t order, uint64_t p)
{
    static const uint64_t factors[] = {2, 3, 5};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
        if (order % factors[i] == 0 && fani_ntt_powmod(z, order / factors[i], p) == 1)
            return false;
    }
    return true;
}

uint64_t fani_ntt_element(uint64_t p, uint64_t order)
{
    uint64_t z, g = 2;
    do
        z = fani_ntt_powmod(g++, (p - 1) / order, p);
    while (!has_order(z, order, p));
    return z;
}

/* roots[h], h < 2^log, as plain words: with z(d) of order 2^(d+2) and z(d)^2 = z(d-1),
 * roots[2^d + h] = roots[h] z(d). So roots[2h]^2 = roots[h], and roots[2h+1] = roots[2h] z(0), of
 * which the square is -roots[h]: the factors of y^(2m) - roots[h]^2 are y^m - roots[h] and
 * y^m + roots[h], and those go on with roots[2h] and roots[2h+1]. z: of order 2^32. */
static void fill(fani_ntt_root *roots, unsigned log, uint64_t first, uint64_t z, uint64_t p)
{
    roots[0].w = first;
    for (unsigned d = 0; d < log; d++) {
        uint64_t step = fani_ntt_powmod(z, UINT64_C(1) << (FANI_NTT_DEPTH_MAX - 2 - d), p);
        uint64_t quotient = (uint64_t)(((unsigned __int128)step << 64) / p);
        fani_ntt_root *to = roots + ((size_t)1 << d);
        for (size_t h = 0; h < (size_t)1 << d; h++) {
            uint64_t part = (uint64_t)((unsigned __int128)roots[h].w * quotient >> 64);
            uint64_t w = roots[h].w * step - part * p;
            to[h].w = w < p ? w : w - p;
        }
    }
}

fani_ntt_root *fani_ntt_fill(const fani_ntt *plan, fani_ntt_prime *prime, fani_ntt_root *room)
{
    const fani_ntt_sizes *sizes = &plan->sizes;
    unsigned log = sizes->rows_log - 1;
    size_t count = (size_t)1 << log;
    uint64_t p = prime->p, z = fani_ntt_element(p, UINT64_C(1) << FANI_NTT_DEPTH_MAX);
    uint64_t omega = sizes->factor == 1 ? 1 : fani_ntt_element(p, sizes->factor), power = 1;
    fani_ntt_root *begin = room;
    for (unsigned i = 0; i < sizes->factor; i++) {
        prime->omega[i].w = power;
        prime->down[i] = room;
        prime->up[i] = room + count;
        fill(prime->down[i], log, power, z, p);
        fill(prime->up[i], log, fani_ntt_invmod(power, p), fani_ntt_invmod(z, p), p);
        power = fani_ntt_mulmod(power, omega, p);
        room += 2 * count;
    }
    plan->engine->finish_roots(begin, (size_t)(room - begin), p);
    plan->engine->finish_roots(prime->omega, sizes->factor, p);
    return room;
}

/* Tree t is modulo y^(2^rows_log) - omega^t. At depth d its root is what omega^t is 2^(d+1) times
 * the square of, within the powers of omega, whose number is odd: halving is adding the odd order
 * where needed. */
void fani_ntt_levels(const fani_ntt *plan, fani_ntt_root *const *tables, unsigned tree,
                     const fani_ntt_root *levels[FANI_NTT_DEPTH_MAX])
{
    unsigned factor = plan->sizes.factor, power = tree;
    for (unsigned d = 0; d < plan->sizes.rows_log; d++) {
        power = (power % 2 ? power + factor : power) / 2;
        levels[d] = tables[power];
    }
}
