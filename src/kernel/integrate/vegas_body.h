/* Blocks of samples, compiled for each instruction set with vectors of LANES doubles; no fused
 * operations, so the bits are one. WHOLE rounds numbers towards 0 to integers of the type INDEX;
 * GATHER(base, index) is base[index] in each lane, ROOT the square root. */
#include <math.h>

#include "vegas.h"

typedef double numbers __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t words __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef INDEX index __attribute__((may_alias));
typedef INDEX whole __attribute__((vector_size(LANES * sizeof(INDEX)), aligned(4), may_alias));

enum { BINS = FANI_VEGAS_BINS, PARTS = 8 / LANES /* vectors of the eight running sums */ };

/* The corners of the samples' cubes along an axis: the same for `stride` cubes. */
static void fill_corners(fani_vegas_block *b, uint32_t side, uint32_t stride)
{
    const uint32_t first = (uint32_t)b->cube;
    uint32_t corner = first / stride % side;
    size_t left = stride - first % stride;
    for (size_t p = 0; p < b->pieces;) {
        const size_t end = b->pieces - p < left ? b->pieces : p + left;
        const numbers filled = (numbers){0} + (double)corner;
        for (size_t i = b->starts[p]; i < b->starts[end]; i += LANES)
            *(numbers *)(b->corners + i) = filled;
        corner = corner + 1 < side ? corner + 1 : 0;
        left = stride;
        p = end;
    }
}

static inline __attribute__((always_inline)) void axis(fani_vegas_block *b, size_t k, double scale,
                                                       bool first, double before)
{
    const double *offsets = b->offsets[k], *widths = b->widths[k];
    index *bins = (index *)b->bins[k];
    for (size_t i = 0; i < b->n; i += LANES) {
        numbers *x = (numbers *)(b->x[k] + i), *density = (numbers *)(b->densities + i);
        const numbers at = (*(const numbers *)(b->corners + i) + *x) * scale;
        const whole bin = (whole)WHOLE(at);
        const numbers width = GATHER(widths, bin);
        *(whole *)(bins + i) = bin;
        *x = GATHER(offsets, bin) + width * at;
        if (first)
            *density = width * before;
        else
            *density *= width;
    }
}

static void map(fani_vegas_block *b)
{
    const uint32_t side = (uint32_t)b->item->side;
    const double scale = (double)BINS / side;
    uint32_t stride = 1;
    double before = 1;
    for (size_t k = 0; k < b->d; k++)
        before *= BINS;
    for (size_t k = 0; k < b->d; k++, stride *= side) {
        if (k == 0 || side > 1)
            fill_corners(b, side, stride);
        for (size_t i = b->starts[b->pieces]; i < b->n; i++)
            b->corners[i] = 0;
        if (k == 0)
            axis(b, k, scale, true, before);
        else
            axis(b, k, scale, false, 1);
    }
}

static void weigh(fani_vegas_block *b, size_t c)
{
    for (size_t i = 0; i < b->n; i += LANES) {
        const numbers v = *(numbers *)(b->values[c] + i) * *(numbers *)(b->densities + i);
        const words size = (words)v & INT64_MAX;
        words *largest = (words *)(b->largest + i);
        *(numbers *)(b->values[c] + i) = v;
        const words larger = c == 0 ? ~(words){0} : (words)((numbers)size > (numbers)*largest);
        *largest = (size & larger) | (*largest & ~larger);
    }
}

/* The sum of eight and of eight others. */
static inline void reduce(const numbers *a, const numbers *b, double to[2])
{
    const double *s = (const double *)a, *t = (const double *)b;
    to[0] += ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    to[1] += ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
}

static void add(const fani_vegas_block *b, size_t c, double *sums, size_t stride)
{
    static const int64_t masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const double *values = b->values[c];
    for (size_t p = 0; p < b->pieces; p++) {
        const size_t end = b->starts[p + 1];
        numbers sum[PARTS] = {{0}}, squares[PARTS] = {{0}};
        for (size_t i = b->starts[p]; i < end; i += 8) {
            const int64_t *mask = masks + (end - i < 8 ? 8 - (end - i) : 0);
            for (size_t j = 0; j < PARTS; j++) {
                const words kept = *(const words *)(mask + j * LANES);
                const numbers v = (numbers)(*(const words *)(values + i + j * LANES) & kept);
                sum[j] += v;
                squares[j] += v * v;
            }
        }
        reduce(sum, squares, sums + 2 * stride * p);
    }
}

static double square(fani_vegas_block *b)
{
    numbers sum[PARTS] = {{0}};
    for (size_t i = 0; i < b->n; i += 8) {
        for (size_t j = 0; j < PARTS; j++) {
            numbers *at = (numbers *)(b->largest + i + j * LANES);
            sum[j] += *at;
            *at *= *at;
        }
    }
    double both[2] = {0, 0};
    reduce(sum, sum, both);
    return both[0];
}

/* Two dimensions at once: an addition to a bin waits for the one before it. */
static void add_bins(const fani_vegas_block *b, double *squares)
{
    const size_t count = b->starts[b->pieces];
    const double *largest = b->largest;
    size_t k = 0;
    for (; k + 1 < b->d; k += 2) {
        const index *bins = (const index *)b->bins[k], *others = (const index *)b->bins[k + 1];
        double *to = squares + k * BINS;
        for (size_t i = 0; i < count; i += 2) {
            to[bins[i]] += largest[i];
            to[BINS + others[i]] += largest[i];
        }
    }
    const index *bins = (const index *)b->bins[k];
    for (size_t i = 0; k < b->d && i < count; i += 2)
        squares[k * BINS + (size_t)bins[i]] += largest[i];
}

static void damp(double *variances, size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        const numbers fourth = ROOT(ROOT(*(numbers *)(variances + i)));
        *(numbers *)(variances + i) = fourth * ROOT(fourth);
    }
    for (; i < count; i++) {
        const double fourth = sqrt(sqrt(variances[i]));
        variances[i] = fourth * sqrt(fourth);
    }
}

const fani_vegas_kernels NAME = {UNIFORM, map, weigh, add, square, add_bins, damp};
