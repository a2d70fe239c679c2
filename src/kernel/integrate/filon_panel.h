/* A panel of an integral of f(x) cos(w x) or f(x) sin(w x): f by Chebyshev polynomials on one
 * interval, their integrals with the weight exact, so that w costs no points. */
#ifndef FANI_FILON_PANEL_H
#define FANI_FILON_PANEL_H

#include "domain.h"

enum {
    FANI_FILON_NODES = 28,
    FANI_FILON_PROBES = 4, /* points beside the nodes; the first two next to the ends */
    FANI_FILON_POINTS = FANI_FILON_NODES + FANI_FILON_PROBES,
};

/* x = base + direction * s for lo < s < hi: distances from the base are exact. */
typedef struct fani_filon_panel {
    double base, direction; /* direction 1 or -1 */
    double lo, hi;
    double from, to; /* of the whole range */
    uint64_t seed;
    int64_t chain; /* number of the infinite end that it is on the way to, or -1 */
} fani_filon_panel;

/* What a panel says of one component. */
typedef struct fani_filon_value {
    double value;
    double error;    /* without what rounding makes */
    double floor;    /* what rounding makes */
    double absolute; /* the integral of |f * weight|, roughly */
    double peak;     /* the largest |f| at the points */
} fani_filon_value;

/* y[k] = the integral over -1..1 of T_k(u) cos(theta u) for even k, of T_k(u) sin(theta u) for odd
 * k, k < FANI_FILON_NODES; theta = w * h >= 0, both factors taken as exact. Any thread. Source: V.
 * Dominguez, I. G. Graham, V. P. Smyshlyaev, Stability and error estimates for
 * Filon-Clenshaw-Curtis rules for highly oscillatory integrals, 2011 (where the recurrence is
 * stable, and what to do where it isn't). */
void fani_filon_moments(double w, double h, double *y);

/* Lays out the FANI_FILON_POINTS points: where they stand in (-1, 1), x, and the distances of x
 * from the ends of the range. */
void fani_filon_points(const fani_filon_panel *panel, double *position, double *x, double *below,
                       double *above);

/* What one component's values at the points say. Values that were not finite must have become 0.
 * `exact`: the integrand takes distances from the ends of the range. */
fani_filon_value fani_filon_judge(const fani_filon_panel *panel, const fani_domain *domain,
                                  bool exact, const double *position, const double *moments,
                                  const double *values);

#endif
