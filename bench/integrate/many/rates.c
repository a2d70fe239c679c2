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
} row;

static const row rows[] = {
    {"rational", rational, rational_batch, 2, 1e-9},
    {"gaussian", gaussian, gaussian_batch, 2, 1e-9},
    {"rational", rational, rational_batch, 3, 1e-7},
    {"rational", rational, rational_batch, 6, 1e-5},
    {"gaussian", gaussian, gaussian_batch, 3, 1e-7},
    {"gaussian", gaussian, gaussian_batch, 5, 1e-5},
    {"gaussian", gaussian, gaussian_batch, 6, 1e-4},
    {"gaussian", gaussian, gaussian_batch, 8, 1e-3},
};
enum { ROWS = sizeof rows / sizeof rows[0], REPETITIONS = 9 };

static many_answer integrate(const fani_method *method, const row *r, double rel, uint64_t budget)
{
    size_t dimension = r->dimension;
    const fani_integrand_source source = {
        .batch = r->batch, .context = &dimension, .dimension = dimension, .components = 1};
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
                    answers[m] = integrate(methods[m], r, rel, UINT64_MAX / 2);
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

static void samples(const bench_options *options)
{
    bench_table *table =
        bench_table_new("time a sample", 2, "integrand\tby\tdimension\tns a sample\terror\tratio");
    const uint64_t budget = options->quick ? 50000 : 4000000;
    for (size_t i = 3; i < ROWS; i += 3) {
        const row *r = &rows[i];
        const many_function f = {r->scalar, r->batch, r->dimension};
        double times[4][REPETITIONS];
        many_answer answers[4] = {0};
        bool there = true;
        static const char *const names[4] = {"GSL vegas", "GSL miser", "vegas", "lattice"};
        for (int repetition = 0; repetition < REPETITIONS; repetition++) {
            for (int m = 0; m < 4; m++) {
                const double before = bench_thread_ns();
                if (m < 2)
                    there = many_gsl(&f, m == 1, budget, &answers[m]);
                else
                    answers[m] = integrate(m == 2 ? &fani_method_vegas : &fani_method_lattice, r,
                                           1e-300, budget);
                times[m][repetition] = (bench_thread_ns() - before) /
                                       (double)(there || m >= 2 ? answers[m].evaluations : 1);
            }
        }
        const double peer = bench_median(times[0], REPETITIONS);
        for (int m = there ? 0 : 2; m < 4; m++) {
            const double ns = m == 0 ? peer : bench_median(times[m], REPETITIONS);
            bench_table_row(table, "%s\t%s\t%zu\t%.2f\t%.1e\t%.1f", r->name, names[m], r->dimension,
                            ns, answers[m].error / answers[m].value, there ? peer / ns : 0.0);
        }
    }
    bench_table_print(table, options);
}

void many_rates(const bench_options *options)
{
    claims(options);
    samples(options);
}
