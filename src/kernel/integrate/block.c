/* The value of one block: points, integrand, and the tree over their values. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "integral.h"

enum { RUN = FANI_INTEGRAL_RUN, RUNS = FAN_INTEGRAL_BLOCK_POINTS / FANI_INTEGRAL_RUN };

/* What one run works on; on the stack of the caller. */
typedef struct run_state {
    const fan_integral_plan *plan;
    double x[FAN_INTEGRAL_DIMENSION_MAX][RUN];
    double weights[RUN];
    double values[RUN];
} run_state;

/* Adds the upper half to the lower until one is left; `count` is a power of two. Such a tree is
 * fixed by index and is made of sums of whole vectors. */
static double halve(double *values, int count)
{
    int half = count / 2;
    for (; half > 1; half /= 2) {
        for (int i = 0; i < half; i += 2)
            *(fani_pair *)(values + i) += *(const fani_pair *)(values + i + half);
    }
    return values[0] + values[1];
}

/* Points that differ in their last coordinate only: the others, and their weights, are constant. */
static void fill_row(run_state *run, uint64_t index, int at, int count)
{
    const fan_integral_plan *plan = run->plan;
    const size_t last = plan->integral.dimension - 1;
    double *w = plan->weighted ? run->weights + at : NULL;
    fani_axis_points(&plan->axes[last], index % plan->axes[last].count, count, run->x[last] + at,
                     w);
    uint64_t rest = index / plan->axes[last].count;
    for (size_t d = last; d > 0; d--) {
        const fani_axis *axis = &plan->axes[d - 1];
        double x;
        double weight = 1;
        fani_axis_points(axis, rest % axis->count, 1, &x, w ? &weight : NULL);
        for (int j = at; j < at + count; j++)
            run->x[d - 1][j] = x;
        for (int j = 0; w && j < count; j++)
            w[j] *= weight;
        rest /= axis->count;
    }
}

static void fill_points(run_state *run, uint64_t first, int count)
{
    const fani_axis *last = &run->plan->axes[run->plan->integral.dimension - 1];
    for (int at = 0; at < count;) {
        const uint64_t index = first + (uint64_t)at;
        const uint64_t row = last->count - index % last->count;
        const int here = row < (uint64_t)(count - at) ? (int)row : count - at;
        fill_row(run, index, at, here);
        at += here;
    }
}

static fan_status evaluate(run_state *run, int count, fan_error *error)
{
    const fan_integral *integral = &run->plan->integral;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double point[FAN_INTEGRAL_DIMENSION_MAX];
    double *const values[] = {run->values};
    for (size_t d = 0; d < integral->dimension; d++)
        points[d] = run->x[d];
    if (integral->expression) {
        fan_expression_evaluate(integral->expression, points, integral->parameters, (size_t)count,
                                values);
        return FAN_OK;
    }
    if (integral->batch) {
        const fan_status status = integral->batch(integral->context, points, (size_t)count, values);
        return status == FAN_OK ? FAN_OK
                                : fani_error_set(error, status, "the integrand failed: %s",
                                                 fan_status_text(status));
    }
    for (int i = 0; i < count; i++) {
        for (size_t d = 0; d < integral->dimension; d++)
            point[d] = run->x[d][i];
        run->values[i] = integral->scalar(integral->context, point);
    }
    return FAN_OK;
}

/* Counts values that are not finite and makes them 0. */
static void sort_out(double *values, int count, uint64_t first, fan_partial *partial)
{
    for (int i = 0; i < count; i++) {
        if (isfinite(values[i]))
            continue;
        if (partial->not_finite++ == 0) {
            partial->first_index = first + (uint64_t)i;
            partial->first_value = values[i];
        }
        values[i] = 0;
    }
}

/* v * 0 is 0 for a finite v, else a NaN, which the sum keeps; cheaper than asking each value. */
static bool all_finite(const double *values)
{
    fani_pair probe = {0, 0};
    for (int i = 0; i < RUN; i += 2)
        probe += *(const fani_pair *)(values + i) * 0.0;
    return probe[0] + probe[1] == 0;
}

static fan_status sum_run(run_state *run, uint64_t first, int count, double *sum,
                          fan_partial *partial, fan_error *error)
{
    fill_points(run, first, count);
    const fan_status status = evaluate(run, count, error);
    if (status != FAN_OK)
        return status;
    for (int i = count; i < RUN; i++)
        run->values[i] = 0;
    if (!all_finite(run->values))
        sort_out(run->values, count, first, partial);
    if (run->plan->weighted) {
        for (int i = 0; i < count; i++)
            run->values[i] *= run->weights[i];
    }
    *sum = halve(run->values, RUN);
    return FAN_OK;
}

fan_status fan_integral_plan_block(const fan_integral_plan *plan, uint64_t block,
                                   fan_partial *partial, fan_error *error)
{
    if (block >= fan_integral_plan_blocks(plan))
        return fani_error_set(error, FAN_E_ARGUMENT, "no block %llu: the integral has %llu",
                              (unsigned long long)block,
                              (unsigned long long)fan_integral_plan_blocks(plan));
    run_state run;
    run.plan = plan;
    const uint64_t first = block * FAN_INTEGRAL_BLOCK_POINTS;
    const uint64_t rest = plan->total - first;
    const int count = rest < FAN_INTEGRAL_BLOCK_POINTS ? (int)rest : (int)FAN_INTEGRAL_BLOCK_POINTS;
    double sums[RUNS] = {0};
    fan_partial made = {0};
    for (int at = 0; at < count; at += RUN) {
        const int here = count - at < RUN ? count - at : RUN;
        const fan_status status =
            sum_run(&run, first + (uint64_t)at, here, &sums[at / RUN], &made, error);
        if (status != FAN_OK)
            return status;
    }
    made.sum = halve(sums, RUNS);
    *partial = made;
    return FAN_OK;
}
