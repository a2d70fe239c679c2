/* Nested integrals: one variable after the other, each by a method for one variable, which can
 * follow what no cube can: jumps and kinks along any line. The integrand of the outer integral is
 * the inner one; its rounds are those of the outer method, so that inner integrals are spread over
 * workers. What the inner integrals are not sure of is added to the error. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "domain.h"
#include "methods_1d.h"
#include "methods_many.h"
#include "state_bytes.h"

enum { DIMENSIONS_MAX = 3, POINTS = FANI_POINTS_MAX };
static const double inner_share = 0.05; /* of the tolerance, for the integrals inside */
/* Points of one inner integral, at most. */
static const double limit_least = 64, limit_most = 20000, below_most = 4e6;
#define INSIDE fani_method_gauss_kronrod

/* What inner integrals add up to, over an item. */
typedef struct inside {
    fani_bad_values bad;
    uint64_t evaluations;
    double errors, sizes; /* sums over outer points */
} inside;

/* The integrand with its first `fixed` coordinates, integrated over those after the next. */
typedef struct layer {
    const fani_integrand *f;
    const fani_domain *domain;
    double rel, abs;
    uint64_t limit; /* points of an inner integral */
    size_t fixed;
    double at[DIMENSIONS_MAX];
    inside *in;
} layer;

static fan_status layer_values(const fani_integrand *f, const double *const *points, size_t count,
                               double *const *values);

static const fani_domain unit = {.dimension = 1, .to = {{.value = 1}}};

static fani_integrand integrand_of(const layer *l)
{
    return (fani_integrand){
        .dimension = 1, .components = 1, .evaluate = layer_values, .context = l};
}

/* Over the last variable: the integrand itself. */
static fan_status last_values(const layer *l, const double *points, size_t count, double *values)
{
    double filled[DIMENSIONS_MAX][POINTS];
    const double *u[DIMENSIONS_MAX];
    for (size_t k = 0; k < l->fixed; k++) {
        for (size_t i = 0; i < count; i++)
            filled[k][i] = l->at[k];
        u[k] = filled[k];
    }
    u[l->fixed] = points;
    l->in->evaluations += count;
    return fani_domain_evaluate(l->f, l->domain, u, count, &(double *){values}, &l->in->bad);
}

/* The integral over the variables after the layer's, at one point. */
static fan_status inner_value(const layer *l, double at, double *value)
{
    layer next = *l;
    next.at[next.fixed++] = at;
    next.rel *= inner_share;
    next.abs *= inner_share;
    const fani_integrand f = integrand_of(&next);
    const fani_goal goal = {next.abs, next.rel, next.limit, 1};
    fani_estimate e;
    const fan_status status = fani_integrate_rounds(&INSIDE, &f, &unit, &goal, &e, NULL);
    if (status != FAN_OK)
        return status;
    *value = e.value[0];
    l->in->errors += e.error[0];
    l->in->sizes += e.absolute;
    return FAN_OK;
}

static fan_status layer_values(const fani_integrand *f, const double *const *points, size_t count,
                               double *const *values)
{
    const layer *l = f->context;
    if (l->fixed + 1 == l->domain->dimension)
        return last_values(l, points[0], count, values[0]);
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++)
        status = inner_value(l, points[0][i], &values[0][i]);
    return status;
}

/* ---- Rounds: the outer method's, with a head before each item and reply ---------------------- */

typedef struct item_head {
    double rel, abs;
    uint64_t limit, unused;
} item_head;

typedef struct nested {
    layer outer;
    fani_integrand f;
    fani_goal goal;
    inside known;
    void *state; /* of the outer method */
    unsigned char *items;
    size_t item_count, reply_size; /* of the outer method's replies */
} nested;

static void close_state(void *state)
{
    nested *s = state;
    if (!s)
        return;
    if (s->state)
        INSIDE.close(s->state);
    free(s->items);
    free(s);
}

static fan_status check(const fani_integrand *f, const fani_domain *domain, fan_error *error)
{
    if (domain->dimension < 2)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "nested needs 2 dimensions or more; gauss-kronrod takes one");
    if (domain->dimension > DIMENSIONS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "nested takes up to %d dimensions, not %zu; cubature, lattice and "
                              "vegas take more",
                              DIMENSIONS_MAX, domain->dimension);
    if (f->components > 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "nested takes one component; cubature and vegas take several");
    return FAN_OK;
}

static nested *make(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal)
{
    nested *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->goal = *goal;
    s->outer = (layer){.f = f, .domain = domain, .in = &s->known};
    s->f = integrand_of(&s->outer);
    return s;
}

/* The outer method has half of the tolerance. */
static fani_goal outer_goal(const fani_goal *goal)
{
    fani_goal half = *goal;
    half.rel /= 2;
    half.abs /= 2;
    return half;
}

static fan_status open_state(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    fan_status status = check(f, domain, error);
    if (status != FAN_OK)
        return status;
    nested *s = make(f, domain, goal);
    if (!s)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for an integral's state");
    const fani_goal half = outer_goal(goal);
    status = INSIDE.open(&s->f, &unit, &half, &s->state, error);
    if (status == FAN_OK)
        *state = s;
    else
        close_state(s);
    return status;
}

static bool spent(const nested *s)
{
    return s->known.evaluations >= s->goal.evaluations_max;
}

