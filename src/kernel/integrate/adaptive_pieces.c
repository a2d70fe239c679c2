/* The pieces that adaptive integration begins with, and what changes them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_method.h"

/* ---- The ends -------------------------------------------------------------------------------- */

/* Where a tail is measured from: the break point or bound next to it. */
static double anchor(const fani_adaptive *a, bool up)
{
    const size_t n = a->core.break_count;
    if (n > 0)
        return a->breaks[up ? n - 1 : 0];
    if (up)
        return isfinite(a->core.from) ? a->core.from : 0;
    return isfinite(a->core.to) ? a->core.to : 0;
}

static fani_chart chart_of(const fani_adaptive *a, double base, double direction, double scale)
{
    return (fani_chart){.base = base,
                        .scale = scale,
                        .direction = direction,
                        .from = a->core.from,
                        .to = a->core.to};
}

static fan_status ask_scan(fani_adaptive *a, bool up)
{
    const fani_panel panel = {.chart = chart_of(a, anchor(a, up), up ? 1 : -1, 0)};
    return fani_adaptive_ask_other(a, FANI_ITEM_SCAN, &panel);
}

fan_status fani_adaptive_start(fani_adaptive *a)
{
    fan_status status = FAN_OK;
    if (isfinite(a->core.from) && isfinite(a->core.to))
        return fani_adaptive_pieces(a);
    a->core.phase = FANI_PHASE_SCAN;
    if (isinf(a->core.from))
        status = ask_scan(a, false);
    if (status == FAN_OK && isinf(a->core.to))
        status = ask_scan(a, true);
    return status;
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

static fan_status add_root(fani_adaptive *a, uint32_t chain, double hi, uint32_t probes)
{
    const fani_interval root = {.hi = hi, .chart = chain, .level = -1, .tip = 1};
    uint32_t index;
    fan_status status = fani_adaptive_add(a, &root, &index);
    if (status == FAN_OK)
        status = fani_adaptive_ask(a, index, probes);
    return status;
}

/* A finite piece: its lower and its upper end are a chain each. */
static fan_status add_piece(fani_adaptive *a, double from, double to, uint32_t probes)
{
    const fani_chain lower = {.chart = chart_of(a, from, 1, 0), .drop = 1};
    const fani_chain upper = {.chart = chart_of(a, to, -1, 0), .drop = 1};
    uint32_t first;
    uint32_t second;
    fan_status status = fani_adaptive_add_chain(a, &lower, &first);
    if (status == FAN_OK)
        status = fani_adaptive_add_chain(a, &upper, &second);
    if (status == FAN_OK)
        status = add_root(a, first, to - from, probes);
    return status;
}

static fan_status add_tail(fani_adaptive *a, bool up, uint32_t probes)
{
    const uint32_t oscillates = a->core.tail[up];
    const double scale = a->core.scale[up];
    const fani_chain tail = {
        .chart = chart_of(a, anchor(a, up), up ? 1 : -1, oscillates ? 0 : scale),
        .drop = 1,
        .oscillates = oscillates,
        .cursor = scale,
        .step = oscillates == FANI_TAIL_PERIODS ? a->core.period[up] : scale / 16,
    };
    uint32_t chain;
    const fan_status status = fani_adaptive_add_chain(a, &tail, &chain);
    return status != FAN_OK || oscillates ? status : add_root(a, chain, 1, probes);
}

static int ascending(const void *left, const void *right)
{
    const double l = *(const double *)left;
    const double r = *(const double *)right;
    return (l > r) - (l < r);
}

/* All ends of finite pieces, in order, each once. Returns how many. */
static size_t piece_ends(const fani_adaptive *a, double *ends)
{
    const bool down = isinf(a->core.from);
    const bool up = isinf(a->core.to);
    size_t n = 0;
    ends[n++] = down ? anchor(a, false) - a->core.scale[0] : a->core.from;
    ends[n++] = up ? anchor(a, true) + a->core.scale[1] : a->core.to;
    if (down || up)
        ends[n++] = anchor(a, up);
    for (size_t i = 0; i < a->core.break_count; i++)
        ends[n++] = a->breaks[i];
    for (size_t i = 0; i < a->core.found_count; i++)
        ends[n++] = a->core.found[i];
    qsort(ends, n, sizeof *ends, ascending);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (ends[i] != ends[kept - 1])
            ends[kept++] = ends[i];
    return kept;
}

fan_status fani_adaptive_pieces(fani_adaptive *a)
{
    double *ends = NULL;
    size_t room = 0;
    fan_status status = fani_adaptive_room(
        (void **)&ends, &room, (size_t)a->core.break_count + a->core.found_count + 3, sizeof *ends);
    if (status != FAN_OK)
        return status;
    a->core.interval_count = a->core.chain_count = a->core.record_count = 0;
    a->core.phase = FANI_PHASE_REFINE;
    const size_t n = piece_ends(a, ends);
    const uint32_t probes = n == 2 ? a->core.probes_root : a->core.probes;
    for (size_t i = 0; status == FAN_OK && i + 1 < n; i++)
        status = add_piece(a, ends[i], ends[i + 1], probes);
    if (status == FAN_OK && isinf(a->core.from))
        status = add_tail(a, false, probes);
    if (status == FAN_OK && isinf(a->core.to))
        status = add_tail(a, true, probes);
    free(ends);
    return status;
}

/* ---- What rounds bring ----------------------------------------------------------------------- */

static fan_status take_scan(fani_adaptive *a, const fani_item *item, const fani_item_reply *reply)
{
    const unsigned up = item->panels[0].chart.direction > 0;
    a->core.scale[up] = reply->numbers[0];
    a->core.tail[up] = (uint32_t)reply->numbers[1];
    a->core.period[up] = reply->numbers[2];
    return FAN_OK;
}

/* The chain of an oscillating tail that an item was asked for. */
static uint32_t chain_of(const fani_adaptive *a, const fani_item *item)
{
    uint32_t k = 0;
    while (a->chains[k].oscillates != FANI_TAIL_ZEROS ||
           a->chains[k].chart.direction != item->panels[0].chart.direction)
        k++;
    return k;
}

/* Appends the half-waves up to the zeros found. They wait for their panels until the next round. */
static fan_status take_zeros(fani_adaptive *a, const fani_item *item, const fani_item_reply *reply)
{
    const uint32_t k = chain_of(a, item);
    const size_t count = (size_t)reply->numbers[0];
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        fani_chain *ch = &a->chains[k];
        const bool first = ch->cursor == a->core.scale[ch->chart.direction > 0];
        const fani_interval wave = {.lo = ch->cursor,
                                    .hi = reply->numbers[2 + i],
                                    .chart = k,
                                    .level = first ? -1 : (int32_t)ch->levels,
                                    .waits = 1};
        uint32_t index;
        if (wave.hi <= wave.lo)
            continue;
        ch->levels += !first;
        ch->cursor = wave.hi;
        status = fani_adaptive_add(a, &wave, &index);
    }
    a->chains[k].step = count > 0 ? reply->numbers[1] : -1;
    return status;
}

