/* What an item of adaptive integration asks for: pure functions of the integrand and the item. */
#include <float.h>
#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive.h"
#include "base/philox.h"

enum { POINTS = FANI_POINTS_MAX, FEW = 2 };

/* Points of a call and what comes back. */
typedef struct sheet {
    double x[POINTS], below[POINTS], above[POINTS];
    double weight[POINTS], position[POINTS];
} sheet;

/* Calls the integrand at count points of the sheet. */
static fan_status evaluate(const fani_integrand *f, const sheet *s, size_t count, double **values,
                           fani_item_reply *reply)
{
    const double *points[FAN_INTEGRAL_DIMENSION_MAX] = {s->x, s->below, s->above};
    reply->evaluations += count;
    return f->evaluate(f, points, count, values);
}

static void note_bad(fani_item_reply *reply, double value, double point)
{
    if (reply->bad_count++ == 0) {
        reply->bad_value = value;
        reply->bad_point = point;
    }
}

/* ---- Panels ---------------------------------------------------------------------------------- */

/* Values times weights; what is not finite becomes 0. Returns how many were not. */
static uint32_t weigh(const sheet *s, size_t first, size_t count, double *values,
                      fani_item_reply *reply)
{
    uint32_t bad = 0;
    double zero = 0; /* a NaN where a value is not finite */
    for (size_t i = first; i < first + count; i++) {
        const double weighted = values[i] * s->weight[i];
        zero += weighted * 0;
        values[i] = weighted;
    }
    for (size_t i = first; zero != 0 && i < first + count; i++) {
        if (isfinite(values[i]))
            continue;
        const double value = values[i] / s->weight[i];
        values[i] = 0;
        if (s->weight[i] >
            DBL_MAX / 1e10) /* too small a coordinate: the tail has ended long before */
            continue;
        note_bad(reply, value, s->x[i]);
        bad++;
    }
    return bad;
}

static void judge(const fani_item *item, const fani_integrand *f, const sheet *s, double **values,
                  fani_item_reply *reply)
{
    size_t first = 0;
    for (uint32_t k = 0; k < item->count; k++) {
        const size_t count = FANI_PANEL_NODES + item->panels[k].probes;
        for (size_t c = 0; c < f->components; c++) {
            const uint32_t bad = weigh(s, first, count, values[c], reply);
            reply->bad[k] = bad > reply->bad[k] ? bad : reply->bad[k];
            reply->values[k * f->components + c] =
                fani_panel_judge(&item->panels[k], s->position + first, values[c] + first);
        }
        first += count;
    }
}

static fan_status work_panels(const fani_integrand *f, const fani_item *item, sheet *s,
                              double **values, fani_item_reply *reply)
{
    size_t count = 0;
    for (uint32_t k = 0; k < item->count; k++)
        count += fani_panel_points(&item->panels[k], s->position + count, s->x + count,
                                   s->weight + count, f->wants_distances ? s->below + count : NULL,
                                   s->above + count);
    const fan_status status = evaluate(f, s, count, values, reply);
    if (status == FAN_OK)
        judge(item, f, s, values, reply);
    return status;
}

/* ---- Looks at single points ------------------------------------------------------------------ */

/* Sets point i of the sheet at a distance from the chart's base. */
static void place(sheet *s, size_t i, const fani_chart *chart, double distance)
{
    s->x[i] = chart->base + chart->direction * distance;
    s->below[i] = chart->base == chart->from ? distance : s->x[i] - chart->from;
    s->above[i] = chart->base == chart->to ? distance : chart->to - s->x[i];
}

/* The scan's distances grow by the fourth root of 2, from 2^-24 to 2^40. */
static double scan_distance(size_t i, double offset)
{
    return exp2(((double)i + offset) / 4 - 24);
}

