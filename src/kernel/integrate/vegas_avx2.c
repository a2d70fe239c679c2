#ifndef __AVX2__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

#define NAME fani_vegas_avx2
#define LANES 4
#define MULTIPLY(a, b) ((fani_words)_mm256_mul_epu32((__m256i)(a), _mm256_set1_epi64x(b)))
#define INDEX int32_t
#define WHOLE(a) _mm256_cvttpd_epi32((__m256d)(a))
#define GATHER(base, index) ((numbers)_mm256_i32gather_pd(base, (__m128i)(index), 8))
#define ROOT(a) ((numbers)_mm256_sqrt_pd((__m256d)(a)))
#include "vegas_body.h"
