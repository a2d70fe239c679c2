/* Tails that swing without changing their sign, as sin(x)^2 / x^2 does: whether they do, and how
 * long a period is. The integral up to x0, 2 x0, 4 x0, ..., each a whole number of periods, then
 * has the rest of a tail without swings, powers of 1 / x, which an extrapolation takes away. A
 * period that is known to 7 digits is enough: what is off grows with x as slowly as the rest falls
 * off. */
#include <math.h>

#include "adaptive.h"

enum { WINDOW = 64, DOUBLINGS = 24, CROSSINGS_MIN = 4, APART = 6, HALVINGS = 60, OCTAVE = 4 };

/* A call at points of the tail, by distance from the chart's base. */
typedef struct look {
    const fani_integrand *f;
    const fani_chart *chart;
    double values[FANI_POINTS_MAX];
    uint64_t evaluations;
} look;

static fan_status look_at(look *l, const double *distance, size_t count)
{
    double x[FANI_POINTS_MAX], below[FANI_POINTS_MAX], above[FANI_POINTS_MAX];
    const fani_chart *chart = l->chart;
    for (size_t i = 0; i < count; i++) {
        x[i] = chart->base + chart->direction * distance[i];
        below[i] = chart->base == chart->from ? distance[i] : x[i] - chart->from;
        above[i] = chart->base == chart->to ? distance[i] : chart->to - x[i];
    }
    l->evaluations += count;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX] = {x, below, above};
    return l->f->evaluate(l->f, points, count, &(double *){l->values});
}

size_t fani_adaptive_first_swing(const double *mass, size_t count)
{
    enum { NEAR = 9 * OCTAVE, FAR = 18 * OCTAVE, TURNS = 10 };
    static const double dead = 1e-13;
    size_t turns[FANI_SCAN_POINTS] = {0};
    size_t n = 0;
    for (size_t i = 2; i < count; i++)
        if ((mass[i] - mass[i - 1]) * (mass[i - 1] - mass[i - 2]) < 0)
            turns[n++] = i;
    for (size_t k = 0; k + TURNS < n; k++) {
        const size_t first = turns[k];
        double top = 0;
        double behind = 0;
        if (turns[k + TURNS] - first > NEAR)
            continue;
        for (size_t i = 0; i < count && i < first + FAR; i++) {
            if (i < first + 2 * (size_t)OCTAVE)
                top = fmax(top, mass[i]);
            else if (i > first + NEAR)
                behind = fmax(behind, mass[i]);
        }
        return behind > dead * top ? first : count;
    }
    return count;
}

/* Where the values of a window rise through `level`: indices of the samples behind. The smallest
 * and the largest distance between neighbours, in samples. */
static size_t crossings(const double *values, double level, size_t *at, size_t *least, size_t *most)
{
    size_t n = 0;
    *least = WINDOW;
    *most = 0;
    for (size_t i = 1; i < WINDOW; i++) {
        if (!(values[i - 1] < level && values[i] >= level))
            continue;
        if (n > 0) {
            const size_t gap = i - at[n - 1];
            *least = gap < *least ? gap : *least;
            *most = gap > *most ? gap : *most;
        }
        at[n++] = i;
    }
    return n;
}

static double middle_of(const double *values)
{
    double low = values[0];
    double high = values[0];
    for (size_t i = 1; i < WINDOW; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    return low + (high - low) / 2;
}

/* Narrows two brackets of rises through `level` at once, and halves their distance from both. */
static fan_status refine(look *l, double level, double *lo, double *hi)
{
    fan_status status = FAN_OK;
    for (int turn = 0; status == FAN_OK && turn < HALVINGS; turn++) {
        const double at[2] = {lo[0] + (hi[0] - lo[0]) / 2, lo[1] + (hi[1] - lo[1]) / 2};
        status = look_at(l, at, 2);
        for (int k = 0; k < 2; k++)
            *(l->values[k] < level ? &lo[k] : &hi[k]) = at[k];
    }
    return status;
}

/* The period about a distance, from rises through the middle of a window that are evenly apart; 0
 * where they are not. `step` is small enough to begin with. */
static fan_status period_at(look *l, double distance, double step, double *period)
{
    size_t at[WINDOW] = {0};
    *period = 0;
    for (int doubling = 0; doubling < DOUBLINGS; doubling++) {
        double points[WINDOW];
        size_t least;
        size_t most;
        for (size_t i = 0; i < WINDOW; i++)
            points[i] = distance + step * (double)i;
        fan_status status = look_at(l, points, WINDOW);
        const double level = middle_of(l->values);
        const size_t n = crossings(l->values, level, at, &least, &most);
        if (status != FAN_OK || (n >= CROSSINGS_MIN && (least < APART || most > least + 1)))
            return status;
        if (n < CROSSINGS_MIN) {
            step *= 2;
            continue;
        }
        double lo[2] = {points[at[0] - 1], points[at[n - 1] - 1]};
        double hi[2] = {points[at[0]], points[at[n - 1]]};
        status = refine(l, level, lo, hi);
        if (status == FAN_OK)
            *period = (lo[1] - lo[0]) / (double)(n - 1);
        return status;
    }
    return FAN_OK;
}

fan_status fani_adaptive_period(const fani_integrand *f, const fani_chart *chart, double first,
                                double *period, uint64_t *evaluations)
{
    static const double far =
        0x1p24; /* in units of where the swings begin: the fall does not show */
    look l = {.f = f, .chart = chart};
    const fan_status status = period_at(&l, first * far, first / 256, period);
    *evaluations += l.evaluations;
    return status;
}
