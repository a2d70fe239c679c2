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
 * make it periodic: a polynomial of degree 3 whose derivative vanishes at both ends. In one call: a
 * coordinate of n points, n a multiple of 8, that begin at `start` and are `step` apart, as
 * fractions of 2^64; weights[i] is multiplied by the weight. */
typedef void fani_lattice_kernel(uint64_t start, uint64_t step, size_t n, double *points,
                                 double *weights);
fani_lattice_kernel fani_lattice_baseline, fani_lattice_avx2, fani_lattice_avx512;

#endif
