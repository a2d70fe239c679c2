#ifndef __AVX512DQ__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#include <immintrin.h>

#define NAME fani_vegas_avx512
#define LANES 8
#define MULTIPLY(a, b) ((fani_words)_mm512_mul_epu32((__m512i)(a), _mm512_set1_epi64(b)))
#define INDEX int64_t
#define WHOLE(a) _mm512_cvttpd_epi64((__m512d)(a))
#define GATHER(base, index) ((numbers)_mm512_i64gather_pd((__m512i)(index), base, 8))
#define ROOT(a) ((numbers)_mm512_sqrt_pd((__m512d)(a)))
#include "vegas_body.h"
