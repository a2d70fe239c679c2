/* Integration when memory runs out: each allocation fails in turn, and each time it says so, leaves
 * the results alone and keeps nothing; the next call works. The sanitizers' build sees what is
 * lost.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "fanfold/integrate.h"
#include "kernel/integrate/integrand.h"
#include "kernel/integrate/methods_1d.h"
#include "kernel/integrate/methods_many.h"
#include "shim/shim.h"

static const char *const names[] = {"x", "y", "z"};

typedef struct problem {
    const fani_method *method;
    const char *text;
    size_t dimension;
    double to;
    fani_weight weight;
    const char *upper; /* of the last variable: an expression of the earlier ones, or NULL */
    uint64_t least;    /* allocations that it takes at least */
} problem;

/* Between them: cuts, extrapolation, singular points inside, tails cut at zeros, a second method,
 * several values at a point (more than fit on the stack), bounds that depend on a variable, and a
 * choice among methods. */
static const problem problems[] = {
    {&fani_method_gauss_kronrod, "log(x)/sqrt(x)", 1, 1, FANI_WEIGHT_NONE, NULL, 8},
    {&fani_method_gauss_kronrod, "sin(x)/x, cos(x)/(1 + x^2), exp(-x)", 1, 2, FANI_WEIGHT_NONE,
     NULL, 3},
    {&fani_method_auto_1d, "abs(x - 0.3)^(-0.5)", 1, 1, FANI_WEIGHT_NONE, NULL, 10},
    {&fani_method_auto_1d, "sin(x)/x", 1, INFINITY, FANI_WEIGHT_NONE, NULL, 8},
    {&fani_method_auto_1d, "sin(x)^2/x^2", 1, INFINITY, FANI_WEIGHT_NONE, NULL, 8},
    {&fani_method_auto_1d, "x^(-0.9995)", 1, 1, FANI_WEIGHT_NONE, NULL, 10},
    {&fani_method_tanh_sinh, "sqrt(x)", 1, 1, FANI_WEIGHT_NONE, NULL, 2},
    {&fani_method_filon, "exp(-x)/sqrt(x)", 1, INFINITY, FANI_WEIGHT_COS, NULL, 3},
    {&fani_method_cubature, "exp(-x*y*z)/(0.1 + x)", 3, 1, FANI_WEIGHT_NONE, NULL, 4},
    {&fani_method_cubature9, "exp(-x*y*z)/(0.1 + x)", 3, 1, FANI_WEIGHT_NONE, NULL, 4},
    {&fani_method_vegas, "exp(-x*y*z)/(0.1 + x)", 3, 1, FANI_WEIGHT_NONE, NULL, 3},
    {&fani_method_lattice, "exp(-x*y*z)/(0.1 + x)", 3, 1, FANI_WEIGHT_NONE, NULL, 2},
    {&fani_method_product, "exp(-x)*y*sin(z)", 3, 1, FANI_WEIGHT_NONE, NULL, 2},
    {&fani_method_nested, "sqrt(x + y)", 2, 1, FANI_WEIGHT_NONE, "1 - x", 3},
    {&fani_method_auto_many, "x < y*z ? exp(x) : 0", 3, 1, FANI_WEIGHT_NONE, NULL, 6},
    {&fani_method_auto_many, "sqrt(x)*y, x + y", 2, 1, FANI_WEIGHT_NONE, NULL, 4},
};
enum { PROBLEMS = sizeof problems / sizeof *problems };

typedef struct setting {
    const problem *p;
    fan_expression *expression, *upper;
    fani_integrand_source source;
    fani_integrand f;
    fani_domain domain;
    fani_goal goal;
} setting;

