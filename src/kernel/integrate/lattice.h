/* Rank-1 lattices inside. */
#ifndef FANI_LATTICE_H
#define FANI_LATTICE_H

#include "domain.h"

enum {
    FANI_LATTICE_DIGITS = 20,   /* of the generating vector: at most 2^20 points */
    FANI_LATTICE_POINTS = 8192, /* of an item */
};

/* Good for 2^m points of a lattice, 1 <= m <= FANI_LATTICE_DIGITS, in every dimension. */
extern const uint32_t fani_lattice_vector[FAN_INTEGRAL_DIMENSION_MAX];

/* How a point u of the lattice becomes one of the integrand, phi(u), and a weight, phi'(u), that
 * make it periodic: a polynomial of degree 3 whose derivative vanishes at both ends. points[k][i],
 * i < n, gets coordinate k of point i, whose u is starts[k] + i * steps[k] in fractions of 2^64
 * (steps are multiples of 2^12), weights[i] the product of the weights over all d dimensions. n is
 * a multiple of 8. */
typedef void fani_lattice_points(const uint64_t *starts, const uint64_t *steps, size_t d, size_t n,
                                 double *const *points, double *weights);
/* sums[0] += the sum of values[i] * weights[i], sums[1] += that of their magnitudes, i < n, a
 * multiple of 8. */
typedef void fani_lattice_sum(const double *values, const double *weights, size_t n,
                              double sums[2]);

/* Compiled for an instruction set; the bits are the same. */
typedef struct fani_lattice_kernels {
    fani_lattice_points *points;
    fani_lattice_sum *sum;
} fani_lattice_kernels;
extern const fani_lattice_kernels fani_lattice_baseline, fani_lattice_avx2, fani_lattice_avx512;

#endif
