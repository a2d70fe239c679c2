/* The grid's map, compiled for each instruction set; no fused operations, so the bits are one. */
#include "vegas.h"

void NAME(const double *edges, size_t d, size_t n, double *const *y, double *const *x,
          int32_t *const *bins, double *densities)
{
    for (size_t k = 0; k < d; k++) {
        const double *edge = edges + k * (FANI_VEGAS_BINS + 1);
        const double *place = y[k];
        double *point = x[k];
        int32_t *bin = bins[k];
#pragma omp simd
        for (int i = 0; i < (int)n; i++) {
            const double scaled = place[i] * FANI_VEGAS_BINS;
            const int32_t b = (int32_t)scaled;
            const double low = edge[b], width = edge[b + 1] - low;
            point[i] = low + width * (scaled - b);
            densities[i] *= width * FANI_VEGAS_BINS;
            bin[i] = b;
        }
    }
}
