#include "integrand.h"

#include "base/error.h"
#include "expression.h"

static fan_status of_expression(const fani_integrand *f, const double *const *points, size_t count,
                                double *const *values)
{
    const fani_integrand_source *source = f->context;
    const fan_expression *e = source->with_ends ? source->with_ends : source->expression;
    fan_expression_evaluate(e, points, source->parameters, count, values);
    return FAN_OK;
}

/* Users are promised at most so many points at once. */
enum { BATCH_MAX = 256 };

static fan_status of_batch(const fani_integrand *f, const double *const *points, size_t count,
                           double *const *values)
{
    const fani_integrand_source *source = f->context;
    const double *x[FAN_INTEGRAL_DIMENSION_MAX];
    double *y[FANI_COMPONENTS_MAX];
    fan_status status = FAN_OK;
    for (size_t at = 0; status == FAN_OK && at < count; at += BATCH_MAX) {
        for (size_t d = 0; d < f->dimension; d++)
            x[d] = points[d] + at;
        for (size_t c = 0; c < f->components; c++)
            y[c] = values[c] + at;
        status =
            source->batch(source->context, x, count - at < BATCH_MAX ? count - at : BATCH_MAX, y);
    }
    return status;
}

static fan_status of_scalar(const fani_integrand *f, const double *const *points, size_t count,
                            double *const *values)
{
    const fani_integrand_source *source = f->context;
    double point[FAN_INTEGRAL_DIMENSION_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t d = 0; d < f->dimension; d++)
            point[d] = points[d][i];
        values[0][i] = source->scalar(source->context, point);
    }
    return FAN_OK;
}

static fan_status check(const fani_integrand_source *s, size_t components, fan_error *error)
{
    const fan_expression *e = s->expression;
    if ((e != NULL) + (s->batch != NULL) + (s->scalar != NULL) != 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "exactly one of expression, batch and scalar must be set");
    if (s->dimension < 1 || s->dimension > FAN_INTEGRAL_DIMENSION_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "%zu dimensions; an integrand has 1 to %d",
                              s->dimension, FAN_INTEGRAL_DIMENSION_MAX);
    if (components < 1 || components > FANI_COMPONENTS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "%zu components; an integrand has 1 to %d",
                              components, FANI_COMPONENTS_MAX);
    if (e && e->variable_count != s->dimension)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the expression has %zu variable(s), the integral %zu dimension(s)",
                              e->variable_count, s->dimension);
    if (e && e->parameter_count > 0 && !s->parameters)
        return fani_error_set(error, FAN_E_ARGUMENT, "the expression's parameters have no values");
    return FAN_OK;
}

fan_status fani_integrand_make(const fani_integrand_source *source, fani_integrand *f,
                               fan_error *error)
{
    const size_t components = source->batch        ? source->components
                              : source->expression ? source->expression->output_count
                                                   : 1;
    const fan_status status = check(source, components, error);
    if (status != FAN_OK)
        return status;
    *f = (fani_integrand){.dimension = source->dimension,
                          .components = components,
                          .cheap = source->expression != NULL,
                          .evaluate = source->expression ? of_expression
                                      : source->batch    ? of_batch
                                                         : of_scalar,
                          .wants_distances = source->with_ends != NULL,
                          .context = source};
    return FAN_OK;
}
