/* Vectors of doubles with AVX-512: what the bodies of kernels are written in. Of a NaN and a
 * number, greater_of and smaller_of give the second. */
#ifndef FANI_VECTOR_H
#define FANI_VECTOR_H

#include <immintrin.h>
#include <stdbool.h>

typedef __m512d vec;
typedef __mmask8 mask;
typedef __m512i bits;
enum { LANES = 8 };

static inline vec load(const double *p)
{
    return _mm512_loadu_pd(p);
}
static inline void store(double *p, vec a)
{
    _mm512_storeu_pd(p, a);
}
static inline vec spread(double a)
{
    return _mm512_set1_pd(a);
}
static inline vec root(vec a)
{
    return _mm512_sqrt_pd(a);
}
static inline mask less(vec a, vec b)
{
    return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
}
static inline mask equal(vec a, vec b)
{
    return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ);
}
static inline mask both(mask a, mask b)
{
    return (mask)(a & b);
}
static inline mask either(mask a, mask b)
{
    return (mask)(a | b);
}
static inline mask neither(mask a, mask b)
{
    return (mask) ~(a | b);
}
static inline vec choose(mask m, vec a, vec b)
{
    return _mm512_mask_blend_pd(m, b, a);
}
static inline unsigned lanes_of(mask m)
{
    return m;
}
static inline vec magnitude(vec a)
{
    return _mm512_andnot_pd(spread(-0.0), a);
}
static inline vec sign_of(vec a)
{
    return _mm512_and_pd(spread(-0.0), a);
}
static inline vec flip(vec a, vec sign)
{
    return _mm512_xor_pd(a, sign);
}
static inline vec with_sign(vec a, vec sign)
{
    return _mm512_or_pd(a, sign);
}
static inline vec fused(vec a, vec b, vec c)
{
    return _mm512_fmadd_pd(a, b, c);
}
static inline vec up(vec a)
{
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
static inline vec down(vec a)
{
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
static inline vec nearest(vec a)
{
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec chop(vec a)
{
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}
static inline bits to_bits(vec a)
{
    return _mm512_castpd_si512(a);
}
static inline vec to_vec(bits a)
{
    return _mm512_castsi512_pd(a);
}
static inline vec greater_of(vec a, vec b)
{
    return _mm512_max_pd(a, b);
}
static inline vec smaller_of(vec a, vec b)
{
    return _mm512_min_pd(a, b);
}
static inline vec scale(vec a, vec n)
{
    return _mm512_scalef_pd(a, n);
}

static inline bool all_zero(vec a)
{
    return _mm512_cmp_pd_mask(a, spread(0), _CMP_NEQ_UQ) == 0;
}

#endif
