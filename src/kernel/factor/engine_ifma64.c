/* Up to 64 bits on AVX-512: residues of two limbs of 52 bits. The radix 2^104 is so large that a
 * product of anything below 2^70 comes out at n or barely above, and sums need no correction. */
#include "engine.h"
#include "lanes_avx512.h"

enum { UNIT = 8, BITS = 64, RADIX = 104 };

/* low: only its lower 52 bits count for mul; add and sub need it below 2^52. */
typedef struct unit {
    __m512i low, high;
} unit;

typedef struct unit_moduli {
    __m512i low, high; /* n */
    __m512i low_twice, high_twice;
    __m512i inverse; /* modulo 2^52 */
    unit one, square;
} unit_moduli;

static inline __m512i mask_52(void)
{
    return _mm512_set1_epi64((INT64_C(1) << 52) - 1);
}

/* n + (c - q n) / 2^104, one limb of q after the other; c has limbs c0, c1, c2, and n is in c2 and
 * `top` already. The limb that a step makes 0 is never computed: what it carries is the rest of the
 * other addend, shifted. */
static inline unit reduce(const unit_moduli *m, __m512i c0, __m512i c1, __m512i c2)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i q = low_of(zero, c0, m->inverse);
    __m512i d1 = low_of(high_of(zero, q, m->low), q, m->high);
    __m512i d2 = high_of(zero, q, m->high);
    c1 = _mm512_sub_epi64(c1, d1);
    q = low_of(zero, c1, m->inverse);
    d2 = low_of(high_of(d2, q, m->low), q, m->high);
    c2 = _mm512_sub_epi64(_mm512_add_epi64(c2, _mm512_srai_epi64(c1, 52)), d2);
    __m512i c3 = _mm512_sub_epi64(m->high, high_of(zero, q, m->high));
    return (unit){_mm512_and_si512(c2, mask_52()), _mm512_add_epi64(c3, _mm512_srai_epi64(c2, 52))};
}

static inline unit unit_mul(const unit_moduli *m, unit a, unit b)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i c0 = low_of(zero, a.low, b.low);
    __m512i c1 = low_of(low_of(high_of(zero, a.low, b.low), a.low, b.high), a.high, b.low);
    __m512i c2 = high_of(high_of(m->low, a.low, b.high), a.high, b.low);
    c2 = low_of(c2, a.high, b.high);
    return reduce(m, c0, c1, c2);
}

static inline unit unit_sqr(const unit_moduli *m, unit a)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i high = _mm512_add_epi64(a.high, a.high);
    __m512i c0 = low_of(zero, a.low, a.low);
    __m512i c1 = low_of(high_of(zero, a.low, a.low), a.low, high);
    __m512i c2 = low_of(high_of(m->low, a.low, high), a.high, a.high);
    return reduce(m, c0, c1, c2);
}

static inline unit unit_add(const unit_moduli *m, unit a, unit b)
{
    (void)m;
    __m512i low = _mm512_add_epi64(a.low, b.low);
    return (unit){low,
                  _mm512_add_epi64(_mm512_add_epi64(a.high, b.high), _mm512_srai_epi64(low, 52))};
}

static inline unit unit_sub(const unit_moduli *m, unit a, unit b)
{
    __m512i low = _mm512_add_epi64(a.low, _mm512_sub_epi64(m->low_twice, b.low));
    __m512i high = _mm512_add_epi64(a.high, _mm512_sub_epi64(m->high_twice, b.high));
    return (unit){low, _mm512_add_epi64(high, _mm512_srai_epi64(low, 52))};
}

static inline unit unit_pick(unit_flags f, unit a, unit b)
{
    return (unit){_mm512_mask_mov_epi64(b.low, f, a.low), _mm512_mask_mov_epi64(b.high, f, a.high)};
}

static inline unit from_words(__m512i words)
{
    return (unit){_mm512_and_si512(words, mask_52()), _mm512_srli_epi64(words, 52)};
}

/* 2^208 mod n: 1 doubled to 2^13, then squared three times. */
static inline unit square_of_radix(const unit_moduli *m)
{
    unit x = m->one;
    x = unit_mul(m, unit_add(m, x, x), m->one); /* 2^1 */
    x = unit_mul(m, unit_sqr(m, x), x);         /* 2^3 */
    x = unit_sqr(m, unit_sqr(m, x));            /* 2^12 */
    x = unit_mul(m, unit_add(m, x, x), m->one); /* 2^13 */
    return unit_sqr(m, unit_sqr(m, unit_sqr(m, x)));
}

static inline unit_moduli unit_moduli_load(const uint64_t *n, const uint64_t *one)
{
    unit_moduli m = {0};
    unit split = from_words(_mm512_load_si512(n));
    m.low = split.low;
    m.high = split.high;
    m.low_twice = _mm512_add_epi64(m.low, m.low);
    m.high_twice = _mm512_add_epi64(m.high, m.high);
    m.inverse = inverse_52(m.low);
    m.one = from_words(_mm512_load_si512(one));
    m.square = square_of_radix(&m);
    return m;
}

static inline unit unit_load(const unit_moduli *m, const uint64_t *words)
{
    return unit_mul(m, from_words(_mm512_load_si512(words)), m->square);
}

static inline unit unit_one(const unit_moduli *m)
{
    return m->one;
}

/* Multiplied by 1 outside the form, a residue leaves the form, and is in 1..n. */
static inline void unit_store(const unit_moduli *m, unit x, uint64_t *words)
{
    unit plain = unit_mul(m, x, (unit){_mm512_set1_epi64(1), _mm512_setzero_si512()});
    _mm512_store_si512(words, _mm512_or_si512(plain.low, _mm512_slli_epi64(plain.high, 52)));
}

#include "engine_body.h"

const fani_engine fani_engine_ifma64 = {
    "ifma64", BITS, LANES, RADIX, strong, lucas, curve,
};
