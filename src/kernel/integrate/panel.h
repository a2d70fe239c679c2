/* A panel: the 21-point Kronrod rule on one interval, with what it says about its own error. */
#ifndef FANI_PANEL_H
#define FANI_PANEL_H

#include "base/isa.h"
#include "method.h"

enum {
    FANI_PANEL_NODES = 21,
    FANI_PANEL_PROBES = 3,      /* random points beside the nodes: 24 points fill vectors of 8 */
    FANI_PANEL_PROBES_ROOT = 4, /* of a panel that stands for a whole range */
    FANI_PANEL_PROBES_MAX = FANI_POINTS_MAX - FANI_PANEL_NODES,
};

/* How errors follow (panel.c): factors of the rules' and the probes' differences, how much of the
 * spread may be their difference for probes to matter, how far above it a probe is a surprise. */
#define FANI_PANEL_GAUSS_FACTOR 200.0
#define FANI_PANEL_PROBE_FACTOR 20.0
#define FANI_PANEL_WORTH_PROBING 1e-3
#define FANI_PANEL_SURPRISE 1000.0

/* How x follows from the coordinate s > 0 of an interval. Distances from the base are exact. */
typedef struct fani_chart {
    double base;
    double scale;     /* 0: x = base + direction * s; else x = base + direction * scale / s */
    double direction; /* 1 or -1 */
    double from, to;  /* of the whole range, for distances */
} fani_chart;

/* An interval of a chart, with `probes` random points, 3 to FANI_PANEL_PROBES_MAX, two of them next
 * to the ends; where they stand follows from `seed` and the interval. */
typedef struct fani_panel {
    fani_chart chart;
    double lo, hi;
    uint64_t seed;
    uint32_t probes, unused;
} fani_panel;

/* What a panel says of one component. */
typedef struct fani_panel_value {
    double value;    /* the integral, by Kronrod's rule */
    double linear;   /* its difference from Gauss's rule, or that of a probe from the interpolant */
    double error;    /* the error expected of an integrand that is smooth here */
    double absolute; /* the integral of |f| */
    double spread;   /* the integral of |f - its mean| */
    double floor;    /* the part of the error that rounding makes */
} fani_panel_value;

/* Points of the panel: x[i], the factor dx/ds in weight[i] (where chart.scale is 0 it is 1 and not
 * written), and the distances of x[i] from the two ends of the range where `below` is not NULL;
 * `count` is FANI_PANEL_NODES + panel->probes. position[i] is where it stands in (-1, 1): the nodes
 * right of the middle from there outwards, those left of it, the middle, then the probes. Up to
 * three numbers behind the last one of position and x may be read and written. Returns count. */
size_t fani_panel_points(const fani_panel *panel, double *position, double *x, double *weight,
                         double *below, double *above);

/* The verdict on one component from its values, weights included; values that are not finite must
 * have become 0 before. The instruction set changes its speed alone. */
void fani_panel_judge(const fani_panel *panel, const double *position, const double *values,
                      fani_isa isa, fani_panel_value *v);

enum { FANI_PANEL_PAIRS = FANI_PANEL_NODES / 2 };

/* Of the nodes right of the middle, in their order. */
extern const double fani_panel_squares[FANI_PANEL_PAIRS] __attribute__((visibility("hidden")));

/* The polynomial through the nodes: with z = u^2 and P the product of all z - squares,
 * p(u) = middle * P + sum over i of (z * even[i] + u * odd[i]) * P / (z - square i). */
typedef struct fani_panel_polynomial {
    double middle;
    double even[FANI_PANEL_PAIRS], odd[FANI_PANEL_PAIRS];
} fani_panel_polynomial;

/* The largest |values[k] - p(u[k])|, k < count <= FANI_PANEL_PROBES_MAX; a NaN says nothing. Of
 * h = (count + 1) / 2, u[h + k] is -u[k]. One for each instruction set, with the same bits. */
typedef double fani_panel_probe(const fani_panel_polynomial *p, const double *u,
                                const double *values, size_t count);
fani_panel_probe fani_panel_probe_scalar, fani_panel_probe_avx2, fani_panel_probe_avx512;
fani_panel_probe *fani_panel_probe_of(fani_isa isa);

/* The numbers that a panel's sums are made with, for panels of many integrals at once (scan.h): of
 * each pair of nodes, from the middle outwards, those of the two rules, and those by which the
 * polynomial through the nodes follows from their values' sums and differences: at the first probe,
 * whose opposite is the last one, and at the second. FANI_PANEL_PROBES is 3. */
typedef struct fani_panel_weights {
    double kronrod[FANI_PANEL_PAIRS], gauss[FANI_PANEL_PAIRS];
    double middle, probe_middle[2]; /* of Kronrod's rule and of each polynomial */
    double even[2][FANI_PANEL_PAIRS], odd[2][FANI_PANEL_PAIRS];
} fani_panel_weights;

void fani_panel_weights_at(const double *position, fani_panel_weights *weights);

/* The part of the spread that the rounding of x makes: half an ulp at each node, of random sign. */
double fani_panel_shift(const fani_panel *panel);

/* Sets v->floor and v->error from the other numbers and the largest difference of a probe from the
 * polynomial, times the panel's length. */
void fani_panel_conclude(const fani_panel *panel, double probed, fani_panel_value *v);

/* The coordinate's x. */
double fani_chart_point(const fani_chart *chart, double s);

#endif
