/* Boxes: domains whose bounds are finite numbers in ascending order, which most are. */
#ifndef FANI_DOMAIN_BOX_H
#define FANI_DOMAIN_BOX_H

#include "domain.h"

bool fani_domain_is_box(const fani_domain *domain);

/* As fani_domain_evaluate, for a box and an integrand that wants no distances: the same bits for
 * less. */
fan_status fani_box_evaluate(const fani_integrand *f, const fani_domain *domain,
                             const double *const *u, size_t count, double *const *values,
                             fani_bad_values *bad);

#endif
