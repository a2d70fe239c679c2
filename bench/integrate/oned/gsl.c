/* GSL's integrators. */
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>

#include "oned.h"

enum { INTERVALS = 500 };

typedef struct counted {
    oned_function *function;
    void *context;
    uint64_t evaluations;
} counted;

static double count(double x, void *context)
{
    counted *c = context;
    c->evaluations++;
    return c->function(x, c->context);
}

static gsl_integration_workspace *workspace(void)
{
    static gsl_integration_workspace *made;
    if (!made) {
        gsl_set_error_handler_off();
        made = gsl_integration_workspace_alloc(INTERVALS);
    }
    return made;
}

static void done(const counted *c, double value, double error, int status, oned_answer *answer)
{
    answer->value = value;
    answer->error = error;
    answer->evaluations = c->evaluations;
    answer->claims = status == GSL_SUCCESS;
}

/* qags, and qagi, qagiu, qagil for infinite ranges. */
static void by_qags(oned_function *function, void *context, double from, double to, double rel,
                    oned_answer *answer)
{
    counted c = {function, context, 0};
    gsl_function f = {count, &c};
    gsl_integration_workspace *w = workspace();
    double value = NAN;
    double error = NAN;
    int status;
    if (isinf(from) && isinf(to))
        status = gsl_integration_qagi(&f, 0, rel, INTERVALS, w, &value, &error);
    else if (isinf(to))
        status = gsl_integration_qagiu(&f, from, 0, rel, INTERVALS, w, &value, &error);
    else if (isinf(from))
        status = gsl_integration_qagil(&f, to, 0, rel, INTERVALS, w, &value, &error);
    else
        status = gsl_integration_qags(&f, from, to, 0, rel, INTERVALS, w, &value, &error);
    done(&c, value, error, status, answer);
}

/* The others have no infinite ranges: x = from + (1 - t) / t, as qagiu takes it. */
typedef struct mapped {
    counted *inner;
    double from, to;
} mapped;

static double map(double t, void *context)
{
    const mapped *m = context;
    const double u = (1 - t) / t;
    if (isinf(m->from) && isinf(m->to))
        return (count(u, m->inner) + count(-u, m->inner)) / (t * t);
    if (isinf(m->to))
        return count(m->from + u, m->inner) / (t * t);
    return count(m->to - u, m->inner) / (t * t);
}

static gsl_function range(mapped *m, counted *c, double *from, double *to)
{
    if (isfinite(*from) && isfinite(*to))
        return (gsl_function){count, c};
    *m = (mapped){c, *from, *to};
    *from = 0;
    *to = 1;
    return (gsl_function){map, m};
}

static void by_qag(oned_function *function, void *context, double from, double to, double rel,
                   oned_answer *answer)
{
    counted c = {function, context, 0};
    mapped m;
    gsl_function f = range(&m, &c, &from, &to);
    double value = NAN;
    double error = NAN;
    const int status = gsl_integration_qag(&f, from, to, 0, rel, INTERVALS, GSL_INTEG_GAUSS61,
                                           workspace(), &value, &error);
    done(&c, value, error, status, answer);
}

static void by_cquad(oned_function *function, void *context, double from, double to, double rel,
                     oned_answer *answer)
{
    static gsl_integration_cquad_workspace *w;
    counted c = {function, context, 0};
    mapped m;
    gsl_function f = range(&m, &c, &from, &to);
    double value = NAN;
    double error = NAN;
    size_t evaluations;
    if (!w) {
        gsl_set_error_handler_off();
        w = gsl_integration_cquad_workspace_alloc(500);
    }
    const int status = gsl_integration_cquad(&f, from, to, 0, rel, w, &value, &error, &evaluations);
    done(&c, value, error, status, answer);
}

const oned_peer oned_peers[] = {
    {"GSL qags, qagi", by_qags},
    {"GSL qag 61", by_qag},
    {"GSL cquad", by_cquad},
    {NULL, NULL},
};
