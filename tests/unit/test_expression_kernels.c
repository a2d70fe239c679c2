/* The kernels of every instruction set: against libm in long double, lane by lane the same. */
#include "shim/shim.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "kernel/integrate/expression.h"

enum { LANES = FANI_EXPRESSION_LANES, KINDS = 9 };

typedef long double one_operand(long double);
typedef long double two_operands(long double, long double);

static const struct {
    const char *name;
    fani_operator op;
    one_operand *one;
    two_operands *two;
} functions[] = {
    {"acos", FANI_OP_ACOS, acosl, NULL},    {"acosh", FANI_OP_ACOSH, acoshl, NULL},
    {"asin", FANI_OP_ASIN, asinl, NULL},    {"asinh", FANI_OP_ASINH, asinhl, NULL},
    {"atan", FANI_OP_ATAN, atanl, NULL},    {"atanh", FANI_OP_ATANH, atanhl, NULL},
    {"cbrt", FANI_OP_CBRT, cbrtl, NULL},    {"ceil", FANI_OP_CEIL, ceill, NULL},
    {"cos", FANI_OP_COS, cosl, NULL},       {"cosh", FANI_OP_COSH, coshl, NULL},
    {"erf", FANI_OP_ERF, erfl, NULL},       {"erfc", FANI_OP_ERFC, erfcl, NULL},
    {"exp", FANI_OP_EXP, expl, NULL},       {"exp2", FANI_OP_EXP2, exp2l, NULL},
    {"expm1", FANI_OP_EXPM1, expm1l, NULL}, {"abs", FANI_OP_ABS, fabsl, NULL},
    {"floor", FANI_OP_FLOOR, floorl, NULL}, {"log", FANI_OP_LOG, logl, NULL},
    {"log10", FANI_OP_LOG10, log10l, NULL}, {"log1p", FANI_OP_LOG1P, log1pl, NULL},
    {"log2", FANI_OP_LOG2, log2l, NULL},    {"rint", FANI_OP_RINT, rintl, NULL},
    {"round", FANI_OP_ROUND, roundl, NULL}, {"sin", FANI_OP_SIN, sinl, NULL},
    {"sinh", FANI_OP_SINH, sinhl, NULL},    {"sqrt", FANI_OP_SQRT, sqrtl, NULL},
    {"tan", FANI_OP_TAN, tanl, NULL},       {"tanh", FANI_OP_TANH, tanhl, NULL},
    {"trunc", FANI_OP_TRUNC, truncl, NULL}, {"atan2", FANI_OP_ATAN2, NULL, atan2l},
    {"hypot", FANI_OP_HYPOT, NULL, hypotl}, {"pow", FANI_OP_POW, NULL, powl},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Among them the doubles below 2^30 that are nearest to a multiple of pi / 2 (by its continued
 * fraction): a reduction that is too short has nothing left of these. */
static const double special[] = {
    0,
    -0.0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    -1.5,
    2,
    -2,
    2.5,
    -2.5,
    3,
    -3,
    4,
    1e-320,
    -1e-320,
    DBL_MIN,
    -DBL_MIN,
    1e-300,
    -1e-300,
    1e-160,
    1e-20,
    -1e-20,
    1e-9,
    1e5,
    1e10,
    -1e10,
    1e22,
    1e300,
    -1e300,
    DBL_MAX,
    -DBL_MAX,
    INFINITY,
    -INFINITY,
    NAN,
    709.7,
    709.9,
    -745,
    -746,
    -708.5,
    710.5,
    -710.5,
    1023.5,
    1024,
    -1022.5,
    -1074,
    -1075,
    26.5,
    27.3,
    -5.9,
    6,
    20,
    40,
    -40,
    0x1p30,
    0x1p52,
    0x1p53,
    -0x1p60,
    1 + DBL_EPSILON,
    1 - DBL_EPSILON / 2,
    DBL_EPSILON / 2 - 1,
    0.49999999999999994,
    M_PI,
    M_PI_2,
    -M_PI_2,
    0x1.6c6cbc45dc8dep+5,
    0x1.6c6cbc45dc8dep+6,
    0x1.b951f1572eba5p+23,
    0x1.b951f1572eba5p+26,
    0x1.921fb54442d18p+20,
    1e9,
    999999999.5,
    0x1.fffffffffffffp29,
};
enum { SPECIAL = sizeof special / sizeof *special };

static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double uniform(void)
{
    return (double)(random_bits() >> 11) * 0x1p-53;
}

/* An argument of one of the kinds that matter: near 0 and 1, in the range of exp, of any size. */
static double draw(int kind)
{
    const uint64_t bits = random_bits();
    double any;
    switch (kind) {
    case 0:
        return uniform();
    case 1:
        return 2 * uniform() - 1;
    case 2:
        return 20 * uniform() - 10;
    case 3:
        return 1500 * uniform() - 750;
    case 4:
        return 2e9 * uniform() - 1e9;
    case 5:
        return copysign(exp(1400 * uniform() - 700), uniform() - 0.5);
    case 6:
        return 1 + (uniform() - 0.5) * exp(-30 * uniform());
    case 7: /* the doubles next to multiples of pi / 2 */
        return nextafter(rint(1e6 * uniform()) * M_PI_2, INFINITY);
    default:
        memcpy(&any, &bits, sizeof any);
        return any;
    }
}

/* How far off `got` is, in units of the last place of `wanted`; a wrong sign of 0, or infinity, is
 * infinitely far off. */
static double ulps(double got, long double exact)
{
    const double wanted = (double)exact;
    if (isnan(wanted) || isnan(got))
        return isnan(wanted) && isnan(got) ? 0 : INFINITY;
    if (isinf(wanted) || isinf(got))
        return got == wanted ? 0 : INFINITY;
    if (wanted == 0 && got == 0)
        return !signbit(wanted) == !signbit(got) ? 0 : INFINITY;
    int exponent;
    (void)frexp(wanted, &exponent);
    exponent = exponent < DBL_MIN_EXP ? DBL_MIN_EXP : exponent;
    return (double)(fabsl((long double)got - exact) / ldexpl(1, exponent - DBL_MANT_DIG));
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static long double exact(size_t f, double a, double b)
{
    return functions[f].one ? functions[f].one(a) : functions[f].two(a, b);
}

/* Fanfold's own are better than libmvec's. */
static double limit(fani_isa isa, fani_operator op)
{
    const bool own = op == FANI_OP_SIN || op == FANI_OP_COS || op == FANI_OP_EXP;
    return own && isa != FANI_ISA_SCALAR ? 2 : 4;
}

/* One full vector, and each of its lanes alone with copies of itself. */
static void check_vector(fani_isa isa, size_t f, const double *a, const double *b)
{
    fani_kernel *const kernel = fani_kernels_of(isa)[functions[f].op];
    double out[LANES], alone[LANES], as[LANES], bs[LANES];
    kernel(out, a, b, NULL, LANES);
    for (int i = 0; i < LANES; i++) {
        const double off = ulps(out[i], exact(f, a[i], b[i]));
        if (!(off <= limit(isa, functions[f].op)))
            shim_fail(__FILE__, __LINE__, "%s: %s(%.17g, %.17g) is %.17g, %.3g ulp off",
                      fani_isa_name(isa), functions[f].name, a[i], b[i], out[i], off);
        for (int k = 0; k < LANES; k++) {
            as[k] = a[i];
            bs[k] = b[i];
        }
        kernel(alone, as, bs, NULL, LANES);
        for (int k = 0; k < LANES; k++) {
            if (!same(alone[k], out[i]))
                shim_fail(__FILE__, __LINE__, "%s: %s(%.17g) depends on its neighbours",
                          fani_isa_name(isa), functions[f].name, a[i]);
        }
    }
}

static void check_random(fani_isa isa, size_t f, int vectors)
{
    double a[LANES], b[LANES];
    for (int v = 0; v < vectors; v++) {
        for (int i = 0; i < LANES; i++) {
            a[i] = draw(v % 10 ? v % KINDS : (int)(random_bits() % KINDS));
            b[i] = draw((int)(random_bits() % KINDS));
        }
        check_vector(isa, f, a, b);
    }
}

static void check_special(fani_isa isa, size_t f)
{
    double a[LANES], b[LANES];
    for (size_t s = 0; s < SPECIAL; s++) {
        for (size_t t = 0; t < (functions[f].one ? 1 : SPECIAL); t++) {
            for (int i = 0; i < LANES; i++) {
                a[i] = special[i % 2 ? s : (s + t + (size_t)i) % SPECIAL];
                b[i] = special[i % 3 ? t : (t + (size_t)i) % SPECIAL];
            }
            check_vector(isa, f, a, b);
        }
    }
}

static void check_all(int vectors)
{
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        random_state = 0x9e3779b97f4a7c15;
        for (size_t f = 0; f < FUNCTIONS; f++) {
            check_random(isa, f, vectors);
            check_special(isa, f);
        }
    }
}

FAN_TEST(expression_kernels, functions_are_within_4_ulp)
{
    check_all(500);
}

FAN_TEST(expression_kernels, long_functions_are_within_4_ulp)
{
    check_all(200000);
}

/* Several vectors at once, and what is left over: the values of one vector alone. */
FAN_TEST(expression_kernels, values_do_not_depend_on_how_many_come_at_once)
{
    enum { MANY = 13 * LANES };
    double a[MANY], b[MANY], out[MANY], alone[LANES];
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        random_state = 7;
        for (size_t f = 0; f < 40 * FUNCTIONS; f++) {
            fani_kernel *const kernel = fani_kernels_of(isa)[functions[f % FUNCTIONS].op];
            for (size_t i = 0; i < MANY; i++) {
                a[i] = i % 5 ? draw((int)(f / FUNCTIONS % KINDS)) : special[(i + f) % SPECIAL];
                b[i] = draw((int)(random_bits() % KINDS));
            }
            kernel(out, a, b, NULL, MANY);
            for (size_t i = 0; i < MANY; i++) {
                if (i % LANES == 0)
                    kernel(alone, a + i, b + i, NULL, LANES);
                if (!same(alone[i % LANES], out[i]))
                    shim_fail(__FILE__, __LINE__, "%s: %s(%.17g) is %.17g among others, not %.17g",
                              fani_isa_name(isa), functions[f % FUNCTIONS].name, a[i], out[i],
                              alone[i % LANES]);
            }
        }
    }
}

