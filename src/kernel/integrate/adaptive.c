/* Adaptive integration by rounds: which intervals are cut next, and when it is done. */
#include "adaptive.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_method.h"
#include "base/error.h"

enum {
    CUTS_MIN = 16, /* of a round, where so many are asked for */
    TIP_DEPTH = 2, /* from here on a chain's tip shrinks by 4 */
    STUCK_MAX = 4, /* cuts in a row that did not help */
    BAD_NODES = 8, /* of a panel at BAD_DEPTH: they persist */
    BAD_DEPTH = 6,
    VERIFY_FROM = 5, /* intervals: fewer are an easy integrand, seen by its probes */
    VERIFY_CUTS = 8,
    RESTARTS = 2,
    ZEROS_MAX = 400,
    INTERVALS_MAX = 1 << 20, /* as far as periods may fill memory */
    PERIODS_MAX = 20,        /* shells of them, each as long as all before */
};

/* ---- Room ------------------------------------------------------------------------------------ */

fan_status fani_adaptive_room(void **array, size_t *room, size_t count, size_t size)
{
    if (count <= *room)
        return FAN_OK;
    const size_t more = count < 8 ? 8 : count + count / 2;
    void *grown = reallocarray(*array, more, size);
    if (!grown)
        return FAN_E_MEMORY;
    *array = grown;
    *room = more;
    return FAN_OK;
}

fan_status fani_adaptive_add(fani_adaptive *a, const fani_interval *interval, uint32_t *index)
{
    const size_t n = a->core.interval_count;
    const size_t components = a->core.components;
    size_t room = a->interval_room;
    if (n >= UINT32_MAX / 2)
        return FAN_E_TOO_LARGE;
    fan_status status =
        fani_adaptive_room((void **)&a->values, &room, n + 1, components * sizeof *a->values);
    if (status == FAN_OK)
        status = fani_adaptive_room((void **)&a->intervals, &a->interval_room, n + 1,
                                    sizeof *a->intervals);
    if (status != FAN_OK)
        return status;
    a->intervals[n] = *interval;
    memset(&a->values[n * components], 0, components * sizeof *a->values);
    *index = a->core.interval_count++;
    return FAN_OK;
}

