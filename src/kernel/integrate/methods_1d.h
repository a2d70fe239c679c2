/* Methods for one variable. */
#ifndef FANI_METHODS_1D_H
#define FANI_METHODS_1D_H

#include "domain.h"

/* "gauss-kronrod": adaptive cutting with Kronrod's rule, singular ends and infinite tails
 * extrapolated, tails that oscillate cut at their zeros. */
extern const fani_method fani_method_gauss_kronrod;

/* "tanh-sinh": double exponential rules, levels doubled; for ends that are singular and integrands
 * smooth between them, on finite and infinite ranges. */
extern const fani_method fani_method_tanh_sinh;

/* "auto": gauss-kronrod, then tanh-sinh where that does not reach the goal; the better of the two.
 */
extern const fani_method fani_method_auto_1d;

/* "filon": f(x) cos(w x) and f(x) sin(w x), the weight taken from the domain: adaptive cutting, f
 * by Chebyshev polynomials whose integrals with the weight are exact; to infinity over panels that
 * grow by 4. The points depend on f, not on w. */
extern const fani_method fani_method_filon;

/* The range of a one-dimensional domain in ascending order, and -1 where its bounds stand the other
 * way round. FAN_E_ARGUMENT: another dimension, a bound that is a NaN, a break point outside; a
 * weight, for any method but filon. */
fan_status fani_domain_line(const fani_domain *domain, const char *method, double *from, double *to,
                            double *sign, fan_error *error);

#endif
