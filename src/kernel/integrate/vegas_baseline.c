#define NAME fani_vegas_baseline
#define LANES 2
#ifdef __SSE2__
#include <emmintrin.h>
#define MULTIPLY(a, b) ((fani_words)_mm_mul_epu32((__m128i)(a), _mm_set1_epi64x(b)))
#else
#define MULTIPLY(a, b) (((a)&UINT32_MAX) * UINT64_C(b))
#endif
#define INDEX int32_t
#define WHOLE(a) __builtin_convertvector(a, whole)
#define GATHER(base, index) ((numbers){(base)[(index)[0]], (base)[(index)[1]]})
#define ROOT(a) ((numbers){sqrt((a)[0]), sqrt((a)[1])})
#include "vegas_body.h"
