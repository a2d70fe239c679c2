/* Sines and cosines that grids evaluate and add up at once: the values are those that the
 * expression gives point by point, and the sums those of the long way. */
#include "shim/shim.h"

#include <math.h>
#include <string.h>

#include "exact_sum.h"
#include "kernel/integrate/integral.h"

/* x, with the parameters p = 0.7, q = -0.3, big = 1e9 and wrong = NaN. */
static const double parameters[] = {0.7, -0.3, 1e9, NAN};
enum { PARAMETERS = sizeof parameters / sizeof *parameters };

static fan_expression *parsed(const char *text)
{
    fan_expression *e = NULL;
    const fan_expression_names names = {.variables = (const char *[]){"x"},
                                        .variable_count = 1,
                                        .parameters = (const char *[]){"p", "q", "big", "wrong"},
                                        .parameter_count = PARAMETERS};
    if (fan_expression_parse(text, strlen(text), &names, &e, NULL) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s does not parse", text);
    return e;
}

/* The same integrand where nobody knows that it is an expression. */
static fan_status point_by_point(void *context, const double *const *points, size_t count,
                                 double *const *values)
{
    fan_expression_evaluate(context, points, parameters, count, values);
    return FAN_OK;
}

/* ---- The long way and the short one ---------------------------------------------------------- */

static const struct {
    const char *text;
    bool is_wave;
} integrands[] = {
    {"cos(x)", true},          {"sin(x)", true},       {"cos(3*x)", true},
    {"sin(p*x + q)", true},    {"cos(q - x/p)", true}, {"sin(-(2*x - 1))", true},
    {"cos(big*x)", true},      {"sin(wrong*x)", true}, {"cos(x)*2", false},
    {"cos(x^2)", false},       {"cos(1/x)", false},    {"sin(x) + cos(x)", false},
    {"sin(x), cos(x)", false}, {"sin(p*q)", false},    {"exp(x)", false},
};
enum { INTEGRANDS = sizeof integrands / sizeof *integrands };

/* Fine ones within half a turn and over some, around 0 and where sin and cos are small; coarse
 * ones; one whose values are all next to nothing; too large; reversed. */
static const struct {
    double from, to;
    uint64_t points;
} grids[] = {
    {0, M_PI_2, 3000},
    {-1, 1, 4000},
    {-40, 60, 10001},
    {1.57, 1.571, 2000},
    {-1e-9, 1e-9, 2048},
    {-1e-290, 1e-290, 2000},
    {M_PI_2, M_PI_2 + 2000 * M_PI, 2000},
    {0, 2000 * M_PI, 2000},
    {0, 1e6, 2999},
    {-3e8, 9e8, 2000},
    {1073741823, 1073741825, 2000},
    {1e15, 1e16, 1000},
    {7, -7, 2000},
    {0, 1, 100},
};
enum { GRIDS = sizeof grids / sizeof *grids };

/* A Gauss rule has as many points, too. */
static void hold_against(fani_isa isa, fan_expression *e, const char *text, size_t g, fan_rule rule,
                         unsigned order)
{
    fan_integral_result way[2];
    fan_integral integral = {.expression = e,
                             .parameters = parameters,
                             .dimension = 1,
                             .ranges = &(fan_range){grids[g].from, grids[g].to},
                             .points = grids[g].points / (order ? order : 1),
                             .rule = rule,
                             .order = order};
    const fan_status status = fan_integrate(&integral, &way[0], NULL);
    integral.expression = NULL;
    integral.batch = point_by_point;
    integral.context = e;
    integral.components = e->output_count;
    EXPECT_I64(fan_integrate(&integral, &way[1], NULL), status);
    if (status == FAN_OK && memcmp(&way[0].value, &way[1].value, sizeof way[0].value) != 0)
        shim_fail(__FILE__, __LINE__, "%s: %s over %g..%g, rule %s: %.17g, not %.17g",
                  fani_isa_name(isa), text, grids[g].from, grids[g].to, fan_rule_name(rule),
                  way[0].value, way[1].value);
}

static void hold_all(fani_isa isa, size_t i)
{
    fan_expression *e = parsed(integrands[i].text);
    fani_expression_use(e, isa);
    const bool has_waves = fani_waves_of(e->kernels) != NULL;
    EXPECT_TRUE((fani_expression_wave(e) != NULL) == (integrands[i].is_wave && has_waves));
    for (size_t g = 0; g < GRIDS; g++) {
        hold_against(isa, e, integrands[i].text, g, FAN_RULE_LEFT, 0);
        hold_against(isa, e, integrands[i].text, g, FAN_RULE_MIDPOINT, 0);
        hold_against(isa, e, integrands[i].text, g, FAN_RULE_TRAPEZOID, 0);
        hold_against(isa, e, integrands[i].text, g, FAN_RULE_SIMPSON, 0);
        hold_against(isa, e, integrands[i].text, g, FAN_RULE_GAUSS, 7);
        hold_against(isa, e, integrands[i].text, g, FAN_RULE_GAUSS, 99);
    }
    fan_expression_free(e);
}

FAN_TEST(grid_waves, the_short_way_has_the_bits_of_the_long_one)
{
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        for (size_t i = 0; i < INTEGRANDS; i++)
            hold_all(isa, i);
    }
}

