/* Structured elimination: columns with few ones are solved for, so that a matrix comes out that has
 * fewer rows and is not much denser (Cavallar 2000, as is usual before Lanczos). */
#include "algebra_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    MERGED_MAX = 12,  /* ones of a column that is still solved for */
    MERGED_SMALL = 6, /* of a matrix with less than SMALL rows: Lanczos is soon done there */
    SMALL = 6000,
    DENSE_PART = 12, /* columns with more than rows / this are not looked at here */
    FEW = 128,       /* the last pass has made at most rows / this */
    POLLED = 256,    /* columns looked at between two looks at the cancel hook */
    ROW_COST = 50,   /* what the vectors' arithmetic costs for a row, in ones of the matrix */
};

/* An item of a row is a column or, with this bit, the number of a row of the matrix given. */
#define PART UINT32_C(0x80000000)
#define NO_SLOT UINT32_MAX

typedef struct merged_row {
    size_t at; /* in the pool: columns, then parts, ascending */
    uint32_t count;
    uint32_t weight; /* of these are columns */
} merged_row;

typedef struct merge {
    merged_row *row;
    uint32_t rows, left; /* those left have parts */
    uint32_t *pool;
    size_t used, capacity;
    size_t weight; /* of all rows */
    size_t items;  /* of all rows */
    uint32_t columns;
    uint32_t *ones; /* of a column; 0 where it is not looked at */
    uint32_t *slot; /* its place among the lists of rows */
    uint32_t *list; /* [slots][MERGED_MAX] */
    uint32_t *candidate;
    uint32_t most; /* ones of a column that is solved for: at most MERGED_MAX */
    uint32_t made; /* merges in this pass */
} merge;

/* ---- Rows ----------------------------------------------------------------------------------- */

static const uint32_t *items_of(const merge *m, uint32_t row)
{
    return m->pool + m->row[row].at;
}

/* Room for so many more items: what no row has any more is given up. */
static bool make_room(merge *m, size_t more)
{
    if (m->used + more <= m->capacity)
        return true;
    size_t capacity = m->items + m->items / 2 + more, used = 0;
    uint32_t *pool = malloc(capacity * sizeof *pool);
    if (!pool)
        return false;
    for (uint32_t r = 0; r < m->rows; r++) {
        if (m->row[r].count > 0)
            memcpy(pool + used, items_of(m, r), m->row[r].count * sizeof *pool);
        m->row[r].at = used;
        used += m->row[r].count;
    }
    free(m->pool);
    m->pool = pool;
    m->used = used;
    m->capacity = capacity;
    return true;
}

static void leave_list(merge *m, uint32_t column, uint32_t row)
{
    uint32_t *list = m->list + (size_t)m->slot[column] * MERGED_MAX;
    uint32_t last = m->ones[column] - 1;
    for (uint32_t i = 0; i < last; i++) {
        if (list[i] == row) {
            list[i] = list[last];
            return;
        }
    }
}

/* Takes the row out of its columns; its items stay where they are. */
static void detach(merge *m, uint32_t row)
{
    const uint32_t *item = items_of(m, row);
    for (uint32_t i = 0; i < m->row[row].weight; i++) {
        if (m->slot[item[i]] != NO_SLOT)
            leave_list(m, item[i], row);
        m->ones[item[i]]--;
    }
    m->weight -= m->row[row].weight;
    m->items -= m->row[row].count;
}

static void attach(merge *m, uint32_t row)
{
    const uint32_t *item = items_of(m, row);
    for (uint32_t i = 0; i < m->row[row].weight; i++) {
        uint32_t column = item[i], at = m->ones[column]++;
        if (m->slot[column] == NO_SLOT)
            continue;
        if (at < MERGED_MAX)
            m->list[(size_t)m->slot[column] * MERGED_MAX + at] = row;
        else
            m->slot[column] = NO_SLOT;
    }
    m->weight += m->row[row].weight;
    m->items += m->row[row].count;
}

static void take_out(merge *m, uint32_t row)
{
    detach(m, row);
    m->row[row].count = m->row[row].weight = 0;
    m->left--;
}

/* The sum of two rows, behind the pool's end, where there is room. Which of two items is the lesser
 * is chance: no branch depends on it. */
