/* All points of a rule in a group of regions, in blocks of FANI_POINTS_MAX; included once for each
 * instruction set with NAME of the function and WIDTH, the lanes of its vectors. Everything is made
 * without fused operations, so every instruction set has the same bits. */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "cubature.h"
#include "cubature_tell.h"

enum { SLACK = LANES }; /* all lanes are stored, even where the group has fewer regions */

/* Points and values, and sums while they last; aligned, so that no vector of a full group crosses a
 * cache line. */
typedef struct block {
    alignas(64) double points[FANI_SYMMETRIC_DIMENSION_MAX][FANI_POINTS_MAX + SLACK];
    alignas(64) double values[FANI_COMPONENTS_MAX][FANI_POINTS_MAX + SLACK];
    alignas(64) double at[FANI_SYMMETRIC_DIMENSION_MAX][LANES]; /* the next point in each region */
    alignas(64) double absolute[FANI_COMPONENTS_MAX][LANES];    /* the mean of |f| so far */
    double weights[FANI_POINTS_MAX];
    uint8_t slots[FANI_POINTS_MAX];
} block;

typedef struct walk {
    block *block;
    const fani_cubature_group *group;
    size_t d, n;        /* dimension, regions */
    size_t count, room; /* points of the rule in the block, and how many fit in */
    size_t slot;        /* of the next point */
    double weight;      /* its absolute weight */
    fan_status status;
} walk;

static void add_values(walk *w, size_t c)
{
    for (size_t l = 0; l < LANES; l += WIDTH) {
        double *sums = w->group->sums + c * FANI_CUBATURE_SLOTS * LANES + l;
        const double *values = w->block->values[c] + l;
        lanes absolute = LANES_OF(w->block->absolute[c] + l);
        for (size_t i = 0; i < w->count;) {
            const size_t slot = w->block->slots[i];
            lanes sum = LANES_AT(sums + slot * LANES);
            for (; i < w->count && w->block->slots[i] == slot; i++) {
                const lanes value = LANES_AT(values + i * w->n);
                sum += value;
                absolute += w->block->weights[i] * lanes_abs(value);
            }
            LANES_OF(sums + slot * LANES) = sum;
        }
        LANES_OF(w->block->absolute[c] + l) = absolute;
    }
}

static void flush(walk *w)
{
    const fani_cubature_group *group = w->group;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double *values[FANI_COMPONENTS_MAX];
    const size_t count = w->count * w->n;
    for (size_t k = 0; k < w->d; k++)
        points[k] = w->block->points[k];
    for (size_t c = 0; c < group->f->components; c++) {
        values[c] = w->block->values[c];
        memset(values[c] + count, 0, SLACK * sizeof *values[c]);
    }
    if (w->status == FAN_OK && count > 0)
        w->status =
            fani_domain_evaluate(group->f, group->domain, points, count, values, group->bad);
    for (size_t c = 0; w->status == FAN_OK && c < group->f->components; c++)
        add_values(w, c);
    w->count = 0;
}

/* Where the group has fewer regions than lanes, the next point overwrites what is too much. */
static inline void emit(walk *w)
{
    const size_t at = w->count * w->n;
    for (size_t k = 0; k < w->d; k++) {
        for (size_t l = 0; l < LANES; l += WIDTH)
            LANES_OF(w->block->points[k] + at + l) = LANES_AT(w->block->at[k] + l);
    }
    w->block->slots[w->count] = (uint8_t)w->slot;
    w->block->weights[w->count] = w->weight;
    if (++w->count == w->room)
        flush(w);
}

static inline void move(walk *w, size_t place, double offset)
{
    const double *centre = w->group->centre + place * LANES, *half = w->group->half + place * LANES;
    for (size_t l = 0; l < LANES; l += WIDTH)
        LANES_OF(w->block->at[place] + l) = LANES_AT(centre + l) + offset * LANES_AT(half + l);
}

static inline void back(walk *w, size_t place)
{
    const double *centre = w->group->centre + place * LANES;
    for (size_t l = 0; l < LANES; l += WIDTH)
        LANES_OF(w->block->at[place] + l) = LANES_AT(centre + l);
}

