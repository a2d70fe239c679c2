/* Matrices over GF(2) as lists, sums of their rows, and the form in which they are multiplied by.
 */
#include "algebra_internal.h"

#include <stdlib.h>
#include <string.h>

void fani_gf2_lists_clear(fani_gf2_lists *lists)
{
    free(lists->first);
    free(lists->item);
    *lists = (fani_gf2_lists){0};
}

static int ascending(const void *one, const void *other)
{
    uint32_t p = *(const uint32_t *)one, q = *(const uint32_t *)other;
    return p < q ? -1 : p > q;
}

void fani_gf2_sort(uint32_t *item, uint32_t count)
{
    enum { SHORT = 64 };
    if (count > SHORT) {
        qsort(item, count, sizeof *item, ascending);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        uint32_t moved = item[i], at = i;
        for (; at > 0 && item[at - 1] > moved; at--)
            item[at] = item[at - 1];
        item[at] = moved;
    }
}

/* ---- Sums ----------------------------------------------------------------------------------- */

/* The columns that an odd number of the rows have, each flipped in `odd`, which is all 0 before and
 * after. `out` has room for all of them together. */
static uint32_t add_up(const fani_gf2_lists *rows, const uint32_t *of, uint32_t count, uint8_t *odd,
                       uint32_t *out)
{
    uint32_t seen = 0, left = 0;
    for (uint32_t k = 0; k < count; k++) {
        for (size_t i = rows->first[of[k]]; i < rows->first[of[k] + 1]; i++) {
            uint32_t column = rows->item[i];
            /* Bit 1: it is in `out` already. */
            if (odd[column] == 0)
                out[seen++] = column;
            odd[column] = (uint8_t)((odd[column] ^ 1) | 2);
        }
    }
    for (uint32_t i = 0; i < seen; i++) {
        uint32_t column = out[i];
        if ((odd[column] & 1) != 0)
            out[left++] = column;
        odd[column] = 0;
    }
    return left;
}

static size_t items_of(const fani_gf2_lists *rows, const fani_gf2_lists *sums, uint32_t i)
{
    size_t items = 0;
    for (size_t k = sums->first[i]; k < sums->first[i + 1]; k++)
        items += fani_gf2_length(rows, sums->item[k]);
    return items;
}

/* All sums, with the columns as they are numbered in `rows`. Where memory is out the caller clears
 * what is there. */
static fan_status sum_all(const fani_gf2_lists *rows, const fani_gf2_lists *sums,
                          fani_gf2_lists *matrix)
{
    size_t room = 1, used = 0;
    for (uint32_t i = 0; i < sums->count; i++)
        room += items_of(rows, sums, i);
    uint8_t *odd = calloc((size_t)rows->end + 1, 1);
    *matrix = (fani_gf2_lists){.count = sums->count,
                               .end = rows->end,
                               .first = malloc(((size_t)sums->count + 1) * sizeof *matrix->first),
                               .item = malloc(room * sizeof *matrix->item)};
    bool made = odd && matrix->first && matrix->item;
    for (uint32_t i = 0; made && i < sums->count; i++) {
        matrix->first[i] = used;
        used += add_up(rows, sums->item + sums->first[i], fani_gf2_length(sums, i), odd,
                       matrix->item + used);
    }
    free(odd);
    if (!made)
        return FAN_E_MEMORY;
    matrix->first[sums->count] = used;
    return FAN_OK;
}

typedef struct weighed {
    uint32_t weight;
    uint32_t column;
} weighed;

static int heaviest_first(const void *one, const void *other)
{
    const weighed *p = one, *q = other;
    if (p->weight != q->weight)
        return p->weight > q->weight ? -1 : 1;
    return p->column < q->column ? -1 : p->column > q->column;
}

/* The lists of rows by columns, for columns as `number` has them: it says where each one begins and
 * comes back saying where it ends. `row` has room for all ones. */
static void list_rows(const fani_gf2_lists *matrix, size_t *number, uint32_t *row)
{
    for (uint32_t i = 0; i < matrix->count; i++) {
        for (size_t k = matrix->first[i]; k < matrix->first[i + 1]; k++)
            row[number[matrix->item[k]]++] = i;
    }
}

