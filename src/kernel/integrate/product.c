/* Integrands that are a product of functions of one variable each: one integral a dimension.
 *
 * With a point x where f is not 0, f is such a product exactly if f(y) = f(x) * prod g_k(y_k),
 * where g_k(t) = f(x with coordinate k set to t) / f(x). That is tested at points all over the
 * cube, and at points that are drawn from the product itself, where its weight is. The integrals of
 * the g_k are the business of a method for one variable. What the test leaves of f - product goes
 * into the error as Monte Carlo would have it.
 *
 * Rounds: values at random points; slices through the best of them; values at points drawn from the
 * slices; the integrals, through the best point so far. */

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "methods_1d.h"
#include "methods_many.h"
#include "state_bytes.h"
#include "uniform.h"

enum { AXIS_MOST = 10000000 }; /* evaluations of one axis: nothing ends an item, so it is short */
enum { POINTS = FANI_POINTS_MAX, DIMENSIONS = FAN_INTEGRAL_DIMENSION_MAX };
static const double test_tolerance = 1e-9; /* relative: what is more is no product */

typedef enum phase {
    PHASE_POINTS,
    PHASE_SLICES,
    PHASE_DRAWN,
    PHASE_INTEGRALS,
    PHASE_DONE,
    PHASE_NO_PRODUCT,
} phase;

typedef enum item_kind { ITEM_VALUES, ITEM_INTEGRAL } item_kind;

/* ITEM_VALUES: values at all points. ITEM_INTEGRAL: the mean of the slice through points[][0] along
 * `axis`. */
typedef struct product_item {
    uint64_t kind, axis, evaluations_max;
    double rel, abs;
    double points[DIMENSIONS][POINTS];
} product_item;

typedef struct product_reply {
    fani_bad_values bad;
    uint64_t evaluations, reached;
    double value, error, absolute;
    double values[POINTS];
} product_reply;

/* All that the state is, flat. */
typedef struct knowledge {
    uint64_t phase, evaluations;
    fani_bad_values bad;
    double points[DIMENSIONS][POINTS], values[POINTS]; /* all over the cube */
    double slices[DIMENSIONS][POINTS];                 /* along axis k at points[k][...] */
    double base[DIMENSIONS], base_value;
    uint32_t drawn[DIMENSIONS][POINTS]; /* numbers of points whose coordinates are taken */
    double misfit;                      /* of the integral, relative */
    double value, error, absolute;
    uint64_t reached;
} knowledge;

typedef struct product {
    size_t d;
    fani_goal goal;
    knowledge k;
    product_item *items;
} product;

/* ---- Work ------------------------------------------------------------------------------------ */

/* A slice as an integrand of one variable. */
typedef struct slice {
    const fani_integrand *f;
    const fani_domain *domain;
    const product_item *item;
    fani_bad_values *bad;
} slice;

static fan_status slice_evaluate(const fani_integrand *f, const double *const *points, size_t count,
                                 double *const *values)
{
    const slice *s = f->context;
    double filled[DIMENSIONS][POINTS];
    const double *u[DIMENSIONS];
    for (size_t k = 0; k < s->domain->dimension; k++) {
        u[k] = filled[k];
        if (k == s->item->axis)
            u[k] = points[0];
        for (size_t i = 0; k != s->item->axis && i < count; i++)
            filled[k][i] = s->item->points[k][0];
    }
    return fani_domain_evaluate(s->f, s->domain, u, count, values, s->bad);
}

static fan_status work_integral(const fani_integrand *f, const fani_domain *domain,
                                const product_item *item, product_reply *reply)
{
    const slice along = {f, domain, item, &reply->bad};
    const fani_integrand one = {
        .dimension = 1, .components = 1, .evaluate = slice_evaluate, .context = &along};
    const fani_domain unit = {.dimension = 1, .from = {{.value = 0}}, .to = {{.value = 1}}};
    const fani_goal goal = {item->abs, item->rel, item->evaluations_max, 1};
    fani_estimate estimate;
    const fan_status status =
        fani_integrate_rounds(&fani_method_gauss_kronrod, &one, &unit, &goal, &estimate, NULL);
    if (status != FAN_OK)
        return status;
    reply->value = estimate.value[0];
    reply->error = estimate.error[0];
    reply->absolute = estimate.absolute;
    reply->evaluations = estimate.evaluations;
    reply->reached = estimate.verdict == FANI_VERDICT_REACHED;
    return FAN_OK;
}

