/* Items of known durations: skewed as users' items are, and the same on every run and machine. */
#ifndef SCALE_WORKLOAD_H
#define SCALE_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

typedef enum scale_law {
    SCALE_CONSTANT,
    SCALE_UNIFORM, /* 0 .. twice the mean */
    SCALE_EXPONENTIAL,
    SCALE_LOGNORMAL, /* shape: sigma of the logarithm */
    SCALE_PARETO,    /* shape: the tail's exponent, above 1 */
    SCALE_LAWS,
} scale_law;

typedef struct scale_workload {
    scale_law law;
    double mean_ns;
    double shape; /* 0: the law's default (lognormal 1.5, Pareto 2) */
    uint64_t seed;
    uint64_t count;
    const double *given; /* `count` durations in ns in place of all that, borrowed; or NULL */
} scale_workload;

/* "constant" and so on. */
const char *scale_law_name(scale_law law);

/* Reads NAME or NAME:SHAPE. False: no such law, or a shape out of its range (above 0, at most 10;
 * Pareto above 1). */
bool scale_law_read(const char *text, scale_law *law, double *shape);

/* How long item `index` takes, in ns. Any index, in any order: counter-based. Any thread. */
double scale_duration(const scale_workload *work, uint64_t index);

#endif
