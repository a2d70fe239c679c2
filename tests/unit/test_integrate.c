/* Fixed-grid integrals: published and closed-form values, orders, bits, refusals. */
#include "shim/shim.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fanfold/integrate.h"
#include "kernel/integrate/integral.h"

static const fan_rule rules[] = {FAN_RULE_LEFT, FAN_RULE_MIDPOINT, FAN_RULE_TRAPEZOID,
                                 FAN_RULE_SIMPSON, FAN_RULE_GAUSS};
enum { RULES = sizeof rules / sizeof *rules };

static const char *const variables[] = {"x", "y", "z", "u"};

static fan_expression *parse(const char *text, size_t dimension)
{
    fan_expression *e = NULL;
    fan_error error;
    const fan_expression_names names = {
        .variables = variables,
        .variable_count = dimension,
        .parameters = (const char *[]){"a", "b"},
        .parameter_count = 2,
    };
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    return e;
}

static const double no_parameters[2] = {0, 0};

/* An integral of an expression over one range; NaN on an error. */
static double integrate(const char *text, double from, double to, fan_rule rule, uint64_t points)
{
    fan_expression *e = parse(text, 1);
    fan_error error;
    fan_integral_result r = {.value = NAN};
    const fan_integral integral = {.expression = e,
                                   .parameters = no_parameters,
                                   .dimension = 1,
                                   .ranges = &(fan_range){from, to},
                                   .points = points,
                                   .rule = rule};
    if (fan_integrate(&integral, &r, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\": %s", text, error.text);
    fan_expression_free(e);
    return r.value;
}

/* ---- Known values ---------------------------------------------------------------------------- */

/* The left sum of cos over [0, pi/2] is h/2 (1 + cot(h/2)), 1.000785192546630637 for 1000 points:
 * the tree gives the double next to it. The value of concurrency teaching, 1.0007851925466296, is
 * what one loop over h * cos(i * h) gives; it is 5 ulp off. */
FAN_TEST(integrate, left_sum_of_cos_is_the_nearest_double)
{
    char text[FANI_DOUBLE_TEXT_SIZE];
    fani_double_text(integrate("cos(x)", 0, M_PI / 2, FAN_RULE_LEFT, 1000), text);
    EXPECT_STR(text, "1.0007851925466307");
    const double h = M_PI / 2 / 1000;
    double loop = 0;
    for (int i = 0; i < 1000; i++)
        loop += h * cos(i * h);
    fani_double_text(loop, text);
    EXPECT_STR(text, "1.0007851925466296");
    EXPECT_NEAR(integrate("cos(x)", 0, M_PI / 2, FAN_RULE_LEFT, 1000000), 1.00000078539795779,
                DBL_EPSILON);
    EXPECT_NEAR(integrate("sin(x)", 0, M_PI, FAN_RULE_LEFT, 1000000), 1.99999999999835507,
                2 * DBL_EPSILON);
}

FAN_TEST(integrate, sums_by_hand)
{
    EXPECT_NEAR(integrate("x", 0, 4, FAN_RULE_LEFT, 4), 6, 0);
    EXPECT_NEAR(integrate("x^2", 0, 4, FAN_RULE_MIDPOINT, 4), 21, 0);
    EXPECT_NEAR(integrate("x^2", 0, 4, FAN_RULE_TRAPEZOID, 4), 22, 0);
    EXPECT_NEAR(integrate("x^4", 0, 4, FAN_RULE_SIMPSON, 4), 616.0 / 3, 1e-12);
    EXPECT_NEAR(integrate("x^2", 0, 3, FAN_RULE_TRAPEZOID, 1), 13.5, 0);
    EXPECT_NEAR(integrate("x", 2, 3, FAN_RULE_LEFT, 1), 2, 0);
}

/* ---- Exactness and orders -------------------------------------------------------------------- */

static double power(void *context, const double *point)
{
    return pow(point[0], *(const int *)context);
}

static double integrate_power(int exponent, double to, fan_rule rule, uint64_t points,
                              unsigned order)
{
    fan_integral_result r = {.value = NAN};
    EXPECT_I64(fan_integrate(&(fan_integral){.scalar = power,
                                             .context = &exponent,
                                             .dimension = 1,
                                             .ranges = &(fan_range){0, to},
                                             .points = points,
                                             .rule = rule,
                                             .order = order},
                             &r, NULL),
               FAN_OK);
    return r.value;
}

FAN_TEST(integrate, gauss_is_exact_to_degree_2n_minus_1_and_no_further)
{
    for (int n = 1; n <= 20; n++) {
        for (int degree = 0; degree < 2 * n; degree++)
            EXPECT_NEAR(integrate_power(degree, 1, FAN_RULE_GAUSS, 1, (unsigned)n),
                        1.0 / (degree + 1), 4 * DBL_EPSILON);
    }
    for (int n = 1; n <= 8; n++)
        EXPECT_TRUE(fabs(integrate_power(2 * n, 1, FAN_RULE_GAUSS, 1, (unsigned)n) -
                         1.0 / (2 * n + 1)) > 1e-12);
    EXPECT_NEAR(integrate_power(9, 1, FAN_RULE_GAUSS, 7, 0), 0.1, DBL_EPSILON); /* order 5 */
    EXPECT_TRUE(fabs(integrate_power(10, 1, FAN_RULE_GAUSS, 1, 0) - 1.0 / 11) > 1e-7);
}

FAN_TEST(integrate, other_rules_are_exact_to_their_degree)
{
    static const int degree[RULES] = {0, 1, 1, 3, 9};
    for (int r = 0; r < RULES; r++) {
        for (int d = 0; d <= degree[r]; d++) {
            const double exact = pow(3, d + 1) / (d + 1);
            EXPECT_NEAR(integrate_power(d, 3, rules[r], 6, 0), exact, exact * 4 * DBL_EPSILON);
        }
    }
    EXPECT_TRUE(fabs(integrate_power(4, 3, FAN_RULE_SIMPSON, 6, 0) - 48.6) > 1e-3);
}

/* The error falls by 2^order when the subintervals double. */
FAN_TEST(integrate, rules_converge_at_their_order)
{
    static const double order[RULES] = {1, 2, 2, 4, 10};
    static const uint64_t points[RULES] = {1024, 256, 256, 32, 2};
    const double exact = M_E - 1;
    for (int r = 0; r < RULES; r++) {
        const double coarse = integrate("exp(x)", 0, 1, rules[r], points[r]) - exact;
        const double fine = integrate("exp(x)", 0, 1, rules[r], 2 * points[r]) - exact;
        if (rules[r] == FAN_RULE_GAUSS)
            EXPECT_TRUE(fabs(coarse) < 1e-14);
        else
            EXPECT_NEAR(log2(coarse / fine), order[r], 0.01);
    }
    const double coarse = integrate("cos(20*x)", 0, 1, FAN_RULE_GAUSS, 8) - sin(20) / 20;
    const double fine = integrate("cos(20*x)", 0, 1, FAN_RULE_GAUSS, 16) - sin(20) / 20;
    EXPECT_NEAR(log2(coarse / fine), 10, 0.5);
}

/* ---- Properties ------------------------------------------------------------------------------ */

static const char curve[] = "exp(-x)*sin(3*x)";

FAN_TEST(integrate, ranges_add_up)
{
    for (int r = 0; r < RULES; r++) {
        const double whole = integrate(curve, 0, 2, rules[r], 2000);
        const double parts =
            integrate(curve, 0, 0.5, rules[r], 500) + integrate(curve, 0.5, 2, rules[r], 1500);
        EXPECT_NEAR(whole, parts, 8 * DBL_EPSILON);
    }
}

FAN_TEST(integrate, sums_and_multiples_of_integrands_add_up)
{
    for (int r = 0; r < RULES; r++) {
        const double together = integrate("3*cos(x) - 2*exp(-x^2)", -1, 2, rules[r], 700);
        const double apart = 3 * integrate("cos(x)", -1, 2, rules[r], 700) -
                             2 * integrate("exp(-x^2)", -1, 2, rules[r], 700);
        EXPECT_NEAR(together, apart, 16 * DBL_EPSILON);
    }
}

FAN_TEST(integrate, reversed_bounds_change_the_sign_and_equal_ones_give_0)
{
    for (int r = 0; r < RULES; r++) {
        EXPECT_NEAR(integrate(curve, 2, 0.3, rules[r], 1234),
                    -integrate(curve, 0.3, 2, rules[r], 1234), 0);
        EXPECT_NEAR(integrate("exp(-x)", INFINITY, 0, rules[r], 1000),
                    -integrate("exp(-x)", 0, INFINITY, rules[r], 1000), 0);
        EXPECT_NEAR(integrate("1/0", 1.5, 1.5, rules[r], 10), 0, 0);
        EXPECT_NEAR(integrate("x", INFINITY, INFINITY, rules[r], 10), 0, 0);
    }
}

/* The sum against the exactly added evaluations, kept in long doubles. */
FAN_TEST(integrate, sums_of_many_points_keep_their_digits)
{
    enum { N = 1000000 };
    const double h = 1.0 / N;
    long double exact = 0;
    for (int i = 0; i < N; i++)
        exact += sqrt(i * h);
    EXPECT_NEAR(integrate("sqrt(x)", 0, 1, FAN_RULE_LEFT, N), (double)(exact * (long double)h),
                DBL_EPSILON);
}

/* sqrt(1 - x^2) is a NaN where a last point lies beyond 1. */
FAN_TEST(integrate, the_last_point_is_the_bound)
{
    for (uint64_t n = 2; n < 200; n += 2) {
        const double arc = integrate("sqrt(1 - x^2)", -1, 1, FAN_RULE_TRAPEZOID, n);
        EXPECT_NEAR(arc, M_PI / 2, 1.2 / (double)n);
        integrate("sqrt(0.7 - x)", 0.1, 0.7, FAN_RULE_SIMPSON, n);
    }
}

/* ---- Infinite ranges ------------------------------------------------------------------------- */

FAN_TEST(integrate, infinite_ranges)
{
    static const struct {
        const char *text;
        double from, to, exact;
    } cases[] = {
        {"exp(-x^2)", -INFINITY, INFINITY, 1.7724538509055160273},
        {"1/(1+x^2)", -INFINITY, INFINITY, M_PI},
        {"exp(-x)", 0, INFINITY, 1},
        {"x^9*exp(-x)", 0, INFINITY, 362880},
        {"exp(-x)/sqrt(x)", 0, INFINITY, 1.7724538509055160273},
        {"1/x^2", 1, INFINITY, 1},
        {"exp(-(x-3)^2)", -INFINITY, INFINITY, 1.7724538509055160273},
        {"exp(x)", -INFINITY, 0, 1},
        {"exp(x-5)", -INFINITY, 5, 1},
        {"x^-1.5", 1, INFINITY, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int r = 0; r < RULES; r++)
            EXPECT_NEAR(integrate(cases[i].text, cases[i].from, cases[i].to, rules[r], 4000),
                        cases[i].exact, 1e-13 * cases[i].exact);
    }
}

/* Records whether the integrand was asked where it must not be. */
static double watch(void *context, const double *point)
{
    double *bounds = context;
    if (!isfinite(point[0]) || point[0] == 0)
        bounds[2] = 1;
    bounds[0] = fmin(bounds[0], point[0]);
    bounds[1] = fmax(bounds[1], point[0]);
    return exp(-point[0]);
}

FAN_TEST(integrate, infinite_ends_are_never_evaluated)
{
    for (int r = 0; r < RULES; r++) {
        for (uint64_t n = 2; n < 5000; n = 3 * n + n % 2 * 5) {
            double bounds[3] = {INFINITY, -INFINITY, 0};
            fan_integral_result result;
            ASSERT_I64(fan_integrate(&(fan_integral){.scalar = watch,
                                                     .context = bounds,
                                                     .dimension = 1,
                                                     .ranges = &(fan_range){0, INFINITY},
                                                     .points = n,
                                                     .rule = rules[r]},
                                     &result, NULL),
                       FAN_OK);
            EXPECT_TRUE(bounds[2] == 0 && bounds[0] >= 1e-30 && bounds[1] <= 1e30);
            EXPECT_TRUE(n < 1000 || (bounds[0] < 1e-20 && bounds[1] > 1e20));
        }
    }
}

/* ---- Several dimensions ---------------------------------------------------------------------- */

static fan_integral_result integrate_in(const char *text, size_t dimension, const fan_range *ranges,
                                        fan_rule rule, uint64_t points)
{
    fan_expression *e = parse(text, dimension);
    fan_error error;
    fan_integral_result r = {.value = NAN};
    if (fan_integrate(&(fan_integral){.expression = e,
                                      .parameters = (const double[]){2, 3},
                                      .dimension = dimension,
                                      .ranges = ranges,
                                      .points = points,
                                      .rule = rule},
                      &r, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\": %s", text, error.text);
    fan_expression_free(e);
    return r;
}

FAN_TEST(integrate, product_grids)
{
    const fan_range ranges[] = {{0, 1}, {-1, 2}, {0, M_PI}, {3, 1}};
    fan_integral_result r = integrate_in("x*y^2*sin(z)", 3, ranges, FAN_RULE_GAUSS, 3);
    EXPECT_NEAR(r.value, 3, 1e-9);
    EXPECT_U64(r.evaluations, 3375);
    r = integrate_in("a*x + b*y", 2, ranges, FAN_RULE_TRAPEZOID, 10);
    EXPECT_NEAR(r.value, 2 * 0.5 * 3 + 3 * 1.5, 1e-14);
    EXPECT_U64(r.evaluations, 121);
    r = integrate_in("x + 10*y + 100*z + 1000*u", 4, ranges, FAN_RULE_LEFT, 2);
    const double mean = 0.25 + 10 * -0.25 + 100 * M_PI / 4 + 1000 * 1.5;
    EXPECT_NEAR(r.value, mean * 3 * M_PI * -2, 1e-9);
    r = integrate_in("x*y", 2, (const fan_range[]){{0, 1}, {2, 2}}, FAN_RULE_SIMPSON, 4);
    EXPECT_NEAR(r.value, 0, 0);
    EXPECT_U64(r.evaluations, 0);
    r = integrate_in("exp(-x^2-y^2)", 2,
                     (const fan_range[]){{-INFINITY, INFINITY}, {-INFINITY, INFINITY}},
                     FAN_RULE_MIDPOINT, 400);
    EXPECT_NEAR(r.value, M_PI, 1e-14);
}

/* ---- Components, and bounds that depend on other variables ----------------------------------- */

FAN_TEST(integrate, components_are_the_integrals_of_each)
{
    fan_expression *e = parse("x*y, sin(x), x == 0 ? 0/0 : 1", 2);
    fan_integral_result r;
    const fan_integral integral = {.expression = e,
                                   .parameters = no_parameters,
                                   .dimension = 2,
                                   .ranges = (const fan_range[]){{0, 1}, {0, 2}},
                                   .points = 1000,
                                   .rule = FAN_RULE_TRAPEZOID};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    EXPECT_U64(r.components, 3);
    EXPECT_NEAR(r.values[0], 1, 1e-6);
    EXPECT_NEAR(r.values[1], 2 * (1 - cos(1)), 1e-6);
    EXPECT_NEAR(r.values[2], 2 - 0.001, 1e-6);
    EXPECT_TRUE(r.value == r.values[0]);
    EXPECT_U64(r.not_finite, 1001);
    EXPECT_TRUE(r.first_point[0] == 0 && r.first_point[1] == 0);
    fan_expression_free(e);
}

static fan_status powers(void *context, const double *const *points, size_t count,
                         double *const *values)
{
    for (size_t c = 0; c < *(const size_t *)context; c++) {
        for (size_t i = 0; i < count; i++)
            values[c][i] = pow(points[0][i], (double)c);
    }
    return FAN_OK;
}

FAN_TEST(integrate, components_of_a_batch_function)
{
    size_t count = FAN_INTEGRAL_COMPONENTS_MAX;
    fan_integral_result r;
    fan_error error;
    fan_integral integral = {.batch = powers,
                             .context = &count,
                             .components = count,
                             .dimension = 1,
                             .ranges = &(fan_range){0, 1},
                             .points = 50,
                             .rule = FAN_RULE_GAUSS};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    for (size_t c = 0; c < count; c++)
        EXPECT_NEAR(r.values[c], 1 / (1 + (double)c), 1e-10);
    integral.components = count + 1;
    EXPECT_I64(fan_integrate(&integral, &r, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "65 components");
}

FAN_TEST(integrate, bounds_that_depend_on_earlier_variables)
{
    fan_expression *one = parse("1", 2), *top = parse("sqrt(a - x^2)", 1);
    fan_expression *bottom = parse("-sqrt(a - x^2)", 1), *line = parse("x", 1);
    const double parameters[2] = {1, 0};
    fan_bounds bounds[2] = {{NULL, NULL}, {bottom, top}};
    fan_integral_result r;
    fan_error error;
    fan_integral integral = {.expression = one,
                             .parameters = parameters,
                             .dimension = 2,
                             .ranges = (const fan_range[]){{-1, 1}, {0, 0}},
                             .bounds = bounds,
                             .points = 400,
                             .rule = FAN_RULE_GAUSS};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    EXPECT_NEAR(r.value, M_PI, 1e-4);
    /* One end a number; where the bounds are reversed the sign is. */
    bounds[1] = (fan_bounds){NULL, line};
    for (int k = 0; k < RULES; k++) {
        integral.rule = rules[k];
        ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
        EXPECT_NEAR(r.value, 0, rules[k] == FAN_RULE_LEFT ? 1e-2 : 1e-12);
    }
    bounds[1] = (fan_bounds){one, NULL};
    EXPECT_I64(fan_integrate(&integral, &r, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "y: a bound has 2 variable(s); expected the 1 before it");
    bounds[1] = (fan_bounds){line, NULL};
    integral.ranges = (const fan_range[]){{-1, 1}, {0, INFINITY}};
    EXPECT_I64(fan_integrate(&integral, &r, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "y: a fixed grid has no infinite bound");
    fan_expression_free(one);
    fan_expression_free(top);
    fan_expression_free(bottom);
    fan_expression_free(line);
}

/* ---- The same bits --------------------------------------------------------------------------- */

static fan_status batch_wave(void *context, const double *const *points, size_t count,
                             double *const *values)
{
    (void)context;
    for (size_t i = 0; i < count; i++)
        values[0][i] = cos(points[0][i]) * points[1][i];
    return FAN_OK;
}

static double scalar_wave(void *context, const double *point)
{
    (void)context;
    return cos(point[0]) * point[1];
}

static fan_integral_result folded(const fan_integral *integral, bool backwards)
{
    fan_integral_plan *plan = NULL;
    fan_integral_result r = {.value = NAN};
    fani_partial_fold fold = {.depth = 0};
    EXPECT_I64(fan_integral_plan_make(integral, &plan, NULL), FAN_OK);
    const uint64_t blocks = fan_integral_plan_blocks(plan);
    fan_partial *parts = calloc(blocks, sizeof *parts);
    for (uint64_t i = 0; parts && i < blocks; i++) {
        const uint64_t k = backwards ? blocks - 1 - i : i;
        EXPECT_I64(fan_integral_plan_block(plan, k, &parts[k], NULL), FAN_OK);
    }
    for (uint64_t k = 0; parts && k < blocks; k++)
        fani_partial_push(&fold, parts[k]);
    const fan_partial total = fani_partial_total(&fold);
    EXPECT_I64(fan_integral_plan_finish(plan, &total, &r, NULL), FAN_OK);
    free(parts);
    fan_integral_plan_free(plan);
    return r;
}

static bool same_result(const fan_integral_result *a, const fan_integral_result *b)
{
    return a->value == b->value && a->evaluations == b->evaluations &&
           a->not_finite == b->not_finite && a->status == b->status;
}

FAN_TEST(integrate, blocks_in_any_order_give_the_same_bits)
{
    fan_expression *e = parse("cos(x)*y", 2);
    const fan_range ranges[] = {{0.1, 2}, {-1, INFINITY}};
    fan_integral forms[3] = {{.expression = e, .parameters = no_parameters},
                             {.batch = batch_wave},
                             {.scalar = scalar_wave}};
    for (int r = 0; r < RULES; r++) {
        fan_integral_result first = {0};
        for (int f = 0; f < 3; f++) {
            forms[f].dimension = 2;
            forms[f].ranges = ranges;
            forms[f].points = 152;
            forms[f].rule = rules[r];
            fan_integral_result serial;
            ASSERT_I64(fan_integrate(&forms[f], &serial, NULL), FAN_OK);
            const fan_integral_result forth = folded(&forms[f], false);
            const fan_integral_result back = folded(&forms[f], true);
            if (f == 0)
                first = serial;
            EXPECT_TRUE(serial.evaluations > 4096);
            EXPECT_TRUE(same_result(&first, &serial));
            EXPECT_TRUE(same_result(&serial, &forth));
            EXPECT_TRUE(same_result(&serial, &back));
        }
    }
    fan_expression_free(e);
}

/* The documented tree, written down naively: perfect subtrees from the left, then from the right.
 */
static fani_triple tree_of(const double *v, size_t n)
{
    if (n == 1)
        return (fani_triple){v[0], 0, 0};
    size_t left = 1;
    while (left * 2 < n)
        left *= 2;
    return fani_triple_add(tree_of(v, left), tree_of(v + left, n - left));
}

FAN_TEST(integrate, the_fold_is_the_documented_tree)
{
    enum { N = 70 };
    double leaves[N];
    for (int i = 0; i < N; i++)
        leaves[i] = cos(i) * pow(10, i % 13);
    for (size_t n = 1; n <= N; n++) {
        fani_partial_fold fold = {.depth = 0};
        for (size_t i = 0; i < n; i++)
            fani_partial_push(&fold, (fan_partial){.sum = leaves[i]});
        const fan_partial total = fani_partial_total(&fold);
        const fani_triple wanted = tree_of(leaves, n);
        EXPECT_TRUE(total.sum == wanted.high && total.sum_middle == wanted.middle);
    }
    const fani_partial_fold none = {.depth = 0};
    EXPECT_TRUE(fani_partial_total(&none).sum == 0);
}

/* ---- Values that are not finite -------------------------------------------------------------- */

/* Ends, and lines in a plane, may have no value: they are passed over, and counted. */
FAN_TEST(integrate, isolated_values_that_are_not_finite_are_passed_over)
{
    fan_expression *ends = parse("1/sqrt(x*(1-x))", 1), *line = parse("x == y ? 1/0 : 1", 2);
    fan_error error;
    fan_integral_result r;
    fan_integral integral = {.expression = ends,
                             .parameters = no_parameters,
                             .dimension = 1,
                             .ranges = (const fan_range[]){{0, 1}, {0, 1}},
                             .points = 100000,
                             .rule = FAN_RULE_TRAPEZOID};
    ASSERT_I64(fan_integrate(&integral, &r, &error), FAN_OK);
    EXPECT_U64(r.not_finite, 2);
    EXPECT_TRUE(isinf(r.first_value) && r.first_point[0] == 0);
    EXPECT_NEAR(r.value, M_PI, 0.01);
    integral.expression = line;
    integral.dimension = 2;
    integral.points = 1500;
    integral.rule = FAN_RULE_MIDPOINT;
    ASSERT_I64(fan_integrate(&integral, &r, &error), FAN_OK);
    EXPECT_U64(r.not_finite, 1500);
    EXPECT_NEAR(r.value, 1 - 1.0 / 1500, 1e-14);
    integral.points = 500;
    ASSERT_I64(fan_integrate(&integral, &r, &error), FAN_E_NOT_FINITE);
    EXPECT_U64(r.not_finite, 500);
    EXPECT_CONTAINS(error.text, "the integrand is inf at x = 0.001, y = 0.001; not finite at 500");
    fan_expression_free(ends);
    fan_expression_free(line);
}

FAN_TEST(integrate, values_that_are_not_finite_are_counted_and_placed)
{
    fan_expression *e = parse("y > 0.5 && x > 1 && x < 1.15 ? 1/(x-x) : 1", 2);
    const fan_integral integral = {.expression = e,
                                   .parameters = no_parameters,
                                   .dimension = 2,
                                   .ranges = (const fan_range[]){{0, 2}, {0, 1}},
                                   .points = 200,
                                   .rule = FAN_RULE_MIDPOINT};
    fan_error error;
    fan_integral_result r;
    ASSERT_I64(fan_integrate(&integral, &r, &error), FAN_E_NOT_FINITE);
    EXPECT_U64(r.not_finite, 1500);
    EXPECT_U64(r.evaluations, 40000);
    EXPECT_I64(r.status, FAN_E_NOT_FINITE);
    EXPECT_NEAR(r.value, 2 * (40000.0 - 1500) / 40000, 1e-14);
    EXPECT_NEAR(r.first_point[0], 1.005, 1e-15);
    EXPECT_NEAR(r.first_point[1], 0.5025, 1e-15);
    EXPECT_TRUE(r.first_value == INFINITY);
    EXPECT_CONTAINS(error.text, "the integrand is inf at x = 1.005");
    EXPECT_CONTAINS(error.text, "y = 0.5025");
    EXPECT_CONTAINS(error.text, "not finite at 1500 of 40000 points");
    fan_expression_free(e);
}

FAN_TEST(integrate, a_sum_that_overflows_is_no_success)
{
    fan_expression *e = parse("1e308", 1);
    fan_integral_result r;
    fan_error error;
    const fan_integral integral = {.expression = e,
                                   .parameters = no_parameters,
                                   .dimension = 1,
                                   .ranges = &(fan_range){0, 1000},
                                   .points = 10};
    EXPECT_I64(fan_integrate(&integral, &r, &error), FAN_E_NOT_FINITE);
    EXPECT_CONTAINS(error.text, "overflows");
    EXPECT_U64(r.not_finite, 0);
    fan_expression_free(e);
}

static fan_status failing(void *context, const double *const *points, size_t count,
                          double *const *values)
{
    (void)points, (void)count;
    values[0][0] = 0;
    return *(const fan_status *)context;
}

FAN_TEST(integrate, an_integrand_that_fails_ends_the_integration)
{
    fan_status answer = FAN_E_CANCELLED;
    fan_integral_result r = {.value = 42};
    fan_error error;
    const fan_integral integral = {.batch = failing,
                                   .context = &answer,
                                   .dimension = 1,
                                   .ranges = &(fan_range){0, 1},
                                   .points = 10};
    EXPECT_I64(fan_integrate(&integral, &r, &error), FAN_E_CANCELLED);
    EXPECT_NEAR(r.value, 42, 0);
    EXPECT_CONTAINS(error.text, "the integrand failed");
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void expect_refusal(int line, const fan_integral *integral, fan_status status,
                           const char *part)
{
    fan_error error = {.text = ""};
    fan_integral_result r = {.value = 42};
    const fan_status got = fan_integrate(integral, &r, &error);
    if (got != status || !strstr(error.text, part) || r.value != 42)
        shim_fail(__FILE__, line, "%s: \"%s\", expected \"%s\"", fan_status_name(got), error.text,
                  part);
}

FAN_TEST(integrate, bad_descriptions_are_refused)
{
    fan_expression *e = parse("x*y", 2);
    fan_range ranges[16] = {{0, 1}, {0, 1}};
    const fan_integral good = {.expression = e,
                               .parameters = no_parameters,
                               .dimension = 2,
                               .ranges = ranges,
                               .points = 10};
    fan_integral bad = good;
    ranges[1].from = NAN;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "y: the lower bound is not a number");
    ranges[1] = (fan_range){0, NAN};
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "y: the upper bound is not a number");
    ranges[1] = (fan_range){-1.7e308, 1.7e308};
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "longer than the largest double");
    ranges[1] = (fan_range){0, INFINITY};
    bad.points = 1;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "take more");
    ranges[1] = (fan_range){0, 1};
    bad.points = 0;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "at least 1 subinterval");
    bad.points = UINT64_MAX;
    expect_refusal(__LINE__, &bad, FAN_E_TOO_LARGE, "18446744073709551615 subintervals");
    bad.points = UINT64_C(1) << 40;
    expect_refusal(__LINE__, &bad, FAN_E_TOO_LARGE, "more than 2^62 points");
    bad = good;
    bad.rule = FAN_RULE_SIMPSON;
    bad.points = 7;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "even number of subintervals, such as 8");
    bad = good;
    bad.rule = FAN_RULE_GAUSS;
    bad.order = FAN_INTEGRAL_ORDER_MAX + 1;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "order 131073");
    bad = good;
    bad.rule = (fan_rule)99;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "no rule number 99");
    bad = good;
    bad.scalar = scalar_wave;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "exactly one");
    bad = good;
    bad.dimension = 1;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "2 variable(s), the integral 1");
    bad = good;
    bad.parameters = NULL;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "no values");
    bad = (fan_integral){.scalar = scalar_wave, .points = 1};
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "0 dimensions");
    bad.dimension = 1;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "no ranges");
    bad.dimension = 17;
    bad.ranges = ranges;
    expect_refusal(__LINE__, &bad, FAN_E_ARGUMENT, "17 dimensions; an integrand has 1 to 16");
    fan_expression_free(e);
}

