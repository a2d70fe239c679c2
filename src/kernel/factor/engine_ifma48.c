/* Up to 48 bits on AVX-512: products stay below 2n and sums below 4n, which a radix of 2^52 takes
 * without any correction. */
#include "engine.h"

enum { LANES = 16, BITS = 48, RADIX = 52 };

#include "pair_avx512.h"

/* n + (a b - q n) / 2^52: above 0, and at most 2n for a, b < 4n, because 16 n < 2^52. */
static inline __m512i multiply(const moduli *m, unsigned i, __m512i a, __m512i b)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i q = low_of(zero, low_of(zero, a, b), m->inverse[i]);
    return _mm512_sub_epi64(high_of(m->n[i], a, b), high_of(zero, q, m->n[i]));
}

static inline __m512i plus_of(const moduli *m, unsigned i, __m512i a, __m512i b)
{
    (void)m;
    (void)i;
    return _mm512_add_epi64(a, b);
}

static inline __m512i minus_of(const moduli *m, unsigned i, __m512i a, __m512i b)
{
    return _mm512_add_epi64(a, _mm512_sub_epi64(m->twice[i], b));
}

#include "engine_body.h"

const fani_engine fani_engine_ifma48 = {
    "ifma48", BITS, LANES, RADIX, strong, lucas, curve,
};