/* Bounds that are expressions bend the points: their weights have no limit. */
FAN_TEST(grid_waves, bounds_of_parameters)
{
    fan_expression *e = parsed("cos(x)"), *low = NULL, *high = NULL;
    const fan_expression_names names = {.parameters = (const char *[]){"p"}, .parameter_count = 1};
    ASSERT_I64(fan_expression_parse("-p", 2, &names, &low, NULL), FAN_OK);
    ASSERT_I64(fan_expression_parse("1000*p", 6, &names, &high, NULL), FAN_OK);
    fan_integral_result r;
    const fan_integral integral = {.expression = e,
                                   .parameters = parameters,
                                   .dimension = 1,
                                   .ranges = &(fan_range){0, 0},
                                   .bounds = &(fan_bounds){low, high},
                                   .points = 100000,
                                   .rule = FAN_RULE_GAUSS};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    EXPECT_NEAR(r.value, sin(700) + sin(0.7), 1e-12);
    fan_expression_free(e);
    fan_expression_free(low);
    fan_expression_free(high);
}

/* ---- The kernels by themselves --------------------------------------------------------------- */

static double points[FANI_GRID_RUN], values[FANI_GRID_RUN], weights[FANI_GRID_RUN];

/* Runs that the short way takes must give the sum without any rounding to 2^-80 of the largest
 * value, whatever they cancel to. True where it took it. */
static bool check_run(fani_kernel *const *kernels, fani_operator op, double from, double step,
                      double weight)
{
    const fani_waves *waves = fani_waves_of(kernels);
    fani_wave *wave = op == FANI_OP_SIN ? waves->sine : waves->cosine;
    exact_sum exact = {{0}, 0};
    fani_lanes lanes = {{0}, {0}, {0}};
    double most = 0;
    for (int i = 0; i < FANI_GRID_RUN; i++) {
        points[i] = from + i * step;
        weights[i] = i % 2 ? weight : weight / 2;
    }
    kernels[op](values, points, NULL, NULL, FANI_GRID_RUN);
    if (!wave(&lanes, points, weight > 0 ? weights : NULL))
        return false;
    for (int i = 0; i < FANI_GRID_RUN; i++) {
        const double value = weight > 0 ? values[i] * weights[i] : values[i];
        most = fmax(most, fabs(value));
        add_exactly(&exact, value);
    }
    const fani_triple sum = fani_lanes_total(&lanes);
    add_exactly(&exact, -sum.high);
    add_exactly(&exact, -sum.middle);
    add_exactly(&exact, -sum.low);
    const long double off = fabsl(round_exact(exact));
    if (!(off <= (long double)most * 0x1p-80L))
        shim_fail(__FILE__, __LINE__, "operator %d from %.17g by %g: the sum is %.3Lg off", op,
                  from, step, off);
    return true;
}

