/* Parameter scans: rows are the single integrals, whatever the instruction set. */
#include "shim/shim.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/integrate/expression.h"
#include "kernel/integrate/methods_1d.h"
#include "kernel/integrate/scan.h"

enum { LANES = FANI_SCAN_LANES };

static fani_scan scan_of(const char *text, size_t columns, double from, double to)
{
    const fan_expression_names names = {.variables = (const char *[]){"x", "p", "q"},
                                        .variable_count = columns + 1};
    fan_expression *e = NULL;
    fan_error error;
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    fani_scan s = {.expression = e,
                   .columns = columns,
                   .domain = {.dimension = 1},
                   .goal = {.rel = 1e-10, .evaluations_max = 100000, .seed = 1}};
    s.domain.from[0].value = from;
    s.domain.to[0].value = to;
    return s;
}

static void free_scan(fani_scan *s)
{
    fan_expression *e = NULL;
    memcpy(&e, &s->expression, sizeof e);
    fan_expression_free(e);
}

/* The parameters 0.5, 0.5 + step, ... and the rows' values; returns how many shared intervals. */
static unsigned scan(const char *text, double from, double to, double step, size_t count,
                     fani_scan_row *rows)
{
    fani_scan s = scan_of(text, 1, from, to);
    double p[LANES];
    unsigned shared = 0;
    fan_error error;
    for (size_t i = 0; i < count; i++)
        p[i] = 0.5 + step * (double)i;
    if (fani_scan_block(&s, (const double *[]){p}, count, rows, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s", error.text);
    for (size_t i = 0; i < count; i++)
        shared += rows[i].shared;
    free_scan(&s);
    return shared;
}

FAN_TEST(integrate_scan, rows_are_the_integrals)
{
    fani_scan_row rows[LANES];
    EXPECT_TRUE(scan("exp(-p*x)", 0, 1, 0.01, LANES, rows) == LANES);
    for (size_t i = 0; i < LANES; i++) {
        const double p = 0.5 + 0.01 * (double)i;
        EXPECT_I64(rows[i].verdict, FANI_VERDICT_REACHED);
        EXPECT_NEAR(rows[i].value, -expm1(-p) / p, 1e-10);
    }
    EXPECT_TRUE(scan("p/(p^2 + x^2)", 0, INFINITY, 0.1, LANES, rows) > LANES / 2);
    for (size_t i = 0; i < LANES; i++)
        EXPECT_NEAR(rows[i].value, M_PI / 2, 2e-10);
}

/* Integrals that differ so much that the middle one's intervals are not enough for all. */
FAN_TEST(integrate_scan, integrals_that_need_more_are_done_alone)
{
    fani_scan_row rows[LANES];
    const unsigned shared = scan("cos(p^3*x)", 0, 1, 0.2, LANES, rows);
    EXPECT_TRUE(shared > 0 && shared < LANES);
    for (size_t i = 0; i < LANES; i++) {
        const double w = pow(0.5 + 0.2 * (double)i, 3);
        EXPECT_NEAR(rows[i].value, sin(w) / w, 1e-10 * fabs(sin(w) / w) + 1e-14);
    }
    EXPECT_U64(scan("x^(p - 1)", 0, 1, 0.01, LANES, rows), 0);
    for (size_t i = 0; i < LANES; i++)
        EXPECT_NEAR(rows[i].value, 1 / (0.5 + 0.01 * (double)i), 1e-9);
}

FAN_TEST(integrate_scan, a_short_block_and_reversed_bounds)
{
    fani_scan_row rows[LANES];
    fani_scan_row down[LANES];
    scan("exp(-p*x)", 0, 1, 0.01, 5, rows);
    scan("exp(-p*x)", 1, 0, 0.01, 5, down);
    for (size_t i = 0; i < 5; i++) {
        const double p = 0.5 + 0.01 * (double)i;
        EXPECT_NEAR(rows[i].value, -expm1(-p) / p, 1e-10);
        EXPECT_TRUE(down[i].value == -rows[i].value);
    }
}

FAN_TEST(integrate_scan, two_parameters_and_expressions_without_x_or_p)
{
    fani_scan s = scan_of("p + q*x + sin(1)", 2, 0, 2);
    fani_scan constant = scan_of("sin(x)", 2, 0, 2);
    const double p[] = {1, 2, 3};
    const double q[] = {4, 0, -1};
    fani_scan_row rows[3];
    fan_error error;
    ASSERT_I64(fani_scan_block(&s, (const double *[]){p, q}, 3, rows, &error), FAN_OK);
    for (size_t i = 0; i < 3; i++)
        EXPECT_NEAR(rows[i].value, 2 * p[i] + 2 * q[i] + 2 * sin(1), 1e-9);
    ASSERT_I64(fani_scan_block(&constant, (const double *[]){p, q}, 3, rows, &error), FAN_OK);
    for (size_t i = 0; i < 3; i++)
        EXPECT_NEAR(rows[i].value, 1 - cos(2), 1e-10);
    EXPECT_I64(fani_scan_block(&s, (const double *[]){p, q}, LANES + 1, rows, &error),
               FAN_E_ARGUMENT);
    s.columns = 1;
    EXPECT_I64(fani_scan_block(&s, (const double *[]){p, q}, 3, rows, &error), FAN_E_ARGUMENT);
    free_scan(&s);
    free_scan(&constant);
}

/* The same bits from each instruction set that this machine has. */
FAN_TEST(integrate_scan, the_same_bits_from_each_instruction_set)
{
    static double values[FANI_SCAN_POINTS_PANEL][LANES];
    const fani_panel panel = {
        .chart = {.direction = 1, .to = 1}, .hi = 1, .seed = 1, .probes = FANI_PANEL_PROBES};
    double position[FANI_SCAN_POINTS_PANEL];
    double x[FANI_SCAN_POINTS_PANEL];
    double weight[FANI_SCAN_POINTS_PANEL];
    fani_panel_weights weights;
    fani_scan_total totals[3];
    fani_panel_points(&panel, position, x, weight, NULL, NULL);
    fani_panel_weights_at(position, &weights);
    for (size_t i = 0; i < FANI_SCAN_POINTS_PANEL; i++)
        for (size_t j = 0; j < LANES; j++)
            values[i][j] =
                j % 7 == 0 ? 1 : sin((double)(j + 1) * x[i]) + (x[i] < 0.4 && j % 5 == 0);
    for (int isa = FANI_ISA_SCALAR; isa <= (int)fani_isa_machine(); isa++) {
        memset(&totals[isa], 0, sizeof totals[isa]);
        fani_scan_kernels_of((fani_isa)isa)
            ->sum((const double(*)[LANES])values, &weights, 0.5, fani_panel_shift(&panel),
                  &totals[isa]);
        EXPECT_TRUE(memcmp(&totals[isa], &totals[0], sizeof totals[0]) == 0);
    }
    for (size_t j = 0; j < LANES; j++) { /* and what a panel alone says */
        double lane[FANI_SCAN_POINTS_PANEL];
        for (size_t i = 0; i < FANI_SCAN_POINTS_PANEL; i++)
            lane[i] = values[i][j];
        fani_panel_value v;
        fani_panel_judge(&panel, position, lane, FANI_ISA_SCALAR, &v);
        EXPECT_NEAR(totals[0].value[j], v.value, 1e-14);
        EXPECT_NEAR(totals[0].error[j], v.error, 1e-6 * v.error + 1e-14);
    }
}

/* Values of all points and lanes beside those of the expression point by point: the same bits. */
static void compare_values(const char *text, fani_isa isa)
{
    static fani_scan_machine machine;
    static double columns[2][LANES];
    static double values[FANI_SCAN_POINTS_PANEL][LANES];
    static const double parameter[] = {0.75};
    const fan_expression_names names = {.variables = (const char *[]){"x", "p", "q"},
                                        .variable_count = 3,
                                        .parameters = (const char *[]){"a"},
                                        .parameter_count = 1};
    double x[FANI_SCAN_POINTS_PANEL];
    fan_expression *e = NULL;
    fan_error error;
    ASSERT_I64(fan_expression_parse(text, strlen(text), &names, &e, &error), FAN_OK);
    fani_expression_use(e, isa);
    for (size_t i = 0; i < FANI_SCAN_POINTS_PANEL; i++)
        x[i] = 0.01 + 0.1 * (double)i;
    for (size_t j = 0; j < LANES; j++) {
        columns[0][j] = 0.5 + 0.03 * (double)j;
        columns[1][j] = 2.0 - 0.07 * (double)j;
    }
    fani_scan_begin(&machine, fani_scan_kernels_of(isa), e, parameter,
                    (const double(*)[LANES])columns);
    for (int turn = 0; turn < 2; turn++) { /* a second panel finds what the first one left */
        memset(values, 0, sizeof values);
        fani_scan_evaluate(&machine, x, values);
        for (size_t i = 0; i < FANI_SCAN_POINTS_PANEL; i++)
            for (size_t j = 0; j < LANES; j++) {
                double one = 0;
                const double *at[] = {&x[i], &columns[0][j], &columns[1][j]};
                fan_expression_evaluate(e, at, parameter, 1, &(double *){&one});
                if (memcmp(&one, &values[i][j], sizeof one) != 0) {
                    shim_fail(__FILE__, __LINE__, "%s by %s, point %zu, lane %zu: %a, not %a", text,
                              fani_isa_name(isa), i, j, values[i][j], one);
                    fan_expression_free(e);
                    return;
                }
            }
    }
    fan_expression_free(e);
}

FAN_TEST(integrate_scan, values_are_those_of_the_expression)
{
    static const char *const texts[] = {
        "exp(-p*x^2)*cos(3*x)",
        "x",
        "p",
        "a",
        "q - p",
        "sin(x)/x",
        "(x - p)*(p - x)/(x/p + p/x)",
        "x - (p + q)*x + p/(x*q + 2)",
        "p^x + x^p + p^q + pow(x, 2.5)",
        "x < p ? x*q : q/x",
        "max(x, p, q) - min(p, 1) + atan2(x, p) + atan2(q, x)",
        "a*x + a*p + a*(x*p) + a^2",
        "sqrt(p) + sqrt(x)*sqrt(p*x) + -(x*p) - -p",
    };
    char longer[4096] = "p*x";
    for (int i = 1; i <= 40; i++) /* too long to be sorted */
        snprintf(longer + strlen(longer), sizeof longer - strlen(longer), " + sin(%d*p*x)", i);
    char deeper[4096] = "p*x"; /* many values at once */
    for (int i = 1; i <= 12; i++)
        snprintf(deeper + strlen(deeper), sizeof deeper - strlen(deeper), " + (sin(%d*p*x)", i);
    strcat(deeper, "))))))))))))");
    for (int isa = FANI_ISA_SCALAR; isa <= (int)fani_isa_machine(); isa++) {
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            compare_values(texts[i], (fani_isa)isa);
        compare_values(longer, (fani_isa)isa);
        compare_values(deeper, (fani_isa)isa);
    }
}
