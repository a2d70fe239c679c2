/* Double exponential integration: the trapezoid rule after a change of variable that makes the
 * integrand fall off double exponentially at both ends, whatever it does there.
 *
 * Finite pieces: x = tanh(pi/2 sinh t), with the distances from the ends exact; half-infinite ones:
 * x = exp(pi/2 sinh t); the whole line: x = sinh(pi/2 sinh t). Source: H. Takahasi and M. Mori,
 * Double exponential formulas for numerical integration, 1974. */
#include <float.h>
#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive.h"
#include "base/error.h"
#include "methods_1d.h"

enum {
    ITEM_POINTS = FANI_POINTS_MAX / 2, /* of one item */
    LEVEL_FIRST = 2,                   /* its step is 1/4 */
    LEVEL_LAST = 11,
    COMPONENTS_INLINE = 2,
};

static const double u_finite = 345;   /* distances down to 1e-300 */
static const double u_infinite = 230; /* up to 1e100: powers of x stay finite */

typedef struct piece {
    double lo, hi;   /* may be infinite */
    double from, to; /* of the whole range */
} piece;

/* Points t = step * (first + stride * i), i < count. */
typedef struct stretch {
    uint32_t kind;   /* FANI_ITEM_STRETCH */
    uint32_t number; /* of the piece */
    piece piece;
    double step;
    int32_t first, stride, count, unused;
} stretch;

/* One component's sums of weighted values. */
typedef struct sums {
    double value, absolute;
    double low_term, high_term; /* |term| of the outermost points used */
} sums;

typedef struct reply {
    uint64_t evaluations, bad_count;
    double bad_value, bad_point;
    double low, high; /* t of the outermost points used; low > high: none */
    sums sums[];
} reply;

typedef struct core {
    fani_goal goal;
    double sign;
    uint32_t components, piece_count;
    uint32_t level, verdict;
    uint64_t evaluations;
    fani_bad_values bad;
} core;

/* One component of one piece. */
typedef struct total {
    double value, absolute;     /* sums without the step, all levels */
    double low, high;           /* t of the outermost points */
    double low_term, high_term; /* |term| there */
    double estimate[3];         /* integrals of the last three levels, newest first */
} total;

typedef struct state {
    core core;
    piece *pieces;
    total *totals; /* piece x component */
    stretch *tasks;
    size_t task_count, task_room, reply_size;
} state;

/* ---- Points ---------------------------------------------------------------------------------- */

static double reach(const piece *p)
{
    return asinh((isfinite(p->lo) && isfinite(p->hi) ? u_finite : u_infinite) / M_PI_2);
}

/* x at t, dx/dt, and the distance from the nearer end of the piece (infinite pieces: the finite
 * one). */
static double map_point(const piece *p, double t, double *weight, double *distance)
{
    const double u = M_PI_2 * sinh(t);
    const double slope = M_PI_2 * cosh(t);
    const bool below = isinf(p->lo);
    const bool above = isinf(p->hi);
    if (below && above) {
        *weight = slope * cosh(u);
        *distance = INFINITY;
        return sinh(u);
    }
    if (below || above) {
        *distance = exp(u);
        *weight = slope * *distance;
        return above ? p->lo + *distance : p->hi - *distance;
    }
    const double e = exp(-2 * fabs(u));
    *distance = (p->hi - p->lo) * e / (1 + e);
    *weight = slope * (p->hi - p->lo) * 2 * e / ((1 + e) * (1 + e));
    return t < 0 ? p->lo + *distance : p->hi - *distance;
}

typedef struct sheet {
    double x[FANI_POINTS_MAX], below[FANI_POINTS_MAX], above[FANI_POINTS_MAX];
    double t[FANI_POINTS_MAX], weight[FANI_POINTS_MAX];
} sheet;

/* Whether x has become the end itself, where the integrand may be infinite. */
static bool at_end(const piece *p, double x)
{
    return x <= p->lo || x >= p->hi;
}

/* Lays out the points that may be evaluated. Returns how many. */
static size_t lay_out(const stretch *task, bool distances, sheet *s)
{
    const piece *p = &task->piece;
    size_t n = 0;
    for (int32_t i = 0; i < task->count; i++) {
        const double t = task->step * (task->first + (double)task->stride * i);
        double distance;
        s->x[n] = map_point(p, t, &s->weight[n], &distance);
        const bool low = isinf(p->hi) || (isfinite(p->lo) && t < 0);
        s->t[n] = t;
        s->below[n] = low && p->lo == p->from ? distance : s->x[n] - p->from;
        s->above[n] = !low && p->hi == p->to ? distance : p->to - s->x[n];
        const bool exact = distances && (low ? p->lo == p->from : p->hi == p->to);
        n += (exact && distance > 0) || !at_end(p, s->x[n]);
    }
    return n;
}

