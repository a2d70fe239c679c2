/* Integrals beside what other programs say of them, and what must hold whatever the method: known
 * values and rules come from tables here, for those programs are not where tests run. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fanfold/integrate.h"
#include "kernel/integrate/integral.h"
#include "kernel/integrate/integrand.h"
#include "kernel/integrate/methods_1d.h"
#include "kernel/integrate/methods_many.h"
#include "shim/shim.h"

static const char *const variables[] = {"x", "y", "z"};
enum { VARIABLES = 3 };

typedef struct bounds {
    const char *from, *to; /* may use earlier variables */
} bounds;

static fan_expression *parse(const char *text, size_t count)
{
    const fan_expression_names names = {.variables = variables, .variable_count = count};
    fan_expression *e = NULL;
    fan_error error;
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    return e;
}

static void set_bound(const char *text, size_t before, fani_bound *bound)
{
    if (fan_expression_constant(text, &bound->value, NULL) != FAN_OK)
        bound->expression = parse(text, before);
}

/* The integral of an expression of `dimension` variables. */
static fani_estimate integrate(const fani_method *method, const char *text, const bounds *range,
                               size_t dimension, double rel)
{
    fan_expression *e = parse(text, dimension);
    const fani_integrand_source source = {.expression = e, .dimension = dimension, .components = 1};
    const fani_goal goal = {.rel = rel, .evaluations_max = 2000000, .seed = 3};
    fani_domain domain = {.dimension = dimension};
    fani_integrand f;
    fan_error error;
    fani_estimate r = {.value = {NAN}};
    for (size_t k = 0; k < dimension; k++) {
        set_bound(range[k].from, k, &domain.from[k]);
        set_bound(range[k].to, k, &domain.to[k]);
    }
    if (fani_integrand_make(&source, &f, &error) != FAN_OK ||
        fani_integrate_rounds(method, &f, &domain, &goal, &r, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s: %s", text, error.text);
    for (size_t k = 0; k < dimension; k++) {
        fan_expression_free((fan_expression *)domain.from[k].expression);
        fan_expression_free((fan_expression *)domain.to[k].expression);
    }
    fan_expression_free(e);
    return r;
}

/* ---- Other programs -------------------------------------------------------------------------- */

/* scipy 1.10, scipy.special.roots_legendre(order): root and weight number `index`. */
FAN_TEST(integrate_truths, gauss_points_are_those_of_scipy)
{
    static const struct {
        unsigned order, index;
        double root, weight;
    } known[] = {
        {2, 1, 0.57735026918962573, 1},
        {5, 2, 0, 0.568888888888889},
        {5, 3, 0.53846931010568311, 0.47862867049936653},
        {5, 4, 0.90617984593866396, 0.23692688505618897},
        {12, 6, 0.12523340851146897, 0.24914704581340261},
        {12, 7, 0.36783149899818013, 0.23349253653835469},
        {12, 11, 0.98156063424671924, 0.047175336386513181},
        {33, 16, 0, 0.09376844616020967},
        {33, 17, 0.093631065854733325, 0.093356426065595896},
        {33, 32, 0.99742469424645508, 0.0066062278475895429},
        {64, 32, 0.024350292663424374, 0.048690957009139633},
        {64, 33, 0.072993121787799042, 0.048575467441503394},
        {64, 63, 0.99930504173577206, 0.0017832807216983115},
    };
    fani_gauss_point points[64];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fani_gauss_legendre(known[i].order, points);
        const fani_gauss_point *p = &points[known[i].index];
        EXPECT_NEAR(2 * p->offset - 1, known[i].root, 2 * DBL_EPSILON);
        /* scipy's weights are off by that much themselves where order is high */
        EXPECT_NEAR(2 * p->weight, known[i].weight, 2e-12 * known[i].weight);
    }
}

/* PARI/GP 2.15, intnum at 38 digits; those of its digits are kept that 57 confirm. */
FAN_TEST(integrate_truths, values_are_those_of_paris_intnum)
{
    static const struct {
        const char *text;
        bounds range;
        double value;
    } known[] = {
        {"exp(-x^2)*cos(3*x)", {"0", "2"}, 0.090009235156271950217905594},
        {"x^(-1/3)*exp(-x)", {"0", "1"}, 1.0496884916422417164848431},
        {"log(x)/(1 + x^2)", {"0", "2"}, -0.80859839124679103817341472},
        {"exp(-x)*log(1 + x^2)", {"0", "inf"}, 0.68675592311285406566506601},
        {"1/(1 + x^2 + x^4)", {"-inf", "inf"}, 1.8137993642342178505940783},
        {"atan(x)/(x*(1 + x^2))", {"0", "inf"}, 1.0887930451518010652503444},
        {"sqrt(1 + x^3)", {"-1", "2"}, 4.0826185263905451134100229},
        {"x^x", {"0", "2"}, 2.8338767452468656667160944},
        {"cos(x^2)*exp(x)", {"-1", "3"}, 1.9890484075136092946102587},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const fani_estimate e =
            integrate(&fani_method_auto_1d, known[i].text, &known[i].range, 1, 1e-12);
        EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
        EXPECT_NEAR(e.value[0], known[i].value, 1e-12 * fabs(known[i].value));
    }
}

/* PARI/GP 2.15, nested intnum. */
FAN_TEST(integrate_truths, values_of_several_variables_are_those_of_paris_intnum)
{
    static const struct {
        const char *text;
        bounds range[VARIABLES];
        size_t dimension;
        double value;
    } known[] = {
        {"exp(x*y)/(1 + x + y)", {{"0", "1"}, {"0", "2"}}, 2, 1.4187464184150612436233759},
        {"sqrt(1 + x*y)*cos(3*x + y)", {{"0", "1"}, {"0", "x"}}, 2, -0.2957277725843274382687030},
        {"1/(1 + x + y*z)", {{"0", "1"}, {"0", "1"}, {"0", "1"}}, 3, 0.59760952418772702316672845},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const fani_estimate e = integrate(&fani_method_auto_many, known[i].text, known[i].range,
                                          known[i].dimension, 1e-8);
        EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
        EXPECT_NEAR(e.value[0], known[i].value, 1e-8 * fabs(known[i].value));
    }
}

/* ---- Whatever the method --------------------------------------------------------------------- */

FAN_TEST(integrate_truths, boxes_add_up)
{
    static const fani_method *const methods[] = {&fani_method_auto_many, &fani_method_cubature,
                                                 &fani_method_cubature9, &fani_method_lattice,
                                                 &fani_method_vegas,     &fani_method_nested};
    static const char text[] = "exp(-x*y)/(1 + x + y + z)";
    static const bounds whole[] = {{"-0.3", "2"}, {"0", "1.5"}, {"0", "1"}};
    static const bounds low[] = {{"-0.3", "0.7"}, {"0", "1.5"}, {"0", "1"}};
    static const bounds high[] = {{"0.7", "2"}, {"0", "1.5"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        const double rel = methods[i] == &fani_method_vegas ? 1e-3 : 1e-7;
        const fani_estimate a = integrate(methods[i], text, whole, 3, rel);
        const fani_estimate b = integrate(methods[i], text, low, 3, rel);
        const fani_estimate c = integrate(methods[i], text, high, 3, rel);
        EXPECT_I64(a.verdict, FANI_VERDICT_REACHED);
        EXPECT_NEAR(b.value[0] + c.value[0], a.value[0],
                    2 * (a.error[0] + b.error[0] + c.error[0]) + 1e-15);
        EXPECT_TRUE(b.value[0] > 0.1 * a.value[0] && c.value[0] > 0.1 * a.value[0]);
    }
}

/* Tails that swing without changing their sign, at other frequencies and scales each: by integral
 * tables. */
FAN_TEST(integrate_truths, tails_that_swing)
{
    enum { CASES = 60 };
    static const bounds half = {"0", "inf"}, whole = {"-inf", "inf"};
    for (unsigned i = 0; i < CASES; i++) {
        const double w = 0.05 * pow(600, fmod(0.6180339887498949 * (i + 1), 1));
        const double a = 0.2 * pow(15, fmod(0.7548776662466927 * (i + 1), 1));
        const double decay = exp(-2 * a * w);
        const double exact[] = {M_PI / (4 * a) * (1 - decay), M_PI / (2 * a) * (1 + decay),
                                M_PI * w / 2, M_PI * w / 4, sqrt(M_PI * w)};
        char text[5][96];
        snprintf(text[0], sizeof text[0], "sin(%.17g*x)^2/(x^2 + %.17g)", w, a * a);
        snprintf(text[1], sizeof text[1], "cos(%.17g*x)^2/(x^2 + %.17g)", w, a * a);
        snprintf(text[2], sizeof text[2], "(1 - cos(%.17g*x))/x^2", w);
        snprintf(text[3], sizeof text[3], "sin(%.17g*x)^4/x^2", w);
        snprintf(text[4], sizeof text[4], "sin(%.17g*x)^2*x^(-1.5)", w);
        for (unsigned k = i % 5; k < 5; k += 5) {
            const fani_estimate e =
                integrate(&fani_method_auto_1d, text[k], k == 1 ? &whole : &half, 1, 1e-9);
            if (e.verdict != FANI_VERDICT_REACHED || fabs(e.value[0] - exact[k]) > 1e-9 * exact[k])
                shim_fail(__FILE__, __LINE__, "%s: %.17g +- %g, %.17g right", text[k], e.value[0],
                          e.error[0], exact[k]);
            EXPECT_CONTAINS(e.chosen, "whole periods");
        }
    }
}

/* Nor is what has no value given one, nor a rest claimed that no extrapolation of periods finds. */
FAN_TEST(integrate_truths, swings_without_a_value_or_a_period_are_not_claimed)
{
    static const bounds half = {"0", "inf"};
    static const char *const texts[] = {"sin(x)^2", "sin(x)^2/x^0.9",
                                        "sin(x)^2*cos(sqrt(2)*x)^2/(1 + x^2)",
                                        "sin(x^2)^2/(1 + x^2)"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        EXPECT_TRUE(integrate(&fani_method_auto_1d, texts[i], &half, 1, 1e-9).verdict !=
                    FANI_VERDICT_REACHED);
}

/* Stairs anywhere: constants between steps leave the rules nothing to differ in but rounding, and a
 * step behind the outermost node shows at a probe alone. */
FAN_TEST(integrate_truths, no_step_hides_behind_the_nodes)
{
    enum { PLACES = 400, STEPS = 11 };
    unsigned reached = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        char text[64];
        const double shift = fmod(0.6180339887498949 * i, 1);
        double exact = 0; /* floor(11 x + shift): the steps' distances from 1 */
        snprintf(text, sizeof text, "floor(%d*x + %.17g)", STEPS, shift);
        for (unsigned k = 1; k <= STEPS; k++)
            exact += 1 - (k - shift) / STEPS;
        const bounds range = {"0", "1"};
        const fani_estimate e = integrate(&fani_method_auto_1d, text, &range, 1, 1e-10);
        reached += e.verdict == FANI_VERDICT_REACHED;
        if (e.verdict == FANI_VERDICT_REACHED && fabs(e.value[0] - exact) > 1e-9 * exact)
            shim_fail(__FILE__, __LINE__, "%s: %.17g claimed, %.17g right", text, e.value[0],
                      exact);
    }
    EXPECT_TRUE(reached >= PLACES * 95 / 100);
}
