#include <cubature.h>

#include "many.h"

enum { POINTS = FANI_POINTS_MAX, DIMENSIONS = FAN_INTEGRAL_DIMENSION_MAX };

/* A problem, and how many points it was asked for. */
typedef struct asked {
    const many_problem *problem;
    uint64_t count;
} asked;

static int problem_values(unsigned dimension, size_t count, const double *points, void *user,
                          unsigned components, double *values)
{
    asked *a = user;
    const many_problem *p = a->problem;
    fani_bad_values bad = {.count = 0};
    (void)components;
    a->count += count;
    for (size_t at = 0; at < count; at += POINTS) {
        double columns[DIMENSIONS][POINTS];
        const double *u[DIMENSIONS];
        const size_t here = count - at < POINTS ? count - at : POINTS;
        double out[POINTS];
        for (size_t k = 0; k < dimension; k++) {
            for (size_t i = 0; i < here; i++)
                columns[k][i] = points[(at + i) * dimension + k];
            u[k] = columns[k];
        }
        if (fani_domain_evaluate(&p->f, &p->domain, u, here, &(double *){out}, &bad) != FAN_OK)
            return 1;
        for (size_t i = 0; i < here; i++)
            values[at + i] = out[i];
    }
    return 0;
}

static const double zeros[DIMENSIONS];
static const double ones[DIMENSIONS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

bool many_hcubature_problem(const many_problem *p, double rel, uint64_t evaluations_max,
                            many_answer *answer)
{
    asked a = {p, 0};
    const int status =
        hcubature_v(1, problem_values, &a, (unsigned)p->domain.dimension, zeros, ones,
                    evaluations_max, 0, rel, ERROR_INDIVIDUAL, &answer->value, &answer->error);
    answer->evaluations = a.count;
    return status == 0;
}

typedef struct counted {
    const many_function *f;
    uint64_t count;
} counted;

static int function_value(unsigned dimension, const double *point, void *user, unsigned components,
                          double *value)
{
    counted *c = user;
    (void)components;
    c->count++;
    *value = c->f->scalar(point, dimension);
    return 0;
}

bool many_hcubature(const many_function *f, double rel, many_answer *answer)
{
    counted c = {f, 0};
    const int status = hcubature(1, function_value, &c, (unsigned)f->dimension, zeros, ones, 0, 0,
                                 rel, ERROR_INDIVIDUAL, &answer->value, &answer->error);
    answer->evaluations = c.count;
    return status == 0;
}