static fan_expression *parse(const char *text, size_t dimension)
{
    const fan_expression_names all = {.variables = names, .variable_count = dimension};
    fan_expression *e = NULL;
    fan_error error;
    if (fan_expression_parse(text, strlen(text), &all, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    return e;
}

static void set_up(setting *s, const problem *p)
{
    *s = (setting){.p = p, .goal = {.rel = 1e-7, .evaluations_max = 60000, .seed = 1}};
    s->expression = parse(p->text, p->dimension);
    s->source = (fani_integrand_source){.expression = s->expression,
                                        .dimension = p->dimension,
                                        .components = fan_expression_outputs(s->expression)};
    s->domain = (fani_domain){
        .dimension = p->dimension, .weight = p->weight, .frequency = p->weight ? 3.5 : 0};
    for (size_t k = 0; k < p->dimension; k++)
        s->domain.to[k].value = p->to;
    if (p->upper)
        s->domain.to[p->dimension - 1].expression = s->upper = parse(p->upper, p->dimension - 1);
    EXPECT_I64(fani_integrand_make(&s->source, &s->f, NULL), FAN_OK);
}

static void tear_down(setting *s)
{
    fan_expression_free(s->expression);
    fan_expression_free(s->upper);
}

static void expect_refusal(const problem *p, fan_status status, bool failed, uint64_t good)
{
    if (status != (failed ? FAN_E_MEMORY : FAN_OK))
        shim_fail(__FILE__, __LINE__, "%s, %s: status %d where allocation %llu fails",
                  p->method->name, p->text, (int)status, (unsigned long long)good);
}

FAN_TEST(integrate_memory, each_method_says_so)
{
    for (size_t i = 0; i < PROBLEMS; i++) {
        setting s;
        fani_estimate right;
        fani_estimate e = {.value = {NAN}};
        bool failed = true;
        uint64_t good = 0;
        set_up(&s, &problems[i]);
        memset(&right, 0, sizeof right);
        EXPECT_I64(
            fani_integrate_rounds(problems[i].method, &s.f, &s.domain, &s.goal, &right, NULL),
            FAN_OK);
        for (; failed && !shim_failed(); good += 1 + good / 20) {
            e.value[0] = e.error[0] = NAN;
            failing_after(good);
            const fan_status status =
                fani_integrate_rounds(problems[i].method, &s.f, &s.domain, &s.goal, &e, NULL);
            failed = failing_end();
            expect_refusal(&problems[i], status, failed, good);
            EXPECT_TRUE(failed == isnan(e.value[0]) && failed == isnan(e.error[0]));
        }
        EXPECT_TRUE(e.value[0] == right.value[0] && e.evaluations == right.evaluations);
        if (good <= problems[i].least)
            shim_fail(__FILE__, __LINE__, "%s, %s: %llu allocations", problems[i].method->name,
                      problems[i].text, (unsigned long long)good);
        tear_down(&s);
    }
}

/* A state as bytes, and back: the state that could not be saved is one that still can. */
FAN_TEST(integrate_memory, states_are_saved_and_loaded)
{
    for (size_t i = 0; i < PROBLEMS; i++) {
        const fani_method *m = problems[i].method;
        setting s;
        void *state = NULL, *loaded = NULL;
        unsigned char *bytes = NULL;
        size_t size = 0;
        bool failed = true;
        set_up(&s, &problems[i]);
        ASSERT_I64(fani_rounds_run(m, &s.f, &s.domain, &s.goal, &state, NULL), FAN_OK);
        for (uint64_t good = 0; failed && !shim_failed(); good++) {
            free(bytes);
            bytes = NULL;
            size = 0;
            failing_after(good);
            const fan_status status = m->save(state, &bytes, &size);
            failed = failing_end();
            expect_refusal(&problems[i], status, failed, good);
        }
        EXPECT_TRUE(size > 0);
        failed = true;
        for (uint64_t good = 0; failed && !shim_failed(); good++) {
            failing_after(good);
            const fan_status status = m->load(&s.f, &s.domain, &s.goal, bytes, size, &loaded);
            failed = failing_end();
            expect_refusal(&problems[i], status, failed, good);
            EXPECT_TRUE(!failed || loaded == NULL);
        }
        m->close(loaded);
        m->close(state);
        free(bytes);
        tear_down(&s);
    }
}

/* A scan: its middle rows, blocks, and rows that are done alone. */
FAN_TEST(integrate_memory, scans_say_so)
{
    enum { ROWS = 2 * FAN_SCAN_BLOCK };
    static const char text[] = "exp(-y*x^2)*cos(3*x)/abs(x - 1)^(y > 1.4 ? 0.4 : 0)";
    fan_expression *e = parse(text, 2);
    const fan_range range = {0, 3};
    const fan_integral integral = {.expression = e, .dimension = 1, .ranges = &range};
    const fan_goal goal = {.rel = 1e-6, .evaluations_max = 20000};
    double parameters[ROWS];
    fan_scan_row rows[ROWS];
    bool failed = true;
    uint64_t good = 0;
    for (size_t i = 0; i < ROWS; i++)
        parameters[i] = 0.5 + 0.008 * (double)i;
    for (; failed && !shim_failed(); good += 1 + good / 20) {
        failing_after(good);
        const fan_status status = fan_integrate_scan(
            &integral, &goal, (const double *const[]){parameters}, 1, ROWS, rows, NULL);
        failed = failing_end();
        EXPECT_TRUE(failed ? status == FAN_E_MEMORY : status == FAN_OK || status == FAN_E_EFFORT);
    }
    EXPECT_TRUE(good > 20);
    fan_expression_free(e);
}

/* By what programs call: parsing, a grid, an integral to a tolerance. */
FAN_TEST(integrate_memory, public_calls_say_so)
{
    static const char text[] = "x < 0.3 ? exp(x*y) : sin(x)/sqrt(x + y), x*y";
    const fan_expression_names both = {.variables = names, .variable_count = 2};
    const fan_range ranges[] = {{0, 1}, {0, 2}};
    bool failed = true;
    uint64_t good = 0;
    for (; failed && !shim_failed(); good++) {
        fan_expression *e = NULL;
        fan_integral_result grid;
        fan_estimate estimate;
        failing_after(good);
        fan_status status = fan_expression_parse(text, sizeof text - 1, &both, &e, NULL);
        const fan_integral integral = {.expression = e,
                                       .dimension = 2,
                                       .ranges = ranges,
                                       .points = 200,
                                       .rule = FAN_RULE_GAUSS};
        if (status == FAN_OK)
            status = fan_integrate(&integral, &grid, NULL);
        if (status == FAN_OK)
            status = fan_integrate_to(&integral, &(fan_goal){.rel = 1e-4}, &estimate, NULL);
        failed = failing_end();
        EXPECT_I64(status, failed ? FAN_E_MEMORY : FAN_OK);
        fan_expression_free(e);
    }
    EXPECT_TRUE(good > 10);
}