/* ---- Arithmetic ------------------------------------------------------------------------------ */

/* Values that everybody knows are exact; libmvec for SSE2 has 1 ulp less than sin(pi/2). */
FAN_TEST(expression_kernels, values_that_are_exact)
{
    static const struct {
        fani_operator op;
        double at, value;
    } known[] = {{FANI_OP_COS, 0, 1},     {FANI_OP_EXP, 0, 1},  {FANI_OP_SIN, M_PI_2, 1},
                 {FANI_OP_COS, M_PI, -1}, {FANI_OP_COSH, 0, 1}, {FANI_OP_LOG, 1, 0},
                 {FANI_OP_EXP2, 10, 1024}};
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            double a[LANES], out[LANES];
            for (int i = 0; i < LANES; i++)
                a[i] = known[k].at;
            fani_kernels_of(isa)[known[k].op](out, a, NULL, NULL, LANES);
            EXPECT_NEAR(out[0], known[k].value, isa == FANI_ISA_SCALAR ? DBL_EPSILON : 0);
        }
    }
}

/* What is exact, or rounded once, has the same bits everywhere. */
FAN_TEST(expression_kernels, arithmetic_has_the_bits_of_the_reference)
{
    static const fani_operator same_bits[] = {
        FANI_OP_COPY,
        FANI_OP_NEGATE,
        FANI_OP_SQUARE,
        FANI_OP_NOT,
        FANI_OP_ADD,
        FANI_OP_SUBTRACT,
        FANI_OP_MULTIPLY,
        FANI_OP_DIVIDE,
        FANI_OP_LESS,
        FANI_OP_LESS_EQUAL,
        FANI_OP_GREATER,
        FANI_OP_EQUAL,
        FANI_OP_GREATER_EQUAL,
        FANI_OP_NOT_EQUAL,
        FANI_OP_AND,
        FANI_OP_OR,
        FANI_OP_SELECT,
        FANI_OP_ABS,
        FANI_OP_FABS,
        FANI_OP_COPYSIGN,
        FANI_OP_FDIM,
        FANI_OP_FMAX,
        FANI_OP_FMIN,
        FANI_OP_MAX,
        FANI_OP_MIN,
        FANI_OP_SQRT,
        FANI_OP_CEIL,
        FANI_OP_FLOOR,
        FANI_OP_RINT,
        FANI_OP_NEARBYINT,
        FANI_OP_ROUND,
        FANI_OP_TRUNC,
        FANI_OP_FMOD,
        FANI_OP_REMAINDER,
        FANI_OP_LGAMMA,
        FANI_OP_TGAMMA,
        FANI_OP_J0,
        FANI_OP_Y1,
        FANI_OP_NEXTAFTER,
        FANI_OP_LOGB,
        FANI_OP_CONSTANT,
        FANI_OP_PARAMETER,
    };
    double a[LANES], b[LANES], c[LANES], out[LANES], wanted[LANES];
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (size_t k = 0; k < sizeof same_bits / sizeof *same_bits; k++) {
            for (size_t s = 0; s < SPECIAL * SPECIAL; s++) {
                for (size_t i = 0; i < LANES; i++) {
                    a[i] = i == 7 ? draw((int)(s % KINDS)) : special[(s + i) % SPECIAL];
                    b[i] = special[(s / SPECIAL + 3 * i) % SPECIAL];
                    c[i] = (double)i;
                }
                fani_kernels_of(isa)[same_bits[k]](out, a, b, c, LANES);
                fani_kernels_reference[same_bits[k]](wanted, a, b, c, LANES);
                for (int i = 0; i < LANES; i++) {
                    if (!same(out[i], wanted[i]))
                        shim_fail(__FILE__, __LINE__, "%s: operator %d (%.17g, %.17g) is %.17g",
                                  fani_isa_name(isa), same_bits[k], a[i], b[i], out[i]);
                }
            }
        }
    }
}

