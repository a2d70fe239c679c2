/* The kernels for any x86-64: vectors of two. It has no fused multiply-add: libmvec's are the only
 * functions. */
#include <emmintrin.h>
#include <math.h>

#include "expression.h"

typedef __m128d vec;
typedef __m128d mask; /* all bits of a lane, or none */
enum { LANES = 2 };
#define VECTOR_FUNCTION(name) _ZGVbN2##name

static inline vec load(const double *p)
{
    return _mm_loadu_pd(p);
}
static inline void store(double *p, vec a)
{
    _mm_storeu_pd(p, a);
}
static inline vec spread(double a)
{
    return _mm_set1_pd(a);
}
static inline vec root(vec a)
{
    return _mm_sqrt_pd(a);
}
static inline mask less(vec a, vec b)
{
    return _mm_cmplt_pd(a, b);
}
static inline mask equal(vec a, vec b)
{
    return _mm_cmpeq_pd(a, b);
}
static inline mask both(mask a, mask b)
{
    return _mm_and_pd(a, b);
}
static inline mask either(mask a, mask b)
{
    return _mm_or_pd(a, b);
}
static inline mask neither(mask a, mask b)
{
    return _mm_xor_pd(_mm_or_pd(a, b), _mm_castsi128_pd(_mm_set1_epi64x(-1)));
}
static inline vec choose(mask m, vec a, vec b)
{
    return _mm_or_pd(_mm_and_pd(m, a), _mm_andnot_pd(m, b));
}
static inline unsigned lanes_of(mask m)
{
    return (unsigned)_mm_movemask_pd(m);
}
static inline vec magnitude(vec a)
{
    return _mm_andnot_pd(spread(-0.0), a);
}
static inline vec sign_of(vec a)
{
    return _mm_and_pd(spread(-0.0), a);
}
static inline vec flip(vec a, vec sign)
{
    return _mm_xor_pd(a, sign);
}
static inline vec with_sign(vec a, vec sign)
{
    return _mm_or_pd(a, sign);
}
#include "expression_vector_body.h"

BY_LIBMVEC_1(SIN, sin)
BY_LIBMVEC_1(COS, cos)
BY_LIBMVEC_1(EXP, exp)

fani_kernel *const fani_kernels_sse2[FANI_OP_COUNT] = {
    SHARED_ENTRIES ENTRY(SIN) ENTRY(COS) ENTRY(EXP) ENTRY_BY_LIBM(CEIL) ENTRY_BY_LIBM(FLOOR)
        ENTRY_BY_LIBM(NEARBYINT) ENTRY_BY_LIBM(RINT) ENTRY_BY_LIBM(ROUND) ENTRY_BY_LIBM(TRUNC)};
