/* Which rows multiply to a square, and what comes of it. */
#include "eliminate.h"
#include "sieve_internal.h"

#include <stdlib.h>
#include <string.h>

static void flip_columns(const fani_sieve *s, const fani_bits *m, int32_t relation, uint32_t row)
{
    if (relation == FANI_SIEVE_NO_RELATION)
        return;
    const fani_sieve_relation *of = &s->relations.list[relation];
    for (uint32_t i = 0; i < of->count; i++)
        fani_bits_flip(m, s->relations.columns[of->first + i], row);
}

static bool make_matrix(const fani_sieve *s, fani_bits *m)
{
    if (!fani_bits_make(m, s->base.count + FANI_SIEVE_COLUMNS, (uint32_t)s->relations.row_count))
        return false;
    for (uint32_t row = 0; row < m->rows; row++) {
        for (unsigned k = 0; k < 2; k++)
            flip_columns(s, m, s->relations.rows[row].relation[k], row);
    }
    return true;
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

/* From the rows that depend on the free one. Sets *divisor to a proper divisor or to 1. */
static void try_dependency(const fani_sieve *s, const fani_bits *m, uint32_t free_row,
                           uint32_t *exponents, mpz_ptr divisor)
{
    mpz_t x, y, scratch;
    mpz_init_set_ui(x, 1);
    mpz_init_set_ui(y, 1);
    mpz_init(scratch);
    memset(exponents, 0, (s->base.count + FANI_SIEVE_COLUMNS) * sizeof *exponents);
    for (uint32_t row = 0; row < m->rows; row++) {
        if (fani_bits_depends(m, row, free_row))
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
    fani_bits m = {0};
    uint32_t *exponents = malloc((s->base.count + FANI_SIEVE_COLUMNS) * sizeof *exponents);
    fan_status status =
        make_matrix(s, &m) && exponents ? fani_bits_solve(&m, effort) : FAN_E_MEMORY;
    mpz_set_ui(divisor, 1);
    for (uint32_t row = 0; status == FAN_OK && row < m.rows && mpz_cmp_ui(divisor, 1) == 0; row++) {
        if (m.pivot[row] == FANI_BITS_NO_LINE)
            try_dependency(s, &m, row, exponents, divisor);
    }
    fani_bits_clear(&m);
    free(exponents);
    return status;
}
