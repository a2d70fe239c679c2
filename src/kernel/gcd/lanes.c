#include "lanes.h"

#ifdef __x86_64__
fani_gcd_words *fani_gcd_words_of(fani_isa isa)
{
    if (isa == FANI_ISA_AVX512)
        return __builtin_cpu_supports("avx512vpopcntdq") ? fani_gcd_words_count_avx512
                                                         : fani_gcd_words_avx512;
    return isa == FANI_ISA_AVX2 ? fani_gcd_words_avx2 : fani_gcd_words_scalar;
}
#else
fani_gcd_words *fani_gcd_words_of(fani_isa isa)
{
    (void)isa;
    return fani_gcd_words_scalar;
}
#endif
