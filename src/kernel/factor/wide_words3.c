/* Two lanes, up to 188 bits, on any machine. */
enum { LIMBS = 3 };
#include "wide_words.h"

#include "wide_body.h"

const fani_wide_engine fani_wide_words3 = {
    "words3", BITS, LIMBS, LIMB_BITS, LANES, sizeof(residue), run_curves,
};
