#define NAME fani_uniform_baseline
#define LANES 2
#ifdef __SSE2__
#include <emmintrin.h>
#define MULTIPLY(a, b) ((fani_words)_mm_mul_epu32((__m128i)(a), _mm_set1_epi64x(b)))
#else
#define MULTIPLY(a, b) (((a)&UINT32_MAX) * UINT64_C(b))
#endif
#include "uniform_body.h"
