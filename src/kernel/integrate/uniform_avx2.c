#ifndef __AVX2__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

#define NAME fani_uniform_avx2
#define LANES 4
#define MULTIPLY(a, b) ((fani_words)_mm256_mul_epu32((__m256i)(a), _mm256_set1_epi64x(b)))
#include "uniform_body.h"
