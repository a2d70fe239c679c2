/* The roots of the first polynomial of a leading coefficient, and how the others differ. */
#include "worker.h"

/* What is needed of a prime: the inverse of a, and B_j / a of each part. */
typedef struct residues {
    uint32_t p;
    uint32_t inverse;
    uint32_t delta[FANI_QS_A_PRIMES];
    uint32_t root[2];
} residues;

/* part[j] / a = gamma[j] * (the other primes of a) / a. */
static void set_deltas(const fani_qs_worker *w, residues *r)
{
    const fani_qs_leading *leading = &w->leading;
    uint32_t p = r->p, before[FANI_QS_A_PRIMES], product = 1;
    for (uint32_t j = 0; j < leading->count; j++) {
        before[j] = product;
        product = fani_mod_mul(product, w->qs->prime[leading->index[j]] % p, p);
    }
    r->inverse = fani_mod_inverse(product, p);
    uint32_t after = r->inverse;
    for (uint32_t j = leading->count; j-- > 0;) {
        uint32_t part = fani_mod_mul(after, leading->gamma[j] % p, p);
        r->delta[j] = fani_mod_mul(part, before[j], p);
        after = fani_mod_mul(after, w->qs->prime[leading->index[j]] % p, p);
    }
}

/* 2 a x + b = +- t. */
static void set_roots(const fani_qs_worker *w, uint32_t i, residues *r)
{
    uint32_t p = r->p, t = w->qs->square_root[i], b = (uint32_t)mpz_fdiv_ui(w->scratch, p);
    uint32_t half = fani_mod_mul(r->inverse, p / 2 + 1, p);
    uint32_t middle = w->interval / 2 % p;
    r->root[0] = (fani_mod_mul((t + p - b) % p, half, p) + middle) % p;
    r->root[1] = (fani_mod_mul((2 * p - t - b) % p, half, p) + middle) % p;
}

static bool divides_a(const fani_qs_worker *w, uint32_t i)
{
    for (uint32_t j = 0; j < w->leading.count; j++) {
        if (w->leading.index[j] == i)
            return true;
    }
    return false;
}

/* Primes of a stay at 0: they are not sieved with, and looked at by division. */
static void begin_short(fani_qs_worker *w, uint32_t i)
{
    fani_qs_short *s = &w->s;
    residues r = {.p = w->qs->prime[i]};
    if (!divides_a(w, i)) {
        set_deltas(w, &r);
        set_roots(w, i, &r);
    }
    for (unsigned k = 0; k < 2; k++)
        s->start[k][i] = (uint16_t)r.root[k];
    for (uint32_t j = 0; j + 1 < w->leading.count; j++)
        s->delta[(size_t)j * s->padded + i] = (uint16_t)r.delta[j];
}

static void begin_long(fani_qs_worker *w, uint32_t i)
{
    fani_qs_long *l = &w->l;
    residues r = {.p = l->prime[i]};
    set_deltas(w, &r);
    set_roots(w, l->first + i, &r);
    l->root[0][i] = r.root[0];
    l->root[1][i] = r.root[1];
    for (uint32_t j = 0; j + 1 < w->leading.count; j++)
        l->delta[(size_t)j * l->padded + i] = r.delta[j];
}

void fani_qs_begin(fani_qs_worker *w)
{
    fani_qs_leading_b(&w->leading, 0, w->scratch);
    for (uint32_t i = 0; i < w->s.count; i++)
        begin_short(w, i);
    for (uint32_t i = 0; i < w->l.count; i++)
        begin_long(w, i);
}
