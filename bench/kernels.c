/* The kernels on one core beside what people use today, each on the same numbers in one run, every
 * answer checked against a peer or a closed form. CPU time, medians of interleaved repetitions. */
#include <math.h>
#include <stdio.h>

#include "contest.h"
#include "fanfold/fanfold.h"
#include "harness.h"

/* ---- Integration ---------------------------------------------------------------------------- */

typedef struct grid {
    size_t points;
    double h, sum, expected;
    fan_expression *cosine;
} grid;

static double integrate(grid *g, fan_integral integral)
{
    fan_integral_result result = {0};
    fan_range range = {0, g->h * (double)g->points};
    integral.dimension = 1;
    integral.ranges = &range;
    integral.points = g->points;
    integral.rule = FAN_RULE_LEFT;
    double before = bench_thread_ns();
    if (fan_integrate(&integral, &result, NULL) != FAN_OK)
        bench_fail("fan_integrate fails");
    double ns = bench_thread_ns() - before;
    g->sum = result.value;
    return ns;
}

static double grid_expression(void *user)
{
    grid *g = user;
    return integrate(g, (fan_integral){.expression = g->cosine});
}

static fan_status cosines(void *context, const double *const *points, size_t count,
                          double *const *values)
{
    (void)context;
    for (size_t i = 0; i < count; i++)
        values[0][i] = cos(points[0][i]);
    return FAN_OK;
}

static double grid_batch(void *user)
{
    return integrate(user, (fan_integral){.batch = cosines});
}

static double cosine_at(void *context, const double *point)
{
    (void)context;
    return cos(point[0]);
}

static double grid_scalar(void *user)
{
    return integrate(user, (fan_integral){.scalar = cosine_at});
}

static double grid_plain(void *user)
{
    grid *g = user;
    double before = bench_thread_ns(), sum = 0;
    for (size_t i = 0; i < g->points; i++)
        sum += cos((double)i * g->h);
    g->sum = sum * g->h;
    return bench_thread_ns() - before;
}

static void grid_check(const void *user, const char *name)
{
    const grid *g = user;
    if (!(fabs(g->sum - g->expected) < 1e-12))
        bench_fail("the sum by %s is %.17g, not %.17g", name, g->sum, g->expected);
}

static void hold_grid(const bench_options *options, bench_table *table)
{
    grid g = {.points = bench_scaled(options, 1000000)};
    g.h = M_PI_2 / (double)g.points;
    /* The left sum of cos over [0, pi/2] in closed form (Lagrange's identity). */
    g.expected = g.h * (0.5 + 0.5 / tan(g.h / 2));
    fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    if (fan_expression_parse("cos(x)", 6, &names, &g.cosine, NULL) != FAN_OK)
        bench_fail("cos(x) does not parse");
    bench_contest c = {.name = "left sum of cos, 10^6 points",
                       .items = g.points,
                       .check = grid_check,
                       .check_user = &g};
    bench_contest_add(&c, "fan_integrate, expression", grid_expression, &g);
    bench_contest_add(&c, "fan_integrate, batch in C", grid_batch, &g);
    bench_contest_add(&c, "fan_integrate, scalar in C", grid_scalar, &g);
    bench_contest_add(&c, "plain loop in C", grid_plain, &g);
    bench_contest_hold(&c, options, table);
    fan_expression_free(g.cosine);
}

int main(int argc, char **argv)
{
    bench_options options;
    int code = bench_options_read(argc, argv, "The kernels on one core beside others.", &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    bench_table *table = bench_table_new("kernels", 2, "work\tby\tCPU ns an item\tspread %\tratio");
    hold_grid(&options, table);
    bench_table_print(table, &options);
    return 0;
}
