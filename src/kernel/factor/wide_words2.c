/* Two lanes, up to 124 bits, on any machine. */
enum { LIMBS = 2 };
#include "wide_words.h"

#include "wide_body.h"

const fani_wide_engine fani_wide_words2 = {
    "words2", BITS, LIMBS, LIMB_BITS, LANES, sizeof(residue), run_curves,
};
