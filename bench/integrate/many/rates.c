/* Time to the same claim beside hcubature, and time a sample beside GSL, of functions in C: for the
 * methods in batches that a compiler may vectorize, for the peers point by point, as they ask. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel/integrate/methods_many.h"
#include "many.h"

/* 1 / (1 + sum a x)^2 and a bump of no product form, without calls that a compiler can't vectorize;
 * a Gaussian, with one. */
static double rational(const double *point, size_t dimension)
{
    double sum = 1;
    for (size_t k = 0; k < dimension; k++)
        sum += (1 + (double)k) * point[k] * point[k];
    return 1 / (sum * sum);
}

static double gaussian(const double *point, size_t dimension)
{
    double sum = 0;
    for (size_t k = 0; k < dimension; k++)
        sum += (point[k] - 0.3 - 0.05 * (double)k) * (point[k] - 0.3 - 0.05 * (double)k);
    return exp(-10 * sum);
}

static fan_status rational_batch(void *context, const double *const *points, size_t count,
                                 double *const *values)
{
    const size_t dimension = *(const size_t *)context;
    double *out = values[0];
    for (size_t i = 0; i < count; i++)
        out[i] = 1;
    for (size_t k = 0; k < dimension; k++) {
        const double *x = points[k];
        for (size_t i = 0; i < count; i++)
            out[i] += (1 + (double)k) * x[i] * x[i];
    }
    for (size_t i = 0; i < count; i++)
        out[i] = 1 / (out[i] * out[i]);
    return FAN_OK;
}

static fan_status gaussian_batch(void *context, const double *const *points, size_t count,
                                 double *const *values)
{
    const size_t dimension = *(const size_t *)context;
    double sums[FANI_POINTS_MAX] = {0};
    for (size_t k = 0; k < dimension; k++) {
        const double *x = points[k], middle = 0.3 + 0.05 * (double)k;
        for (size_t i = 0; i < count; i++)
            sums[i] += (x[i] - middle) * (x[i] - middle);
    }
    for (size_t i = 0; i < count; i++)
        values[0][i] = exp(-10 * sums[i]);
    return FAN_OK;
}

typedef struct row {
    const char *name;
    double (*scalar)(const double *, size_t);
    fan_integrand_batch *batch;
    size_t dimension;
    double rel;
    const char *text; /* of those whose samples are timed: the same as an expression */
} row;

static const row rows[] = {
    {"rational", rational, rational_batch, 2, 1e-9, NULL},
    {"gaussian", gaussian, gaussian_batch, 2, 1e-9, NULL},
    {"rational", rational, rational_batch, 3, 1e-7, NULL},
    {"rational", rational, rational_batch, 6, 1e-5, "1/(1+a^2+2*b^2+3*c^2+4*d^2+5*e1^2+6*f^2)^2"},
    {"gaussian", gaussian, gaussian_batch, 3, 1e-7, NULL},
    {"gaussian", gaussian, gaussian_batch, 5, 1e-5, NULL},
    {"gaussian", gaussian, gaussian_batch, 6, 1e-4,
     "exp(-10*((a-0.3)^2+(b-0.35)^2+(c-0.4)^2+(d-0.45)^2+(e1-0.5)^2+(f-0.55)^2))"},
    {"gaussian", gaussian, gaussian_batch, 8, 1e-3, NULL},
};
enum { ROWS = sizeof rows / sizeof rows[0], REPETITIONS = 9 };

/* In C, or by its text where that isn't NULL. */
static many_answer integrate(const fani_method *method, const row *r, const fan_expression *text,
                             double rel, uint64_t budget)
{
    size_t dimension = r->dimension;
    const fani_integrand_source source = {.expression = text,
                                          .batch = text ? NULL : r->batch,
                                          .context = &dimension,
                                          .dimension = dimension,
                                          .components = 1};
    const fani_goal goal = {.rel = rel, .evaluations_max = budget, .seed = 1};
    fani_domain domain = {.dimension = dimension};
    fani_integrand f;
    fani_estimate e;
    for (size_t k = 0; k < dimension; k++)
        domain.to[k].value = 1;
    if (fani_integrand_make(&source, &f, NULL) != FAN_OK ||
        fani_integrate_rounds(method, &f, &domain, &goal, &e, NULL) != FAN_OK)
        bench_fail("%s fails", method->name);
    return (many_answer){e.value[0], e.error[0], e.evaluations};
}

/* NULL: hcubature. */
static const fani_method *const methods[] = {NULL,
                                             &fani_method_cubature,
                                             &fani_method_cubature9,
                                             &fani_method_cubature11,
                                             &fani_method_cubature13,
                                             &fani_method_lattice};
enum { METHODS = sizeof methods / sizeof methods[0] };

static bool takes(const fani_method *method, size_t dimension)
{
    if (method == &fani_method_cubature9)
        return dimension > 2;
    if (method == &fani_method_cubature11)
        return dimension == 3;
    return method != &fani_method_cubature13 || dimension == 2;
}

