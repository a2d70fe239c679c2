/* Integrals with a weight cos(w x) or sin(w x): panels (filon_panel.h), the worst ones cut.
 *
 * A half-infinite range has panels that grow by 4. What lies beyond the last one, at s, is at most
 * 2 max|f| / w where f falls off without changes of sign: panels are added until that is little. */
#include <float.h>
#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "filon_panel.h"
#include "methods_1d.h"

enum {
    CHAINS = 2,
    CHAIN_FIRST = -8, /* a chain's first panel ends at 4^-8 */
    CHAIN_LOOK = 12,  /* its first round at 4^12: what f does far out is seen */
    CHAIN_LAST = 150, /* no panel beyond 4^150 */
    CHAIN_STEP = 4,   /* panels that a round adds to it */
    CUTS_MAX = 64,    /* of a round */
};

static const double frequency_max = 1e100;
static const double far_max = 1e300; /* of a phase, and of a bound */

typedef struct core {
    fani_goal goal;
    double sign;
    uint32_t components, verdict;
    uint64_t count, evaluations;
    fani_bad_values bad;
    int64_t reach[CHAINS]; /* a chain ends at 4^reach */
    double base[CHAINS], direction[CHAINS];
    uint64_t chains;
} core;

typedef struct reply {
    uint64_t bad_count;
    double bad_value, bad_point;
    fani_filon_value values[];
} reply;

typedef struct state {
    core core;
    const fani_integrand *f;
    const fani_domain *domain;
    double from, to;
    fani_filon_panel *panels; /* of core.count */
    fani_filon_value *values; /* panel x component */
    size_t room;
    fani_filon_panel *tasks;
    size_t task_count, task_room;
    size_t *cut; /* task 2 i and 2 i + 1 replace panel cut[i], i < cut_count; the others are new */
    size_t cut_count;
} state;

/* One component's sums over panels. */
typedef struct sums {
    double value, error, floor, absolute, beyond;
} sums;

/* ---- Work ------------------------------------------------------------------------------------ */

static size_t reply_size(size_t components)
{
    return sizeof(reply) + components * sizeof(fani_filon_value);
}

static void clean(const double *x, double *values, reply *out)
{
    for (size_t i = 0; i < FANI_FILON_POINTS; i++) {
        if (isfinite(values[i]))
            continue;
        if (out->bad_count++ == 0) {
            out->bad_value = values[i];
            out->bad_point = x[i];
        }
        values[i] = 0;
    }
}

static fan_status filon_work(const fani_integrand *f, const fani_domain *domain,
                             const unsigned char *item, unsigned char *bytes)
{
    alignas(64) double x[3][FANI_FILON_POINTS];
    double position[FANI_FILON_POINTS];
    double moments[FANI_FILON_NODES];
    double *values[FANI_COMPONENTS_MAX];
    const double *points[FAN_INTEGRAL_DIMENSION_MAX] = {x[0], x[1], x[2]};
    const fani_filon_panel *panel = (const fani_filon_panel *)item;
    reply *out = (reply *)bytes;
    double *all = aligned_alloc(64, f->components * FANI_FILON_POINTS * sizeof *all);
    if (!all)
        return FAN_E_MEMORY;
    for (size_t c = 0; c < f->components; c++)
        values[c] = all + c * FANI_FILON_POINTS;
    memset(bytes, 0, reply_size(f->components));
    fani_filon_points(panel, position, x[0], x[1], x[2]);
    fani_filon_moments(fabs(domain->frequency), (panel->hi - panel->lo) / 2, moments);
    const fan_status status = f->evaluate(f, points, FANI_FILON_POINTS, values);
    for (size_t c = 0; status == FAN_OK && c < f->components; c++) {
        clean(x[0], values[c], out);
        out->values[c] =
            fani_filon_judge(panel, domain, f->wants_distances, position, moments, values[c]);
    }
    free(all);
    return status;
}

/* ---- State ----------------------------------------------------------------------------------- */

static void filon_close(void *pointer)
{
    state *s = pointer;
    if (!s)
        return;
    free(s->panels);
    free(s->values);
    free(s->tasks);
    free(s->cut);
    free(s);
}

