/* The problem set: how many are solved, how many claimed, how many claims are lies. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "oned.h"

static const double relative = 1e-10;
enum { BUDGET = 400000 };

typedef struct tally {
    size_t solved, half[2], reached, lies;
    uint64_t evaluations;
    double ns;
} tally;

static const fani_method *const methods[] = {&fani_method_auto_1d, &fani_method_gauss_kronrod,
                                             &fani_method_tanh_sinh};
enum { METHODS = sizeof methods / sizeof *methods };

static fan_expression *parse(const problem *p)
{
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    fan_expression *e;
    fan_error error;
    if (fan_expression_parse(p->expression, strlen(p->expression), &names, &e, &error) != FAN_OK)
        bench_fail("%s: %s", p->name, error.text);
    return e;
}

/* *absolute = the integral of |f| as the method sees it. */
static void ours(const fani_method *method, const problem *p, const fan_expression *e,
                 oned_answer *answer, double *absolute)
{
    const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
    const fani_goal goal = {.rel = relative, .evaluations_max = BUDGET, .seed = 1};
    fani_domain domain = {.dimension = 1};
    fani_integrand f;
    fani_estimate estimate;
    fan_error error;
    domain.from[0].value = p->from;
    domain.to[0].value = p->to;
    if (fani_integrand_make(&source, &f, &error) != FAN_OK ||
        fani_integrate_rounds(method, &f, &domain, &goal, &estimate, &error) != FAN_OK)
        bench_fail("%s: %s", p->name, error.text);
    answer->value = estimate.value[0];
    answer->error = estimate.error[0];
    answer->evaluations = estimate.evaluations;
    answer->claims = estimate.verdict == FANI_VERDICT_REACHED;
    *absolute = estimate.absolute;
}

static double at(double x, void *context)
{
    const double *points[1] = {&x};
    double value;
    fan_expression_evaluate(context, points, NULL, 1, &(double *){&value});
    return value;
}

static double allowed_of(const problem *p, double absolute)
{
    return fmax(relative * fabs(p->exact), isfinite(absolute) ? 50 * 0x1p-52 * absolute : 0);
}

static void judge(tally *t, const problem *p, size_t number, const oned_answer *a, double absolute,
                  double ns)
{
    const double allowed = allowed_of(p, absolute);
    const double off = fabs(a->value - p->exact);
    t->solved += off <= allowed;
    t->half[number % 2] += off <= allowed;
    t->reached += a->claims;
    t->lies += a->claims && !(off <= 10 * allowed);
    t->evaluations += a->evaluations;
    t->ns += ns;
}

static void row(bench_table *table, const char *name, const tally *t)
{
    bench_table_row(table, "%s\t%zu\t%zu + %zu\t%zu\t%zu\t%.0f\t%.2f", name, t->solved, t->half[0],
                    t->half[1], t->reached, t->lies, (double)t->evaluations / 1000, t->ns / 1e6);
}

/* Where answers go: tallies of a table, or lines. */
typedef struct taker {
    tally *own, *others; /* NULL: lines */
} taker;

static void take(const taker *t, tally *one, const char *method, const problem *p, size_t number,
                 const oned_answer *a, double absolute, double ns)
{
    if (t->own)
        judge(one, p, number, a, absolute, ns);
    else
        printf("%s\t%s\t%.17g\t%.3g\t%.17g\t%.3g\t%llu\t%d\t%.0f\n", p->name, method, a->value,
               a->error, p->exact, allowed_of(p, absolute), (unsigned long long)a->evaluations,
               a->claims, ns);
}

static void run(const problem *problems, size_t count, const taker *t)
{
    for (size_t i = 0; i < count; i++) {
        const problem *p = &problems[i];
        fan_expression *e = parse(p);
        double absolute = 0;
        double first = 0;
        oned_answer a;
        for (size_t m = 0; m < METHODS; m++) {
            const double before = bench_thread_ns();
            ours(methods[m], p, e, &a, &absolute);
            const double ns = bench_thread_ns() - before;
            first = m == 0 ? absolute : first;
            take(t, t->own ? &t->own[m] : NULL, methods[m]->name, p, i, &a, first, ns);
        }
        for (size_t k = 0; oned_peers[k].name; k++) {
            const double before = bench_thread_ns();
            oned_peers[k].integrate(at, e, p->from, p->to, relative, &a);
            const double ns = bench_thread_ns() - before;
            take(t, t->own ? &t->others[k] : NULL, oned_peers[k].name, p, i, &a, first, ns);
        }
        fan_expression_free(e);
    }
}

static size_t read_set(const char *path, problem *problems)
{
    const size_t count = problems_read(path, problems);
    if (count == 0)
        bench_fail("no problems");
    return count;
}

void oned_each(const char *path)
{
    static problem problems[PROBLEMS_MAX];
    const size_t count = read_set(path, problems);
    puts("problem\tmethod\tvalue\terror\texact\tallowed\tevaluations\tclaims\tns");
    run(problems, count, &(taker){NULL, NULL});
    problems_free(problems, count);
}

void oned_set(const char *path, const bench_options *options)
{
    static problem problems[PROBLEMS_MAX];
    const size_t count = read_set(path, problems);
    const size_t used = options->quick && count > 20 ? 20 : count;
    tally own[METHODS] = {0};
    tally others[8] = {0};
    char columns[160];
    run(problems, used, &(taker){own, others});
    snprintf(columns, sizeof columns,
             "method\tsolved of %zu\ttheir halves\treached\tlies\tevaluations, 1000\ttime ms",
             used);
    bench_table *table = bench_table_new("set", 1, columns);
    for (size_t m = 0; m < METHODS; m++)
        row(table, methods[m]->name, &own[m]);
    for (size_t k = 0; oned_peers[k].name; k++)
        row(table, oned_peers[k].name, &others[k]);
    bench_table_print(table, options);
    problems_free(problems, count);
}
