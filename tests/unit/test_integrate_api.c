/* The public calls that integrate until a tolerance is reached: closed forms, texts, sizes. */
#include "shim/shim.h"

#include <stddef.h>

#include "fanfold/integrate.h"

static fan_expression *parse(const char *text, size_t variables)
{
    fan_expression *e = NULL;
    fan_error error;
    const fan_expression_names names = {.variables = (const char *[]){"x", "y", "z"},
                                        .variable_count = variables,
                                        .parameters = (const char *[]){"a"},
                                        .parameter_count = 1};
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    return e;
}

static const double parameter[] = {2};

static fan_status to(const char *text, fan_range range, const fan_goal *goal, fan_estimate *r,
                     fan_error *error)
{
    fan_expression *e = parse(text, 1);
    *r = (fan_estimate){.components = 0};
    const fan_status status = fan_integrate_to(
        &(fan_integral){.expression = e, .parameters = parameter, .dimension = 1, .ranges = &range},
        goal, r, error);
    fan_expression_free(e);
    return status;
}

FAN_TEST(integrate_api, closed_forms_of_one_variable)
{
    static const struct {
        const char *text;
        fan_range range;
        double exact;
    } known[] = {
        {"cos(x)", {0, M_PI_2}, 1},        {"cos(x)", {M_PI_2, 0}, -1},
        {"exp(-a*x)", {0, INFINITY}, 0.5}, {"1/(1+x^2)", {-INFINITY, INFINITY}, M_PI},
        {"1/sqrt(x)", {0, 1}, 2},          {"(1-x)^(-0.9)", {0, 1}, 10},
        {"1/sqrt(1-x^2)", {-1, 1}, M_PI},  {"x", {3, 3}, 0},
    };
    fan_estimate r;
    fan_error error = {0};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ASSERT_I64(to(known[i].text, known[i].range, &(fan_goal){.rel = 1e-10}, &r, &error),
                   FAN_OK);
        EXPECT_I64(r.verdict, FAN_VERDICT_REACHED);
        EXPECT_NEAR(r.value[0], known[i].exact, 1e-9 * fabs(known[i].exact));
        EXPECT_TRUE(r.error[0] <= 1e-10 * fabs(r.value[0]) + 1e-13);
        EXPECT_U64(r.components, 1);
        EXPECT_TRUE(r.value[1] == 0 && r.method[0]);
    }
}

/* Points next to 1 are told apart by their distance from it alone. */
FAN_TEST(integrate_api, expressions_get_distances_from_the_ends)
{
    const fan_goal goal = {.rel = 1e-9, .method = "tanh-sinh"};
    fan_estimate r;
    ASSERT_I64(to("(1-x)^(-0.9)", (fan_range){0, 1}, &goal, &r, NULL), FAN_OK);
    EXPECT_NEAR(r.value[0], 10, 1e-8);
}

/* Nothing given is 1e-8, or 1e-5 of several variables; only abs given is that alone. */
FAN_TEST(integrate_api, goals_have_defaults)
{
    fan_estimate r, loose;
    ASSERT_I64(to("exp(sin(9*x))", (fan_range){0, 10}, NULL, &r, NULL), FAN_OK);
    EXPECT_TRUE(r.error[0] <= 1e-8 * r.value[0]);
    ASSERT_I64(to("exp(sin(9*x))", (fan_range){0, 10}, &(fan_goal){.abs = 0.5}, &loose, NULL),
               FAN_OK);
    EXPECT_TRUE(loose.evaluations < r.evaluations && loose.error[0] <= 0.5);
}

FAN_TEST(integrate_api, methods_by_name_and_break_points)
{
    fan_estimate r, broken;
    const double at[] = {0.3};
    const double exact = (pow(0.3, 1.5) + pow(0.7, 1.5)) / 1.5;
    const char *const names[] = {"gauss-kronrod", "tanh-sinh", "auto"};
    for (int i = 0; i < 3; i++) {
        const fan_goal goal = {.rel = 1e-9, .method = names[i], .breaks = at, .break_count = 1};
        ASSERT_I64(to("sqrt(abs(x-0.3))", (fan_range){0, 1}, &goal, &broken, NULL), FAN_OK);
        EXPECT_NEAR(broken.value[0], exact, 1e-8);
        if (i < 2)
            EXPECT_STR(broken.method, names[i]);
        else
            EXPECT_STR(broken.method, "gauss-kronrod");
    }
    const fan_goal step = {.rel = 1e-9, .breaks = at, .break_count = 1};
    ASSERT_I64(to("x < 0.3 ? 1 : 0", (fan_range){0, 1}, &step, &broken, NULL), FAN_OK);
    ASSERT_I64(to("x < 0.3 ? 1 : 0", (fan_range){0, 1}, &(fan_goal){.rel = 1e-9}, &r, NULL),
               FAN_OK);
    EXPECT_NEAR(broken.value[0], 0.3, 1e-16);
    EXPECT_TRUE(broken.evaluations < r.evaluations);
}

