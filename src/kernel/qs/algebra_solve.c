/* Dependencies of a matrix, and all the way from relations to a divisor. */
#include "algebra_internal.h"

#include "kernel/factor/eliminate.h"

#include <stdlib.h>
#include <string.h>

enum {
    EXCESS_LEAST = 10, /* dependencies; each splits n with a chance of half or more */
    EXCESS_KEPT = 128, /* more rows are taken out again, the heaviest ones */
};

/* ---- Dependencies --------------------------------------------------------------------------- */

fan_status fani_gf2_eliminate(const fani_gf2_lists *matrix, const fani_effort *effort,
                              uint64_t *out)
{
    fani_bits bits;
    if (!fani_bits_make(&bits, matrix->end, matrix->count))
        return FAN_E_MEMORY;
    for (uint32_t row = 0; row < matrix->count; row++) {
        for (size_t i = matrix->first[row]; i < matrix->first[row + 1]; i++)
            fani_bits_flip(&bits, matrix->item[i], row);
    }
    fan_status status = fani_bits_solve(&bits, effort);
    memset(out, 0, matrix->count * sizeof *out);
    uint32_t found = 0;
    for (uint32_t standing = 0; status == FAN_OK && standing < matrix->count && found < 64;
         standing++) {
        if (bits.pivot[standing] != FANI_BITS_NO_LINE)
            continue;
        for (uint32_t row = 0; row < matrix->count; row++)
            out[row] |= (uint64_t)fani_bits_depends(&bits, row, standing) << found;
        found++;
    }
    fani_bits_clear(&bits);
    return status;
}

fan_status fani_gf2_keep_true(const fani_gf2_lists *matrix, uint64_t *out, uint32_t *found)
{
    uint64_t *sum = calloc((size_t)matrix->end + 1, sizeof *sum), any = 0, wrong = 0;
    if (!sum)
        return FAN_E_MEMORY;
    for (uint32_t row = 0; row < matrix->count; row++) {
        any |= out[row];
        for (size_t i = matrix->first[row]; i < matrix->first[row + 1]; i++)
            sum[matrix->item[i]] ^= out[row];
    }
    for (uint32_t c = 0; c < matrix->end; c++)
        wrong |= sum[c];
    free(sum);
    uint64_t good = any & ~wrong;
    *found = (uint32_t)__builtin_popcountll(good);
    for (uint32_t row = 0; row < matrix->count; row++) {
        uint64_t kept = 0, left = good;
        for (unsigned k = 0; left != 0; k++, left &= left - 1)
            kept |= (out[row] >> __builtin_ctzll(left) & 1) << k;
        out[row] = kept;
    }
    return FAN_OK;
}

fan_status fani_gf2_solve(const fani_gf2_lists *matrix, uint64_t key, const fani_qs_team *team,
                          const fani_qs_keeper *keeper, const fani_effort *effort, uint64_t *out,
                          uint32_t *found)
{
    fan_status status = FAN_E_FAILED;
    *found = 0;
    if (matrix->count <= FANI_GF2_DENSE_ROWS) {
        status = fani_gf2_eliminate(matrix, effort, out);
        return status == FAN_OK ? fani_gf2_keep_true(matrix, out, found) : status;
    }
    for (uint32_t attempt = 0; attempt < FANI_GF2_ATTEMPTS && *found == 0; attempt++) {
        status = fani_gf2_lanczos(matrix, key, &attempt, team, keeper, effort, out);
        if (status == FAN_OK)
            status = fani_gf2_keep_true(matrix, out, found);
        if (status != FAN_OK && status != FAN_E_FAILED)
            return status;
    }
    if (*found == 0)
        memset(out, 0, matrix->count * sizeof *out);
    return FAN_OK;
}

/* ---- From relations to a divisor ------------------------------------------------------------ */

/* What is known on the way. */
typedef struct solution {
    const fani_qs *qs;
    fani_qs_set *set;
    const fani_effort *effort;
    fani_qs_pruned pruned;
    fani_gf2_lists rows, sums, matrix;
    uint64_t *dependency; /* of the matrix's rows */
    uint32_t found;
    bool *in;         /* which of the pruned relations a dependency has */
    uint32_t *record; /* these */
} solution;

