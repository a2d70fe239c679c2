/* Arithmetic functions of factored numbers. */
#include "factor_internal.h"

#include "base/error.h"

/* ---- Up to 64 bits --------------------------------------------------------------------------- */

/* p^e, where that divides a number below 2^64. */
static uint64_t power_u64(uint64_t p, unsigned e)
{
    uint64_t power = 1;
    for (; e > 0; e--)
        power *= p;
    return power;
}

void fan_divisor_sum_u64(const fan_factors_u64 *factors, uint64_t sum[2])
{
    fani_u128 product = 1;
    for (size_t i = 0; i < factors->count; i++) {
        fani_u128 terms = 1;
        for (unsigned k = 0; k < factors->exponent[i]; k++)
            terms = terms * factors->prime[i] + 1;
        product *= terms;
    }
    sum[0] = (uint64_t)product;
    sum[1] = (uint64_t)(product >> 64);
}

uint64_t fan_totient_u64(const fan_factors_u64 *factors)
{
    uint64_t product = 1;
    for (size_t i = 0; i < factors->count; i++)
        product *=
            power_u64(factors->prime[i], factors->exponent[i] - 1u) * (factors->prime[i] - 1);
    return product;
}

int fan_moebius_u64(const fan_factors_u64 *factors)
{
    for (size_t i = 0; i < factors->count; i++)
        if (factors->exponent[i] > 1)
            return 0;
    return factors->count % 2 ? -1 : 1;
}

unsigned fan_big_omega_u64(const fan_factors_u64 *factors)
{
    unsigned count = 0;
    for (size_t i = 0; i < factors->count; i++)
        count += factors->exponent[i];
    return count;
}

int fan_liouville_u64(const fan_factors_u64 *factors)
{
    return fan_big_omega_u64(factors) % 2 ? -1 : 1;
}

uint64_t fan_radical_u64(const fan_factors_u64 *factors)
{
    uint64_t product = 1;
    for (size_t i = 0; i < factors->count; i++)
        product *= factors->prime[i];
    return product;
}

uint64_t fan_squarefree_part_u64(const fan_factors_u64 *factors)
{
    uint64_t product = 1;
    for (size_t i = 0; i < factors->count; i++)
        product *= factors->exponent[i] % 2 ? factors->prime[i] : 1;
    return product;
}

uint64_t fan_smooth_part_u64(const fan_factors_u64 *factors, uint64_t bound)
{
    uint64_t product = 1;
    for (size_t i = 0; i < factors->count && factors->prime[i] <= bound; i++)
        product *= power_u64(factors->prime[i], factors->exponent[i]);
    return product;
}

/* ---- Any size -------------------------------------------------------------------------------- */

/* What one prime power, of k > 0 in sigma, contributes to a product. */
static void take_power(const fani_factor_entry *entry, fan_function function, uint64_t parameter,
                       mpz_ptr out)
{
    mpz_srcptr p = entry->value;
    uint64_t e = entry->exponent;
    mpz_t divisor;
    switch (function) {
    case FAN_FUNCTION_NUMDIV:
        mpz_set_ui(out, e + 1);
        break;
    case FAN_FUNCTION_SIGMA: /* (p^(k (e + 1)) - 1) / (p^k - 1) */
        mpz_init(divisor);
        mpz_pow_ui(divisor, p, parameter);
        mpz_pow_ui(out, divisor, e + 1);
        mpz_sub_ui(out, out, 1);
        mpz_sub_ui(divisor, divisor, 1);
        mpz_divexact(out, out, divisor);
        mpz_clear(divisor);
        break;
    case FAN_FUNCTION_TOTIENT: /* p^(e - 1) (p - 1) */
        mpz_pow_ui(out, p, e - 1);
        mpz_submul(out, out, p);
        mpz_neg(out, out);
        break;
    case FAN_FUNCTION_MOEBIUS:
        mpz_set_si(out, e > 1 ? 0 : -1);
        break;
    case FAN_FUNCTION_LIOUVILLE:
        mpz_set_si(out, e % 2 ? -1 : 1);
        break;
    case FAN_FUNCTION_RADICAL:
        mpz_set(out, p);
        break;
    case FAN_FUNCTION_SQUAREFREE:
        mpz_pow_ui(out, p, e % 2);
        break;
    case FAN_FUNCTION_SMOOTH:
        mpz_pow_ui(out, p, mpz_cmp_ui(p, parameter) <= 0 ? e : 0);
        break;
    case FAN_FUNCTION_OMEGA:
    case FAN_FUNCTION_BIG_OMEGA:
        break;
    }
}

