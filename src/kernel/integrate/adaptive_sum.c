/* What the intervals say together, chains extrapolated. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive.h"
#include "extrapolate.h"

enum {
    SHELLS_MIN = 3,
    ZEROS_MIN = 8,
    PERIODS_MIN = 6,
    SHELLS_DIVERGE = 10,
    PERIODS_DIVERGE = 6,
    ZEROS_DIVERGE = 24,
    SURE = 60
};

/* A sum with the rounding of its additions carried along. Source: A. Neumaier, 1974. */
typedef struct careful {
    double sum, rest;
} careful;

static void add(careful *c, double value)
{
    const double t = c->sum + value;
    c->rest += fabs(c->sum) >= fabs(value) ? (c->sum - t) + value : (value - t) + c->sum;
    c->sum = t;
}

double fani_adaptive_allowed(const fani_adaptive *a, size_t component)
{
    const double relative = a->core.goal.rel * fabs(a->value[component]);
    const double rounding = 50 * DBL_EPSILON * a->absolute[component];
    return fmax(fmax(a->core.goal.abs, relative), rounding);
}

/* One chain's shells and tip, of one component. */
typedef struct shells {
    double *value, *absolute; /* a level each */
    double tip, tip_error;
    size_t tips;
} shells;

static void clear_shells(shells *s, double *memory, size_t levels)
{
    *s = (shells){.value = memory, .absolute = memory + levels};
    memset(memory, 0, 2 * levels * sizeof *memory);
}

static void collect(const fani_adaptive *a, uint32_t chain, size_t c, shells *s)
{
    for (uint32_t i = 0; i < a->core.interval_count; i++) {
        const fani_interval *v = &a->intervals[i];
        const fani_panel_value *p = &a->values[(size_t)i * a->core.components + c];
        if (v->chart != chain)
            continue;
        if (v->level >= 0) {
            s->value[v->level] += p->value;
            s->absolute[v->level] += p->absolute;
        } else if (v->tip) {
            s->tip += p->value;
            s->tip_error += p->error;
            s->tips++;
        }
    }
}

/* Whether shells do not get lighter: such a chain has no limit, though an extrapolation would name
 * one. Half-waves may get smaller very slowly, so that they are compared over half of their number;
 * of other shells each of the last ones is with the one before. */
static bool stays_heavy(const fani_chain *chain, const shells *s, size_t last)
{
    static const double decay = 0.9995;
    const size_t n = chain->levels;
    if (chain->oscillates)
        return s->absolute[n - 1] > decay * s->absolute[n / 2];
    for (size_t k = n - last; k < n; k++)
        if (!(s->absolute[k] > decay * s->absolute[k - 1]))
            return false;
    return s->absolute[n - 1] > 0;
}

/* Whether the chain says that the integral does not exist: its shells are of one sign and stay
 * heavy, or its half-waves do. */
static bool grows(const fani_chain *chain, const shells *s)
{
    enum { LAST = 6 };
    const size_t n = chain->levels;
    static const size_t enough[] = {SHELLS_DIVERGE, ZEROS_DIVERGE, PERIODS_DIVERGE};
    if (n < enough[chain->oscillates] || !stays_heavy(chain, s, LAST))
        return false;
    for (size_t k = n - LAST; !chain->oscillates && k < n; k++)
        if (fabs(s->value[k]) < 0.9 * s->absolute[k])
            return false;
    return true;
}

/* Shells that shrink ever more slowly (as those of 1 / (x log(x)^2)) have no limit that an
 * extrapolation finds: how uncertain their rest is. */
static double drift(const fani_chain *chain, const shells *s)
{
    static const double slow = 0.9;
    const size_t n = chain->levels;
    if (chain->oscillates || n < 6)
        return 0;
    const double last = s->value[n - 1];
    const double ratio = last / s->value[n - 2];
    const double before = s->value[n - 4] / s->value[n - 5];
    if (!(ratio > slow))
        return 0;
    return fabs(last * (ratio - before)) / ((1 - ratio) * (1 - ratio));
}

