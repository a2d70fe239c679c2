/* Single easy integrals by the call of programs: what the machinery costs beside qags'. */
#include <math.h>
#include <string.h>

#include "oned.h"

/* The same function as each of the two libraries takes it, many points at once, and as a text. */
#define FUNCTION(name, value)                                                                      \
    static double name(double x, void *context)                                                    \
    {                                                                                              \
        (void)context;                                                                             \
        return value;                                                                              \
    }                                                                                              \
    static double name##_at(void *context, const double *point)                                    \
    {                                                                                              \
        const double x = point[0];                                                                 \
        (void)context;                                                                             \
        return value;                                                                              \
    }                                                                                              \
    static fan_status name##_batch(void *context, const double *const *points, size_t count,       \
                                   double *const *values)                                          \
    {                                                                                              \
        (void)context;                                                                             \
        for (size_t i = 0; i < count; i++) {                                                       \
            const double x = points[0][i];                                                         \
            values[0][i] = value;                                                                  \
        }                                                                                          \
        return FAN_OK;                                                                             \
    }

FUNCTION(growth, exp(x))
FUNCTION(bell, exp(-x *x))
FUNCTION(wave, sin(x))
FUNCTION(rational, 1 / (1 + x * x))
FUNCTION(smooth, exp(-x *x) * cos(3 * x))
FUNCTION(root, sqrt(x))
FUNCTION(singular, log(x) / sqrt(x))

#define FORMS(name) name, name##_at, name##_batch

static const struct {
    const char *text;
    oned_function *function;
    fan_integrand_scalar *scalar;
    fan_integrand_batch *batch;
    double from, to;
} cases[] = {
    {"exp(x)", FORMS(growth), 0, 1},
    {"exp(-x^2)", FORMS(bell), 0, 1},
    {"sin(x)", FORMS(wave), 0, 3},
    {"1/(1+x^2)", FORMS(rational), 0, 2},
    {"exp(-x^2)*cos(3*x)", FORMS(smooth), 0, 3},
    {"sqrt(x)", FORMS(root), 0, 1},
    {"log(x)/sqrt(x)", FORMS(singular), 0, 1},
};
enum { CASES = sizeof cases / sizeof *cases, REPETITIONS = 9 };

typedef enum integrand_form { SCALAR, BATCH, TEXT, FORM_COUNT } integrand_form;

typedef struct timed {
    double ns;
    oned_answer answer;
} timed;

static fan_integral integral_of(size_t number, integrand_form form, const fan_range *range,
                                const fan_expression *expression)
{
    return (fan_integral){.expression = form == TEXT ? expression : NULL,
                          .scalar = form == SCALAR ? cases[number].scalar : NULL,
                          .batch = form == BATCH ? cases[number].batch : NULL,
                          .components = 1,
                          .dimension = 1,
                          .ranges = range};
}

static timed ours(size_t number, integrand_form form, const fan_expression *expression,
                  unsigned turns)
{
    const fan_range range = {cases[number].from, cases[number].to};
    const fan_integral integral = integral_of(number, form, &range, expression);
    const fan_goal goal = {.rel = 1e-10, .seed = 1};
    timed t = {0};
    fan_estimate e;
    fan_error error;
    const double before = bench_thread_ns();
    for (unsigned i = 0; i < turns; i++)
        if (fan_integrate_to(&integral, &goal, &e, &error) != FAN_OK)
            bench_fail("%s: %s", cases[number].text, error.text);
    t.ns = (bench_thread_ns() - before) / turns;
    t.answer.value = e.value[0];
    t.answer.evaluations = e.evaluations;
    return t;
}

static timed theirs(size_t number, unsigned turns)
{
    timed t = {0};
    const double before = bench_thread_ns();
    for (unsigned i = 0; i < turns; i++)
        oned_qags(cases[number].function, NULL, cases[number].from, cases[number].to, 1e-10,
                  &t.answer);
    t.ns = (bench_thread_ns() - before) / turns;
    return t;
}

static void check(size_t number, const timed *own, const timed *peer)
{
    if (fabs(own->answer.value - peer->answer.value) > 1e-9 * fabs(peer->answer.value))
        bench_fail("%s: other values", cases[number].text);
}

static void one_case(bench_table *table, size_t number, const bench_options *options)
{
    const unsigned turns = options->quick ? 10 : 4000;
    const unsigned repetitions = options->quick ? 1 : REPETITIONS;
    double ns[FORM_COUNT][REPETITIONS] = {{0}};
    double peer[REPETITIONS] = {0};
    timed last[FORM_COUNT] = {{0}};
    timed other = {0};
    fan_expression *e;
    fan_error error;
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    if (fan_expression_parse(cases[number].text, strlen(cases[number].text), &names, &e, &error) !=
        FAN_OK)
        bench_fail("%s", error.text);
    for (unsigned r = 0; r < repetitions; r++) {
        for (integrand_form k = 0; k < FORM_COUNT; k++) {
            last[k] = ours(number, k, e, turns);
            ns[k][r] = last[k].ns;
        }
        if (oned_qags)
            other = theirs(number, turns);
        peer[r] = other.ns;
    }
    for (integrand_form k = 0; oned_qags && k < FORM_COUNT; k++)
        check(number, &last[k], &other);
    double median[FORM_COUNT];
    for (integrand_form k = 0; k < FORM_COUNT; k++)
        median[k] = bench_median(ns[k], repetitions);
    const double gsl = bench_median(peer, repetitions);
    bench_table_row(
        table, "%s, %g to %g\t%llu, %llu\t%llu\t%.0f\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f",
        cases[number].text, cases[number].from, cases[number].to,
        (unsigned long long)last[SCALAR].answer.evaluations,
        (unsigned long long)last[TEXT].answer.evaluations,
        (unsigned long long)other.answer.evaluations, median[SCALAR], median[BATCH], median[TEXT],
        gsl, median[SCALAR] / gsl, median[BATCH] / gsl, median[TEXT] / gsl);
    fan_expression_free(e);
}

void oned_easy(const bench_options *options)
{
    bench_table *table =
        bench_table_new("easy", 1,
                        "integral\tevaluations of C, text\tof qags\tscalar ns\tbatch ns\ttext "
                        "ns\tqags ns\tscalar / qags\tbatch / qags\ttext / qags");
    for (size_t i = 0; i < CASES; i++)
        one_case(table, i, options);
    bench_table_print(table, options);
}
