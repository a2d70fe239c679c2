/* Integration until a tolerance is reached, for programs. */
#include <math.h>
#include <string.h>

#include "adaptive_method.h"
#include "base/error.h"
#include "integral.h"
#include "methods.h"
#include "methods_1d.h"

_Static_assert((int)FAN_INTEGRAL_WHY_SIZE == (int)FANI_CHOSEN_SIZE, "one text");
_Static_assert((int)FAN_VERDICT_REACHED + 1 == (int)FANI_VERDICT_REACHED &&
                   (int)FAN_VERDICT_NOT_FINITE + 1 == (int)FANI_VERDICT_NOT_FINITE,
               "public verdicts are those of methods but for the first");

const char *fan_verdict_name(fan_verdict verdict)
{
    return (unsigned)verdict <= FAN_VERDICT_NOT_FINITE
               ? fani_verdict_name((fani_verdict)(verdict + 1))
               : NULL;
}

typedef struct problem {
    const fan_integral *integral;
    const fan_goal *wanted;
    fan_integral known_integral;
    fan_goal known_goal;
    const fani_method *method;
    fani_goal goal;
    fani_domain domain;
    fani_integrand_source source;
    fani_integrand integrand;
    fan_expression *with_ends;
    fani_item_reply first; /* of the first panel; first_size 0: it was not asked for */
    size_t first_size;
} problem;

/* The order in which mistakes are told is that of the integral first, then the goal. */
static fan_status prepare(problem *p, fan_error *error)
{
    const char *method = p->wanted->method ? p->wanted->method : "auto";
    fani_integral_source(p->integral, &p->source);
    fan_status status = fani_integrand_make(&p->source, &p->integrand, error);
    if (status == FAN_OK)
        status = fani_integral_check_ranges(p->integral, error);
    if (status == FAN_OK)
        status = fani_goal_read(p->wanted, p->integral->dimension, &p->goal, error);
    if (status == FAN_OK)
        status = fani_method_find(method, p->integral->dimension, &p->method, error);
    if (status == FAN_OK)
        status = fani_integral_domain(p->integral, &p->domain, error);
    if (status == FAN_OK)
        status = fani_domain_break(p->wanted, &p->domain, error);
    if (status == FAN_OK && p->integral->expression)
        status = fani_integral_near_ends(p->integral, &p->domain, &p->source, &p->with_ends, error);
    p->integrand.wants_distances = p->with_ends != NULL;
    return status;
}

static void tell_method(const problem *p, const fani_estimate *e, fan_estimate *made)
{
    const bool is_auto = strcmp(p->method->name, "auto") == 0 && *e->chosen;
    const char *chosen = is_auto ? e->chosen : p->method->name;
    const char *why = fani_chosen_why(chosen);
    const size_t length = why ? (size_t)(why - chosen) - 2 : strlen(chosen);
    const size_t most = sizeof made->method - 1;
    memcpy(made->method, chosen, length < most ? length : most);
    if (why)
        memcpy(made->why, why, strlen(why));
}

/* `size` is that of *made: known to the compiler it would be cleared word by word. */
static void fill(const problem *p, const fani_estimate *e, fan_estimate *made, size_t size)
{
    const size_t components = p->integrand.components;
    memset(made, 0, size);
    made->verdict = (fan_verdict)(e->verdict - 1);
    made->evaluations = e->evaluations;
    made->not_finite = e->bad.count;
    made->components = components;
    if (e->bad.count > 0) {
        made->first_value = e->bad.first_value;
        memcpy(made->first_point, e->bad.first_point, p->integral->dimension * sizeof(double));
    }
    for (size_t c = 0; c < components; c++) {
        made->value[c] = e->value[c];
        made->error[c] = e->error[c];
    }
    tell_method(p, e, made);
}

static const char *reason(fan_verdict verdict)
{
    if (verdict == FAN_VERDICT_BUDGET)
        return "evaluations_max is used up";
    return verdict == FAN_VERDICT_ROUNDING ? "the method can't come closer in double precision"
                                           : "the integral seems to have no finite value";
}

static fan_status not_reached(const fan_estimate *made, fan_error *error)
{
    double largest = 0;
    for (size_t c = 0; c < made->components; c++)
        largest = made->error[c] <= largest ? largest : made->error[c];
    return fani_error_set(error, FAN_E_EFFORT,
                          "the tolerance was not reached: error %.2g after %llu evaluations by %s; "
                          "%s",
                          largest, (unsigned long long)made->evaluations, made->method,
                          reason(made->verdict));
}

/* What is to be said of an estimate besides its value. */
static fan_status judge(const problem *p, const fani_estimate *e, const fan_estimate *made,
                        fan_error *error)
{
    if (e->verdict == FANI_VERDICT_NOT_FINITE)
        return fani_integral_not_finite(p->integral, &e->bad, e->evaluations, error);
    if (e->verdict != FANI_VERDICT_REACHED)
        return not_reached(made, error);
    if (e->bad.count > 0)
        fani_integral_passed_over(p->integral, &e->bad, e->evaluations, error);
    return FAN_OK;
}

