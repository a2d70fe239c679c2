/* The algorithms of an engine, over the arithmetic of engine_pair.h; the file that includes this
 * has defined what that file asks for. */
#ifndef FANI_ENGINE_BODY_H
#define FANI_ENGINE_BODY_H

#include "engine.h"
#include "engine_pair.h"

/* ---- Primality ------------------------------------------------------------------------------ */

/* numbers[i] = odd[i] << twos[i]; the odd parts are shifted so that the longest has bit 63 set.
 * Returns its length. */
static inline unsigned split_exponents(const uint64_t *numbers, uint64_t *odd, uint8_t *twos,
                                       unsigned *most_twos)
{
    uint64_t all = 0;
    *most_twos = 0;
    for (unsigned i = 0; i < LANES; i++) {
        twos[i] = (uint8_t)__builtin_ctzll(numbers[i]);
        odd[i] = numbers[i] >> twos[i];
        all |= odd[i];
        *most_twos = twos[i] > *most_twos ? twos[i] : *most_twos;
    }
    unsigned shift = (unsigned)__builtin_clzll(all);
    for (unsigned i = 0; i < LANES; i++)
        odd[i] <<= shift;
    return 64 - shift;
}

/* Left to right; the first bits at once. */
static void strong(const uint64_t *n, const uint64_t *one, uint8_t *passes)
{
    enum { AT_ONCE = 5 };
    uint64_t exponent[LANES] FANI_ALIGNED, words[LANES] FANI_ALIGNED;
    uint8_t twos[LANES];
    unsigned most_twos;
    for (unsigned i = 0; i < LANES; i++)
        words[i] = n[i] - 1;
    unsigned length = split_exponents(words, exponent, twos, &most_twos);
    unsigned left = length > AT_ONCE ? length - AT_ONCE : 0;
    for (unsigned i = 0; i < LANES; i++) {
        words[i] = UINT64_C(1) << (exponent[i] >> (64 - (length - left)));
        exponent[i] <<= length - left;
    }
    moduli m = moduli_load(n, one);
    residues x = residues_load(&m, words);
    for (bits rest = bits_load(exponent); left > 0; left--, rest = bits_next(rest)) {
        x = sqr(&m, x);
        x = pick(bits_top(rest), add(&m, x, x), x);
    }
    residues_store(&m, x, words);
    for (unsigned i = 0; i < LANES; i++)
        passes[i] = words[i] == 1 || words[i] == n[i] - 1;
    for (unsigned k = 1; k < most_twos; k++) {
        x = sqr(&m, x);
        residues_store(&m, x, words);
        for (unsigned i = 0; i < LANES; i++)
            passes[i] |= (uint8_t)(k < twos[i] && words[i] == n[i] - 1);
    }
}

/* V_k and V_{k+1} from the top bit of the exponent down; the bits in front of it leave V_0 = 2,
 * V_1 = P as they are. */
static void lucas(const uint64_t *n, const uint64_t *one, const uint64_t *p, uint8_t *passes)
{
    uint64_t exponent[LANES] FANI_ALIGNED, words[LANES] FANI_ALIGNED;
    uint8_t twos[LANES];
    unsigned most_twos;
    for (unsigned i = 0; i < LANES; i++)
        words[i] = n[i] + 1;
    unsigned length = split_exponents(words, exponent, twos, &most_twos);
    moduli m = moduli_load(n, one);
    residues parameter = residues_load(&m, p);
    for (unsigned i = 0; i < LANES; i++)
        words[i] = 2;
    residues two = residues_load(&m, words);
    residues v = two, w = parameter;
    for (bits rest = bits_load(exponent); length > 0; length--, rest = bits_next(rest)) {
        flags bit = bits_top(rest);
        residues both = sub(&m, mul(&m, v, w), parameter);
        residues twice = sub(&m, sqr(&m, pick(bit, w, v)), two);
        v = pick(bit, both, twice);
        w = pick(bit, twice, both);
    }
    residues_store(&m, v, words);
    for (unsigned i = 0; i < LANES; i++)
        passes[i] = words[i] == 2 || words[i] == n[i] - 2 || words[i] == 0 || words[i] == n[i];
    for (unsigned k = 1; k < most_twos; k++) {
        v = sub(&m, sqr(&m, v), two);
        residues_store(&m, v, words);
        for (unsigned i = 0; i < LANES; i++)
            passes[i] |= (uint8_t)(k < twos[i] && (words[i] == 0 || words[i] == n[i]));
    }
}

