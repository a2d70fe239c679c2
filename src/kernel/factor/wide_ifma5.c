/* Lanes by AVX-512 IFMA, up to 256 bits. */
enum { LIMBS = 5, VECTORS = 2 };
#include "wide_ifma.h"

#include "wide_body.h"

const fani_wide_engine fani_wide_ifma5 = {
    "ifma5", BITS, LIMBS, LIMB_BITS, LANES, sizeof(residue), run_curves,
};
