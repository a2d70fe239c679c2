#include "sieve_internal.h"

/* By the bits of n, found by trying; between two lines all is interpolated. The optimum is flat. */
static const struct {
    unsigned bits;
    fani_sieve_params params;
} fitted[] = {
    {64, {60, 16384, 30, 24, 16}},   {80, {100, 32768, 30, 24, 18}},
    {100, {200, 32768, 24, 36, 22}}, {112, {400, 32768, 30, 50, 24}},
    {128, {624, 32768, 30, 60, 26}}, {160, {1873, 65536, 96, 200, 36}},
};

static uint32_t between(uint32_t low, uint32_t high, double part)
{
    return (uint32_t)(low + ((double)high - low) * part);
}

fani_sieve_params fani_sieve_params_for(unsigned bits)
{
    enum { LINES = sizeof fitted / sizeof fitted[0] };
    if (bits <= fitted[0].bits)
        return fitted[0].params;
    unsigned i = 1;
    while (i + 1 < LINES && fitted[i].bits < bits)
        i++;
    fani_sieve_params low = fitted[i - 1].params, high = fitted[i].params;
    double part = (double)(bits - fitted[i - 1].bits) / (fitted[i].bits - fitted[i - 1].bits);
    if (part > 1)
        part = 1;
    uint32_t interval = between(low.interval, high.interval, part);
    uint32_t unit = interval < FANI_SIEVE_BLOCK ? 2048 : FANI_SIEVE_BLOCK;
    return (fani_sieve_params){
        .base = between(low.base, high.base, part),
        .interval = (interval + unit / 2) / unit * unit,
        .large = between(low.large, high.large, part),
        .small = between(low.small, high.small, part),
        .slack = between(low.slack, high.slack, part),
    };
}
