/* The unit cube mapped onto the range of an integral. */
#include "domain.h"

#include <math.h>
#include <string.h>

#include "domain_box.h"
#include "expression.h"

enum { POINTS = FANI_POINTS_MAX };

/* What one call works on; on the stack of the caller. */
typedef struct mapping {
    double x[FAN_INTEGRAL_DIMENSION_MAX][POINTS];
    double slope[POINTS];        /* of all dimensions together, with the sign of reversed bounds */
    double distances[2][POINTS]; /* of the last dimension mapped: from its lower and upper end */
    double from[POINTS], to[POINTS];
    bool at_infinity[POINTS]; /* the point has an infinite coordinate: its value is the limit 0 */
} mapping;

typedef struct mapped {
    double x, slope, below, above;
} mapped;

/* The place u = 1 - v of the unit interval; both are given, as the smaller one tells more. */
typedef struct place {
    double u, v;
} place;

/* From the nearer end, so that neither is missed and points near them keep their distance. */
static mapped map_finite(double from, double to, place p)
{
    const double length = to - from;
    const double below = length * p.u, above = length * p.v;
    return (mapped){p.u <= 0.5 ? from + below : to - above, length, below, above};
}

/* x = from + u / (1 - u). */
static mapped map_up(double from, place p)
{
    const double below = p.u / p.v;
    return (mapped){from + below, 1 / (p.v * p.v), below, INFINITY};
}

/* x = to - (1 - u) / u. */
static mapped map_down(double to, place p)
{
    const double above = p.v / p.u;
    return (mapped){to - above, 1 / (p.u * p.u), INFINITY, above};
}

/* x = t / (1 - t^2) with t = 2 u - 1; 1 - t^2 is 4 u (1 - u), which loses nothing near the ends. */
static mapped map_line(place p)
{
    const double t = p.u - p.v, d = 4 * p.u * p.v;
    return (mapped){t / d, 2 * (1 + t * t) / (d * d), INFINITY, INFINITY};
}

static mapped map_forward(double from, double to, place p)
{
    if (isfinite(from) && isfinite(to))
        return map_finite(from, to, p);
    if (from == to)
        return (mapped){from, 0, 0, 0};
    if (isnan(from) || isnan(to))
        return (mapped){NAN, NAN, NAN, NAN};
    if (isfinite(from))
        return map_up(from, p);
    return isfinite(to) ? map_down(to, p) : map_line(p);
}

/* Reversed bounds: the same points as of the range the right way round, from its upper end. */
static mapped map_point(double from, double to, double u)
{
    if (!(from > to))
        return map_forward(from, to, (place){u, 1 - u});
    mapped m = map_forward(to, from, (place){1 - u, u});
    m.slope = -m.slope;
    return m;
}

static bool is_fixed(const fani_bound *bound)
{
    return !bound->expression;
}

/* Most ranges: bounds that are finite numbers in the right order. */
static void map_fixed(mapping *m, size_t k, double from, double to, const double *u, int count)
{
    const double length = to - from;
    for (int i = 0; i < count; i++) {
        const double below = length * u[i], above = length * (1 - u[i]);
        m->x[k][i] = u[i] <= 0.5 ? from + below : to - above;
        m->slope[i] *= length;
        m->distances[0][i] = below;
        m->distances[1][i] = above;
    }
}

static void map_each(mapping *m, size_t k, const double *u, int count)
{
    for (int i = 0; i < count; i++) {
        const mapped at = map_point(m->from[i], m->to[i], u[i]);
        if (isinf(m->from[i]) || isinf(m->to[i]))
            m->at_infinity[i] |= isinf(at.x) || isinf(at.slope);
        m->x[k][i] = at.x;
        m->slope[i] *= at.slope;
        m->distances[0][i] = at.below;
        m->distances[1][i] = at.above;
    }
}

static void bound_values(const fani_bound *bound, const double *const *points, size_t count,
                         double *values)
{
    if (!is_fixed(bound)) {
        fan_expression_evaluate(bound->expression, points, bound->parameters, count,
                                (double *const[]){values});
        return;
    }
    for (size_t i = 0; i < count; i++)
        values[i] = bound->value;
}

static void map_dimension(mapping *m, const fani_domain *domain, size_t k, const double *u,
                          size_t count)
{
    const fani_bound *from = &domain->from[k], *to = &domain->to[k];
    if (is_fixed(from) && is_fixed(to) && isfinite(from->value) && isfinite(to->value) &&
        from->value <= to->value) {
        map_fixed(m, k, from->value, to->value, u, (int)count);
        return;
    }
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    for (size_t d = 0; d < k; d++)
        points[d] = m->x[d];
    bound_values(from, points, count, m->from);
    bound_values(to, points, count, m->to);
    map_each(m, k, u, (int)count);
}

static void note(fani_bad_values *bad, const mapping *m, size_t dimension, size_t i, double value)
{
    if (bad->count++ > 0)
        return;
    bad->first_value = value;
    for (size_t d = 0; d < dimension; d++)
        bad->first_point[d] = m->x[d][i];
}

/* Times the slope; a point without measure or at infinity counts 0 whatever is there. */
static void weigh(const mapping *m, size_t dimension, size_t count, double *values,
                  fani_bad_values *bad)
{
    for (size_t i = 0; i < count; i++) {
        const double weighed = values[i] * m->slope[i];
        if (m->at_infinity[i] || m->slope[i] == 0)
            values[i] = 0;
        else if (isfinite(weighed))
            values[i] = weighed;
        else {
            note(bad, m, dimension, i, isfinite(values[i]) ? weighed : values[i]);
            values[i] = 0;
        }
    }
}

fan_status fani_domain_evaluate(const fani_integrand *f, const fani_domain *domain,
                                const double *const *u, size_t count, double *const *values,
                                fani_bad_values *bad)
{
    if (!f->wants_distances && fani_domain_is_box(domain))
        return fani_box_evaluate(f, domain, u, count, values, bad);
    mapping m;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX + 2];
    for (size_t i = 0; i < count; i++)
        m.slope[i] = 1;
    memset(m.at_infinity, 0, sizeof m.at_infinity);
    for (size_t k = 0; k < domain->dimension; k++) {
        map_dimension(&m, domain, k, u[k], count);
        points[k] = m.x[k];
    }
    if (f->wants_distances) {
        points[1] = m.distances[0];
        points[2] = m.distances[1];
    }
    const fan_status status = f->evaluate(f, points, count, values);
    for (size_t c = 0; status == FAN_OK && c < f->components; c++)
        weigh(&m, domain->dimension, count, values[c], bad);
    return status;
}