static merged_row add(merge *m, uint32_t one, uint32_t other)
{
    const uint32_t *p = items_of(m, one), *p_end = p + m->row[one].count;
    const uint32_t *q = items_of(m, other), *q_end = q + m->row[other].count;
    uint32_t *begin = m->pool + m->used, *out = begin, common = 0;
    while (p < p_end && q < q_end) {
        uint32_t a = *p, b = *q;
        *out = a < b ? a : b;
        out += a != b;
        common += (a == b) & (a < PART);
        p += a <= b;
        q += b <= a;
    }
    size_t p_left = (size_t)(p_end - p), q_left = (size_t)(q_end - q);
    memcpy(out, p, p_left * sizeof *out);
    memcpy(out + p_left, q, q_left * sizeof *out);
    merged_row sum = {.at = m->used,
                      .count = (uint32_t)((size_t)(out - begin) + p_left + q_left),
                      .weight = m->row[one].weight + m->row[other].weight - 2 * common};
    m->used += sum.count;
    return sum;
}

/* ---- A column ------------------------------------------------------------------------------- */

/* Replaces the rows of a column, but the lightest one, by their sums with that one. */
static bool merge_rows(merge *m, const uint32_t *row, uint32_t count, uint32_t lightest)
{
    merged_row sum[MERGED_MAX] = {{0}};
    size_t room = 0;
    for (uint32_t i = 0; i < count; i++)
        room += m->row[row[i]].count + m->row[lightest].count;
    if (!make_room(m, room))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (row[i] == lightest)
            continue;
        sum[i] = add(m, row[i], lightest);
        detach(m, row[i]);
    }
    take_out(m, lightest);
    for (uint32_t i = 0; i < count; i++) {
        if (row[i] == lightest)
            continue;
        m->row[row[i]] = sum[i];
        attach(m, row[i]);
    }
    return true;
}

/* Solves for the column where the matrix grows by no more than `bound`, were its rows to have
 * nothing else in common: they rarely have much. False: no memory. */
static bool try_column(merge *m, uint32_t column, int64_t bound)
{
    uint32_t row[MERGED_MAX] = {0}, count = m->ones[column];
    if (m->slot[column] == NO_SLOT || count == 0)
        return true;
    memcpy(row, m->list + (size_t)m->slot[column] * MERGED_MAX, count * sizeof *row);
    uint32_t lightest = row[0];
    for (uint32_t i = 1; i < count; i++) {
        if (m->row[row[i]].weight < m->row[lightest].weight)
            lightest = row[i];
    }
    int64_t others = (int64_t)count - 1;
    if ((others - 1) * m->row[lightest].weight - 2 * others > bound)
        return true;
    m->made++;
    return merge_rows(m, row, count, lightest);
}

/* ---- Passes --------------------------------------------------------------------------------- */

/* Lists the rows of the columns with few ones; those columns become candidates, those with the
 * fewest first. Returns how many; UINT32_MAX: no memory. */
static uint32_t list_columns(merge *m)
{
    uint32_t start[MERGED_MAX + 2] = {0}, count = 0;
    for (uint32_t c = 0; c < m->columns; c++) {
        bool few = m->ones[c] > 0 && m->ones[c] <= m->most;
        m->slot[c] = few ? count++ : NO_SLOT;
        if (few)
            start[m->ones[c] + 1]++;
    }
    free(m->list);
    m->list = malloc(((size_t)count + 1) * MERGED_MAX * sizeof *m->list);
    if (!m->list)
        return UINT32_MAX;
    for (uint32_t k = 1; k < MERGED_MAX + 2; k++)
        start[k] += start[k - 1];
    for (uint32_t c = 0; c < m->columns; c++) {
        if (m->slot[c] != NO_SLOT)
            m->candidate[start[m->ones[c]]++] = c;
        if (m->slot[c] != NO_SLOT)
            m->ones[c] = 0; /* counted anew below */
    }
    for (uint32_t r = 0; r < m->rows; r++) {
        const uint32_t *item = items_of(m, r);
        for (uint32_t i = 0; i < m->row[r].weight; i++) {
            uint32_t c = item[i];
            if (m->slot[c] != NO_SLOT)
                m->list[(size_t)m->slot[c] * MERGED_MAX + m->ones[c]++] = r;
        }
    }
    return count;
}