fan_status fani_adaptive_add_chain(fani_adaptive *a, const fani_chain *chain, uint32_t *index)
{
    const fan_status status = fani_adaptive_room(
        (void **)&a->chains, &a->chain_room, (size_t)a->core.chain_count + 1, sizeof *a->chains);
    if (status != FAN_OK)
        return status;
    a->chains[a->core.chain_count] = *chain;
    *index = a->core.chain_count++;
    return FAN_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static fan_status new_item(fani_adaptive *a, fani_item_kind kind)
{
    fan_status status = FAN_OK;
    if (a->item_count == FANI_ITEMS_INLINE && a->items == a->few) {
        a->items = NULL;
        a->item_room = 0;
        status = fani_adaptive_room((void **)&a->items, &a->item_room, FANI_ITEMS_INLINE + 1,
                                    sizeof *a->items);
        if (status == FAN_OK)
            memcpy(a->items, a->few, sizeof a->few);
        else
            a->items = a->few;
    } else if (a->items != a->few) {
        status = fani_adaptive_room((void **)&a->items, &a->item_room, a->item_count + 1,
                                    sizeof *a->items);
    }
    if (status == FAN_OK) {
        fani_item *item = &a->items[a->item_count++];
        item->kind = (uint32_t)kind;
        item->count = 0;
    }
    return status;
}

/* Whether an item has room for a panel more. */
static bool fits(const fani_item *item, uint32_t probes)
{
    uint32_t points = FANI_PANEL_NODES + probes;
    for (uint32_t k = 0; k < item->count; k++)
        points += FANI_PANEL_NODES + item->panels[k].probes;
    return item->kind == FANI_ITEM_PANEL && item->count < FANI_ITEM_PANELS &&
           points <= FANI_POINTS_MAX;
}

fan_status fani_adaptive_ask(fani_adaptive *a, uint32_t interval, uint32_t probes)
{
    const fani_interval *v = &a->intervals[interval];
    fan_status status = fani_adaptive_room((void **)&a->fresh, &a->fresh_room, a->fresh_count + 1,
                                           sizeof *a->fresh);
    if (status == FAN_OK && (a->item_count == 0 || !fits(&a->items[a->item_count - 1], probes)))
        status = new_item(a, FANI_ITEM_PANEL);
    if (status != FAN_OK)
        return status;
    fani_item *item = &a->items[a->item_count - 1];
    a->fresh[a->fresh_count++] = interval;
    item->panels[item->count++] = (fani_panel){.chart = a->chains[v->chart].chart,
                                               .lo = v->lo,
                                               .hi = v->hi,
                                               .seed = a->core.goal.seed,
                                               .probes = probes};
    return FAN_OK;
}

fan_status fani_adaptive_ask_other(fani_adaptive *a, fani_item_kind kind, const fani_panel *panel)
{
    const fan_status status = new_item(a, kind);
    if (status != FAN_OK)
        return status;
    fani_item *item = &a->items[a->item_count - 1];
    item->count = 1;
    item->panels[0] = *panel;
    item->panels[0].seed = a->core.goal.seed;
    return FAN_OK;
}

/* ---- Cutting --------------------------------------------------------------------------------- */

/* The other chart of the piece that the first cut of a root makes. */
static uint32_t opposite(const fani_adaptive *a, uint32_t chart)
{
    return a->chains[chart].chart.scale == 0 && !a->chains[chart].oscillates ? chart + 1 : chart;
}

static fan_status record_tip(fani_adaptive *a, uint32_t interval)
{
    const fani_interval *v = &a->intervals[interval];
    const fan_status status = fani_adaptive_room((void **)&a->records, &a->record_room,
                                                 (size_t)a->core.record_count + 1, a->record_size);
    if (status != FAN_OK)
        return status;
    fani_record *r = (fani_record *)(a->records + a->core.record_count++ * a->record_size);
    r->chain = v->chart;
    r->level = a->chains[v->chart].levels++;
    for (size_t c = 0; c < a->core.components; c++)
        r->value[c] = a->values[(size_t)interval * a->core.components + c].value;
    return FAN_OK;
}

static fan_status remember(fani_adaptive *a, uint32_t left, uint32_t right)
{
    const size_t components = a->core.components;
    size_t room = a->cut_room;
    fan_status status = fani_adaptive_room((void **)&a->before, &room, a->cut_count + 1,
                                           components * sizeof *a->before);
    if (status == FAN_OK)
        status =
            fani_adaptive_room((void **)&a->cuts, &a->cut_room, a->cut_count + 1, sizeof *a->cuts);
    if (status != FAN_OK)
        return status;
    memcpy(&a->before[a->cut_count * components], &a->values[left * components],
           components * sizeof *a->before);
    a->cuts[a->cut_count++] = (fani_cut){left, right};
    return FAN_OK;
}

/* The right part of a cut at s = at. */
static fani_interval right_part(const fani_adaptive *a, const fani_interval *v, double at)
{
    fani_interval right = *v;
    const uint32_t other = opposite(a, v->chart);
    right.tip = 0;
    right.lo = at;
    if (v->depth == 0 &&
        other != v->chart) { /* the root: its upper half belongs to the upper end */
        right.chart = other;
        right.tip = 1;
        right.lo = 0;
        right.hi = v->hi - at;
    } else if (v->tip && v->depth >= TIP_DEPTH) {
        right.level = (int32_t)a->chains[v->chart].levels - 1;
    }
    right.depth++;
    return right;
}

/* Cuts an interval at a fraction of its length and asks for both parts. */
static fan_status cut(fani_adaptive *a, uint32_t index, double fraction, uint32_t probes)
{
    fan_status status = FAN_OK;
    fani_interval *v = &a->intervals[index];
    uint32_t added = 0;
    if (v->tip && v->depth >= TIP_DEPTH) {
        status = record_tip(a, index);
        fraction = 0.25;
    }
    const double at = v->lo + (v->hi - v->lo) * fraction;
    const fani_interval right = right_part(a, v, at);
    v->hi = at;
    v->depth++;
    if (status == FAN_OK)
        status = fani_adaptive_add(a, &right, &added);
    if (status == FAN_OK)
        status = remember(a, index, added);
    if (status == FAN_OK)
        status = fani_adaptive_ask(a, index, probes);
    if (status == FAN_OK)
        status = fani_adaptive_ask(a, added, probes);
    return status;
}

/* How short an interval may get: below it x itself is too coarse. */
static double shortest(const fani_adaptive *a, const fani_interval *v)
{
    const fani_chart *chart = &a->chains[v->chart].chart;
    const bool exact =
        chart->scale != 0 || chart->base == 0 ||
        (a->core.distances && (chart->base == a->core.from || chart->base == a->core.to));
    if (v->tip)
        return chart->scale != 0 ? 0x1p-450 : exact ? 0x1p-900 : 0x1p-30 * fabs(chart->base);
    return 256 * DBL_EPSILON * (exact ? v->hi : fmax(fabs(chart->base), v->hi));
}

/* ---- Choosing -------------------------------------------------------------------------------- */

typedef struct candidate {
    double error; /* in units of what is allowed */
    uint32_t interval;
} candidate;

static int worse_first(const void *left, const void *right)
{
    const candidate *l = left;
    const candidate *r = right;
    if (l->error != r->error)
        return l->error > r->error ? -1 : 1;
    return l->interval < r->interval ? -1 : l->interval > r->interval;
}

/* The error of an interval as it counts: that of an extrapolated tip by its chain's limit. */
static double error_of(const fani_adaptive *a, uint32_t i)
{
    const fani_interval *v = &a->intervals[i];
    const double drop = v->tip ? a->chains[v->chart].drop : 1;
    double worst = 0;
    for (size_t c = 0; c < a->core.components; c++) {
        const double error = a->values[(size_t)i * a->core.components + c].error * drop;
        const double allowed = fani_adaptive_allowed(a, c);
        const double share = allowed > 0 ? error / allowed : error > 0 ? INFINITY : 0;
        worst = fmax(worst, share);
    }
    return worst;
}

/* Whether an interval is all noise: cutting it would not help. */
static bool noisy(const fani_adaptive *a, uint32_t i)
{
    for (size_t c = 0; c < a->core.components; c++) {
        const fani_panel_value *p = &a->values[(size_t)i * a->core.components + c];
        if (p->error > 2 * p->floor)
            return false;
    }
    return true;
}

/* The intervals that may be cut, worst first; *fixed is the error of the others. */
static size_t gather(fani_adaptive *a, candidate *list, double *fixed)
{
    size_t n = 0;
    for (uint32_t i = 0; i < a->core.interval_count; i++) {
        fani_interval *v = &a->intervals[i];
        const double error = error_of(a, i);
        if (v->hi - v->lo < shortest(a, v) || v->stuck >= STUCK_MAX)
            v->frozen = 1;
        if (v->frozen || noisy(a, i))
            *fixed += error;
        else if (error > 0)
            list[n++] = (candidate){error, i};
    }
    if (n > 1)
        qsort(list, n, sizeof *list, worse_first);
    return n;
}

/* Whether only a probe has seen that something is inside an interval. */
static bool surprised(const fani_adaptive *a, uint32_t i)
{
    for (size_t c = 0; c < a->core.components; c++) {
        const fani_panel_value *p = &a->values[(size_t)i * a->core.components + c];
        if (p->error >= p->spread && p->linear < 1e-6 * p->spread)
            return true;
    }
    return false;
}

/* Cuts the worst intervals, until the others' errors together are half of what is allowed, or where
 * that can't be, little beside what can't be cut. */
static fan_status cut_worst(fani_adaptive *a)
{
    const size_t most =
        a->core.interval_count / 4 > CUTS_MIN ? a->core.interval_count / 4 : CUTS_MIN;
    candidate few[64];
    candidate *list = a->core.interval_count <= 64
                          ? few
                          : reallocarray(NULL, a->core.interval_count, sizeof *list);
    if (!list)
        return FAN_E_MEMORY;
    double fixed = 0;
    const size_t n = gather(a, list, &fixed);
    fan_status status = FAN_OK;
    double rest = 0;
    for (size_t i = 0; i < n; i++)
        rest += list[i].error;
    const double enough = fixed < 1 ? (1 - fixed) / 2 : fixed / 10;
    for (size_t i = 0; status == FAN_OK && i < n && i < most && rest > enough; i++) {
        rest -= list[i].error;
        status = cut(a, list[i].interval, 0.5,
                     surprised(a, list[i].interval) ? FANI_PANEL_PROBES_MAX : FANI_PANEL_PROBES);
    }
    if (list != few)
        free(list);
    return status;
}

/* Asks for the next shell of a tail that swings, as many periods as lie before it. */
static fan_status ask_periods(fani_adaptive *a, uint32_t chain)
{
    fan_status status = FAN_OK;
    fani_chain *ch = &a->chains[chain];
    const double from = ch->cursor;
    const double count = round(from / ch->step);
    const double cost = count * (FANI_PANEL_NODES + FANI_PANEL_PROBES);
    if ((ch->levels > 0 && ch->drop < 0.1) || ch->levels >= PERIODS_MAX ||
        !(count >= 1 && count < INTERVALS_MAX - (double)a->core.interval_count) ||
        (double)a->core.evaluations + cost >= (double)a->core.goal.evaluations_max)
        return FAN_OK;
    const int32_t level = (int32_t)ch->levels++;
    ch->cursor = 2 * from;
    for (uint64_t i = 0; status == FAN_OK && i < (uint64_t)count; i++) {
        const fani_interval period = {.lo = from + (double)i * (from / count),
                                      .hi = from + (double)(i + 1) * (from / count),
                                      .chart = chain,
                                      .level = level};
        uint32_t index;
        status = fani_adaptive_add(a, &period, &index);
        if (status == FAN_OK)
            status = fani_adaptive_ask(a, index, FANI_PANEL_PROBES);
    }
    return status;
}

/* Asks each oscillating tail that is not done for its next zeros. */
static fan_status ask_zeros(fani_adaptive *a)
{
    fan_status status = FAN_OK;
    const bool settled_so_far =
        a->item_count == 0; /* shells are many panels: one after the other */
    for (uint32_t k = 0; status == FAN_OK && k < a->core.chain_count; k++) {
        const fani_chain *ch = &a->chains[k];
        if (ch->oscillates == FANI_TAIL_PERIODS && settled_so_far)
            status = ask_periods(a, k);
        if (ch->oscillates != FANI_TAIL_ZEROS || ch->levels >= ZEROS_MAX || ch->step <= 0 ||
            (ch->levels > 0 && ch->drop < 0.1))
            continue;
        const fani_panel panel = {.chart = ch->chart, .lo = ch->cursor, .hi = ch->step};
        status = fani_adaptive_ask_other(a, FANI_ITEM_ZERO, &panel);
    }
    return status;
}

/* ---- Being done ------------------------------------------------------------------------------ */

static bool reached(const fani_adaptive *a)
{
    for (size_t c = 0; c < a->core.components; c++)
        if (!(a->error[c] <= fani_adaptive_allowed(a, c)))
            return false;
    return true;
}

static bool bad_persists(const fani_adaptive *a)
{
    for (uint32_t i = 0; i < a->core.interval_count; i++)
        if (a->intervals[i].bad >= BAD_NODES && a->intervals[i].depth >= BAD_DEPTH)
            return true;
    return false;
}

static void finish(fani_adaptive *a, fani_verdict verdict)
{
    a->core.verdict = (uint32_t)verdict;
    a->core.phase = FANI_PHASE_DONE;
}

/* The length of an interval that verifying may cut, else 0. */
static double plain_length(const fani_adaptive *a, uint32_t i)
{
    const fani_interval *v = &a->intervals[i];
    const bool plain =
        !v->frozen && a->chains[v->chart].chart.scale == 0 && (!v->tip || v->depth < TIP_DEPTH);
    return plain ? v->hi - v->lo : 0;
}

/* Cuts the longest intervals once more at uneven places, with many probes where these are cheap:
 * what the panels can't have seen shows. */
static fan_status verify(fani_adaptive *a)
{
    static const double fraction = 0.4142135623730950;
    fan_status status = FAN_OK;
    double longest = 0;
    uint32_t done = 0;
    const uint32_t n = a->core.interval_count;
    a->core.verified++;
    if (n == 1)
        return fani_adaptive_ask(a, 0, FANI_PANEL_PROBES_MAX);
    for (uint32_t i = 0; i < n; i++)
        longest = fmax(longest, plain_length(a, i));
    for (uint32_t i = 0; status == FAN_OK && longest > 0 && i < n && done < VERIFY_CUTS; i++) {
        if (plain_length(a, i) < longest / 2)
            continue;
        status = cut(a, i, fraction, a->core.probes);
        done++;
    }
    return status;
}

/* Whether the goal was met by so few panels that the integrand is easy, or after a closer look. A
 * zero is not believed at once. */
static bool settled(const fani_adaptive *a)
{
    return a->core.verified > 0 || (a->core.interval_count < VERIFY_FROM && a->absolute[0] > 0);
}

static void begin_again(fani_adaptive *a)
{
    if (a->core.restarts == 0 || a->error[0] < a->core.earlier_error) {
        a->core.earlier_value = a->value[0];
        a->core.earlier_error = a->error[0];
        a->core.earlier_absolute = a->absolute[0];
    }
    a->core.phase = FANI_PHASE_LOCATE;
    a->core.restarts++;
    a->core.verified = 0;
}

/* The intervals that end at x's own precision: where they are, something is singular. */
static fan_status ask_singular(fani_adaptive *a)
{
    fan_status status = FAN_OK;
    uint32_t asked = 0;
    for (uint32_t i = 0; status == FAN_OK && i < a->core.interval_count; i++) {
        const fani_interval *v = &a->intervals[i];
        const fani_chart *chart = &a->chains[v->chart].chart;
        if (!v->frozen || v->tip || chart->scale != 0 || v->stuck >= STUCK_MAX ||
            asked >= FANI_BREAKS_MAX - a->core.found_count || error_of(a, i) < 0.01)
            continue;
        const fani_panel panel = {.chart = *chart, .lo = v->lo, .hi = v->hi};
        status = fani_adaptive_ask_other(a, FANI_ITEM_LOCATE, &panel);
        asked++;
    }
    if (asked > 0 && a->core.restarts < RESTARTS)
        begin_again(a);
    else
        a->item_count = 0;
    return status;
}

/* Whether what there was before the last beginning anew is nearer to an answer: a narrow peak is
 * cut in vain. */
static bool was_better(const fani_adaptive *a)
{
    return a->core.components == 1 && a->core.restarts > 0 && !reached(a) &&
           a->core.earlier_error < a->error[0] &&
           a->core.earlier_error < 1e-3 * a->core.earlier_absolute;
}

/* Nothing may be cut any more and the goal is not reached. */
static fan_status last_resort(fani_adaptive *a)
{
    const fan_status status = ask_singular(a);
    if (status == FAN_OK && a->item_count == 0)
        finish(a, a->diverges && !was_better(a) ? FANI_VERDICT_DIVERGENT : FANI_VERDICT_ROUNDING);
    return status;
}

/* Asks for the panels of half-waves found in the round before. */
static fan_status ask_waiting(fani_adaptive *a)
{
    fan_status status = FAN_OK;
    for (uint32_t i = 0; status == FAN_OK && i < a->core.interval_count; i++) {
        if (!a->intervals[i].waits)
            continue;
        a->intervals[i].waits = 0;
        status = fani_adaptive_ask(a, i, FANI_PANEL_PROBES);
    }
    return status;
}

static fan_status refine_more(fani_adaptive *a)
{
    fan_status status = cut_worst(a);
    if (status == FAN_OK)
        status = ask_zeros(a);
    if (status == FAN_OK && a->item_count == 0)
        status = last_resort(a);
    return status;
}

static fan_status refine(fani_adaptive *a)
{
    fan_status status = ask_waiting(a);
    if (status != FAN_OK || a->item_count > 0)
        return status;
    if (bad_persists(a))
        finish(a, FANI_VERDICT_NOT_FINITE);
    else if (a->surely)
        finish(a, FANI_VERDICT_DIVERGENT);
    else if (reached(a) && settled(a))
        finish(a, FANI_VERDICT_REACHED);
    else if (a->core.evaluations >= a->core.goal.evaluations_max)
        finish(a, reached(a) ? FANI_VERDICT_REACHED : FANI_VERDICT_BUDGET);
    else if (reached(a))
        status = verify(a);
    else
        status = refine_more(a);
    if (status == FAN_OK && a->item_count == 0 && a->core.phase != FANI_PHASE_DONE)
        finish(a, reached(a) ? FANI_VERDICT_REACHED : FANI_VERDICT_ROUNDING);
    return status;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

fan_status fani_adaptive_round(void *state, fani_round *round)
{
    fani_adaptive *a = state;
    fan_status status = FAN_OK;
    a->item_count = a->fresh_count = a->cut_count = 0;
    if (a->core.phase == FANI_PHASE_START)
        status = fani_adaptive_start(a);
    else if (a->core.phase == FANI_PHASE_SCAN || a->core.phase == FANI_PHASE_LOCATE)
        status = fani_adaptive_pieces(a);
    else if (a->core.phase == FANI_PHASE_REFINE)
        status = refine(a);
    *round = (fani_round){.count = a->item_count,
                          .item_size = sizeof *a->items,
                          .reply_size = a->reply_size,
                          .bytes = (const unsigned char *)a->items};
    return status;
}

static void take_bad(fani_adaptive *a, const fani_item_reply *reply)
{
    a->core.evaluations += reply->evaluations;
    if (reply->bad_count > 0 && a->core.bad.count == 0) {
        a->core.bad.first_value = reply->bad_value;
        a->core.bad.first_point[0] = reply->bad_point;
    }
    a->core.bad.count += reply->bad_count;
}

static void take_panels(fani_adaptive *a, const fani_item *item, const fani_item_reply *reply,
                        size_t *fresh)
{
    static const double unknown = 1e100; /* the error of a panel with values that are not finite */
    const size_t components = a->core.components;
    for (uint32_t k = 0; k < item->count; k++) {
        const uint32_t i = a->fresh[(*fresh)++];
        memcpy(&a->values[i * components], &reply->values[k * components],
               components * sizeof *a->values);
        const bool again = a->intervals[i].hi - a->intervals[i].lo >= shortest(a, &a->intervals[i]);
        a->intervals[i].bad = reply->bad[k];
        for (size_t c = 0; reply->bad[k] > 0 && c < components; c++) {
            fani_panel_value *p = &a->values[i * components + c];
            p->error = fmax(p->error, again ? unknown : p->absolute);
        }
    }
}

/* What a cut has taught: whether it helped, and whether the old error was what smoothness says. */
static void judge_cut(fani_adaptive *a, size_t k)
{
    const size_t components = a->core.components;
    fani_interval *left = &a->intervals[a->cuts[k].left];
    fani_interval *right = &a->intervals[a->cuts[k].right];
    bool stuck = left->bad == 0 && right->bad == 0;
    bool rough = false;
    for (size_t c = 0; c < components; c++) {
        const fani_panel_value *old = &a->before[k * components + c];
        fani_panel_value *l = &a->values[a->cuts[k].left * components + c];
        fani_panel_value *r = &a->values[a->cuts[k].right * components + c];
        const double change = fabs(l->value + r->value - old->value);
        if (change > 10 * (l->error + r->error) + old->floor && change > 0.05 * old->linear)
            l->error = r->error = change; /* a step that neither part sees is between their nodes */
        stuck =
            stuck && l->error + r->error >= 0.9 * old->error && old->linear <= 1e-4 * old->absolute;
        rough = rough || (change > 0.05 * old->linear && change > 0.5 * old->error) ||
                (left->rough && change > fmax(0.01 * old->linear, 2 * old->floor));
    }
    left->stuck = right->stuck = stuck ? left->stuck + 1 : 0;
    left->rough = right->rough = rough;
}

/* A rough integrand has the errors that the rules' difference says, no smaller ones; by chance that
 * may be next to none, hence the part of the spread: a step inside shifts at most half a weight. */
static void widen(fani_adaptive *a)
{
    const size_t components = a->core.components;
    for (size_t k = 0; k < a->fresh_count; k++) {
        const uint32_t i = a->fresh[k];
        for (size_t c = 0; a->intervals[i].rough && c < components; c++) {
            fani_panel_value *p = &a->values[i * components + c];
            if (p->linear > 1e-6 * p->spread)
                p->error = fmax(p->error, fmax(p->linear, 0.05 * p->spread));
        }
    }
}

fan_status fani_adaptive_take(void *state, const unsigned char *replies)
{
    fani_adaptive *a = state;
    size_t fresh = 0;
    fan_status status = FAN_OK;
    a->core.rounds++;
    for (size_t i = 0; i < a->item_count; i++) {
        const fani_item_reply *reply = (const fani_item_reply *)(replies + i * a->reply_size);
        take_bad(a, reply);
        if (a->items[i].kind == FANI_ITEM_PANEL)
            take_panels(a, &a->items[i], reply, &fresh);
    }
    for (size_t k = 0; k < a->cut_count; k++)
        judge_cut(a, k);
    widen(a);
    status = fani_adaptive_take_others(a, replies);
    return status == FAN_OK ? fani_adaptive_sum(a) : status;
}
