/* Pairs of doubles by the compiler's own vectors, on any machine: what the bodies of kernels that
 * need no functions are written in. Of a NaN and a number, greater_of gives the second. */
#ifndef FANI_VECTOR_H
#define FANI_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

typedef double vec __attribute__((vector_size(16)));
typedef double unaligned_vec __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t bits __attribute__((vector_size(16)));
enum { LANES = 2 };

static inline vec load(const double *p)
{
    return *(const unaligned_vec *)p;
}
static inline void store(double *p, vec a)
{
    *(unaligned_vec *)p = a;
}
static inline vec spread(double a)
{
    return (vec){a, a};
}
static inline bits to_bits(vec a)
{
    return (bits)a;
}
static inline vec to_vec(bits a)
{
    return (vec)a;
}
static inline vec magnitude(vec a)
{
    return (vec)((bits)a & INT64_MAX);
}
static inline vec greater_of(vec a, vec b)
{
    const bits first = (bits)(a > b);
    return (vec)(((bits)a & first) | ((bits)b & ~first));
}

static inline bool all_zero(vec a)
{
    return a[0] == 0 && a[1] == 0;
}

#endif
