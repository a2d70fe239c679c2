/* Where leading coefficients are cut. */
#include "unit.h"

enum {
    UNIT_NS = 250000000,
    /* Nanoseconds of a polynomial, measured without vectors on a machine of 2 GHz (docs/sieve.md):
     * for each block, and for each prime of the base. */
    BLOCK_NS = 22000,
    PRIMES_NS = 8,
    PRIMES = 5,
};

static uint64_t polynomial_ns(const fani_qs *qs)
{
    fani_qs_params params = fani_qs_parameters(qs);
    return (uint64_t)params.blocks * BLOCK_NS + (uint64_t)params.base * PRIMES_NS / PRIMES;
}

uint32_t fani_qs_unit_polynomials(const fani_qs *qs)
{
    uint32_t count = fani_qs_b_count(qs);
    while (count > 1 && count * polynomial_ns(qs) > UNIT_NS)
        count /= 2;
    return count;
}

uint64_t fani_qs_unit_ns(const fani_qs *qs)
{
    return fani_qs_unit_polynomials(qs) * polynomial_ns(qs);
}

uint32_t fani_qs_units_of_each(const fani_qs *qs)
{
    return fani_qs_b_count(qs) / fani_qs_unit_polynomials(qs);
}

uint64_t fani_qs_unit_count(const fani_qs *qs)
{
    uint64_t most = UINT64_MAX / fani_qs_units_of_each(qs), all = fani_qs_a_count(qs);
    return (all < most ? all : most) * fani_qs_units_of_each(qs);
}

fani_qs_unit fani_qs_unit_at(const fani_qs *qs, uint64_t i)
{
    uint32_t size = fani_qs_unit_polynomials(qs), each = fani_qs_units_of_each(qs);
    uint32_t from = (uint32_t)(i % each) * size;
    return (fani_qs_unit){.a = i / each, .from = from, .to = from + size};
}
