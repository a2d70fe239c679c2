/* Leading coefficients: from an index to a set of primes whose product is close to the ideal. */
#include "internal.h"

#include "kernel/factor/montgomery.h"

#include <stdlib.h>

enum {
    FIRST_INDEX = 4, /* of the base: smaller primes are of more use in the sieve */
    WINDOW_MIN = 12, /* indices of the base on either side of the middle; half are in the pool */
    WINDOW_MAX = 110,
    SPREAD = 4,  /* and so many for each prime of a, */
    ENOUGH = 10, /* if not before there were so many subsets for each prime of the base */
};

uint64_t fani_qs_binomial(uint32_t size, uint32_t taken)
{
    uint64_t value = 1;
    if (taken > size)
        return 0;
    for (uint32_t i = 1; i <= taken; i++) {
        fani_u128 next = (fani_u128)value * (size - taken + i) / i;
        if (next >> 64 != 0)
            return UINT64_MAX;
        value = (uint64_t)next;
    }
    return value;
}

/* The combinatorial number system: the largest place first. */
void fani_qs_subset(uint64_t number, uint32_t size, uint32_t taken, uint32_t *places)
{
    uint32_t place = size;
    for (uint32_t left = taken; left > 0; left--) {
        uint64_t below;
        do
            below = fani_qs_binomial(--place, left);
        while (below > number);
        number -= below;
        places[left - 1] = place;
    }
}

/* ---- Pools ---------------------------------------------------------------------------------- */

/* The a for which Q is as large at the ends of the interval as in its middle. */
static void set_ideal(const fani_qs *qs, mpz_ptr a)
{
    mpz_fdiv_q_2exp(a, qs->kn, 1);
    mpz_sqrt(a, a);
    mpz_fdiv_q_ui(a, a, qs->params.blocks * (FANI_QS_BLOCK / 2UL));
}

/* How many primes of the length wanted make up a, and the one in the middle of them. */
static uint32_t choose_count(const fani_qs *qs, mpz_srcptr a, uint32_t *middle)
{
    uint32_t longest = qs->prime[qs->params.base - 1], count = 1;
    uint32_t wanted = qs->params.a_prime < longest ? qs->params.a_prime : longest;
    mpz_t root;
    mpz_init(root);
    do
        mpz_root(root, a, ++count);
    while (count < FANI_QS_A_PRIMES && mpz_cmp_ui(root, wanted) > 0);
    *middle = mpz_cmp_ui(root, longest) < 0 ? (uint32_t)mpz_get_ui(root) : longest;
    mpz_clear(root);
    return count;
}

