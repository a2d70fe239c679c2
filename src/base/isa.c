#include "isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [FANI_ISA_SCALAR] = "scalar", [FANI_ISA_AVX2] = "avx2", [FANI_ISA_AVX512] = "avx512"};

fani_isa fani_isa_machine(void)
{
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return FANI_ISA_SCALAR;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma"))
        return FANI_ISA_AVX512;
    return FANI_ISA_AVX2;
#else
    return FANI_ISA_SCALAR;
#endif
}

fani_isa fani_isa_wanted(void)
{
    fani_isa machine = fani_isa_machine();
    const char *text = getenv("FANFOLD_ISA");
    for (fani_isa isa = FANI_ISA_SCALAR; text && isa < machine; isa++) {
        if (strcmp(text, names[isa]) == 0)
            return isa;
    }
    return machine;
}

const char *fani_isa_name(fani_isa isa)
{
    return names[isa];
}

bool fani_isa_named(const char *name, fani_isa *isa)
{
    for (fani_isa i = FANI_ISA_SCALAR; i <= FANI_ISA_AVX512; i++) {
        if (strcmp(name, names[i]) == 0) {
            *isa = i;
            return true;
        }
    }
    return false;
}