/* The integral of a problem that is prepared. */
static fan_status integrate(problem *p, fani_estimate *e, fan_error *error)
{
    if (p->first_size > 0)
        return fani_integrate_after(p->method, &p->integrand, &p->domain, &p->goal,
                                    (unsigned char *)&p->first, p->first_size, e, error);
    return fani_integrate_rounds(p->method, &p->integrand, &p->domain, &p->goal, e, error);
}

/* `size` is that of *estimate, and not below that of the structure. */
static fan_status solve(problem *p, fan_estimate *estimate, size_t size, fan_error *error)
{
    fani_estimate e;
    const fan_status status = integrate(p, &e, error);
    if (status != FAN_OK)
        return status;
    fill(p, &e, estimate, size);
    return judge(p, &e, estimate, error);
}

/* The same for a shorter structure. */
static fan_status solve_short(problem *p, fan_estimate *estimate, size_t size, fan_error *error)
{
    fan_estimate made = {0};
    memcpy(&made, estimate, size);
    const fan_status status = solve(p, &made, sizeof made, error);
    memcpy(estimate, &made, size);
    return status;
}

/* ---- A short way for easy integrals ---------------------------------------------------------- */

/* A function in C over a finite range by auto, and nothing besides. */
static bool is_plain(const fan_integral *i, const fan_goal *g)
{
    return i->dimension == 1 && !i->expression && i->components <= 1 && !i->bounds && i->ranges &&
           i->ranges->from < i->ranges->to && isfinite(i->ranges->to - i->ranges->from) &&
           !g->method && g->break_count == 0;
}

/* The first panel of a plain one: what the long way begins with, too. *done: there is no more to be
 * done, and *estimate is filled. */
static fan_status begin(problem *p, fan_estimate *estimate, size_t size, bool *done,
                        fan_error *error)
{
    const fan_range *range = p->integral->ranges;
    fani_integral_source(p->integral, &p->source);
    fan_status status = fani_integrand_make(&p->source, &p->integrand, error);
    if (status == FAN_OK)
        status = fani_goal_read(p->wanted, 1, &p->goal, error);
    if (status != FAN_OK)
        return status;
    status =
        fani_adaptive_first_panel(&p->integrand, range->from, range->to, &p->goal, &p->first, done);
    if (status != FAN_OK)
        return fani_error_set(error, status, "%s: the integrand failed (%s)",
                              fani_method_auto_1d.name, fan_status_name(status));
    p->first_size = fani_adaptive_reply_size(1);
    if (!*done)
        return FAN_OK;
    memset(estimate, 0, size);
    estimate->verdict = FAN_VERDICT_REACHED;
    estimate->evaluations = p->first.evaluations;
    estimate->components = 1;
    estimate->value[0] = p->first.values[0].value;
    estimate->error[0] = p->first.values[0].error;
    memcpy(estimate->method, "gauss-kronrod", sizeof "gauss-kronrod");
    return FAN_OK;
}

/* ---- The call -------------------------------------------------------------------------------- */

/* What is known of a description: the caller's, or a copy of a shorter one. */
static void describe(problem *p, const fan_integral *integral, size_t integral_size,
                     const fan_goal *goal, size_t goal_size)
{
    p->integral = integral;
    p->wanted = goal;
    p->with_ends = NULL;
    p->first_size = 0;
    if (integral_size < sizeof p->known_integral) {
        p->known_integral = (fan_integral){0};
        memcpy(&p->known_integral, integral, integral_size);
        p->integral = &p->known_integral;
    }
    if (!goal || goal_size < sizeof p->known_goal) {
        p->known_goal = (fan_goal){0};
        if (goal)
            memcpy(&p->known_goal, goal, goal_size);
        p->wanted = &p->known_goal;
    }
}

fan_status fan_integrate_to_sized(const fan_integral *integral, size_t integral_size,
                                  const fan_goal *goal, size_t goal_size, fan_estimate *estimate,
                                  size_t estimate_size, fan_error *error)
{
    problem p; /* large: no more of it is set than is used */
    bool done = false;
    fan_status status = FAN_OK;
    const bool is_short = estimate_size < sizeof *estimate;
    describe(&p, integral, integral_size, goal, goal_size);
    if (!is_short && is_plain(p.integral, p.wanted))
        status = begin(&p, estimate, estimate_size, &done, error);
    if (status != FAN_OK || done)
        return status;
    status = prepare(&p, error);
    if (status == FAN_OK)
        status = is_short ? solve_short(&p, estimate, estimate_size, error)
                          : solve(&p, estimate, estimate_size, error);
    fan_expression_free(p.with_ends);
    return status;
}