/* The partial sums of a chain: shells before level k, and the tip as it was then. */
static size_t partial_sums(const fani_adaptive *a, uint32_t chain, size_t c, const shells *s,
                           double *terms)
{
    const fani_chain *ch = &a->chains[chain];
    careful sum = {0};
    if (ch->oscillates) {
        for (size_t k = 0; k < ch->levels; k++) {
            add(&sum, s->value[k]);
            terms[k] = sum.sum + sum.rest;
        }
        return ch->levels;
    }
    for (size_t i = 0; i < a->core.record_count; i++) {
        const fani_record *r = (const fani_record *)(a->records + i * a->record_size);
        if (r->chain != chain)
            continue;
        terms[r->level] = sum.sum + sum.rest + r->value[c];
        add(&sum, s->value[r->level]);
    }
    terms[ch->levels] = sum.sum + sum.rest + s->tip;
    return ch->levels + 1;
}

/* Puts the limit of a chain in place of its plain sum where its error is smaller. */
static void extrapolate(fani_adaptive *a, uint32_t chain, size_t c, careful *value, careful *error)
{
    fani_chain *ch = &a->chains[chain];
    shells s;
    double limit_error;
    clear_shells(&s, a->sums, ch->levels);
    collect(a, chain, c, &s);
    double *terms = a->sums + 2 * (size_t)ch->levels;
    const size_t count = partial_sums(a, chain, c, &s, terms);
    const double limit = fani_extrapolate(terms, count, &limit_error);
    const double plain = terms[count - 1];
    limit_error += drift(ch, &s);
    if (stays_heavy(ch, &s, 1))
        limit_error = INFINITY;
    if (grows(ch, &s)) {
        a->diverges = true;
        a->surely = a->surely || ch->levels >= (ch->oscillates ? ZEROS_DIVERGE : SURE) ||
                    ch->oscillates == FANI_TAIL_PERIODS;
    }
    if (ch->oscillates) {
        if (isfinite(limit_error) || ch->oscillates == FANI_TAIL_ZEROS)
            add(value, limit - plain);
        add(error, isfinite(limit_error) ? limit_error : a->absolute[c]);
        ch->drop = limit_error / fani_adaptive_allowed(a, c);
    } else if (limit_error < s.tip_error) { /* false for a NaN, too */
        add(value, limit - plain);
        add(error, limit_error - s.tip_error);
        ch->drop = fmax(ch->drop, limit_error / s.tip_error);
    } else {
        ch->drop = 1;
    }
}

static void sum_component(fani_adaptive *a, size_t c)
{
    const size_t components = a->core.components;
    careful value = {0};
    careful error = {0};
    careful absolute = {0};
    static const uint32_t least[] = {SHELLS_MIN, ZEROS_MIN, PERIODS_MIN};
    for (uint32_t i = 0; i < a->core.interval_count; i++) {
        const fani_panel_value *p = &a->values[i * components + c];
        add(&value, p->value);
        add(&error, p->error);
        add(&absolute, p->absolute);
    }
    a->absolute[c] = absolute.sum + absolute.rest;
    a->value[c] = value.sum + value.rest;
    for (uint32_t k = 0; k < a->core.chain_count; k++)
        if (a->chains[k].levels >= least[a->chains[k].oscillates])
            extrapolate(a, k, c, &value, &error);
        else if (a->chains[k].oscillates)
            add(&error, a->absolute[c]);
    a->value[c] = value.sum + value.rest;
    a->error[c] = fmax(error.sum + error.rest, 0);
}

fan_status fani_adaptive_sum(fani_adaptive *a)
{
    size_t levels = 0;
    for (uint32_t k = 0; k < a->core.chain_count; k++) {
        fani_chain *ch = &a->chains[k];
        levels = ch->levels > levels ? ch->levels : levels;
        ch->drop = ch->levels >= SHELLS_MIN && !ch->oscillates ? 0 : 1;
    }
    const fan_status status =
        fani_adaptive_room((void **)&a->sums, &a->sums_room, 3 * levels + 4, sizeof *a->sums);
    if (status != FAN_OK)
        return status;
    a->diverges = a->surely = false;
    for (size_t c = 0; c < a->core.components; c++)
        sum_component(a, c);
    return FAN_OK;
}
