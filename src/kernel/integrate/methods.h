/* From names, goals and descriptions to what methods work on. */
#ifndef FANI_METHODS_H
#define FANI_METHODS_H

#include "domain.h"
#include "integrand.h"

/* The method of that name for so many variables. FAN_E_ARGUMENT: there is none; the text says which
 * there are for them. */
fan_status fani_method_find(const char *name, size_t dimension, const fani_method **method,
                            fan_error *error);

/* "open", "reached", "budget", "rounding", "divergent", "not finite". */
const char *fani_verdict_name(fani_verdict verdict);

/* Cuts what "auto" says of its choice ("cubature: it is smooth", "tanh-sinh, as ...") behind the
 * method's name, in place. Returns why, or NULL where that is not told. */
const char *fani_chosen_split(char *chosen);

/* The same without a cut: what follows "METHOD, " or "METHOD: ", or NULL. */
const char *fani_chosen_why(const char *chosen);

/* Sets what is not given of a goal: a `rel` below 0, no evaluations. */
void fani_goal_complete(fani_goal *goal, size_t dimension);

/* The goal of the public header, NULL too. FAN_E_ARGUMENT: a tolerance that is none. */
fan_status fani_goal_read(const fan_goal *wanted, size_t dimension, fani_goal *goal,
                          fan_error *error);

/* The range of a description that is checked, whose expressions and parameters it borrows; bounds
 * of the first dimension become numbers, as they depend on nothing. There are no break points.
 * FAN_E_ARGUMENT: a bound of the first dimension is a NaN. */
fan_status fani_integral_domain(const fan_integral *integral, fani_domain *domain,
                                fan_error *error);

/* Adds the break points of a goal, which are borrowed. FAN_E_ARGUMENT: they don't ascend, there are
 * too many, or there is more than one variable. (That they are inside, methods see to.) */
fan_status fani_domain_break(const fan_goal *wanted, fani_domain *domain, fan_error *error);

/* The integrand of a description over a range, for fani_integrand_make. *with_ends = the expression
 * with distances from the ends where these tell more, to be freed by the caller, else NULL; nothing
 * is allocated then. FAN_E_MEMORY, FAN_E_TOO_LARGE. */
fan_status fani_integral_near_ends(const fan_integral *integral, const fani_domain *domain,
                                   fani_integrand_source *source, fan_expression **with_ends,
                                   fan_error *error);

#endif