FAN_TEST(grid_waves, sums_of_runs_have_all_their_digits)
{
    for (fani_isa isa = FANI_ISA_AVX2; isa <= fani_isa_machine(); isa++) {
        fani_kernel *const *kernels = fani_kernels_of(isa);
        int taken = 0, tried = 0;
        if (!fani_waves_of(kernels))
            SKIP("no kernels of vectors here");
        for (int k = -40; k <= 40; k++) {
            for (int size = -260; size <= 6; size += 3) {
                const double step = pow(10, size), weight = k % 3 == 0 ? 4 : k % 3 == 1 ? 1 : 0;
                tried += 2;
                taken += check_run(kernels, FANI_OP_SIN, k * M_PI_2, step, weight);
                taken += check_run(kernels, FANI_OP_COS, k * M_PI_2, step, weight);
            }
        }
        EXPECT_TRUE(taken > tried * 9 / 10);
    }
}

/* What isn't for it, it leaves alone. */
FAN_TEST(grid_waves, what_is_too_large_is_left_alone)
{
    static const double bad[] = {0x1p30, -0x1p30, 1e300, INFINITY, -INFINITY, NAN};
    for (fani_isa isa = FANI_ISA_AVX2; isa <= fani_isa_machine(); isa++) {
        const fani_waves *waves = fani_waves_of(fani_kernels_of(isa));
        if (!waves)
            SKIP("no kernels of vectors here");
        for (int i = 0; i < 2 * (int)(sizeof bad / sizeof *bad); i++) {
            fani_lanes lanes = {{1}, {0}, {0}};
            const fani_lanes before = lanes;
            memset(points, 0, sizeof points);
            points[i % 2 ? FANI_GRID_RUN - 1 : 0] = bad[i / 2];
            EXPECT_TRUE(!waves->sine(&lanes, points, NULL));
            EXPECT_TRUE(!waves->cosine(&lanes, points, NULL));
            EXPECT_TRUE(memcmp(&lanes, &before, sizeof lanes) == 0);
        }
    }
}

/* ---- Long sums ------------------------------------------------------------------------------- */

/* The points by C's arithmetic, the values by the expression, their sum without any rounding. */
static void check_long(const char *text, double from, double to, uint64_t count)
{
    fan_expression *e = parsed(text);
    const double h = (to - from) / (double)count;
    static exact_sum exact;
    exact = (exact_sum){{0}, 0};
    for (uint64_t i = 0; i < count; i += FANI_GRID_RUN) {
        const size_t n = count - i < FANI_GRID_RUN ? (size_t)(count - i) : FANI_GRID_RUN;
        for (size_t j = 0; j < n; j++)
            points[j] = from + (double)(i + j) * h;
        fan_expression_evaluate(e, (const double *[]){points}, parameters, n, (double *[]){values});
        for (size_t j = 0; j < n; j++)
            add_exactly(&exact, values[j]);
    }
    fan_integral_result r;
    const fan_integral integral = {.expression = e,
                                   .parameters = parameters,
                                   .dimension = 1,
                                   .ranges = &(fan_range){from, to},
                                   .points = count,
                                   .rule = FAN_RULE_LEFT};
    ASSERT_I64(fan_integrate(&integral, &r, NULL), FAN_OK);
    const double off = (double)fabsl(round_exact(exact) * h - (long double)r.value);
    if (!(off <= ulp_of(r.value)))
        shim_fail(__FILE__, __LINE__, "%s: %.17g is %.3g ulp off", text, r.value,
                  off / ulp_of(r.value));
    fan_expression_free(e);
}

FAN_TEST(grid_waves, sums_are_within_an_ulp_of_the_exact_ones)
{
    check_long("cos(x)", 0, M_PI_2, 1000000);
    check_long("sin(x)", 0, 2 * M_PI, 1000000);
    check_long("cos(3*x)", -10, 10, 999983);
    check_long("cos(x)", 0, 1e6, 1000000);
}

FAN_TEST(grid_waves, long_sums_of_1e8_points_are_within_an_ulp)
{
    check_long("cos(x)", 0, M_PI_2, 100000000);
    check_long("sin(x)", 0, 2 * M_PI, 100000000);
    check_long("cos(x)", 0, 1e6, 100000000);
}
