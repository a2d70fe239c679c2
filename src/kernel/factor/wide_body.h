/* The algorithms of a wide engine. The file that includes this has defined LIMBS and the arithmetic
 * (wide_words.h or wide_ifma.h): unit_mul, unit_sqr take what mul and sqr made, or one sum or
 * difference of such; unit_add and unit_sub take what mul and sqr made. */
#ifndef FANI_WIDE_BODY_H
#define FANI_WIDE_BODY_H

#include "prac.h"

enum { LANES = UNIT * VECTORS, BITS = LIMB_BITS * LIMBS - 4 };

#define EACH _Pragma("GCC unroll 2") for (unsigned i = 0; i < VECTORS; i++)

typedef struct residue {
    unit v[VECTORS];
} residue;

static inline __attribute__((always_inline)) residue mul(const moduli *m, residue a, residue b)
{
    residue out;
    EACH out.v[i] = unit_mul(m, a.v[i], b.v[i]);
    return out;
}

static inline __attribute__((always_inline)) residue sqr(const moduli *m, residue a)
{
    residue out;
    EACH out.v[i] = unit_sqr(m, a.v[i]);
    return out;
}

static inline __attribute__((always_inline)) residue add(const moduli *m, residue a, residue b)
{
    residue out;
    EACH out.v[i] = unit_add(m, a.v[i], b.v[i]);
    return out;
}

static inline __attribute__((always_inline)) residue sub(const moduli *m, residue a, residue b)
{
    residue out;
    EACH out.v[i] = unit_sub(m, a.v[i], b.v[i]);
    return out;
}

static inline void store(const residue *x, fani_wide_lanes out)
{
    EACH unit_store(x->v[i], i * UNIT, out);
}

/* (x : z) on B y^2 z = x^3 + A x^2 z + x z^2. */
typedef struct point {
    residue x, z;
} point;

/* (A + 2) / 4 = over / under. */
typedef struct curve {
    moduli m;
    residue over, under;
} curve;

/* *to = a + b, which differ by `difference`; `to` may be one of them. */
static void add_points(const curve *c, point *to, const point *a, const point *b,
                       const point *difference)
{
    const moduli *m = &c->m;
    residue t = mul(m, sub(m, a->x, a->z), add(m, b->x, b->z));
    residue u = mul(m, add(m, a->x, a->z), sub(m, b->x, b->z));
    residue x = sqr(m, add(m, t, u));
    residue z = sqr(m, sub(m, t, u));
    residue new_x = mul(m, x, difference->z);
    to->z = mul(m, z, difference->x);
    to->x = new_x;
}

/* *to = 2a: the usual formulas times `under`. */
static void double_point(const curve *c, point *to, const point *a)
{
    const moduli *m = &c->m;
    residue s = sqr(m, add(m, a->x, a->z));
    residue d = sqr(m, sub(m, a->x, a->z));
    residue e = mul(m, d, c->under);
    residue t = sub(m, s, d);
    residue f = mul(m, t, c->over);
    to->x = mul(m, s, e);
    to->z = mul(m, add(m, e, f), t);
}

/* Suyama's curve: u = sigma^2 - 5, v = 4 sigma, start (u^3 : v^3), (A + 2) / 4 =
 * (v - u)^3 (3u + v) / (16 u^3 v); all times powers of sigma's denominator. */
static void start_curve(const fani_wide_modulus *modulus, const fani_wide_sigma *sigmas, curve *c,
                        point *start)
{
    uint64_t words[5][LANES];
    for (unsigned k = 0; k < LANES; k++) {
        words[0][k] = sigmas[k].over;
        words[1][k] = sigmas[k].under;
        words[2][k] = 5;
        words[3][k] = 4;
        words[4][k] = 3;
    }
    c->m = moduli_load(modulus);
    const moduli *m = &c->m;
    residue number[5];
    unit square = unit_load(modulus->square);
    for (unsigned k = 0; k < 5; k++)
        EACH number[k].v[i] = unit_mul(m, unit_small(words[k] + (size_t)i * UNIT), square);
    residue four = number[3];
    residue u = sub(m, sqr(m, number[0]), mul(m, number[2], sqr(m, number[1])));
    residue v = mul(m, four, mul(m, number[0], number[1]));
    residue one = number[2]; /* any unit brings a sum back below 2n; it cancels below */
    u = mul(m, u, one);
    v = mul(m, v, one);
    residue w = sub(m, v, u);
    residue sum = add(m, mul(m, number[4], u), v);
    start->x = mul(m, sqr(m, u), u);
    start->z = mul(m, sqr(m, v), v);
    c->over = mul(m, mul(m, sqr(m, w), w), sum);
    c->under = mul(m, mul(m, sqr(m, four), start->x), v);
}

