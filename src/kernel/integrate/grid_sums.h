/* The sum of a run of values in 16 lanes, three numbers each: for a file of an instruction set that
 * includes this one after its vectors (vector_*.h).
 *
 * Each lane's 32 values are added to a number so far above them that what a sum leaves of a value
 * is the difference of two sums, which is exact (Dekker 1971), as is taking the number away again.
 * What is left out adds up in `rest`: exactly, but for values 2^40 times smaller than the largest.
 * Four operations a value; what is not finite shows in the sums. */
#ifndef FANI_GRID_SUMS_H
#define FANI_GRID_SUMS_H

#include <stdint.h>

#include "grid.h"

enum { FLIGHT = FANI_GRID_LANES / LANES };
#define EACH_FLIGHT(f) _Pragma("GCC unroll 8") for (size_t f = 0; f < FLIGHT; f++)

/* A power of 2 that is 64 to 128 times the magnitude, or infinity; 0 for subnormal numbers, whose
 * sums are exact. */
static inline vec far_above(vec size)
{
    const int64_t exponent = 0x7ff0000000000000;
    return to_vec(to_bits(size) & exponent) * spread(4 * FANI_GRID_RUN / FANI_GRID_LANES);
}

typedef struct run_sums {
    vec start[FLIGHT], sum[FLIGHT], rest[FLIGHT];
} run_sums;

/* `most`: what the magnitude of no value exceeds, lane by lane. */
static inline void begin_sum(run_sums *sums, size_t f, vec most)
{
    sums->sum[f] = sums->start[f] = far_above(most);
    sums->rest[f] = spread(0);
}

static inline void add_value(run_sums *sums, size_t f, vec value)
{
    const vec with = sums->sum[f] + value;
    sums->rest[f] = sums->rest[f] + (value - (with - sums->sum[f]));
    sums->sum[f] = with;
}

/* The sum is then sum + rest. */
static inline void end_sums(run_sums *sums)
{
    EACH_FLIGHT(f)
    sums->sum[f] = sums->sum[f] - sums->start[f];
}

typedef struct triple {
    vec high, middle, low;
} triple;

/* Knuth's two-sum, lane by lane. */
static inline vec two_sum(vec a, vec b, vec *rest)
{
    const vec sum = a + b, back = sum - a;
    *rest = (a - (sum - back)) + (b - back);
    return sum;
}

/* Adds high + low; only the lowest part is rounded. */
static inline void add_to(triple *sum, vec high, vec low)
{
    vec first, second, third;
    sum->high = two_sum(sum->high, high, &first);
    sum->middle = two_sum(sum->middle, first, &second);
    sum->middle = two_sum(sum->middle, low, &third);
    sum->low = sum->low + (second + third);
}

/* Adds them to the lanes. False, and nothing is added, where they are not finite. */
static inline bool put_sums(fani_lanes *lanes, const run_sums *sums)
{
    triple total[FLIGHT];
    vec probe = spread(0);
    EACH_FLIGHT(f)
    {
        const size_t at = f * LANES;
        total[f] =
            (triple){load(lanes->high + at), load(lanes->middle + at), load(lanes->low + at)};
        add_to(&total[f], sums->sum[f], sums->rest[f]);
        probe = probe + total[f].low * spread(0);
    }
    if (!all_zero(probe))
        return false;
    EACH_FLIGHT(f)
    {
        store(lanes->high + f * LANES, total[f].high);
        store(lanes->middle + f * LANES, total[f].middle);
        store(lanes->low + f * LANES, total[f].low);
    }
    return true;
}

#endif
