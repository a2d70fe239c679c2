/* Work on the regions of an item: points, rule, null rules, error, and where to split. */
#include <math.h>
#include <string.h>

#include "base/isa.h"
#include "cubature.h"

enum { LANES = FANI_CUBATURE_LANES, SLOTS = FANI_CUBATURE_SLOTS };

static fani_cubature_points *points_of(fani_isa isa)
{
    switch (isa) {
#ifdef __x86_64__
    case FANI_ISA_AVX512:
        return fani_cubature_points_avx512;
    case FANI_ISA_AVX2:
        return fani_cubature_points_avx2;
#endif
    default:
        return fani_cubature_points_baseline;
    }
}

size_t fani_cubature_item_size(size_t d)
{
    return sizeof(fani_cubature_item) + 2 * d * FANI_CUBATURE_REGIONS * sizeof(double);
}

size_t fani_cubature_told_size(size_t components)
{
    return sizeof(fani_cubature_told) + 2 * components * sizeof(double);
}

size_t fani_cubature_reply_size(size_t components)
{
    return sizeof(fani_bad_values) + FANI_CUBATURE_REGIONS * fani_cubature_told_size(components);
}

/* Sums of one region's component by slot, `stride` apart. */
typedef struct region_sums {
    const double *sums;
    size_t stride, d;
} region_sums;

static double slot_sum(const region_sums *r, size_t slot)
{
    return r->sums[slot * r->stride];
}

static double orbit_sum(const region_sums *r, size_t orbit)
{
    const size_t slot = fani_cubature_slot(orbit, r->d);
    const size_t count = orbit == 1 || orbit == 2 ? r->d : 1;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += slot_sum(r, slot + i);
    return sum;
}

/* The square root of the sum of squares of the null rules of a degree, from number *i on. */
static double null_group(const fani_symmetric_rule *rule, const double *orbits, size_t *i)
{
    const uint32_t degree = rule->null_degrees[*i];
    double squares = 0;
    for (; *i < rule->null_count && rule->null_degrees[*i] == degree; ++*i) {
        double sum = 0;
        for (size_t j = 0; j < fani_symmetric_shapes[rule->shape].count; j++)
            sum += rule->nulls[*i][j] * orbits[j];
        squares += sum * sum;
    }
    return sqrt(squares);
}

/* Null rules that shrink less than this from degree to degree see nothing smooth. */
static const double asymptotic = 0.3;

/* The error of the mean. Null rules of one norm see what is left of the integrand above their
 * degrees. Where they shrink fast from a degree to the next, the rule's own error is below the
 * highest of them; where they don't, nothing is known but the size of the largest. After Berntsen
 * and Espelid, "Error estimation in automatic quadrature routines", 1991. */
static double mean_error(const fani_symmetric_rule *rule, const double *orbits, double absolute)
{
    size_t i = 0;
    const double highest = null_group(rule, orbits, &i);
    const double middle = null_group(rule, orbits, &i);
    const double low = null_group(rule, orbits, &i);
    const double noise = 50 * 0x1p-52 * absolute;
    if (highest <= noise)
        return fmin(highest, noise);
    const double ratio = fmax(middle > 0 ? highest / middle : 1, low > 0 ? middle / low : 1);
    return ratio < asymptotic ? highest : fmax(highest, fmax(middle, low));
}

/* Adds this component's fourth differences, a measure of what splitting an axis is good for. */
static void add_differences(const region_sums *r, const fani_symmetric_rule *rule,
                            double *differences)
{
    const fani_orbit *orbits = fani_symmetric_shapes[rule->shape].orbits;
    const double ratio = orbits[1].a * orbits[1].a / (orbits[2].a * orbits[2].a);
    const double twice = 2 * slot_sum(r, 0);
    for (size_t k = 0; k < r->d; k++) {
        const double near = slot_sum(r, 1 + k) - twice, far = slot_sum(r, 1 + r->d + k) - twice;
        differences[k] += fabs(near - ratio * far);
    }
}

