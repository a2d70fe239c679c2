/* Uniform random numbers for many samples at once: Philox keyed by the number of the sample. */
#ifndef FANI_UNIFORM_H
#define FANI_UNIFORM_H

#include <stddef.h>
#include <stdint.h>

/* u[k][i] in (0, 1), k < d, for sample first + i of stream `stream` under `seed`, i < count: 32
 * bits each, never 0 or 1. `first` is a multiple of 32, up to which the arrays are written. */
typedef void fani_uniform_kernel(uint64_t seed, uint32_t stream, uint64_t first, size_t d,
                                 size_t count, double *const *u);
fani_uniform_kernel fani_uniform_baseline, fani_uniform_avx2, fani_uniform_avx512;

/* By the fastest kernel there is; the bits are the same. */
fani_uniform_kernel fani_uniform;

#endif
