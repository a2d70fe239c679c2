#include "lanes.h"

/* Pairs in flight: what one waits for, the others use. */
enum { FLIGHT = 4 };

static inline unsigned zeros(uint64_t x)
{
    return (unsigned)__builtin_ctzll(x | UINT64_C(1) << 63);
}

/* One step of the binary algorithm on an odd pair; (g, 0) stays what it is. Masks in the place of
 * choices: no branch is there to be mispredicted. */
static inline __attribute__((always_inline)) void step(uint64_t *a, uint64_t *b)
{
    uint64_t difference = *a - *b, less = -(uint64_t)(*a < *b);
    *b += difference & less;
    *a = ((difference ^ less) - less) >> zeros(difference);
}

static void gcd_flight(const uint64_t *x, const uint64_t *y, uint64_t *out)
{
    uint64_t a[FLIGHT], b[FLIGHT], left;
    unsigned shared[FLIGHT];
    for (int k = 0; k < FLIGHT; k++) {
        shared[k] = zeros(x[k] | y[k]);
        a[k] = x[k] >> zeros(x[k]);
        b[k] = y[k] >> zeros(y[k]);
    }
    do {
        left = 0;
#pragma GCC unroll 4
        for (int k = 0; k < FLIGHT; k++) {
            step(&a[k], &b[k]);
            step(&a[k], &b[k]);
            left |= b[k];
        }
    } while (left);
    for (int k = 0; k < FLIGHT; k++)
        out[k] = a[k] << shared[k];
}

void fani_gcd_words_scalar(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n)
{
    size_t i = 0;
    for (; i + FLIGHT <= n; i += FLIGHT)
        gcd_flight(a + i, b + i, out + i);
    if (i == n)
        return;
    uint64_t x[FLIGHT] = {0}, y[FLIGHT] = {0};
    for (size_t k = i; k < n; k++) {
        x[k - i] = a[k];
        y[k - i] = b[k];
    }
    gcd_flight(x, y, x);
    for (size_t k = i; k < n; k++)
        out[k] = x[k - i];
}