/* The axis of the largest difference; of those that rounding can't tell apart, the widest. */
static size_t split_axis(const double *differences, const double *half, size_t stride, size_t d)
{
    double largest = 0;
    for (size_t k = 0; k < d; k++)
        largest = fmax(largest, differences[k]);
    size_t best = d;
    for (size_t k = 0; k < d; k++) {
        if (differences[k] < 0.9999 * largest)
            continue;
        if (best == d || half[k * stride] > half[best * stride])
            best = k;
    }
    return best == d ? 0 : best;
}

/* Lane `l` of a group of `stride` regions. */
static void tell(const fani_cubature_group *group, size_t l, size_t stride, unsigned char *out)
{
    const size_t d = group->domain->dimension, components = group->f->components;
    const size_t orbits_count = fani_symmetric_shapes[group->rule->shape].count;
    double volume = 1, differences[FANI_SYMMETRIC_DIMENSION_MAX] = {0};
    for (size_t k = 0; k < d; k++)
        volume *= 2 * group->half[k * stride + l];
    fani_cubature_told told = {0};
    double numbers[2 * FANI_COMPONENTS_MAX];
    for (size_t c = 0; c < components; c++) {
        const region_sums r = {group->sums + c * SLOTS * stride + l, stride, d};
        double orbits[FANI_ORBITS_MAX], mean = 0;
        for (size_t j = 0; j < orbits_count; j++) {
            orbits[j] = orbit_sum(&r, j);
            mean += group->rule->weights[j] * orbits[j];
        }
        const double absolute = group->absolute[c * stride + l];
        told.absolute = fmax(told.absolute, volume * absolute);
        numbers[c] = volume * mean;
        numbers[components + c] = volume * mean_error(group->rule, orbits, absolute);
        add_differences(&r, group->rule, differences);
    }
    told.axis = split_axis(differences, group->half + l, stride, d);
    memcpy(out, &told, sizeof told);
    memcpy(out + sizeof told, numbers, 2 * components * sizeof numbers[0]);
}

static fan_status work_group(fani_cubature_group *group, fani_cubature_points *points, size_t lanes,
                             double *sums, unsigned char *out)
{
    double absolute[FANI_COMPONENTS_MAX * LANES];
    const size_t components = group->f->components;
    memset(sums, 0, components * SLOTS * lanes * sizeof *sums);
    memset(absolute, 0, components * lanes * sizeof *absolute);
    group->sums = sums;
    group->absolute = absolute;
    const fan_status status = points(group);
    for (size_t l = 0; status == FAN_OK && l < lanes; l++)
        tell(group, l, lanes, out + l * fani_cubature_told_size(components));
    return status;
}

fan_status fani_cubature_work(const fani_integrand *f, const fani_domain *domain,
                              const unsigned char *item, unsigned char *reply)
{
    fani_cubature_item head;
    memcpy(&head, item, sizeof head);
    const double *boxes = (const double *)(const void *)(item + sizeof head);
    const size_t d = domain->dimension, told = fani_cubature_told_size(f->components);
    fani_bad_values bad = {0};
    fan_status status = FAN_OK;
    double sums[FANI_COMPONENTS_MAX * SLOTS * LANES];
    unsigned char *out = reply + sizeof bad;
    memset(reply, 0, fani_cubature_reply_size(f->components));
    for (size_t at = 0; status == FAN_OK && at < head.count;) {
        const size_t group_first = at / LANES * LANES * d;
        fani_cubature_group group = {.f = f, .domain = domain, .rule = &head.rule, .bad = &bad};
        double one[2 * FANI_SYMMETRIC_DIMENSION_MAX];
        const bool whole = head.count - at >= LANES;
        group.centre = boxes + group_first;
        group.half = boxes + d * FANI_CUBATURE_REGIONS + group_first;
        if (!whole) {
            for (size_t k = 0; k < d; k++) {
                one[k] = group.centre[k * LANES + at % LANES];
                one[d + k] = group.half[k * LANES + at % LANES];
            }
            group.centre = one;
            group.half = one + d;
        }
        status = work_group(&group, whole ? points_of(fani_isa_wanted()) : fani_cubature_points_one,
                            whole ? LANES : 1, sums, out + at * told);
        at += whole ? LANES : 1;
    }
    memcpy(reply, &bad, sizeof bad);
    return status;
}
