#include "grid.h"

const fani_grid_kernels *fani_grid_kernels_of(fani_isa isa)
{
#ifdef __x86_64__
    if (isa == FANI_ISA_AVX512)
        return &fani_grid_avx512;
    if (isa == FANI_ISA_AVX2)
        return &fani_grid_avx2;
#else
    (void)isa;
#endif
    return &fani_grid_scalar;
}

/* Knuth's: what is returned and *rest add up to a + b exactly. */
static double two_sum(double a, double b, double *rest)
{
    const double sum = a + b, back = sum - a;
    *rest = (a - (sum - back)) + (b - back);
    return sum;
}

/* Adds one number; only the lowest part is rounded. */
static void add_number(fani_triple *sum, double value)
{
    double rest;
    sum->high = two_sum(sum->high, value, &rest);
    sum->middle = two_sum(sum->middle, rest, &rest);
    sum->low += rest;
}

/* Moves what overlaps upwards. */
static fani_triple settle(fani_triple a)
{
    a.middle = two_sum(a.middle, a.low, &a.low);
    a.high = two_sum(a.high, a.middle, &a.middle);
    a.middle = two_sum(a.middle, a.low, &a.low);
    return a;
}

/* An infinite sum keeps no NaN beside it. */
fani_triple fani_triple_add(fani_triple a, fani_triple b)
{
    const double sum = a.high + b.high;
    if (!(sum - sum == 0))
        return (fani_triple){sum, 0, 0};
    add_number(&a, b.high);
    add_number(&a, b.middle);
    add_number(&a, b.low);
    return settle(a);
}

/* Adds one number to the middle; only the lowest part is rounded. */
static void add_middle(fani_triple *sum, double value)
{
    double rest;
    sum->middle = two_sum(sum->middle, value, &rest);
    sum->low += rest;
}

/* One after the other: the sums wait for nothing but the sum before them. */
fani_triple fani_lanes_total(const fani_lanes *lanes)
{
    fani_triple total = {0};
    for (int k = 0; k < FANI_GRID_LANES; k++)
        add_number(&total, lanes->high[k]);
    for (int k = 0; k < FANI_GRID_LANES; k++)
        add_middle(&total, lanes->middle[k]);
    for (int k = 0; k < FANI_GRID_LANES; k++)
        total.low += lanes->low[k];
    if (!(total.high - total.high == 0))
        return (fani_triple){lanes->high[0] + total.high, 0, 0};
    return settle(total);
}
