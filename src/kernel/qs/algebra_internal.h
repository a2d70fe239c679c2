/* What the files algebra_*.c share: matrices over GF(2), how they are made smaller, and their
 * dependencies. A dependency is a set of rows whose sum is 0. */
#ifndef FANI_QS_ALGEBRA_INTERNAL_H
#define FANI_QS_ALGEBRA_INTERNAL_H

#include "algebra_set.h"

#include <stddef.h>

/* Lists of numbers below `end`, each ascending and without repetition: rows of a matrix by the
 * columns of their ones, or what rows are the sums of. List i is item[first[i]] to
 * item[first[i + 1] - 1]. */
typedef struct fani_gf2_lists {
    uint32_t count;
    uint32_t end;
    size_t *first; /* count + 1 */
    uint32_t *item;
} fani_gf2_lists;

void fani_gf2_lists_clear(fani_gf2_lists *lists);

/* Sorts numbers, ascending. */
void fani_gf2_sort(uint32_t *item, uint32_t count);

static inline uint32_t fani_gf2_length(const fani_gf2_lists *lists, uint32_t i)
{
    return (uint32_t)(lists->first[i + 1] - lists->first[i]);
}

/* ---- Filter --------------------------------------------------------------------------------- */

/* The relations that are left when those that alone have some column are taken out, again and
 * again, and the heaviest of more than `excess` more rows than columns. */
typedef struct fani_qs_pruned {
    uint32_t *record; /* numbers of records, in the order of (a, b, x) */
    uint32_t count;
    uint32_t columns; /* that these have an odd number of times */
} fani_qs_pruned;

/* *out, to be freed by free(out->record). FAN_E_MEMORY, FAN_E_CANCELLED. */
fan_status fani_qs_prune(const fani_qs_set *set, uint32_t excess, const fani_effort *effort,
                         fani_qs_pruned *out);

/* The matrix of these: row i is that of record[i]; columns are numbered as they first occur.
 * FAN_E_MEMORY. */
fan_status fani_qs_rows(const fani_qs_set *set, const fani_qs_pruned *pruned, fani_gf2_lists *rows);

/* Sums of rows that have far fewer columns than the rows: row i of the new matrix is the sum of
 * the rows sums->item of list i. What is merged away can be no part of a dependency, or was solved
 * for. As small as a solution by fani_gf2_solve wants it. FAN_E_MEMORY, FAN_E_CANCELLED. */
fan_status fani_gf2_merge(const fani_gf2_lists *rows, const fani_effort *effort,
                          fani_gf2_lists *sums);

/* The matrix of these sums; columns without a one are left out, those with the most ones come
 * first. FAN_E_MEMORY. */
fan_status fani_gf2_sum(const fani_gf2_lists *rows, const fani_gf2_lists *sums,
                        fani_gf2_lists *matrix);

/* ---- Dependencies --------------------------------------------------------------------------- */

/* Bit k of out[row] says whether the row is in dependency k; *found <= 64 of them, independent,
 * each checked by plain addition of its rows, bits from *found on are 0. Up to FANI_GF2_DENSE_ROWS
 * rows by elimination: all that there are (up to 64); else by block Lanczos from a random start
 * that depends on the key alone: usually all that there are, perhaps none. The same for any team
 * (NULL is the calling thread alone), and for any keeper (or NULL), from whose state Lanczos goes
 * on where it is of this matrix and key. FAN_E_MEMORY, FAN_E_CANCELLED, what its save answers. */
fan_status fani_gf2_solve(const fani_gf2_lists *matrix, uint64_t key, const fani_qs_team *team,
                          const fani_qs_keeper *keeper, const fani_effort *effort, uint64_t *out,
                          uint32_t *found);

enum {
    FANI_GF2_DENSE_ROWS = 400,
    FANI_GF2_ATTEMPTS = 6, /* of Lanczos, each from a start of its own */
};

/* What a kept state begins with. */
typedef struct fani_gf2_kept {
    uint64_t identity; /* of the matrix and the key */
    uint64_t attempt, steps;
} fani_gf2_kept;

