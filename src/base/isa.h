/* Which instruction sets kernels may use. */
#ifndef FANI_ISA_H
#define FANI_ISA_H

#include <stdbool.h>

/* Each holds what is above it. */
typedef enum fani_isa {
    FANI_ISA_SCALAR, /* what the compiler was told to assume */
    FANI_ISA_AVX2,   /* AVX2 and FMA */
    FANI_ISA_AVX512, /* AVX-512 F, CD, DQ, BW, VL and IFMA */
} fani_isa;

/* What this machine has (processor and kernel). Any thread; costs a few loads. */
fani_isa fani_isa_machine(void);

/* What kernels are to use: what the machine has, or less where the environment variable FANFOLD_ISA
 * says "scalar" or "avx2" ("avx512", and anything else, asks for all there is). No answer of any
 * kernel depends on it but its speed, by which method it was found (fan_factor_method), and the
 * last digits of an expression's values. Any thread that no other one changes the environment
 * beside. */
fani_isa fani_isa_wanted(void);

/* "scalar", "avx2", "avx512". */
const char *fani_isa_name(fani_isa isa);

/* Whether it is one of these names, and which. */
bool fani_isa_named(const char *name, fani_isa *isa);

#endif
