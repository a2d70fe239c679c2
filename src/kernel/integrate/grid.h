/* What a grid does with its runs of points beside evaluating them: their places, and their sum. The
 * bits are the same for every instruction set. */
#ifndef FANI_GRID_H
#define FANI_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/isa.h"

enum {
    FANI_GRID_RUN = 512, /* points at once */
    FANI_GRID_LANES = 16 /* partial sums beside each other: point i belongs to number i % 16 */
};

/* Sums beside each other, each the sum of three numbers. All zero is the empty sum. */
typedef struct fani_lanes {
    double high[FANI_GRID_LANES], middle[FANI_GRID_LANES], low[FANI_GRID_LANES];
} fani_lanes;

typedef struct fani_grid_kernels {
    /* x[j] = from + (base + j) * step, j < n; may write up to the next multiple of 8. */
    void (*even)(double *x, double from, double step, double base, size_t n);
    /* x[j] = from + ((base + subintervals[j]) + offsets[j]) * step, likewise. */
    void (*uneven)(double *x, double from, double step, double base, const double *subintervals,
                   const double *offsets, size_t n);
    /* Adds values[j] (times weights[j], rounded, where there are weights), j < FANI_GRID_RUN, to
     * the lanes. False, and nothing is added, where a value is not finite, or so large that the way
     * there overflows. */
    bool (*add)(fani_lanes *lanes, const double *values, const double *weights);
} fani_grid_kernels;

/* The fastest for an instruction set that this machine has. */
const fani_grid_kernels *fani_grid_kernels_of(fani_isa isa);
extern const fani_grid_kernels fani_grid_scalar, fani_grid_avx2, fani_grid_avx512;

/* A sum as three doubles, high the nearest to the sum: positive and negative values that cancel to
 * 2^-100 of their size leave a sum that is still good to its last bit. */
typedef struct fani_triple {
    double high, middle, low;
} fani_triple;

fani_triple fani_triple_add(fani_triple a, fani_triple b);

/* The sum of all lanes, by index. */
fani_triple fani_lanes_total(const fani_lanes *lanes);

#endif
