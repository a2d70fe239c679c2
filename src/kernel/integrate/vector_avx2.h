/* Vectors of doubles with AVX2: what the bodies of kernels are written in. Of a NaN and a number,
 * greater_of and smaller_of give the second. */
#ifndef FANI_VECTOR_H
#define FANI_VECTOR_H

#include <immintrin.h>
#include <stdbool.h>

typedef __m256d vec;
typedef __m256d mask; /* all bits of a lane, or none */
typedef __m256i bits;
enum { LANES = 4 };

static inline vec load(const double *p)
{
    return _mm256_loadu_pd(p);
}
static inline void store(double *p, vec a)
{
    _mm256_storeu_pd(p, a);
}
static inline vec spread(double a)
{
    return _mm256_set1_pd(a);
}
static inline vec root(vec a)
{
    return _mm256_sqrt_pd(a);
}
static inline mask less(vec a, vec b)
{
    return _mm256_cmp_pd(a, b, _CMP_LT_OQ);
}
static inline mask equal(vec a, vec b)
{
    return _mm256_cmp_pd(a, b, _CMP_EQ_OQ);
}
static inline mask both(mask a, mask b)
{
    return _mm256_and_pd(a, b);
}
static inline mask either(mask a, mask b)
{
    return _mm256_or_pd(a, b);
}
static inline mask neither(mask a, mask b)
{
    return _mm256_xor_pd(_mm256_or_pd(a, b), _mm256_castsi256_pd(_mm256_set1_epi64x(-1)));
}
static inline vec choose(mask m, vec a, vec b)
{
    return _mm256_blendv_pd(b, a, m);
}
static inline unsigned lanes_of(mask m)
{
    return (unsigned)_mm256_movemask_pd(m);
}
static inline vec magnitude(vec a)
{
    return _mm256_andnot_pd(spread(-0.0), a);
}
static inline vec sign_of(vec a)
{
    return _mm256_and_pd(spread(-0.0), a);
}
static inline vec flip(vec a, vec sign)
{
    return _mm256_xor_pd(a, sign);
}
static inline vec with_sign(vec a, vec sign)
{
    return _mm256_or_pd(a, sign);
}
static inline vec fused(vec a, vec b, vec c)
{
    return _mm256_fmadd_pd(a, b, c);
}
static inline vec up(vec a)
{
    return _mm256_round_pd(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
static inline vec down(vec a)
{
    return _mm256_round_pd(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
static inline vec nearest(vec a)
{
    return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec chop(vec a)
{
    return _mm256_round_pd(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}
static inline bits to_bits(vec a)
{
    return _mm256_castpd_si256(a);
}
static inline vec to_vec(bits a)
{
    return _mm256_castsi256_pd(a);
}
static inline vec greater_of(vec a, vec b)
{
    return _mm256_max_pd(a, b);
}
static inline vec smaller_of(vec a, vec b)
{
    return _mm256_min_pd(a, b);
}

/* In two steps: neither power of 2 may overflow, or become 0, on its own. Adding 1.5 * 2^52 leaves
 * a whole number in the last bits. */
static inline vec scale(vec a, vec n)
{
    const vec shift = _mm256_set1_pd(0x1.8p52);
    const vec half = _mm256_add_pd(_mm256_mul_pd(n, _mm256_set1_pd(0.5)), shift);
    const vec rest = _mm256_add_pd(_mm256_sub_pd(n, _mm256_sub_pd(half, shift)), shift);
    const bits one = _mm256_set1_epi64x(1023);
    const bits first = _mm256_slli_epi64(_mm256_add_epi64(_mm256_castpd_si256(half), one), 52);
    const bits second = _mm256_slli_epi64(_mm256_add_epi64(_mm256_castpd_si256(rest), one), 52);
    return _mm256_mul_pd(_mm256_mul_pd(a, _mm256_castsi256_pd(first)), _mm256_castsi256_pd(second));
}

static inline bool all_zero(vec a)
{
    return _mm256_movemask_pd(_mm256_cmp_pd(a, spread(0), _CMP_NEQ_UQ)) == 0;
}

#endif
