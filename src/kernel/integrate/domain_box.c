#include "domain_box.h"

#include <math.h>
#include <string.h>

#include "expression.h"

enum { POINTS = FANI_POINTS_MAX };

bool fani_domain_is_box(const fani_domain *domain)
{
    for (size_t k = 0; k < domain->dimension; k++) {
        const fani_bound *from = &domain->from[k], *to = &domain->to[k];
        if (from->expression || to->expression || !(from->value <= to->value) ||
            !isfinite(to->value - from->value))
            return false;
    }
    return true;
}

/* x = from + length * u from the nearer end. */
static void stretch(double from, double to, const double *u, int count, double *x)
{
    const double length = to - from;
#pragma omp simd
    for (int i = 0; i < count; i++) {
        const double low = from + length * u[i], high = to - length * (1 - u[i]);
        x[i] = u[i] <= 0.5 ? low : high;
    }
}

/* v * 0 is 0 for a finite v, else a NaN, which the sum keeps. Four sums don't wait for each other.
 */
static bool scale(double *values, int count, double slope)
{
    fani_pair probes[4] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    double last = 0;
    int i = 0;
    for (; i + 8 <= count; i += 8) {
        for (int j = 0; j < 4; j++) {
            const fani_pair v = *(const fani_pair *)(values + i + 2 * j) * slope;
            *(fani_pair *)(values + i + 2 * j) = v;
            probes[j] += v * 0.0;
        }
    }
    for (; i < count; i++) {
        values[i] *= slope;
        last += values[i] * 0.0;
    }
    const fani_pair probe = probes[0] + probes[1] + (probes[2] + probes[3]);
    return probe[0] + probe[1] + last == 0;
}

static void sort_out(const double *const *points, size_t dimension, size_t count, double *values,
                     fani_bad_values *bad)
{
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i]))
            continue;
        if (bad->count++ == 0) {
            bad->first_value = values[i];
            for (size_t k = 0; k < dimension; k++)
                bad->first_point[k] = points[k][i];
        }
        values[i] = 0;
    }
}

fan_status fani_box_evaluate(const fani_integrand *f, const fani_domain *domain,
                             const double *const *u, size_t count, double *const *values,
                             fani_bad_values *bad)
{
    double x[FAN_INTEGRAL_DIMENSION_MAX][POINTS];
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double slope = 1;
    for (size_t k = 0; k < domain->dimension; k++) {
        const double from = domain->from[k].value, to = domain->to[k].value;
        const bool unit = from == 0 && to == 1;
        points[k] = unit ? u[k] : x[k];
        if (!unit)
            stretch(from, to, u[k], (int)count, x[k]);
        slope *= to - from;
    }
    if (slope == 0) {
        for (size_t c = 0; c < f->components; c++)
            memset(values[c], 0, count * sizeof *values[c]);
        return FAN_OK;
    }
    const fan_status status = f->evaluate(f, points, count, values);
    for (size_t c = 0; status == FAN_OK && c < f->components; c++) {
        if (!scale(values[c], (int)count, slope))
            sort_out(points, domain->dimension, count, values[c], bad);
    }
    return status;
}
