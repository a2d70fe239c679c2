/* Opening, result, saving and loading of adaptive integration. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_method.h"
#include "base/error.h"
#include "methods_1d.h"

const fani_method fani_method_gauss_kronrod = {
    .name = "gauss-kronrod",
    .first = fani_adaptive_first,
    .open = fani_adaptive_open,
    .round = fani_adaptive_round,
    .work = fani_adaptive_work,
    .take = fani_adaptive_take,
    .result = fani_adaptive_result,
    .save = fani_adaptive_save,
    .load = fani_adaptive_load,
    .close = fani_adaptive_close,
};

static double bound(const fani_bound *b)
{
    double value = b->value;
    if (b->expression)
        fan_expression_evaluate(b->expression, NULL, b->parameters, 1, &(double *){&value});
    return value;
}

fan_status fani_domain_line(const fani_domain *domain, const char *method, double *from, double *to,
                            double *sign, fan_error *error)
{
    if (domain->dimension != 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "%s integrates over 1 dimension, not %zu; take auto or cubature",
                              method, domain->dimension);
    if (domain->weight != FANI_WEIGHT_NONE && strcmp(method, fani_method_filon.name) != 0)
        return fani_error_set(error, FAN_E_ARGUMENT, "%s has no use for a weight; filon has",
                              method);
    *from = bound(&domain->from[0]);
    *to = bound(&domain->to[0]);
    if (isnan(*from) || isnan(*to))
        return fani_error_set(error, FAN_E_ARGUMENT, "the %s bound is not a number (NaN)",
                              isnan(*from) ? "lower" : "upper");
    *sign = *from > *to ? -1 : 1;
    if (*from > *to) {
        const double t = *from;
        *from = *to;
        *to = t;
    }
    for (size_t i = 0; i < domain->break_count; i++)
        if (!(domain->breaks[i] > *from && domain->breaks[i] < *to))
            return fani_error_set(error, FAN_E_ARGUMENT, "break point %g is not inside the range",
                                  domain->breaks[i]);
    return FAN_OK;
}

/* The panel that a finite range without break points begins with. */
fan_status fani_adaptive_first(const fani_integrand *f, const fani_domain *domain,
                               const fani_goal *goal, fani_estimate *estimate, unsigned char *reply,
                               size_t *size, bool *done)
{
    double from = 0;
    double to = 0;
    double sign = 1;
    *done = false;
    if (domain->break_count > 0 || f->components > 1 || domain->dimension != 1 ||
        fani_domain_line(domain, fani_method_gauss_kronrod.name, &from, &to, &sign, NULL) !=
            FAN_OK ||
        isinf(from) || isinf(to) || from == to)
        return FAN_OK;
    fani_item item;
    item.kind = FANI_ITEM_PANEL;
    item.count = 1;
    item.panels[0] =
        (fani_panel){.chart = {.base = from, .direction = 1, .from = from, .to = to},
                     .hi = to - from,
                     .seed = goal->seed,
                     .probes = f->cheap ? FANI_PANEL_PROBES_MAX : FANI_PANEL_PROBES_ROOT};
    const fan_status status = fani_adaptive_work(f, domain, (const unsigned char *)&item, reply);
    if (status != FAN_OK)
        return status;
    *size = fani_adaptive_reply_size(1);
    const fani_item_reply *r = (const fani_item_reply *)reply;
    const fani_panel_value *v = &r->values[0];
    const double allowed =
        fmax(fmax(goal->abs, goal->rel * fabs(v->value)), 50 * DBL_EPSILON * v->absolute);
    *done = r->bad_count == 0 && v->absolute > 0 && v->error <= allowed;
    if (!*done)
        return FAN_OK;
    estimate->value[0] = sign * v->value;
    estimate->error[0] = v->error;
    estimate->absolute = v->absolute;
    estimate->evaluations = r->evaluations;
    estimate->bad = (fani_bad_values){.count = 0};
    estimate->verdict = FANI_VERDICT_REACHED;
    memcpy(estimate->chosen, "gauss-kronrod", sizeof "gauss-kronrod");
    return FAN_OK;
}

size_t fani_adaptive_reply_size(size_t components)
{
    return offsetof(fani_item_reply, values) +
           FANI_ITEM_PANELS * components * sizeof(fani_panel_value);
}

