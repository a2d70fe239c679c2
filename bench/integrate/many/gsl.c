#include <gsl/gsl_monte_miser.h>
#include <gsl/gsl_monte_vegas.h>

#include "many.h"

static double value_at(double *point, size_t dimension, void *user)
{
    return ((const many_function *)user)->scalar(point, dimension);
}

bool many_gsl(const many_function *f, bool miser, uint64_t evaluations, many_answer *answer)
{
    double low[FAN_INTEGRAL_DIMENSION_MAX] = {0}, high[FAN_INTEGRAL_DIMENSION_MAX];
    gsl_monte_function g = {value_at, f->dimension, (void *)f};
    gsl_rng *random = gsl_rng_alloc(gsl_rng_taus);
    for (size_t k = 0; k < f->dimension; k++)
        high[k] = 1;
    if (miser) {
        gsl_monte_miser_state *state = gsl_monte_miser_alloc(f->dimension);
        gsl_monte_miser_integrate(&g, low, high, f->dimension, evaluations, random, state,
                                  &answer->value, &answer->error);
        gsl_monte_miser_free(state);
    } else {
        gsl_monte_vegas_state *state = gsl_monte_vegas_alloc(f->dimension);
        gsl_monte_vegas_params parameters;
        gsl_monte_vegas_params_get(state, &parameters);
        const uint64_t each = evaluations / parameters.iterations;
        gsl_monte_vegas_integrate(&g, low, high, f->dimension, each, random, state, &answer->value,
                                  &answer->error);
        gsl_monte_vegas_free(state);
    }
    gsl_rng_free(random);
    answer->evaluations = evaluations;
    return true;
}