/* Where the mass per factor of x falls below half of its maximum. */
static double scale_of(const double *mass, double offset)
{
    size_t top = 0;
    for (size_t i = 1; i < FANI_SCAN_POINTS; i++)
        top = mass[i] > mass[top] ? i : top;
    size_t i = top;
    while (i + 1 < FANI_SCAN_POINTS && mass[i] > mass[top] / 2)
        i++;
    return mass[top] > 0 ? scan_distance(i, offset) : 1;
}

/* Where changes of sign begin that go on: the index of the first one, or FANI_SCAN_POINTS. The mass
 * must not have died away behind it. */
static size_t first_wave(const double *values, const double *mass)
{
    enum { OCTAVES = 4, FAR = 18 * OCTAVES, CHANGES = 10 };
    static const double dead = 1e-13;
    size_t places[FANI_SCAN_POINTS] = {0};
    size_t n = 0;
    double top = 0;
    for (size_t i = 1; i < FANI_SCAN_POINTS; i++)
        if (values[i] * values[i - 1] < 0)
            places[n++] = i;
    for (size_t k = 0; k + CHANGES < n; k++) {
        const size_t first = places[k];
        if (places[k + CHANGES] - first > FAR / 2)
            continue;
        double behind = 0;
        for (size_t i = 0; i < FANI_SCAN_POINTS; i++) {
            if (i < first + 2 * (size_t)OCTAVES)
                top = mass[i] > top ? mass[i] : top;
            else if (i > first + FAR / 2 && i < first + FAR)
                behind = mass[i] > behind ? mass[i] : behind;
        }
        return behind > dead * top ? first : FANI_SCAN_POINTS;
    }
    return FANI_SCAN_POINTS;
}

/* Looks for swings without changes of sign, and then for their period. Before the tail comes a
 * finite piece: some periods, and well beyond the place where the mass is, so that it only falls.
 */
static fan_status scan_swings(const fani_integrand *f, const fani_item *item, const double *mass,
                              double offset, fani_item_reply *reply)
{
    enum { PERIODS_LEAST = 8, PERIODS_MOST = 2000 };
    const size_t swing = fani_adaptive_first_swing(mass, FANI_SCAN_POINTS);
    size_t top = 0;
    double period = 0;
    if (swing == FANI_SCAN_POINTS)
        return FAN_OK;
    for (size_t i = 1; i < FANI_SCAN_POINTS; i++)
        top = mass[i] > mass[top] ? i : top;
    const fan_status status = fani_adaptive_period(
        f, &item->panels[0].chart, scan_distance(swing, offset), &period, &reply->evaluations);
    const double first = fmax(2 * scan_distance(top, offset) / period, PERIODS_LEAST);
    if (status != FAN_OK || !(period > 0) || first > PERIODS_MOST)
        return status;
    reply->numbers[0] = ceil(first) * period;
    reply->numbers[1] = FANI_TAIL_PERIODS;
    reply->numbers[2] = period;
    return FAN_OK;
}

static fan_status work_scan(const fani_integrand *f, const fani_item *item, sheet *s,
                            double **values, fani_item_reply *reply)
{
    const fani_panel *panel = &item->panels[0];
    const double offset = ((double)(fani_philox_u64(panel->seed, 0) >> 11) + 0.5) * 0x1p-53;
    double mass[FANI_SCAN_POINTS] = {0};
    for (size_t i = 0; i < FANI_SCAN_POINTS; i++)
        place(s, i, &panel->chart, scan_distance(i, offset));
    const fan_status status = evaluate(f, s, FANI_SCAN_POINTS, values, reply);
    if (status != FAN_OK)
        return status;
    for (size_t i = 0; i < FANI_SCAN_POINTS; i++) {
        for (size_t c = 0; c < f->components; c++)
            mass[i] = fmax(mass[i], fabs(values[c][i]) * scan_distance(i, offset));
        mass[i] = isfinite(mass[i]) ? mass[i] : 0;
    }
    const double scale = scale_of(mass, offset);
    const size_t wave = f->components == 1 ? first_wave(values[0], mass) : FANI_SCAN_POINTS;
    const bool oscillates = wave < FANI_SCAN_POINTS;
    reply->numbers[0] = oscillates ? fmin(scale, scan_distance(wave, offset)) : scale;
    reply->numbers[1] = oscillates ? FANI_TAIL_ZEROS : FANI_TAIL_PLAIN;
    reply->numbers[2] = 0;
    return oscillates || f->components > 1 ? FAN_OK : scan_swings(f, item, mass, offset, reply);
}