static fan_status make(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       fani_adaptive **made, fan_error *error)
{
    double from = 0;
    double to = 0;
    double sign = 1;
    fan_status status =
        fani_domain_line(domain, fani_method_gauss_kronrod.name, &from, &to, &sign, error);
    if (status != FAN_OK)
        return status;
    fani_adaptive *a = malloc(sizeof *a);
    if (!a)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
    memset(a, 0, offsetof(fani_adaptive, value)); /* the rest is set before it is read */
    a->items = a->few;
    for (size_t c = 0; c < f->components; c++)
        a->value[c] = a->error[c] = a->absolute[c] = 0;
    a->diverges = a->surely = false;
    a->core = (fani_adaptive_core){
        .goal = *goal,
        .from = from,
        .to = to,
        .sign = sign,
        .components = (uint32_t)f->components,
        .distances = f->wants_distances,
        .probes = f->cheap ? FANI_PANEL_PROBES_MAX : FANI_PANEL_PROBES,
        .probes_root = f->cheap ? FANI_PANEL_PROBES_MAX : FANI_PANEL_PROBES_ROOT,
        .break_count = (uint32_t)domain->break_count,
        .phase = from == to ? FANI_PHASE_DONE : FANI_PHASE_START,
        .verdict = from == to ? FANI_VERDICT_REACHED : FANI_VERDICT_OPEN};
    a->breaks = domain->breaks;
    a->record_size = sizeof(fani_record) + f->components * sizeof(double);
    a->reply_size = fani_adaptive_reply_size(f->components);
    *made = a;
    return FAN_OK;
}

fan_status fani_adaptive_open(const fani_integrand *f, const fani_domain *domain,
                              const fani_goal *goal, void **state, fan_error *error)
{
    fani_adaptive *a = NULL;
    const fan_status status = make(f, domain, goal, &a, error);
    if (status == FAN_OK)
        *state = a;
    return status;
}

void fani_adaptive_close(void *state)
{
    fani_adaptive *a = state;
    if (!a)
        return;
    free(a->intervals);
    free(a->values);
    free(a->chains);
    free(a->records);
    if (a->items != a->few)
        free(a->items);
    free(a->fresh);
    free(a->cuts);
    free(a->before);
    free(a->sums);
    free(a);
}

size_t fani_adaptive_plain(const void *state, fani_panel *panels, size_t most)
{
    const fani_adaptive *a = state;
    if (a->core.verdict != FANI_VERDICT_REACHED || a->core.interval_count > most ||
        a->core.tail[0] || a->core.tail[1])
        return 0;
    for (uint32_t k = 0; k < a->core.chain_count; k++)
        if (a->chains[k].drop < 1)
            return 0;
    for (uint32_t i = 0; i < a->core.interval_count; i++) {
        const fani_interval *v = &a->intervals[i];
        panels[i] = (fani_panel){.chart = a->chains[v->chart].chart,
                                 .lo = v->lo,
                                 .hi = v->hi,
                                 .seed = a->core.goal.seed,
                                 .probes = FANI_PANEL_PROBES};
    }
    return a->core.interval_count;
}

/* What the integrand has called for. */
static void describe(const fani_adaptive *a, char *text)
{
    static const char texts[][64] = {
        "gauss-kronrod",
        "gauss-kronrod, with a singular end extrapolated",
        "gauss-kronrod, cut at singular points that it found",
        "gauss-kronrod, the tail cut at its zeros and extrapolated",
        "gauss-kronrod, the tail cut at whole periods and extrapolated",
    };
    int which = 0;
    for (uint32_t k = 0; k < a->core.chain_count; k++)
        which = a->chains[k].drop < 1 ? 1 : which;
    which = a->core.found_count > 0 ? 2 : which;
    for (int up = 0; up < 2; up++)
        which = a->core.tail[up] != FANI_TAIL_PLAIN ? (int)a->core.tail[up] + 2 : which;
    memcpy(text, texts[which], sizeof texts[which]);
}

void fani_adaptive_result(const void *state, fani_estimate *estimate)
{
    const fani_adaptive *a = state;
    estimate->absolute = 0;
    for (size_t c = 0; c < a->core.components; c++) {
        estimate->value[c] = a->core.sign * a->value[c];
        estimate->error[c] = a->error[c];
        estimate->absolute = fmax(estimate->absolute, a->absolute[c]);
    }
    if (a->core.components == 1 && a->core.restarts > 0 && a->core.phase == FANI_PHASE_DONE &&
        a->core.verdict != FANI_VERDICT_REACHED && a->core.earlier_error < a->error[0]) {
        estimate->value[0] = a->core.sign * a->core.earlier_value;
        estimate->error[0] = a->core.earlier_error;
        estimate->absolute = a->core.earlier_absolute;
    }
    estimate->evaluations = a->core.evaluations;
    estimate->bad = a->core.bad;
    estimate->verdict = (fani_verdict)a->core.verdict;
    describe(a, estimate->chosen);
}