FAN_TEST(integrate_api, bounds_that_depend_on_others_and_on_parameters)
{
    fan_expression *e = parse("x*y", 2), *half = parse("a/4", 0), *x = parse("x", 1);
    const fan_bounds bounds[] = {{half, NULL}, {NULL, x}};
    fan_estimate r = {.components = 0};
    ASSERT_I64(fan_integrate_to(&(fan_integral){.expression = e,
                                                .parameters = parameter,
                                                .dimension = 2,
                                                .ranges = (const fan_range[]){{0, 1}, {0, 0}},
                                                .bounds = bounds},
                                &(fan_goal){.rel = 1e-7}, &r, NULL),
               FAN_OK);
    EXPECT_NEAR(r.value[0], (1 - 1.0 / 16) / 8, 1e-7);
    fan_expression_free(e);
    fan_expression_free(half);
    fan_expression_free(x);
}

FAN_TEST(integrate_api, an_expression_of_several_values)
{
    fan_estimate r;
    ASSERT_I64(to("x, x^2, exp(x)", (fan_range){0, 1}, &(fan_goal){.rel = 1e-11}, &r, NULL),
               FAN_OK);
    EXPECT_U64(r.components, 3);
    EXPECT_NEAR(r.value[0], 0.5, 1e-11);
    EXPECT_NEAR(r.value[1], 1.0 / 3, 1e-11);
    EXPECT_NEAR(r.value[2], M_E - 1, 2e-11);
}

/* ---- Integrands in C ------------------------------------------------------------------------- */

static fan_status waves(void *context, const double *const *points, size_t count,
                        double *const *values)
{
    const double k = *(const double *)context;
    if (k < 0)
        return FAN_E_INPUT;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = cos(k * points[0][i]) * points[1][i] * points[2][i];
        values[1][i] = sin(k * points[0][i]) + points[1][i];
    }
    return FAN_OK;
}

static double gauss(void *context, const double *point)
{
    (void)context;
    return exp(-point[0] * point[0]);
}

static const fan_range unit[] = {{0, 1}, {0, 1}, {0, 1}};

FAN_TEST(integrate_api, functions_in_c)
{
    double k = 3;
    fan_estimate r;
    fan_error error = {0};
    const fan_integral integral = {
        .batch = waves, .context = &k, .components = 2, .dimension = 3, .ranges = unit};
    const char *const names[] = {"auto", "cubature", "cubature9", "cubature11", "vegas"};
    for (int i = 0; i < 5; i++) {
        ASSERT_I64(
            fan_integrate_to(&integral, &(fan_goal){.rel = 1e-3, .method = names[i]}, &r, &error),
            FAN_OK);
        EXPECT_NEAR(r.value[0], sin(3) / 12, 1e-3);
        EXPECT_NEAR(r.value[1], (1 - cos(3)) / 3 + 0.5, 5e-3);
        EXPECT_TRUE(strcmp(r.method, "auto") != 0 && r.method[0]);
    }
    ASSERT_I64(fan_integrate_to(&(fan_integral){.scalar = gauss,
                                                .dimension = 1,
                                                .ranges = &(fan_range){-INFINITY, INFINITY}},
                                &(fan_goal){.rel = 1e-12}, &r, &error),
               FAN_OK);
    EXPECT_NEAR(r.value[0], sqrt(M_PI), 1e-11);
}

/* ---- Not reached ----------------------------------------------------------------------------- */

FAN_TEST(integrate_api, what_is_not_reached_is_no_success)
{
    fan_estimate r;
    fan_error error = {0};
    EXPECT_I64(to("sin(1/x)*x^(-0.9)", (fan_range){0, 1},
                  &(fan_goal){.rel = 1e-12, .evaluations_max = 500}, &r, &error),
               FAN_E_EFFORT);
    EXPECT_I64(r.verdict, FAN_VERDICT_BUDGET);
    EXPECT_TRUE(r.evaluations >= 100 && r.evaluations < 5000);
    EXPECT_CONTAINS(error.text, "the tolerance was not reached: error ");
    EXPECT_CONTAINS(error.text, "evaluations_max is used up");
    EXPECT_I64(to("1/x", (fan_range){0, 1}, NULL, &r, &error), FAN_E_EFFORT);
    EXPECT_I64(r.verdict, FAN_VERDICT_DIVERGENT);
    EXPECT_CONTAINS(error.text, "the integral seems to have no finite value");
    EXPECT_I64(to("x > 0.3 ? 1/(x-x) : x", (fan_range){0, 1}, NULL, &r, &error), FAN_E_NOT_FINITE);
    EXPECT_I64(r.verdict, FAN_VERDICT_NOT_FINITE);
    EXPECT_TRUE(r.not_finite > 2 && isinf(r.first_value) && r.first_point[0] > 0.3);
    EXPECT_CONTAINS(error.text, "the integrand is inf at x = ");
    EXPECT_STR(fan_verdict_name(FAN_VERDICT_REACHED), "reached");
    EXPECT_STR(fan_verdict_name(FAN_VERDICT_NOT_FINITE), "not finite");
    EXPECT_TRUE(!fan_verdict_name((fan_verdict)5) && !fan_verdict_name((fan_verdict)-1));
}

