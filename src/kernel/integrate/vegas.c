/* VEGAS+: importance sampling by a grid a dimension, and stratified samples that go where the
 * variance is. Sources: G. P. Lepage, "A new algorithm for adaptive multidimensional integration",
 * 1978; "Adaptive multidimensional integration: VEGAS enhanced", 2021.
 *
 * Samples are numbered over all iterations and their random numbers follow from the number. An
 * iteration is a round. What iterations count is decided by their numbers alone, and their weights
 * are their samples: weights from their variances would favour those that missed a peak. */
#include "vegas.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "methods_many.h"
#include "state_bytes.h"

enum {
    BINS = FANI_VEGAS_BINS,
    FIRST_SAMPLES = 4096, /* of the first iteration */
    GROW_AFTER = 4,       /* iterations of one size; then twice as many samples */
    CLAIM_AFTER = 8,      /* iterations; the first half of all counts for the grid alone */
    SAMPLES_A_CUBE = 8,
    CUBES_MAX = 1 << 18,
    SAMPLES_AN_ITEM = FANI_VEGAS_SAMPLES,
    ITERATION_DIGITS = 28, /* an iteration has fewer numbers of samples than 2^28 */
};
static const double grid_damping = 0.5;
static const uint64_t samples_max = 1 << 24; /* of an iteration */

typedef struct iteration {
    uint64_t samples;
    double value[FANI_COMPONENTS_MAX], variance[FANI_COMPONENTS_MAX], absolute;
} iteration;

typedef struct counts {
    uint64_t iterations, evaluations, side, cubes;
    fani_bad_values bad;
} counts;

typedef struct vegas {
    size_t d, components;
    fani_goal goal;
    counts t;
    double edges[FAN_INTEGRAL_DIMENSION_MAX][BINS + 1];
    double *spreads; /* a cube: damped variance of its samples */
    iteration *iterations;
    size_t capacity;
    /* The round. */
    uint64_t *samples; /* a cube */
    double *sums;      /* [cube][component]: sum, sum of squares */
    size_t item_count, item_capacity;
    unsigned char *items;
} vegas;

/* ---- Sizes ----------------------------------------------------------------------------------- */

static uint64_t iteration_samples(uint64_t number)
{
    const uint64_t doublings = number / GROW_AFTER;
    return doublings >= 12 ? samples_max : (uint64_t)FIRST_SAMPLES << doublings;
}

static uint64_t power(uint64_t side, size_t d)
{
    uint64_t cubes = 1;
    for (size_t k = 0; k < d && cubes <= CUBES_MAX; k++)
        cubes *= side;
    return cubes;
}

/* The most cubes a side that leave enough samples to each. */
static uint64_t side_for(uint64_t samples, size_t d)
{
    uint64_t side = 1;
    const uint64_t most =
        samples / SAMPLES_A_CUBE < CUBES_MAX ? samples / SAMPLES_A_CUBE : CUBES_MAX;
    while (power(side + 1, d) <= most)
        side++;
    return side;
}

/* What is known about cubes, `from` a side, becomes that of `to` a side: a cube takes over what is
 * known where its centre lies. places[to] is room. */
static void take_over(const double *old, uint64_t from, double *spreads, uint64_t to, size_t d,
                      uint64_t *places)
{
    const uint64_t rows = power(to, d) / to;
    for (uint64_t i = 0; i < to; i++)
        places[i] = (2 * i + 1) * from / (2 * to);
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t first = 0, place = from, rest = row;
        for (size_t k = 1; k < d; k++, rest /= to, place *= from)
            first += places[rest % to] * place;
        for (uint64_t i = 0; i < to; i++)
            spreads[row * to + i] = old[first + places[i]];
    }
}

/* Gives the stratification `side` cubes a side; cubes take over what is known about their place. */
static fan_status divide(vegas *s, uint64_t side)
{
    if (side == s->t.side)
        return FAN_OK;
    const uint64_t cubes = power(side, s->d);
    double *spreads = malloc(cubes * sizeof *spreads);
    uint64_t *samples = malloc(cubes * sizeof *samples); /* until then room for places */
    double *sums = malloc(cubes * s->components * 2 * sizeof *sums);
    if (!spreads || !samples || !sums) {
        free(spreads);
        free(samples);
        free(sums);
        return FAN_E_MEMORY;
    }
    if (s->t.side > 0)
        take_over(s->spreads, s->t.side, spreads, side, s->d, samples);
    for (uint64_t i = 0; s->t.side == 0 && i < cubes; i++)
        spreads[i] = 1;
    free(s->spreads);
    free(s->samples);
    free(s->sums);
    s->spreads = spreads;
    s->samples = samples;
    s->sums = sums;
    s->t.side = side;
    s->t.cubes = cubes;
    return FAN_OK;
}

