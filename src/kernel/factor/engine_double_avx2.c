/* Up to 48 bits on AVX2: residues are doubles with integer values, between -2/3 n and 2/3 n. The
 * product of two is the double nearest to it and the exact rest (fused multiply-add); all that
 * follows is exact too. Source: Dekker 1971 for the exact product; Shoup's NTL for the quotient by
 * the inverse.
 *
 * Bounds: sums are within 4/3 n, so a product is within 16/9 n^2, and its quotient, below 2^49, is
 * off by less than 3 * 2^-53 * 16/9 n <= 1/6 before it is rounded: what remains is within (1/2 +
 * 1/6) n. */
#include "engine.h"
#include "fanfold/gcd.h"

#include <immintrin.h>

enum { LANES = 8, BITS = 48, RADIX = 0, VECTORS = 2 };

#define EACH_VECTOR _Pragma("GCC unroll 2") for (unsigned i = 0; i < VECTORS; i++)

typedef struct residues {
    __m256d v[VECTORS];
} residues;

typedef struct bits {
    __m256i v[VECTORS];
} bits;

typedef residues flags; /* the sign bits */

typedef struct moduli {
    __m256d n[VECTORS], inverse[VECTORS];
} moduli;

static inline residues mul(const moduli *m, residues a, residues b)
{
    residues out;
    EACH_VECTOR
    {
        __m256d high = _mm256_mul_pd(a.v[i], b.v[i]);
        __m256d low = _mm256_fmsub_pd(a.v[i], b.v[i], high);
        __m256d q = _mm256_round_pd(_mm256_mul_pd(high, m->inverse[i]),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        out.v[i] = _mm256_add_pd(_mm256_fnmadd_pd(q, m->n[i], high), low);
    }
    return out;
}

static inline residues sqr(const moduli *m, residues a)
{
    return mul(m, a, a);
}

static inline residues add(const moduli *m, residues a, residues b)
{
    (void)m;
    EACH_VECTOR
    a.v[i] = _mm256_add_pd(a.v[i], b.v[i]);
    return a;
}

static inline residues sub(const moduli *m, residues a, residues b)
{
    (void)m;
    EACH_VECTOR
    a.v[i] = _mm256_sub_pd(a.v[i], b.v[i]);
    return a;
}

static inline residues pick(flags f, residues a, residues b)
{
    EACH_VECTOR
    a.v[i] = _mm256_blendv_pd(b.v[i], a.v[i], f.v[i]);
    return a;
}

static inline bits bits_load(const uint64_t *words)
{
    bits b;
    EACH_VECTOR
    b.v[i] = _mm256_load_si256((const __m256i *)(const void *)(words + 4 * (size_t)i));
    return b;
}

static inline flags bits_top(bits b)
{
    flags f;
    EACH_VECTOR
    f.v[i] = _mm256_castsi256_pd(b.v[i]);
    return f;
}

static inline bits bits_next(bits b)
{
    EACH_VECTOR
    b.v[i] = _mm256_add_epi64(b.v[i], b.v[i]);
    return b;
}

/* The double 2^52, whose last bits are worth 1. */
static inline __m256d two_to_52(void)
{
    return _mm256_set1_pd(4503599627370496.0);
}

/* Words below 2^52. */
static inline residues from_words(const uint64_t *words)
{
    residues out;
    bits b = bits_load(words);
    EACH_VECTOR
    {
        __m256d raised = _mm256_or_pd(_mm256_castsi256_pd(b.v[i]), two_to_52());
        out.v[i] = _mm256_sub_pd(raised, two_to_52());
    }
    return out;
}

static inline residues residues_one(const moduli *m)
{
    (void)m;
    residues one;
    EACH_VECTOR
    one.v[i] = _mm256_set1_pd(1);
    return one;
}

static inline moduli moduli_load(const uint64_t *n, const uint64_t *one)
{
    (void)one;
    moduli m;
    residues numbers = from_words(n);
    EACH_VECTOR
    {
        m.n[i] = numbers.v[i];
        m.inverse[i] = _mm256_div_pd(_mm256_set1_pd(1), numbers.v[i]);
    }
    return m;
}

static inline residues residues_load(const moduli *m, const uint64_t *words)
{
    return mul(m, from_words(words), residues_one(m));
}

static inline void residues_store(const moduli *m, residues x, uint64_t *words)
{
    x = mul(m, x, residues_one(m));
    EACH_VECTOR
    {
        __m256d raised = _mm256_add_pd(x.v[i], m->n[i]);
        raised = _mm256_add_pd(_mm256_blendv_pd(x.v[i], raised, x.v[i]), two_to_52());
        __m256i word =
            _mm256_xor_si256(_mm256_castpd_si256(raised), _mm256_castpd_si256(two_to_52()));
        _mm256_store_si256((__m256i *)(void *)(words + 4 * (size_t)i), word);
    }
}

static inline void gcd_lanes(const uint64_t *n, uint64_t *words)
{
    for (unsigned i = 0; i < LANES; i++)
        words[i] = fan_gcd_u64(n[i], words[i]);
}

#include "engine_body.h"

const fani_engine fani_engine_double_avx2 = {
    "double", BITS, LANES, RADIX, strong, lucas, curve,
};