/* The functions that are products over prime powers: all but two. An entry that is not prime is too
 * long for the smooth part, else the caller has seen to it that there is none. */
static void multiply(const fan_factorization *f, fan_function function, uint64_t parameter,
                     mpz_ptr out)
{
    mpz_t one;
    mpz_init(one);
    mpz_set_ui(out, 1);
    for (size_t i = 0; i < f->count; i++) {
        if (f->entries[i].verdict.kind != FAN_FACTOR_PRIME)
            continue;
        take_power(&f->entries[i], function, parameter, one);
        mpz_mul(out, out, one);
    }
    mpz_clear(one);
}

static void count_primes(const fan_factorization *f, bool distinct, mpz_ptr out)
{
    mpz_set_ui(out, 0);
    for (size_t i = 0; i < f->count; i++)
        mpz_add_ui(out, out, distinct ? 1 : f->entries[i].exponent);
}

static fan_status check(const fan_factorization *f, fan_function function, uint64_t parameter,
                        fan_error *error)
{
    static const char *const names[] = {[FAN_FUNCTION_NUMDIV] = "number of divisors",
                                        [FAN_FUNCTION_SIGMA] = "sum of divisors",
                                        [FAN_FUNCTION_TOTIENT] = "totient",
                                        [FAN_FUNCTION_MOEBIUS] = "Moebius function",
                                        [FAN_FUNCTION_LIOUVILLE] = "Liouville function",
                                        [FAN_FUNCTION_OMEGA] = "number of primes",
                                        [FAN_FUNCTION_BIG_OMEGA] = "number of primes",
                                        [FAN_FUNCTION_RADICAL] = "radical",
                                        [FAN_FUNCTION_SQUAREFREE] = "squarefree part",
                                        [FAN_FUNCTION_SMOOTH] = "smooth part"};
    if ((size_t)function >= sizeof names / sizeof names[0])
        return fani_error_set(error, FAN_E_ARGUMENT, "function %d is not known", (int)function);
    if (!mpz_sgn(f->number))
        return fani_error_set(error, FAN_E_ARGUMENT, "0 has no %s", names[function]);
    bool known = fan_factorization_complete(f) ||
                 (function == FAN_FUNCTION_SMOOTH && parameter < f->tried_below);
    if (!known)
        return fani_error_set(error, FAN_E_EFFORT,
                              "the %s is not known: the factorization is incomplete",
                              names[function]);
    uint64_t bits;
    if (function == FAN_FUNCTION_SIGMA &&
        (__builtin_mul_overflow(mpz_sizeinbase(f->number, 2), parameter, &bits) ||
         bits > FAN_FUNCTION_MAX_BITS))
        return fani_error_set(error, FAN_E_TOO_LARGE,
                              "the sum of so high powers of the divisors is too long");
    return FAN_OK;
}

fan_status fan_factorization_function(const fan_factorization *factorization, fan_function function,
                                      uint64_t parameter, mpz_ptr value, fan_error *error)
{
    fan_status status = check(factorization, function, parameter, error);
    if (status != FAN_OK)
        return status;
    if (function == FAN_FUNCTION_SIGMA && parameter == 0)
        function = FAN_FUNCTION_NUMDIV;
    if (function == FAN_FUNCTION_OMEGA || function == FAN_FUNCTION_BIG_OMEGA)
        count_primes(factorization, function == FAN_FUNCTION_OMEGA, value);
    else
        multiply(factorization, function, parameter, value);
    return FAN_OK;
}