/* ---- The state ------------------------------------------------------------------------------- */

static void close_state(void *state)
{
    vegas *s = state;
    if (!s)
        return;
    free(s->spreads);
    free(s->samples);
    free(s->sums);
    free(s->iterations);
    free(s->items);
    free(s);
}

static vegas *make(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal)
{
    vegas *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->d = domain->dimension;
    s->components = f->components;
    s->goal = *goal;
    for (size_t k = 0; k < s->d; k++) {
        for (size_t i = 0; i <= BINS; i++)
            s->edges[k][i] = (double)i / BINS;
    }
    return s;
}

static fan_status open_state(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    vegas *s = make(f, domain, goal);
    if (!s)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for an integral's state");
    *state = s;
    return FAN_OK;
}

/* The iterations that count, together: their value, and two standard errors, which grow where the
 * iterations disagree by more than their own errors let expect. */
static void together(const vegas *s, size_t c, double *value, double *error)
{
    const size_t count = (size_t)s->t.iterations, first = count / 2;
    double samples = 0, sum = 0, variance = 0, chi_square = 0;
    for (size_t i = first; i < count; i++) {
        const double n = (double)s->iterations[i].samples;
        samples += n;
        sum += n * s->iterations[i].value[c];
        variance += n * n * s->iterations[i].variance[c];
    }
    *value = samples > 0 ? sum / samples : 0;
    for (size_t i = first; i < count; i++) {
        const double off = s->iterations[i].value[c] - *value;
        if (s->iterations[i].variance[c] > 0)
            chi_square += off * off / s->iterations[i].variance[c];
    }
    const double freedom = count - first > 1 ? (double)(count - first - 1) : 1;
    *error = samples > 0 ? 2 * sqrt(variance * fmax(chi_square / freedom, 1)) / samples : INFINITY;
}

static double absolute(const vegas *s)
{
    return s->t.iterations > 0 ? s->iterations[s->t.iterations - 1].absolute : 0;
}

static bool reached(const vegas *s)
{
    bool all = s->t.iterations >= CLAIM_AFTER;
    for (size_t c = 0; c < s->components && all; c++) {
        double value, error;
        together(s, c, &value, &error);
        const double noise = 50 * 0x1p-52 * absolute(s);
        all = error <= fmax(fmax(s->goal.abs, s->goal.rel * fabs(value)), noise);
    }
    return all;
}

static fani_verdict verdict(const vegas *s)
{
    if (fani_bad_values_persist(&s->t.bad, s->t.evaluations))
        return FANI_VERDICT_NOT_FINITE;
    if (reached(s))
        return FANI_VERDICT_REACHED;
    return s->t.evaluations >= s->goal.evaluations_max ? FANI_VERDICT_BUDGET : FANI_VERDICT_OPEN;
}

/* ---- A round --------------------------------------------------------------------------------- */

/* Deals `samples` out over the cubes: two each, the rest by spread. */
static void deal(vegas *s, uint64_t samples)
{
    double all = 0;
    for (uint64_t i = 0; i < s->t.cubes; i++)
        all += s->spreads[i];
    const double rest = samples > 2 * s->t.cubes ? (double)(samples - 2 * s->t.cubes) : 0;
    const double each = all > 0 ? rest / all : 0, same = all > 0 ? 0 : rest / (double)s->t.cubes;
    for (uint64_t i = 0; i < s->t.cubes; i++) {
        const double more = s->spreads[i] * each + same;
        s->samples[i] = 2 + (more <= 2 * rest ? (uint64_t)(int64_t)more : 0); /* or it is a NaN */
    }
}

/* Room for one more item, without edges and segments yet. */
static fani_vegas_item *add_item(vegas *s, uint64_t cube)
{
    const size_t size = fani_vegas_item_size(s->d);
    if (s->item_count == s->item_capacity) {
        const size_t capacity = 2 * s->item_capacity + 8;
        unsigned char *grown = realloc(s->items, capacity * size);
        if (!grown)
            return NULL;
        s->items = grown;
        s->item_capacity = capacity;
    }
    fani_vegas_item *item = (fani_vegas_item *)(void *)(s->items + s->item_count * size);
    const uint64_t first = (s->t.iterations << ITERATION_DIGITS) + s->item_count * SAMPLES_AN_ITEM;
    *item =
        (fani_vegas_item){.seed = s->goal.seed, .first = first, .side = s->t.side, .cube = cube};
    memcpy(item + 1, s->edges, s->d * sizeof s->edges[0]);
    s->item_count++;
    return item;
}

