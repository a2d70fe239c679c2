/* Integrals inside: the grid of a plan, and the fold of its blocks. */
#ifndef FANI_INTEGRAL_H
#define FANI_INTEGRAL_H

#include <stdbool.h>

#include "expression.h"
#include "grid.h"
#include "integrand.h"

enum {
    FANI_GRID_SLACK = 8, /* doubles behind the last that may be overwritten */
};

/* A point of a Gauss-Legendre rule on (0, 1); the weights add up to 1. */
typedef struct fani_gauss_point {
    double offset, weight;
} fani_gauss_point;

/* Computes points[0..order-1], ascending, each number within an ulp or so of the exact one. */
void fani_gauss_legendre(unsigned order, fani_gauss_point *points);

/* The same for `order` points and FANI_GRID_RUN more, subinterval after subinterval: so many follow
 * any point of the first subinterval. */
typedef struct fani_gauss {
    double *offsets, *weights, *subintervals;
} fani_gauss;

/* Fills `gauss`, which is cleared by fani_gauss_clear. FAN_E_MEMORY. */
fan_status fani_gauss_make(unsigned order, fani_gauss *gauss);
void fani_gauss_clear(fani_gauss *gauss);

/* How x follows from t on an axis. */
typedef enum fani_map {
    FANI_MAP_FINITE, /* x = t */
    FANI_MAP_LINE,   /* x = sinh(u) */
    FANI_MAP_UP,     /* x = anchor + exp(u) */
    FANI_MAP_DOWN,   /* x = anchor - exp(u) */
} fani_map;

/* One dimension of the grid. Points are numbered from 0 along the axis; number i is point first + i
 * of the rule, which differs from i where points near infinity are left out. */
typedef struct fani_axis {
    fan_rule rule;
    unsigned order;
    const fani_gauss *gauss; /* of the plan */
    const fani_grid_kernels *grid;
    fani_map map;
    double anchor;     /* the finite end of a half-infinite range */
    double from, step; /* t at position p is from + p * step */
    double to;         /* t at the very last end, exactly */
    uint64_t subintervals;
    uint64_t first, count;
} fani_axis;

/* Sets the axis of a range; from < to. FAN_E_ARGUMENT where the range can't be divided. */
fan_status fani_axis_make(const fan_range *range, const fan_integral *integral,
                          const fani_gauss *gauss, const char *name, fani_axis *axis,
                          fan_error *error);

/* The factor of the whole sum that the axis brings. */
double fani_axis_scale(const fani_axis *axis);

/* Whether points of the axis have weights other than 1. */
bool fani_axis_weighted(const fani_axis *axis);

/* x and (where w is not NULL) weights of the points start .. start + count - 1 of the axis, count
 * <= FANI_GRID_RUN; up to FANI_GRID_SLACK - 1 doubles behind them may be overwritten. */
void fani_axis_points(const fani_axis *axis, uint64_t start, int count, double *x, double *w);

/* Whether the weights of these points are those of all others away from the ends that begin with an
 * even number: of a finite axis with equal steps, but for its first and last point. */
bool fani_axis_inner(const fani_axis *axis, uint64_t start, int count);

/* The weights of `count` <= FANI_GRID_RUN points where they need not be made: NULL where all are 1,
 * else where they are kept; where they must be made, `room`. */
const double *fani_axis_weights(const fani_axis *axis, uint64_t start, int count,
                                const double *room);

struct fan_integral_plan {
    fan_integral integral; /* `ranges`, `bounds` and `parameters` are the plan's own */
    fani_integrand_source source;
    fani_integrand integrand;
    double *parameters;
    fani_gauss gauss;
    fan_range ranges[FAN_INTEGRAL_DIMENSION_MAX];
    fan_bounds bounds[FAN_INTEGRAL_DIMENSION_MAX];
    fani_axis axes[FAN_INTEGRAL_DIMENSION_MAX];
    bool weighted;
    double scale;   /* of the sum, with the sign of reversed bounds */
    uint64_t total; /* grid points */
};

/* Maps the coordinates of `count` points into bounds that depend on earlier ones, which are mapped
 * before them, and multiplies weights (which may be NULL) by the lengths. */
void fani_plan_bend(const fan_integral_plan *plan, size_t count, double *const *x, double *weights);

/* The coordinates of a grid point. */
void fani_plan_point(const fan_integral_plan *plan, uint64_t index, double *point);

/* "x", or "x[2]" where the integrand is in C. */
enum { FANI_AXIS_NAME_SIZE = 48 };
void fani_axis_name(const fan_integral *integral, size_t dimension,
                    char name[static FANI_AXIS_NAME_SIZE]);

/* The integrand of a description. */
fani_integrand_source fani_integral_source(const fan_integral *integral);

/* Checks the ranges and bounds of a description, whatever it is to be integrated by: there are
 * some, numbers that are no NaN, expressions of the variables before them. FAN_E_ARGUMENT. */
fan_status fani_integral_check_ranges(const fan_integral *integral, fan_error *error);

/* The same and the integrand, as fani_integrand_make does. */
fan_status fani_integral_check(const fan_integral *integral, fan_error *error);

/* FAN_E_NOT_FINITE: values that are not finite persist, with the first one and its place. */
fan_status fani_integral_not_finite(const fan_integral *integral, const fani_bad_values *bad,
                                    uint64_t evaluations, fan_error *error);

/* Values that are not finite were passed over: the same as a text whose status is FAN_OK. */
void fani_integral_passed_over(const fan_integral *integral, const fani_bad_values *bad,
                               uint64_t evaluations, fan_error *error);

/* The binary-counter fold described at fan_partial_combine; 64 ranks hold 2^64 blocks. All zero is
 * the empty fold. */
typedef struct fani_partial_fold {
    fan_partial parts[64];
    unsigned ranks[64];
    size_t depth;
} fani_partial_fold;

void fani_partial_push(fani_partial_fold *fold, fan_partial leaf);
fan_partial fani_partial_total(const fani_partial_fold *fold);

#endif
