/* The methods for several dimensions. */
#ifndef FANI_METHODS_MANY_H
#define FANI_METHODS_MANY_H

#include "method.h"

/* Adaptive cubature with fully symmetric rules of degree 7, 2..12 dimensions, and of degree 9, 3..12
 * dimensions, which is better where the integrand is smooth. */
extern const fani_method fani_method_cubature, fani_method_cubature9;

/* VEGAS+: importance sampling on a grid, samples where they lower the variance; 1..16 dimensions. */
extern const fani_method fani_method_vegas;

/* Rank-1 lattices with random shifts, for smooth integrands; 2..16 dimensions. */
extern const fani_method fani_method_lattice;

/* Products of functions of one variable; found by trying. Other integrands end at once with
 * FANI_VERDICT_ROUNDING and an infinite error. 2..16 dimensions, one component. */
extern const fani_method fani_method_product;

/* Tries and chooses; 2..16 dimensions. `chosen` of the estimate says what and why. */
extern const fani_method fani_method_auto_many;

#endif