/* The two ways by themselves; what they find is not checked. Lanczos needs some hundred rows; where
 * the start is a bad one it finds nothing, or answers FAN_E_FAILED. *attempt is the number of the
 * start, and becomes that of the state where it goes on from one, which is never an earlier one. */
fan_status fani_gf2_eliminate(const fani_gf2_lists *matrix, const fani_effort *effort,
                              uint64_t *out);
fan_status fani_gf2_lanczos(const fani_gf2_lists *matrix, uint64_t key, uint32_t *attempt,
                            const fani_qs_team *team, const fani_qs_keeper *keeper,
                            const fani_effort *effort, uint64_t *out);

/* Of the 64 sets of rows in `out` those that are not empty, and whose sum is 0 by plain addition,
 * become the first *found ones, the others empty. FAN_E_MEMORY. */
fan_status fani_gf2_keep_true(const fani_gf2_lists *matrix, uint64_t *out, uint32_t *found);

/* ---- Blocks of 64 vectors ------------------------------------------------------------------- */

/* A matrix whose 64 dimensions long rows are words: bit j of row[i] is column j. */
typedef struct fani_gf2_square {
    uint64_t row[64];
} fani_gf2_square;

/* The product of the transpose of x, and y, both of n rows. */
fani_gf2_square fani_gf2_inner(const uint64_t *x, const uint64_t *y, size_t n);

/* y += x m. */
void fani_gf2_multiply_add(const uint64_t *x, const fani_gf2_square *m, size_t n, uint64_t *y);

fani_gf2_square fani_gf2_product(const fani_gf2_square *x, const fani_gf2_square *y);
fani_gf2_square fani_gf2_transpose(const fani_gf2_square *x);

/* A matrix as it is multiplied by: the columns that have most ones as bits, 64 to a word; the
 * others as lists by rows and by columns. */
typedef struct fani_gf2_packed {
    uint32_t rows, columns;
    uint32_t blocks;                  /* of 64 dense columns, which come first */
    uint64_t *dense;                  /* [blocks][rows] */
    fani_gf2_lists by_row, by_column; /* numbers of the sparse columns; their rows */
} fani_gf2_packed;

/* From columns that come with the most ones first. FAN_E_MEMORY. */
fan_status fani_gf2_pack(const fani_gf2_lists *matrix, fani_gf2_packed *packed);
void fani_gf2_packed_clear(fani_gf2_packed *packed);

/* sums[c] = the sum of x[row] over the rows that have column c; `sums` has room for
 * fani_gf2_padded_columns. */
void fani_gf2_sum_rows(const fani_gf2_packed *packed, const uint64_t *x, uint64_t *sums);

/* Parts of that: what rows first to end - 1 add to the dense columns, sums[block]; and the sums of
 * the sparse columns first to end - 1, numbered from the first sparse one. */
void fani_gf2_sum_dense(const fani_gf2_packed *packed, const uint64_t *x, uint32_t first,
                        uint32_t end, fani_gf2_square *sums);
void fani_gf2_sum_sparse(const fani_gf2_packed *packed, const uint64_t *x, uint32_t first,
                         uint32_t end, uint64_t *sums);

/* y[row] = the sum of sums[c] over the columns of the row, for rows first to end - 1. */
void fani_gf2_spread(const fani_gf2_packed *packed, const uint64_t *sums, uint32_t first,
                     uint32_t end, uint64_t *y);
size_t fani_gf2_padded_columns(const fani_gf2_packed *packed);

/* ---- Square root ---------------------------------------------------------------------------- */

/* *divisor = a proper divisor, or 1, from the product of these records, which is quickest where
 * those of the same a follow each other. *is_square = false: their product is no square as it
 * should be, so one of them is false. FAN_E_MEMORY. */
fan_status fani_qs_extract(const fani_qs *qs, const fani_qs_set *set, const uint32_t *record,
                           uint32_t count, mpz_ptr divisor, bool *is_square);

#endif
