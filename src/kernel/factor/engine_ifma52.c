/* Up to 52 bits on AVX-512: all residues below n. */
#include "engine.h"
#include "word_avx512.h"

enum { BITS = 52 };

/* Montgomery's reduction with a subtraction: the low halves of a b and of q n are equal, so no
 * carry comes from them. A negative result is a very large one; n more makes it the smaller one. */
static inline unit unit_mul(const unit_moduli *m, unit a, unit b)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i q = low_of(zero, low_of(zero, a, b), m->inverse);
    __m512i x = _mm512_sub_epi64(high_of(zero, a, b), high_of(zero, q, m->n));
    return _mm512_min_epu64(x, _mm512_add_epi64(x, m->n));
}

static inline unit unit_add(const unit_moduli *m, unit a, unit b)
{
    __m512i x = _mm512_add_epi64(a, b);
    return _mm512_min_epu64(x, _mm512_sub_epi64(x, m->n));
}

static inline unit unit_sub(const unit_moduli *m, unit a, unit b)
{
    __m512i x = _mm512_sub_epi64(a, b);
    return _mm512_min_epu64(x, _mm512_add_epi64(x, m->n));
}

#include "engine_body.h"

const fani_engine fani_engine_ifma52 = {
    "ifma52", BITS, LANES, RADIX, strong, lucas, curve,
};
