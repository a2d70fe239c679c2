/* Integrals over several dimensions with known values, from problems_nd.tsv, ready for methods. */
#ifndef BENCH_INTEGRATE_MANY_PROBLEMS_H
#define BENCH_INTEGRATE_MANY_PROBLEMS_H

#include "kernel/integrate/domain.h"
#include "kernel/integrate/integrand.h"

typedef struct many_problem {
    char *line; /* which the texts are parts of */
    const char *name, *family, *ranges, *text;
    char half; /* 'a' or 'b': settings were chosen by looking at the a alone */
    double exact;
    fan_expression *expression;
    fani_integrand_source source;
    fani_integrand f;
    fani_domain domain;
} many_problem;

/* Reads all problems. A file that can't be read or is malformed gives 0 and a line on stderr.
 * *problems is the caller's, freed by many_problems_free. */
size_t many_problems_read(const char *path, many_problem **problems);
void many_problems_free(many_problem *problems, size_t count);

#endif
