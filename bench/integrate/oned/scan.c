/* Parameter scans beside GSL's qags for each parameter. */
#include "kernel/integrate/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oned.h"

static const char text[] = "exp(-p*x^2)*cos(3*x)";

static double function(double x, void *context)
{
    return exp(-*(const double *)context * x * x) * cos(3 * x);
}

static double parameter(size_t i)
{
    return 0.5 + 1e-5 * (double)i;
}

static double ours(size_t n, double *values)
{
    const fan_expression_names names = {.variables = (const char *[]){"x", "p"},
                                        .variable_count = 2};
    fan_expression *e;
    fan_error error;
    fani_scan scan = {.columns = 1, .goal = {.rel = 1e-10, .evaluations_max = 100000, .seed = 1}};
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        bench_fail("%s", error.text);
    scan.expression = e;
    scan.domain.dimension = 1;
    scan.domain.to[0].value = 3;
    const double before = bench_thread_ns();
    for (size_t i = 0; i < n; i += FANI_SCAN_LANES) {
        fani_scan_row rows[FANI_SCAN_LANES];
        double p[FANI_SCAN_LANES];
        for (size_t j = 0; j < FANI_SCAN_LANES; j++)
            p[j] = parameter(i + j);
        if (fani_scan_block(&scan, (const double *[]){p}, FANI_SCAN_LANES, rows, &error) != FAN_OK)
            bench_fail("%s", error.text);
        for (size_t j = 0; j < FANI_SCAN_LANES; j++)
            values[i + j] = rows[j].value;
    }
    const double ns = (bench_thread_ns() - before) / (double)n;
    fan_expression_free(e);
    return ns;
}

static double theirs(size_t n, const double *values)
{
    const double before = bench_thread_ns();
    for (size_t i = 0; i < n; i++) {
        double p = parameter(i);
        oned_answer a;
        oned_qags(function, &p, 0, 3, 1e-10, &a);
        if (!(fabs(a.value - values[i]) <= 2e-10 * fabs(a.value)))
            bench_fail("at p = %.17g: %.17g, %.17g by its peer", p, values[i], a.value);
    }
    return (bench_thread_ns() - before) / (double)n;
}

void oned_scan(const bench_options *options)
{
    enum { MOST = 6400 };
    const size_t n = options->quick ? 128 : MOST;
    const unsigned repetitions = options->quick ? 1 : 9;
    double *values = bench_alloc(n, sizeof *values);
    double own[9];
    double peer[9] = {0};
    for (unsigned r = 0; r < repetitions; r++) {
        own[r] = ours(n, values);
        if (oned_qags)
            peer[r] = theirs(n, values);
    }
    bench_table *table = bench_table_new("scan", 1, "integrals of\tscan ns\tqags ns\tqags / scan");
    const double scan = bench_median(own, repetitions);
    const double gsl = bench_median(peer, repetitions);
    bench_table_row(table, "%s\t%.1f\t%.0f\t%.1f", text, scan, gsl, gsl / scan);
    bench_table_print(table, options);
    free(values);
}
