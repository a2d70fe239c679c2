/* Blocks of samples, compiled for each instruction set with vectors of LANES doubles; no fused
 * operations, so the bits are one. WHOLE rounds numbers towards 0 to integers of the type INDEX;
 * GATHER(base, index) is base[index] in each lane, ROOT the square root. */
#include <math.h>
#include <string.h>

#include "philox_lanes.h"
#include "vegas.h"

typedef double numbers __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t words __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef INDEX bin_number __attribute__((may_alias));
typedef INDEX whole __attribute__((vector_size(LANES * sizeof(INDEX)), aligned(4), may_alias));

enum { BINS = FANI_VEGAS_BINS, PARTS = 8 / LANES /* vectors of the eight running sums */ };

/* What makes random words above 2^52 into places along axis k, in 2^-32 of a cube: the words and a
 * half, and the corners of the samples' cubes. All that is exact. Corners are the same for `stride`
 * cubes, on most axes those of the block before; what pads them is in any cube. */
static void fill_corners(fani_vegas_block *b, size_t k, uint32_t stride)
{
    const uint32_t side = (uint32_t)b->item->side, first = (uint32_t)b->cube;
    uint32_t corner = first / stride % side;
    size_t left = stride - first % stride;
    const bool one = left >= b->pieces;
    if (one && b->filled[k] == corner + 1)
        return;
    b->filled[k] = one ? corner + 1 : 0;
    for (size_t p = 0; p < b->pieces;) {
        const size_t end = b->pieces - p <= left ? b->pieces : p + left;
        const size_t to = end < b->pieces ? b->starts[end] : FANI_POINTS_MAX;
        const numbers filled = (numbers){0} + (0x1p32 * corner - (0x1p52 - 0.5));
        for (size_t i = b->starts[p]; i < to; i += LANES)
            *(numbers *)(b->corners[k] + i) = filled;
        corner = corner + 1 < side ? corner + 1 : 0;
        left = stride;
        p = end;
    }
}

/* Coordinate k of samples i, i + 8, i + 16, i + 24 and those in the lanes beside them. */
static inline __attribute__((always_inline)) void map_axis(fani_vegas_block *b, size_t k, size_t i,
                                                           const fani_words drawn[4], double scale,
                                                           numbers densities[4])
{
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
        const size_t at = i + 8 * j;
        const numbers t = (*(const numbers *)(b->corners[k] + at) + philox_above(drawn[j])) * scale;
        const whole bin = (whole)WHOLE(t);
        const numbers width = GATHER(b->widths[k], bin);
        *(whole *)((bin_number *)b->bins[k] + at) = bin;
        *(numbers *)(b->x[k] + at) = GATHER(b->offsets[k], bin) + width * t;
        densities[j] *= width;
    }
}

/* The first sample of counters that are drawn when i samples have been. */
static inline size_t place_of(size_t i)
{
    return i / 32 * 32 + i % 32 / 4;
}

/* Draws and maps, two vectors of counters at once. Random numbers are drawn one step ahead of the
 * map: the processor does their arithmetic while it waits for what the map looks up. */
static void map_all(fani_vegas_block *b, uint64_t first, double scale, double before)
{
    philox_keys keys;
    philox_key(b->item->seed, &keys);
    fani_words counters[2] = {philox_counters(first / 4), philox_counters(first / 4 + LANES)};
    fani_words drawn[2][4], next[2][4];
    philox_draw(&keys, 0, counters, 2, 0, drawn);
    for (size_t i = 0; i < (b->n + 31) / 32 * 32; i += (size_t)8 * LANES) {
        const size_t places[2] = {place_of(i), place_of(i + (size_t)4 * LANES)};
        numbers densities[2][4];
        for (size_t j = 0; j < 8; j++)
            densities[j / 4][j % 4] = (numbers){0} + before;
        for (size_t k = 0; k < b->d; k++) {
            const bool last = k + 1 == b->d;
            counters[0] += last ? 2 * LANES : 0;
            counters[1] += last ? 2 * LANES : 0;
            philox_draw(&keys, 0, counters, 2, last ? 0 : k + 1, next);
            map_axis(b, k, places[0], drawn[0], scale, densities[0]);
            map_axis(b, k, places[1], drawn[1], scale, densities[1]);
            memcpy(drawn, next, sizeof drawn);
        }
        for (size_t j = 0; j < 8; j++)
            *(numbers *)(b->densities + places[j / 4] + 8 * (j % 4)) = densities[j / 4][j % 4];
    }
}

static void map(fani_vegas_block *b, uint64_t first)
{
    const uint32_t side = (uint32_t)b->item->side;
    const double scale = 0x1p-32 * BINS / side;
    uint32_t stride = 1;
    double before = 1;
    for (size_t k = 0; k < b->d; k++, stride *= side) {
        fill_corners(b, k, stride);
        before *= BINS;
    }
    map_all(b, first, scale, before);
}

static void weigh(fani_vegas_block *b, size_t c)
{
    for (size_t i = 0; i < b->n; i += LANES) {
        const numbers v = *(numbers *)(b->values[c] + i) * *(numbers *)(b->densities + i);
        const words size = (words)v & INT64_MAX;
        numbers *largest = (numbers *)(b->largest + i);
        words larger = (words)((numbers)size > *largest);
        if (c == 0)
            larger = (words){0} - 1;
        *(numbers *)(b->values[c] + i) = v;
        *largest = (numbers)((size & larger) | ((words)*largest & ~larger));
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
                const numbers v =
                    (numbers)((words) * (const numbers *)(values + i + j * LANES) & kept);
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

/* Several axes at once: an addition to a bin may have to wait for the one before it. */
static inline __attribute__((always_inline)) void add_axes(const fani_vegas_block *b, size_t k,
                                                           size_t axes, double *squares)
{
    const size_t count = b->starts[b->pieces];
    double *to = squares + k * BINS;
    for (size_t i = 0; i < count; i += 2) {
        const double square = b->largest[i];
#pragma GCC unroll 4
        for (size_t j = 0; j < axes; j++)
            to[j * BINS + (size_t)((const bin_number *)b->bins[k + j])[i]] += square;
    }
}

static void add_bins(const fani_vegas_block *b, double *squares)
{
    size_t k = 0;
    for (; k + 4 <= b->d; k += 4)
        add_axes(b, k, 4, squares);
    if (k + 2 <= b->d)
        add_axes(b, k, 2, squares);
    if (b->d % 2 == 1)
        add_axes(b, b->d - 1, 1, squares);
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

const fani_vegas_kernels NAME = {map, weigh, add, square, add_bins, damp};
