/* The roots that a leading coefficient begins with, and how those of its other polynomials differ.
 * Primes of a get roots that mean nothing: they are not sieved with, and looked at by division. */
#include "worker.h"

static uint32_t smaller(uint32_t x, uint32_t y)
{
    return x < y ? x : y;
}

static void keep_short(fani_qs_worker *w, const fani_qs_lanes *lanes, uint32_t i, uint32_t count)
{
    fani_qs_short *s = &w->s;
    for (uint32_t k = 0; k < count; k++) {
        s->start[0][i + k] = (uint16_t)lanes->root[0][k];
        s->start[1][i + k] = (uint16_t)lanes->root[1][k];
    }
    for (uint32_t j = 0; j + 1 < w->leading.count; j++) {
        uint16_t *delta = s->delta + (size_t)j * s->padded + i;
        for (uint32_t k = 0; k < count; k++)
            delta[k] = (uint16_t)lanes->delta[j][k];
    }
}

static void keep_long(fani_qs_worker *w, const fani_qs_lanes *lanes, uint32_t i, uint32_t count)
{
    fani_qs_long *l = &w->l;
    for (uint32_t k = 0; k < count; k++) {
        l->root[0][i + k] = (uint32_t)lanes->root[0][k];
        l->root[1][i + k] = (uint32_t)lanes->root[1][k];
    }
    for (uint32_t j = 0; j + 1 < w->leading.count; j++) {
        uint32_t *delta = l->delta + (size_t)j * l->padded + i;
        for (uint32_t k = 0; k < count; k++)
            delta[k] = (uint32_t)lanes->delta[j][k];
    }
}

void fani_qs_begin(fani_qs_worker *w)
{
    fani_qs_lanes lanes;
    uint32_t step = w->loops->lanes;
    for (uint32_t i = 0; i < w->s.count; i += step) {
        w->loops->begin(w, i, &lanes);
        keep_short(w, &lanes, i, smaller(step, w->s.count - i));
    }
    for (uint32_t i = 0; i < w->l.count; i += step) {
        w->loops->begin(w, w->l.first + i, &lanes);
        keep_long(w, &lanes, i, smaller(step, w->l.count - i));
    }
}
