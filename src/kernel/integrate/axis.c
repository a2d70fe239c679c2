/* One dimension of the grid: where its points are and what they weigh. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "integral.h"

/* Beyond it, exp(u) is above 1e30 or below 1e-30: far enough for tails like x^-1.5, near enough for
 * x^9 exp(-x) not to overflow on the way to 0. */
static const double u_max = 69.0;

static double u_of(double t)
{
    return t / ((1 - t) * (1 + t));
}

static double u_slope(double t)
{
    const double d = (1 - t) * (1 + t);
    return (1 + t * t) / (d * d);
}

static double map_point(const fani_axis *axis, double t, double *slope)
{
    const double u = u_of(t);
    const double far = axis->map == FANI_MAP_LINE ? cosh(u) : exp(u);
    *slope = far * u_slope(t);
    switch (axis->map) {
    case FANI_MAP_LINE:
        return sinh(u);
    case FANI_MAP_UP:
        return axis->anchor + far;
    case FANI_MAP_DOWN:
        return axis->anchor - far;
    case FANI_MAP_FINITE:
        break;
    }
    *slope = 1;
    return t;
}

/* Points i, i + 1, ... of a rule with equal steps. The positions are exact, however counted. */
static void even_points(const fani_axis *axis, uint64_t i, int count, double *t)
{
    const double base = (double)i + (axis->rule == FAN_RULE_MIDPOINT ? 0.5 : 0);
    axis->grid->even(t, axis->from, axis->step, base, (size_t)count);
    if (axis->rule != FAN_RULE_MIDPOINT && i + (uint64_t)count > axis->subintervals)
        t[count - 1] = axis->to;
}

static void even_weights(const fani_axis *axis, uint64_t i, int count, double *w)
{
    const double odd = axis->rule == FAN_RULE_SIMPSON ? 4 : 1;
    const double even = axis->rule == FAN_RULE_SIMPSON ? 2 : 1;
    const double first = i % 2 ? odd : even, second = i % 2 ? even : odd;
    for (int j = 0; j < count; j += 2) {
        w[j] = first;
        w[j + 1] = second;
    }
    if (axis->rule != FAN_RULE_SIMPSON && axis->rule != FAN_RULE_TRAPEZOID)
        return;
    if (i == 0)
        w[0] = even / 2;
    if (i + (uint64_t)count > axis->subintervals)
        w[count - 1] = even / 2;
}

static void gauss_points(const fani_axis *axis, uint64_t i, int count, double *t, double *w)
{
    const fani_gauss *gauss = axis->gauss;
    const size_t q = (size_t)(i % axis->order);
    const uint64_t subinterval = i / axis->order;
    axis->grid->uneven(t, axis->from, axis->step, (double)subinterval, gauss->subintervals + q,
                       gauss->offsets + q, (size_t)count);
    if (w)
        memcpy(w, gauss->weights + q, (size_t)count * sizeof *w);
}

/* Points i, i + 1, ... of the rule, of all subintervals; w may be NULL. */
static void rule_points(const fani_axis *axis, uint64_t i, int count, double *t, double *w)
{
    if (axis->rule == FAN_RULE_GAUSS) {
        gauss_points(axis, i, count, t, w);
        return;
    }
    even_points(axis, i, count, t);
    if (w)
        even_weights(axis, i, count, w);
}

/* -1 and 1: point i lies too near that end of an infinite range; 0: it is used. */
static int left_out(const fani_axis *axis, uint64_t i)
{
    double at[FANI_GRID_SLACK], t;
    rule_points(axis, i, 1, at, NULL);
    t = at[0];
    if (fabs(u_of(t)) > u_max)
        return t < 0 ? -1 : 1;
    double slope;
    const bool at_anchor = axis->map != FANI_MAP_LINE && map_point(axis, t, &slope) == axis->anchor;
    return at_anchor ? -1 : 0;
}

