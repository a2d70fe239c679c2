/* Blocks of 64 vectors over GF(2): products by tables of 256 sums, one for each byte of a word
 * (Montgomery 1995, section 5). */
#include "algebra_internal.h"

#include <string.h>

enum { BYTES = 8, VALUES = 256 };

typedef uint64_t tables[BYTES][VALUES];

/* out[bit] = the sum of those whose number has the bit. */
static void add_up(uint64_t sums[VALUES], uint64_t out[8])
{
    for (unsigned bit = 8; bit-- > 0;) {
        unsigned half = 1U << bit;
        uint64_t sum = 0;
        for (unsigned value = 0; value < half; value++) {
            sum ^= sums[half + value];
            sums[value] ^= sums[half + value];
        }
        out[bit] = sum;
    }
}

fani_gf2_square fani_gf2_inner(const uint64_t *x, const uint64_t *y, size_t n)
{
    tables sums;
    fani_gf2_square out = {{0}};
    memset(sums, 0, sizeof sums);
    for (size_t i = 0; i < n; i++) {
        uint64_t word = x[i], added = y[i];
        for (unsigned byte = 0; byte < BYTES; byte++)
            sums[byte][word >> 8 * byte & 0xff] ^= added;
    }
    for (unsigned byte = 0; byte < BYTES; byte++)
        add_up(sums[byte], out.row + (size_t)8 * byte);
    return out;
}

static void make_tables(const fani_gf2_square *m, tables sums)
{
    for (unsigned byte = 0; byte < BYTES; byte++) {
        sums[byte][0] = 0;
        for (unsigned value = 1; value < VALUES; value++) {
            unsigned lowest = (unsigned)__builtin_ctz(value);
            sums[byte][value] = sums[byte][value & (value - 1)] ^ m->row[8 * byte + lowest];
        }
    }
}

void fani_gf2_multiply_add(const uint64_t *x, const fani_gf2_square *m, size_t n, uint64_t *y)
{
    tables sums;
    make_tables(m, sums);
    for (size_t i = 0; i < n; i++) {
        uint64_t word = x[i], sum = 0;
        for (unsigned byte = 0; byte < BYTES; byte++)
            sum ^= sums[byte][word >> 8 * byte & 0xff];
        y[i] ^= sum;
    }
}

fani_gf2_square fani_gf2_product(const fani_gf2_square *x, const fani_gf2_square *y)
{
    fani_gf2_square out = {{0}};
    for (unsigned i = 0; i < 64; i++) {
        for (uint64_t left = x->row[i]; left != 0; left &= left - 1)
            out.row[i] ^= y->row[__builtin_ctzll(left)];
    }
    return out;
}

fani_gf2_square fani_gf2_transpose(const fani_gf2_square *x)
{
    fani_gf2_square out = {{0}};
    for (unsigned i = 0; i < 64; i++) {
        for (uint64_t left = x->row[i]; left != 0; left &= left - 1)
            out.row[__builtin_ctzll(left)] |= UINT64_C(1) << i;
    }
    return out;
}