static fan_status make_room(state *s, size_t count)
{
    if (count <= s->room)
        return FAN_OK;
    const size_t room = 2 * count;
    fani_filon_panel *panels = reallocarray(s->panels, room, sizeof *panels);
    if (panels)
        s->panels = panels;
    fani_filon_value *values =
        reallocarray(s->values, room, s->core.components * sizeof *s->values);
    if (values)
        s->values = values;
    if (!panels || !values)
        return FAN_E_MEMORY;
    s->room = room;
    return FAN_OK;
}

static fan_status check_weight(const fani_domain *domain, double from, double to, fan_error *error)
{
    if (domain->weight == FANI_WEIGHT_NONE)
        return fani_error_set(error, FAN_E_ARGUMENT, "filon is for weights cos and sin");
    if (!(fabs(domain->frequency) <= frequency_max))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the weight's frequency is %g: expected a number up to 1e100",
                              domain->frequency);
    const double far = fmax(isinf(from) ? 0 : fabs(from), isinf(to) ? 0 : fabs(to));
    if (far > far_max / fmax(1, fabs(domain->frequency)))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the bound %g is too far out for a weight: its phase overflows", far);
    if (domain->frequency == 0 && (isinf(from) || isinf(to)) && from != to)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "over an infinite range the weight's frequency can't be 0");
    return FAN_OK;
}

