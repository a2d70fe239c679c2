/* Samples of an item: random places in cubes, the grid's map, the integrand, sums by cube and bin.
 */
#include <math.h>
#include <string.h>

#include "base/isa.h"
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

const fani_vegas_kernels *fani_vegas_kernels_wanted(void)
{
    switch (fani_isa_wanted()) {
#ifdef __x86_64__
    case FANI_ISA_AVX512:
        return &fani_vegas_avx512;
    case FANI_ISA_AVX2:
        return &fani_vegas_avx2;
#endif
    default:
        return &fani_vegas_baseline;
    }
}

/* An item's work; the next sample is number `sample` of segment `segment`. */
typedef struct sampling {
    const fani_integrand *f;
    const fani_domain *domain;
    const fani_vegas_kernels *kernels;
    uint64_t segment, sample;
    fani_vegas_reply *reply;
    double *sums, *squares;
    fani_vegas_block block;
} sampling;

/* Cuts the next samples into pieces; moves on. Returns the first piece's segment. */
static uint64_t take_pieces(sampling *s, size_t count)
{
    fani_vegas_block *b = &s->block;
    const uint64_t first = s->segment;
    size_t i = 0;
    b->pieces = 0;
    b->starts[0] = 0;
    b->cube = b->item->cube + first;
    while (i < count) {
        const uint64_t left = b->item->samples[s->segment] - s->sample;
        const bool whole = left <= count - i;
        const size_t here = whole ? (size_t)left : count - i;
        s->sample = whole ? 0 : s->sample + here;
        s->segment += whole;
        i += here;
        b->starts[++b->pieces] = (uint16_t)i;
    }
    return first;
}

static void put_map(fani_vegas_block *b, const double *edges)
{
    for (size_t k = 0; k < b->d; k++, edges += BINS + 1) {
        for (size_t i = 0; i < BINS; i++) {
            b->widths[k][i] = edges[i + 1] - edges[i];
            b->offsets[k][i] = edges[i] - (double)i * b->widths[k][i];
        }
    }
}

static fan_status block(sampling *s, uint64_t first, size_t count)
{
    fani_vegas_block *b = &s->block;
    double *x[DIMENSIONS], *values[FANI_COMPONENTS_MAX];
    const size_t components = s->f->components;
    for (size_t k = 0; k < b->d; k++)
        x[k] = b->x[k];
    for (size_t c = 0; c < components; c++)
        values[c] = b->values[c];
    b->n = (count + 7) / 8 * 8;
    const uint64_t segment = take_pieces(s, count);
    s->kernels->map(b, first);
    const fan_status status = fani_domain_evaluate(s->f, s->domain, (const double *const *)x, count,
                                                   values, &s->reply->bad);
    if (status != FAN_OK)
        return status;
    for (size_t c = 0; c < components; c++) {
        for (size_t i = count; i < b->n; i++)
            values[c][i] = 0;
        s->kernels->weigh(b, c);
        s->kernels->add(b, c, s->sums + (segment * components + c) * 2, components);
    }
    s->reply->absolute += s->kernels->square(b);
    s->kernels->add_bins(b, s->squares);
    return FAN_OK;
}

fan_status fani_vegas_work(const fani_integrand *f, const fani_domain *domain,
                           const unsigned char *item, unsigned char *reply)
{
    const size_t d = domain->dimension;
    sampling s;
    s.f = f;
    s.domain = domain;
    s.kernels = fani_vegas_kernels_wanted();
    s.segment = s.sample = 0;
    s.block.d = d;
    memset(s.block.filled, 0, sizeof s.block.filled);
    s.block.item = (const fani_vegas_item *)(const void *)item;
    put_map(&s.block, (const double *)(const void *)(item + sizeof *s.block.item));
    memset(reply, 0, fani_vegas_reply_size(d, f->components));
    s.reply = (fani_vegas_reply *)(void *)reply;
    s.sums = (double *)(void *)(reply + sizeof *s.reply);
    s.squares = s.sums + 2 * f->components * FANI_VEGAS_SEGMENTS;
    uint64_t samples = 0;
    for (uint64_t i = 0; i < s.block.item->count; i++)
        samples += s.block.item->samples[i];
    fan_status status = FAN_OK;
    for (uint64_t i = 0; status == FAN_OK && i < samples; i += BLOCK)
        status = block(&s, s.block.item->first + i, samples - i < BLOCK ? samples - i : BLOCK);
    return status;
}