/* Whole and half powers are products and square roots: each adds half an ulp, which is a whole one
 * where the result is just below a power of 2. */
FAN_TEST(expression_kernels, short_powers)
{
    double a[LANES], out[LANES];
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        random_state = 42;
        for (int halves = -2 * FANI_POWER_MAX; halves <= 2 * FANI_POWER_MAX; halves++) {
            const double exponent = halves / 2.0;
            for (size_t v = 0; v < 2000 && halves != 0; v++) {
                for (size_t i = 0; i < LANES; i++)
                    a[i] = v < SPECIAL && i % 2 ? special[v] : draw((int)(random_bits() % KINDS));
                fani_kernels_of(isa)[FANI_OP_POWER](out, a, &exponent, NULL, LANES);
                for (int i = 0; i < LANES; i++) {
                    const double off = ulps(out[i], powl(a[i], exponent));
                    if (!(off <= 5))
                        shim_fail(__FILE__, __LINE__, "%s: %.17g^%.17g is %.17g, %.3g ulp off",
                                  fani_isa_name(isa), a[i], exponent, out[i], off);
                }
            }
        }
    }
}

/* The operands may be the result's own place. */
FAN_TEST(expression_kernels, in_place)
{
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (int op = FANI_OP_COPY; op < FANI_OP_COUNT; op++) {
            double a[LANES], b[LANES], out[LANES];
            const double exponent = 1.5;
            fani_kernel *const kernel = fani_kernels_of(isa)[op];
            for (int i = 0; i < LANES; i++) {
                a[i] = i == 3 ? 1e12 : i == 5 ? INFINITY : 0.1 * i;
                b[i] = 0.3 + i;
            }
            const double *second = op == FANI_OP_POWER ? &exponent : b;
            kernel(out, a, second, a, LANES);
            kernel(a, a, second, a, LANES);
            for (int i = 0; i < LANES; i++)
                EXPECT_TRUE(same(a[i], out[i]));
        }
    }
}
