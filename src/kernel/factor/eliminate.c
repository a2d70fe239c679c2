/* Elimination over bits. */
#include "eliminate.h"

#include <stdlib.h>
#include <string.h>

enum { POLLED = 16 }; /* lines solved between two looks at the cancel hook */

bool fani_bits_make(fani_bits *m, uint32_t lines, uint32_t rows)
{
    *m = (fani_bits){.lines = lines, .rows = rows, .words = (rows + 511) / 512 * 8};
    size_t bytes = (size_t)lines * m->words * sizeof *m->bit;
    m->bit = aligned_alloc(64, bytes == 0 ? 64 : bytes);
    m->pivot = malloc(((size_t)rows + 1) * sizeof *m->pivot);
    if (!m->bit || !m->pivot) {
        fani_bits_clear(m);
        return false;
    }
    memset(m->bit, 0, bytes);
    memset(m->pivot, 0xff, rows * sizeof *m->pivot); /* FANI_BITS_NO_LINE */
    return true;
}

void fani_bits_clear(fani_bits *m)
{
    free(m->bit);
    free(m->pivot);
    *m = (fani_bits){0};
}

static uint64_t *line_at(const fani_bits *m, uint32_t line)
{
    return m->bit + (size_t)line * m->words;
}

/* Takes out the rows that alone have some line's bit, again and again: no dependency has them. What
 * is left of the lines is listed in `active`, long primes first. Returns their number. */
static uint32_t prune(const fani_bits *m, uint64_t *alive, uint32_t *active)
{
    uint32_t count = 0, killed;
    memset(alive, 0xff, m->words * sizeof *alive);
    do {
        killed = 0;
        for (uint32_t line = 0; line < m->lines; line++) {
            const uint64_t *bits = line_at(m, line);
            uint32_t weight = 0, row = 0;
            for (uint32_t w = 0; w < m->words && weight < 2; w++) {
                uint64_t here = bits[w] & alive[w];
                if (here == 0)
                    continue;
                weight += (here & (here - 1)) == 0 ? 1 : 2;
                row = 64 * w + (uint32_t)__builtin_ctzll(here);
            }
            if (weight == 1) {
                alive[row / 64] &= ~(UINT64_C(1) << row % 64);
                m->pivot[row] = line;
                killed++;
            }
        }
    } while (killed > 0);
    for (uint32_t line = m->lines; line-- > 0;) {
        uint64_t any = 0;
        for (uint32_t w = 0; w < m->words; w++)
            any |= line_at(m, line)[w] &= alive[w];
        if (any != 0)
            active[count++] = line;
    }
    return count;
}

typedef uint64_t pair __attribute__((vector_size(16), may_alias));

static void add_line(const fani_bits *m, uint32_t to, uint32_t from, uint32_t first_word)
{
    pair *out = (pair *)line_at(m, to);
    const pair *in = (const pair *)line_at(m, from);
    for (uint32_t w = first_word / 2; w < m->words / 2; w++)
        out[w] ^= in[w];
}

/* Each line is solved for its first bit, which is taken out of all other lines. False where the
 * hook of `effort` ends it. */
static bool eliminate(const fani_bits *m, const uint32_t *active, uint32_t count,
                      const fani_effort *effort)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i % POLLED == 0 && fani_is_cancelled(effort))
            return false;
        uint32_t line = active[i], w = 0;
        const uint64_t *bits = line_at(m, line);
        while (w < m->words && bits[w] == 0)
            w++;
        if (w == m->words)
            continue;
        uint32_t row = 64 * w + (uint32_t)__builtin_ctzll(bits[w]);
        m->pivot[row] = line;
        uint64_t mask = UINT64_C(1) << row % 64;
        for (uint32_t k = 0; k < count; k++) {
            if (k != i && (line_at(m, active[k])[w] & mask) != 0)
                add_line(m, active[k], line, w);
        }
    }
    return true;
}

fan_status fani_bits_solve(const fani_bits *m, const fani_effort *effort)
{
    uint64_t *alive = malloc(m->words * sizeof *alive);
    uint32_t *active = malloc(m->lines * sizeof *active);
    fan_status status = FAN_E_MEMORY;
    if (alive && active)
        status = eliminate(m, active, prune(m, alive, active), effort) ? FAN_OK : FAN_E_CANCELLED;
    free(alive);
    free(active);
    return status;
}
