/* What a relation says, and whether that is so. */
#include "internal.h"

bool fani_qs_is_in_range(const fani_qs *qs, const fani_qs_relation *r)
{
    int32_t half = (int32_t)(qs->params.blocks * (FANI_QS_BLOCK / 2));
    return r->a < qs->pools.count && r->b < fani_qs_b_count(qs) && r->x >= -half && r->x < half;
}

void fani_qs_leading_root(const fani_qs_leading *leading, const fani_qs *qs,
                          const fani_qs_relation *r, mpz_ptr X)
{
    fani_qs_leading_b(leading, r->b, X);
    if (r->x >= 0)
        mpz_addmul_ui(X, leading->a, 2 * (unsigned long)r->x);
    else
        mpz_submul_ui(X, leading->a, 2 * (0 - (unsigned long)r->x));
    mpz_mod(X, X, qs->n);
}

fan_status fani_qs_root(const fani_qs *qs, const fani_qs_relation *r, mpz_ptr X)
{
    if (!fani_qs_is_in_range(qs, r))
        return FAN_E_ARGUMENT;
    fani_qs_leading leading;
    fani_qs_leading_init(&leading);
    fani_qs_leading_set(&leading, qs, r->a);
    fani_qs_leading_root(&leading, qs, r, X);
    fani_qs_leading_clear(&leading);
    return FAN_OK;
}

bool fani_qs_is_ordered(const fani_qs *qs, const fani_qs_relation *r)
{
    if (r->large[0] < 1 || r->large[0] > r->large[1] || r->large[1] >= qs->large_end)
        return false;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->factor[i] >= fani_qs_columns(qs) || (i > 0 && r->factor[i] < r->factor[i - 1]))
            return false;
    }
    return r->count < FANI_QS_FACTORS_MAX;
}

/* The product of the factors and the large primes; words are filled before mpz multiplies. */
static void multiply_out(const fani_qs *qs, const fani_qs_relation *r, mpz_ptr product)
{
    uint64_t word = 1;
    mpz_set_ui(product, r->large[0]);
    mpz_mul_ui(product, product, r->large[1]);
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->factor[i] == FANI_QS_SIGN) {
            mpz_neg(product, product);
            continue;
        }
        word *= fani_qs_prime(qs, r->factor[i]);
        if (word >> 32 != 0 || i + 1 == r->count) {
            mpz_mul_ui(product, product, word);
            word = 1;
        }
    }
    mpz_mul_ui(product, product, word);
}

bool fani_qs_leading_holds(const fani_qs_leading *leading, const fani_qs *qs,
                           const fani_qs_relation *r, mpz_ptr left, mpz_ptr right)
{
    fani_qs_leading_root(leading, qs, r, left);
    mpz_mul(left, left, left);
    multiply_out(qs, r, right);
    mpz_sub(left, left, right);
    return mpz_divisible_p(left, qs->n) != 0;
}

bool fani_qs_check(const fani_qs *qs, const fani_qs_relation *r)
{
    if (!fani_qs_is_in_range(qs, r) || !fani_qs_is_ordered(qs, r))
        return false;
    fani_qs_leading leading;
    mpz_t left, right;
    fani_qs_leading_init(&leading);
    mpz_inits(left, right, NULL);
    fani_qs_leading_set(&leading, qs, r->a);
    bool good = fani_qs_leading_holds(&leading, qs, r, left, right);
    mpz_clears(left, right, NULL);
    fani_qs_leading_clear(&leading);
    return good;
}
