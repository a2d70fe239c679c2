/* Lanes by AVX-512 IFMA, up to 204 bits. */
enum { LIMBS = 4, VECTORS = 2 };
#include "wide_ifma.h"

#include "wide_body.h"

const fani_wide_engine fani_wide_ifma4 = {
    "ifma4", BITS, LIMBS, LIMB_BITS, LANES, sizeof(residue), run_curves,
};
