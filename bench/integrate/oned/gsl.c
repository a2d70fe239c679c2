/* GSL's integrators. */
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#include "oned.h"

enum { INTERVALS = 500, EVALUATIONS_MAX = 400000 };

typedef struct counted {
    oned_function *function;
    void *context;
    uint64_t evaluations;
} counted;

static double count(double x, void *context)
{
    counted *c = context;
    if (c->evaluations >= EVALUATIONS_MAX) /* 0 from here on brings any of them to an end */
        return 0;
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
    answer->claims = status == GSL_SUCCESS && c->evaluations < EVALUATIONS_MAX;
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

/* cquad does not come back from some integrands (x^-0.95): it gets half a second of CPU time. */
static sigjmp_buf out_of_time;

static void leave(int signal)
{
    (void)signal;
    siglongjmp(out_of_time, 1);
}

static void limit(long microseconds)
{
    const struct itimerval t = {.it_value = {.tv_usec = microseconds}};
    const struct sigaction action = {.sa_handler = leave};
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &t, NULL);
}

typedef struct cquad_call {
    gsl_integration_cquad_workspace *workspace;
    const gsl_function *f;
    double from, to, rel;
    double value, error;
} cquad_call;

static int call_cquad(cquad_call *call)
{
    size_t evaluations;
    if (sigsetjmp(out_of_time, 1) != 0)
        return GSL_EMAXITER;
    limit(500000);
    const int status =
        gsl_integration_cquad(call->f, call->from, call->to, 0, call->rel, call->workspace,
                              &call->value, &call->error, &evaluations);
    limit(0);
    return status;
}

static void by_cquad(oned_function *function, void *context, double from, double to, double rel,
                     oned_answer *answer)
{
    static gsl_integration_cquad_workspace *w;
    counted c = {function, context, 0};
    mapped m;
    if (!w) {
        gsl_set_error_handler_off();
        w = gsl_integration_cquad_workspace_alloc(500);
    }
    const gsl_function f = range(&m, &c, &from, &to);
    cquad_call call = {w, &f, from, to, rel, NAN, NAN};
    const int status = call_cquad(&call);
    done(&c, call.value, call.error, status, answer);
}

/* The function is called by qags itself; a count of calls beside it would be paid by qags alone. So
 * evaluations are those of as many panels of 21 points as there were intervals, cut one by one. */
static void plain_qags(oned_function *function, void *context, double from, double to, double rel,
                       oned_answer *answer)
{
    const gsl_function f = {function, context};
    gsl_integration_workspace *w = workspace();
    const int status =
        gsl_integration_qags(&f, from, to, 0, rel, INTERVALS, w, &answer->value, &answer->error);
    answer->evaluations = 21 * (2 * (uint64_t)w->size - 1);
    answer->claims = status == GSL_SUCCESS;
}

oned_plain *const oned_qags = plain_qags;

const oned_peer oned_peers[] = {
    {"GSL qags, qagi", by_qags},
    {"GSL qag 61", by_qag},
    {"GSL cquad", by_cquad},
    {NULL, NULL},
};
