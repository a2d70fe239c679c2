/* Gauss-Legendre points and weights. */
#include <math.h>
#include <stdlib.h>

#include "integral.h"

/* P_n at x = 1 - delta and (1 - x^2) P_n'(x). The recurrence runs on the differences d = P_k -
 * P_(k-1), which keeps the full precision of a small delta near the ends. */
static void legendre(unsigned n, long double delta, long double *value, long double *slope)
{
    long double p = 1 - delta;
    long double d = -delta;
    for (unsigned k = 1; k < n; k++) {
        d = ((long double)k * d - (2.0L * k + 1) * delta * p) / (long double)(k + 1);
        p += d;
    }
    *value = p;
    *slope = (long double)n * (delta * p - d);
}

/* Newton's method on delta = 1 - x, from the usual estimate of the zero; it converges in three or
 * four steps, and one more changes nothing. */
void fani_gauss_legendre(unsigned order, fani_gauss_point *points)
{
    enum { STEPS = 8 };
    const long double pi = acosl(-1);
    for (unsigned i = 0; i < (order + 1) / 2; i++) {
        const long double half_angle = pi * (i + 0.75L) / (order + 0.5L) / 2;
        long double delta = 2 * sinl(half_angle) * sinl(half_angle);
        long double value;
        long double slope;
        for (int step = 0; step < STEPS; step++) {
            legendre(order, delta, &value, &slope);
            delta += value * delta * (2 - delta) / slope;
        }
        legendre(order, delta, &value, &slope);
        const long double weight = delta * (2 - delta) / (slope * slope);
        points[i] = (fani_gauss_point){(double)(delta / 2), (double)weight};
        points[order - 1 - i] = (fani_gauss_point){(double)(1 - delta / 2), (double)weight};
    }
    if (order % 2 == 1)
        points[order / 2].offset = 0.5;
}

fan_status fani_gauss_make(unsigned order, fani_gauss *gauss)
{
    const size_t length = (size_t)order + FANI_GRID_RUN;
    fani_gauss_point *points = malloc(order * sizeof *points);
    double *numbers = malloc(3 * length * sizeof *numbers);
    if (!points || !numbers) {
        free(points);
        free(numbers);
        return FAN_E_MEMORY;
    }
    fani_gauss_legendre(order, points);
    *gauss = (fani_gauss){numbers, numbers + length, numbers + 2 * length};
    for (size_t i = 0; i < length; i++) {
        gauss->offsets[i] = points[i % order].offset;
        gauss->weights[i] = points[i % order].weight;
        gauss->subintervals[i] = (double)(i / order);
    }
    free(points);
    return FAN_OK;
}

void fani_gauss_clear(fani_gauss *gauss)
{
    free(gauss->offsets);
    *gauss = (fani_gauss){0};
}
