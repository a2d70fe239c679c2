/* Problems with known values, from problems_1d.txt. */
#ifndef BENCH_INTEGRATE_PROBLEMS_H
#define BENCH_INTEGRATE_PROBLEMS_H

#include <stddef.h>

enum { PROBLEM_FIELDS = 9, PROBLEMS_MAX = 1000 };

typedef struct problem {
    char *line; /* which the texts are parts of */
    const char *name, *family, *expression, *source;
    double from, to, exact;
} problem;

/* Reads all problems of a file into problems[0..PROBLEMS_MAX-1]; returns how many. A file that
 * can't be read or is malformed gives 0 and a line on stderr. */
size_t problems_read(const char *path, problem *problems);
void problems_free(problem *problems, size_t count);

#endif
