/* What a point of a grid costs on one core: cos over 10^6 points for every rule, instruction set
 * and several ranges, beside a scalar loop in C. CPU time, medians of interleaved repetitions;
 * every answer is checked by its closed form. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "fanfold/fanfold.h"
#include "harness.h"
#include "loop.h"

enum { SETS = 3 };
static const char *const sets[SETS] = {"avx512", "avx2", "scalar"};

typedef struct grid {
    fan_expression *expression; /* NULL: the loop in C */
    fan_rule rule;
    unsigned order;
    size_t points;
    double to, value;
} grid;

/* Kernels are chosen where an expression is compiled. */
static fan_expression *cosine_for(const char *set)
{
    fan_expression *e = NULL;
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    setenv("FANFOLD_ISA", set, 1);
    if (fan_expression_parse("cos(x)", 6, &names, &e, NULL) != FAN_OK)
        bench_fail("cos(x) does not parse");
    unsetenv("FANFOLD_ISA");
    return e;
}

static double step_of(const grid *g)
{
    const size_t order = g->rule == FAN_RULE_GAUSS ? g->order : 1;
    return g->to / (double)(g->points / order);
}

static double sum_of(void *user)
{
    grid *g = user;
    const double before = bench_thread_ns();
    if (!g->expression) {
        g->value = bench_cosine_loop(step_of(g), g->points);
        return bench_thread_ns() - before;
    }
    fan_integral_result result = {0};
    const fan_integral integral = {.expression = g->expression,
                                   .dimension = 1,
                                   .ranges = &(fan_range){0, g->to},
                                   .points = (uint64_t)(g->to / step_of(g) + 0.5),
                                   .rule = g->rule,
                                   .order = g->order};
    if (fan_integrate(&integral, &result, NULL) != FAN_OK)
        bench_fail("fan_integrate fails");
    g->value = result.value;
    return bench_thread_ns() - before;
}

/* h times the sum of cos over 0, h, 2 h, ... up to the range's end, both ends by half: Lagrange's
 * identity. */
static double trapezoid(double to, double h)
{
    return h / 2 * sin(to) / tan(h / 2);
}

static double expected(const grid *g)
{
    const double h = step_of(g);
    switch (g->rule) {
    case FAN_RULE_LEFT:
        return trapezoid(g->to, h) + h / 2 * (1 - cos(g->to));
    case FAN_RULE_MIDPOINT:
        return h / 2 * sin(g->to) / sin(h / 2);
    case FAN_RULE_TRAPEZOID:
        return trapezoid(g->to, h);
    case FAN_RULE_SIMPSON:
        return (4 * trapezoid(g->to, h) - trapezoid(g->to, 2 * h)) / 3;
    case FAN_RULE_GAUSS:
        break;
    }
    return sin(g->to);
}

/* The points are rounded: by 2^-53 of the range's length. */
static void check(const void *user, const char *name)
{
    const grid *all = user;
    for (int k = 0; k <= SETS; k++) {
        const double wanted = expected(&all[k]);
        if (all[k].value != 0 && !(fabs(all[k].value - wanted) <= 1e-12 * (1 + all[k].to)))
            bench_fail("%s: %.17g, not %.17g", name, all[k].value, wanted);
    }
}

static void hold(const char *name, const grid *wanted, const bench_options *options,
                 bench_table *table)
{
    static grid all[SETS + 1];
    bench_contest contest = {
        .name = name, .items = wanted->points, .check = check, .check_user = all};
    for (int k = 0; k <= SETS; k++)
        all[k] = *wanted;
    all[SETS].rule = FAN_RULE_LEFT; /* the loop is always the simplest one, at as many points */
    bench_contest_add(&contest, "scalar loop in C", sum_of, &all[SETS]);
    for (int k = 0; k < SETS; k++) {
        all[k].expression = cosine_for(sets[k]);
        bench_contest_add(&contest, sets[k], sum_of, &all[k]);
    }
    bench_contest_hold(&contest, options, table);
    for (int k = 0; k < SETS; k++)
        fan_expression_free(all[k].expression);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        double to;
    } ranges[] = {{"left, 0..pi/2", M_PI_2}, {"left, 0..2 pi", 2 * M_PI}, {"left, 0..100", 100}};
    static const struct {
        const char *name;
        fan_rule rule;
        unsigned order;
    } rules[] = {{"midpoint, 0..100", FAN_RULE_MIDPOINT, 0},
                 {"trapezoid, 0..100", FAN_RULE_TRAPEZOID, 0},
                 {"simpson, 0..100", FAN_RULE_SIMPSON, 0},
                 {"gauss of order 5, 0..100", FAN_RULE_GAUSS, 5},
                 {"gauss of order 100, 0..100", FAN_RULE_GAUSS, 100}};
    bench_options options;
    const int code =
        bench_options_read(argc, argv, "What a point of a grid costs, by rule.", &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    bench_table *table = bench_table_new("grids of cos(x), 10^6 points", 2,
                                         "grid\tby\tCPU ns a point\tspread %\tratio");
    const size_t points = bench_scaled(&options, 1000000) / 100 * 100;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        hold(ranges[i].name, &(grid){.points = points, .to = ranges[i].to}, &options, table);
    hold("left, 0..10^6", &(grid){.points = points, .to = (double)points}, &options, table);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        hold(rules[i].name,
             &(grid){.rule = rules[i].rule, .order = rules[i].order, .points = points, .to = 100},
             &options, table);
    bench_table_print(table, &options);
    return 0;
}