/* Cuts the samples into items. */
static fan_status cut(vegas *s)
{
    uint64_t room = 0;
    fani_vegas_item *item = NULL;
    s->item_count = 0;
    for (uint64_t cube = 0; cube < s->t.cubes; cube++) {
        for (uint64_t left = s->samples[cube]; left > 0;) {
            if (room == 0 || item->count == FANI_VEGAS_SEGMENTS) {
                item = add_item(s, cube);
                if (!item)
                    return FAN_E_MEMORY;
                room = SAMPLES_AN_ITEM;
            }
            const uint64_t here = left < room ? left : room;
            item->samples[item->count++] = (uint32_t)here;
            room -= here;
            left -= here;
        }
    }
    return FAN_OK;
}

static fan_status next_round(void *state, fani_round *round)
{
    vegas *s = state;
    *round = (fani_round){0};
    if (verdict(s) != FANI_VERDICT_OPEN)
        return FAN_OK;
    uint64_t samples = iteration_samples(s->t.iterations);
    const uint64_t left = s->goal.evaluations_max - s->t.evaluations;
    samples = left < samples ? left : samples;
    fan_status status = divide(s, side_for(samples, s->d));
    if (status != FAN_OK)
        return status;
    deal(s, samples);
    status = cut(s);
    if (status != FAN_OK)
        return status;
    *round = (fani_round){s->item_count, fani_vegas_item_size(s->d),
                          fani_vegas_reply_size(s->d, s->components), s->items};
    return FAN_OK;
}

/* ---- Replies --------------------------------------------------------------------------------- */

/* Spreads each bin's weight over its neighbours and damps the whole. */
static void damp(const double *squares, double *weights)
{
    double sum = 0;
    for (size_t i = 0; i < BINS; i++) {
        const double left = squares[i > 0 ? i - 1 : 0], right = squares[i + 1 < BINS ? i + 1 : i];
        weights[i] = (left + 6 * squares[i] + right) / 8;
        sum += weights[i];
    }
    for (size_t i = 0; i < BINS; i++) {
        const double share = sum > 0 ? weights[i] / sum : 1.0 / BINS;
        weights[i] = share > 0 && share < 1 ? pow((share - 1) / log(share), grid_damping) : share;
    }
}

/* Moves the edges of a dimension so that every bin has the same weight. */
static void refine(double *edges, const double *squares)
{
    double weights[BINS], moved[BINS + 1], sum = 0;
    damp(squares, weights);
    for (size_t i = 0; i < BINS; i++)
        sum += weights[i];
    if (!(sum > 0))
        return;
    const double each = sum / BINS;
    double have = 0;
    size_t bin = 0;
    moved[0] = 0;
    for (size_t i = 1; i < BINS; i++) {
        const double want = each * (double)i;
        while (bin + 1 < BINS && have + weights[bin] < want)
            have += weights[bin++];
        const double part = weights[bin] > 0 ? fmin((want - have) / weights[bin], 1) : 1;
        moved[i] = edges[bin] + part * (edges[bin + 1] - edges[bin]);
    }
    moved[BINS] = 1;
    memcpy(edges, moved, sizeof moved);
}

/* Sums cubes and bins of the replies; returns the sum of |f|. */
static double gather(vegas *s, const unsigned char *replies, double bins[][BINS])
{
    const size_t item_size = fani_vegas_item_size(s->d), each = 2 * s->components;
    const size_t reply_size = fani_vegas_reply_size(s->d, s->components);
    double all = 0;
    memset(s->sums, 0, s->t.cubes * each * sizeof *s->sums);
    memset(bins, 0, s->d * sizeof *bins);
    for (size_t i = 0; i < s->item_count; i++) {
        const fani_vegas_item *item =
            (const fani_vegas_item *)(const void *)(s->items + i * item_size);
        const fani_vegas_reply *reply =
            (const fani_vegas_reply *)(const void *)(replies + i * reply_size);
        const double *sums = (const double *)(const void *)(reply + 1);
        const double *squares = sums + each * FANI_VEGAS_SEGMENTS;
        double *to = s->sums + item->cube * each;
        fani_bad_values_add(&s->t.bad, &reply->bad);
        all += reply->absolute;
        for (size_t j = 0; j < item->count * each; j++)
            to[j] += sums[j];
        for (size_t j = 0; j < s->d * BINS; j++)
            bins[j / BINS][j % BINS] += squares[j];
    }
    return all;
}

