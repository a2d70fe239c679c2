/* Which rows multiply to a square: elimination over bits, and what comes of it. */
#include "sieve_internal.h"

#include <stdlib.h>
#include <string.h>

/* bit[line] has a bit for each row (of relations): whether the line's prime divides it an odd
 * number of times. pivot[row] is the line that was solved for it, or NO_LINE; the
 * line of a row that was taken out is empty. */
typedef struct matrix {
    uint32_t lines, rows, words;
    uint64_t *bit;
    uint32_t *pivot;
} matrix;

enum { NO_LINE = 0xffffffff };
enum { POLLED = 16 }; /* lines solved between two looks at the cancel hook */

static uint64_t *line_at(const matrix *m, uint32_t line)
{
    return m->bit + (size_t)line * m->words;
}

static void flip_columns(const fani_sieve *s, matrix *m, int32_t relation, uint32_t row)
{
    if (relation == FANI_SIEVE_NO_RELATION)
        return;
    const fani_sieve_relation *of = &s->relations.list[relation];
    for (uint32_t i = 0; i < of->count; i++)
        line_at(m, s->relations.columns[of->first + i])[row / 64] ^= UINT64_C(1) << row % 64;
}

static bool make_matrix(const fani_sieve *s, matrix *m)
{
    m->lines = s->base.count + FANI_SIEVE_COLUMNS;
    m->rows = (uint32_t)s->relations.row_count;
    m->words = (m->rows + 511) / 512 * 8;
    m->bit = aligned_alloc(64, (size_t)m->lines * m->words * sizeof *m->bit);
    m->pivot = malloc(m->rows * sizeof *m->pivot);
    if (!m->bit || !m->pivot)
        return false;
    memset(m->bit, 0, (size_t)m->lines * m->words * sizeof *m->bit);
    memset(m->pivot, 0xff, m->rows * sizeof *m->pivot); /* NO_LINE */
    for (uint32_t row = 0; row < m->rows; row++) {
        for (unsigned k = 0; k < 2; k++)
            flip_columns(s, m, s->relations.rows[row].relation[k], row);
    }
    return true;
}

/* Takes out the rows that alone have some line's bit, again and again: no dependency has them. What
 * is left of the lines is listed in `active`, long primes first. Returns their number. */
static uint32_t prune(const matrix *m, uint64_t *alive, uint32_t *active)
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

static void add_line(const matrix *m, uint32_t to, uint32_t from, uint32_t first_word)
{
    pair *out = (pair *)line_at(m, to);
    const pair *in = (const pair *)line_at(m, from);
    for (uint32_t w = first_word / 2; w < m->words / 2; w++)
        out[w] ^= in[w];
}

/* Each line is solved for its first bit, which is taken out of all other lines. False where the
 * hook of `effort` ends it. */
static bool eliminate(const matrix *m, const uint32_t *active, uint32_t count,
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

static fan_status solve(const matrix *m, const fani_effort *effort)
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

static void multiply_x(const fani_sieve *s, int32_t relation, mpz_ptr x, mpz_ptr scratch,
                       uint32_t *exponents)
{
    const fani_sieve_relation *of = &s->relations.list[relation];
    fani_set_u128(scratch, of->x);
    mpz_mul(x, x, scratch);
    mpz_mod(x, x, s->n);
    for (uint32_t i = 0; i < of->count; i++)
        exponents[s->relations.columns[of->first + i]]++;
}

/* x and y of the row's relations; large primes are there twice, and go into y. */
static void multiply_row(const fani_sieve *s, uint32_t row, mpz_ptr x, mpz_ptr y, mpz_ptr scratch,
                         uint32_t *exponents)
{
    const int32_t *relation = s->relations.rows[row].relation;
    for (unsigned k = 0; k < 2; k++) {
        if (relation[k] != FANI_SIEVE_NO_RELATION)
            multiply_x(s, relation[k], x, scratch, exponents);
    }
    if (relation[1] != FANI_SIEVE_NO_RELATION) {
        mpz_mul_ui(y, y, s->relations.list[relation[0]].large);
        mpz_mod(y, y, s->n);
    }
}

/* y *= the square root of the primes' product. False where that is none: a broken machine. */
static bool multiply_primes(const fani_sieve *s, const uint32_t *exponents, mpz_ptr y,
                            mpz_ptr scratch)
{
    if (exponents[FANI_SIEVE_SIGN] % 2 != 0)
        return false;
    for (uint32_t i = FANI_SIEVE_TWO; i < s->base.count + FANI_SIEVE_COLUMNS; i++) {
        if (exponents[i] % 2 != 0)
            return false;
        if (exponents[i] == 0)
            continue;
        uint32_t prime = i == FANI_SIEVE_TWO ? 2 : s->base.prime[i - FANI_SIEVE_COLUMNS];
        mpz_set_ui(scratch, prime);
        mpz_powm_ui(scratch, scratch, exponents[i] / 2, s->n);
        mpz_mul(y, y, scratch);
        mpz_mod(y, y, s->n);
    }
    return true;
}

/* The rows that depend on the free one: it and each whose line has its bit. Sets *divisor to a
 * proper divisor or to 1. */
static void try_dependency(const fani_sieve *s, const matrix *m, uint32_t free_row,
                           uint32_t *exponents, mpz_ptr divisor)
{
    mpz_t x, y, scratch;
    mpz_init_set_ui(x, 1);
    mpz_init_set_ui(y, 1);
    mpz_init(scratch);
    memset(exponents, 0, (s->base.count + FANI_SIEVE_COLUMNS) * sizeof *exponents);
    for (uint32_t row = 0; row < m->rows; row++) {
        uint32_t line = m->pivot[row];
        bool in = line == NO_LINE ? row == free_row
                                  : (line_at(m, line)[free_row / 64] >> free_row % 64) % 2 != 0;
        if (in)
            multiply_row(s, row, x, y, scratch, exponents);
    }
    mpz_set_ui(divisor, 1);
    if (multiply_primes(s, exponents, y, scratch)) {
        mpz_sub(x, x, y);
        mpz_gcd(divisor, x, s->n);
        if (mpz_cmp(divisor, s->n) == 0)
            mpz_set_ui(divisor, 1);
    }
    mpz_clears(x, y, scratch, NULL);
}

fan_status fani_sieve_finish(const fani_sieve *s, const fani_effort *effort, mpz_ptr divisor)
{
    matrix m = {0};
    uint32_t *exponents = malloc((s->base.count + FANI_SIEVE_COLUMNS) * sizeof *exponents);
    fan_status status = make_matrix(s, &m) && exponents ? solve(&m, effort) : FAN_E_MEMORY;
    mpz_set_ui(divisor, 1);
    for (uint32_t row = 0; status == FAN_OK && row < m.rows && mpz_cmp_ui(divisor, 1) == 0; row++) {
        if (m.pivot[row] == NO_LINE)
            try_dependency(s, &m, row, exponents, divisor);
    }
    free(m.bit);
    free(m.pivot);
    free(exponents);
    return status;
}
