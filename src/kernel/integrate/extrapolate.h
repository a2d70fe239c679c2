/* Limits of sequences that converge slowly. */
#ifndef FANI_EXTRAPOLATE_H
#define FANI_EXTRAPOLATE_H

#include <stddef.h>

enum { FANI_EXTRAPOLATE_MAX = 40 }; /* terms that count; of more, the last ones */

/* The limit of terms[0..count-1], 3 <= count, and an error: how far the last three limits differ.
 * Source: P. Wynn, On a device for computing the e_m(S_n) transformation, 1956. Any thread. */
double fani_extrapolate(const double *terms, size_t count, double *error);

#endif
