/* Long products by kernel/ntt, short ones by GMP. */
#include "multiplier.h"

#include "kernel/ntt/kept.h"

/* The shortest transform, in limbs: cyclic products of fewer are folded. */
enum { SHORTEST = 424 };

static fan_status product(const fani_multiplier *self, mp_limb_t *out, const mp_limb_t *a,
                          size_t an, const mp_limb_t *b, size_t bn)
{
    if (self->kept)
        return fani_ntt_kept_mul(self->kept, out, a, an, b, bn);
    return fani_ntt_mul(out, a, an, b, bn, self->isa);
}

static size_t cyclic_size(size_t size)
{
    return size < SHORTEST ? size : fani_ntt_length(size);
}

static fan_status cyclic(const fani_multiplier *self, mp_limb_t *out, size_t size,
                         const mp_limb_t *a, size_t an, const mp_limb_t *b, size_t bn)
{
    if (size < SHORTEST || !fani_ntt_pays(an, bn, self->isa))
        return fani_multiplier_plain.cyclic(self, out, size, a, an, b, bn);
    if (self->kept)
        return fani_ntt_kept_cyclic(self->kept, out, size, a, an, b, bn);
    fani_ntt_kept *kept;
    fan_status status = fani_ntt_kept_make(self->isa, &kept);
    if (status == FAN_OK) {
        status = fani_ntt_kept_cyclic(kept, out, size, a, an, b, bn);
        fani_ntt_kept_free(kept);
    }
    return status;
}

/* cyclic_from: as fani_ntt_pays. shared_from: measured by bench/weakkeys; with plans at hand and
 * transforms shared, shorter numbers do (from 100 to 250 limbs is all the same with AVX-512). */
const fani_multiplier *fani_multiplier_with(fani_isa isa)
{
    static const fani_multiplier each[] = {
        [FANI_ISA_SCALAR] = {.name = "transforms without vectors, and GMP",
                             .product = product,
                             .cyclic_from = 100000,
                             .cyclic_size = cyclic_size,
                             .cyclic = cyclic,
                             .shared_from = 50000,
                             .isa = FANI_ISA_SCALAR},
        [FANI_ISA_AVX2] = {.name = "transforms with AVX2, and GMP",
                           .product = product,
                           .cyclic_from = 2500,
                           .cyclic_size = cyclic_size,
                           .cyclic = cyclic,
                           .shared_from = 600,
                           .isa = FANI_ISA_AVX2},
        [FANI_ISA_AVX512] = {.name = "transforms with AVX-512, and GMP",
                             .product = product,
                             .cyclic_from = 600,
                             .cyclic_size = cyclic_size,
                             .cyclic = cyclic,
                             .shared_from = 150,
                             .isa = FANI_ISA_AVX512},
    };
    return each + isa;
}

const fani_multiplier *fani_multiplier_best(void)
{
    return fani_multiplier_with(fani_isa_wanted());
}

fan_status fani_multiplier_open(fani_multiplier *own, const fani_multiplier *like)
{
    *own = *like;
    own->kept = NULL;
    return like->cyclic == cyclic ? fani_ntt_kept_make(like->isa, &own->kept) : FAN_OK;
}

void fani_multiplier_trim(fani_multiplier *own)
{
    if (own->kept)
        fani_ntt_kept_trim(own->kept);
}

void fani_multiplier_close(fani_multiplier *own)
{
    fani_ntt_kept_free(own->kept);
    own->kept = NULL;
}
