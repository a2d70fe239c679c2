/* All points of a rule in LANES regions, in blocks of FANI_POINTS_MAX; included once for each
 * instruction set with LANES, and NAME of the function. Positions and sums are made without fused
 * operations, so every instruction set has the same ones. */
#include <string.h>

#include "cubature.h"

#if LANES == 1
typedef double lanes;
#define LANES_OF(p) (*(p))
#define LANES_ABS(v) ((v) < 0 ? -(v) : (v))
#else
typedef double lanes __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t lane_bits __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
#define LANES_OF(p) (*(lanes *)(p))
#define LANES_ABS(v) ((lanes)((lane_bits)(v)&INT64_MAX))
#endif

enum { BLOCK = FANI_POINTS_MAX / LANES };

typedef struct walk {
    const fani_cubature_group *group;
    size_t d, count; /* dimension, points in the block */
    size_t slot;     /* of the next point */
    double weight;   /* its absolute weight */
    double offset[FANI_SYMMETRIC_DIMENSION_MAX];
    fan_status status;
    uint8_t slots[BLOCK];
    double weights[BLOCK];
    double points[FANI_SYMMETRIC_DIMENSION_MAX][FANI_POINTS_MAX];
    double values[FANI_COMPONENTS_MAX][FANI_POINTS_MAX];
} walk;

static void flush(walk *w)
{
    const fani_cubature_group *group = w->group;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double *values[FANI_COMPONENTS_MAX];
    for (size_t k = 0; k < w->d; k++)
        points[k] = w->points[k];
    for (size_t c = 0; c < group->f->components; c++)
        values[c] = w->values[c];
    if (w->status == FAN_OK && w->count > 0)
        w->status = fani_domain_evaluate(group->f, group->domain, points, w->count * LANES, values,
                                         group->bad);
    for (size_t c = 0; w->status == FAN_OK && c < group->f->components; c++) {
        double *sums = group->sums + c * FANI_CUBATURE_SLOTS * LANES;
        lanes absolute = LANES_OF(group->absolute + c * LANES);
        for (size_t i = 0; i < w->count; i++) {
            const lanes value = LANES_OF(w->values[c] + i * LANES);
            LANES_OF(sums + w->slots[i] * LANES) += value;
            absolute += w->weights[i] * LANES_ABS(value);
        }
        LANES_OF(group->absolute + c * LANES) = absolute;
    }
    w->count = 0;
}

static void emit(walk *w)
{
    const double *centre = w->group->centre, *half = w->group->half;
    for (size_t k = 0; k < w->d; k++)
        LANES_OF(w->points[k] + w->count * LANES) =
            LANES_OF(centre + k * LANES) + w->offset[k] * LANES_OF(half + k * LANES);
    w->slots[w->count] = (uint8_t)w->slot;
    w->weights[w->count] = w->weight;
    if (++w->count == BLOCK)
        flush(w);
}

/* The point with a in `place` and both signs; the offsets are zero again afterwards. */
static void both_signs(walk *w, size_t place, double a)
{
    w->offset[place] = a;
    emit(w);
    w->offset[place] = -a;
    emit(w);
    w->offset[place] = 0;
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
                w->offset[i] = sign ? -a : a;
                both_signs(w, j, b);
            }
            w->offset[i] = 0;
        }
    }
}

static void triples(walk *w, double a)
{
    for (size_t i = 0; i + 2 < w->d; i++) {
        for (int sign = 0; sign < 2; sign++) {
            w->offset[i] = sign ? -a : a;
            pairs(w, a, a, i + 1);
        }
        w->offset[i] = 0;
    }
}

static void corners(walk *w, double a)
{
    for (size_t mask = 0; mask < (size_t)1 << w->d; mask++) {
        for (size_t k = 0; k < w->d; k++)
            w->offset[k] = mask >> k & 1 ? a : -a;
        emit(w);
    }
    memset(w->offset, 0, sizeof w->offset);
}

static void orbit(walk *w, size_t j)
{
    const fani_orbit *at = &fani_symmetric_shapes[w->group->rule->shape].orbits[j];
    const double weight = w->group->rule->weights[j];
    w->slot = fani_cubature_slot(j, w->d);
    w->weight = weight < 0 ? -weight : weight;
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
    case FANI_ORBIT_CORNERS:
        corners(w, at->a);
        break;
    }
}

fan_status NAME(const fani_cubature_group *group)
{
    walk w;
    w.group = group;
    w.d = group->domain->dimension;
    w.count = 0;
    w.status = FAN_OK;
    memset(w.offset, 0, sizeof w.offset);
    for (size_t j = 0; j < fani_symmetric_shapes[group->rule->shape].count; j++)
        orbit(&w, j);
    flush(&w);
    return w.status;
}