static fan_status work(const fani_integrand *f, const fani_domain *domain,
                       const unsigned char *bytes, unsigned char *out)
{
    const product_item *item = (const product_item *)(const void *)bytes;
    product_reply *reply = (product_reply *)(void *)out;
    memset(reply, 0, sizeof *reply);
    if (item->kind == ITEM_INTEGRAL)
        return work_integral(f, domain, item, reply);
    const double *u[DIMENSIONS];
    for (size_t k = 0; k < domain->dimension; k++)
        u[k] = item->points[k];
    reply->evaluations = POINTS;
    return fani_domain_evaluate(f, domain, u, POINTS, &(double *){reply->values}, &reply->bad);
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static void put_points(product *s)
{
    double *u[DIMENSIONS];
    for (size_t k = 0; k < s->d; k++)
        u[k] = s->k.points[k];
    fani_uniform(s->goal.seed, 1, 0, s->d, POINTS, u);
    memcpy(s->items[0].points, s->k.points, sizeof s->k.points);
}

/* Item `axis`: the base, but for the axis' coordinates, which are those of all the points. */
static void put_slices(product *s)
{
    for (size_t axis = 0; axis < s->d; axis++) {
        for (size_t k = 0; k < s->d; k++) {
            for (size_t i = 0; i < POINTS; i++)
                s->items[axis].points[k][i] = k == axis ? s->k.points[k][i] : s->k.base[k];
        }
    }
}

/* Draws coordinates, each dimension by itself, with chances like the slices' values there. */
static void put_drawn(product *s)
{
    double random[DIMENSIONS][POINTS], *u[DIMENSIONS];
    for (size_t k = 0; k < s->d; k++)
        u[k] = random[k];
    fani_uniform(s->goal.seed, 2, 0, s->d, POINTS, u);
    for (size_t k = 0; k < s->d; k++) {
        double sums[POINTS], sum = 0;
        for (size_t i = 0; i < POINTS; i++)
            sums[i] = sum += fabs(s->k.slices[k][i]);
        for (size_t i = 0; i < POINTS; i++) {
            uint32_t low = 0, high = POINTS - 1;
            while (low < high) {
                const uint32_t middle = (low + high) / 2;
                if (sums[middle] > random[k][i] * sum)
                    high = middle;
                else
                    low = middle + 1;
            }
            s->k.drawn[k][i] = low;
            s->items[0].points[k][i] = s->k.points[k][low];
        }
    }
}

static void put_integrals(product *s)
{
    const uint64_t left =
        s->goal.evaluations_max > s->k.evaluations ? s->goal.evaluations_max - s->k.evaluations : 0;
    const double scale = fabs(s->k.base_value);
    for (size_t axis = 0; axis < s->d; axis++) {
        product_item *item = &s->items[axis];
        item->kind = ITEM_INTEGRAL;
        item->axis = axis;
        item->evaluations_max = left / s->d < AXIS_MOST ? left / s->d : AXIS_MOST;
        item->rel = fmax(s->goal.rel, 1e-13) / (2 * (double)s->d);
        item->abs = s->goal.rel > 0 || scale == 0 ? 0 : 1e-14 * scale;
        for (size_t k = 0; k < s->d; k++)
            item->points[k][0] = s->k.base[k];
    }
}

static size_t items_of(const product *s)
{
    switch ((phase)s->k.phase) {
    case PHASE_POINTS:
    case PHASE_DRAWN:
        return 1;
    case PHASE_SLICES:
    case PHASE_INTEGRALS:
        return s->d;
    case PHASE_DONE:
    case PHASE_NO_PRODUCT:
        break;
    }
    return 0;
}

static fan_status next_round(void *state, fani_round *round)
{
    product *s = state;
    *round = (fani_round){0};
    const size_t count = items_of(s);
    if (count == 0)
        return FAN_OK;
    memset(s->items, 0, count * sizeof *s->items);
    switch ((phase)s->k.phase) {
    case PHASE_POINTS:
        put_points(s);
        break;
    case PHASE_SLICES:
        put_slices(s);
        break;
    case PHASE_DRAWN:
        put_drawn(s);
        break;
    case PHASE_INTEGRALS:
    case PHASE_DONE:
    case PHASE_NO_PRODUCT:
        put_integrals(s);
        break;
    }
    *round = (fani_round){count, sizeof *s->items, sizeof(product_reply),
                          (const unsigned char *)(const void *)s->items};
    return FAN_OK;
}

static void take_points(product *s, const product_reply *reply)
{
    size_t best = 0;
    memcpy(s->k.values, reply->values, sizeof s->k.values);
    for (size_t i = 1; i < POINTS; i++) {
        if (fabs(reply->values[i]) > fabs(reply->values[best]))
            best = i;
    }
    for (size_t k = 0; k < s->d; k++)
        s->k.base[k] = s->k.points[k][best];
    s->k.base_value = reply->values[best];
    s->k.phase = s->k.base_value != 0 ? PHASE_SLICES : PHASE_NO_PRODUCT;
}

/* The product where coordinate k is that of point numbers[k]. */
static double product_at(const product *s, const uint32_t *numbers)
{
    double value = s->k.base_value;
    for (size_t k = 0; k < s->d; k++)
        value *= s->k.slices[k][numbers[k]] / s->k.base_value;
    return value;
}

static void take_slices(product *s, const product_reply *replies)
{
    double misfit = 0, size = 0;
    for (size_t k = 0; k < s->d; k++)
        memcpy(s->k.slices[k], replies[k].values, sizeof s->k.slices[k]);
    for (size_t i = 0; i < POINTS; i++) {
        uint32_t numbers[DIMENSIONS];
        for (size_t k = 0; k < s->d; k++)
            numbers[k] = (uint32_t)i;
        misfit += fabs(s->k.values[i] - product_at(s, numbers));
        size += fabs(s->k.values[i]);
    }
    s->k.phase = misfit <= test_tolerance * size ? PHASE_DRAWN : PHASE_NO_PRODUCT;
}

static void take_drawn(product *s, const product_reply *reply)
{
    double sum = 0, squares = 0, best = 0;
    size_t best_point = 0;
    bool fits = true;
    for (size_t i = 0; i < POINTS; i++) {
        uint32_t numbers[DIMENSIONS];
        for (size_t k = 0; k < s->d; k++)
            numbers[k] = s->k.drawn[k][i];
        const double expected = product_at(s, numbers);
        const double off = expected != 0 ? reply->values[i] / expected - 1 : 1;
        fits = fits && fabs(off) <= test_tolerance * 100;
        sum += off;
        squares += off * off;
        if (fabs(reply->values[i]) > best) {
            best = fabs(reply->values[i]);
            best_point = i;
        }
    }
    s->k.misfit = fabs(sum) / POINTS + 2 * sqrt(squares) / POINTS;
    s->k.phase = fits ? PHASE_INTEGRALS : PHASE_NO_PRODUCT;
    for (size_t k = 0; fits && k < s->d; k++)
        s->k.base[k] = s->k.points[k][s->k.drawn[k][best_point]];
    if (fits)
        s->k.base_value = reply->values[best_point];
}

/* The product of all slices' integrals, and of errors what they can do to it at most. */
static void take_integrals(product *s, const product_reply *replies)
{
    double value = s->k.base_value, upper = fabs(value), absolute = upper;
    const double base = s->k.base_value;
    s->k.reached = 1;
    for (size_t k = 0; k < s->d; k++) {
        value *= replies[k].value / base;
        upper *= (fabs(replies[k].value) + replies[k].error) / fabs(base);
        absolute *= replies[k].absolute / fabs(base);
        s->k.reached &= replies[k].reached;
    }
    s->k.value = value;
    s->k.absolute = absolute;
    s->k.error = fmax(upper - fabs(value), 0) + s->k.misfit * absolute;
    s->k.phase = PHASE_DONE;
}

static fan_status take(void *state, const unsigned char *bytes)
{
    product *s = state;
    const product_reply *replies = (const product_reply *)(const void *)bytes;
    const size_t count = items_of(s);
    for (size_t i = 0; i < count; i++) {
        fani_bad_values_add(&s->k.bad, &replies[i].bad);
        s->k.evaluations += replies[i].evaluations;
    }
    switch ((phase)s->k.phase) {
    case PHASE_POINTS:
        take_points(s, replies);
        break;
    case PHASE_SLICES:
        take_slices(s, replies);
        break;
    case PHASE_DRAWN:
        take_drawn(s, replies);
        break;
    case PHASE_INTEGRALS:
    case PHASE_DONE:
    case PHASE_NO_PRODUCT:
        take_integrals(s, replies);
        break;
    }
    return FAN_OK;
}

static void result(const void *state, fani_estimate *estimate)
{
    const product *s = state;
    const bool done = s->k.phase == PHASE_DONE;
    *estimate = (fani_estimate){.absolute = s->k.absolute,
                                .evaluations = s->k.evaluations,
                                .bad = s->k.bad,
                                .verdict = FANI_VERDICT_OPEN};
    estimate->value[0] = s->k.value;
    estimate->error[0] = done ? s->k.error : INFINITY;
    if (fani_bad_values_persist(&s->k.bad, s->k.evaluations))
        estimate->verdict = FANI_VERDICT_NOT_FINITE;
    else if (s->k.phase == PHASE_NO_PRODUCT)
        estimate->verdict = FANI_VERDICT_ROUNDING;
    if (!done || estimate->verdict == FANI_VERDICT_NOT_FINITE)
        return;
    const double noise = 50 * 0x1p-52 * s->k.absolute;
    const double allowed = fmax(fmax(s->goal.abs, s->goal.rel * fabs(s->k.value)), noise);
    estimate->verdict = s->k.error <= allowed ? FANI_VERDICT_REACHED : FANI_VERDICT_BUDGET;
}

/* ---- The state ------------------------------------------------------------------------------- */

static void close_state(void *state)
{
    product *s = state;
    if (s)
        free(s->items);
    free(s);
}

static fan_status check(const fani_integrand *f, const fani_domain *domain, fan_error *error)
{
    if (domain->dimension < 2)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "product needs 2 dimensions or more; gauss-kronrod takes one");
    if (f->components > 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "product takes one component; cubature and vegas take several");
    for (size_t k = 0; k < domain->dimension; k++) {
        if (domain->from[k].expression || domain->to[k].expression)
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "product needs bounds that depend on no other variable; cubature "
                                  "and vegas take any");
    }
    return FAN_OK;
}

