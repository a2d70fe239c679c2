/* The methods for several dimensions. */
#ifndef FANI_METHODS_MANY_H
#define FANI_METHODS_MANY_H

#include "method.h"

/* Adaptive cubature with fully symmetric rules; 2..12 dimensions. */
extern const fani_method fani_method_cubature;

#endif
