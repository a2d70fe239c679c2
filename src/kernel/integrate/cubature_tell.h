/* What the sums over a rule's points tell of each region of a group: value, error, and where to
 * split; part of cubature_body.h, which defines WIDTH: so many of a group's lanes are a vector. */
#ifndef FANI_CUBATURE_TELL_H
#define FANI_CUBATURE_TELL_H

#include <math.h>
#include <string.h>

#include "cubature.h"

enum { LANES = FANI_CUBATURE_LANES };

typedef double lanes __attribute__((vector_size(WIDTH * 8), aligned(8), may_alias));
typedef int64_t lane_bits __attribute__((vector_size(WIDTH * 8), aligned(8), may_alias));
#define LANES_OF(p) (*(lanes *)(p))
#define LANES_AT(p) (*(const lanes *)(p)) /* to be read alone */

static inline lanes lanes_abs(lanes v)
{
    return (lanes)((lane_bits)v & INT64_MAX);
}

/* a where the mask has ones, else b. */
static inline lanes lanes_select(lane_bits mask, lanes a, lanes b)
{
    return (lanes)((mask & (lane_bits)a) | (~mask & (lane_bits)b));
}

static inline lanes lanes_larger(lanes a, lanes b)
{
    return lanes_select((lane_bits)(a > b), a, b);
}

static inline lanes orbit_sum(const double *sums, size_t orbit, size_t d)
{
    const size_t slot = fani_cubature_slot(orbit, d);
    const size_t count = orbit == 1 || orbit == 2 ? d : 1;
    lanes sum = {0};
    for (size_t i = 0; i < count; i++)
        sum += LANES_AT(sums + (slot + i) * LANES);
    return sum;
}

/* The sum of squares of the null rules of a degree, from number *i on. */
static inline lanes null_group(const fani_symmetric_rule *rule, const lanes *orbits, size_t *i)
{
    const uint32_t degree = rule->null_degrees[*i];
    const size_t count = fani_symmetric_shapes[rule->shape].count;
    lanes squares = {0};
    for (; *i < rule->null_count && rule->null_degrees[*i] == degree; ++*i) {
        lanes sum = {0};
        for (size_t j = 0; j < count; j++)
            sum += rule->nulls[*i][j] * orbits[j];
        squares += sum * sum;
    }
    return squares;
}

/* Null rules that shrink less than this from degree to degree see nothing smooth. */
static const double asymptotic = 0.3;

/* The error of the mean in parts of the mean of |f|, squared. Null rules of one norm see what is
 * left of the integrand above their degrees. Where they shrink fast from a degree to the next, the
 * rule's own error is below the highest of them; where they don't, nothing is known but the size of
 * the largest. After Berntsen and Espelid, "Error estimation in automatic quadrature routines",
 * 1991. */
static inline lanes squared_error(const fani_symmetric_rule *rule, const lanes *orbits)
{
    const double noise = 50 * 0x1p-52;
    size_t i = 0;
    const lanes highest = null_group(rule, orbits, &i);
    const lanes middle = null_group(rule, orbits, &i);
    const lanes low = null_group(rule, orbits, &i);
    const lane_bits shrinks = (lane_bits)(highest < asymptotic * asymptotic * middle) &
                              (lane_bits)(middle < asymptotic * asymptotic * low);
    const lane_bits believed = shrinks | (lane_bits)(highest <= noise * noise);
    return lanes_select(believed, highest, lanes_larger(highest, lanes_larger(middle, low)));
}

/* Adds a component's fourth differences, a measure of what splitting an axis is good for. */
static inline void add_differences(const fani_symmetric_rule *rule, const double *sums, size_t d,
                                   lanes *differences)
{
    const fani_orbit *orbits = fani_symmetric_shapes[rule->shape].orbits;
    const double ratio = orbits[1].a * orbits[1].a / (orbits[2].a * orbits[2].a);
    const lanes twice = 2 * LANES_AT(sums);
    for (size_t k = 0; k < d; k++) {
        const lanes near = LANES_AT(sums + (1 + k) * LANES) - twice;
        const lanes far = LANES_AT(sums + (1 + d + k) * LANES) - twice;
        differences[k] += lanes_abs(near - ratio * far);
    }
}