/* The variance of a sample, from the sums of n; `part` is 1 / n. */
static double sample_variance(double sum, double squares, double n, double part)
{
    const double rest = squares - sum * sum * part;
    return (rest > 0 ? rest : 0) / (n - 1);
}

static void conclude(vegas *s, double absolute_sum, iteration *made)
{
    const double volume = 1 / (double)s->t.cubes;
    memset(made, 0, sizeof *made);
    for (uint64_t i = 0; i < s->t.cubes; i++) {
        const double n = (double)s->samples[i], part = 1 / n;
        double largest = 0;
        for (size_t c = 0; c < s->components; c++) {
            const double *sums = s->sums + (i * s->components + c) * 2;
            const double variance = sample_variance(sums[0], sums[1], n, part);
            made->value[c] += sums[0] * part;
            made->variance[c] += variance * part;
            largest = variance > largest ? variance : largest;
        }
        made->samples += s->samples[i];
        s->spreads[i] = largest;
    }
    fani_vegas_kernels_wanted()->damp(s->spreads, s->t.cubes);
    for (size_t c = 0; c < s->components; c++) {
        made->value[c] *= volume;
        made->variance[c] *= volume * volume;
    }
    made->absolute = absolute_sum / (double)made->samples;
}

static fan_status take(void *state, const unsigned char *replies)
{
    vegas *s = state;
    if (s->t.iterations == s->capacity) {
        iteration *grown = realloc(s->iterations, (2 * s->capacity + 16) * sizeof *grown);
        if (!grown)
            return FAN_E_MEMORY;
        s->iterations = grown;
        s->capacity = 2 * s->capacity + 16;
    }
    double bins[FAN_INTEGRAL_DIMENSION_MAX][BINS];
    conclude(s, gather(s, replies, bins), &s->iterations[s->t.iterations]);
    for (size_t k = 0; k < s->d; k++)
        refine(s->edges[k], bins[k]);
    s->t.evaluations += s->iterations[s->t.iterations].samples;
    s->t.iterations++;
    return FAN_OK;
}

static void result(const void *state, fani_estimate *estimate)
{
    const vegas *s = state;
    *estimate = (fani_estimate){.absolute = absolute(s),
                                .evaluations = s->t.evaluations,
                                .bad = s->t.bad,
                                .verdict = verdict(s)};
    for (size_t c = 0; c < s->components; c++)
        together(s, c, &estimate->value[c], &estimate->error[c]);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static fan_status save(const void *state, unsigned char **bytes, size_t *size)
{
    const vegas *s = state;
    fani_bytes b = {0};
    fani_bytes_add(&b, &s->t, sizeof s->t);
    fani_bytes_add(&b, s->edges, sizeof s->edges);
    fani_bytes_add(&b, s->spreads, s->t.cubes * sizeof *s->spreads);
    fani_bytes_add(&b, s->iterations, s->t.iterations * sizeof *s->iterations);
    return fani_bytes_take(&b, bytes, size);
}

static fan_status read_state(void *state, fani_bytes_left *r)
{
    vegas *s = state;
    counts t;
    fani_bytes_get(r, &t, sizeof t);
    fani_bytes_get(r, s->edges, sizeof s->edges);
    const bool whole =
        !r->short_of && t.cubes <= r->left / sizeof *s->spreads &&
        t.iterations <= r->left / sizeof *s->iterations &&
        (t.side == 0 ? t.cubes == 0 : t.side <= CUBES_MAX && t.cubes == power(t.side, s->d));
    if (!whole)
        return FAN_E_PROTOCOL;
    if (t.side > 0 && divide(s, t.side) != FAN_OK)
        return FAN_E_MEMORY;
    s->t = t;
    fani_bytes_get(r, s->spreads, t.cubes * sizeof *s->spreads);
    s->capacity = (size_t)t.iterations;
    s->iterations = t.iterations > 0 ? malloc(s->capacity * sizeof *s->iterations) : NULL;
    if (t.iterations > 0 && !s->iterations)
        return FAN_E_MEMORY;
    fani_bytes_get(r, s->iterations, s->capacity * sizeof *s->iterations);
    return !r->short_of && r->left == 0 ? FAN_OK : FAN_E_PROTOCOL;
}

static fan_status load(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       const unsigned char *bytes, size_t size, void **state)
{
    return fani_state_load(make(f, domain, goal), read_state, close_state, bytes, size, state);
}

const fani_method fani_method_vegas = {.name = "vegas",
                                       .open = open_state,
                                       .round = next_round,
                                       .work = fani_vegas_work,
                                       .take = take,
                                       .result = result,
                                       .save = save,
                                       .load = load,
                                       .close = close_state};