/* ---- Bad input ------------------------------------------------------------------------------- */

/* The status, with its text held against a part; the estimate must stay as it is. */
static fan_status refused(const fan_integral *integral, const fan_goal *goal, const char *part)
{
    fan_estimate r;
    fan_error error = {0};
    const unsigned char *bytes = (const unsigned char *)&r;
    memset(&r, 0xa5, sizeof r);
    const fan_status status = fan_integrate_to(integral, goal, &r, &error);
    EXPECT_CONTAINS(error.text, part);
    size_t same = 0;
    while (same < sizeof r && bytes[same] == 0xa5)
        same++;
    EXPECT_U64(same, sizeof r);
    return status;
}

FAN_TEST(integrate_api, bad_goals_are_refused)
{
    const struct {
        fan_goal goal;
        const char *text;
    } bad[] = {
        {{.rel = -1}, "rel is -1: expected 0 or more"},
        {{.rel = 1e-5, .abs = NAN}, "abs is nan: expected 0 or more"},
        {{.method = "cubature"}, "method cubature is not for one variable: expected auto"},
        {{.break_count = 1}, "1 break points without an array"},
        {{.breaks = (const double[]){0.5, 0.5}, .break_count = 2}, "break points must ascend"},
        {{.breaks = (const double[]){2}, .break_count = 1}, "break point 2 is not inside"},
        {{.breaks = (const double[65]){0}, .break_count = 65}, "at most 64 are possible"},
    };
    const fan_integral one = {.scalar = gauss, .dimension = 1, .ranges = unit};
    const fan_integral two = {.scalar = gauss, .dimension = 2, .ranges = unit};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT_I64(refused(&one, &bad[i].goal, bad[i].text), FAN_E_ARGUMENT);
    EXPECT_I64(refused(&two, &(fan_goal){.method = "tanh-sinh"}, "is not for 2 variables"),
               FAN_E_ARGUMENT);
    EXPECT_I64(refused(&two, &(fan_goal){.breaks = (const double[]){0.5}, .break_count = 1},
                       "break points are for the methods of one variable"),
               FAN_E_ARGUMENT);
}

