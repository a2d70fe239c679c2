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
};
static const double grid_damping = 0.5, cube_damping = 0.375; /* of variances: 0.75 of deviations */
static const uint64_t samples_max = 1 << 24;                  /* of an iteration */

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
    size_t item_count;
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

/* The number, for `from` cubes a side, of the cube that the centre of cube `cube` of `to` lies in.
 */
static uint64_t cube_at(uint64_t cube, uint64_t to, uint64_t from, size_t d)
{
    uint64_t found = 0, place = 1;
    for (size_t k = 0; k < d; k++) {
        found += (2 * (cube % to) + 1) * from / (2 * to) * place;
        cube /= to;
        place *= from;
    }
    return found;
}

/* Gives the stratification `side` cubes a side; cubes take over what is known about their place. */
static fan_status divide(vegas *s, uint64_t side)
{
    if (side == s->t.side)
        return FAN_OK;
    const uint64_t cubes = power(side, s->d);
    double *spreads = malloc(cubes * sizeof *spreads);
    uint64_t *samples = malloc(cubes * sizeof *samples);
    if (!spreads || !samples) {
        free(spreads);
        free(samples);
        return FAN_E_MEMORY;
    }
    for (uint64_t i = 0; i < cubes; i++)
        spreads[i] = s->t.side > 0 ? s->spreads[cube_at(i, side, s->t.side, s->d)] : 1;
    free(s->spreads);
    free(s->samples);
    s->spreads = spreads;
    s->samples = samples;
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
    free(s->iterations);
    free(s->items);
    free(s);
}

static fan_status make(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       vegas **state)
{
    vegas *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    s->d = domain->dimension;
    s->components = f->components;
    s->goal = *goal;
    for (size_t k = 0; k < s->d; k++) {
        for (size_t i = 0; i <= BINS; i++)
            s->edges[k][i] = (double)i / BINS;
    }
    *state = s;
    return FAN_OK;
}

static fan_status open_state(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    vegas *s;
    if (make(f, domain, goal, &s) != FAN_OK)
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

/* Deals `samples` out over the cubes: two each, the rest by spread. Returns how many it became. */
static uint64_t deal(vegas *s, uint64_t samples)
{
    double all = 0;
    for (uint64_t i = 0; i < s->t.cubes; i++)
        all += s->spreads[i];
    const double rest = samples > 2 * s->t.cubes ? (double)(samples - 2 * s->t.cubes) : 0;
    uint64_t dealt = 0;
    for (uint64_t i = 0; i < s->t.cubes; i++) {
        const double share = all > 0 ? s->spreads[i] / all : 1 / (double)s->t.cubes;
        s->samples[i] = 2 + (uint64_t)(share * rest);
        dealt += s->samples[i];
    }
    return dealt;
}

/* Cuts the samples into items; counts them where `items` is NULL. */
static size_t cut(const vegas *s, unsigned char *items)
{
    const size_t size = fani_vegas_item_size(s->d);
    size_t count = 0, segments = 0;
    uint64_t first = s->t.evaluations, in_item = 0;
    fani_vegas_item *item = NULL;
    for (uint64_t cube = 0; cube < s->t.cubes; cube++) {
        for (uint64_t left = s->samples[cube]; left > 0;) {
            if (count == 0 || segments == FANI_VEGAS_SEGMENTS || in_item == FANI_VEGAS_SAMPLES) {
                if (items) {
                    item = (fani_vegas_item *)(void *)(items + count * size);
                    *item =
                        (fani_vegas_item){.seed = s->goal.seed, .first = first, .side = s->t.side};
                    memcpy(item + 1, s->edges, s->d * sizeof s->edges[0]);
                }
                count++;
                segments = 0;
                in_item = 0;
            }
            const uint64_t room = FANI_VEGAS_SAMPLES - in_item, here = left < room ? left : room;
            if (item) {
                item->segments[segments] = (fani_vegas_segment){cube, here};
                item->count = segments + 1;
            }
            segments++;
            in_item += here;
            first += here;
            left -= here;
        }
    }
    return count;
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
    s->item_count = cut(s, NULL);
    free(s->items);
    s->items = malloc(s->item_count * fani_vegas_item_size(s->d));
    if (!s->items)
        return FAN_E_MEMORY;
    cut(s, s->items);
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

/* Sums over cubes and bins of an iteration. */
typedef struct gathered {
    double *cubes;   /* [cube][component]: sum, sum of squares */
    double *squares; /* [d][BINS] */
    double absolute;
} gathered;

static void gather(vegas *s, const unsigned char *replies, gathered *g)
{
    const size_t item_size = fani_vegas_item_size(s->d);
    const size_t reply_size = fani_vegas_reply_size(s->d, s->components);
    for (size_t i = 0; i < s->item_count; i++) {
        const fani_vegas_item *item =
            (const fani_vegas_item *)(const void *)(s->items + i * item_size);
        const fani_vegas_reply *reply =
            (const fani_vegas_reply *)(const void *)(replies + i * reply_size);
        const double *sums = (const double *)(const void *)(reply + 1);
        const double *squares = sums + 2 * s->components * FANI_VEGAS_SEGMENTS;
        fani_bad_values_add(&s->t.bad, &reply->bad);
        g->absolute += reply->absolute;
        for (size_t j = 0; j < item->count; j++) {
            double *to = g->cubes + item->segments[j].cube * s->components * 2;
            for (size_t c = 0; c < 2 * s->components; c++)
                to[c] += sums[j * s->components * 2 + c];
        }
        for (size_t j = 0; j < s->d * BINS; j++)
            g->squares[j] += squares[j];
    }
}

/* The mean over a cube and the variance of a sample from n samples' sums. */
static double sample_variance(double sum, double squares, double n)
{
    return fmax(squares - sum * sum / n, 0) / (n - 1);
}

static void conclude(vegas *s, const gathered *g, iteration *made)
{
    const double volume = 1 / (double)s->t.cubes;
    memset(made, 0, sizeof *made);
    for (uint64_t i = 0; i < s->t.cubes; i++) {
        const double n = (double)s->samples[i];
        double largest = 0;
        for (size_t c = 0; c < s->components; c++) {
            const double *sums = g->cubes + (i * s->components + c) * 2;
            const double variance = sample_variance(sums[0], sums[1], n);
            made->value[c] += volume * sums[0] / n;
            made->variance[c] += volume * volume * variance / n;
            largest = fmax(largest, variance);
        }
        made->samples += s->samples[i];
        s->spreads[i] = pow(largest, cube_damping);
    }
    made->absolute = g->absolute / (double)made->samples;
    for (size_t k = 0; k < s->d; k++)
        refine(s->edges[k], g->squares + k * BINS);
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
    gathered g = {.absolute = 0};
    g.cubes = calloc(s->t.cubes * s->components * 2, sizeof *g.cubes);
    g.squares = calloc(s->d * BINS, sizeof *g.squares);
    const bool made = g.cubes && g.squares;
    if (made) {
        gather(s, replies, &g);
        conclude(s, &g, &s->iterations[s->t.iterations]);
        s->t.evaluations += s->iterations[s->t.iterations].samples;
        s->t.iterations++;
    }
    free(g.cubes);
    free(g.squares);
    return made ? FAN_OK : FAN_E_MEMORY;
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

static fan_status read_state(vegas *s, fani_bytes_left *r)
{
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
    vegas *s = NULL;
    fan_status status = make(f, domain, goal, &s);
    if (status == FAN_OK)
        status = read_state(s, &(fani_bytes_left){.at = bytes, .left = size});
    if (status == FAN_OK)
        *state = s;
    else
        close_state(s);
    return status;
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