/* ---- Work ------------------------------------------------------------------------------------ */

static void add_up(const sheet *s, size_t count, const double *values, sums *sum, reply *out)
{
    double value = 0;
    double absolute = 0;
    for (size_t i = 0; i < count; i++) {
        const double term = values[i] * s->weight[i];
        if (!isfinite(term)) {
            if (out->bad_count++ == 0) {
                out->bad_value = values[i];
                out->bad_point = s->x[i];
            }
            continue;
        }
        value += term;
        absolute += fabs(term);
        if (s->t[i] == out->low)
            sum->low_term = fabs(term);
        if (s->t[i] == out->high)
            sum->high_term = fabs(term);
    }
    sum->value = value;
    sum->absolute = absolute;
}

static fan_status evaluate(const fani_integrand *f, const stretch *task, double **values,
                           reply *out)
{
    sheet s;
    const size_t count = lay_out(task, f->wants_distances, &s);
    const double *points[FAN_INTEGRAL_DIMENSION_MAX] = {s.x, s.below, s.above};
    out->low = INFINITY;
    out->high = -INFINITY;
    if (count == 0)
        return FAN_OK;
    out->evaluations = count;
    out->low = s.t[0];
    out->high = s.t[count - 1];
    const fan_status status = f->evaluate(f, points, count, values);
    for (size_t c = 0; status == FAN_OK && c < f->components; c++)
        add_up(&s, count, values[c], &out->sums[c], out);
    return status;
}

static size_t reply_size(size_t components)
{
    return sizeof(reply) + components * sizeof(sums);
}

static fan_status tanh_sinh_work(const fani_integrand *f, const fani_domain *domain,
                                 const unsigned char *item, unsigned char *bytes)
{
    (void)domain;
    alignas(64) double few[COMPONENTS_INLINE][FANI_POINTS_MAX];
    double *values[FANI_COMPONENTS_MAX];
    double *many = NULL;
    if (f->components > COMPONENTS_INLINE) {
        many = malloc(f->components * FANI_POINTS_MAX * sizeof *many);
        if (!many)
            return FAN_E_MEMORY;
    }
    for (size_t c = 0; c < f->components; c++)
        values[c] = many ? many + c * FANI_POINTS_MAX : few[c];
    memset(bytes, 0, reply_size(f->components));
    const fan_status status = evaluate(f, (const stretch *)item, values, (reply *)bytes);
    free(many);
    return status;
}

/* ---- State ----------------------------------------------------------------------------------- */

static void tanh_sinh_close(void *pointer)
{
    state *s = pointer;
    if (!s)
        return;
    free(s->pieces);
    free(s->totals);
    free(s->tasks);
    free(s);
}

/* The pieces between the ends and the break points. */
static void cut_pieces(state *s, const fani_domain *domain, double from, double to)
{
    double lo = from;
    for (uint32_t i = 0; i < s->core.piece_count; i++) {
        const double hi = i < domain->break_count ? domain->breaks[i] : to;
        s->pieces[i] = (piece){lo, hi, from, to};
        lo = hi;
    }
}