/* Numbers the columns anew, and sorts rows by them: by listing the rows of each column in turn. */
static fan_status renumber(fani_gf2_lists *matrix)
{
    size_t items = matrix->first[matrix->count], begin = 0;
    weighed *columns = calloc((size_t)matrix->end + 1, sizeof *columns);
    size_t *at = calloc((size_t)matrix->end + 1, sizeof *at);
    uint32_t *row = calloc(items + 1, sizeof *row), left = 0;
    fan_status status = columns && at && row ? FAN_OK : FAN_E_MEMORY;
    if (status == FAN_OK) {
        for (uint32_t c = 0; c < matrix->end; c++)
            columns[c].column = c;
        for (size_t i = 0; i < items; i++)
            columns[matrix->item[i]].weight++;
        qsort(columns, matrix->end, sizeof *columns, heaviest_first);
        for (; left < matrix->end && columns[left].weight > 0; left++) {
            at[columns[left].column] = begin;
            begin += columns[left].weight;
        }
        list_rows(matrix, at, row);
        begin = 0;
        for (uint32_t c = 0; c < left; c++) {
            for (uint32_t k = 0; k < columns[c].weight; k++)
                matrix->item[matrix->first[row[begin++]]++] = c;
        }
        /* Each row now begins where the next one did. */
        memmove(matrix->first + 1, matrix->first, matrix->count * sizeof *matrix->first);
        matrix->first[0] = 0;
        matrix->end = left;
    }
    free(columns);
    free(at);
    free(row);
    return status;
}

fan_status fani_gf2_sum(const fani_gf2_lists *rows, const fani_gf2_lists *sums,
                        fani_gf2_lists *matrix)
{
    fan_status status = sum_all(rows, sums, matrix);
    if (status == FAN_OK)
        status = renumber(matrix);
    if (status != FAN_OK)
        fani_gf2_lists_clear(matrix);
    return status;
}

/* ---- Packed --------------------------------------------------------------------------------- */

/* A block of 64 dense columns costs 16 look-ups a row, in tables that stay in the first cache; a
 * one in the lists two, in a vector that does not. */
static uint32_t dense_blocks(const fani_gf2_lists *matrix, const uint32_t *weight)
{
    uint32_t blocks = 0;
    for (; 64 * (size_t)blocks < matrix->end; blocks++) {
        uint64_t ones = 0;
        for (uint32_t c = 64 * blocks; c < matrix->end && c < 64 * (blocks + 1); c++)
            ones += weight[c];
        if (ones < 6 * (uint64_t)matrix->count)
            break;
    }
    return blocks;
}

size_t fani_gf2_padded_columns(const fani_gf2_packed *packed)
{
    return ((size_t)packed->columns + 63) / 64 * 64;
}

static fan_status allocate(const fani_gf2_lists *matrix, const uint32_t *weight,
                           fani_gf2_packed *packed)
{
    uint32_t first = 64 * packed->blocks < matrix->end ? 64 * packed->blocks : matrix->end;
    size_t items = 0;
    for (uint32_t c = first; c < matrix->end; c++)
        items += weight[c];
    packed->dense = calloc((size_t)packed->blocks * packed->rows + 1, sizeof *packed->dense);
    packed->by_row = (fani_gf2_lists){
        .count = matrix->count,
        .end = matrix->end,
        .first = malloc(((size_t)matrix->count + 1) * sizeof *packed->by_row.first),
        .item = malloc((items + 1) * sizeof *packed->by_row.item)};
    packed->by_column = (fani_gf2_lists){
        .count = matrix->end - first,
        .end = matrix->count,
        .first = calloc((size_t)matrix->end - first + 2, sizeof *packed->by_column.first),
        .item = malloc((items + 1) * sizeof *packed->by_column.item)};
    return packed->dense && packed->by_row.first && packed->by_row.item &&
                   packed->by_column.first && packed->by_column.item
               ? FAN_OK
               : FAN_E_MEMORY;
}

