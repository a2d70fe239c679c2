/* Which kernels an instruction set has, where there is no libmvec: the reference alone. */
#include "expression.h"

fani_kernel *const *fani_kernels_of(fani_isa isa)
{
    (void)isa;
    return fani_kernels_reference;
}

const fani_waves *fani_waves_of(fani_kernel *const *kernels)
{
    (void)kernels;
    return NULL;
}
