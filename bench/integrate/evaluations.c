/* What an evaluation of an integrand costs on one core, for each instruction set that this machine
 * has, beside C that a compiler makes of the same formula: expressions, grids, and integrands of
 * several components. CPU time, medians of interleaved repetitions; every answer is checked. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contest.h"
#include "fanfold/fanfold.h"
#include "harness.h"

enum { BLOCK = 256, SETS = 3, COMPONENTS = 10 };

static const char *const sets[SETS] = {"scalar", "avx2", "avx512"};

/* Kernels are chosen where an expression is compiled. */
static fan_expression *parse(const char *set, const char *text)
{
    fan_expression *e = NULL;
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    setenv("FANFOLD_ISA", set, 1);
    if (fan_expression_parse(text, strlen(text), &names, &e, NULL) != FAN_OK)
        bench_fail("%s does not parse", text);
    unsetenv("FANFOLD_ISA");
    return e;
}

/* ---- Expressions ----------------------------------------------------------------------------- */

typedef double formula(double x);

typedef struct evaluation {
    fan_expression *expression;
    formula *formula;
    size_t blocks;
    double sum; /* of the last block's values, so that they are needed */
    double points[BLOCK], values[BLOCK];
} evaluation;

static double by_expression(void *user)
{
    evaluation *e = user;
    const double before = bench_thread_ns();
    for (size_t b = 0; b < e->blocks; b++)
        fan_expression_evaluate(e->expression, (const double *[]){e->points}, NULL, BLOCK,
                                (double *[]){e->values});
    return bench_thread_ns() - before;
}

static double by_formula(void *user)
{
    evaluation *e = user;
    const double before = bench_thread_ns();
    for (size_t b = 0; b < e->blocks; b++) {
        for (int i = 0; i < BLOCK; i++)
            e->values[i] = e->formula(e->points[i]);
    }
    return bench_thread_ns() - before;
}

static void check_values(const void *user, const char *name)
{
    const evaluation *all = user;
    for (int k = 0; k <= SETS; k++) {
        for (int i = 0; i < BLOCK; i++) {
            const double value = all[k].values[i], wanted = all->formula(all->points[i]);
            if (all[k].blocks && value != 0 && !(fabs(value - wanted) <= 1e-13 * fabs(wanted)))
                bench_fail("%s: %.17g at %.17g, not %.17g", name, value, all->points[i], wanted);
        }
    }
}

static void hold_formula(const char *text, formula *c, double from, double to,
                         const bench_options *options, bench_table *table)
{
    static evaluation all[SETS + 1];
    const size_t blocks = bench_scaled(options, 4000);
    bench_contest contest = {
        .name = text, .items = blocks * BLOCK, .check = check_values, .check_user = all};
    for (int k = 0; k <= SETS; k++) {
        all[k] = (evaluation){.formula = c, .blocks = blocks};
        for (int i = 0; i < BLOCK; i++)
            all[k].points[i] = from + (to - from) * (i + 0.5) / BLOCK;
    }
    bench_contest_add(&contest, "C, libm", by_formula, &all[SETS]);
    for (int k = 0; k < SETS; k++) {
        all[k].expression = parse(sets[k], text);
        bench_contest_add(&contest, sets[k], by_expression, &all[k]);
    }
    bench_contest_hold(&contest, options, table);
    for (int k = 0; k < SETS; k++)
        fan_expression_free(all[k].expression);
}

static double damped_wave(double x)
{
    return exp(-x * x) * cos(3 * x);
}
static double rational(double x)
{
    return 1 / (1 + 25 * x * x);
}
static double powers(double x)
{
    return pow(x, 3) * sqrt(x) - pow(x, 2.5);
}
static double logarithm(double x)
{
    return log(x) / (1 + x);
}
static double power(double x)
{
    return pow(x, 0.3);
}
static double tangent(double x)
{
    return tanh(x) + atan(x);
}
static double errors(double x)
{
    return erf(x);
}

static void hold_formulas(const bench_options *options, bench_table *table)
{
    hold_formula("exp(-x^2)*cos(3*x)", damped_wave, -3, 3, options, table);
    hold_formula("1/(1+25*x^2)", rational, -1, 1, options, table);
    hold_formula("x^3*sqrt(x) - x^2.5", powers, 2, 9, options, table);
    hold_formula("log(x)/(1+x)", logarithm, 2, 9, options, table);
    hold_formula("x^0.3", power, 2, 9, options, table);
    hold_formula("tanh(x) + atan(x)", tangent, 0.5, 9, options, table);
    hold_formula("erf(x)", errors, 0.1, 4, options, table);
}

/* ---- Components ------------------------------------------------------------------------------ */

typedef struct vector {
    fan_expression *expression;
    size_t blocks;
    double points[BLOCK], values[COMPONENTS][BLOCK];
} vector;