/* The point with a in `place` and both signs; it is in the middle again afterwards. */
static void both_signs(walk *w, size_t place, double a)
{
    move(w, place, a);
    emit(w);
    move(w, place, -a);
    emit(w);
    back(w, place);
}

static void axis(walk *w, double a, bool own_slots)
{
    for (size_t i = 0; i < w->d; i++) {
        both_signs(w, i, a);
        w->slot += own_slots;
    }
}

/* (a, b) in places i != j; one order where a == b. */
static void pairs(walk *w, double a, double b, size_t first)
{
    for (size_t i = first; i < w->d; i++) {
        for (size_t j = a == b ? i + 1 : first; j < w->d; j++) {
            for (int sign = 0; sign < 2 && i != j; sign++) {
                move(w, i, sign ? -a : a);
                both_signs(w, j, b);
            }
        }
        back(w, i);
    }
}

static void triples(walk *w, double a)
{
    for (size_t i = 0; i + 2 < w->d; i++) {
        for (int sign = 0; sign < 2; sign++) {
            move(w, i, sign ? -a : a);
            pairs(w, a, a, i + 1);
        }
        back(w, i);
    }
}

/* (a, a, b), with b in each of the places. */
static void doubles(walk *w, double a, double b)
{
    for (size_t i = 0; i < w->d; i++) {
        for (size_t j = i + 1; j < w->d; j++) {
            for (size_t k = 0; k < w->d; k++) {
                for (unsigned signs = 0; signs < 4 && k != i && k != j; signs++) {
                    move(w, i, signs & 1 ? -a : a);
                    move(w, j, signs & 2 ? -a : a);
                    both_signs(w, k, b);
                }
            }
            back(w, j);
        }
        back(w, i);
    }
}

static void corners(walk *w, double a)
{
    for (size_t k = 0; k < w->d; k++)
        move(w, k, -a);
    emit(w);
    for (size_t mask = 1; mask < (size_t)1 << w->d; mask++) {
        for (size_t k = 0; k == 0 || !(mask >> (k - 1) & 1); k++)
            move(w, k, mask >> k & 1 ? a : -a);
        emit(w);
    }
    for (size_t k = 0; k < w->d; k++)
        back(w, k);
}

static void orbit(walk *w, size_t j)
{
    const fani_orbit *at = &fani_symmetric_shapes[w->group->rule->shape].orbits[j];
    w->slot = fani_cubature_slot(j, w->d);
    w->weight = fabs(w->group->rule->weights[j]);
    switch (at->shape) {
    case FANI_ORBIT_CENTRE:
        emit(w);
        break;
    case FANI_ORBIT_AXIS:
        axis(w, at->a, j <= 2);
        break;
    case FANI_ORBIT_PAIR:
        pairs(w, at->a, at->a, 0);
        break;
    case FANI_ORBIT_MIXED:
        pairs(w, at->a, at->b, 0);
        break;
    case FANI_ORBIT_TRIPLE:
        triples(w, at->a);
        break;
    case FANI_ORBIT_DOUBLE:
        doubles(w, at->a, at->b);
        break;
    case FANI_ORBIT_CORNERS:
        corners(w, at->a);
        break;
    }
}

fan_status NAME(const fani_cubature_group *group)
{
    block blocks;
    walk w = {.block = &blocks, .group = group, .d = group->domain->dimension, .n = group->count};
    w.room = FANI_POINTS_MAX / w.n;
    for (size_t k = 0; k < w.d; k++)
        back(&w, k);
    const size_t orbits = fani_symmetric_shapes[group->rule->shape].count;
    const size_t slots = fani_cubature_slot(orbits, w.d);
    for (size_t c = 0; c < group->f->components; c++) {
        memset(group->sums + c * FANI_CUBATURE_SLOTS * LANES, 0,
               slots * LANES * sizeof *group->sums);
        memset(blocks.absolute[c], 0, sizeof blocks.absolute[c]);
    }
    for (size_t j = 0; j < orbits; j++)
        orbit(&w, j);
    flush(&w);
    for (size_t l = 0; w.status == FAN_OK && l < w.n; l += WIDTH)
        tell(group, l, (const double(*)[LANES])blocks.absolute);
    return w.status;
}