static void fill(const fani_gf2_lists *matrix, const uint32_t *weight, fani_gf2_packed *packed)
{
    uint32_t first = 64 * packed->blocks;
    size_t used = 0, *start = packed->by_column.first;
    /* start[c + 1] is where the next row of column c goes: in the end, where column c + 1 begins.
     */
    for (uint32_t c = 0; c < packed->by_column.count; c++)
        start[c + 2] = start[c + 1] + weight[first + c];
    for (uint32_t row = 0; row < matrix->count; row++) {
        packed->by_row.first[row] = used;
        for (size_t i = matrix->first[row]; i < matrix->first[row + 1]; i++) {
            uint32_t c = matrix->item[i];
            if (c < first) {
                packed->dense[(size_t)(c / 64) * packed->rows + row] |= UINT64_C(1) << c % 64;
                continue;
            }
            packed->by_row.item[used++] = c;
            packed->by_column.item[start[c - first + 1]++] = row;
        }
    }
    packed->by_row.first[matrix->count] = used;
}

fan_status fani_gf2_pack(const fani_gf2_lists *matrix, fani_gf2_packed *packed)
{
    uint32_t *weight = calloc((size_t)matrix->end + 1, sizeof *weight);
    *packed = (fani_gf2_packed){.rows = matrix->count, .columns = matrix->end};
    fan_status status = weight ? FAN_OK : FAN_E_MEMORY;
    if (status == FAN_OK) {
        for (size_t i = 0; i < matrix->first[matrix->count]; i++)
            weight[matrix->item[i]]++;
        packed->blocks = dense_blocks(matrix, weight);
        status = allocate(matrix, weight, packed);
    }
    if (status == FAN_OK)
        fill(matrix, weight, packed);
    else
        fani_gf2_packed_clear(packed);
    free(weight);
    return status;
}

void fani_gf2_packed_clear(fani_gf2_packed *packed)
{
    free(packed->dense);
    fani_gf2_lists_clear(&packed->by_row);
    fani_gf2_lists_clear(&packed->by_column);
    *packed = (fani_gf2_packed){0};
}

void fani_gf2_sum_dense(const fani_gf2_packed *packed, const uint64_t *x, uint32_t first,
                        uint32_t end, fani_gf2_square *sums)
{
    for (uint32_t block = 0; block < packed->blocks; block++)
        sums[block] = fani_gf2_inner(packed->dense + (size_t)block * packed->rows + first,
                                     x + first, end - first);
}

void fani_gf2_sum_sparse(const fani_gf2_packed *packed, const uint64_t *x, uint32_t first,
                         uint32_t end, uint64_t *sums)
{
    const fani_gf2_lists *by_column = &packed->by_column;
    sums += (size_t)64 * packed->blocks;
    for (uint32_t c = first; c < end; c++) {
        uint64_t sum = 0;
        for (size_t i = by_column->first[c]; i < by_column->first[c + 1]; i++)
            sum ^= x[by_column->item[i]];
        sums[c] = sum;
    }
}

void fani_gf2_sum_rows(const fani_gf2_packed *packed, const uint64_t *x, uint64_t *sums)
{
    for (uint32_t block = 0; block < packed->blocks; block++) {
        fani_gf2_square sum =
            fani_gf2_inner(packed->dense + (size_t)block * packed->rows, x, packed->rows);
        memcpy(sums + (size_t)64 * block, sum.row, sizeof sum.row);
    }
    fani_gf2_sum_sparse(packed, x, 0, packed->by_column.count, sums);
}

void fani_gf2_spread(const fani_gf2_packed *packed, const uint64_t *sums, uint32_t first,
                     uint32_t end, uint64_t *y)
{
    const fani_gf2_lists *by_row = &packed->by_row;
    for (uint32_t row = first; row < end; row++) {
        uint64_t sum = 0;
        for (size_t i = by_row->first[row]; i < by_row->first[row + 1]; i++)
            sum ^= sums[by_row->item[i]];
        y[row] = sum;
    }
    for (uint32_t block = 0; block < packed->blocks; block++) {
        fani_gf2_square part;
        memcpy(part.row, sums + (size_t)64 * block, sizeof part.row);
        fani_gf2_multiply_add(packed->dense + (size_t)block * packed->rows + first, &part,
                              end - first, y + first);
    }
}