FAN_TEST(integrate, rules_have_names)
{
    fan_rule rule = FAN_RULE_LEFT;
    fan_error error;
    for (int r = 0; r < RULES; r++) {
        ASSERT_I64(fan_rule_from_name(fan_rule_name(rules[r]), &rule, NULL), FAN_OK);
        EXPECT_I64(rule, rules[r]);
    }
    EXPECT_TRUE(!fan_rule_name((fan_rule)5));
    EXPECT_I64(fan_rule_from_name("right", &rule, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "left, midpoint, trapezoid, simpson, gauss");
}

FAN_TEST(integrate, blocks_beyond_the_last_are_refused)
{
    fan_integral_plan *plan = NULL;
    fan_partial part = {.sum = 42};
    ASSERT_I64(fan_integral_plan_make(&(fan_integral){.scalar = scalar_wave,
                                                      .dimension = 2,
                                                      .ranges = (const fan_range[]){{0, 1}, {0, 1}},
                                                      .points = 65},
                                      &plan, NULL),
               FAN_OK);
    EXPECT_U64(fan_integral_plan_blocks(plan), 2);
    EXPECT_I64(fan_integral_plan_block(plan, 1, &part, NULL), FAN_OK);
    part.sum = 42;
    EXPECT_I64(fan_integral_plan_block(plan, 2, &part, NULL), FAN_E_ARGUMENT);
    EXPECT_NEAR(part.sum, 42, 0);
    fan_integral_plan_free(plan);
}
