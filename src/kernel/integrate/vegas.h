/* VEGAS+ inside: items, replies, and the work on them. */
#ifndef FANI_VEGAS_H
#define FANI_VEGAS_H

#include <stdalign.h>

#include "domain.h"

enum {
    FANI_VEGAS_BINS = 128,     /* of the grid, a dimension */
    FANI_VEGAS_SEGMENTS = 512, /* of an item */
    FANI_VEGAS_SAMPLES = 8192, /* of an item */
    /* Of arrays of a block's samples: longer than they are, so that pieces may be written up to 8
     * beyond, and so that no two places of a sample are a multiple of 4 KB apart, where a load
     * waits for the store that came before it. */
    FANI_VEGAS_ROW = FANI_POINTS_MAX + 8,
};

/* An item: samples of cubes that follow each other; the first and the last may be cut over items.
 * edges[d][FANI_VEGAS_BINS + 1] follow. */
typedef struct fani_vegas_item {
    uint64_t seed;
    uint64_t first; /* number of the first sample, which its random numbers follow from */
    uint64_t side;  /* cubes along each dimension */
    uint64_t cube;  /* the first segment's */
    uint64_t count; /* segments */
    uint32_t samples[FANI_VEGAS_SEGMENTS];
} fani_vegas_item;

/* The head of a reply. There follow, for each segment, sums of values and of their squares for
 * each component, and squares[d][FANI_VEGAS_BINS]: squares of values (of the largest component) by
 * bin. Values are those of f times the map's density, for a mean over the cube of the samples. */
typedef struct fani_vegas_reply {
    fani_bad_values bad;
    double absolute;
} fani_vegas_reply;

size_t fani_vegas_item_size(size_t d);
size_t fani_vegas_reply_size(size_t d, size_t components);

/* A block of an item's samples: so many of each of some segments, one after the other. */
typedef struct fani_vegas_block {
    const fani_vegas_item *item;
    size_t d, n; /* samples, a multiple of 8 with what pads them */
    /* 1 + what all corners along an axis are, 0 where they differ. */
    uint32_t filled[FAN_INTEGRAL_DIMENSION_MAX];
    size_t pieces; /* segments; piece p has samples starts[p] to starts[p + 1] */
    uint16_t starts[FANI_POINTS_MAX + 1];
    uint64_t cube; /* of piece 0 */
    /* A place t bins along axis k, which is in bin b, is the point offsets[k][b] + widths[k][b] *
     * t.
     */
    alignas(64) double offsets[FAN_INTEGRAL_DIMENSION_MAX][FANI_VEGAS_BINS];
    alignas(64) double widths[FAN_INTEGRAL_DIMENSION_MAX][FANI_VEGAS_BINS];
    /* Of each sample. */
    alignas(64) double x[FAN_INTEGRAL_DIMENSION_MAX][FANI_VEGAS_ROW];
    alignas(64) double corners[FAN_INTEGRAL_DIMENSION_MAX][FANI_VEGAS_ROW]; /* of cubes */
    alignas(64) double densities[FANI_VEGAS_ROW];
    alignas(64) double largest[FANI_VEGAS_ROW]; /* of |f| over components; then its square */
    alignas(64) double values[FAN_INTEGRAL_COMPONENTS_MAX][FANI_VEGAS_ROW];
    alignas(64) int64_t bins[FAN_INTEGRAL_DIMENSION_MAX][FANI_VEGAS_ROW]; /* or of 32 bits */
} fani_vegas_block;

/* Compiled for an instruction set; the bits are the same. */
typedef struct fani_vegas_kernels {
    /* Draws samples `first`, first + 1...: points in their cubes as the grid has them, their bins,
     * and the densities by which their values are to be multiplied. The random numbers are those
     * of uniform.h, stream 0. */
    void (*map)(fani_vegas_block *b, uint64_t first);
    /* Multiplies values[c] by the densities and makes `largest` at least their magnitudes, which
     * component 0 begins. */
    void (*weigh)(fani_vegas_block *b, size_t c);
    /* Adds values[c] and their squares, piece by piece: sums[2 * stride * p] and the one after it.
     */
    void (*add)(const fani_vegas_block *b, size_t c, double *sums, size_t stride);
    /* The sum of `largest`, which are squared. */
    double (*square)(fani_vegas_block *b);
    /* Adds what `largest` holds to squares[d][FANI_VEGAS_BINS], to the samples' bins. Every other
     * sample tells enough. */
    void (*add_bins)(const fani_vegas_block *b, double *squares);
    /* Of variances: the power 0.75 of the deviation. */
    void (*damp)(double *variances, size_t count);
} fani_vegas_kernels;
extern const fani_vegas_kernels fani_vegas_baseline, fani_vegas_avx2, fani_vegas_avx512;

const fani_vegas_kernels *fani_vegas_kernels_wanted(void);

fan_status fani_vegas_work(const fani_integrand *f, const fani_domain *domain,
                           const unsigned char *item, unsigned char *reply);

#endif
