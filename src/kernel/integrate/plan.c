/* Checking the description of an integral and making its grid. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "integral.h"

static const char *const rule_names[] = {
    [FAN_RULE_LEFT] = "left",           [FAN_RULE_MIDPOINT] = "midpoint",
    [FAN_RULE_TRAPEZOID] = "trapezoid", [FAN_RULE_SIMPSON] = "simpson",
    [FAN_RULE_GAUSS] = "gauss",
};

enum { RULE_COUNT = sizeof rule_names / sizeof *rule_names, ORDER_DEFAULT = 5 };

static const uint64_t subintervals_max = UINT64_C(1) << 50; /* positions are exact in a double */
static const uint64_t total_max = UINT64_C(1) << 62;

const char *fan_rule_name(fan_rule rule)
{
    return (unsigned)rule < RULE_COUNT ? rule_names[rule] : NULL;
}

fan_status fan_rule_from_name(const char *name, fan_rule *rule, fan_error *error)
{
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        if (strcmp(name, rule_names[i]) == 0) {
            *rule = (fan_rule)i;
            return FAN_OK;
        }
    }
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "no rule \"%.80s\"; rules are left, midpoint, trapezoid, simpson, gauss",
                          name);
}

void fani_axis_name(const fan_integral *integral, size_t dimension,
                    char name[static FANI_AXIS_NAME_SIZE])
{
    if (integral->expression)
        snprintf(name, FANI_AXIS_NAME_SIZE, "%.40s",
                 fani_expression_variable(integral->expression, dimension));
    else
        snprintf(name, FANI_AXIS_NAME_SIZE, "x[%zu]", dimension);
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static fan_status check_integrand(const fan_integral *integral, fan_error *error)
{
    const fan_expression *e = integral->expression;
    if ((e != NULL) + (integral->batch != NULL) + (integral->scalar != NULL) != 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "exactly one of expression, batch and scalar must be set");
    if (integral->dimension < 1 || integral->dimension > FAN_INTEGRAL_DIMENSION_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "%zu dimensions; fixed grids have 1 to %d",
                              integral->dimension, FAN_INTEGRAL_DIMENSION_MAX);
    if (e && e->variable_count != integral->dimension)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the expression has %zu variable(s), the integral %zu dimension(s)",
                              e->variable_count, integral->dimension);
    if (e && e->parameter_count > 0 && !integral->parameters)
        return fani_error_set(error, FAN_E_ARGUMENT, "the expression's parameters have no values");
    return FAN_OK;
}

static fan_status check_rule(const fan_integral *integral, fan_error *error)
{
    const unsigned long long n = integral->points;
    if (!fan_rule_name(integral->rule))
        return fani_error_set(error, FAN_E_ARGUMENT, "no rule number %d", (int)integral->rule);
    if (n < 1)
        return fani_error_set(error, FAN_E_ARGUMENT, "at least 1 subinterval is needed");
    if (n > subintervals_max)
        return fani_error_set(error, FAN_E_TOO_LARGE,
                              "%llu subintervals, at most %llu are possible", n,
                              (unsigned long long)subintervals_max);
    if (integral->rule == FAN_RULE_SIMPSON && n % 2 == 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "Simpson's rule needs an even number of subintervals, such as %llu",
                              n + 1);
    if (integral->rule == FAN_RULE_GAUSS && integral->order > FAN_INTEGRAL_ORDER_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a Gauss-Legendre rule of order %u; 1 to %d are possible",
                              integral->order, FAN_INTEGRAL_ORDER_MAX);
    return FAN_OK;
}

static fan_status check_ranges(const fan_integral *integral, fan_error *error)
{
    char name[FANI_AXIS_NAME_SIZE];
    if (!integral->ranges)
        return fani_error_set(error, FAN_E_ARGUMENT, "the integral has no ranges");
    for (size_t d = 0; d < integral->dimension; d++) {
        const fan_range *r = &integral->ranges[d];
        if (!isnan(r->from) && !isnan(r->to))
            continue;
        fani_axis_name(integral, d, name);
        return fani_error_set(error, FAN_E_ARGUMENT, "%s: the %s bound is not a number (NaN)", name,
                              isnan(r->from) ? "lower" : "upper");
    }
    return FAN_OK;
}