static fan_status make(const fani_domain *domain, const fani_goal *goal, product **state)
{
    product *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    s->d = domain->dimension;
    s->goal = *goal;
    s->items = malloc(s->d * sizeof *s->items);
    if (!s->items) {
        free(s);
        return FAN_E_MEMORY;
    }
    *state = s;
    return FAN_OK;
}

static fan_status open_state(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    product *s = NULL;
    fan_status status = check(f, domain, error);
    if (status == FAN_OK && make(domain, goal, &s) != FAN_OK)
        status = fani_error_set(error, FAN_E_MEMORY, "no memory for an integral's state");
    if (status == FAN_OK)
        *state = s;
    return status;
}

static fan_status save(const void *state, unsigned char **bytes, size_t *size)
{
    const product *s = state;
    fani_bytes b = {0};
    fani_bytes_add(&b, &s->k, sizeof s->k);
    return fani_bytes_take(&b, bytes, size);
}

static bool sound(const product *s)
{
    bool all = s->k.phase <= PHASE_NO_PRODUCT;
    for (size_t k = 0; k < s->d; k++) {
        for (size_t i = 0; i < POINTS; i++)
            all = all && s->k.drawn[k][i] < POINTS;
    }
    return all;
}

static fan_status load(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       const unsigned char *bytes, size_t size, void **state)
{
    product *s = NULL;
    fan_status status = check(f, domain, NULL);
    if (status == FAN_OK)
        status = make(domain, goal, &s);
    if (status != FAN_OK)
        return status;
    fani_bytes_left left = {.at = bytes, .left = size};
    fani_bytes_get(&left, &s->k, sizeof s->k);
    if (left.short_of || left.left > 0 || !sound(s)) {
        close_state(s);
        return FAN_E_PROTOCOL;
    }
    *state = s;
    return FAN_OK;
}

const fani_method fani_method_product = {.name = "product",
                                         .open = open_state,
                                         .round = next_round,
                                         .work = work,
                                         .take = take,
                                         .result = result,
                                         .save = save,
                                         .load = load,
                                         .close = close_state};
