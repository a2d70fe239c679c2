/* Integrals of one variable with proof: in ball arithmetic, by Arb, where the build has it.
 *
 * The expression is taken as it is written: decimal numbers, pi and e mean themselves, not the
 * doubles next to them; so do numbers in the bounds. Parameters are the doubles that they are. */
#ifndef FANI_RIGOROUS_H
#define FANI_RIGOROUS_H

#include "domain.h"
#include "expression.h"

/* "rigorous": one variable, one component, a finite range. [value - error, value + error] holds the
 * integral: no estimate. Pieces of the range go to Arb's acb_calc_integrate (F. Johansson 2018,
 * Numerical integration in arbitrary-precision ball arithmetic), a bounded number of evaluations
 * each; those that were not enough are cut in two, those that ended early are done with more
 * digits. The integrand must have a proof. Without Arb opening it answers FAN_E_UNSUPPORTED. */
extern const fani_method fani_method_rigorous;

/* "2.23.0"; NULL: this build has no Arb. */
const char *fani_rigorous_version(void);

/* What is to be enclosed: an integrand and its bounds as trees, constants not folded. Never
 * changes; any number of threads may share it. */
enum { FANI_PROOF_INTEGRAND, FANI_PROOF_FROM, FANI_PROOF_TO, FANI_PROOF_TREES };
typedef struct fani_proof {
    char *texts[FANI_PROOF_TREES];
    fani_tree trees[FANI_PROOF_TREES];
    double *parameters;
} fani_proof;

/* Makes one from texts; `parameters` are copied. Errors: FAN_E_UNSUPPORTED (no Arb, or a function
 * that it has no enclosure of), FAN_E_ARGUMENT (several components), as fan_expression_parse.
 * *proof (fani_proof_free) is NULL on error. */
fan_status fani_proof_make(const char *const texts[static FANI_PROOF_TREES],
                           const fan_expression_names *names, const double *parameters,
                           fani_proof **proof, fan_error *error);
void fani_proof_free(fani_proof *proof); /* NULL is fine */

/* Whether there can be a proof over it: one dimension, finite, no weight. FAN_E_ARGUMENT: no. */
fan_status fani_rigorous_check(const fani_domain *domain, fan_error *error);

#endif
