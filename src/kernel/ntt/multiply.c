#include "internal.h"
#include "kept.h"

/* Limbs of the shorter factor from which a product by transforms is quicker than mpn_mul, its plan
 * included: measured by bench/ntt. */
static const size_t pays_from[] = {
    [FANI_ISA_SCALAR] = 100000, [FANI_ISA_AVX2] = 2000, [FANI_ISA_AVX512] = 500};

void fani_ntt_transform(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an)
{
    fani_ntt_split(plan, transform, a, an, 0, 1);
    for (unsigned j = 0; j < plan->sizes.primes; j++)
        fani_ntt_forward(plan, transform, an, j);
}

void fani_ntt_finish(const fani_ntt *plan, uint64_t *product, mp_limb_t *out)
{
    fani_ntt_carry carry;
    for (unsigned j = 0; j < plan->sizes.primes; j++)
        fani_ntt_inverse(plan, product, j);
    fani_ntt_join(plan, product, 0, 1, out, &carry);
    fani_ntt_settle(plan, &carry, 1, out);
}

void fani_ntt_mul_cyclic(const fani_ntt *plan, mp_limb_t *out, const mp_limb_t *a, size_t an,
                         const mp_limb_t *b, size_t bn, uint64_t *scratch)
{
    uint64_t *first = scratch, *second = scratch;
    fani_ntt_carry carry;
    if (a != b || an != bn)
        second += fani_ntt_words(plan);
    fani_ntt_split(plan, first, a, an, 0, 1);
    if (second != first)
        fani_ntt_split(plan, second, b, bn, 0, 1);
    for (unsigned j = 0; j < plan->sizes.primes; j++)
        fani_ntt_convolve_both(plan, first, an, second, bn, j);
    fani_ntt_join(plan, first, 0, 1, out, &carry);
    fani_ntt_settle(plan, &carry, 1, out);
}

bool fani_ntt_pays(size_t an, size_t bn, fani_isa isa)
{
    return (an < bn ? an : bn) >= pays_from[isa];
}

fan_status fani_ntt_mul(mp_limb_t *out, const mp_limb_t *a, size_t an, const mp_limb_t *b,
                        size_t bn, fani_isa isa)
{
    fani_ntt_kept *kept;
    fan_status status = fani_ntt_kept_make(isa, &kept);
    if (status == FAN_OK) {
        status = fani_ntt_kept_mul(kept, out, a, an, b, bn);
        fani_ntt_kept_free(kept);
    }
    return status;
}
