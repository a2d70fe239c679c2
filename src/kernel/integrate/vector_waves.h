/* sin and cos of vectors with fused multiply-add (vector_*.h), within 2 ulp up to trig_max.
 *
 * Several vectors go abreast, step by step: one alone is a chain in which each operation waits for
 * the one before it, and the processor looks only so far ahead for others. `count` is a constant
 * wherever these are called.
 *
 * The polynomial was fitted by weighted least squares at Chebyshev's points, coefficient by
 * coefficient: each was rounded before the next ones were fitted. Its relative error is 2^-61.
 * Reduction: Cody and Waite, Software Manual for the Elementary Functions (1980), with fused
 * products. */
#ifndef FANI_VECTOR_WAVES_H
#define FANI_VECTOR_WAVES_H

#include <math.h>

enum { ABREAST = 4, GROUP = ABREAST * LANES };
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define EACH(k) _Pragma("GCC unroll 8") for (size_t k = 0; k < count; k++)

/* Beyond it libm is asked: the multiple of pi would be too inexact. */
static const double trig_max = 0x1p30;
/* Adding it leaves an integer below 2^51 in the last bits of the sum. */
static const double shift_to_integer = 0x1.8p52;

static const double whole_pi[3] = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53,
                                   -0x1.f1976b7ed8fbcp-109};
static const double half_pi[3] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54,
                                  -0x1.f1976b7ed8fbcp-110};

/* r becomes sin(r), |r| <= pi / 2 and a little. */
ALWAYS_INLINE void sine_near_0(vec *r, size_t count)
{
    static const double coefficients[] = {
        -0x1.5555555555555p-3,  0x1.11111111110c9p-7,   -0x1.a01a01a014eb7p-13,
        0x1.71de3a52aac6ap-19,  -0x1.ae6454d969070p-26, 0x1.6123ce53c2b19p-33,
        -0x1.ae43dd59a4290p-41, 0x1.883c31f7683b0p-49,
    };
    enum { LAST = sizeof coefficients / sizeof *coefficients - 1 };
    vec z[ABREAST], p[ABREAST];
    EACH(k) z[k] = r[k] * r[k];
    EACH(k) p[k] = spread(coefficients[LAST]);
#pragma GCC unroll 16
    for (size_t j = LAST; j > 0; j--)
        EACH(k) p[k] = fused(p[k], z[k], spread(coefficients[j - 1]));
    EACH(k) p[k] = z[k] * p[k];
    EACH(k) r[k] = fused(p[k], r[k], r[k]);
}

/* x - n * unit for the three parts of a unit. The first step is exact: n * unit[0] and x have no
 * bits below 2^-52 that count, and their difference is below 4. */
ALWAYS_INLINE void reduce(vec *x, const vec *n, const double unit[3], size_t count)
{
    EACH(k) x[k] = fused(n[k], spread(-unit[0]), x[k]);
    EACH(k) x[k] = fused(n[k], spread(-unit[1]), x[k]);
    EACH(k) x[k] = fused(n[k], spread(-unit[2]), x[k]);
}

ALWAYS_INLINE vec lowest_bit_as_sign(vec shifted)
{
    return to_vec(to_bits(shifted) << 63);
}

/* An angle is a multiple of a unit of pi, and a rest between -pi / 2 and pi / 2. The last bit of
 * `shifted` is the sign that the rest's sine gets.
 *
 * sin(x) = (-1)^n sin(x - n pi). */
ALWAYS_INLINE void turns_of_sine(const vec *x, vec *multiple, vec *shifted, size_t count)
{
    EACH(k) shifted[k] = fused(x[k], spread(M_1_PI), spread(shift_to_integer));
    EACH(k) multiple[k] = shifted[k] - spread(shift_to_integer);
}

/* cos(x) = (-1)^n sin(x - (2 n - 1) pi / 2). */
ALWAYS_INLINE void turns_of_cosine(const vec *x, vec *multiple, vec *shifted, size_t count)
{
    EACH(k) shifted[k] = fused(x[k], spread(M_1_PI), spread(0.5));
    EACH(k) shifted[k] = shifted[k] + spread(shift_to_integer);
    EACH(k) multiple[k] = shifted[k] - spread(shift_to_integer);
    EACH(k) multiple[k] = fused(multiple[k], spread(2), spread(-1));
}

/* x becomes sin(x). */
ALWAYS_INLINE void sine(vec *x, size_t count)
{
    vec multiple[ABREAST], shifted[ABREAST], sign[ABREAST];
    EACH(k) sign[k] = sign_of(x[k]);
    EACH(k) x[k] = magnitude(x[k]); /* so that -0 keeps its sign */
    turns_of_sine(x, multiple, shifted, count);
    reduce(x, multiple, whole_pi, count);
    sine_near_0(x, count);
    EACH(k) x[k] = flip(flip(x[k], sign[k]), lowest_bit_as_sign(shifted[k]));
}

/* x becomes cos(x). */
ALWAYS_INLINE void cosine(vec *x, size_t count)
{
    vec multiple[ABREAST], shifted[ABREAST];
    turns_of_cosine(x, multiple, shifted, count);
    reduce(x, multiple, half_pi, count);
    sine_near_0(x, count);
    EACH(k) x[k] = flip(x[k], lowest_bit_as_sign(shifted[k]));
}

#endif