static double by_vector(void *user)
{
    vector *v = user;
    double *values[COMPONENTS];
    for (int c = 0; c < COMPONENTS; c++)
        values[c] = v->values[c];
    const double before = bench_thread_ns();
    for (size_t b = 0; b < v->blocks; b++)
        fan_expression_evaluate(v->expression, (const double *[]){v->points}, NULL, BLOCK, values);
    return bench_thread_ns() - before;
}

/* Points, not values, are what is counted: ten components against one. */
static void hold_components(const bench_options *options, bench_table *table)
{
    static const char *const texts[2] = {
        "exp(-x^2)*cos(3*x)",
        "exp(-x^2)*cos(3*x), exp(-x^2), cos(3*x), x*exp(-x^2), x*cos(3*x), exp(-x^2)*cos(3*x)*x,"
        "exp(-x^2)+cos(3*x), exp(-x^2)-cos(3*x), 2*exp(-x^2), x^2*exp(-x^2)",
    };
    static const char *const names[2] = {"one component", "ten that share"};
    static vector all[SETS][2];
    const size_t blocks = bench_scaled(options, 4000);
    for (int k = 0; k < SETS; k++) {
        bench_contest contest = {.name = sets[k], .items = blocks * BLOCK};
        for (int n = 0; n < 2; n++) {
            all[k][n] = (vector){.expression = parse(sets[k], texts[n]), .blocks = blocks};
            for (int i = 0; i < BLOCK; i++)
                all[k][n].points[i] = (i - 128) / 50.0;
            bench_contest_add(&contest, names[n], by_vector, &all[k][n]);
        }
        bench_contest_hold(&contest, options, table);
        if (memcmp(all[k][0].values[0], all[k][1].values[0], sizeof all[k][0].values[0]) != 0)
            bench_fail("a component has other values than alone");
        for (int n = 0; n < 2; n++)
            fan_expression_free(all[k][n].expression);
    }
}

/* ---- Grids ----------------------------------------------------------------------------------- */

typedef struct grid {
    fan_expression *expression;
    size_t points;
    double h, sum, expected;
} grid;

static double sum_by_fanfold(void *user)
{
    grid *g = user;
    fan_integral_result result = {0};
    const fan_integral integral = {.expression = g->expression,
                                   .dimension = 1,
                                   .ranges = &(fan_range){0, g->h * (double)g->points},
                                   .points = g->points,
                                   .rule = FAN_RULE_LEFT};
    const double before = bench_thread_ns();
    if (fan_integrate(&integral, &result, NULL) != FAN_OK)
        bench_fail("fan_integrate fails");
    g->sum = result.value;
    return bench_thread_ns() - before;
}

static double sum_by_loop(void *user)
{
    grid *g = user;
    const double before = bench_thread_ns();
    double sum = 0;
    for (size_t i = 0; i < g->points; i++)
        sum += cos((double)i * g->h);
    g->sum = sum * g->h;
    return bench_thread_ns() - before;
}

static void check_grids(const void *user, const char *name)
{
    const grid *all = user;
    for (int k = 0; k <= SETS; k++) {
        if (all[k].sum != 0 && !(fabs(all[k].sum - all[k].expected) < 1e-12))
            bench_fail("the sum by %s is %.17g, not %.17g", name, all[k].sum, all[k].expected);
    }
}

static void hold_grid(const bench_options *options, bench_table *table)
{
    static grid all[SETS + 1];
    const size_t points = bench_scaled(options, 1000000);
    bench_contest contest = {.name = "left sum of cos(x), 10^6 points",
                             .items = points,
                             .check = check_grids,
                             .check_user = all};
    for (int k = 0; k <= SETS; k++) {
        all[k] = (grid){.points = points, .h = M_PI_2 / (double)points};
        /* The left sum of cos over [0, pi/2] in closed form (Lagrange's identity). */
        all[k].expected = all[k].h * (0.5 + 0.5 / tan(all[k].h / 2));
    }
    bench_contest_add(&contest, "plain loop in C", sum_by_loop, &all[SETS]);
    for (int k = 0; k < SETS; k++) {
        all[k].expression = parse(sets[k], "cos(x)");
        bench_contest_add(&contest, sets[k], sum_by_fanfold, &all[k]);
    }
    bench_contest_hold(&contest, options, table);
    for (int k = 0; k < SETS; k++)
        fan_expression_free(all[k].expression);
}

int main(int argc, char **argv)
{
    bench_options options;
    const int code = bench_options_read(
        argc, argv, "What an evaluation of an integrand costs, per instruction set.", &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    bench_table *table =
        bench_table_new("evaluations", 2, "integrand\tby\tCPU ns an evaluation\tspread %\tratio");
    hold_formulas(&options, table);
    hold_grid(&options, table);
    bench_table_print(table, &options);
    table = bench_table_new("components", 2, "by\tof\tCPU ns a point\tspread %\tratio");
    hold_components(&options, table);
    bench_table_print(table, &options);
    return 0;
}