static fan_status tanh_sinh_open(const fani_integrand *f, const fani_domain *domain,
                                 const fani_goal *goal, void **made, fan_error *error)
{
    double from;
    double to;
    double sign;
    const fan_status status = fani_domain_line(domain, "tanh-sinh", &from, &to, &sign, error);
    if (status != FAN_OK)
        return status;
    const size_t pieces = from == to ? 0 : domain->break_count + 1;
    state *s = calloc(1, sizeof *s);
    if (s) {
        s->pieces = calloc(pieces + 1, sizeof *s->pieces);
        s->totals = calloc((pieces + 1) * f->components, sizeof *s->totals);
    }
    if (!s || !s->pieces || !s->totals) {
        tanh_sinh_close(s);
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
    }
    s->core = (core){.goal = *goal,
                     .sign = sign,
                     .components = (uint32_t)f->components,
                     .piece_count = (uint32_t)pieces,
                     .level = LEVEL_FIRST,
                     .verdict = pieces == 0 ? FANI_VERDICT_REACHED : FANI_VERDICT_OPEN};
    s->reply_size = reply_size(f->components);
    cut_pieces(s, domain, from, to);
    for (size_t i = 0; i < pieces * f->components; i++) {
        s->totals[i].low = INFINITY;
        s->totals[i].high = -INFINITY;
    }
    *made = s;
    return FAN_OK;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

/* Asks for a level of one piece: all multiples of the step at first, then the odd ones. */
static fan_status ask(state *s, uint32_t number)
{
    const double step = ldexp(1, -(int)s->core.level);
    const bool all = s->core.level == LEVEL_FIRST;
    const int32_t stride = all ? 1 : 2;
    const int32_t last = (int32_t)(reach(&s->pieces[number]) / step);
    int32_t k = -last;
    if (!all && k % 2 == 0)
        k++;
    while (k <= last) {
        const int32_t left = (last - k) / stride + 1;
        const int32_t count = left < ITEM_POINTS ? left : ITEM_POINTS;
        if (s->task_count == s->task_room) {
            const size_t room = 2 * s->task_room + 8;
            stretch *grown = reallocarray(s->tasks, room, sizeof *grown);
            if (!grown)
                return FAN_E_MEMORY;
            s->tasks = grown;
            s->task_room = room;
        }
        s->tasks[s->task_count++] = (stretch){.kind = FANI_ITEM_STRETCH,
                                              .number = number,
                                              .piece = s->pieces[number],
                                              .step = step,
                                              .first = k,
                                              .stride = stride,
                                              .count = count};
        k += stride * count;
    }
    return FAN_OK;
}

static fan_status tanh_sinh_round(void *pointer, fani_round *round)
{
    state *s = pointer;
    fan_status status = FAN_OK;
    s->task_count = 0;
    for (uint32_t i = 0;
         status == FAN_OK && s->core.verdict == FANI_VERDICT_OPEN && i < s->core.piece_count; i++)
        status = ask(s, i);
    *round = (fani_round){.count = s->task_count,
                          .item_size = sizeof *s->tasks,
                          .reply_size = s->reply_size,
                          .bytes = (const unsigned char *)s->tasks};
    return status;
}

static void take_reply(state *s, const stretch *task, const reply *r)
{
    s->core.evaluations += r->evaluations;
    if (r->bad_count > 0 && s->core.bad.count == 0) {
        s->core.bad.first_value = r->bad_value;
        s->core.bad.first_point[0] = r->bad_point;
    }
    s->core.bad.count += r->bad_count;
    for (uint32_t c = 0; c < s->core.components; c++) {
        total *t = &s->totals[task->number * s->core.components + c];
        const sums *sum = &r->sums[c];
        t->value += sum->value;
        t->absolute += sum->absolute;
        if (r->low < t->low) {
            t->low = r->low;
            t->low_term = sum->low_term;
        }
        if (r->high > t->high) {
            t->high = r->high;
            t->high_term = sum->high_term;
        }
    }
}

/* How far the last level is off: the change that it made, or, where changes shrink as fast as those
 * of a converging rule, the 1.5th power of it; what lies beyond the outermost points; rounding. */
static double error_of(const total *t, double step)
{
    const double change = fabs(t->estimate[0] - t->estimate[1]);
    const double before = fabs(t->estimate[1] - t->estimate[2]);
    const double size = step * t->absolute;
    double error = change;
    if (size > 0 && before < 0.1 * size && change < before * sqrt(before / size))
        error = 10 * change * sqrt(change / size);
    const double beyond =
        t->low_term / (1 + M_PI_2 * cosh(t->low)) + t->high_term / (1 + M_PI_2 * cosh(t->high));
    return fmin(error, change) + 4 * beyond + 4 * DBL_EPSILON * size;
}

static void sum_up(const state *s, uint32_t c, double *value, double *error, double *absolute)
{
    const double step = ldexp(1, -(int)s->core.level);
    *value = *error = *absolute = 0;
    for (uint32_t i = 0; i < s->core.piece_count; i++) {
        const total *t = &s->totals[i * s->core.components + c];
        *value += t->estimate[0];
        *error += error_of(t, step);
        *absolute += step * t->absolute;
    }
}

static bool reached(const state *s)
{
    for (uint32_t c = 0; c < s->core.components; c++) {
        double value;
        double error;
        double absolute;
        sum_up(s, c, &value, &error, &absolute);
        const double allowed = fmax(fmax(s->core.goal.abs, s->core.goal.rel * fabs(value)),
                                    50 * DBL_EPSILON * absolute);
        if (!(error <= allowed))
            return false;
    }
    return true;
}

static fani_verdict judge(const state *s)
{
    enum { TRUSTED = LEVEL_FIRST + 2 }; /* three levels make two changes */
    if (s->core.bad.count > 16 && s->core.bad.count > s->core.evaluations / 4)
        return FANI_VERDICT_NOT_FINITE;
    if (s->core.level >= TRUSTED && reached(s))
        return FANI_VERDICT_REACHED;
    if (s->core.level == LEVEL_LAST)
        return FANI_VERDICT_ROUNDING;
    return s->core.evaluations >= s->core.goal.evaluations_max ? FANI_VERDICT_BUDGET
                                                               : FANI_VERDICT_OPEN;
}

static fan_status tanh_sinh_take(void *pointer, const unsigned char *replies)
{
    state *s = pointer;
    const double step = ldexp(1, -(int)s->core.level);
    for (size_t i = 0; i < s->task_count; i++)
        take_reply(s, &s->tasks[i], (const reply *)(replies + i * s->reply_size));
    for (size_t i = 0; i < (size_t)s->core.piece_count * s->core.components; i++) {
        total *t = &s->totals[i];
        t->estimate[2] = t->estimate[1];
        t->estimate[1] = t->estimate[0];
        t->estimate[0] = step * t->value;
    }
    const fani_verdict verdict = judge(s);
    s->core.verdict = (uint32_t)verdict;
    s->core.level += verdict == FANI_VERDICT_OPEN;
    return FAN_OK;
}

static void tanh_sinh_result(const void *pointer, fani_estimate *estimate)
{
    const state *s = pointer;
    const state done = {.core = s->core, .pieces = s->pieces, .totals = s->totals};
    state at = done;
    at.core.level -= s->core.verdict == FANI_VERDICT_OPEN && s->core.level > LEVEL_FIRST;
    estimate->absolute = 0;
    for (uint32_t c = 0; c < s->core.components; c++) {
        double absolute;
        sum_up(&at, c, &estimate->value[c], &estimate->error[c], &absolute);
        estimate->value[c] *= s->core.sign;
        estimate->absolute = fmax(estimate->absolute, absolute);
    }
    estimate->evaluations = s->core.evaluations;
    estimate->bad = s->core.bad;
    estimate->verdict = (fani_verdict)s->core.verdict;
    estimate->chosen[0] = '\0';
}

/* ---- Saving ---------------------------------------------------------------------------------- */

static size_t totals_size(const core *c)
{
    return (size_t)c->piece_count * c->components * sizeof(total);
}

static fan_status tanh_sinh_save(const void *pointer, unsigned char **bytes, size_t *size)
{
    const state *s = pointer;
    const size_t more = sizeof s->core + totals_size(&s->core);
    unsigned char *grown = realloc(*bytes, *size + more);
    if (!grown)
        return FAN_E_MEMORY;
    *bytes = grown;
    memcpy(grown + *size, &s->core, sizeof s->core);
    memcpy(grown + *size + sizeof s->core, s->totals, totals_size(&s->core));
    *size += more;
    return FAN_OK;
}

static fan_status tanh_sinh_load(const fani_integrand *f, const fani_domain *domain,
                                 const fani_goal *goal, const unsigned char *bytes, size_t size,
                                 void **made)
{
    core c;
    void *opened;
    if (size < sizeof c)
        return FAN_E_PROTOCOL;
    memcpy(&c, bytes, sizeof c);
    const fan_status status = tanh_sinh_open(f, domain, goal, &opened, NULL);
    if (status != FAN_OK)
        return status;
    state *s = opened;
    if (c.components != s->core.components || c.piece_count != s->core.piece_count ||
        c.level < LEVEL_FIRST || c.level > LEVEL_LAST || c.verdict > FANI_VERDICT_NOT_FINITE ||
        size != sizeof c + totals_size(&c)) {
        tanh_sinh_close(s);
        return FAN_E_PROTOCOL;
    }
    s->core = c;
    memcpy(s->totals, bytes + sizeof c, totals_size(&c));
    *made = s;
    return FAN_OK;
}

const fani_method fani_method_tanh_sinh = {
    .name = "tanh-sinh",
    .open = tanh_sinh_open,
    .round = tanh_sinh_round,
    .work = tanh_sinh_work,
    .take = tanh_sinh_take,
    .result = tanh_sinh_result,
    .save = tanh_sinh_save,
    .load = tanh_sinh_load,
    .close = tanh_sinh_close,
};
