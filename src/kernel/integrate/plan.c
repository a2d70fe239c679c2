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

static bool depends(const fan_integral *integral, size_t d)
{
    return integral->bounds && (integral->bounds[d].from || integral->bounds[d].to);
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static fan_status check_integrand(const fan_integral *integral, fan_error *error)
{
    fani_integrand_source source;
    fani_integral_source(integral, &source);
    fani_integrand unused;
    return fani_integrand_make(&source, &unused, error);
}

static fan_status check_bound(const fan_integral *integral, size_t d, const fan_expression *bound,
                              fan_error *error)
{
    char name[FANI_AXIS_NAME_SIZE];
    fani_axis_name(integral, d, name);
    if (bound && bound->variable_count != d)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "%s: a bound has %zu variable(s); expected the %zu before it", name,
                              bound->variable_count, d);
    if (bound && bound->output_count != 1)
        return fani_error_set(error, FAN_E_ARGUMENT, "%s: a bound is one expression", name);
    if (bound && bound->parameter_count > 0 && !integral->parameters)
        return fani_error_set(error, FAN_E_ARGUMENT, "%s: a bound's parameters have no values",
                              name);
    return FAN_OK;
}

static fan_status check_bounds(const fan_integral *integral, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t d = 0; status == FAN_OK && integral->bounds && d < integral->dimension; d++) {
        status = check_bound(integral, d, integral->bounds[d].from, error);
        if (status == FAN_OK)
            status = check_bound(integral, d, integral->bounds[d].to, error);
    }
    return status;
}

/* A bound that depends on others has its own finite range at each point of a grid; the other end
 * must be finite, too. */
static fan_status check_ends(const fan_integral *integral, fan_error *error)
{
    char name[FANI_AXIS_NAME_SIZE];
    fan_status status = FAN_OK;
    for (size_t d = 0; status == FAN_OK && integral->bounds && d < integral->dimension; d++) {
        const fan_bounds *b = &integral->bounds[d];
        const fan_range *r = &integral->ranges[d];
        fani_axis_name(integral, d, name);
        if ((b->from || b->to) && ((!b->from && isinf(r->from)) || (!b->to && isinf(r->to))))
            status =
                fani_error_set(error, FAN_E_ARGUMENT,
                               "%s: a fixed grid has no infinite bound beside one that depends "
                               "on other variables",
                               name);
    }
    return status;
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
        const bool from_nan = isnan(r->from) && !(integral->bounds && integral->bounds[d].from);
        const bool to_nan = isnan(r->to) && !(integral->bounds && integral->bounds[d].to);
        if (!from_nan && !to_nan)
            continue;
        fani_axis_name(integral, d, name);
        return fani_error_set(error, FAN_E_ARGUMENT, "%s: the %s bound is not a number (NaN)", name,
                              from_nan ? "lower" : "upper");
    }
    return FAN_OK;
}

fan_status fani_integral_check_ranges(const fan_integral *integral, fan_error *error)
{
    const fan_status status = check_ranges(integral, error);
    return status == FAN_OK ? check_bounds(integral, error) : status;
}

fan_status fani_integral_check(const fan_integral *integral, fan_error *error)
{
    const fan_status status = check_integrand(integral, error);
    return status == FAN_OK ? fani_integral_check_ranges(integral, error) : status;
}

/* ---- The grid -------------------------------------------------------------------------------- */

/* Of the expressions, which share them. */
static size_t parameter_count(const fan_integral *integral)
{
    size_t count = integral->expression ? integral->expression->parameter_count : 0;
    for (size_t d = 0; integral->bounds && d < integral->dimension; d++) {
        const fan_expression *bounds[] = {integral->bounds[d].from, integral->bounds[d].to};
        for (size_t k = 0; k < 2; k++) {
            if (bounds[k] && bounds[k]->parameter_count > count)
                count = bounds[k]->parameter_count;
        }
    }
    return count;
}

static fan_status copy_parameters(fan_integral_plan *plan, fan_error *error)
{
    const fan_integral *integral = &plan->integral;
    const size_t count = parameter_count(integral);
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
    return fani_gauss_make(integral->order, &plan->gauss) == FAN_OK
               ? FAN_OK
               : fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
}

/* The range of a dimension whose bounds depend on others is the unit interval, bent at each point.
 */
