/* Which engines an instruction set has. */
#include "wide.h"

const fani_wide_engines *fani_wide_engines_of(fani_isa isa)
{
    static const fani_wide_engines words = {
        {&fani_wide_words2, &fani_wide_words3, &fani_wide_words4}};
#ifdef __x86_64__
    static const fani_wide_engines ifma = {
        {&fani_wide_ifma2, &fani_wide_ifma3, &fani_wide_ifma4, &fani_wide_ifma5}};
    if (isa >= FANI_ISA_AVX512)
        return &ifma;
#else
    (void)isa;
#endif
    return &words;
}
