/* Sums of sines and cosines over a run of points, each value made and added at once: for the file
 * of an instruction set that includes this one after expression_fused_body.h. Values have the bits
 * of the kernels SIN and COS: angles are reduced with the same numbers. */
#include "grid_sums.h"
#include "vector_waves.h"

ALWAYS_INLINE void add_group(run_sums *sums, vec *value, const double *weights)
{
    enum { count = ABREAST };
    if (weights)
        EACH(k) value[k] = value[k] * load(weights + k * LANES);
    EACH(k) add_value(sums, k % FLIGHT, value[k]);
}

/* ---- Fine grids ------------------------------------------------------------------------------ */

/* On a fine grid a run lies within one half turn: its values are sign * sin(a - multiple * unit),
 * with the same sign, multiple and unit. `most` is the largest magnitude of what sin is taken of,
 * at one of the ends, for it goes up with a. */
typedef struct half_turn {
    const double *unit;
    double multiple, most;
    vec sign;
} half_turn;

/* Of both ends, in the lanes 0 and 1. False where they lie in different half turns. */
ALWAYS_INLINE bool set_half_turn(vec ends, const double *unit, vec multiple, vec shifted,
                                 half_turn *h)
{
    reduce(&ends, &multiple, unit, 1);
    const double first = fabs(ends[0]), last = fabs(ends[1]);
    h->unit = unit;
    h->multiple = multiple[0];
    h->most = first > last ? first : last;
    h->sign = lowest_bit_as_sign(spread(shifted[0]));
    return multiple[0] == multiple[1];
}

/* sin is odd to the last bit: a sign of the angle turns that of the multiple. */
ALWAYS_INLINE bool half_turn_of_sine(vec ends, half_turn *h)
{
    vec multiple, shifted, sizes = magnitude(ends);
    turns_of_sine(&sizes, &multiple, &shifted, 1);
    return set_half_turn(ends, whole_pi, flip(multiple, sign_of(ends)), shifted, h);
}

ALWAYS_INLINE bool half_turn_of_cosine(vec ends, half_turn *h)
{
    vec multiple, shifted;
    turns_of_cosine(&ends, &multiple, &shifted, 1);
    return set_half_turn(ends, half_pi, multiple, shifted, h);
}

ALWAYS_INLINE bool add_half_turn(fani_lanes *lanes, const double *a, const double *weights,
                                 const half_turn *h)
{
    enum { count = ABREAST };
    run_sums sums;
    vec multiple[ABREAST];
    EACH_FLIGHT(f) begin_sum(&sums, f, spread(weights ? FANI_WAVE_WEIGHT_MAX * h->most : h->most));
    EACH(k) multiple[k] = spread(h->multiple);
    for (size_t i = 0; i < FANI_GRID_RUN; i += GROUP) {
        vec x[ABREAST];
        EACH(k) x[k] = load(a + i + k * LANES);
        reduce(x, multiple, h->unit, ABREAST);
        sine_near_0(x, ABREAST);
        add_group(&sums, x, weights ? weights + i : NULL);
    }
    end_sums(&sums);
    EACH_FLIGHT(f)
    {
        sums.sum[f] = flip(sums.sum[f], h->sign);
        sums.rest[f] = flip(sums.rest[f], h->sign);
    }
    return put_sums(lanes, &sums);
}

/* ---- Others ---------------------------------------------------------------------------------- */

static double largest_weight(const double *weights)
{
    vec most = spread(0);
    double largest = 0;
    for (size_t i = 0; i < FANI_GRID_RUN; i += LANES)
        most = greater_of(most, load(weights + i));
    for (int k = 0; k < LANES; k++)
        largest = largest > most[k] ? largest : most[k];
    return largest;
}

/* The sums begin above the largest weight. Where no lane gives a sum that comes near to it, all
 * values may be small, and would be added too coarsely: then false. */
ALWAYS_INLINE bool add_turns(fani_lanes *lanes, const double *a, const double *weights,
                             bool is_sine)
{
    enum { count = ABREAST };
    const double most = weights ? largest_weight(weights) : 1;
    vec largest = spread(0);
    run_sums sums;
    EACH_FLIGHT(f) begin_sum(&sums, f, spread(most));
    for (size_t i = 0; i < FANI_GRID_RUN; i += GROUP) {
        vec x[ABREAST];
        EACH(k) x[k] = load(a + i + k * LANES);
        if (is_sine)
            sine(x, ABREAST);
        else
            cosine(x, ABREAST);
        add_group(&sums, x, weights ? weights + i : NULL);
    }
    end_sums(&sums);
    EACH_FLIGHT(f) largest = greater_of(largest, magnitude(sums.sum[f]));
    if (lanes_of(less(spread(most / 64), largest)) == 0)
        return false;
    return put_sums(lanes, &sums);
}

#define WAVE(name, is_sine)                                                                        \
    static bool add_##name(fani_lanes *lanes, const double *a, const double *weights)              \
    {                                                                                              \
        half_turn h;                                                                               \
        vec ends = spread(a[0]);                                                                   \
        ends[1] = a[FANI_GRID_RUN - 1];                                                            \
        if (!(fabs(ends[0]) < trig_max && fabs(ends[1]) < trig_max))                               \
            return false;                                                                          \
        if (half_turn_of_##name(ends, &h))                                                         \
            return weights ? add_half_turn(lanes, a, weights, &h)                                  \
                           : add_half_turn(lanes, a, NULL, &h);                                    \
        return weights ? add_turns(lanes, a, weights, is_sine)                                     \
                       : add_turns(lanes, a, NULL, is_sine);                                       \
    }
WAVE(sine, true)
WAVE(cosine, false)
