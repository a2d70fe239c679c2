/* The number, its multiplier, parameters and factor base. */
#include "internal.h"

#include "kernel/factor/montgomery.h"

#include <stdlib.h>

static bool is_between(uint32_t value, uint32_t low, uint32_t high)
{
    return value >= low && value <= high;
}

static bool are_in_range(const fani_qs_params *p)
{
    return is_between(p->base, FANI_QS_BASE_MIN, FANI_QS_BASE_MAX) &&
           is_between(p->blocks, 1, FANI_QS_BLOCKS_MAX) && is_between(p->large, 1, 4000) &&
           is_between(p->small, 3, 4096) && is_between(p->slack, 1, 80) && p->pair <= 64 &&
           is_between(p->a_prime, 64, 16384);
}

static uint32_t *table(uint32_t count)
{
    return calloc(count + FANI_QS_PAD, sizeof(uint32_t));
}

static void describe(fani_qs *qs, uint32_t i)
{
    uint32_t p = qs->prime[i];
    uint32_t radix = (uint32_t)((UINT64_C(1) << 32) % p);
    qs->inverse[i] = (uint32_t)fani_inverse_u64(p);
    qs->radix_square[i] = fani_mod_mul(radix, radix, p);
    qs->middle[i] = qs->params.blocks * (FANI_QS_BLOCK / 2) % p;
}

static bool make_base(fani_qs *qs)
{
    uint32_t count = qs->params.base;
    qs->prime = table(count);
    qs->square_root = table(count);
    qs->inverse = table(count);
    qs->radix_square = table(count);
    qs->middle = table(count);
    if (!qs->prime || !qs->square_root || !qs->inverse || !qs->radix_square || !qs->middle ||
        !fani_quadratic_base(qs->kn, count, qs->prime, qs->square_root))
        return false;
    for (uint32_t i = 0; i < FANI_QS_PAD; i++)
        qs->prime[count + i] = qs->prime[count - 1];
    for (uint32_t i = 0; i < count + FANI_QS_PAD; i++)
        describe(qs, i);
    uint64_t end = (uint64_t)qs->params.large * qs->prime[count - 1];
    qs->large_end = end < UINT32_MAX ? (uint32_t)end : UINT32_MAX;
    return true;
}

fan_status fani_qs_make(mpz_srcptr n, const fani_qs_params *params, fani_qs **out)
{
    size_t bits = mpz_sizeinbase(n, 2);
    if (mpz_sgn(n) <= 0 || mpz_even_p(n) || bits < FANI_QS_BITS_MIN || bits > FANI_QS_BITS_MAX ||
        (params && !are_in_range(params)))
        return FAN_E_ARGUMENT;
    fani_qs *qs = calloc(1, sizeof *qs);
    if (!qs)
        return FAN_E_MEMORY;
    qs->params = params ? *params : fani_qs_params_for((unsigned)bits);
    mpz_init_set(qs->n, n);
    mpz_init(qs->kn);
    qs->multiplier = fani_quadratic_multiplier(n);
    mpz_mul_ui(qs->kn, n, qs->multiplier);
    fan_status status = make_base(qs) ? fani_qs_pools_make(qs) : FAN_E_MEMORY;
    if (status == FAN_OK)
        *out = qs;
    else
        fani_qs_free(qs);
    return status;
}

void fani_qs_free(fani_qs *qs)
{
    if (!qs)
        return;
    fani_qs_pools_clear(&qs->pools);
    free(qs->prime);
    free(qs->square_root);
    free(qs->inverse);
    free(qs->radix_square);
    free(qs->middle);
    mpz_clears(qs->n, qs->kn, NULL);
    free(qs);
}

mpz_srcptr fani_qs_number(const fani_qs *qs)
{
    return qs->n;
}

uint32_t fani_qs_multiplier(const fani_qs *qs)
{
    return qs->multiplier;
}

fani_qs_params fani_qs_parameters(const fani_qs *qs)
{
    return qs->params;
}

uint32_t fani_qs_columns(const fani_qs *qs)
{
    return FANI_QS_FIRST + qs->params.base;
}

uint32_t fani_qs_prime(const fani_qs *qs, uint32_t column)
{
    return column == FANI_QS_TWO ? 2 : qs->prime[column - FANI_QS_FIRST];
}

uint32_t fani_qs_large_end(const fani_qs *qs)
{
    return qs->large_end;
}

uint64_t fani_qs_a_count(const fani_qs *qs)
{
    return qs->pools.count;
}

uint32_t fani_qs_b_count(const fani_qs *qs)
{
    return UINT32_C(1) << (qs->pools.primes - 1);
}
