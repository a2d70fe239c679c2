/* The kernels over vectors of LANES doubles, for the file of an instruction set that includes this
 * one after it has said what its vectors are:
 *
 *     vec, mask, LANES       doubles, truth of each, how many
 *     VECTOR_FUNCTION(name)  libmvec's name of a function of `arity` vectors
 *     load store spread      from and to any address of doubles; one number in all lanes
 *     root less equal        square root; ordered, so that a NaN is neither less nor equal
 *     both either neither    of masks; neither(m, m) is "not m"
 *     choose(m, a, b)        a where m is set, else b
 *     lanes_of(m)            the mask as bits, lane 0 lowest
 *     magnitude sign_of flip with_sign    without its sign; the sign alone (a vector of zeros); the
 *                            sign turned by a sign; a magnitude with a sign
 *
 * Arithmetic is the compiler's on vectors. libmvec's functions stay below 4 ulp for every argument
 * and know the special ones, as the tests hold against libm (measured: 3.5, most below 2). What it
 * lacks is libm's, by the kernels of the reference. */

#define UNUSED __attribute__((unused))
#define KERNEL(op)                                                                                 \
    static void kernel_##op(double *out, const double *a, UNUSED const double *b,                  \
                            UNUSED const double *c, size_t n)
#define EACH_VECTOR(value)                                                                         \
    for (size_t i = 0; i < n; i += LANES)                                                          \
        store(out + i, (value));
#define A load(a + i)
#define B load(b + i)
#define C load(c + i)

#define VECTORS(op, value)                                                                         \
    KERNEL(op)                                                                                     \
    {                                                                                              \
        EACH_VECTOR(value)                                                                         \
    }

/* ---- Operators ------------------------------------------------------------------------------- */

static inline vec truth(mask m)
{
    return choose(m, spread(1), spread(0));
}

static inline mask is_zero(vec a)
{
    return equal(a, spread(0));
}

static inline mask not_number(vec a)
{
    return neither(equal(a, a), equal(a, a));
}

VECTORS(COPY, A)
VECTORS(NEGATE, flip(A, sign_of(spread(-1))))
VECTORS(SQUARE, A *A)
VECTORS(ADD, A + B)
VECTORS(SUBTRACT, A - B)
VECTORS(MULTIPLY, A *B)
VECTORS(DIVIDE, A / B)
VECTORS(NOT, truth(is_zero(A)))
VECTORS(LESS, truth(less(A, B)))
VECTORS(LESS_EQUAL, truth(either(less(A, B), equal(A, B))))
VECTORS(GREATER, truth(less(B, A)))
VECTORS(GREATER_EQUAL, truth(either(less(B, A), equal(A, B))))
VECTORS(EQUAL, truth(equal(A, B)))
VECTORS(NOT_EQUAL, truth(neither(equal(A, B), equal(A, B))))
VECTORS(AND, truth(neither(is_zero(A), is_zero(B))))
VECTORS(OR, choose(both(is_zero(A), is_zero(B)), spread(0), spread(1)))
VECTORS(SELECT, choose(is_zero(A), C, B))

KERNEL(CONSTANT)
{
    const vec value = spread(*a);
    EACH_VECTOR(value)
}

/* ---- Functions that are arithmetic ----------------------------------------------------------- */

VECTORS(ABS, magnitude(A))
VECTORS(FABS, magnitude(A))
VECTORS(COPYSIGN, with_sign(magnitude(A), sign_of(B)))
VECTORS(FDIM, choose(either(less(A, B), equal(A, B)), spread(0), A - B))
VECTORS(FMAX, choose(either(less(A, B), not_number(A)), B, A))
VECTORS(FMIN, choose(either(less(B, A), not_number(A)), B, A))
VECTORS(MAX, choose(either(less(B, A), not_number(A)), A, B))
VECTORS(MIN, choose(either(less(A, B), not_number(A)), A, B))
VECTORS(SQRT, root(A))

/* ---- Powers with exponents that are halves --------------------------------------------------- */

/* Lanes for which the short way is not good enough, by libm. Rare: not inline. */
static __attribute__((noinline)) void mend_powers(double *out, const double *a, double exponent,
                                                  unsigned lanes)
{
    for (; lanes; lanes &= lanes - 1) {
        const int i = __builtin_ctz(lanes);
        out[i] = pow(a[i], exponent);
    }
}

/* a to the power halves / 2, 1 <= halves <= 2 FANI_POWER_MAX: by squaring, least bit first. */
static inline vec power_of(vec a, unsigned halves)
{
    vec power = a, made = halves & 1 ? root(a) : spread(1);
    for (unsigned n = halves >> 1; n; n >>= 1) {
        if (n & 1)
            made = made * power;
        power = power * power;
    }
    return made;
}

/* `b` is the one exponent. Each product adds half an ulp, so that a^4 and a^3.5 are within 2 (their
 * reciprocals 2.5), or twice as many where the result is just below a power of 2. Products that
 * left the range of normal numbers have lost digits or their reciprocal's; roots of -0 and -inf are
 * not powers: libm knows what to do. */