/* The first point in [0, count] for which left_out is at least `side`; they are sorted by it. */
static uint64_t first_from(const fani_axis *axis, uint64_t count, int side)
{
    uint64_t low = 0;
    uint64_t high = count;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (left_out(axis, middle) >= side)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void make_infinite(const fan_range *range, fani_axis *axis)
{
    axis->map = isfinite(range->from) ? FANI_MAP_UP
                : isfinite(range->to) ? FANI_MAP_DOWN
                                      : FANI_MAP_LINE;
    axis->anchor = axis->map == FANI_MAP_UP ? range->from : range->to;
    axis->from = -1;
    axis->to = 1;
    axis->step = 2 / (double)axis->subintervals;
    const uint64_t all = axis->count;
    axis->first = first_from(axis, all, 0);
    axis->count = first_from(axis, all, 1) - axis->first;
}

/* More than there can be where they are too many. */
static uint64_t points_of_rule(const fani_axis *axis)
{
    uint64_t points = 0;
    switch (axis->rule) {
    case FAN_RULE_TRAPEZOID:
    case FAN_RULE_SIMPSON:
        return axis->subintervals + 1;
    case FAN_RULE_GAUSS:
        return __builtin_mul_overflow(axis->subintervals, axis->order, &points) ? UINT64_MAX
                                                                                : points;
    case FAN_RULE_LEFT:
    case FAN_RULE_MIDPOINT:
        break;
    }
    return axis->subintervals;
}

fan_status fani_axis_make(const fan_range *range, const fan_integral *integral,
                          const fani_gauss *gauss, const char *name, fani_axis *axis,
                          fan_error *error)
{
    *axis = (fani_axis){.rule = integral->rule,
                        .order = integral->order,
                        .gauss = gauss,
                        .grid = fani_grid_kernels_of(fani_isa_wanted()),
                        .map = FANI_MAP_FINITE,
                        .from = range->from,
                        .to = range->to,
                        .subintervals = integral->points};
    axis->count = points_of_rule(axis);
    axis->step = (range->to - range->from) / (double)integral->points;
    if (!isfinite(range->from) || !isfinite(range->to)) {
        make_infinite(range, axis);
        if (axis->count == 0)
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "%s: %llu subinterval(s) leave no point of an infinite range to "
                                  "the %s rule; take more",
                                  name, (unsigned long long)integral->points,
                                  fan_rule_name(integral->rule));
    } else if (!isfinite(axis->step)) {
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "%s: the range is longer than the largest double", name);
    }
    return FAN_OK;
}

double fani_axis_scale(const fani_axis *axis)
{
    return axis->rule == FAN_RULE_SIMPSON ? axis->step / 3 : axis->step;
}

bool fani_axis_weighted(const fani_axis *axis)
{
    return axis->map != FANI_MAP_FINITE ||
           (axis->rule != FAN_RULE_LEFT && axis->rule != FAN_RULE_MIDPOINT);
}

void fani_axis_points(const fani_axis *axis, uint64_t start, int count, double *x, double *w)
{
    rule_points(axis, axis->first + start, count, x, w);
    if (axis->map == FANI_MAP_FINITE)
        return;
    for (int j = 0; j < count; j++) {
        double slope;
        x[j] = map_point(axis, x[j], &slope);
        if (w)
            w[j] *= slope;
    }
}

bool fani_axis_inner(const fani_axis *axis, uint64_t start, int count)
{
    return axis->map == FANI_MAP_FINITE && axis->rule != FAN_RULE_GAUSS && start > 0 &&
           start % 2 == 0 && start + (uint64_t)count <= axis->subintervals;
}

const double *fani_axis_weights(const fani_axis *axis, uint64_t start, int count,
                                const double *room)
{
    if (!fani_axis_weighted(axis))
        return NULL;
    if (axis->rule == FAN_RULE_TRAPEZOID && fani_axis_inner(axis, start, count))
        return NULL;
    if (axis->rule == FAN_RULE_GAUSS && axis->map == FANI_MAP_FINITE)
        return axis->gauss->weights + start % axis->order;
    return room;
}
