/* Up to 60 bits on any machine: products stay below 2n and sums below 4n, which a radix of 2^64
 * takes without any correction. */
#include "engine.h"
#include "word_scalar.h"

enum { BITS = 60 };

/* n + (a b - q n) / 2^64: above 0, and at most 2n for a, b < 4n, because 16 n <= 2^64. */
static inline unit unit_mul(const unit_moduli *m, unit a, unit b)
{
    fani_u128 product = (fani_u128)a * b;
    uint64_t q = (uint64_t)product * m->m.inverse;
    return (uint64_t)(product >> 64) + m->m.n - (uint64_t)(((fani_u128)q * m->m.n) >> 64);
}

static inline unit unit_add(const unit_moduli *m, unit a, unit b)
{
    (void)m;
    return a + b;
}

static inline unit unit_sub(const unit_moduli *m, unit a, unit b)
{
    return a + (2 * m->m.n - b);
}

#include "engine_body.h"

const fani_engine fani_engine_scalar60 = {
    "scalar60", BITS, LANES, RADIX, strong, lucas, curve,
};
