/* Gauss-Legendre points and weights, all in long double: those near the ends by the recurrence of
 * the polynomials, the others of high orders by a series that takes the same time for every order.
 */
#include <math.h>
#include <stdlib.h>

#include "integral.h"

/* ---- Near the ends ----------------------------------------------------------------------------
 */

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

/* From (1 - x) / 2 of a zero, which keeps its digits, and the weight. */
static void set_pair(fani_gauss_point *points, unsigned order, unsigned i, long double offset,
                     long double weight)
{
    points[i] = (fani_gauss_point){(double)offset, (double)weight};
    points[order - 1 - i] = (fani_gauss_point){(double)(1 - offset), (double)weight};
}

static long double angle_guess(unsigned order, unsigned i)
{
    return acosl(-1) * (i + 0.75L) / (order + 0.5L);
}

/* Newton's method on delta = 1 - x, from the usual estimate of the zero. Each step doubles the
 * digits: after one of 2^-36 the next changes nothing. */
static void find_by_recurrence(unsigned order, unsigned i, fani_gauss_point *points)
{
    enum { STEPS = 8 };
    const long double half_sine = sinl(angle_guess(order, i) / 2);
    long double delta = 2 * half_sine * half_sine, value, slope, change = delta;
    for (int step = 0; step < STEPS && fabsl(change) > 0x1p-36L * delta; step++) {
        legendre(order, delta, &value, &slope);
        change = value * delta * (2 - delta) / slope;
        delta += change;
    }
    legendre(order, delta, &value, &slope);
    set_pair(points, order, i, delta / 2, delta * (2 - delta) / (slope * slope));
}

/* ---- Far from the ends ------------------------------------------------------------------------
 */

enum {
    NEAR_END = 16,     /* zeros at either end for which the series below has too few digits */
    SERIES_ORDER = 48, /* the lowest order for which it is used */
    SERIES_TERMS_MAX = 40,
};

/* P_n(cos angle) and its derivative by the angle, both divided by the constant of the series of
 * Stieltjes (Szego, Orthogonal Polynomials, 8.5): sums of h_m cos(a_m) / (2 sin angle)^(m + 1/2)
 * with a_m = (n + m + 1/2) angle - (m + 1/2) pi / 2. It does not converge, but what is left out is
 * below twice the next term; here terms fall below 2^-70. */
static void legendre_series(unsigned n, long double angle, long double *value, long double *slope)
{
    const long double sine = sinl(angle), cosine = cosl(angle);
    const long double first = (n + 0.5L) * angle - acosl(-1) / 4;
    long double c = cosl(first), s = sinl(first), h = 1 / sqrtl(2 * sine);
    *value = *slope = 0;
    for (unsigned m = 0; m < SERIES_TERMS_MAX && h > 0x1p-70L; m++) {
        *value += h * c;
        *slope -= h * ((n + m + 0.5L) * s + (m + 0.5L) * c * cosine / sine);
        const long double next = c * sine + s * cosine; /* a_m goes up by angle - pi / 2 */
        s = s * sine - c * cosine;
        c = next;
        h *= (m + 0.5L) * (m + 0.5L) / ((m + 1) * (n + m + 1.5L) * 2 * sine);
    }
}

/* The constant of that series, 2 / sqrt(pi) * gamma(n + 1) / gamma(n + 3/2), by Stirling's series
 * for both about their middle, which leaves the even powers of 1 / (n + 3/4). */
static long double series_constant(unsigned n)
{
    const long double at = n + 0.75L, z = 1 / (at * at);
    const long double sum =
        z * (-1 / 64.0L + z * (5 / 2048.0L + z * (-61 / 49152.0L + z * (1385 / 1048576.0L))));
    return 2 / sqrtl(acosl(-1) * at) * expl(sum);
}

/* Newton's method on the angle. */
static void find_by_series(unsigned order, unsigned i, long double constant,
                           fani_gauss_point *points)
{
    enum { STEPS = 3 };
    long double angle = angle_guess(order, i), value, slope = 1;
    for (int step = 0; step < STEPS; step++) {
        legendre_series(order, angle, &value, &slope);
        angle -= value / slope;
    }
    const long double half_sine = sinl(angle / 2);
    slope *= constant;
    set_pair(points, order, i, half_sine * half_sine, 1 / (slope * slope));
}

void fani_gauss_legendre(unsigned order, fani_gauss_point *points)
{
    const unsigned half = (order + 1) / 2;
    const unsigned near = order < SERIES_ORDER ? half : NEAR_END;
    const long double constant = series_constant(order);
    for (unsigned i = 0; i < near; i++)
        find_by_recurrence(order, i, points);
    for (unsigned i = near; i < half; i++)
        find_by_series(order, i, constant, points);
    if (order % 2 == 1)
        points[order / 2].offset = 0.5;
}

fan_status fani_gauss_make(unsigned order, fani_gauss *gauss)
{
    const size_t length = (size_t)order + FANI_GRID_RUN;
    fani_gauss_point *points = calloc(order, sizeof *points);
    double *numbers = malloc(3 * length * sizeof *numbers);
    if (!points || !numbers) {
        free(points);
        free(numbers);
        return FAN_E_MEMORY;
    }
    fani_gauss_legendre(order, points);
    *gauss = (fani_gauss){numbers, numbers + length, numbers + 2 * length};
    for (size_t i = 0; i < length; i++) {
        const size_t subinterval = i / order;
        gauss->offsets[i] = points[i % order].offset;
        gauss->weights[i] = points[i % order].weight;
        gauss->subintervals[i] = (double)subinterval;
    }
    free(points);
    return FAN_OK;
}

void fani_gauss_clear(fani_gauss *gauss)
{
    free(gauss->offsets);
    *gauss = (fani_gauss){0};
}
