/* For a GMP without the functions that multiplier_gmp.c asks for. */
#include "multiplier.h"

const fani_multiplier *fani_multiplier_best(void)
{
    return &fani_multiplier_plain;
}