/* ---- Saving ---------------------------------------------------------------------------------- */

static size_t saved_size(const fani_adaptive *a)
{
    const fani_adaptive_core *c = &a->core;
    return sizeof *c + c->interval_count * sizeof *a->intervals +
           (size_t)c->interval_count * c->components * sizeof *a->values +
           c->chain_count * sizeof *a->chains + c->record_count * a->record_size;
}

static unsigned char *put(unsigned char *at, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(at, bytes, size);
    return at + size;
}

fan_status fani_adaptive_save(const void *state, unsigned char **bytes, size_t *size)
{
    const fani_adaptive *a = state;
    const fani_adaptive_core *c = &a->core;
    const size_t more = saved_size(a);
    unsigned char *grown = realloc(*bytes, *size + more);
    if (!grown)
        return FAN_E_MEMORY;
    *bytes = grown;
    unsigned char *at = grown + *size;
    *size += more;
    at = put(at, c, sizeof *c);
    at = put(at, a->intervals, c->interval_count * sizeof *a->intervals);
    at = put(at, a->values, (size_t)c->interval_count * c->components * sizeof *a->values);
    at = put(at, a->chains, c->chain_count * sizeof *a->chains);
    put(at, a->records, c->record_count * a->record_size);
    return FAN_OK;
}

/* Whether indices stay inside what they point into. */
static bool sound(const fani_adaptive *a)
{
    const fani_adaptive_core *c = &a->core;
    for (uint32_t i = 0; i < c->interval_count; i++) {
        const fani_interval *v = &a->intervals[i];
        if (v->chart >= c->chain_count || v->level >= (int64_t)a->chains[v->chart].levels)
            return false;
    }
    for (uint32_t i = 0; i < c->record_count; i++) {
        const fani_record *r = (const fani_record *)(a->records + i * a->record_size);
        if (r->chain >= c->chain_count || r->level >= a->chains[r->chain].levels)
            return false;
    }
    for (uint32_t k = 0; k < c->chain_count; k++) /* levels are backed by what was saved */
        if (a->chains[k].levels > c->interval_count || a->chains[k].oscillates > FANI_TAIL_PERIODS)
            return false;
    return c->found_count <= FANI_BREAKS_MAX && c->tail[0] <= FANI_TAIL_PERIODS &&
           c->tail[1] <= FANI_TAIL_PERIODS && c->phase <= FANI_PHASE_DONE &&
           c->verdict <= FANI_VERDICT_NOT_FINITE;
}

static fan_status get(const unsigned char **at, size_t *left, void **array, size_t *room,
                      size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > *left)
        return FAN_E_PROTOCOL;
    const fan_status status = fani_adaptive_room(array, room, count, size);
    if (status == FAN_OK && bytes > 0)
        memcpy(*array, *at, bytes);
    *at += bytes;
    *left -= bytes;
    return status;
}

static fan_status restore(fani_adaptive *a, const unsigned char *at, size_t left)
{
    fani_adaptive_core c;
    if (left < sizeof c)
        return FAN_E_PROTOCOL;
    memcpy(&c, at, sizeof c);
    at += sizeof c;
    left -= sizeof c;
    if (c.components != a->core.components || c.break_count != a->core.break_count ||
        c.from != a->core.from || c.to != a->core.to)
        return FAN_E_PROTOCOL;
    size_t room = 0;
    fan_status status = get(&at, &left, (void **)&a->intervals, &a->interval_room, c.interval_count,
                            sizeof *a->intervals);
    if (status == FAN_OK)
        status = get(&at, &left, (void **)&a->values, &room, c.interval_count,
                     c.components * sizeof *a->values);
    if (status == FAN_OK)
        status =
            get(&at, &left, (void **)&a->chains, &a->chain_room, c.chain_count, sizeof *a->chains);
    if (status == FAN_OK)
        status =
            get(&at, &left, (void **)&a->records, &a->record_room, c.record_count, a->record_size);
    if (status != FAN_OK)
        return status;
    a->core = c;
    return left == 0 && sound(a) ? fani_adaptive_sum(a) : FAN_E_PROTOCOL;
}

fan_status fani_adaptive_load(const fani_integrand *f, const fani_domain *domain,
                              const fani_goal *goal, const unsigned char *bytes, size_t size,
                              void **state)
{
    fani_adaptive *a = NULL;
    fan_status status = make(f, domain, goal, &a, NULL);
    if (status != FAN_OK || !a)
        return status;
    status = restore(a, bytes, size);
    if (status == FAN_OK)
        *state = a;
    else
        fani_adaptive_close(a);
    return status;
}
