/* The methods for several dimensions. */
#ifndef FANI_METHODS_MANY_H
#define FANI_METHODS_MANY_H

#include "method.h"

/* Adaptive cubature with fully symmetric rules of degree 7, 2..12 dimensions, and of degrees that
 * are better where the integrand is smooth: 9 in 3..12 dimensions, 11 in 3, 13 in 2. */
extern const fani_method fani_method_cubature, fani_method_cubature9, fani_method_cubature11,
    fani_method_cubature13;

/* VEGAS+: importance sampling on a grid, samples where they lower the variance; 1..16 dimensions.
 */
extern const fani_method fani_method_vegas;

/* Rank-1 lattices with random shifts, for smooth integrands; 2..16 dimensions. */
extern const fani_method fani_method_lattice;

/* Products of functions of one variable; found by trying. Other integrands end at once with
 * FANI_VERDICT_ROUNDING and an infinite error. 2..16 dimensions, one component. */
extern const fani_method fani_method_product;

/* One variable after the other, for jumps and kinks along any line; 2 or 3 dimensions, one
 * component. */
extern const fani_method fani_method_nested;

/* Tries and chooses; 2..16 dimensions. `chosen` of the estimate says what and why. */
extern const fani_method fani_method_auto_many;

#endif