FAN_TEST(integrate_api, bad_integrals_are_refused)
{
    double k = -1;
    fan_expression *e = parse("a*x", 1), *nan = parse("0/0", 0);
    const fan_bounds bounds = {.to = nan};
    const fan_range nowhere = {0, NAN};
    const fan_integral bad[] = {
        {.dimension = 1, .ranges = unit},
        {.scalar = gauss, .expression = e, .dimension = 1, .ranges = unit},
        {.scalar = gauss, .dimension = 17, .ranges = unit},
        {.scalar = gauss, .dimension = 1},
        {.scalar = gauss, .dimension = 1, .ranges = &nowhere},
        {.expression = e, .dimension = 1, .ranges = unit},
        {.expression = e, .parameters = parameter, .dimension = 2, .ranges = unit},
        {.expression = e,
         .parameters = parameter,
         .dimension = 1,
         .ranges = unit,
         .bounds = &bounds},
    };
    const char *const texts[] = {
        "exactly one of expression, batch and scalar must be set",
        "exactly one of expression, batch and scalar must be set",
        "17 dimensions",
        "the integral has no ranges",
        "x[0]: the upper bound is not a number (NaN)",
        "the expression's parameters have no values",
        "the expression has 1 variable(s), the integral 2 dimension(s)",
        "x: the upper bound is not a number (NaN)",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT_I64(refused(&bad[i], NULL, texts[i]), FAN_E_ARGUMENT);
    EXPECT_I64(
        refused(
            &(fan_integral){
                .batch = waves, .context = &k, .components = 2, .dimension = 3, .ranges = unit},
            NULL, "FAN_E_INPUT"),
        FAN_E_INPUT);
    fan_expression_free(e);
    fan_expression_free(nan);
}

/* Programs that were built when the structures were shorter. */
FAN_TEST(integrate_api, shorter_structures_are_accepted)
{
    fan_estimate r, untouched;
    const fan_goal goal = {.rel = 1e-3, .method = "no such method"};
    memset(&r, 0xa5, sizeof r);
    memset(&untouched, 0xa5, sizeof untouched);
    const fan_integral integral = {.scalar = gauss,
                                   .dimension = 1,
                                   .ranges = unit,
                                   .bounds = (const fan_bounds *)&goal /* must not be read */};
    const size_t known = offsetof(fan_estimate, error);
    ASSERT_I64(fan_integrate_to_sized(&integral, offsetof(fan_integral, bounds), &goal,
                                      offsetof(fan_goal, method), &r, known, NULL),
               FAN_OK);
    EXPECT_NEAR(r.value[0], 0.74682413281242702, 1e-3);
    EXPECT_TRUE(
        memcmp((const char *)&r + known, (const char *)&untouched + known, sizeof r - known) == 0);
}

/* ---- Scans ----------------------------------------------------------------------------------- */

enum { ROWS = 200 };

FAN_TEST(integrate_api, rows_of_a_scan_are_the_integrals_alone)
{
    static fan_scan_row rows[ROWS], parts[ROWS];
    double y[ROWS];
    fan_error error = {0};
    fan_expression *e = parse("exp(-y*x)*a", 2);
    const fan_integral integral = {
        .expression = e, .parameters = parameter, .dimension = 1, .ranges = unit};
    const fan_goal goal = {.rel = 1e-10};
    for (int i = 0; i < ROWS; i++)
        y[i] = 0.5 + 0.1 * i;
    ASSERT_I64(fan_integrate_scan(&integral, &goal, (const double *[]){y}, 1, ROWS, rows, &error),
               FAN_OK);
    for (size_t at = 0; at < ROWS; at += FAN_SCAN_BLOCK) {
        const size_t n = ROWS - at < FAN_SCAN_BLOCK ? ROWS - at : FAN_SCAN_BLOCK;
        ASSERT_I64(fan_integrate_scan(&integral, &goal, (const double *[]){y + at}, 1, n,
                                      parts + at, &error),
                   FAN_OK);
    }
    for (int i = 0; i < ROWS; i++) {
        const double exact = 2 * (1 - exp(-y[i])) / y[i];
        EXPECT_NEAR(rows[i].value, exact, 1e-10 * exact);
        EXPECT_I64(rows[i].verdict, FAN_VERDICT_REACHED);
        EXPECT_TRUE(rows[i].value == parts[i].value);
        EXPECT_TRUE(rows[i].error == parts[i].error && rows[i].evaluations > 0);
    }
    fan_expression_free(e);
}

FAN_TEST(integrate_api, rows_that_are_not_reached_and_bad_scans)
{
    fan_scan_row rows[3];
    fan_error error = {0};
    const double y[] = {0.5, 1, 0.25};
    const double *const columns[] = {y};
    fan_expression *e = parse("a/2*x^(-y)", 2), *one = parse("x", 1);
    fan_integral integral = {
        .expression = e, .parameters = parameter, .dimension = 1, .ranges = unit};
    EXPECT_I64(fan_integrate_scan(&integral, NULL, columns, 1, 3, rows, &error), FAN_E_EFFORT);
    EXPECT_CONTAINS(error.text, "1 of 3 integrals did not reach the tolerance; the first is row 1 "
                                "(divergent)");
    EXPECT_NEAR(rows[0].value, 2, 1e-7);
    EXPECT_I64(rows[1].verdict, FAN_VERDICT_DIVERGENT);
    EXPECT_NEAR(rows[2].value, 4.0 / 3, 1e-7);
    EXPECT_I64(fan_integrate_scan(&integral, &(fan_goal){.method = "tanh-sinh"}, columns, 1, 3,
                                  rows, &error),
               FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "a scan goes by auto, not by tanh-sinh");
    EXPECT_I64(fan_integrate_scan(&integral, NULL, columns, 16, 3, rows, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "a scan over 16 parameters; 1 to 15");
    integral.expression = one;
    EXPECT_I64(fan_integrate_scan(&integral, NULL, columns, 1, 3, rows, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "1 value(s) of 1 variable(s); expected 1 of 2");
    integral.expression = NULL;
    integral.scalar = gauss;
    EXPECT_I64(fan_integrate_scan(&integral, NULL, columns, 1, 3, rows, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "a scan's integrand is an expression");
    fan_expression_free(e);
    fan_expression_free(one);
}
