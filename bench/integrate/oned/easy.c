/* Single easy integrals of functions in C: what the machinery costs. */
#include <math.h>

#include "oned.h"

static double smooth(double x, void *context)
{
    (void)context;
    return exp(-x * x) * cos(3 * x);
}

static double plain(double x, void *context)
{
    (void)context;
    return exp(x);
}

static double rational(double x, void *context)
{
    (void)context;
    return 1 / (1 + x * x);
}

static double root(double x, void *context)
{
    (void)context;
    return log(x) / sqrt(x);
}

static const struct {
    const char *name;
    oned_function *function;
    double from, to;
} cases[] = {
    {"exp(x), 0 to 1", plain, 0, 1},
    {"1/(1 + x^2), 0 to 2", rational, 0, 2},
    {"exp(-x^2) cos(3 x), 0 to 3", smooth, 0, 3},
    {"log(x)/sqrt(x), 0 to 1", root, 0, 1},
};
enum { CASES = sizeof cases / sizeof *cases };

static double scalar(void *context, const double *point)
{
    return cases[*(const size_t *)context].function(point[0], NULL);
}

static fan_status batch(void *context, const double *const *points, size_t count,
                        double *const *values)
{
    oned_function *function = cases[*(const size_t *)context].function;
    for (size_t i = 0; i < count; i++)
        values[0][i] = function(points[0][i], NULL);
    return FAN_OK;
}

typedef struct timed {
    double ns;
    oned_answer answer;
} timed;

static timed ours(size_t number, bool batched, unsigned turns)
{
    const fani_integrand_source source = {.scalar = batched ? NULL : scalar,
                                          .batch = batched ? batch : NULL,
                                          .context = &number,
                                          .dimension = 1,
                                          .components = 1};
    const fani_goal goal = {.rel = 1e-10, .evaluations_max = 100000, .seed = 1};
    fani_domain domain = {.dimension = 1};
    timed t = {0};
    domain.from[0].value = cases[number].from;
    domain.to[0].value = cases[number].to;
    const double before = bench_thread_ns();
    for (unsigned i = 0; i < turns; i++) {
        fani_integrand f;
        fani_estimate e;
        fan_error error;
        if (fani_integrand_make(&source, &f, &error) != FAN_OK ||
            fani_integrate_rounds(&fani_method_auto_1d, &f, &domain, &goal, &e, &error) != FAN_OK)
            bench_fail("%s", error.text);
        t.answer.value = e.value[0];
        t.answer.evaluations = e.evaluations;
    }
    t.ns = (bench_thread_ns() - before) / turns;
    return t;
}

static timed theirs(size_t number, unsigned turns)
{
    timed t = {0};
    const double before = bench_thread_ns();
    for (unsigned i = 0; i < turns; i++)
        oned_peers[0].integrate(cases[number].function, NULL, cases[number].from, cases[number].to,
                                1e-10, &t.answer);
    t.ns = (bench_thread_ns() - before) / turns;
    return t;
}

static void one_case(bench_table *table, size_t number, const bench_options *options)
{
    const unsigned turns = options->quick ? 10 : 4000;
    const unsigned repetitions = options->quick ? 1 : 9;
    double ns[3][9] = {{0}};
    timed last[3] = {{0}};
    for (unsigned r = 0; r < repetitions; r++) {
        last[0] = ours(number, false, turns);
        last[1] = ours(number, true, turns);
        if (oned_peers[0].name)
            last[2] = theirs(number, turns);
        for (int k = 0; k < 3; k++)
            ns[k][r] = last[k].ns;
    }
    if (oned_peers[0].name &&
        fabs(last[0].answer.value - last[2].answer.value) > 1e-9 * fabs(last[2].answer.value))
        bench_fail("%s: other values", cases[number].name);
    const double one = bench_median(ns[0], repetitions);
    const double many = bench_median(ns[1], repetitions);
    const double gsl = bench_median(ns[2], repetitions);
    bench_table_row(table, "%s\t%llu\t%.0f\t%.0f\t%llu\t%.0f\t%.2f\t%.2f", cases[number].name,
                    (unsigned long long)last[0].answer.evaluations, one, many,
                    (unsigned long long)last[2].answer.evaluations, gsl, one / gsl, many / gsl);
}

void oned_easy(const bench_options *options)
{
    bench_table *table = bench_table_new("easy", 1,
                                         "integrand in C\tevaluations\tscalar ns\tbatch ns\tqags "
                                         "evaluations\tqags ns\tscalar / qags\tbatch / qags");
    for (size_t i = 0; i < CASES; i++)
        one_case(table, i, options);
    bench_table_print(table, options);
}
