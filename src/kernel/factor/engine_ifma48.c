/* Up to 48 bits on AVX-512: products stay below 2n and sums below 4n, which a radix of 2^52 takes
 * without any correction. */
#include "engine.h"
#include "word_avx512.h"

enum { BITS = 48 };

/* n + (a b - q n) / 2^52: above 0, and at most 2n for a, b < 4n, because 16 n < 2^52. */
static inline unit unit_mul(const unit_moduli *m, unit a, unit b)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i q = low_of(zero, low_of(zero, a, b), m->inverse);
    return _mm512_sub_epi64(high_of(m->n, a, b), high_of(zero, q, m->n));
}

static inline unit unit_add(const unit_moduli *m, unit a, unit b)
{
    (void)m;
    return _mm512_add_epi64(a, b);
}

static inline unit unit_sub(const unit_moduli *m, unit a, unit b)
{
    return _mm512_add_epi64(a, _mm512_sub_epi64(m->twice, b));
}

#include "engine_body.h"

const fani_engine fani_engine_ifma48 = {
    "ifma48", BITS, LANES, RADIX, strong, lucas, curve,
};