/* ---- Stage 1 -------------------------------------------------------------------------------- */

/* a, b, c and two more, swapped by their addresses. */
typedef struct points {
    point *a, *b, *c, *t, *u;
} points;

static inline void swap(point **left, point **right)
{
    point *kept = *left;
    *left = *right;
    *right = kept;
}

static void apply(const curve *c, points *p, fani_prac_rule rule)
{
    switch (rule) {
    case FANI_PRAC_THIRDS:
        add_points(c, p->t, p->a, p->b, p->c);
        add_points(c, p->u, p->t, p->a, p->b);
        add_points(c, p->b, p->t, p->b, p->a);
        swap(&p->a, &p->u);
        break;
    case FANI_PRAC_HALF:
        add_points(c, p->b, p->a, p->b, p->c);
        double_point(c, p->a, p->a);
        break;
    case FANI_PRAC_SUBTRACT:
        add_points(c, p->c, p->a, p->b, p->c);
        swap(&p->b, &p->c);
        break;
    case FANI_PRAC_HALVE_D:
        add_points(c, p->c, p->a, p->c, p->b);
        double_point(c, p->a, p->a);
        break;
    case FANI_PRAC_THIRD_D:
        double_point(c, p->t, p->a);
        add_points(c, p->u, p->a, p->b, p->c);
        add_points(c, p->a, p->t, p->a, p->a);
        add_points(c, p->c, p->t, p->u, p->c);
        swap(&p->b, &p->c);
        break;
    case FANI_PRAC_THIRD_SUM:
        add_points(c, p->t, p->a, p->b, p->c);
        add_points(c, p->b, p->t, p->a, p->b);
        double_point(c, p->t, p->a);
        add_points(c, p->a, p->t, p->a, p->a);
        break;
    case FANI_PRAC_THIRD_DIFF:
        add_points(c, p->t, p->a, p->b, p->c);
        add_points(c, p->c, p->a, p->c, p->b);
        swap(&p->b, &p->t);
        double_point(c, p->t, p->a);
        add_points(c, p->a, p->t, p->a, p->a);
        break;
    case FANI_PRAC_HALVE_E:
        add_points(c, p->c, p->b, p->c, p->a);
        double_point(c, p->b, p->b);
        break;
    }
}

/* *p->a times an odd prime. */
static void times_prime(const curve *c, points *p, uint32_t prime, double ratio)
{
    uint32_t r = (uint32_t)((double)prime / ratio + 0.5);
    uint32_t d = prime - r, e = 2 * r - prime;
    *p->b = *p->a;
    *p->c = *p->a;
    double_point(c, p->a, p->a);
    while (d != e) {
        if (d < e) {
            uint32_t kept = d;
            d = e;
            e = kept;
            swap(&p->a, &p->b);
        }
        apply(c, p, fani_prac_step(&d, &e));
    }
    add_points(c, p->a, p->a, p->b, p->c);
}

static void stage_1(const curve *c, const fani_wide_plan *plan, point *q)
{
    point room[4];
    points p = {q, &room[0], &room[1], &room[2], &room[3]};
    /* Powers of 2 and 3 cost little, and orders have many of them. */
    for (uint32_t power = 2; power <= 4 * plan->b1; power *= 2)
        double_point(c, p.a, p.a);
    for (uint32_t k = 0; k < plan->prime_count; k++) {
        uint32_t prime = plan->primes[k];
        double ratio = fani_prac_ratios[fani_wide_chains[k / 2] >> 4 * (k % 2) & 15];
        uint32_t end = prime == 3 ? 3 * plan->b1 : plan->b1;
        for (uint32_t power = prime; power <= end; power *= prime)
            times_prime(c, &p, prime, ratio);
    }
    if (p.a != q)
        *q = *p.a;
}

/* ---- Stage 2 -------------------------------------------------------------------------------- */

