#include "engine.h"

static const fani_lanes scalar = {fani_trial_scalar, {&fani_engine_scalar60, &fani_engine_scalar}};

#ifdef __x86_64__
static const fani_lanes avx2 = {
    fani_trial_avx2, {&fani_engine_double_avx2, &fani_engine_scalar60, &fani_engine_scalar}};
static const fani_lanes avx512 = {fani_trial_avx512,
                                  {&fani_engine_ifma48, &fani_engine_ifma52, &fani_engine_ifma64}};

const fani_lanes *fani_lanes_of(fani_isa isa)
{
    static const fani_lanes *const all[] = {
        [FANI_ISA_SCALAR] = &scalar, [FANI_ISA_AVX2] = &avx2, [FANI_ISA_AVX512] = &avx512};
    return all[isa];
}
#else
const fani_lanes *fani_lanes_of(fani_isa isa)
{
    (void)isa;
    return &scalar;
}
#endif