static fan_status filon_open(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **made, fan_error *error)
{
    double from = 0;
    double to = 0;
    double sign = 1;
    fan_status status = fani_domain_line(domain, fani_method_filon.name, &from, &to, &sign, error);
    if (status == FAN_OK)
        status = check_weight(domain, from, to, error);
    if (status != FAN_OK)
        return status;
    state *s = calloc(1, sizeof *s);
    if (s)
        s->cut = calloc(CUTS_MAX, sizeof *s->cut);
    if (!s || !s->cut) {
        filon_close(s);
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
    }
    s->core.goal = *goal;
    s->core.sign = sign;
    s->core.components = (uint32_t)f->components;
    s->core.verdict = from == to ? FANI_VERDICT_REACHED : FANI_VERDICT_OPEN;
    s->f = f;
    s->domain = domain;
    s->from = from;
    s->to = to;
    *made = s;
    return FAN_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static fan_status ask(state *s, fani_filon_panel panel, double lo, double hi)
{
    if (s->task_count == s->task_room) {
        const size_t room = 2 * s->task_room + 16;
        fani_filon_panel *grown = reallocarray(s->tasks, room, sizeof *grown);
        if (!grown)
            return FAN_E_MEMORY;
        s->tasks = grown;
        s->task_room = room;
    }
    panel.lo = lo;
    panel.hi = hi;
    s->tasks[s->task_count++] = panel;
    return FAN_OK;
}

static fani_filon_panel panel_at(const state *s, double base, double direction, int64_t chain)
{
    return (fani_filon_panel){.base = base,
                              .direction = direction,
                              .from = s->from,
                              .to = s->to,
                              .seed = s->core.goal.seed,
                              .chain = chain};
}

/* A finite piece, each half of it seen from its own end. */
static fan_status ask_piece(state *s, double lo, double hi)
{
    const double middle = lo + (hi - lo) / 2;
    const double lengths[2] = {middle - lo, hi - middle};
    fan_status status = FAN_OK;
    for (int i = 0; status == FAN_OK && i < 2; i++) {
        const fani_filon_panel p = panel_at(s, i == 0 ? lo : hi, i == 0 ? 1 : -1, -1);
        status = ask(s, p, 0, lengths[i] / 2);
        if (status == FAN_OK)
            status = ask(s, p, lengths[i] / 2, lengths[i]);
    }
    return status;
}

static fan_status ask_chain(state *s, int64_t chain, int64_t last)
{
    const fani_filon_panel p = panel_at(s, s->core.base[chain], s->core.direction[chain], chain);
    fan_status status = FAN_OK;
    for (; status == FAN_OK && s->core.reach[chain] < last; s->core.reach[chain]++) {
        const int reach = (int)s->core.reach[chain];
        status = ask(s, p, reach < CHAIN_FIRST ? 0 : ldexp(1, 2 * reach), ldexp(1, 2 * reach + 2));
    }
    return status;
}

static fan_status begin_chain(state *s, double base, double direction)
{
    const uint64_t chain = s->core.chains++;
    s->core.base[chain] = base;
    s->core.direction[chain] = direction;
    s->core.reach[chain] = CHAIN_FIRST - 1;
    return ask_chain(s, (int64_t)chain, CHAIN_LOOK);
}

static fan_status ask_first(state *s)
{
    const size_t breaks = s->domain->break_count;
    double lo = s->from;
    fan_status status = FAN_OK;
    s->core.chains = 0;
    if (isinf(s->from) && isinf(s->to) && breaks == 0) {
        status = begin_chain(s, 0, -1);
        return status == FAN_OK ? begin_chain(s, 0, 1) : status;
    }
    for (size_t i = 0; status == FAN_OK && i <= breaks; i++) {
        const double hi = i < breaks ? s->domain->breaks[i] : s->to;
        if (isinf(lo) || isinf(hi))
            status = isinf(lo) ? begin_chain(s, hi, -1) : begin_chain(s, lo, 1);
        else
            status = ask_piece(s, lo, hi);
        lo = hi;
    }
    return status;
}

/* ---- The integral so far --------------------------------------------------------------------- */

/* The largest |f| on the last panel of a chain, whose cuts count too. */
static double last_peak(const state *s, uint32_t c, uint64_t chain, int64_t back)
{
    const double begin = ldexp(1, 2 * (int)(s->core.reach[chain] - back) - 2);
    double peak = 0;
    for (size_t i = 0; i < s->core.count; i++)
        if (s->panels[i].chain == (int64_t)chain && s->panels[i].lo >= begin &&
            s->panels[i].hi <= 4 * begin * 1.0000001)
            peak = fmax(peak, s->values[i * s->core.components + c].peak);
    return peak;
}

static sums sum_up(const state *s, uint32_t c)
{
    sums t = {0};
    for (size_t i = 0; i < s->core.count; i++) {
        const fani_filon_value *v = &s->values[i * s->core.components + c];
        t.value += v->value;
        t.error += v->error;
        t.floor += v->floor;
        t.absolute += v->absolute;
    }
    for (uint64_t chain = 0; chain < s->core.chains; chain++)
        t.beyond += 2 * last_peak(s, c, chain, 0) / fabs(s->domain->frequency);
    return t;
}

static double allowed_of(const state *s, const sums *t)
{
    return fmax(s->core.goal.abs, s->core.goal.rel * fabs(t->value));
}

/* Where it is of no use to go on below. */
static double target_of(const state *s, const sums *t)
{
    return fmax(allowed_of(s, t), 4 * t->floor);
}

static bool may_cut(const state *s, const fani_filon_panel *p)
{
    const bool exact = s->f->wants_distances && (p->base == p->from || p->base == p->to);
    const double x = (exact ? 0 : fabs(p->base)) + p->hi;
    return p->hi - p->lo > 0x1p-44 * x && p->hi > 1e-280;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

typedef struct rank {
    double weight;
    size_t panel;
} rank;

static int heavier_first(const void *left, const void *right)
{
    const rank *a = left;
    const rank *b = right;
    if (a->weight != b->weight)
        return a->weight < b->weight ? 1 : -1;
    return (a->panel > b->panel) - (a->panel < b->panel);
}

/* Panels by their error as a part of what is allowed, the worst component counting. Returns the sum
 * of all, more than 1 where something must be cut. */
static double weigh(const state *s, rank *ranks)
{
    double worst = 0;
    for (uint32_t c = 0; c < s->core.components; c++) {
        const sums t = sum_up(s, c);
        const double share = target_of(s, &t) / 2;
        worst = fmax(worst, share > 0 ? t.error / share : t.error > 0 ? INFINITY : 0);
        for (size_t i = 0; i < s->core.count; i++) {
            const double error = s->values[i * s->core.components + c].error;
            ranks[i].panel = i;
            if (error > 0)
                ranks[i].weight = fmax(ranks[i].weight, share > 0 ? error / share : DBL_MAX);
        }
    }
    return worst;
}

/* The end of a range is where f may be singular: there the cut is nearer to it. */
static fan_status cut(state *s, size_t panel)
{
    const fani_filon_panel p = s->panels[panel];
    const double at = p.lo == 0 ? p.hi / 8 : p.lo + (p.hi - p.lo) / 2;
    s->cut[s->cut_count++] = panel;
    const fan_status status = ask(s, p, p.lo, at);
    return status == FAN_OK ? ask(s, p, at, p.hi) : status;
}

/* Cuts the heaviest panels, until those left would do. */
static fan_status ask_cuts(state *s)
{
    rank *ranks = calloc(s->core.count + 1, sizeof *ranks);
    if (!ranks)
        return FAN_E_MEMORY;
    fan_status status = FAN_OK;
    if (weigh(s, ranks) > 1) {
        double left = 0;
        for (size_t i = 0; i < s->core.count; i++)
            left += ranks[i].weight;
        qsort(ranks, s->core.count, sizeof *ranks, heavier_first);
        for (size_t i = 0; status == FAN_OK && i < s->core.count && s->cut_count < CUTS_MAX &&
                           left > 0.5 && ranks[i].weight > 0;
             i++) {
            left -= ranks[i].weight;
            if (may_cut(s, &s->panels[ranks[i].panel]))
                status = cut(s, ranks[i].panel);
        }
    }
    free(ranks);
    return status;
}

static bool goes_on(const state *s)
{
    for (uint32_t c = 0; c < s->core.components; c++) {
        const sums t = sum_up(s, c);
        if (t.beyond > target_of(s, &t) / 4)
            return true;
    }
    return false;
}

static fan_status ask_beyond(state *s)
{
    fan_status status = FAN_OK;
    const bool on = goes_on(s);
    for (uint64_t i = 0; on && status == FAN_OK && i < s->core.chains; i++) {
        const int64_t last = s->core.reach[i] + CHAIN_STEP;
        status = ask_chain(s, (int64_t)i, last < CHAIN_LAST ? last : CHAIN_LAST);
    }
    return status;
}

/* Nothing is left to ask for: what the integral is. */
static fani_verdict conclude(const state *s)
{
    fani_verdict verdict = FANI_VERDICT_REACHED;
    for (uint32_t c = 0; c < s->core.components; c++) {
        const sums t = sum_up(s, c);
        for (uint64_t i = 0; i < s->core.chains; i++)
            if (s->core.reach[i] == CHAIN_LAST &&
                last_peak(s, c, i, 0) > 0.5 * last_peak(s, c, i, CHAIN_LAST - CHAIN_LOOK))
                return FANI_VERDICT_DIVERGENT;
        if (!(t.error + t.floor + t.beyond <=
              fmax(allowed_of(s, &t), 50 * DBL_EPSILON * t.absolute)))
            verdict = FANI_VERDICT_ROUNDING;
    }
    return verdict;
}

static fan_status filon_round(void *pointer, fani_round *round)
{
    state *s = pointer;
    fan_status status = FAN_OK;
    s->task_count = s->cut_count = 0;
    if (s->core.verdict == FANI_VERDICT_OPEN && s->core.count == 0) {
        status = ask_first(s);
    } else if (s->core.verdict == FANI_VERDICT_OPEN) {
        status = ask_cuts(s);
        if (status == FAN_OK)
            status = ask_beyond(s);
    }
    if (status == FAN_OK && s->core.verdict == FANI_VERDICT_OPEN && s->task_count == 0)
        s->core.verdict = (uint32_t)conclude(s);
    *round = (fani_round){.count = s->task_count,
                          .item_size = sizeof *s->tasks,
                          .reply_size = reply_size(s->core.components),
                          .bytes = (const unsigned char *)s->tasks};
    return status;
}

static void take_one(state *s, size_t place, const fani_filon_panel *task, const reply *r)
{
    s->panels[place] = *task;
    memcpy(&s->values[place * s->core.components], r->values,
           s->core.components * sizeof *s->values);
    if (r->bad_count > 0 && s->core.bad.count == 0) {
        s->core.bad.first_value = r->bad_value;
        s->core.bad.first_point[0] = r->bad_point;
    }
    s->core.bad.count += r->bad_count;
    s->core.evaluations += FANI_FILON_POINTS;
}

static bool reached(const state *s)
{
    for (uint32_t c = 0; c < s->core.components; c++) {
        const sums t = sum_up(s, c);
        if (!(t.error + t.floor + t.beyond <= allowed_of(s, &t)))
            return false;
    }
    return true;
}

static fan_status filon_take(void *pointer, const unsigned char *replies)
{
    state *s = pointer;
    const size_t size = reply_size(s->core.components);
    const fan_status status = make_room(s, s->core.count + s->task_count);
    if (status != FAN_OK)
        return status;
    for (size_t i = 0; i < s->task_count; i++) {
        const bool replaces = i % 2 == 0 && i / 2 < s->cut_count;
        const size_t place = replaces ? s->cut[i / 2] : s->core.count++;
        take_one(s, place, &s->tasks[i], (const reply *)(replies + i * size));
    }
    if (s->core.bad.count > 16 && s->core.bad.count > s->core.evaluations / 4)
        s->core.verdict = FANI_VERDICT_NOT_FINITE;
    else if (reached(s))
        s->core.verdict = FANI_VERDICT_REACHED;
    else if (s->core.evaluations >= s->core.goal.evaluations_max)
        s->core.verdict = FANI_VERDICT_BUDGET;
    return FAN_OK;
}

static void filon_result(const void *pointer, fani_estimate *estimate)
{
    const state *s = pointer;
    estimate->absolute = 0;
    for (uint32_t c = 0; c < s->core.components; c++) {
        const sums t = sum_up(s, c);
        estimate->value[c] = s->core.sign * t.value;
        estimate->error[c] = t.error + t.floor + t.beyond;
        estimate->absolute = fmax(estimate->absolute, t.absolute);
    }
    estimate->evaluations = s->core.evaluations;
    estimate->bad = s->core.bad;
    estimate->verdict = (fani_verdict)s->core.verdict;
    estimate->chosen[0] = '\0';
}

/* ---- Saving ---------------------------------------------------------------------------------- */

static fan_status filon_save(const void *pointer, unsigned char **bytes, size_t *size)
{
    const state *s = pointer;
    const size_t panels = s->core.count * sizeof *s->panels;
    const size_t values = s->core.count * s->core.components * sizeof *s->values;
    unsigned char *grown = realloc(*bytes, *size + sizeof s->core + panels + values);
    if (!grown)
        return FAN_E_MEMORY;
    *bytes = grown;
    memcpy(grown + *size, &s->core, sizeof s->core);
    *size += sizeof s->core;
    if (panels > 0) {
        memcpy(grown + *size, s->panels, panels);
        memcpy(grown + *size + panels, s->values, values);
    }
    *size += panels + values;
    return FAN_OK;
}

static bool sound(const core *c, const state *s, size_t size)
{
    const size_t each = sizeof *s->panels + s->core.components * sizeof *s->values;
    bool good = c->components == s->core.components && c->verdict <= FANI_VERDICT_NOT_FINITE &&
                c->chains <= CHAINS && c->count <= size / each && c->count * each == size;
    for (uint64_t i = 0; good && i < c->chains; i++)
        good = c->reach[i] >= CHAIN_FIRST && c->reach[i] <= CHAIN_LAST;
    return good;
}

static fan_status filon_load(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, const unsigned char *bytes, size_t size,
                             void **made)
{
    core c;
    void *opened = NULL;
    if (size < sizeof c)
        return FAN_E_PROTOCOL;
    memcpy(&c, bytes, sizeof c);
    fan_status status = filon_open(f, domain, goal, &opened, NULL);
    if (status != FAN_OK || !opened)
        return status;
    state *s = opened;
    status = sound(&c, s, size - sizeof c) ? make_room(s, c.count) : FAN_E_PROTOCOL;
    if (status != FAN_OK) {
        filon_close(s);
        return status;
    }
    s->core = c;
    if (c.count > 0) {
        memcpy(s->panels, bytes + sizeof c, c.count * sizeof *s->panels);
        memcpy(s->values, bytes + sizeof c + c.count * sizeof *s->panels,
               c.count * c.components * sizeof *s->values);
    }
    *made = s;
    return FAN_OK;
}

const fani_method fani_method_filon = {
    .name = "filon",
    .open = filon_open,
    .round = filon_round,
    .work = filon_work,
    .take = filon_take,
    .result = filon_result,
    .save = filon_save,
    .load = filon_load,
    .close = filon_close,
};