/* ---- Curves --------------------------------------------------------------------------------- */

/* (x : z) on B y^2 z = x^3 + A x^2 z + x z^2. */
typedef struct point {
    residues x, z;
} point;

/* a + b, which differ by `difference`. */
static inline __attribute__((always_inline)) point
add_points(const moduli *m, const point *a, const point *b, const point *difference)
{
    residues t = mul(m, sub(m, a->x, a->z), add(m, b->x, b->z));
    residues u = mul(m, add(m, a->x, a->z), sub(m, b->x, b->z));
    residues x = sqr(m, add(m, t, u));
    residues z = sqr(m, sub(m, t, u));
    return (point){mul(m, x, difference->z), mul(m, z, difference->x)};
}

/* 2a. With (A + 2) / 4 = -minus / under, the usual formulas times `under`. */
static inline __attribute__((always_inline)) point double_point(const moduli *m, const point *a,
                                                                residues minus, residues under)
{
    residues s = sqr(m, add(m, a->x, a->z));
    residues d = sqr(m, sub(m, a->x, a->z));
    residues t = sub(m, s, d);
    residues e = mul(m, d, under);
    return (point){mul(m, s, e), mul(m, t, sub(m, e, mul(m, t, minus)))};
}

/* Carries out the program; slot[0] is the start. */
static inline void walk(const fani_ecm_plan *plan, const moduli *m, point *slot, residues minus,
                        residues under)
{
    for (unsigned i = 0; i < plan->step_count; i++) {
        fani_ecm_step s = plan->steps[i];
        slot[s.to] = s.a == s.b ? double_point(m, &slot[s.a], minus, under)
                                : add_points(m, &slot[s.a], &slot[s.b], &slot[s.difference]);
    }
}

/* Brings the outputs to one z, the product of all: x[i] *= the product of the other z. (Where one z
 * is 0 modulo a prime, all other x become 0, and so do the differences of stage 2.) Products from
 * both ends grow side by side. */
static inline void level(const fani_ecm_plan *plan, const moduli *m, point *slot)
{
    unsigned last = plan->output_count - 1U;
    residues below = slot[plan->outputs[0]].z, above = slot[plan->outputs[last]].z;
    for (unsigned i = 1; i <= last; i++) {
        point *up = &slot[plan->outputs[i]], *down = &slot[plan->outputs[last - i]];
        up->x = mul(m, up->x, below);
        down->x = mul(m, down->x, above);
        below = mul(m, below, up->z);
        above = mul(m, above, down->z);
    }
}

/* The product of x(giant) - x(baby) over all pairs (a multiple of 4), in chains that do not wait
 * for each other. */
static inline residues meet(const fani_ecm_plan *plan, const moduli *m, const point *slot)
{
    enum { CHAINS = 4 };
    residues product[CHAINS];
    for (unsigned k = 0; k < CHAINS; k++)
        product[k] = residues_one(m);
    for (unsigned i = 0; i + CHAINS <= plan->pair_count; i += CHAINS) {
#pragma GCC unroll 4
        for (unsigned k = 0; k < CHAINS; k++) {
            fani_ecm_pair p = plan->pairs[i + k];
            product[k] = mul(m, product[k], sub(m, slot[p.giant].x, slot[p.baby].x));
        }
    }
    return mul(m, mul(m, product[0], product[1]), mul(m, product[2], product[3]));
}

static void curve(const fani_ecm_plan *plan, const uint64_t *n, const uint64_t *one,
                  const uint8_t *curves, uint64_t *divisor, uint64_t *early)
{
    uint64_t words[4][LANES] FANI_ALIGNED;
    point slot[FANI_ECM_SLOTS];
    for (unsigned i = 0; i < LANES; i++) {
        const fani_ecm_curve *c = &fani_ecm_curves[curves[i]];
        words[0][i] = c->x;
        words[1][i] = c->z;
        words[2][i] = c->minus;
        words[3][i] = c->under;
    }
    moduli m = moduli_load(n, one);
    slot[0] = (point){residues_load(&m, words[0]), residues_load(&m, words[1])};
    walk(plan, &m, slot, residues_load(&m, words[2]), residues_load(&m, words[3]));
    residues_store(&m, slot[plan->stage_1].z, early);
    level(plan, &m, slot);
    residues_store(&m, meet(plan, &m, slot), divisor);
    gcd_lanes(n, divisor);
}

#endif
