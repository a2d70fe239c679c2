/* sin, cos, exp and rounding for instruction sets with fused multiply-add, beside what
 * expression_vector_body.h asks for:
 *
 *     fused(a, b, c)         a * b + c, rounded once
 *     up down nearest chop   to integers, as ceil, floor, rint and trunc
 *     scale(a, n)            a * 2^n, rounded once; whole n between -1500 and 1500
 *     smaller_of greater_of  of a NaN and a number the second
 *     bits, to_bits, to_vec  integers of 64 bits, lane by lane, and back
 *
 * The polynomials were fitted by weighted least squares at Chebyshev's points, coefficient by
 * coefficient: each was rounded before the next ones were fitted. Their relative errors are 2^-61
 * (sin) and 2^-57 (exp); the functions are within 2 ulp. Reduction: Cody and Waite, Software Manual
 * for the Elementary Functions (1980), with fused products. */

/* ---- sin and cos ----------------------------------------------------------------------------- */

/* Beyond it libm is asked: the multiple of pi would be too inexact. */
static const double trig_max = 0x1p30;
/* Adding it leaves an integer below 2^51 in the last bits of the sum. */
static const double shift_to_integer = 0x1.8p52;

static __attribute__((noinline)) void mend(double *out, const double *a, unsigned lanes,
                                           double function(double))
{
    for (; lanes; lanes &= lanes - 1) {
        const int i = __builtin_ctz(lanes);
        out[i] = function(a[i]);
    }
}

static inline vec polynomial(vec z, const double *coefficients, int count)
{
    vec p = spread(coefficients[count - 1]);
#pragma GCC unroll 16
    for (int k = count - 2; k >= 0; k--)
        p = fused(p, z, spread(coefficients[k]));
    return p;
}

/* sin(r) for |r| <= pi / 2 and a little. */
static inline vec sine_near_0(vec r)
{
    static const double coefficients[] = {
        -0x1.5555555555555p-3,  0x1.11111111110c9p-7,   -0x1.a01a01a014eb7p-13,
        0x1.71de3a52aac6ap-19,  -0x1.ae6454d969070p-26, 0x1.6123ce53c2b19p-33,
        -0x1.ae43dd59a4290p-41, 0x1.883c31f7683b0p-49,
    };
    enum { COUNT = sizeof coefficients / sizeof *coefficients };
    const vec z = r * r;
    return fused(z * polynomial(z, coefficients, COUNT), r, r);
}

/* x - n * unit for the three parts of a unit. The first step is exact: n * unit[0] and x have no
 * bits below 2^-52 that count, and their difference is below 4. */
static inline vec reduce(vec x, vec n, const double unit[3])
{
    vec r = fused(n, spread(-unit[0]), x);
    r = fused(n, spread(-unit[1]), r);
    return fused(n, spread(-unit[2]), r);
}

static inline vec lowest_bit_as_sign(vec shifted)
{
    return to_vec(to_bits(shifted) << 63);
}

static inline vec sine(vec a)
{
    static const double pi[3] = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53,
                                 -0x1.f1976b7ed8fbcp-109};
    const vec x = magnitude(a); /* so that -0 keeps its sign */
    const vec shifted = fused(x, spread(M_1_PI), spread(shift_to_integer));
    const vec s = sine_near_0(reduce(x, shifted - spread(shift_to_integer), pi));
    return flip(flip(s, sign_of(a)), lowest_bit_as_sign(shifted));
}

/* cos(x) = (-1)^n sin(x - (n - 1/2) pi). */
static inline vec cosine(vec a)
{
    static const double half_pi[3] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54,
                                      -0x1.f1976b7ed8fbcp-110};
    const vec shifted = fused(a, spread(M_1_PI), spread(0.5)) + spread(shift_to_integer);
    const vec n = shifted - spread(shift_to_integer);
    const vec r = reduce(a, fused(n, spread(2), spread(-1)), half_pi);
    return flip(sine_near_0(r), lowest_bit_as_sign(shifted));
}

#define TRIGONOMETRIC(op, here, libm)                                                              \
    KERNEL(op)                                                                                     \
    {                                                                                              \
        for (size_t i = 0; i < n; i += LANES) {                                                    \
            const vec x = A;                                                                       \
            const mask fits = less(magnitude(x), spread(trig_max));                                \
            const unsigned rest = lanes_of(neither(fits, fits));                                   \
            vec made = here(x);                                                                    \
            if (__builtin_expect(rest != 0, 0)) {                                                  \
                double from[LANES] = {0}, mended[LANES] = {0};                                     \
                store(from, x);                                                                    \
                store(mended, made);                                                               \
                mend(mended, from, rest, libm);                                                    \
                made = load(mended);                                                               \
            }                                                                                      \
            store(out + i, made);                                                                  \
        }                                                                                          \
    }
TRIGONOMETRIC(SIN, sine, sin)
TRIGONOMETRIC(COS, cosine, cos)

/* ---- exp ------------------------------------------------------------------------------------- */

/* What is beyond either end is infinite or 0 at +-1000 already. */
static inline vec exponential(vec a)
{
    static const double coefficients[] = {
        0x1.000000000000bp-1,  0x1.555555555550fp-3,  0x1.55555555502a5p-5,  0x1.1111111122b4bp-7,
        0x1.6c16c1852a48cp-10, 0x1.a01a014496235p-13, 0x1.a01997cc2e85dp-16, 0x1.71deec6ff3daep-19,
        0x1.28af3c6d7e1a8p-22, 0x1.add75135de3f6p-26,
    };
    enum { COUNT = sizeof coefficients / sizeof *coefficients };
    static const double ln_2[3] = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0};
    const vec shift = spread(shift_to_integer);
    const vec x = greater_of(spread(-1000), smaller_of(spread(1000), a));
    const vec n = fused(x, spread(M_LOG2E), shift) - shift;
    vec r = fused(n, spread(-ln_2[0]), x);
    r = fused(n, spread(-ln_2[1]), r);
    const vec p = fused(r * r, polynomial(r, coefficients, COUNT), r) + spread(1);
    return scale(p, n);
}
VECTORS(EXP, exponential(A))

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
