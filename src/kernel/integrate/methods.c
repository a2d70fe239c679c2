#include "methods.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "integral.h"
#include "methods_1d.h"
#include "methods_many.h"
#include "rigorous.h"

/* ---- Names ----------------------------------------------------------------------------------- */

static const fani_method *const of_one[] = {&fani_method_auto_1d,   &fani_method_gauss_kronrod,
                                            &fani_method_tanh_sinh, &fani_method_filon,
                                            &fani_method_rigorous,  NULL};
static const fani_method *const of_many[] = {&fani_method_auto_many,  &fani_method_cubature,
                                             &fani_method_cubature9,  &fani_method_cubature11,
                                             &fani_method_cubature13, &fani_method_vegas,
                                             &fani_method_lattice,    &fani_method_product,
                                             &fani_method_nested,     NULL};

static const fani_method *find(const fani_method *const *methods, const char *name)
{
    while (*methods && strcmp((*methods)->name, name) != 0)
        methods++;
    return *methods;
}

fan_status fani_method_find(const char *name, size_t dimension, const fani_method **method,
                            fan_error *error)
{
    const fani_method *found = find(dimension == 1 ? of_one : of_many, name);
    if (!found && strcmp(name, fani_method_rigorous.name) == 0)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "rigorous is for one variable, not for %zu: without a proof, "
                              "auto, cubature and nested can do it",
                              dimension);
    if (!found && dimension == 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "method %.80s is not for one variable: expected auto, gauss-kronrod "
                              "or tanh-sinh",
                              name);
    if (!found)
        return fani_error_set(
            error, FAN_E_ARGUMENT,
            "method %.80s is not for %zu variables: expected auto, cubature, "
            "cubature9, cubature11, cubature13, vegas, lattice, product or nested",
            name, dimension);
    *method = found;
    return FAN_OK;
}

const char *fani_verdict_name(fani_verdict verdict)
{
    static const char *const names[] = {"open",      "reached",    "budget", "rounding",
                                        "divergent", "not finite", "time"};
    return names[verdict];
}

const char *fani_chosen_why(const char *chosen)
{
    const char *blank = strchr(chosen, ' ');
    return blank && blank > chosen && (blank[-1] == ',' || blank[-1] == ':') ? blank + 1 : NULL;
}

const char *fani_chosen_split(char *chosen)
{
    const char *why = fani_chosen_why(chosen);
    if (!why)
        return NULL;
    chosen[why - chosen - 2] = '\0';
    return why;
}

/* ---- Goals ----------------------------------------------------------------------------------- */

void fani_goal_complete(fani_goal *goal, size_t dimension)
{
    const bool many = dimension > 1;
    if (goal->rel < 0)
        goal->rel = many ? 1e-5 : 1e-8;
    if (goal->evaluations_max == 0)
        goal->evaluations_max = many ? 100000000 : 10000000;
}

static fan_status check_tolerance(const char *name, double value, fan_error *error)
{
    return isfinite(value) && value >= 0
               ? FAN_OK
               : fani_error_set(error, FAN_E_ARGUMENT, "%s is %g: expected 0 or more", name, value);
}

fan_status fani_goal_read(const fan_goal *wanted, size_t dimension, fani_goal *goal,
                          fan_error *error)
{
    fan_status status = check_tolerance("rel", wanted->rel, error);
    if (status == FAN_OK)
        status = check_tolerance("abs", wanted->abs, error);
    if (status != FAN_OK)
        return status;
    goal->abs = wanted->abs;
    goal->rel = wanted->rel == 0 && wanted->abs == 0 ? -1 : wanted->rel;
    goal->evaluations_max = wanted->evaluations_max;
    goal->seed = wanted->seed;
    fani_goal_complete(goal, dimension);
    return FAN_OK;
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

/* A bound of parameters alone is a number. */
static fani_bound bound_of(const fan_integral *integral, double value,
                           const fan_expression *expression)
{
    static const double nowhere[1];
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    if (expression && !fani_expression_varies(expression)) {
        for (size_t d = 0; d < FAN_INTEGRAL_DIMENSION_MAX; d++)
            points[d] = nowhere;
        fan_expression_evaluate(expression, points, integral->parameters, 1, &(double *){&value});
        expression = NULL;
    }
    return (fani_bound){value, expression, integral->parameters};
}

fan_status fani_integral_domain(const fan_integral *integral, fani_domain *domain, fan_error *error)
{
    char name[FANI_AXIS_NAME_SIZE];
    domain->dimension = integral->dimension; /* of the arrays no more is set than is used */
    domain->break_count = 0;
    domain->breaks = NULL;
    domain->weight = FANI_WEIGHT_NONE;
    domain->frequency = 0;
    for (size_t d = 0; d < integral->dimension; d++) {
        const fan_range *range = &integral->ranges[d];
        const fan_bounds bounds = integral->bounds ? integral->bounds[d] : (fan_bounds){NULL, NULL};
        domain->from[d] = bound_of(integral, range->from, bounds.from);
        domain->to[d] = bound_of(integral, range->to, bounds.to);
    }
    const bool from_nan = isnan(domain->from[0].value);
    if (!from_nan && !isnan(domain->to[0].value))
        return FAN_OK;
    fani_axis_name(integral, 0, name);
    return fani_error_set(error, FAN_E_ARGUMENT, "%s: the %s bound is not a number (NaN)", name,
                          from_nan ? "lower" : "upper");
}

fan_status fani_domain_break(const fan_goal *wanted, fani_domain *domain, fan_error *error)
{
    if (wanted->break_count == 0)
        return FAN_OK;
    if (domain->dimension > 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "break points are for the methods of one variable");
    if (!wanted->breaks || wanted->break_count > FAN_INTEGRAL_BREAKS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "%zu break points%s; at most %d are possible",
                              wanted->break_count, wanted->breaks ? "" : " without an array",
                              FAN_INTEGRAL_BREAKS_MAX);
    for (size_t i = 1; i < wanted->break_count; i++)
        if (!(wanted->breaks[i] > wanted->breaks[i - 1]))
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "break points must ascend: %g comes after %g", wanted->breaks[i],
                                  wanted->breaks[i - 1]);
    domain->breaks = wanted->breaks;
    domain->break_count = wanted->break_count;
    return FAN_OK;
}

fan_status fani_integral_near_ends(const fan_integral *integral, const fani_domain *domain,
                                   fani_integrand_source *source, fan_expression **with_ends,
                                   fan_error *error)
{
    fan_status status = FAN_OK;
    *with_ends = NULL;
    fani_integral_source(integral, source);
    if (integral->expression && integral->dimension == 1)
        status =
            fani_expression_with_ends(integral->expression, integral->parameters,
                                      domain->from[0].value, domain->to[0].value, with_ends, error);
    source->with_ends = *with_ends;
    return status;
}
