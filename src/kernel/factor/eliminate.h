/* Dependencies of a small matrix over GF(2), by elimination over bits. */
#ifndef FANI_ELIMINATE_H
#define FANI_ELIMINATE_H

#include "factor_internal.h"

/* bit[line] has a bit for each row: whether the line's prime divides it an odd number of times.
 * pivot[row] is the line that was solved for it, or FANI_BITS_NO_LINE; the line of a row that was
 * taken out is empty. */
typedef struct fani_bits {
    uint32_t lines, rows, words;
    uint64_t *bit;
    uint32_t *pivot;
} fani_bits;

#define FANI_BITS_NO_LINE UINT32_C(0xffffffff)

/* All bits 0. False when memory is out; fani_bits_clear takes that too. */
bool fani_bits_make(fani_bits *m, uint32_t lines, uint32_t rows);
void fani_bits_clear(fani_bits *m);

static inline void fani_bits_flip(const fani_bits *m, uint32_t line, uint32_t row)
{
    m->bit[(size_t)line * m->words + row / 64] ^= UINT64_C(1) << row % 64;
}

/* Solves for all lines, the last ones first. Each row without a pivot then stands for a dependency.
 * FAN_E_CANCELLED (the hook of `effort`), FAN_E_MEMORY. */
fan_status fani_bits_solve(const fani_bits *m, const fani_effort *effort);

/* Whether a row is in the dependency that row `standing`, which has no pivot, stands for. */
static inline bool fani_bits_depends(const fani_bits *m, uint32_t row, uint32_t standing)
{
    uint32_t line = m->pivot[row];
    if (line == FANI_BITS_NO_LINE)
        return row == standing;
    return (m->bit[(size_t)line * m->words + standing / 64] >> standing % 64 & 1) != 0;
}

#endif