static bool persistently_bad(const nested *s)
{
    return fani_bad_values_persist(&s->known.bad, s->known.evaluations);
}

/* Several times the root of the budget: a level shall not use it up. And nothing ends an item, so
 * it is short: so many points at most below one of the outer integral. */
static uint64_t limit_of(const nested *s)
{
    const double levels = (double)s->outer.domain->dimension;
    const double root = pow((double)s->goal.evaluations_max, 1 / levels);
    const double most = fmin(limit_most, pow(below_most, 1 / (levels - 1)));
    return (uint64_t)fmin(fmax(8 * root, limit_least), most);
}

static fan_status next_round(void *state, fani_round *round)
{
    nested *s = state;
    fani_round inner = {0};
    *round = (fani_round){0};
    if (spent(s) || persistently_bad(s))
        return FAN_OK;
    const fan_status status = INSIDE.round(s->state, &inner);
    if (status != FAN_OK || inner.count == 0)
        return status;
    const size_t size = (sizeof(item_head) + inner.item_size + 15) / 16 * 16;
    const item_head head = {s->goal.rel, s->goal.abs, limit_of(s), 0};
    free(s->items);
    s->items = calloc(inner.count, size);
    if (!s->items)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < inner.count; i++) {
        memcpy(s->items + i * size, &head, sizeof head);
        memcpy(s->items + i * size + sizeof head, inner.bytes + i * inner.item_size,
               inner.item_size);
    }
    s->item_count = inner.count;
    s->reply_size = inner.reply_size;
    *round = (fani_round){inner.count, size, sizeof(inside) + inner.reply_size, s->items};
    return FAN_OK;
}

static fan_status work(const fani_integrand *f, const fani_domain *domain,
                       const unsigned char *item, unsigned char *reply)
{
    item_head head;
    memcpy(&head, item, sizeof head);
    inside in = {.evaluations = 0};
    const layer outer = {
        .f = f, .domain = domain, .rel = head.rel, .abs = head.abs, .limit = head.limit, .in = &in};
    const fani_integrand function = integrand_of(&outer);
    const fan_status status = INSIDE.work(&function, &unit, item + sizeof head, reply + sizeof in);
    memcpy(reply, &in, sizeof in);
    return status;
}

static fan_status take(void *state, const unsigned char *replies)
{
    nested *s = state;
    const size_t size = sizeof(inside) + s->reply_size;
    unsigned char *bare = malloc(s->item_count * s->reply_size);
    if (!bare)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < s->item_count; i++) {
        inside in;
        memcpy(&in, replies + i * size, sizeof in);
        fani_bad_values_add(&s->known.bad, &in.bad);
        s->known.evaluations += in.evaluations;
        s->known.errors += in.errors;
        s->known.sizes += in.sizes;
        memcpy(bare + i * s->reply_size, replies + i * size + sizeof in, s->reply_size);
    }
    const fan_status status = INSIDE.take(s->state, bare);
    free(bare);
    return status;
}

static void result(const void *state, fani_estimate *estimate)
{
    const nested *s = state;
    INSIDE.result(s->state, estimate);
    const double doubt = s->known.sizes > 0 ? s->known.errors / s->known.sizes : 0;
    estimate->error[0] += doubt * estimate->absolute;
    estimate->evaluations = s->known.evaluations;
    estimate->bad = s->known.bad;
    const double noise = 50 * 0x1p-52 * estimate->absolute;
    const double allowed = fmax(fmax(s->goal.abs, s->goal.rel * fabs(estimate->value[0])), noise);
    if (persistently_bad(s))
        estimate->verdict = FANI_VERDICT_NOT_FINITE;
    else if (estimate->verdict == FANI_VERDICT_REACHED && !(estimate->error[0] <= allowed))
        estimate->verdict = FANI_VERDICT_ROUNDING;
    else if (estimate->verdict == FANI_VERDICT_OPEN && spent(s))
        estimate->verdict = FANI_VERDICT_BUDGET;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static fan_status save(const void *state, unsigned char **bytes, size_t *size)
{
    const nested *s = state;
    fani_bytes b = {0};
    unsigned char *inner = NULL;
    size_t inner_size = 0;
    const fan_status status = INSIDE.save(s->state, &inner, &inner_size);
    if (status != FAN_OK)
        return status;
    fani_bytes_add(&b, &s->known, sizeof s->known);
    fani_bytes_add(&b, inner, inner_size);
    free(inner);
    return fani_bytes_take(&b, bytes, size);
}

static fan_status load(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       const unsigned char *bytes, size_t size, void **state)
{
    fan_status status = check(f, domain, NULL);
    if (status != FAN_OK)
        return status;
    nested *s = make(f, domain, goal);
    if (!s)
        return FAN_E_MEMORY;
    const fani_goal half = outer_goal(goal);
    fani_bytes_left left = {.at = bytes, .left = size};
    fani_bytes_get(&left, &s->known, sizeof s->known);
    status = left.short_of ? FAN_E_PROTOCOL
                           : INSIDE.load(&s->f, &unit, &half, left.at, left.left, &s->state);
    if (status == FAN_OK)
        *state = s;
    else
        close_state(s);
    return status;
}

const fani_method fani_method_nested = {.name = "nested",
                                        .open = open_state,
                                        .round = next_round,
                                        .work = work,
                                        .take = take,
                                        .result = result,
                                        .save = save,
                                        .load = load,
                                        .close = close_state};
