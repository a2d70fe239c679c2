#include "uniform.h"

#include "base/isa.h"

void fani_uniform(uint64_t seed, uint32_t stream, uint64_t first, size_t d, size_t count,
                  double *const *u)
{
    fani_uniform_kernel *kernel = fani_uniform_baseline;
#ifdef __x86_64__
    const fani_isa isa = fani_isa_wanted();
    if (isa >= FANI_ISA_AVX2)
        kernel = isa == FANI_ISA_AVX512 ? fani_uniform_avx512 : fani_uniform_avx2;
#endif
    kernel(seed, stream, first, d, count, u);
}
