#include "small.h"

#include <immintrin.h>

#define KERNEL fani_rsa_small_avx512
#define V __m512i
#define LANES 8
#define ROWS 4
#define WIDEN(p) _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(p)))
#define SPREAD(p) _mm512_set1_epi64((long long)*(p))
#define ZERO _mm512_setzero_si512()
#define ADD _mm512_add_epi64
#define SUB _mm512_sub_epi64
#define MUL _mm512_mul_epu32
#define HIGH(a) _mm512_srli_epi64(a, 32)
#define LOW(a) _mm512_maskz_mov_epi32(0x5555, a)
#define ADD_IF_LESS(r, a, b, m) _mm512_mask_add_epi64(r, _mm512_cmplt_epu64_mask(a, b), r, m)
#define ANY_LE(a, b) (_mm512_cmple_epu64_mask(a, b) != 0)
#include "small_body.h"
