/* Samples of an item: random places in cubes, the grid's map, the integrand, sums by cube and bin.
 */
#include <math.h>
#include <string.h>

#include "base/isa.h"
#include "uniform.h"
#include "vegas.h"

enum { BINS = FANI_VEGAS_BINS, BLOCK = FANI_POINTS_MAX, DIMENSIONS = FAN_INTEGRAL_DIMENSION_MAX };

size_t fani_vegas_item_size(size_t d)
{
    return sizeof(fani_vegas_item) + d * (BINS + 1) * sizeof(double);
}

size_t fani_vegas_reply_size(size_t d, size_t components)
{
    return sizeof(fani_vegas_reply) +
           (2 * components * FANI_VEGAS_SEGMENTS + d * BINS) * sizeof(double);
}

static fani_vegas_map *map_of(fani_isa isa)
{
    switch (isa) {
#ifdef __x86_64__
    case FANI_ISA_AVX512:
        return fani_vegas_map_avx512;
    case FANI_ISA_AVX2:
        return fani_vegas_map_avx2;
#endif
    default:
        return fani_vegas_map_baseline;
    }
}

/* Where the next sample is: number `sample` of segment `segment`. */
typedef struct place {
    uint64_t segment, sample;
} place;

typedef struct sampling {
    const fani_integrand *f;
    const fani_domain *domain;
    const fani_vegas_item *item;
    const double *edges;
    fani_vegas_reply *reply;
    double *sums, *squares;
    uint64_t cube;               /* whose corner is `corner` */
    uint64_t corner[DIMENSIONS]; /* in cubes */
    double y[DIMENSIONS][BLOCK], x[DIMENSIONS][BLOCK];
    int32_t bins[DIMENSIONS][BLOCK];
    double densities[BLOCK], largest[BLOCK];
    double values[FANI_COMPONENTS_MAX][BLOCK];
} sampling;

/* Finds a cube's corner; cheap for the one after the last, as cubes of an item mostly are. */
static void find_corner(sampling *s, uint64_t cube)
{
    const uint64_t side = s->item->side;
    size_t k = 0;
    if (cube == s->cube + 1) {
        while (k + 1 < s->domain->dimension && s->corner[k] + 1 == side)
            s->corner[k++] = 0;
        s->corner[k]++;
    } else if (cube != s->cube) {
        uint64_t rest = cube;
        for (; k < s->domain->dimension; k++, rest /= side)
            s->corner[k] = rest % side;
    }
    s->cube = cube;
}

/* Moves `count` places, random in the unit cube, into their cubes. */
static void into_cubes(sampling *s, place at, size_t count)
{
    const double width = 1 / (double)s->item->side;
    const size_t d = s->domain->dimension;
    if (s->item->side == 1)
        return;
    for (size_t i = 0; i < count;) {
        const fani_vegas_segment *segment = &s->item->segments[at.segment];
        const uint64_t left = segment->samples - at.sample;
        const size_t here = left < count - i ? (size_t)left : count - i;
        find_corner(s, segment->cube);
        for (size_t k = 0; k < d; k++) {
            const double low = (double)s->corner[k];
            double *y = s->y[k];
            for (size_t j = i; j < i + here; j++)
                y[j] = (low + y[j]) * width;
        }
        i += here;
        at = (place){at.segment + 1, 0};
    }
}

/* Adds a block's values to the sums of its segments; returns the next place. */
static place add_sums(sampling *s, place at, size_t count)
{
    const size_t components = s->f->components;
    for (size_t i = 0; i < count;) {
        const uint64_t left = s->item->segments[at.segment].samples - at.sample;
        const size_t here = left < count - i ? (size_t)left : count - i;
        for (size_t c = 0; c < components; c++) {
            double *to = s->sums + (at.segment * components + c) * 2;
            const double *values = s->values[c];
            double sum = to[0], squares = to[1];
            for (size_t j = i; j < i + here; j++) {
                sum += values[j];
                squares += values[j] * values[j];
            }
            to[0] = sum;
            to[1] = squares;
        }
        i += here;
        at.sample += here;
        if (at.sample == s->item->segments[at.segment].samples)
            at = (place){at.segment + 1, 0};
    }
    return at;
}

/* The largest of |f| over components, and its square. */
static void find_largest(sampling *s, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        s->largest[i] = fabs(s->values[0][i]);
    for (size_t c = 1; c < s->f->components; c++) {
        for (size_t i = 0; i < count; i++)
            s->largest[i] = fmax(s->largest[i], fabs(s->values[c][i]));
    }
    for (size_t i = 0; i < count; i++) {
        sum += s->largest[i];
        s->largest[i] *= s->largest[i];
    }
    s->reply->absolute += sum;
}

static void add_bins(sampling *s, size_t count)
{
    find_largest(s, count);
    for (size_t k = 0; k < s->domain->dimension; k++) {
        double *squares = s->squares + k * BINS;
        const int32_t *bins = s->bins[k];
        const double *largest = s->largest;
        for (size_t i = 0; i < count; i++)
            squares[bins[i]] += largest[i];
    }
}

static fan_status block(sampling *s, uint64_t first, place *at, size_t count)
{
    double *y[DIMENSIONS], *x[DIMENSIONS], *values[FANI_COMPONENTS_MAX];
    int32_t *bins[DIMENSIONS];
    const size_t d = s->domain->dimension, padded = (count + 7) / 8 * 8;
    for (size_t k = 0; k < d; k++) {
        y[k] = s->y[k];
        x[k] = s->x[k];
        bins[k] = s->bins[k];
    }
    for (size_t c = 0; c < s->f->components; c++)
        values[c] = s->values[c];
    fani_uniform(s->item->seed, 0, first, d, padded, y);
    into_cubes(s, *at, count);
    for (size_t i = 0; i < padded; i++)
        s->densities[i] = 1;
    map_of(fani_isa_wanted())(s->edges, d, padded, y, x, bins, s->densities);
    const fan_status status = fani_domain_evaluate(s->f, s->domain, (const double *const *)x, count,
                                                   values, &s->reply->bad);
    if (status != FAN_OK)
        return status;
    for (size_t c = 0; c < s->f->components; c++) {
        for (size_t i = 0; i < count; i++)
            values[c][i] *= s->densities[i];
    }
    add_bins(s, count);
    *at = add_sums(s, *at, count);
    return FAN_OK;
}

fan_status fani_vegas_work(const fani_integrand *f, const fani_domain *domain,
                           const unsigned char *item, unsigned char *reply)
{
    const size_t d = domain->dimension;
    sampling s;
    s.f = f;
    s.domain = domain;
    s.item = (const fani_vegas_item *)(const void *)item;
    s.cube = UINT64_MAX - 1;
    s.edges = (const double *)(const void *)(item + sizeof *s.item);
    memset(reply, 0, fani_vegas_reply_size(d, f->components));
    s.reply = (fani_vegas_reply *)(void *)reply;
    s.sums = (double *)(void *)(reply + sizeof *s.reply);
    s.squares = s.sums + 2 * f->components * FANI_VEGAS_SEGMENTS;
    uint64_t samples = 0;
    for (uint64_t i = 0; i < s.item->count; i++)
        samples += s.item->segments[i].samples;
    fan_status status = FAN_OK;
    place at = {0, 0};
    for (uint64_t i = 0; status == FAN_OK && i < samples; i += BLOCK)
        status = block(&s, s.item->first + i, &at, samples - i < BLOCK ? samples - i : BLOCK);
    return status;
}
