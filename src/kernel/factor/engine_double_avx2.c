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

enum { UNIT = 4, BITS = 48, RADIX = 0 };

typedef __m256d unit;
typedef __m256d unit_flags; /* the sign bits */
typedef __m256i unit_bits;

typedef struct unit_moduli {
    __m256d n, inverse;
} unit_moduli;

static inline unit unit_mul(const unit_moduli *m, unit a, unit b)
{
    __m256d high = _mm256_mul_pd(a, b);
    __m256d low = _mm256_fmsub_pd(a, b, high);
    __m256d q = _mm256_round_pd(_mm256_mul_pd(high, m->inverse),
                                _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return _mm256_add_pd(_mm256_fnmadd_pd(q, m->n, high), low);
}

static inline unit unit_sqr(const unit_moduli *m, unit a)
{
    return unit_mul(m, a, a);
}

static inline unit unit_add(const unit_moduli *m, unit a, unit b)
{
    (void)m;
    return _mm256_add_pd(a, b);
}

static inline unit unit_sub(const unit_moduli *m, unit a, unit b)
{
    (void)m;
    return _mm256_sub_pd(a, b);
}

static inline unit unit_pick(unit_flags f, unit a, unit b)
{
    return _mm256_blendv_pd(b, a, f);
}

static inline unit_bits unit_bits_load(const uint64_t *words)
{
    return _mm256_load_si256((const __m256i *)(const void *)words);
}

static inline unit_flags unit_top(unit_bits b)
{
    return _mm256_castsi256_pd(b);
}

static inline unit_bits unit_next(unit_bits b)
{
    return _mm256_add_epi64(b, b);
}

/* The double 2^52, whose last bit is worth 1. */
static inline __m256d two_to_52(void)
{
    return _mm256_set1_pd(4503599627370496.0);
}

/* Words below 2^52. */
static inline unit from_words(const uint64_t *words)
{
    __m256d raised = _mm256_or_pd(_mm256_castsi256_pd(unit_bits_load(words)), two_to_52());
    return _mm256_sub_pd(raised, two_to_52());
}

static inline unit unit_one(const unit_moduli *m)
{
    (void)m;
    return _mm256_set1_pd(1);
}

static inline unit_moduli unit_moduli_load(const uint64_t *n, const uint64_t *one)
{
    (void)one;
    __m256d numbers = from_words(n);
    return (unit_moduli){numbers, _mm256_div_pd(_mm256_set1_pd(1), numbers)};
}

static inline unit unit_load(const unit_moduli *m, const uint64_t *words)
{
    return unit_mul(m, from_words(words), unit_one(m));
}

/* What a multiplication by 1 brings near 0 is raised by n where it is negative. */
static inline void unit_store(const unit_moduli *m, unit x, uint64_t *words)
{
    x = unit_mul(m, x, unit_one(m));
    x = _mm256_blendv_pd(x, _mm256_add_pd(x, m->n), x);
    __m256i word = _mm256_xor_si256(_mm256_castpd_si256(_mm256_add_pd(x, two_to_52())),
                                    _mm256_castpd_si256(two_to_52()));
    _mm256_store_si256((__m256i *)(void *)words, word);
}

static inline void unit_gcd(const uint64_t *n, uint64_t *words)
{
    for (unsigned i = 0; i < UNIT; i++)
        words[i] = fan_gcd_u64(n[i], words[i]);
}

#include "engine_body.h"

const fani_engine fani_engine_double_avx2 = {
    "double", BITS, LANES, RADIX, strong, lucas, curve,
};
