/* The kernels of a grid, for the file of an instruction set that includes this one after its
 * vectors (vector_*.h), and defines GRID_KERNELS, the table's name. */
#include "grid_sums.h"

static inline vec first_numbers(void)
{
    static const double numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return load(numbers);
}

static void even(double *x, double from, double step, double base, size_t n)
{
    vec position[2] = {spread(base) + first_numbers(), spread(base + LANES) + first_numbers()};
    for (size_t j = 0; j < n; j += 2 * LANES) {
        store(x + j, spread(from) + position[0] * spread(step));
        if (j + LANES < n)
            store(x + j + LANES, spread(from) + position[1] * spread(step));
        position[0] = position[0] + spread(2 * LANES);
        position[1] = position[1] + spread(2 * LANES);
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
