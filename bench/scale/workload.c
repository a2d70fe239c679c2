#include "workload.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[SCALE_LAWS] = {"constant", "uniform", "exponential", "lognormal",
                                              "pareto"};
static const double shapes[SCALE_LAWS] = {[SCALE_LOGNORMAL] = 1.5, [SCALE_PARETO] = 2};

const char *scale_law_name(scale_law law)
{
    return names[law];
}

bool scale_law_read(const char *text, scale_law *law, double *shape)
{
    size_t length = strcspn(text, ":");
    for (int i = 0; i < SCALE_LAWS; i++) {
        if (strlen(names[i]) != length || strncmp(text, names[i], length) != 0)
            continue;
        char *end = NULL;
        double value = text[length] ? strtod(text + length + 1, &end) : 0;
        bool fits = value > (i == SCALE_PARETO ? 1 : 0) && value <= 10;
        if (text[length] && (end == text + length + 1 || *end || !fits || shapes[i] == 0))
            return false;
        *law = (scale_law)i;
        *shape = value;
        return true;
    }
    return false;
}

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014): neighbouring counters give unrelated
 * words. */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in (0, 1): never an end, whose logarithm would be infinite or zero. */
static double unit(uint64_t seed, uint64_t counter)
{
    uint64_t word = mixed(mixed(seed) + (counter + 1) * 0x9e3779b97f4a7c15u);
    return ((double)(word >> 12) + 0.5) * 0x1p-52;
}

/* Box and Muller's transform of two uniform numbers. */
static double normal(uint64_t seed, uint64_t index)
{
    const double turn = 6.283185307179586;
    return sqrt(-2 * log(unit(seed, 2 * index))) * cos(turn * unit(seed, 2 * index + 1));
}

double scale_duration(const scale_workload *work, uint64_t index)
{
    if (work->given)
        return work->given[index];
    double mean = work->mean_ns;
    double shape = work->shape > 0 ? work->shape : shapes[work->law];
    switch (work->law) {
    case SCALE_UNIFORM:
        return mean * 2 * unit(work->seed, index);
    case SCALE_EXPONENTIAL:
        return -mean * log(unit(work->seed, index));
    case SCALE_LOGNORMAL:
        return mean * exp(shape * normal(work->seed, index) - shape * shape / 2);
    case SCALE_PARETO:
        return mean * (shape - 1) / shape * pow(unit(work->seed, index), -1 / shape);
    default:
        return mean;
    }
}
