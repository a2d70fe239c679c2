/* Integrals over several dimensions beside hcubature and GSL's Monte Carlo. */
#ifndef BENCH_INTEGRATE_MANY_H
#define BENCH_INTEGRATE_MANY_H

#include "harness.h"
#include "problems.h"

typedef struct many_answer {
    double value, error;
    uint64_t evaluations;
} many_answer;

/* A function in C of one point, as peers take it, and of many, as methods do. */
typedef struct many_function {
    double (*scalar)(const double *point, size_t dimension);
    fan_integrand_batch *batch; /* context: the dimension, a size_t */
    size_t dimension;
} many_function;

/* hcubature: of a problem of the set, by its interface for many points, so that it pays for an
 * expression what methods pay; and of a function over the unit cube. False: not installed. */
bool many_hcubature_problem(const many_problem *p, double rel, uint64_t evaluations_max,
                            many_answer *answer);
bool many_hcubature(const many_function *f, double rel, many_answer *answer);

/* GSL's VEGAS and MISER over the unit cube. */
bool many_gsl(const many_function *f, bool miser, uint64_t evaluations, many_answer *answer);

/* The problems of a file: a table of methods, or what auto and hcubature say of each. */
void many_set(const char *path, const bench_options *options);
void many_each(const char *path);
void many_rates(const bench_options *options);

#endif
