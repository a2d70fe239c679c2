/* The value of one block: points, integrand, and the sums of their values. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "integral.h"

enum { RUN = FANI_GRID_RUN };

/* What one run works on; on the stack of the caller. Vectors that cross lines of the cache take
 * twice as long to load. */
typedef struct run_state {
    const fan_integral_plan *plan;
    fani_wave *wave; /* what evaluates whole runs and adds them up at once, or NULL */
    _Alignas(64) double x[FAN_INTEGRAL_DIMENSION_MAX][RUN + FANI_GRID_SLACK];
    _Alignas(64) double weights[RUN + FANI_GRID_SLACK];
    _Alignas(64) double values[FAN_INTEGRAL_COMPONENTS_MAX][RUN];
    const double *w;    /* the weights of this run's points; NULL where all are 1 */
    bool weights_inner; /* `weights` has those of a whole run away from the ends */
    _Alignas(64) fani_lanes lanes[FAN_INTEGRAL_COMPONENTS_MAX];
} run_state;

/* ---- Points ---------------------------------------------------------------------------------- */

static double *weights_of(run_state *run)
{
    return run->plan->weighted ? run->weights : NULL;
}

/* One axis whose points are as its rule has them. */
static bool is_plain(const fan_integral_plan *plan)
{
    const fan_bounds *bounds = plan->integral.bounds;
    return plan->integral.dimension == 1 && !(bounds && (bounds->from || bounds->to));
}

/* Points that differ in their last coordinate only: the others, and their weights, are constant. */
static void fill_row(run_state *run, uint64_t index, int at, int count)
{
    const fan_integral_plan *plan = run->plan;
    const size_t last = plan->integral.dimension - 1;
    double *w = weights_of(run) ? run->weights + at : NULL;
    fani_axis_points(&plan->axes[last], index % plan->axes[last].count, count, run->x[last] + at,
                     w);
    uint64_t rest = index / plan->axes[last].count;
    for (size_t d = last; d > 0; d--) {
        const fani_axis *axis = &plan->axes[d - 1];
        double x[1 + FANI_GRID_SLACK], weight[2] = {1, 1};
        fani_axis_points(axis, rest % axis->count, 1, x, w ? weight : NULL);
        for (int j = at; j < at + count; j++)
            run->x[d - 1][j] = x[0];
        for (int j = 0; w && j < count; j++)
            w[j] *= weight[0];
        rest /= axis->count;
    }
}

/* Away from the ends weights repeat: they aren't made anew. */
static void fill_plain(run_state *run, uint64_t first, int count)
{
    const fani_axis *axis = run->plan->axes;
    const bool inner = count == RUN && fani_axis_inner(axis, first, count);
    const bool made = inner && run->weights_inner;
    run->w = weights_of(run);
    if (run->w && count == RUN)
        run->w = fani_axis_weights(axis, first, count, run->weights);
    fani_axis_points(axis, first, count, run->x[0],
                     run->w == run->weights && !made ? run->weights : NULL);
    run->weights_inner = inner;
}

static void fill_points(run_state *run, uint64_t first, int count)
{
    run->w = weights_of(run);
    if (is_plain(run->plan)) {
        fill_plain(run, first, count);
        return;
    }
    const fani_axis *last = &run->plan->axes[run->plan->integral.dimension - 1];
    double *x[FAN_INTEGRAL_DIMENSION_MAX];
    for (int at = 0; at < count;) {
        const uint64_t index = first + (uint64_t)at;
        const uint64_t row = last->count - index % last->count;
        const int here = row < (uint64_t)(count - at) ? (int)row : count - at;
        fill_row(run, index, at, here);
        at += here;
    }
    for (size_t d = 0; d < run->plan->integral.dimension; d++)
        x[d] = run->x[d];
    fani_plan_bend(run->plan, (size_t)count, x, run->weights);
}

/* ---- Values ---------------------------------------------------------------------------------- */

