/* Integrands of every kind behind one call, and the unit cube mapped onto ranges. */
#include "shim/shim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/integrate/domain.h"
#include "kernel/integrate/expression.h"
#include "kernel/integrate/integrand.h"

enum { N = FANI_POINTS_MAX };

static fan_expression *parse(const char *text, size_t dimension)
{
    fan_expression *e = NULL;
    fan_error error = {0};
    const fan_expression_names names = {.variables = (const char *[]){"x", "y", "z"},
                                        .variable_count = dimension,
                                        .parameters = (const char *[]){"a"},
                                        .parameter_count = 1};
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    return e;
}

/* ---- Adaptors -------------------------------------------------------------------------------- */

static fan_status batch_both(void *context, const double *const *points, size_t count,
                             double *const *values)
{
    const double a = *(const double *)context;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = a * points[0][i] + points[1][i];
        values[1][i] = points[0][i];
    }
    return FAN_OK;
}

static double scalar_line(void *context, const double *point)
{
    return *(const double *)context * point[0] + point[1];
}

FAN_TEST(integrand, every_kind_gives_the_same_values)
{
    double a = 2.5, x[N], y[N], first[N], second[N];
    fan_expression *e = parse("a*x + y", 2);
    const fani_integrand_source sources[] = {
        {.expression = e, .parameters = &a, .dimension = 2},
        {.batch = batch_both, .context = &a, .dimension = 2, .components = 2},
        {.scalar = scalar_line, .context = &a, .dimension = 2},
    };
    for (int i = 0; i < N; i++) {
        x[i] = i / 7.0;
        y[i] = -i;
    }
    for (size_t s = 0; s < 3; s++) {
        fani_integrand f;
        memset(first, 0, sizeof first);
        ASSERT_I64(fani_integrand_make(&sources[s], &f, NULL), FAN_OK);
        EXPECT_U64(f.components, s == 1 ? 2 : 1);
        ASSERT_I64(f.evaluate(&f, (const double *[]){x, y}, N - 3, (double *[]){first, second}),
                   FAN_OK);
        for (int i = 0; i < N - 3; i++)
            EXPECT_NEAR(first[i], a * x[i] + y[i], 1e-12);
        if (s == 1)
            EXPECT_NEAR(second[100], x[100], 0);
    }
    fan_expression_free(e);
}

