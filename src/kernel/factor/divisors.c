#include "fanfold/factor.h"

#include "base/error.h"

#include <stdlib.h>

uint64_t fan_divisor_count_u64(const fan_factors_u64 *factors)
{
    uint64_t count = 1;
    for (size_t i = 0; i < factors->count; i++)
        count *= factors->exponent[i] + 1u;
    return count;
}

static int compare_u64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

void fan_divisors_u64(const fan_factors_u64 *factors, uint64_t *out)
{
    size_t count = 1;
    out[0] = 1;
    for (size_t i = 0; i < factors->count; i++) {
        size_t grown = count * (factors->exponent[i] + 1u);
        for (size_t k = count; k < grown; k++)
            out[k] = out[k - count] * factors->prime[i];
        count = grown;
    }
    qsort(out, count, sizeof *out, compare_u64);
}

static int compare_mpz(const void *left, const void *right)
{
    return mpz_cmp((mpz_srcptr)left, (mpz_srcptr)right);
}

/* How many divisors there are, or false when they are more than the limit. */
static bool count_divisors(const fan_factorization *factorization, uint64_t limit, uint64_t *count)
{
    *count = 1;
    for (size_t i = 0; i < fan_factorization_count(factorization); i++) {
        uint64_t exponent = fan_factorization_exponent(factorization, i);
        if (exponent >= limit || __builtin_mul_overflow(*count, exponent + 1, count) ||
            *count > limit)
            return false;
    }
    return true;
}

/* Each prime adds its multiples of all that are there, once per exponent. */
static void multiply_out(const fan_factorization *factorization, mpz_t *values)
{
    size_t count = 1;
    mpz_init_set_ui(values[0], 1);
    for (size_t i = 0; i < fan_factorization_count(factorization); i++) {
        mpz_srcptr prime = fan_factorization_value(factorization, i);
        size_t grown = count * (size_t)(fan_factorization_exponent(factorization, i) + 1);
        for (size_t k = count; k < grown; k++) {
            mpz_init(values[k]);
            mpz_mul(values[k], values[k - count], prime);
        }
        count = grown;
    }
    qsort(values, count, sizeof *values, compare_mpz);
}

fan_status fan_divisors(const fan_factorization *factorization, uint64_t limit,
                        fan_divisor_list *out, fan_error *error)
{
    if (limit == 0)
        limit = FAN_DIVISORS_LIMIT;
    if (mpz_sgn(fan_factorization_number(factorization)) == 0)
        return fani_error_set(error, FAN_E_ARGUMENT, "every number divides 0");
    if (!fan_factorization_complete(factorization))
        return fani_error_set(error, FAN_E_EFFORT,
                              "the divisors are not known: the factorization is incomplete");
    uint64_t count;
    if (!count_divisors(factorization, limit, &count))
        return fani_error_set(error, FAN_E_TOO_LARGE, "more than %llu divisors",
                              (unsigned long long)limit);
    mpz_t *values = calloc(count, sizeof *values);
    if (!values)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for %llu divisors",
                              (unsigned long long)count);
    multiply_out(factorization, values);
    *out = (fan_divisor_list){values, (size_t)count};
    return FAN_OK;
}

void fan_divisor_list_clear(fan_divisor_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mpz_clear(list->values[i]);
    free(list->values);
    *list = (fan_divisor_list){NULL, 0};
}
