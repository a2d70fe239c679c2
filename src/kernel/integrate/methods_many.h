/* The methods for several dimensions. */
#ifndef FANI_METHODS_MANY_H
#define FANI_METHODS_MANY_H

#include "method.h"

/* Adaptive cubature with fully symmetric rules of degree 7, 2..12 dimensions, and of degree 9, 3..12
 * dimensions, which is better where the integrand is smooth. */
extern const fani_method fani_method_cubature, fani_method_cubature9;

/* VEGAS+: importance sampling on a grid, samples where they lower the variance; 1..16 dimensions. */
extern const fani_method fani_method_vegas;

#endif
