/* Integrands for methods (method.h) from what users give. */
#ifndef FANI_INTEGRAND_H
#define FANI_INTEGRAND_H

#include "method.h"

/* What an integrand is made of: exactly one of expression, batch and scalar is set. It outlives the
 * integrand; any number of threads may share it where `batch` and `scalar` allow that. */
typedef struct fani_integrand_source {
    const fan_expression *expression;
    const double *parameters; /* of the expression */
    /* Where it isn't NULL, what fani_expression_with_ends made of `expression`: the integrand then
     * wants distances. */
    const fan_expression *with_ends;
    fan_integrand_batch *batch;
    fan_integrand_scalar *scalar;
    void *context; /* for batch and scalar */
    size_t dimension;
    size_t components; /* of batch; an expression knows its own, a scalar function has 1 */
} fani_integrand_source;

/* Makes the integrand, which borrows `source`. FAN_E_ARGUMENT: none or several of the three are
 * set, a dimension or a number of components that is out of range, an expression of another
 * dimension or without the values of its parameters. Any thread. */
fan_status fani_integrand_make(const fani_integrand_source *source, fani_integrand *f,
                               fan_error *error);

#endif