/* The multiples of q by the numbers coprime to D below D / 2: those by 6k + 1 and 6k - 1 in two
 * chains. `out` has room for all of them. Sets *giant to D q. */
static void baby_steps(const curve *c, const fani_wide_plan *plan, const point *q, point *out,
                       point *giant)
{
    point two, three, six, last[2][2]; /* last[chain]: the last but one, the last */
    double_point(c, &two, q);
    add_points(c, &three, &two, q, q);
    double_point(c, &six, &three);
    last[0][0] = *q;                                  /* 1 */
    add_points(c, &last[1][0], &three, &two, q);      /* 5 */
    add_points(c, &last[0][1], &six, q, &last[1][0]); /* 7 */
    add_points(c, &last[1][1], &six, &last[1][0], q); /* 11 */
    point half[2];
    uint32_t made = 0;
    for (uint32_t j = 1, chain = 0; made < plan->baby_count; j += chain == 0 ? 4 : 2, chain ^= 1) {
        if (plan->babies[made] == j)
            out[made++] = last[chain][0];
        point next;
        add_points(c, &next, &last[chain][1], &six, &last[chain][0]);
        last[chain][0] = last[chain][1];
        last[chain][1] = next;
    }
    /* D q by a ladder. */
    half[0] = *q;
    half[1] = two;
    for (int bit = 30 - __builtin_clz(plan->step); bit >= 0; bit--) {
        unsigned one = plan->step >> bit & 1;
        add_points(c, &half[1 - one], &half[0], &half[1], q);
        double_point(c, &half[one], &half[one]);
    }
    *giant = half[0];
}

/* D q, 2D q, ... */
static void giant_steps(const curve *c, const fani_wide_plan *plan, const point *giant, point *out)
{
    out[0] = *giant;
    double_point(c, &out[1], giant);
    for (uint32_t k = 2; k < plan->last_giant; k++)
        add_points(c, &out[k], &out[k - 1], giant, &out[k - 2]);
}

/* Brings points to one z, the product of all: x[i] *= the product of the other z. Where one z is 0
 * modulo a prime, all other x become 0, and so do their differences. */
static void level(const curve *c, point *at, uint32_t count)
{
    residue below = at[0].z, above = at[count - 1].z;
    for (uint32_t i = 1; i < count; i++) {
        point *up = &at[i], *down = &at[count - 1 - i];
        up->x = mul(&c->m, up->x, below);
        down->x = mul(&c->m, down->x, above);
        below = mul(&c->m, below, up->z);
        above = mul(&c->m, above, down->z);
    }
}

/* The product of x(giant) - x(baby) over all pairs, in chains that do not wait for each other. */
static residue meet(const curve *c, const fani_wide_plan *plan, const point *babies,
                    const point *giants, residue first)
{
    enum { CHAINS = VECTORS == 1 ? 4 : 2 };
    residue product[CHAINS];
    for (unsigned k = 0; k < CHAINS; k++)
        product[k] = first;
    for (uint32_t i = 0; i + CHAINS <= plan->pair_count; i += CHAINS) {
#pragma GCC unroll 4
        for (unsigned k = 0; k < CHAINS; k++) {
            fani_wide_pair p = plan->pairs[i + k];
            product[k] = mul(&c->m, product[k], sub(&c->m, giants[p.giant].x, babies[p.baby].x));
        }
    }
    for (unsigned k = 1; k < CHAINS; k++)
        product[0] = mul(&c->m, product[0], product[k]);
    return product[0];
}

static void run_curves(const fani_wide_plan *plan, const fani_wide_modulus *modulus,
                       const fani_wide_sigma *sigmas, void *room, fani_wide_lanes divisors,
                       fani_wide_lanes early)
{
    curve c;
    point q, giant;
    point *babies = room, *giants = babies + plan->baby_count;
    start_curve(modulus, sigmas, &c, &q);
    stage_1(&c, plan, &q);
    store(&q.z, early);
    baby_steps(&c, plan, &q, babies, &giant);
    giant_steps(&c, plan, &giant, giants);
    level(&c, babies, plan->baby_count + plan->last_giant);
    /* z of stage 1 is a factor of the first product: what stage 1 found stays found. */
    residue product = meet(&c, plan, babies, giants, q.z);
    store(&product, divisors);
}

#endif
