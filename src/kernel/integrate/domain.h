/* The range of an integral, and the unit cube mapped onto it.
 *
 * Dimension k runs from its lower to its upper bound, which are numbers, infinities, or
 * expressions of the dimensions before it. */
#ifndef FANI_DOMAIN_H
#define FANI_DOMAIN_H

#include "method.h"

typedef struct fani_bound {
    double value;                     /* where `expression` is NULL; may be infinite */
    const fan_expression *expression; /* of the variables 0..k-1, borrowed */
    const double *parameters;         /* of the expression */
} fani_bound;

/* What the integrand is multiplied with, in one variable: only filon (methods_1d.h) takes weights.
 */
typedef enum fani_weight { FANI_WEIGHT_NONE, FANI_WEIGHT_COS, FANI_WEIGHT_SIN } fani_weight;

struct fani_domain {
    size_t dimension;
    fani_bound from[FAN_INTEGRAL_DIMENSION_MAX], to[FAN_INTEGRAL_DIMENSION_MAX];
    size_t
        break_count; /* dimension 1: points inside where the integrand is not smooth, ascending */
    const double *breaks;
    fani_weight weight;
    double frequency; /* of the weight: cos(frequency * x) or sin(frequency * x) */
};

/* The integrand times the map's derivative at points u of the unit cube [0, 1]^d: infinite ranges
 * by the map of docs/integration.md, bounds that depend on earlier variables from these. A bound
 * that is not finite where it must be, or from > to at a point (the sign is then that of reversed
 * bounds), is as in the public header. Values that are not finite become 0 and are noted in `bad`
 * (with the point x, not u). count <= FANI_POINTS_MAX. */
fan_status fani_domain_evaluate(const fani_integrand *f, const fani_domain *domain,
                                const double *const *u, size_t count, double *const *values,
                                fani_bad_values *bad);

#endif