static fan_status make_matrix(solution *s)
{
    fan_status status = fani_qs_prune(s->set, EXCESS_KEPT, s->effort, &s->pruned);
    if (status == FAN_OK && s->pruned.count < (uint64_t)s->pruned.columns + EXCESS_LEAST)
        return FAN_E_EFFORT;
    if (status == FAN_OK)
        status = fani_qs_rows(s->set, &s->pruned, &s->rows);
    if (status == FAN_OK)
        status = fani_gf2_merge(&s->rows, s->effort, &s->sums);
    if (status == FAN_OK)
        status = fani_gf2_sum(&s->rows, &s->sums, &s->matrix);
    fani_gf2_lists_clear(&s->rows);
    return status;
}

/* The records that an odd number of the dependency's rows are sums of, in the order of (a, b, x).
 */
static uint32_t list_records(const solution *s, uint32_t k)
{
    uint32_t count = 0;
    memset(s->in, 0, s->pruned.count * sizeof *s->in);
    for (uint32_t row = 0; row < s->sums.count; row++) {
        if ((s->dependency[row] >> k & 1) == 0)
            continue;
        for (size_t i = s->sums.first[row]; i < s->sums.first[row + 1]; i++)
            s->in[s->sums.item[i]] = !s->in[s->sums.item[i]];
    }
    for (uint32_t row = 0; row < s->pruned.count; row++) {
        if (s->in[row])
            s->record[count++] = s->pruned.record[row];
    }
    return count;
}

/* Takes false relations out of the set. FAN_E_EFFORT: there were some; FAN_E_FAILED: all are true,
 * and yet a dependency was wrong. */
static fan_status drop_false(const fani_qs *qs, fani_qs_set *set)
{
    uint32_t factor[FANI_QS_FACTORS_MAX];
    bool *is_false = malloc(set->count + 1), any = false;
    if (!is_false)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < set->count; i++) {
        fani_qs_relation relation;
        fani_qs_set_get(set, i, factor, &relation);
        is_false[i] = !fani_qs_check(qs, &relation);
        any = any || is_false[i];
    }
    fan_status status = any ? fani_qs_set_drop(set, is_false) : FAN_E_FAILED;
    free(is_false);
    return status == FAN_OK ? FAN_E_EFFORT : status;
}

static fan_status try_dependencies(const solution *s, mpz_ptr divisor)
{
    for (uint32_t k = 0; k < s->found; k++) {
        bool is_square;
        if (fani_is_cancelled(s->effort))
            return FAN_E_CANCELLED;
        uint32_t count = list_records(s, k);
        fan_status status = fani_qs_extract(s->qs, s->set, s->record, count, divisor, &is_square);
        if (status != FAN_OK)
            return status;
        if (!is_square)
            return drop_false(s->qs, s->set);
        if (mpz_cmp_ui(divisor, 1) != 0)
            return FAN_OK;
    }
    return FAN_E_EFFORT;
}

fan_status fani_qs_solve(const fani_qs *qs, fani_qs_set *set, const fani_qs_team *team,
                         const fani_qs_keeper *keeper, const fani_effort *effort, mpz_ptr divisor)
{
    solution s = {.qs = qs, .set = set, .effort = effort};
    mpz_set_ui(divisor, 1);
    fan_status status = make_matrix(&s);
    if (status == FAN_OK) {
        s.dependency = malloc(((size_t)s.matrix.count + 1) * sizeof *s.dependency);
        s.in = malloc(((size_t)s.pruned.count + 1) * sizeof *s.in);
        s.record = malloc(((size_t)s.pruned.count + 1) * sizeof *s.record);
        status = s.dependency && s.in && s.record ? FAN_OK : FAN_E_MEMORY;
    }
    if (status == FAN_OK)
        status = fani_gf2_solve(&s.matrix, fani_key_of(fani_qs_number(qs)), team, keeper, effort,
                                s.dependency, &s.found);
    fani_gf2_lists_clear(&s.matrix);
    if (status == FAN_OK)
        status = try_dependencies(&s, divisor);
    if (status == FAN_E_EFFORT)
        fani_qs_set_look_later(set, FANI_QS_EXCESS);
    free(s.pruned.record);
    fani_gf2_lists_clear(&s.sums);
    free(s.dependency);
    free(s.in);
    free(s.record);
    return status;
}
