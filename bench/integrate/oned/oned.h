/* One-dimensional integration beside its peers. */
#ifndef BENCH_INTEGRATE_ONED_H
#define BENCH_INTEGRATE_ONED_H

#include "harness.h"
#include "kernel/integrate/integrand.h"
#include "kernel/integrate/methods_1d.h"
#include "problems.h"

/* What one method says of one problem. */
typedef struct oned_answer {
    double value, error;
    uint64_t evaluations;
    bool claims; /* error within what is allowed */
} oned_answer;

/* A peer's integral of a function over a range, to `rel` alone. */
typedef double oned_function(double x, void *context);
typedef struct oned_peer {
    const char *name;
    void (*integrate)(oned_function *function, void *context, double from, double to, double rel,
                      oned_answer *answer);
} oned_peer;

/* Ended by a name that is NULL; GSL's where it is installed. */
extern const oned_peer oned_peers[];

/* Solved, reached and lies over the problems of a file. */
void oned_set(const char *path, const bench_options *options);

/* Prints what each method says of each problem: name, method, value, error, the exact value, what
 * is allowed, evaluations, whether it is claimed, nanoseconds; tab-separated, names of columns
 * first. */
void oned_each(const char *path);

/* The time of an integral of a parameter scan. */
void oned_scan(const bench_options *options);

/* The time of single easy integrals. */
void oned_easy(const bench_options *options);

#endif
