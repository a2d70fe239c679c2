/* Two lanes, up to 252 bits, on any machine. */
enum { LIMBS = 4 };
#include "wide_words.h"

#include "wide_body.h"

const fani_wide_engine fani_wide_words4 = {
    "words4", BITS, LIMBS, LIMB_BITS, LANES, sizeof(residue), run_curves,
};