/* Keeps a singular point; of neighbours, which are one point seen from two sides, the stronger. */
static void take_singular(fani_adaptive *a, const fani_item_reply *reply)
{
    fani_adaptive_core *core = &a->core;
    const double point = reply->numbers[0];
    const double near = 1e-9 * (core->to - core->from < 1 ? core->to - core->from : 1);
    uint32_t k = 0;
    if (!(point > core->from && point < core->to))
        return;
    while (k < core->found_count && fabs(core->found[k] - point) > near)
        k++;
    if (k == FANI_BREAKS_MAX || (k < core->found_count && core->strength[k] >= reply->numbers[1]))
        return;
    core->found[k] = point;
    core->strength[k] = reply->numbers[1];
    core->found_count += k == core->found_count;
}

fan_status fani_adaptive_take_others(fani_adaptive *a, const unsigned char *replies)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < a->item_count; i++) {
        const fani_item_reply *reply = (const fani_item_reply *)(replies + i * a->reply_size);
        switch ((fani_item_kind)a->items[i].kind) {
        case FANI_ITEM_PANEL:
        case FANI_ITEM_STRETCH:
            break;
        case FANI_ITEM_SCAN:
            status = take_scan(a, &a->items[i], reply);
            break;
        case FANI_ITEM_ZERO:
            status = take_zeros(a, &a->items[i], reply);
            break;
        case FANI_ITEM_LOCATE:
            take_singular(a, reply);
            break;
        }
    }
    return status;
}