FAN_TEST(integrand, refusals)
{
    double a = 1;
    fan_error error;
    fani_integrand f;
    fan_expression *e = parse("a*x", 1);
    EXPECT_I64(fani_integrand_make(&(fani_integrand_source){.dimension = 1}, &f, &error),
               FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "exactly one");
    const fani_integrand_source bare = {.expression = e, .dimension = 1};
    EXPECT_I64(fani_integrand_make(&bare, &f, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "parameters");
    const fani_integrand_source wide = {.expression = e, .parameters = &a, .dimension = 2};
    EXPECT_I64(fani_integrand_make(&wide, &f, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "2 dimension(s)");
    const fani_integrand_source none = {.batch = batch_both, .dimension = 1};
    EXPECT_I64(fani_integrand_make(&none, &f, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "0 components");
    const fani_integrand_source flat = {.scalar = scalar_line, .dimension = 17};
    EXPECT_I64(fani_integrand_make(&flat, &f, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "17 dimensions");
    fan_expression_free(e);
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static fani_bound number(double value)
{
    return (fani_bound){.value = value};
}

/* The midpoint rule in u, n points a dimension: what the map gives is the integral. */
static double midpoint(const char *text, const fani_domain *domain, int n, fani_bad_values *bad)
{
    double a = 0.75, sum = 0, values[N], u[3][N];
    int total = 1;
    fani_integrand f;
    fan_expression *e = parse(text, domain->dimension);
    const fani_integrand_source source = {
        .expression = e, .parameters = &a, .dimension = domain->dimension};
    if (fani_integrand_make(&source, &f, NULL) != FAN_OK)
        return NAN;
    for (size_t d = 0; d < domain->dimension; d++)
        total *= n;
    for (int at = 0; at < total; at += N) {
        const int count = total - at < N ? total - at : N;
        for (int i = 0; i < count; i++) {
            int index = at + i;
            for (size_t d = 0; d < domain->dimension; d++, index /= n)
                u[d][i] = (index % n + 0.5) / n;
        }
        if (fani_domain_evaluate(&f, domain, (const double *[]){u[0], u[1], u[2]}, (size_t)count,
                                 (double *[]){values}, bad) != FAN_OK)
            sum = NAN;
        for (int i = 0; i < count; i++)
            sum += values[i];
    }
    fan_expression_free(e);
    return sum / total;
}

static double over(const char *text, double from, double to)
{
    fani_bad_values bad = {0};
    const fani_domain domain = {.dimension = 1, .from = {number(from)}, .to = {number(to)}};
    const double value = midpoint(text, &domain, 20000, &bad);
    EXPECT_U64(bad.count, 0);
    return value;
}

FAN_TEST(domain, ranges_of_every_kind)
{
    EXPECT_NEAR(over("x^2", 1, 3), 26.0 / 3, 1e-7);
    EXPECT_NEAR(over("x^2", 3, 1), -26.0 / 3, 1e-7);
    EXPECT_NEAR(over("exp(-x)", 2, INFINITY), exp(-2), 1e-8);
    EXPECT_NEAR(over("exp(-x)", INFINITY, 2), -exp(-2), 1e-8);
    EXPECT_NEAR(over("exp(x)", -INFINITY, 1), M_E, 1e-7);
    EXPECT_NEAR(over("exp(x)", 1, -INFINITY), -M_E, 1e-7);
    EXPECT_NEAR(over("exp(-x^2)", -INFINITY, INFINITY), sqrt(M_PI), 1e-10);
    EXPECT_NEAR(over("exp(-x^2)", INFINITY, -INFINITY), -sqrt(M_PI), 1e-10);
    EXPECT_NEAR(over("1/(1+x^2)", -INFINITY, INFINITY), M_PI, 1e-7);
    EXPECT_NEAR(over("1/x", 2, 2), 0, 0);
    EXPECT_NEAR(over("1/x", INFINITY, INFINITY), 0, 0);
}

FAN_TEST(domain, bounds_of_earlier_variables)
{
    fani_bad_values bad = {0};
    double a = 0.75;
    fan_expression *root = parse("sqrt(1-x^2)", 1), *below = parse("-sqrt(1-x^2)", 1);
    fan_expression *product = parse("a*x*y", 2);
    const fani_domain disc = {
        .dimension = 2,
        .from = {number(-1), {.expression = below, .parameters = &a}},
        .to = {number(1), {.expression = root, .parameters = &a}},
    };
    EXPECT_NEAR(midpoint("1", &disc, 400, &bad), M_PI, 1e-3);
    EXPECT_NEAR(midpoint("x^2+y^2", &disc, 400, &bad), M_PI / 2, 1e-3);
    const fani_domain deep = {
        .dimension = 3,
        .from = {number(0), number(0), number(0)},
        .to = {number(1), number(2), {.expression = product, .parameters = &a}},
    };
    EXPECT_NEAR(midpoint("z", &deep, 60, &bad), 0.5 * a * a * (1.0 / 3) * (8.0 / 3), 1e-3);
    /* From below 0 on the bounds are the wrong way round, so the sign is. */
    fan_expression *straight = parse("x", 1);
    const fani_domain wedge = {.dimension = 2,
                               .from = {number(-1), number(0)},
                               .to = {number(1), {.expression = straight, .parameters = &a}}};
    EXPECT_NEAR(midpoint("1", &wedge, 400, &bad), 0, 1e-12);
    EXPECT_NEAR(midpoint("x", &wedge, 400, &bad), 2.0 / 3, 1e-4);
    EXPECT_U64(bad.count, 0);
    fan_expression_free(root);
    fan_expression_free(below);
    fan_expression_free(product);
    fan_expression_free(straight);
}

FAN_TEST(domain, what_is_not_finite_counts_as_0_and_is_told)
{
    fani_bad_values bad = {0};
    const fani_domain domain = {.dimension = 1, .from = {number(0)}, .to = {number(4)}};
    EXPECT_NEAR(midpoint("x == 2.5 ? 1/0 : 1", &domain, 4, &bad), 3, 0);
    EXPECT_U64(bad.count, 1);
    EXPECT_TRUE(bad.first_value == INFINITY);
    EXPECT_NEAR(bad.first_point[0], 2.5, 0);
    /* The count goes on, the first stays. */
    EXPECT_NEAR(midpoint("0/0", &domain, 4, &bad), 0, 0);
    EXPECT_U64(bad.count, 5);
    EXPECT_NEAR(bad.first_point[0], 2.5, 0);
    double a = 1;
    fani_bad_values nan = {0};
    fan_expression *root = parse("sqrt(x)", 1);
    const fani_domain none = {.dimension = 2,
                              .from = {number(-1), number(0)},
                              .to = {number(1), {.expression = root, .parameters = &a}}};
    EXPECT_NEAR(midpoint("1", &none, 10, &nan), 2.0 / 3, 0.05);
    EXPECT_U64(nan.count, 50);
    EXPECT_TRUE(nan.first_point[0] < 0 && isnan(nan.first_point[1]));
    fan_expression_free(root);
}

/* Points of the cube at infinity count nothing: f times the slope has no value there. */
FAN_TEST(domain, the_very_ends)
{
    double a = 0, values[3];
    fani_bad_values bad = {0};
    fani_integrand f;
    fan_expression *e = parse("exp(-x^2)", 1);
    const fani_integrand_source source = {.expression = e, .parameters = &a, .dimension = 1};
    ASSERT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
    const fani_domain line = {
        .dimension = 1, .from = {number(-INFINITY)}, .to = {number(INFINITY)}};
    const double u[] = {0, 0.5, 1};
    ASSERT_I64(
        fani_domain_evaluate(&f, &line, (const double *[]){u}, 3, (double *[]){values}, &bad),
        FAN_OK);
    EXPECT_NEAR(values[0], 0, 0);
    EXPECT_NEAR(values[1], 2, 0);
    EXPECT_NEAR(values[2], 0, 0);
    EXPECT_U64(bad.count, 0);
    const fani_domain huge = {.dimension = 1, .from = {number(-1e308)}, .to = {number(1e308)}};
    ASSERT_I64(
        fani_domain_evaluate(&f, &huge, (const double *[]){u}, 3, (double *[]){values}, &bad),
        FAN_OK);
    EXPECT_U64(bad.count, 3);
    fan_expression_free(e);
}

static fan_status distances(const fani_integrand *f, const double *const *points, size_t count,
                            double *const *values)
{
    (void)f;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = points[1][i];
        values[1][i] = points[2][i];
    }
    return FAN_OK;
}

FAN_TEST(domain, distances_are_exact_where_the_point_is_not)
{
    const fani_integrand f = {
        .dimension = 1, .components = 2, .evaluate = distances, .wants_distances = true};
    const double u[] = {0x1p-70, 0.25, 1 - 0x1p-53};
    double below[3], above[3];
    fani_bad_values bad = {0};
    const fani_domain domain = {.dimension = 1, .from = {number(3)}, .to = {number(5)}};
    ASSERT_I64(fani_domain_evaluate(&f, &domain, (const double *[]){u}, 3,
                                    (double *[]){below, above}, &bad),
               FAN_OK);
    EXPECT_NEAR(below[0], 0x1p-68, 0);
    EXPECT_NEAR(below[1], 1, 0);
    EXPECT_NEAR(above[1], 3, 0);
    EXPECT_NEAR(above[2], 0x1p-51, 0);
    const fani_domain reversed = {.dimension = 1, .from = {number(5)}, .to = {number(3)}};
    ASSERT_I64(fani_domain_evaluate(&f, &reversed, (const double *[]){u}, 3,
                                    (double *[]){below, above}, &bad),
               FAN_OK);
    EXPECT_NEAR(below[2], -0x1p-51, 0);
    EXPECT_NEAR(above[0], -0x1p-68, 0);
}

/* ---- Expressions that lose digits near an end ------------------------------------------------ */

/* The value at u of the unit interval, of an expression over from..to with parameter a. */
static double value_near(const char *text, double from, double to, double a, double u, bool *gained)
{
    fan_expression *e = parse(text, 1), *near = NULL;
    double value = NAN;
    fani_bad_values bad = {0};
    fani_integrand f;
    const fani_domain domain = {.dimension = 1, .from = {number(from)}, .to = {number(to)}};
    EXPECT_I64(fani_expression_with_ends(e, &a, from, to, &near, NULL), FAN_OK);
    const fani_integrand_source source = {
        .expression = e, .with_ends = near, .parameters = &a, .dimension = 1};
    *gained = near != NULL;
    EXPECT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
    EXPECT_I64(
        fani_domain_evaluate(&f, &domain, (const double *[]){&u}, 1, (double *[]){&value}, &bad),
        FAN_OK);
    fan_expression_free(near);
    fan_expression_free(e);
    return value / (to - from);
}

static void check_near(const char *text, double from, double to, double u, double wanted)
{
    bool gained;
    const double value = value_near(text, from, to, 2.5, u, &gained);
    if (!gained || !(fabs(value - wanted) <= 1e-14 * fabs(wanted)))
        shim_fail(__FILE__, __LINE__, "%s at %.17g of %g:%g is %.17g, not %.17g", text, u, from, to,
                  value, wanted);
}

FAN_TEST(integrand, differences_from_an_end_lose_no_digits)
{
    const double near_1 = 1 - 0x1p-53, near_0 = 0x1p-60;
    check_near("(1-x)^(-0.9)", 0, 1, near_1, pow(0x1p-53, -0.9));
    check_near("1/sqrt(3-x)", 1, 3, near_1, 1 / sqrt(0x1p-52));
    check_near("x - 3", 1, 3, near_1, -0x1p-52);
    check_near("log(x-1)", 1, 3, near_0, log(0x1p-59));
    check_near("1 - x", 1, 3, near_0, -0x1p-59);
    check_near("x + 2", -2, 2, near_0, 0x1p-58);
    check_near("2 + x", -2, 2, near_0, 0x1p-58);
    check_near("1/sqrt(1-x^2)", -1, 1, near_1, 1 / sqrt(0x1p-52 * 2));
    check_near("1/sqrt(1-x^2)", -1, 1, near_0, 1 / sqrt(0x1p-59 * 2));
    check_near("1-x*x", -1, 1, near_0, 0x1p-58);
    check_near("x^2-4", -2, 1, near_0, -3 * 0x1p-60 * 4);
    check_near("9-x^2", 1, 3, near_1, 6 * 0x1p-52);
    check_near("a - x", 0, 2.5, near_1, 2.5 * 0x1p-53);
    check_near("(a-x)*(1+x)", 0, 2.5, near_1, 2.5 * 0x1p-53 * 3.5);
}

FAN_TEST(integrand, other_expressions_stay_as_they_are)
{
    bool gained;
    EXPECT_NEAR(value_near("2-x", 0, 1, 0, 0.5, &gained), 1.5, 0);
    EXPECT_TRUE(!gained);
    EXPECT_NEAR(value_near("cos(x)+2", 0, 1, 0, 0, &gained), 3, 0);
    EXPECT_TRUE(!gained);
    EXPECT_NEAR(value_near("4-x^2", 0, 1, 0, 0.5, &gained), 3.75, 0);
    EXPECT_TRUE(!gained);
}
