#ifndef __AVX512DQ__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

#define NAME fani_uniform_avx512
#define LANES 8
#define MULTIPLY(a, b) ((fani_words)_mm512_mul_epu32((__m512i)(a), _mm512_set1_epi64(b)))
#include "uniform_body.h"
