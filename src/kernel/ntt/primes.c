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

/* Of each prime: an element of order 2^32, its inverse, and one of order 3. */
static const struct {
    uint64_t root, inverse, third;
} element[FANI_NTT_PRIMES_MAX] = {
    {324783984928124, 350317330719011, 258493813257443},
    {422367912075488, 65740160347071, 111318034749682},
    {432902204056951, 337995554661904, 190961362242261},
    {404820463620949, 343477016392401, 83525449251677},
    {171189136102183, 310009280866799, 313606466610981},
    {169828254215123, 407318463323838, 446686806333619},
    {390817327358184, 108314682410163, 294218924628984},
    {406234419276228, 8109039011417, 316275959463634},
};

/* steps[d], of order 2^(d+2), each the square of the next. */
static void set_steps(uint64_t root, uint64_t p, uint64_t steps[FANI_NTT_DEPTH_MAX - 1])
{
    for (unsigned d = FANI_NTT_DEPTH_MAX - 1; d-- > 0;) {
        steps[d] = root;
        root = fani_ntt_mulmod(root, root, p);
    }
}

/* roots[h], h < 2^log, as plain words: roots[2^d + h] = roots[h] steps[d]. So roots[2h]^2 =
 * roots[h], and roots[2h+1] = roots[2h] steps[0], of which the square is -roots[h]: the factors of
 * y^(2m) - roots[h]^2 are y^m - roots[h] and y^m + roots[h], and those go on with roots[2h] and
 * roots[2h+1]. */
static void fill(fani_ntt_root *roots, unsigned log, uint64_t first, const uint64_t *steps,
                 uint64_t p)
{
    roots[0].w = first;
    for (unsigned d = 0; d < log; d++) {
        uint64_t quotient = (uint64_t)(((unsigned __int128)steps[d] << 64) / p);
        fani_ntt_root *to = roots + ((size_t)1 << d);
        for (size_t h = 0; h < (size_t)1 << d; h++) {
            uint64_t part = (uint64_t)((unsigned __int128)roots[h].w * quotient >> 64);
            uint64_t w = roots[h].w * steps[d] - part * p;
            to[h].w = w < p ? w : w - p;
        }
    }
}

fani_ntt_root *fani_ntt_fill(fani_ntt *plan, unsigned index, fani_ntt_root *room)
{
    fani_ntt_prime *prime = plan->prime + index;
    uint64_t steps[FANI_NTT_DEPTH_MAX - 1], inverse[FANI_NTT_DEPTH_MAX - 1];
    unsigned log = plan->sizes.rows_log - 1, factor = plan->sizes.factor;
    size_t count = (size_t)1 << log;
    uint64_t p = prime->p, third = element[index].third;
    const uint64_t power[FANI_NTT_FACTOR_MAX] = {1, third, fani_ntt_mulmod(third, third, p)};
    fani_ntt_root *begin = room;
    set_steps(element[index].root, p, steps);
    set_steps(element[index].inverse, p, inverse);
    for (unsigned i = 0; i < factor && i < FANI_NTT_FACTOR_MAX; i++, room += 2 * count) {
        prime->omega[i].w = power[i];
        prime->down[i] = room;
        prime->up[i] = room + count;
        fill(prime->down[i], log, power[i], steps, p);
        fill(prime->up[i], log, power[(factor - i) % factor], inverse, p);
    }
    plan->engine->finish_roots(begin, (size_t)(room - begin), p);
    plan->engine->finish_roots(prime->omega, factor, p);
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
