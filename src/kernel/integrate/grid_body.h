/* The kernels of a grid, for the file of an instruction set that includes this one after its
 * vectors (vector_*.h), and defines GRID_KERNELS, the table's name. */
#include "grid_sums.h"

static inline vec first_numbers(void)
{
    static const double numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return load(numbers);
}

/* From 0 on there is nothing to add: positions and steps have no sign. */
static inline vec point_at(vec position, double from, double step, bool from_zero)
{
    vec x = position * spread(step);
    if (!from_zero)
        x = spread(from) + x;
    return x;
}

static inline __attribute__((always_inline)) void even_points(double *x, double from, double step,
                                                              double base, size_t n, bool from_zero)
{
    enum { TWO = 2 * LANES };
    vec first = spread(base) + first_numbers(), second = spread(base + LANES) + first_numbers();
    for (size_t j = 0; j < n; j += TWO) {
        store(x + j, point_at(first, from, step, from_zero));
        if (j + LANES < n)
            store(x + j + LANES, point_at(second, from, step, from_zero));
        first = first + spread(TWO);
        second = second + spread(TWO);
    }
}

static void even(double *x, double from, double step, double base, size_t n)
{
    if (from == 0)
        even_points(x, from, step, base, n, true);
    else
        even_points(x, from, step, base, n, false);
}

static void uneven(double *x, double from, double step, double base, const double *subintervals,
                   const double *offsets, size_t n)
{
    for (size_t j = 0; j < n; j += LANES) {
        const vec position = (spread(base) + load(subintervals + j)) + load(offsets + j);
        store(x + j, spread(from) + position * spread(step));
    }
}

static inline vec value_at(const double *values, const double *weights, size_t i)
{
    const vec value = load(values + i);
    if (weights)
        return value * load(weights + i);
    return value;
}

static inline __attribute__((always_inline)) bool add_run(fani_lanes *lanes, const double *values,
                                                          const double *weights)
{
    vec most[FLIGHT], other[FLIGHT];
    EACH_FLIGHT(f) most[f] = other[f] = spread(0);
    const size_t two = 2 * (size_t)FANI_GRID_LANES; /* at once, so that none waits */
    for (size_t i = 0; i < FANI_GRID_RUN; i += two) {
        EACH_FLIGHT(f)
        {
            const size_t at = i + f * LANES;
            most[f] = greater_of(most[f], magnitude(value_at(values, weights, at)));
            other[f] =
                greater_of(other[f], magnitude(value_at(values, weights, at + FANI_GRID_LANES)));
        }
    }
    run_sums sums;
    EACH_FLIGHT(f) begin_sum(&sums, f, greater_of(most[f], other[f]));
    for (size_t i = 0; i < FANI_GRID_RUN; i += FANI_GRID_LANES) {
        EACH_FLIGHT(f) add_value(&sums, f, value_at(values, weights, i + f * LANES));
    }
    end_sums(&sums);
    return put_sums(lanes, &sums);
}

static bool add(fani_lanes *lanes, const double *values, const double *weights)
{
    return weights ? add_run(lanes, values, weights) : add_run(lanes, values, NULL);
}

const fani_grid_kernels GRID_KERNELS = {.even = even, .uneven = uneven, .add = add};
