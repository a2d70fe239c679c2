/* Up to 64 bits on any machine: all residues below n. */
#include "engine.h"
#include "word_scalar.h"

enum { BITS = 64 };

static inline unit unit_mul(const unit_moduli *m, unit a, unit b)
{
    return fani_mont_mul(&m->m, a, b);
}

static inline unit unit_add(const unit_moduli *m, unit a, unit b)
{
    return fani_mont_add(&m->m, a, b);
}

static inline unit unit_sub(const unit_moduli *m, unit a, unit b)
{
    uint64_t raised = a + m->m.n;
    return a < b ? raised - b : a - b;
}

#include "engine_body.h"

const fani_engine fani_engine_scalar = {
    "scalar", BITS, LANES, RADIX, strong, lucas, curve,
};