static fan_status evaluate(run_state *run, int count, fan_error *error)
{
    const fani_integrand *f = &run->plan->integrand;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double *values[FAN_INTEGRAL_COMPONENTS_MAX];
    for (size_t d = 0; d < f->dimension; d++)
        points[d] = run->x[d];
    for (size_t c = 0; c < f->components; c++)
        values[c] = run->values[c];
    const fan_status status = f->evaluate(f, points, (size_t)count, values);
    return status == FAN_OK
               ? FAN_OK
               : fani_error_set(error, status, "the integrand failed: %s", fan_status_text(status));
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

/* For values whose sum comes near the largest double: slow, and only as good as it must be. */
static void add_slowly(fani_lanes *lanes, const double *values, const double *weights)
{
    fani_triple sum = {lanes->high[0], lanes->middle[0], lanes->low[0]};
    for (int i = 0; i < RUN; i++) {
        const double value = weights ? values[i] * weights[i] : values[i];
        sum = fani_triple_add(sum, (fani_triple){value, 0, 0});
    }
    lanes->high[0] = sum.high;
    lanes->middle[0] = sum.middle;
    lanes->low[0] = sum.low;
}

static void sum_component(run_state *run, size_t c, uint64_t first, int count, fan_partial *partial)
{
    const fani_grid_kernels *grid = run->plan->axes[0].grid;
    const double *weights = run->w;
    double *values = run->values[c];
    for (int i = count; i < RUN; i++)
        values[i] = 0;
    if (grid->add(&run->lanes[c], values, weights))
        return;
    sort_out(values, count, first, partial);
    if (!grid->add(&run->lanes[c], values, weights))
        add_slowly(&run->lanes[c], values, weights);
}

/* A finite axis has ascending points, and weights up to 4. */
static fani_wave *wave_of(const fan_integral_plan *plan)
{
    const fani_integrand_source *source = &plan->source;
    const bool fits = source->expression && !source->with_ends && is_plain(plan) &&
                      plan->axes[0].map == FANI_MAP_FINITE;
    return fits ? fani_expression_wave(source->expression) : NULL;
}

static bool add_wave(run_state *run)
{
    const fani_integrand_source *source = &run->plan->source;
    return fani_expression_add(source->expression, run->wave, run->x[0], source->parameters, run->w,
                               run->lanes);
}

static fan_status sum_run(run_state *run, uint64_t first, int count, fan_partial *partials,
                          fan_error *error)
{
    fill_points(run, first, count);
    if (run->wave && count == RUN && add_wave(run))
        return FAN_OK;
    const fan_status status = evaluate(run, count, error);
    if (status != FAN_OK)
        return status;
    for (int i = count; i < RUN && run->plan->weighted; i++)
        run->weights[i] = 0;
    for (size_t c = 0; c < run->plan->integrand.components; c++)
        sum_component(run, c, first, count, &partials[c]);
    return FAN_OK;
}

fan_status fan_integral_plan_block(const fan_integral_plan *plan, uint64_t block,
                                   fan_partial *partials, fan_error *error)
{
    const size_t components = plan->integrand.components;
    if (block >= fan_integral_plan_blocks(plan))
        return fani_error_set(error, FAN_E_ARGUMENT, "no block %llu: the integral has %llu",
                              (unsigned long long)block,
                              (unsigned long long)fan_integral_plan_blocks(plan));
    run_state run;
    fan_partial made[FAN_INTEGRAL_COMPONENTS_MAX];
    run.plan = plan;
    run.wave = wave_of(plan);
    run.weights_inner = false;
    memset(run.lanes, 0, components * sizeof *run.lanes);
    memset(made, 0, components * sizeof *made);
    const uint64_t first = block * FAN_INTEGRAL_BLOCK_POINTS;
    const uint64_t rest = plan->total - first;
    const int count = rest < FAN_INTEGRAL_BLOCK_POINTS ? (int)rest : (int)FAN_INTEGRAL_BLOCK_POINTS;
    for (int at = 0; at < count; at += RUN) {
        const int here = count - at < RUN ? count - at : RUN;
        const fan_status status = sum_run(&run, first + (uint64_t)at, here, made, error);
        if (status != FAN_OK)
            return status;
    }
    for (size_t c = 0; c < components; c++) {
        const fani_triple sum = fani_lanes_total(&run.lanes[c]);
        made[c].sum = sum.high;
        made[c].sum_middle = sum.middle;
        made[c].sum_low = sum.low;
    }
    memcpy(partials, made, components * sizeof *made);
    return FAN_OK;
}
