/* The table of parameters. */
#include "qs.h"

/* By the bits of n, found by trying (bench/sieve); between two lines all is interpolated. */
static const struct {
    unsigned bits;
    fani_qs_params params;
} fitted[] = {
    /* base, blocks, large, small, slack, pair, a_prime */
    {80, {100, 1, 30, 24, 22, 0, 360}},
    {100, {220, 1, 30, 40, 26, 0, 450}},
    {130, {700, 1, 40, 100, 33, 0, 600}},
    {165, {2200, 1, 50, 220, 43, 0, 900}},
    {199, {5200, 1, 80, 220, 50, 0, 1200}},
    {215, {9200, 1, 80, 520, 57, 0, 1100}},
    {232, {13500, 2, 80, 450, 59, 0, 1300}},
    {240, {16500, 2, 85, 420, 60, 0, 1400}},
    /* From here on two large primes, and a smaller base. */
    {241, {14500, 2, 100, 265, 60, 47, 1400}},
    {249, {17000, 2, 110, 270, 61, 48, 1500}},
    {265, {29000, 4, 118, 280, 66, 51, 1700}},
    {281, {54000, 4, 129, 270, 67, 52, 1600}},
    {298, {72000, 5, 140, 270, 69, 53, 1900}},
    {315, {105000, 6, 150, 280, 70, 54, 2000}},
    {332, {150000, 8, 160, 290, 71, 55, 2200}},
    {400, {400000, 28, 200, 300, 70, 62, 6000}},
};

static uint32_t between(uint32_t low, uint32_t high, double part)
{
    return (uint32_t)(low + ((double)high - low) * part + 0.5);
}

fani_qs_params fani_qs_params_for(unsigned bits)
{
    enum { LINES = sizeof fitted / sizeof fitted[0] };
    unsigned i = 1;
    while (i + 1 < LINES && fitted[i].bits < bits)
        i++;
    fani_qs_params low = fitted[i - 1].params, high = fitted[i].params;
    double part = ((double)bits - fitted[i - 1].bits) / (fitted[i].bits - fitted[i - 1].bits);
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return (fani_qs_params){
        .base = between(low.base, high.base, part),
        .blocks = between(low.blocks, high.blocks, part),
        .large = between(low.large, high.large, part),
        .small = between(low.small, high.small, part),
        .slack = between(low.slack, high.slack, part),
        .pair = low.pair == 0 ? 0 : between(low.pair, high.pair, part),
        .a_prime = between(low.a_prime, high.a_prime, part),
    };
}
