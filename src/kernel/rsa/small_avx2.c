#include "small.h"

#include <immintrin.h>

#define KERNEL fani_rsa_small_avx2
#define V __m256i
#define LANES 4
#define ROWS 2
#define WIDEN(p) _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(p)))
#define SPREAD(p) _mm256_set1_epi64x((long long)*(p))
#define ZERO _mm256_setzero_si256()
#define ADD _mm256_add_epi64
#define SUB _mm256_sub_epi64
#define MUL _mm256_mul_epu32
#define HIGH(a) _mm256_srli_epi64(a, 32)
#define LOW(a) _mm256_blend_epi32(a, _mm256_setzero_si256(), 0xaa)
#define ADD_IF_LESS(r, a, b, m) _mm256_add_epi64(r, _mm256_and_si256(m, _mm256_cmpgt_epi64(b, a)))
#define ANY_LE(a, b) (_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(a, b))) != 15)
#include "small_body.h"
