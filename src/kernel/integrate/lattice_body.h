/* Points of lattices and sums over them, compiled for each instruction set with vectors of LANES
 * doubles (longer ones than it has would go through memory); no fused operations, so the bits are
 * one. */
#include "lattice.h"

typedef uint64_t words __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef double numbers __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

enum { PARTS = 8 / LANES }; /* vectors of the eight running sums */

/* A coordinate of n points. The fraction of a double in [1, 2) does as a counter: what it carries
 * into the exponent is masked. With v = 1 - u, phi is u (u + 2 u v) and phi' is 6 u v, whose 6 is
 * left to `before`, by which the weights are multiplied where they begin. */
static inline __attribute__((always_inline)) void axis(uint64_t start, uint64_t step, size_t n,
                                                       double *points, double *weights, bool first,
                                                       double before)
{
    const uint64_t fraction = (UINT64_C(1) << 52) - 1, one = UINT64_C(0x3FF0000000000000);
    words at = {0};
    for (unsigned i = 0; i < LANES; i++)
        at[i] = (start >> 12) + i * (step >> 12);
    const uint64_t stride = LANES * (step >> 12);
    for (size_t i = 0; i < n; i += LANES, at += stride) {
        const numbers u = (numbers)((at & fraction) | one) - (1 - 0x1p-53), v = 1 - u, p = u * v;
        numbers *weight = (numbers *)(weights + i);
        *(numbers *)(points + i) = u * (u + (p + p));
        if (first)
            *weight = p * before;
        else
            *weight *= p;
    }
}

static void make_points(const uint64_t *starts, const uint64_t *steps, size_t d, size_t n,
                        double *const *points, double *weights)
{
    double before = 1;
    for (size_t k = 0; k < d; k++)
        before *= 6;
    axis(starts[0], steps[0], n, points[0], weights, true, before);
    for (size_t k = 1; k < d; k++)
        axis(starts[k], steps[k], n, points[k], weights, false, 1);
}

static double total(const numbers *sums)
{
    const double *s = (const double *)sums;
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static void sum_values(const double *values, const double *weights, size_t n, double sums[2])
{
    const uint64_t magnitude = INT64_MAX;
    numbers sum[PARTS] = {{0}}, sizes[PARTS] = {{0}};
    for (size_t i = 0; i < n; i += 8) {
        for (size_t j = 0; j < PARTS; j++) {
            const size_t at = i + j * LANES;
            const numbers v = *(const numbers *)(values + at) * *(const numbers *)(weights + at);
            sum[j] += v;
            sizes[j] += (numbers)((words)v & magnitude);
        }
    }
    sums[0] += total(sum);
    sums[1] += total(sizes);
}

const fani_lattice_kernels NAME = {make_points, sum_values};