/* The first prime of the base that is not below `value`, or the last one. */
static uint32_t index_of(const fani_qs *qs, uint32_t value)
{
    uint32_t low = 0, high = qs->params.base - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (qs->prime[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_usable(const fani_qs *qs, uint32_t index)
{
    return qs->square_root[index] != 0 && qs->prime[index] < FANI_QS_A_PRIME_END;
}

/* Indices of one parity from low to high. */
static uint32_t fill_pool(const fani_qs *qs, uint32_t low, uint32_t high, uint32_t parity,
                          uint32_t *pool)
{
    uint32_t size = 0;
    for (uint32_t i = low; i < high; i++) {
        if (i % 2 == parity && is_usable(qs, i))
            pool[size++] = i;
    }
    return size;
}

static uint64_t gcd(uint64_t x, uint64_t y)
{
    while (y != 0) {
        uint64_t rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

/* The number that is coprime to count next to its golden section: its multiples stay apart. */
static uint64_t stride_for(uint64_t count)
{
    uint64_t stride = (uint64_t)((double)count * 0.6180339887498949);
    while (stride < 1 || gcd(stride, count) != 1)
        stride++;
    return stride;
}

/* Widens the window of all but the last prime until there are enough subsets: those of a narrow one
 * come closer to the ideal, those of a wide one have less in common. */
static void choose_window(const fani_qs *qs, fani_qs_pools *pools, uint32_t middle)
{
    uint32_t base = qs->params.base, taken = pools->primes - 1;
    uint32_t centre = index_of(qs, middle);
    for (uint32_t width = WINDOW_MIN; width <= WINDOW_MAX; width += 2) {
        uint32_t low = centre > width + FIRST_INDEX ? centre - width : FIRST_INDEX;
        uint32_t high = centre + width < base ? centre + width : base;
        pools->size[0] = fill_pool(qs, low, high, 0, pools->pool[0]);
        pools->count = fani_qs_binomial(pools->size[0], taken);
        if (pools->count / ENOUGH >= base && (width >= SPREAD * taken || low == FIRST_INDEX))
            return;
    }
}

fan_status fani_qs_pools_make(fani_qs *qs)
{
    fani_qs_pools *pools = &qs->pools;
    uint32_t middle;
    mpz_t ideal;
    mpz_init(ideal);
    set_ideal(qs, ideal);
    pools->ideal = mpz_get_d(ideal);
    pools->primes = choose_count(qs, ideal, &middle);
    mpz_clear(ideal);
    for (unsigned k = 0; k < 2; k++) {
        pools->pool[k] = calloc(qs->params.base, sizeof *pools->pool[k]);
        if (!pools->pool[k])
            return FAN_E_MEMORY;
    }
    choose_window(qs, pools, middle);
    pools->size[1] = fill_pool(qs, FIRST_INDEX, qs->params.base, 1, pools->pool[1]);
    if (pools->count == 0 || pools->count == UINT64_MAX || pools->size[1] == 0)
        return FAN_E_EFFORT;
    pools->stride = stride_for(pools->count);
    return FAN_OK;
}

void fani_qs_pools_clear(fani_qs_pools *pools)
{
    free(pools->pool[0]);
    free(pools->pool[1]);
}

/* ---- One coefficient ------------------------------------------------------------------------ */

void fani_qs_leading_init(fani_qs_leading *leading)
{
    leading->count = 0;
    mpz_init(leading->a);
    for (unsigned j = 0; j < FANI_QS_A_PRIMES; j++)
        mpz_init(leading->part[j]);
}

void fani_qs_leading_clear(fani_qs_leading *leading)
{
    mpz_clear(leading->a);
    for (unsigned j = 0; j < FANI_QS_A_PRIMES; j++)
        mpz_clear(leading->part[j]);
}

/* The prime of pool[1] that is nearest to `value`. */
static uint32_t nearest(const fani_qs *qs, double value)
{
    const fani_qs_pools *pools = &qs->pools;
    uint32_t low = 0, high = pools->size[1] - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (qs->prime[pools->pool[1][middle]] < value)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 &&
        value - qs->prime[pools->pool[1][low - 1]] < qs->prime[pools->pool[1][low]] - value)
        low--;
    return pools->pool[1][low];
}

/* Products of doubles in a fixed order: no library function takes part in the choice. */
static void choose_primes(fani_qs_leading *leading, const fani_qs *qs, uint64_t index)
{
    const fani_qs_pools *pools = &qs->pools;
    uint32_t taken = pools->primes - 1, places[FANI_QS_A_PRIMES];
    uint64_t number = (uint64_t)((fani_u128)index * pools->stride % pools->count);
    fani_qs_subset(number, pools->size[0], taken, places);
    double left = pools->ideal;
    for (uint32_t i = 0; i < taken; i++) {
        leading->index[i] = pools->pool[0][places[i]];
        left /= qs->prime[leading->index[i]];
    }
    uint32_t last = nearest(qs, left), at = taken;
    for (; at > 0 && leading->index[at - 1] > last; at--)
        leading->index[at] = leading->index[at - 1];
    leading->index[at] = last;
    leading->count = pools->primes;
}

void fani_qs_leading_set(fani_qs_leading *leading, const fani_qs *qs, uint64_t index)
{
    choose_primes(leading, qs, index);
    mpz_set_ui(leading->a, 1);
    for (uint32_t j = 0; j < leading->count; j++)
        mpz_mul_ui(leading->a, leading->a, qs->prime[leading->index[j]]);
    for (uint32_t j = 0; j < leading->count; j++) {
        uint32_t q = qs->prime[leading->index[j]];
        mpz_divexact_ui(leading->part[j], leading->a, q);
        uint32_t others = (uint32_t)mpz_fdiv_ui(leading->part[j], q);
        uint32_t gamma =
            fani_mod_mul(qs->square_root[leading->index[j]], fani_mod_inverse(others, q), q);
        leading->gamma[j] = gamma > q / 2 ? q - gamma : gamma;
        mpz_mul_ui(leading->part[j], leading->part[j], leading->gamma[j]);
    }
}

bool fani_qs_leading_b(const fani_qs_leading *leading, uint32_t k, mpz_ptr b)
{
    uint32_t gray = k ^ k >> 1;
    mpz_set(b, leading->part[leading->count - 1]);
    for (uint32_t j = 0; j + 1 < leading->count; j++) {
        if (gray >> j & 1)
            mpz_sub(b, b, leading->part[j]);
        else
            mpz_add(b, b, leading->part[j]);
    }
    bool is_even = mpz_even_p(b) != 0;
    if (is_even)
        mpz_add(b, b, leading->a);
    return is_even;
}
