/* The engine for any machine: words of 64 bits in Montgomery's form, two lanes, so that the
 * processor has something to do while a multiplication waits for another. */
#include "engine.h"
#include "fanfold/gcd.h"
#include "montgomery.h"

enum { LANES = 2, BITS = 64, RADIX = 64 };

#define EACH_LANE _Pragma("GCC unroll 2") for (unsigned lane = 0; lane < LANES; lane++)

typedef struct residues {
    uint64_t v[LANES];
} residues;

typedef residues bits;
typedef residues flags; /* all ones or 0 */

typedef struct moduli {
    fani_mont m[LANES];
    residues square; /* R^2 */
} moduli;

static inline residues mul(const moduli *m, residues a, residues b)
{
    residues out;
    EACH_LANE
    out.v[lane] = fani_mont_mul(&m->m[lane], a.v[lane], b.v[lane]);
    return out;
}

static inline residues sqr(const moduli *m, residues a)
{
    return mul(m, a, a);
}

static inline residues add(const moduli *m, residues a, residues b)
{
    residues out;
    EACH_LANE
    out.v[lane] = fani_mont_add(&m->m[lane], a.v[lane], b.v[lane]);
    return out;
}

static inline residues sub(const moduli *m, residues a, residues b)
{
    residues out;
    EACH_LANE
    {
        uint64_t x = a.v[lane], y = b.v[lane], raised = x + m->m[lane].n;
        out.v[lane] = x < y ? raised - y : x - y;
    }
    return out;
}

static inline residues pick(flags f, residues a, residues b)
{
    residues out;
    EACH_LANE
    out.v[lane] = (a.v[lane] & f.v[lane]) | (b.v[lane] & ~f.v[lane]);
    return out;
}

static inline bits bits_load(const uint64_t *words)
{
    return (bits){{words[0], words[1]}};
}

static inline flags bits_top(bits b)
{
    return (flags){{0 - (b.v[0] >> 63), 0 - (b.v[1] >> 63)}};
}

static inline bits bits_next(bits b)
{
    return (bits){{b.v[0] << 1, b.v[1] << 1}};
}

static inline moduli moduli_load(const uint64_t *n, const uint64_t *one)
{
    moduli m;
    EACH_LANE
    {
        m.m[lane] = (fani_mont){n[lane], fani_inverse_u64(n[lane]), one[lane]};
        m.square.v[lane] = fani_mont_r2(&m.m[lane]);
    }
    return m;
}

static inline residues residues_load(const moduli *m, const uint64_t *words)
{
    return mul(m, (residues){{words[0], words[1]}}, m->square);
}

static inline residues residues_one(const moduli *m)
{
    return (residues){{m->m[0].one, m->m[1].one}};
}

static inline void residues_store(const moduli *m, residues x, uint64_t *words)
{
    EACH_LANE
    words[lane] = fani_mont_reduce(&m->m[lane], 0, x.v[lane]);
}

static inline void gcd_lanes(const uint64_t *n, uint64_t *words)
{
    EACH_LANE
    words[lane] = fan_gcd_u64(n[lane], words[lane]);
}

#include "engine_body.h"

const fani_engine fani_engine_scalar = {
    "scalar", BITS, LANES, RADIX, strong, lucas, curve,
};