/* The axis of the largest difference; of those that rounding can't tell apart, the widest. */
static inline lane_bits split_axis(const lanes *differences, const double *half, size_t d)
{
    lanes largest = {0}, widest = {0};
    lane_bits best = {0};
    for (size_t k = 0; k < d; k++)
        largest = lanes_larger(differences[k], largest);
    for (size_t k = 0; k < d; k++) {
        const lanes width = LANES_AT(half + k * LANES);
        const lane_bits better =
            (lane_bits)(differences[k] >= 0.9999 * largest) & (lane_bits)(width > widest);
        widest = lanes_select(better, width, widest);
        best = (best & ~better) | ((int64_t)k & better);
    }
    return best;
}

/* What WIDTH lanes from `first` on tell, by component. */
typedef struct telling {
    double numbers[2 * FANI_COMPONENTS_MAX][WIDTH];
    lanes absolute;
    lane_bits axis;
} telling;

/* Of component c; `absolute` is its mean of |f|. */
static inline void tell_component(const fani_cubature_group *group, const double *sums, size_t c,
                                  lanes absolute, lanes volume, telling *t)
{
    const fani_symmetric_rule *rule = group->rule;
    const size_t d = group->domain->dimension, components = group->f->components;
    lanes orbits[FANI_ORBITS_MAX], mean = {0};
    /* In parts of the mean of |f|, whose square can't underflow. */
    const lanes part = lanes_select((lane_bits)(absolute > 0x1p-1000), 1 / absolute, (lanes){0});
    for (size_t j = 0; j < fani_symmetric_shapes[rule->shape].count; j++) {
        orbits[j] = orbit_sum(sums, j, d);
        mean += rule->weights[j] * orbits[j];
        orbits[j] *= part;
    }
    const lanes squared = squared_error(rule, orbits);
    LANES_OF(t->numbers[c]) = volume * mean;
    for (size_t l = 0; l < WIDTH; l++)
        t->numbers[components + c][l] = sqrt(squared[l]);
    LANES_OF(t->numbers[components + c]) *= volume * absolute;
    t->absolute = lanes_larger(volume * absolute, t->absolute);
}

static inline void put_told(const fani_cubature_group *group, size_t first, const telling *t)
{
    const size_t numbers = 2 * group->f->components;
    unsigned char *out = group->out + first * fani_cubature_told_size(group->f->components);
    for (size_t l = 0; l < WIDTH && first + l < group->count; l++) {
        const fani_cubature_told told = {t->absolute[l], (uint64_t)t->axis[l]};
        memcpy(out, &told, sizeof told);
        out += sizeof told;
        for (size_t i = 0; i < numbers; i++, out += sizeof t->numbers[i][l])
            memcpy(out, &t->numbers[i][l], sizeof t->numbers[i][l]);
    }
}

/* Lanes first..first + WIDTH - 1; absolute[c] is the mean of |f| in all lanes. */
static inline void tell(const fani_cubature_group *group, size_t first,
                        const double absolute[][LANES])
{
    const size_t d = group->domain->dimension;
    telling t = {.absolute = {0}};
    lanes differences[FANI_SYMMETRIC_DIMENSION_MAX] = {{0}}, volume = {0};
    volume += 1;
    for (size_t k = 0; k < d; k++)
        volume *= 2 * LANES_AT(group->half + k * LANES + first);
    for (size_t c = 0; c < group->f->components; c++) {
        const double *sums = group->sums + c * FANI_CUBATURE_SLOTS * LANES + first;
        tell_component(group, sums, c, LANES_AT(absolute[c] + first), volume, &t);
        add_differences(group->rule, sums, d, differences);
    }
    t.axis = split_axis(differences, group->half + first, d);
    put_told(group, first, &t);
}

#endif
