/* FLINT's multiplication, from version 3 on: 1.9 times as fast as GMP's at 4000 limbs and 3.5 times
 * at a million. It has whole products only, which pays all the same. */
#include "multiplier.h"

#include <flint/flint.h>
#include <flint/mpn_extras.h>
#include <stdint.h>

static fan_status product(const fani_multiplier *self, mp_limb_t *out, const mp_limb_t *a,
                          size_t an, const mp_limb_t *b, size_t bn)
{
    (void)self;
    if (an >= bn)
        flint_mpn_mul(out, a, (mp_size_t)an, b, (mp_size_t)bn);
    else
        flint_mpn_mul(out, b, (mp_size_t)bn, a, (mp_size_t)an);
    return FAN_OK;
}

static size_t cyclic_size(size_t size)
{
    return size;
}

static fan_status cyclic(const fani_multiplier *self, mp_limb_t *out, size_t size,
                         const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn)
{
    return fani_multiplier_plain.cyclic(self, out, size, a, an, b, bn);
}

static fan_status negacyclic(const fani_multiplier *self, mp_limb_t *out, size_t size,
                             const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn)
{
    return fani_multiplier_plain.negacyclic(self, out, size, a, an, b, bn);
}

const fani_multiplier *fani_multiplier_best(void)
{
    static const fani_multiplier flint = {
        .name = "FLINT " FLINT_VERSION,
        .product = product,
        .cyclic_from = SIZE_MAX,
        .cyclic_size = cyclic_size,
        .cyclic = cyclic,
        .negacyclic = negacyclic,
    };
    return &flint;
}
