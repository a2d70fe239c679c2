/* gcd of many pairs of words at once, for each instruction set. */
#ifndef FANI_GCD_LANES_H
#define FANI_GCD_LANES_H

#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"

/* out[i] = gcd(a[i], b[i]) for i < n; `out` may be `a` or `b`. */
typedef void fani_gcd_words(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n);

fani_gcd_words fani_gcd_words_scalar;
fani_gcd_words fani_gcd_words_avx2;
fani_gcd_words fani_gcd_words_avx512;
fani_gcd_words fani_gcd_words_count_avx512; /* with AVX512_VPOPCNTDQ besides */

/* The fastest of these for an instruction set that this machine has. */
fani_gcd_words *fani_gcd_words_of(fani_isa isa);

#endif