/* ---- The grid -------------------------------------------------------------------------------- */

static fan_status copy_parameters(fan_integral_plan *plan, fan_error *error)
{
    const fan_integral *integral = &plan->integral;
    const size_t count = integral->expression ? integral->expression->parameter_count : 0;
    if (count == 0)
        return FAN_OK;
    plan->parameters = malloc(count * sizeof *plan->parameters);
    if (!plan->parameters)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
    memcpy(plan->parameters, integral->parameters, count * sizeof *plan->parameters);
    return FAN_OK;
}

static fan_status make_gauss(fan_integral_plan *plan, fan_error *error)
{
    fan_integral *integral = &plan->integral;
    if (integral->rule != FAN_RULE_GAUSS)
        return FAN_OK;
    if (integral->order == 0)
        integral->order = ORDER_DEFAULT;
    plan->gauss = malloc(integral->order * sizeof *plan->gauss);
    if (!plan->gauss)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
    fani_gauss_legendre(integral->order, plan->gauss);
    return FAN_OK;
}

/* Adds one dimension; from == to leaves a grid without points. */
static fan_status add_axis(fan_integral_plan *plan, size_t d, fan_error *error)
{
    char name[FANI_AXIS_NAME_SIZE];
    fan_range range = plan->integral.ranges[d];
    fani_axis *axis = &plan->axes[d];
    if (range.from == range.to) {
        plan->total = 0;
        return FAN_OK;
    }
    if (range.from > range.to) {
        range = (fan_range){range.to, range.from};
        plan->scale = -plan->scale;
    }
    fani_axis_name(&plan->integral, d, name);
    const fan_status status =
        fani_axis_make(&range, &plan->integral, plan->gauss, name, axis, error);
    if (status != FAN_OK)
        return status;
    plan->scale *= fani_axis_scale(axis);
    plan->weighted |= fani_axis_weighted(axis);
    if (__builtin_mul_overflow(plan->total, axis->count, &plan->total) || plan->total > total_max)
        return fani_error_set(error, FAN_E_TOO_LARGE,
                              "the grid of %llu subintervals in %zu dimensions has more than 2^62 "
                              "points",
                              (unsigned long long)plan->integral.points, plan->integral.dimension);
    return FAN_OK;
}

static fan_status make_grid(fan_integral_plan *plan, fan_error *error)
{
    fan_status status = copy_parameters(plan, error);
    if (status == FAN_OK)
        status = make_gauss(plan, error);
    plan->scale = 1;
    plan->total = 1;
    for (size_t d = 0; status == FAN_OK && d < plan->integral.dimension; d++)
        status = add_axis(plan, d, error);
    plan->integral.ranges = NULL;
    plan->integral.parameters = plan->parameters;
    return status;
}

fan_status fan_integral_plan_make_sized(const fan_integral *integral, size_t integral_size,
                                        fan_integral_plan **plan, fan_error *error)
{
    fan_integral known = {0};
    memcpy(&known, integral, integral_size < sizeof known ? integral_size : sizeof known);
    fan_status status = check_integrand(&known, error);
    if (status == FAN_OK)
        status = check_rule(&known, error);
    if (status == FAN_OK)
        status = check_ranges(&known, error);
    if (status != FAN_OK)
        return status;
    fan_integral_plan *made = calloc(1, sizeof *made);
    if (!made)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
    made->integral = known;
    status = make_grid(made, error);
    if (status == FAN_OK)
        *plan = made;
    else
        fan_integral_plan_free(made);
    return status;
}

void fan_integral_plan_free(fan_integral_plan *plan)
{
    if (!plan)
        return;
    free(plan->parameters);
    free(plan->gauss);
    free(plan);
}

uint64_t fan_integral_plan_blocks(const fan_integral_plan *plan)
{
    return plan->total / FAN_INTEGRAL_BLOCK_POINTS + (plan->total % FAN_INTEGRAL_BLOCK_POINTS != 0);
}

void fani_plan_point(const fan_integral_plan *plan, uint64_t index, double *point)
{
    for (size_t d = plan->integral.dimension; d > 0; d--) {
        const fani_axis *axis = &plan->axes[d - 1];
        fani_axis_points(axis, index % axis->count, 1, &point[d - 1], NULL);
        index /= axis->count;
    }
}