static void claims(const bench_options *options)
{
    bench_table *table = bench_table_new(
        "time to the same claim", 2,
        "integrand\tby\tdimension\trel\t10^3 evaluations\tCPU ms\tns an evaluation\tratio");
    for (size_t i = 0; i < ROWS; i++) {
        const row *r = &rows[i];
        const many_function f = {r->scalar, r->batch, r->dimension};
        const double rel = options->quick ? 1e-2 : r->rel;
        double times[METHODS][REPETITIONS], peer = 0;
        many_answer answers[METHODS] = {0};
        bool there = true;
        for (int repetition = 0; repetition < REPETITIONS; repetition++) {
            for (int m = 0; m < METHODS; m++) {
                if (!takes(methods[m], r->dimension))
                    continue;
                const double before = bench_thread_ns();
                if (methods[m])
                    answers[m] = integrate(methods[m], r, NULL, rel, UINT64_MAX / 2);
                else
                    there = many_hcubature(&f, rel, &answers[m]);
                times[m][repetition] = bench_thread_ns() - before;
            }
        }
        for (int m = there ? 0 : 1; m < METHODS; m++) {
            if (!takes(methods[m], r->dimension))
                continue;
            const double ns = bench_median(times[m], REPETITIONS);
            peer = m == 0 ? ns : peer;
            bench_table_row(table, "%s\t%s\t%zu\t%.0e\t%.0f\t%.3f\t%.2f\t%.1f", r->name,
                            methods[m] ? methods[m]->name : "hcubature", r->dimension, rel,
                            (double)answers[m].evaluations / 1e3, ns / 1e6,
                            ns / (double)answers[m].evaluations, peer / ns);
        }
    }
    bench_table_print(table, options);
}

/* ---- Samples --------------------------------------------------------------------------------- */

enum { GSL_VEGAS, GSL_MISER, VEGAS, VEGAS_TEXT, LATTICE, LATTICE_TEXT, WAYS };
static const char *const ways[WAYS] = {"GSL vegas",         "GSL miser",  "vegas, C",
                                       "vegas, expression", "lattice, C", "lattice, expression"};

static fan_expression *parse(const char *text)
{
    static const char *const variables[] = {"a", "b", "c", "d", "e1", "f"};
    const fan_expression_names names = {.variables = variables, .variable_count = 6};
    fan_expression *made = NULL;
    if (fan_expression_parse(text, strlen(text), &names, &made, NULL) != FAN_OK)
        bench_fail("not an expression: %s", text);
    return made;
}

volatile double many_keep;

/* What a value costs alone, in ns: points as the way hands them over, in the cache. */
static double integrand_ns(const row *r, const fan_expression *text, int way)
{
    static double x[FAN_INTEGRAL_DIMENSION_MAX][FANI_POINTS_MAX], values[FANI_POINTS_MAX];
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double *out[1] = {values}, point[FAN_INTEGRAL_DIMENSION_MAX];
    size_t dimension = r->dimension;
    enum { BLOCKS = 200 };
    for (size_t k = 0; k < dimension; k++) {
        points[k] = x[k];
        for (size_t i = 0; i < FANI_POINTS_MAX; i++)
            x[k][i] = ((double)(i * (2 * k + 1) % FANI_POINTS_MAX) + 0.5) / FANI_POINTS_MAX;
    }
    const double before = bench_thread_ns();
    for (int block = 0; block < BLOCKS; block++) {
        if (way == VEGAS_TEXT || way == LATTICE_TEXT)
            fan_expression_evaluate(text, points, NULL, FANI_POINTS_MAX, out);
        else if (way == VEGAS || way == LATTICE)
            r->batch(&dimension, points, FANI_POINTS_MAX, out);
        for (size_t i = 0; way <= GSL_MISER && i < FANI_POINTS_MAX; i++) {
            for (size_t k = 0; k < dimension; k++)
                point[k] = x[k][i];
            values[i] = r->scalar(point, dimension);
        }
        many_keep = values[block];
    }
    return (bench_thread_ns() - before) / (BLOCKS * FANI_POINTS_MAX);
}

static void samples_of(const row *r, uint64_t budget, bench_table *table)
{
    const many_function f = {r->scalar, r->batch, r->dimension};
    fan_expression *text = parse(r->text);
    double times[WAYS][REPETITIONS], alone[WAYS][REPETITIONS];
    many_answer answers[WAYS] = {0};
    bool there = true;
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        for (int m = 0; m < WAYS; m++) {
            const fan_expression *e = m == VEGAS_TEXT || m == LATTICE_TEXT ? text : NULL;
            const double before = bench_thread_ns();
            if (m <= GSL_MISER)
                there = many_gsl(&f, m == GSL_MISER, budget, &answers[m]);
            else
                answers[m] = integrate(m <= VEGAS_TEXT ? &fani_method_vegas : &fani_method_lattice,
                                       r, e, 1e-300, budget);
            times[m][repetition] = (bench_thread_ns() - before) /
                                   (double)(there || m > GSL_MISER ? answers[m].evaluations : 1);
            alone[m][repetition] = integrand_ns(r, text, m);
        }
    }
    const double peer = bench_median(times[GSL_VEGAS], REPETITIONS);
    for (int m = there ? GSL_VEGAS : VEGAS; m < WAYS; m++) {
        const double ns = m == GSL_VEGAS ? peer : bench_median(times[m], REPETITIONS);
        bench_table_row(table, "%s\t%s\t%zu\t%.2f\t%.2f\t%.1e\t%.1f", r->name, ways[m],
                        r->dimension, ns, bench_median(alone[m], REPETITIONS),
                        answers[m].error / answers[m].value, there ? peer / ns : 0.0);
    }
    fan_expression_free(text);
}

static void samples(const bench_options *options)
{
    bench_table *table = bench_table_new(
        "time a sample", 2, "integrand\tby\tdimension\tns a sample\tintegrand alone\terror\tratio");
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].text)
            samples_of(&rows[i], options->quick ? 50000 : 4000000, table);
    }
    bench_table_print(table, options);
}

void many_rates(const bench_options *options)
{
    claims(options);
    samples(options);
}
