/* Coordinates of lattice points, compiled for each instruction set; no fused operations, so the
 * bits are one. */
#include "lattice.h"

typedef uint64_t words __attribute__((vector_size(64), aligned(8), may_alias));
typedef double numbers __attribute__((vector_size(64), aligned(8), may_alias));

void NAME(uint64_t start, uint64_t step, size_t n, double *points, double *weights)
{
    words at = start + step * (words){0, 1, 2, 3, 4, 5, 6, 7};
    const uint64_t stride = 8 * step;
    for (size_t i = 0; i < n; i += 8, at += stride) {
        const words bits = at >> 12 | UINT64_C(0x3FF0000000000000);
        const numbers u = (numbers)bits - (1 - 0x1p-53), v = 1 - u;
        *(numbers *)(points + i) = u * u * (3 - 2 * u);
        *(numbers *)(weights + i) *= 6 * u * v;
    }
}
