#include "multiplier.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static fan_status product(const fani_multiplier *self, mp_limb_t *out, const mp_limb_t *a,
                          size_t an, const mp_limb_t *b, size_t bn)
{
    (void)self;
    if (an >= bn)
        mpn_mul(out, a, (mp_size_t)an, b, (mp_size_t)bn);
    else
        mpn_mul(out, b, (mp_size_t)bn, a, (mp_size_t)an);
    return FAN_OK;
}

static size_t cyclic_size(size_t size)
{
    return size;
}

/* The whole product, by whoever it is for, padded to two times `size` limbs. NULL: out of memory.
 */
static mp_limb_t *whole_product(const fani_multiplier *self, size_t size, const mp_limb_t *a,
                                size_t an, const mp_limb_t *b, size_t bn)
{
    mp_limb_t *whole = malloc(2 * size * sizeof *whole);
    if (!whole)
        return NULL;
    if (self->product(self, whole, a, an, b, bn) != FAN_OK) {
        free(whole);
        return NULL;
    }
    memset(whole + an + bn, 0, (2 * size - an - bn) * sizeof *whole);
    return whole;
}

static fan_status cyclic(const fani_multiplier *self, mp_limb_t *out, size_t size,
                         const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn)
{
    mp_limb_t *whole = whole_product(self, size, a, an, b, bn);
    if (!whole)
        return FAN_E_MEMORY;
    mp_limb_t carry = mpn_add_n(out, whole, whole + size, (mp_size_t)size);
    mpn_add_1(out, out, (mp_size_t)size, carry);
    free(whole);
    return FAN_OK;
}

const fani_multiplier fani_multiplier_plain = {
    .name = "GMP",
    .product = product,
    .cyclic_from = SIZE_MAX,
    .cyclic_size = cyclic_size,
    .cyclic = cyclic,
    .shared_from = SIZE_MAX,
};
