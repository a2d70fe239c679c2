/* Lanes by AVX-512 IFMA, up to 100 bits. */
enum { LIMBS = 2, VECTORS = 2 };
#include "wide_ifma.h"

#include "wide_body.h"

const fani_wide_engine fani_wide_ifma2 = {
    "ifma2", BITS, LIMBS, LIMB_BITS, LANES, sizeof(residue), run_curves,
};
