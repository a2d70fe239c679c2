/* The sums of grids against sums without any rounding, and the same bits on every path. */
#include "shim/shim.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exact_sum.h"
#include "kernel/integrate/integral.h"

/* ---- Grids against them ---------------------------------------------------------------------- */

typedef struct summed {
    double (*f)(double);
    exact_sum sum;
} summed;

/* Adds what it answers; a grid of weights 1 asks for each point once. */
static fan_status noted(void *context, const double *const *points, size_t count,
                        double *const *values)
{
    summed *s = context;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = s->f(points[0][i]);
        add_exactly(&s->sum, values[0][i]);
    }
    return FAN_OK;
}

static double wave(double x)
{
    return sin(x);
}
static double wide(double x)
{
    return exp(60 * sin(77 * x)) * cos(1e6 * x);
}
static double tiny(double x)
{
    return 1e-300 * cos(x) * x;
}
static double huge(double x)
{
    return 1e300 * cos(x);
}
static double plain(double x)
{
    return cos(x) + 2;
}

static void check_sum(double (*f)(double), double to, uint64_t points)
{
    static summed s;
    s = (summed){.f = f};
    fan_integral_result r;
    const fan_integral integral = {.batch = noted,
                                   .context = &s,
                                   .dimension = 1,
                                   .ranges = &(fan_range){0, to},
                                   .points = points,
                                   .rule = FAN_RULE_LEFT};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    const double h = to / (double)points;
    const long double exact = round_exact(s.sum) * h;
    const double off = (double)fabsl(exact - (long double)r.value);
    if (!(off <= ulp_of(r.value)))
        shim_fail(__FILE__, __LINE__, "%llu points: %.17g is %.3g ulp off",
                  (unsigned long long)points, r.value, off / ulp_of(r.value));
}

/* Whole periods of a sine cancel to nothing; exp(60 sin) covers 10^52 orders of size. */
FAN_TEST(grid, sums_are_within_an_ulp_of_the_exact_ones)
{
    check_sum(plain, 3, 1000000);
    check_sum(wave, 2 * M_PI, 1000000);
    check_sum(wave, 40 * M_PI, 99991);
    check_sum(wide, 50, 300000);
    check_sum(tiny, 30, 100000);
    check_sum(huge, 30, 100000);
    for (uint64_t n = 1; n < 700; n += n < 40 ? 1 : 53)
        check_sum(wide, 1, n);
}

FAN_TEST(grid, long_sums_of_1e8_points_are_within_an_ulp)
{
    check_sum(plain, 3, 100000000);
    check_sum(wave, 2 * M_PI, 100000000);
}

static fan_status no_more_than_promised(void *context, const double *const *points, size_t count,
                                        double *const *values)
{
    size_t *seen = context;
    *seen = count > *seen ? count : *seen;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = points[0][i] * points[1][i];
        values[1][i] = points[0][i] - points[1][i];
    }
    return FAN_OK;
}

/* A batch function has room for 256 points: fan_integrand_batch says so. */
FAN_TEST(grid, batches_are_of_256_points_at_most)
{
    size_t most = 0;
    fan_integral_result r;
    const fan_integral integral = {.batch = no_more_than_promised,
                                   .context = &most,
                                   .components = 2,
                                   .dimension = 2,
                                   .ranges = (const fan_range[]){{0, 2}, {0, 1}},
                                   .points = 301,
                                   .rule = FAN_RULE_MIDPOINT};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    EXPECT_U64(most, 256);
    EXPECT_NEAR(r.values[0], 1, 1e-13);
    EXPECT_NEAR(r.values[1], 1, 1e-13);
}

/* ---- The same bits --------------------------------------------------------------------------- */

static double numbers[FANI_GRID_RUN + 8], others[FANI_GRID_RUN + 8];

FAN_TEST(grid, every_path_has_the_same_bits)
{
    for (fani_isa isa = FANI_ISA_AVX2; isa <= fani_isa_machine(); isa++) {
        const fani_grid_kernels *scalar = fani_grid_kernels_of(FANI_ISA_SCALAR);
        const fani_grid_kernels *here = fani_grid_kernels_of(isa);
        static fani_lanes a, b;
        double weights[FANI_GRID_RUN];
        memset(&a, 0, sizeof a);
        memset(&b, 0, sizeof b);
        for (int round = 0; round < 40; round++) {
            scalar->even(numbers, 0.1 * round, 0.3, 1e9 + round, FANI_GRID_RUN);
            here->even(others, 0.1 * round, 0.3, 1e9 + round, FANI_GRID_RUN);
            EXPECT_TRUE(memcmp(numbers, others, FANI_GRID_RUN * sizeof *numbers) == 0);
            for (int i = 0; i < FANI_GRID_RUN; i++) {
                numbers[i] = sin(numbers[i]) * pow(10, (i + round) % 50);
                weights[i] = 1.0 / (i + 3);
            }
            EXPECT_TRUE(scalar->add(&a, numbers, round % 2 ? weights : NULL));
            EXPECT_TRUE(here->add(&b, numbers, round % 2 ? weights : NULL));
            EXPECT_TRUE(memcmp(&a, &b, sizeof a) == 0);
        }
        scalar->uneven(numbers, -3, 0.7, 123, weights, weights, FANI_GRID_RUN);
        here->uneven(others, -3, 0.7, 123, weights, weights, FANI_GRID_RUN);
        EXPECT_TRUE(memcmp(numbers, others, FANI_GRID_RUN * sizeof *numbers) == 0);
    }
}

/* One value that is not finite, wherever it stands, leaves the sum as it was. */
FAN_TEST(grid, what_is_not_finite_is_not_added)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        const fani_grid_kernels *grid = fani_grid_kernels_of(isa);
        fani_lanes sum = {{1}, {0}, {0}};
        const fani_lanes before = sum;
        for (int at = 0; at < FANI_GRID_RUN; at++) {
            double values[FANI_GRID_RUN] = {0};
            for (int i = 0; i < FANI_GRID_RUN; i++)
                values[i] = i - 100;
            values[at] = bad[at % 3];
            EXPECT_TRUE(!grid->add(&sum, values, NULL));
            EXPECT_TRUE(memcmp(&sum, &before, sizeof sum) == 0);
        }
    }
}

/* Far up, where the way there overflows, the sum is still found; beyond, it is infinite. */
FAN_TEST(grid, sums_near_the_largest_double)
{
    fan_expression *e = NULL;
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    ASSERT_I64(fan_expression_parse("x < 1 ? 1.5e308 : -1.5e308", 26, &names, &e, NULL), FAN_OK);
    fan_integral_result r;
    fan_integral integral = {.expression = e,
                             .dimension = 1,
                             .ranges = &(fan_range){0.5, 1.5},
                             .points = 1001,
                             .rule = FAN_RULE_LEFT};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_E_NOT_FINITE);
    fan_expression_free(e);
    ASSERT_I64(fan_expression_parse("1e306*x", 7, &names, &e, NULL), FAN_OK);
    integral.expression = e;
    integral.points = 100;
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    EXPECT_NEAR(r.value, 0.995e306, 1e293);
    fan_expression_free(e);
}