static fan_range range_of(const fan_integral_plan *plan, size_t d)
{
    return depends(&plan->integral, d) ? (fan_range){0, 1} : plan->integral.ranges[d];
}

/* Adds one dimension; from == to leaves a grid without points. */
static fan_status add_axis(fan_integral_plan *plan, size_t d, fan_error *error)
{
    char name[FANI_AXIS_NAME_SIZE];
    fan_range range = range_of(plan, d);
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
        fani_axis_make(&range, &plan->integral, &plan->gauss, name, axis, error);
    if (status != FAN_OK)
        return status;
    plan->scale *= fani_axis_scale(axis);
    plan->weighted |= fani_axis_weighted(axis) || depends(&plan->integral, d);
    if (__builtin_mul_overflow(plan->total, axis->count, &plan->total) || plan->total > total_max)
        return fani_error_set(error, FAN_E_TOO_LARGE,
                              "the grid of %llu subintervals in %zu dimensions has more than 2^62 "
                              "points",
                              (unsigned long long)plan->integral.points, plan->integral.dimension);
    return FAN_OK;
}

/* The bounds that depend on others, with the numbers beside them; no pointer to the caller's. */
static void keep_bounds(fan_integral_plan *plan)
{
    fan_integral *integral = &plan->integral;
    for (size_t d = 0; d < integral->dimension; d++) {
        plan->ranges[d] = integral->ranges[d];
        if (integral->bounds)
            plan->bounds[d] = integral->bounds[d];
    }
    integral->ranges = plan->ranges;
    integral->bounds = integral->bounds ? plan->bounds : NULL;
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
    keep_bounds(plan);
    plan->integral.parameters = plan->parameters;
    fani_integral_source(&plan->integral, &plan->source);
    return status == FAN_OK ? fani_integrand_make(&plan->source, &plan->integrand, error) : status;
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
        status = fani_integral_check_ranges(&known, error);
    if (status == FAN_OK)
        status = check_ends(&known, error);
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
    fani_gauss_clear(&plan->gauss);
    free(plan);
}

uint64_t fan_integral_plan_blocks(const fan_integral_plan *plan)
{
    return plan->total / FAN_INTEGRAL_BLOCK_POINTS + (plan->total % FAN_INTEGRAL_BLOCK_POINTS != 0);
}

size_t fan_integral_plan_components(const fan_integral_plan *plan)
{
    return plan->integrand.components;
}

/* ---- Points ---------------------------------------------------------------------------------- */

static void bound_values(const fan_integral_plan *plan, const fan_expression *bound, double number,
                         double *const *x, size_t count, double *values)
{
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    for (size_t d = 0; bound && d < bound->variable_count; d++)
        points[d] = x[d];
    for (size_t i = 0; !bound && i < count; i++)
        values[i] = number;
    if (bound)
        fan_expression_evaluate(bound, points, plan->parameters, count, (double *[]){values});
}

void fani_plan_bend(const fan_integral_plan *plan, size_t count, double *const *x, double *weights)
{
    double from[FANI_GRID_RUN], to[FANI_GRID_RUN];
    for (size_t d = 0; d < plan->integral.dimension; d++) {
        const fan_range *range = &plan->ranges[d];
        if (!depends(&plan->integral, d))
            continue;
        bound_values(plan, plan->bounds[d].from, range->from, x, count, from);
        bound_values(plan, plan->bounds[d].to, range->to, x, count, to);
        for (size_t i = 0; i < count; i++) {
            const double length = to[i] - from[i], t = x[d][i];
            x[d][i] = t <= 0.5 ? from[i] + t * length : to[i] - (1 - t) * length;
            if (weights)
                weights[i] *= length;
        }
    }
}

void fani_plan_point(const fan_integral_plan *plan, uint64_t index, double *point)
{
    double at[FANI_GRID_SLACK], *x[FAN_INTEGRAL_DIMENSION_MAX];
    for (size_t d = plan->integral.dimension; d > 0; d--) {
        const fani_axis *axis = &plan->axes[d - 1];
        fani_axis_points(axis, index % axis->count, 1, at, NULL);
        point[d - 1] = at[0];
        x[d - 1] = &point[d - 1];
        index /= axis->count;
    }
    fani_plan_bend(plan, 1, x, NULL);
}