/* ---- Zeros ----------------------------------------------------------------------------------- */

enum { WINDOW = 64, ATTEMPTS = 60, REFINEMENTS = 60 };

typedef struct brackets {
    size_t count;
    double lo[FANI_ITEM_ZEROS], hi[FANI_ITEM_ZEROS];
    double at_lo[FANI_ITEM_ZEROS], at_hi[FANI_ITEM_ZEROS];
} brackets;

/* Changes of sign among WINDOW samples; the smallest number of samples between two of them. */
static size_t changes(const double *values, double from, double step, brackets *b)
{
    size_t gap = WINDOW;
    size_t last = 0;
    b->count = 0;
    for (size_t i = 1; i < WINDOW && b->count < FANI_ITEM_ZEROS; i++) {
        if ((values[i] > 0) == (values[i - 1] > 0))
            continue;
        if (b->count > 0)
            gap = i - last < gap ? i - last : gap;
        last = i;
        const size_t k = b->count++;
        b->lo[k] = from + step * (double)i;
        b->hi[k] = from + step * (double)(i + 1);
        b->at_lo[k] = values[i - 1];
        b->at_hi[k] = values[i];
    }
    return gap;
}

/* Looks for a step at which the changes of sign are at least 4 samples apart. */
static fan_status bracket(const fani_integrand *f, const fani_panel *panel, sheet *s,
                          double **values, double *step, brackets *b, fani_item_reply *reply)
{
    enum { APART = 4, ENOUGH = 3 };
    fan_status status = FAN_OK;
    b->count = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        for (size_t i = 0; i < WINDOW; i++)
            place(s, i, &panel->chart, panel->lo + *step * (double)(i + 1));
        status = evaluate(f, s, WINDOW, values, reply);
        if (status != FAN_OK)
            return status;
        const size_t gap = changes(values[0], panel->lo, *step, b);
        if (b->count < ENOUGH && *step < 1e12 * panel->hi)
            *step *= 2;
        else if (gap<APART && * step> 1e-9 * panel->hi)
            *step /= 2;
        else
            return FAN_OK;
    }
    b->count = 0;
    return FAN_OK;
}

/* One step of the Illinois form of false position for all brackets; true when all are short. */
static bool narrow(brackets *b, const double *at, const double *values)
{
    bool done = true;
    for (size_t k = 0; k < b->count; k++) {
        const bool low = (values[k] > 0) == (b->at_lo[k] > 0);
        if (values[k] == 0) {
            b->lo[k] = b->hi[k] = at[k];
        } else if (low) {
            b->lo[k] = at[k];
            b->at_lo[k] = values[k];
            b->at_hi[k] /= 2;
        } else {
            b->hi[k] = at[k];
            b->at_hi[k] = values[k];
            b->at_lo[k] /= 2;
        }
        done = done && b->hi[k] - b->lo[k] <= 4 * DBL_EPSILON * b->hi[k];
    }
    return done;
}

static double next_guess(const brackets *b, size_t k, int turn)
{
    const double lo = b->lo[k];
    const double hi = b->hi[k];
    const double guess = lo + (hi - lo) * (b->at_lo[k] / (b->at_lo[k] - b->at_hi[k]));
    const double margin = 2 * DBL_EPSILON * hi; /* else one end never moves */
    if (turn % 4 == 3 || !(guess >= lo && guess <= hi))
        return lo + (hi - lo) / 2;
    return fmin(fmax(guess, fmin(lo + margin, hi)), fmax(hi - margin, lo));
}