/* A row less is worth its ones and as many as the average row has: Lanczos takes time in proportion
 * to rows x (ones + rows x ROW_COST). */
static int64_t bound_of(const merge *m)
{
    return m->left == 0 ? 0 : (int64_t)(m->weight / m->left) + INT64_C(2) * ROW_COST;
}

static fan_status run_pass(merge *m, const fani_effort *effort)
{
    uint32_t count = list_columns(m);
    m->made = 0;
    if (count == UINT32_MAX)
        return FAN_E_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        if (i % POLLED == 0 && fani_is_cancelled(effort))
            return FAN_E_CANCELLED;
        if (!try_column(m, m->candidate[i], bound_of(m)))
            return FAN_E_MEMORY;
    }
    return FAN_OK;
}

static fan_status begin(merge *m, const fani_gf2_lists *rows)
{
    m->rows = m->left = rows->count;
    m->columns = rows->end;
    m->most = rows->count < SMALL ? MERGED_SMALL : MERGED_MAX;
    m->capacity = rows->first[rows->count] + rows->count + 1;
    m->row = calloc((size_t)m->rows + 1, sizeof *m->row);
    m->pool = malloc(m->capacity * sizeof *m->pool);
    m->ones = calloc((size_t)m->columns + 1, sizeof *m->ones);
    m->slot = malloc(((size_t)m->columns + 1) * sizeof *m->slot);
    m->candidate = malloc(((size_t)m->columns + 1) * sizeof *m->candidate);
    if (!m->row || !m->pool || !m->ones || !m->slot || !m->candidate)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < rows->first[rows->count]; i++)
        m->ones[rows->item[i]]++;
    for (uint32_t c = 0; c < m->columns; c++) {
        if (m->ones[c] > MERGED_MAX && m->ones[c] > m->rows / DENSE_PART)
            m->ones[c] = 0;
    }
    for (uint32_t r = 0; r < m->rows; r++) {
        m->row[r].at = m->used;
        for (size_t i = rows->first[r]; i < rows->first[r + 1]; i++) {
            if (m->ones[rows->item[i]] > 0)
                m->pool[m->used++] = rows->item[i];
        }
        m->row[r].weight = (uint32_t)(m->used - m->row[r].at);
        m->row[r].count = m->row[r].weight + 1;
        m->weight += m->row[r].weight;
        m->pool[m->used++] = r | PART;
    }
    m->items = m->used;
    return FAN_OK;
}

static fan_status parts_of(const merge *m, fani_gf2_lists *sums)
{
    *sums = (fani_gf2_lists){.count = m->left,
                             .end = m->rows,
                             .first = malloc(((size_t)m->left + 1) * sizeof *sums->first),
                             .item = malloc((m->items - m->weight + 1) * sizeof *sums->item)};
    if (!sums->first || !sums->item) {
        fani_gf2_lists_clear(sums);
        return FAN_E_MEMORY;
    }
    uint32_t list = 0;
    size_t used = 0;
    for (uint32_t r = 0; r < m->rows; r++) {
        const uint32_t *item = items_of(m, r);
        if (m->row[r].count == 0)
            continue;
        sums->first[list++] = used;
        for (uint32_t i = m->row[r].weight; i < m->row[r].count; i++)
            sums->item[used++] = item[i] & ~PART;
    }
    sums->first[list] = used;
    return FAN_OK;
}

fan_status fani_gf2_merge(const fani_gf2_lists *rows, const fani_effort *effort,
                          fani_gf2_lists *sums)
{
    merge m = {0};
    fan_status status = begin(&m, rows);
    *sums = (fani_gf2_lists){0};
    while (status == FAN_OK) {
        status = run_pass(&m, effort);
        if (m.made <= m.left / FEW)
            break;
    }
    if (status == FAN_OK)
        status = parts_of(&m, sums);
    free(m.row);
    free(m.pool);
    free(m.ones);
    free(m.slot);
    free(m.list);
    free(m.candidate);
    return status;
}
