/* VEGAS+ inside: items, replies, and the work on them. */
#ifndef FANI_VEGAS_H
#define FANI_VEGAS_H

#include "domain.h"

enum {
    FANI_VEGAS_BINS = 128,     /* of the grid, a dimension */
    FANI_VEGAS_SEGMENTS = 512, /* of an item */
    FANI_VEGAS_SAMPLES = 8192, /* of an item */
};

/* Samples of one cube of the stratification; a cube may be cut over items. */
typedef struct fani_vegas_segment {
    uint64_t cube;
    uint64_t samples;
} fani_vegas_segment;

/* An item; edges[d][FANI_VEGAS_BINS + 1] follow. */
typedef struct fani_vegas_item {
    uint64_t seed;
    uint64_t first; /* number of the first sample, over all iterations */
    uint64_t side;  /* cubes along each dimension */
    uint64_t count; /* segments */
    fani_vegas_segment segments[FANI_VEGAS_SEGMENTS];
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

/* Points of the unit cube from places in the grid: y[k][i] in (0, 1) becomes the point x[k][i],
 * bins[k][i] its bin; densities[i] is multiplied by what the grid stretches. n is a multiple of 8.
 */
typedef void fani_vegas_map(const double *edges, size_t d, size_t n, double *const *y,
                            double *const *x, int32_t *const *bins, double *densities);
fani_vegas_map fani_vegas_map_baseline, fani_vegas_map_avx2, fani_vegas_map_avx512;

fan_status fani_vegas_work(const fani_integrand *f, const fani_domain *domain,
                           const unsigned char *item, unsigned char *reply);

#endif
