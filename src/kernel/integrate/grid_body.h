/* The kernels of a grid, for the file of an instruction set that includes this one after its
 * vectors (vector_*.h), and defines GRID_KERNELS, the table's name. */
#include <math.h>
#include <stdint.h>

enum { FLIGHT = FANI_GRID_LANES / LANES };

static inline vec first_numbers(void)
{
    static const double numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return load(numbers);
}

static void even(double *x, double from, double step, double base, size_t n)
{
    vec position = spread(base) + first_numbers();
    for (size_t j = 0; j < n; j += LANES) {
        store(x + j, spread(from) + position * spread(step));
        position = position + spread(LANES);
    }
}

static void uneven(double *x, double from, double step, double base, const double *subintervals,
                   const double *offsets, size_t n)
{
    for (size_t j = 0; j < n; j += LANES) {
        const vec position = (spread(base) + load(subintervals + j)) + load(offsets + j);
        store(x + j, spread(from) + position * spread(step));
    }
}

/* A power of 2 that is 32 to 64 times the magnitude, or infinity; 0 for subnormal numbers, whose
 * sums are exact. */
static inline vec far_above(vec size)
{
    const int64_t exponent = 0x7ff0000000000000;
    return to_vec(to_bits(size) & exponent) * spread(64);
}

static inline vec value_at(const double *values, const double *weights, size_t i)
{
    const vec value = load(values + i);
    if (weights)
        return value * load(weights + i);
    return value;
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

/* Each lane's 16 values are added to a number so far above them that what a sum leaves of a value
 * is the difference of two sums, which is exact (Dekker 1971), as is taking the number away again.
 * What is left out adds up in `rest`: exactly, but for values 2^40 times smaller than the largest.
 * Four operations a value; what is not finite shows in the sums. */
static inline __attribute__((always_inline)) bool add_run(fani_lanes *lanes, const double *values,
                                                          const double *weights)
{
    vec start[FLIGHT], other[FLIGHT], sum[FLIGHT], rest[FLIGHT];
#pragma GCC unroll 8
    for (size_t f = 0; f < FLIGHT; f++)
        start[f] = other[f] = rest[f] = spread(0);
    for (size_t i = 0; i < FANI_GRID_RUN; i += 2 * FANI_GRID_LANES) { /* two, so that none waits */
#pragma GCC unroll 8
        for (size_t f = 0; f < FLIGHT; f++) {
            const size_t at = i + f * LANES;
            start[f] = greater_of(start[f], magnitude(value_at(values, weights, at)));
            other[f] =
                greater_of(other[f], magnitude(value_at(values, weights, at + FANI_GRID_LANES)));
        }
    }
#pragma GCC unroll 8
    for (size_t f = 0; f < FLIGHT; f++)
        sum[f] = start[f] = far_above(greater_of(start[f], other[f]));
    for (size_t i = 0; i < FANI_GRID_RUN; i += FANI_GRID_LANES) {
#pragma GCC unroll 8
        for (size_t f = 0; f < FLIGHT; f++) {
            const vec value = value_at(values, weights, i + f * LANES);
            const vec with = sum[f] + value;
            rest[f] = rest[f] + (value - (with - sum[f]));
            sum[f] = with;
        }
    }
    triple total[FLIGHT];
    vec probe = spread(0);
#pragma GCC unroll 8
    for (size_t f = 0; f < FLIGHT; f++) {
        const size_t at = f * LANES;
        total[f] =
            (triple){load(lanes->high + at), load(lanes->middle + at), load(lanes->low + at)};
        add_to(&total[f], sum[f] - start[f], rest[f]);
        probe = probe + total[f].low * spread(0);
    }
    for (int k = 0; k < LANES; k++) {
        if (probe[k] != 0)
            return false;
    }
#pragma GCC unroll 8
    for (size_t f = 0; f < FLIGHT; f++) {
        store(lanes->high + f * LANES, total[f].high);
        store(lanes->middle + f * LANES, total[f].middle);
        store(lanes->low + f * LANES, total[f].low);
    }
    return true;
}

static bool add(fani_lanes *lanes, const double *values, const double *weights)
{
    return weights ? add_run(lanes, values, weights) : add_run(lanes, values, NULL);
}

const fani_grid_kernels GRID_KERNELS = {.even = even, .uneven = uneven, .add = add};