KERNEL(POWER)
{
    const double exponent = *b;
    const unsigned halves = (unsigned)(2 * fabs(exponent));
    const vec least = spread(0x1p-1022), most = spread(0x1.fffffffffffffp+1023);
    for (size_t i = 0; i < n; i += LANES) {
        const vec base = A;
        vec made = power_of(base, halves);
        const vec size = magnitude(made);
        const unsigned odd =
            lanes_of(either(less(size, least), less(most, size))) | lanes_of(not_number(size));
        if (exponent < 0)
            made = spread(1) / made;
        if (__builtin_expect(odd != 0, 0)) {
            double bases[LANES] = {0}, mended[LANES] = {0};
            store(bases, base);
            store(mended, made);
            mend_powers(mended, bases, exponent, odd);
            made = load(mended);
        }
        store(out + i, made);
    }
}

/* ---- libmvec --------------------------------------------------------------------------------- */

#define BY_LIBMVEC_1(op, name)                                                                     \
    extern vec VECTOR_FUNCTION(v_##name)(vec);                                                     \
    VECTORS(op, VECTOR_FUNCTION(v_##name)(A))
#define BY_LIBMVEC_2(op, name)                                                                     \
    extern vec VECTOR_FUNCTION(vv_##name)(vec, vec);                                               \
    VECTORS(op, VECTOR_FUNCTION(vv_##name)(A, B))
#define LIBMVEC_FUNCTIONS(ONE, TWO)                                                                \
    ONE(ACOS, acos)                                                                                \
    ONE(ACOSH, acosh)                                                                              \
    ONE(ASIN, asin)                                                                                \
    ONE(ASINH, asinh)                                                                              \
    ONE(ATAN, atan)                                                                                \
    ONE(ATANH, atanh)                                                                              \
    ONE(CBRT, cbrt)                                                                                \
    ONE(COSH, cosh)                                                                                \
    ONE(ERF, erf)                                                                                  \
    ONE(ERFC, erfc)                                                                                \
    ONE(EXP2, exp2)                                                                                \
    ONE(EXPM1, expm1)                                                                              \
    ONE(LOG, log)                                                                                  \
    ONE(LOG10, log10)                                                                              \
    ONE(LOG1P, log1p)                                                                              \
    ONE(LOG2, log2)                                                                                \
    ONE(SINH, sinh)                                                                                \
    ONE(TAN, tan)                                                                                  \
    ONE(TANH, tanh)                                                                                \
    TWO(ATAN2, atan2)                                                                              \
    TWO(HYPOT, hypot)                                                                              \
    TWO(POW, pow)
LIBMVEC_FUNCTIONS(BY_LIBMVEC_1, BY_LIBMVEC_2)

/* ---- The table ------------------------------------------------------------------------------- */

#define ENTRY(op) [FANI_OP_##op] = kernel_##op,
#define ENTRY_OF_FUNCTION(op, name) ENTRY(op)
#define ENTRY_BY_LIBM(op) [FANI_OP_##op] = fani_reference_##op,
#define OPERATOR_ENTRIES                                                                           \
    ENTRY(CONSTANT)                                                                                \
    [FANI_OP_PARAMETER] = kernel_CONSTANT,                                                         \
    ENTRY(COPY) ENTRY(NEGATE) ENTRY(SQUARE) ENTRY(POWER) ENTRY(NOT) ENTRY(ADD) ENTRY(SUBTRACT)     \
        ENTRY(MULTIPLY) ENTRY(DIVIDE) ENTRY(LESS) ENTRY(LESS_EQUAL) ENTRY(GREATER)                 \
            ENTRY(GREATER_EQUAL) ENTRY(EQUAL) ENTRY(NOT_EQUAL) ENTRY(AND) ENTRY(OR) ENTRY(SELECT)
#define SHARED_ENTRIES                                                                             \
    OPERATOR_ENTRIES                                                                               \
    ENTRY(ABS)                                                                                     \
    ENTRY(FABS)                                                                                    \
    ENTRY(COPYSIGN)                                                                                \
    ENTRY(FDIM)                                                                                    \
    ENTRY(FMAX)                                                                                    \
    ENTRY(FMIN)                                                                                    \
    ENTRY(MAX)                                                                                     \
    ENTRY(MIN)                                                                                     \
    ENTRY(SQRT)                                                                                    \
    LIBMVEC_FUNCTIONS(ENTRY_OF_FUNCTION, ENTRY_OF_FUNCTION)                                        \
    ENTRY_BY_LIBM(FMOD)                                                                            \
    ENTRY_BY_LIBM(J0)                                                                              \
    ENTRY_BY_LIBM(J1)                                                                              \
    ENTRY_BY_LIBM(LGAMMA)                                                                          \
    ENTRY_BY_LIBM(LOGB)                                                                            \
    ENTRY_BY_LIBM(NEXTAFTER)                                                                       \
    ENTRY_BY_LIBM(REMAINDER)                                                                       \
    ENTRY_BY_LIBM(TGAMMA)                                                                          \
    ENTRY_BY_LIBM(Y0)                                                                              \
    ENTRY_BY_LIBM(Y1)
