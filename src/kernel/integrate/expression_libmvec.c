/* Which kernels an instruction set has, where there is libmvec. */
#include "expression.h"

fani_kernel *const *fani_kernels_of(fani_isa isa)
{
    if (isa == FANI_ISA_AVX512)
        return fani_kernels_avx512;
    return isa == FANI_ISA_AVX2 ? fani_kernels_avx2 : fani_kernels_sse2;
}

const fani_waves *fani_waves_of(fani_kernel *const *kernels)
{
    if (kernels == fani_kernels_avx512)
        return &fani_waves_avx512;
    return kernels == fani_kernels_avx2 ? &fani_waves_avx2 : NULL;
}
