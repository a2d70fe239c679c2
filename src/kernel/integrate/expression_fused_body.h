/* sin, cos, exp and rounding for instruction sets with fused multiply-add, for the file that
 * includes this one after expression_vector_body.h. Beside what that asks for:
 *
 *     fused(a, b, c)         a * b + c, rounded once
 *     up down nearest chop   to integers, as ceil, floor, rint and trunc
 *     scale(a, n)            a * 2^n, rounded once; whole n between -1500 and 1500
 *     smaller_of greater_of  of a NaN and a number the second
 *     bits, to_bits, to_vec  integers of 64 bits, lane by lane, and back
 *
 * The polynomial of exp was found as that of vector_waves.h; its relative error is 2^-57, and exp
 * is within 2 ulp. */

#include "vector_waves.h"

enum { AT_ONCE = 2 }; /* vectors abreast: more are no faster here */

/* ---- sin and cos ----------------------------------------------------------------------------- */

/* Stores what was made, but where the argument is too large, or no number, what the function gives;
 * `out` may be `a`. */
static __attribute__((noinline)) void mend(double *out, const double *a, vec made,
                                           double function(double))
{
    const mask fits = less(magnitude(load(a)), spread(trig_max));
    const mask rest = neither(fits, fits);
    for (unsigned lanes = lanes_of(rest); lanes; lanes &= lanes - 1) {
        const int i = __builtin_ctz(lanes);
        out[i] = function(a[i]);
    }
    store(out, choose(rest, load(out), made));
}

#define TRIGONOMETRIC(op, here, libm)                                                              \
    ALWAYS_INLINE void here##_of(double *out, const double *a, size_t count)                       \
    {                                                                                              \
        vec x[AT_ONCE];                                                                            \
        mask fits = less(magnitude(load(a)), spread(trig_max));                                    \
        EACH(k) x[k] = load(a + k * LANES);                                                        \
        EACH(k) fits = both(fits, less(magnitude(x[k]), spread(trig_max)));                        \
        here(x, count);                                                                            \
        EACH(k)                                                                                    \
        {                                                                                          \
            if (__builtin_expect(lanes_of(neither(fits, fits)) == 0, 1))                           \
                store(out + k * LANES, x[k]);                                                      \
            else                                                                                   \
                mend(out + k * LANES, a + k * LANES, x[k], libm);                                  \
        }                                                                                          \
    }                                                                                              \
    KERNEL(op)                                                                                     \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + AT_ONCE * LANES <= n; i += AT_ONCE * LANES)                                     \
            here##_of(out + i, a + i, AT_ONCE);                                                    \
        for (; i < n; i += LANES)                                                                  \
            here##_of(out + i, a + i, 1);                                                          \
    }
TRIGONOMETRIC(SIN, sine, sin)
TRIGONOMETRIC(COS, cosine, cos)

/* ---- exp ------------------------------------------------------------------------------------- */

/* x becomes exp(x). What is beyond either end is infinite or 0 at +-1000 already. */
ALWAYS_INLINE void exponential(vec *x, size_t count)
{
    static const double coefficients[] = {
        0x1.000000000000bp-1,  0x1.555555555550fp-3,  0x1.55555555502a5p-5,  0x1.1111111122b4bp-7,
        0x1.6c16c1852a48cp-10, 0x1.a01a014496235p-13, 0x1.a01997cc2e85dp-16, 0x1.71deec6ff3daep-19,
        0x1.28af3c6d7e1a8p-22, 0x1.add75135de3f6p-26,
    };
    enum { LAST = sizeof coefficients / sizeof *coefficients - 1 };
    static const double ln_2[2] = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    const vec shift = spread(shift_to_integer);
    vec n[AT_ONCE], p[AT_ONCE];
    EACH(k) x[k] = greater_of(spread(-1000), smaller_of(spread(1000), x[k]));
    EACH(k) n[k] = fused(x[k], spread(M_LOG2E), shift);
    EACH(k) n[k] = n[k] - shift;
    EACH(k) x[k] = fused(n[k], spread(-ln_2[0]), x[k]);
    EACH(k) x[k] = fused(n[k], spread(-ln_2[1]), x[k]);
    EACH(k) p[k] = spread(coefficients[LAST]);
#pragma GCC unroll 16
    for (size_t j = LAST; j > 0; j--)
        EACH(k) p[k] = fused(p[k], x[k], spread(coefficients[j - 1]));
    EACH(k) p[k] = fused(x[k] * x[k], p[k], x[k]) + spread(1);
    EACH(k) x[k] = scale(p[k], n[k]);
}

ALWAYS_INLINE void exponential_of(double *out, const double *a, size_t count)
{
    vec x[AT_ONCE];
    EACH(k) x[k] = load(a + k * LANES);
    exponential(x, count);
    EACH(k) store(out + k * LANES, x[k]);
}

KERNEL(EXP)
{
    size_t i = 0;
    for (; i + AT_ONCE * LANES <= n; i += AT_ONCE * LANES)
        exponential_of(out + i, a + i, AT_ONCE);
    for (; i < n; i += LANES)
        exponential_of(out + i, a + i, 1);
}

/* ---- Rounding -------------------------------------------------------------------------------- */

/* Halves away from zero: what is below a half by an ulp stays below it. */
static inline vec round_away(vec a)
{
    return with_sign(chop(magnitude(a) + spread(0x1.fffffffffffffp-2)), sign_of(a));
}

VECTORS(CEIL, up(A))
VECTORS(FLOOR, down(A))
VECTORS(NEARBYINT, nearest(A))
VECTORS(RINT, nearest(A))
VECTORS(ROUND, round_away(A))
VECTORS(TRUNC, chop(A))

#define FUSED_ENTRIES                                                                              \
    ENTRY(SIN)                                                                                     \
    ENTRY(COS)                                                                                     \
    ENTRY(EXP)                                                                                     \
    ENTRY(CEIL)                                                                                    \
    ENTRY(FLOOR)                                                                                   \
    ENTRY(NEARBYINT)                                                                               \
    ENTRY(RINT)                                                                                    \
    ENTRY(ROUND)                                                                                   \
    ENTRY(TRUNC)