static fan_status work_zeros(const fani_integrand *f, const fani_item *item, sheet *s,
                             double **values, fani_item_reply *reply)
{
    const fani_panel *panel = &item->panels[0];
    brackets b = {.count = 0};
    double at[FANI_ITEM_ZEROS] = {0};
    double step = panel->hi;
    fan_status status = bracket(f, panel, s, values, &step, &b, reply);
    bool done = b.count == 0;
    for (int turn = 0; status == FAN_OK && !done && turn < REFINEMENTS; turn++) {
        for (size_t k = 0; k < b.count; k++) {
            at[k] = next_guess(&b, k, turn);
            place(s, k, &panel->chart, at[k]);
        }
        status = evaluate(f, s, b.count, values, reply);
        if (status == FAN_OK)
            done = narrow(&b, at, values[0]);
    }
    reply->numbers[0] = (double)b.count;
    reply->numbers[1] = b.count > 1 ? (b.hi[b.count - 1] - b.hi[b.count - 2]) / 7 : step;
    for (size_t k = 0; k < b.count; k++)
        reply->numbers[2 + k] = b.hi[k];
    return status;
}

/* ---- Singular points ------------------------------------------------------------------------- */

/* The point of [lo, hi] where |f| is largest or not finite; the ends are among them. */
static fan_status work_locate(const fani_integrand *f, const fani_item *item, sheet *s,
                              double **values, fani_item_reply *reply)
{
    const fani_panel *panel = &item->panels[0];
    const double step = (panel->hi - panel->lo) / (POINTS - 1);
    size_t best = 0;
    for (size_t i = 0; i < POINTS; i++)
        place(s, i, &panel->chart, i < POINTS - 1 ? panel->lo + step * (double)i : panel->hi);
    const fan_status status = evaluate(f, s, POINTS, values, reply);
    if (status != FAN_OK)
        return status;
    for (size_t i = 0; i < POINTS && isfinite(values[0][best]); i++)
        if (!isfinite(values[0][i]) || fabs(values[0][i]) > fabs(values[0][best]))
            best = i;
    const double strength = fabs(values[0][best]);
    reply->numbers[0] = s->x[best];
    reply->numbers[1] = isfinite(strength) ? strength : INFINITY;
    return FAN_OK;
}

/* ---- All ------------------------------------------------------------------------------------- */

static fan_status work_on(const fani_integrand *f, const fani_item *item, sheet *s, double **values,
                          fani_item_reply *reply)
{
    switch ((fani_item_kind)item->kind) {
    case FANI_ITEM_PANEL:
        return work_panels(f, item, s, values, reply);
    case FANI_ITEM_SCAN:
        return work_scan(f, item, s, values, reply);
    case FANI_ITEM_ZERO:
        return work_zeros(f, item, s, values, reply);
    case FANI_ITEM_LOCATE:
        return work_locate(f, item, s, values, reply);
    case FANI_ITEM_STRETCH:
        break;
    }
    return FAN_E_PROTOCOL;
}

fan_status fani_adaptive_work(const fani_integrand *f, const fani_domain *domain,
                              const unsigned char *item, unsigned char *reply)
{
    (void)domain;
    alignas(64) double few[FEW][POINTS];
    double *values[FANI_COMPONENTS_MAX];
    sheet s;
    double *many = NULL;
    if (f->components > FEW) {
        many = malloc(f->components * POINTS * sizeof *many);
        if (!many)
            return FAN_E_MEMORY;
    }
    for (size_t c = 0; c < f->components; c++)
        values[c] = many ? many + c * POINTS : few[c];
    memset(reply, 0, offsetof(fani_item_reply, numbers));
    const fan_status status =
        work_on(f, (const fani_item *)item, &s, values, (fani_item_reply *)reply);
    free(many);
    return status;
}
