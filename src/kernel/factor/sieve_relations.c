/* Values that factor over the base, and pairs of those that share a large prime. */
#include "sieve_internal.h"

#include <stdlib.h>
#include <string.h>

static bool grow(void **list, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return true;
    size_t larger = *capacity == 0 ? 256 : *capacity;
    while (larger < needed)
        larger *= 2;
    void *room = reallocarray(*list, larger, size);
    if (!room)
        return false;
    *list = room;
    *capacity = larger;
    return true;
}

static size_t place_of(uint64_t key, size_t size)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (size - 1);
}

/* Puts the word into the table; false where it is there already. */
static bool put(uint64_t *table, size_t size, uint64_t word)
{
    size_t i = place_of(word, size);
    for (; table[i] != 0; i = (i + 1) & (size - 1)) {
        if (table[i] == word)
            return false;
    }
    table[i] = word;
    return true;
}

/* Tables are doubled when half full. */
static bool grow_seen(fani_sieve_relations *r)
{
    if (2 * (r->count + 1) <= r->seen_size)
        return true;
    size_t size = r->seen_size == 0 ? 1024 : 2 * r->seen_size;
    uint64_t *table = calloc(size, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < r->count; i++)
        put(table, size, (uint64_t)r->list[i].x | 1);
    free(r->seen);
    r->seen = table;
    r->seen_size = size;
    return true;
}

/* The place of a relation with this large prime, or the free one for it. */
static size_t place_of_large(const fani_sieve_relations *r, const int32_t *table, size_t size,
                             uint32_t large)
{
    size_t i = place_of(large, size);
    while (table[i] != FANI_SIEVE_NO_RELATION && r->list[table[i]].large != large)
        i = (i + 1) & (size - 1);
    return i;
}

static bool grow_by_large(fani_sieve_relations *r)
{
    if (2 * (r->by_large_count + 1) <= r->by_large_size)
        return true;
    size_t size = r->by_large_size == 0 ? 1024 : 2 * r->by_large_size;
    int32_t *table = malloc(size * sizeof *table);
    if (!table)
        return false;
    memset(table, 0xff, size * sizeof *table); /* FANI_SIEVE_NO_RELATION */
    for (size_t i = 0; i < r->by_large_size; i++) {
        int32_t at = r->by_large[i];
        if (at != FANI_SIEVE_NO_RELATION)
            table[place_of_large(r, table, size, r->list[at].large)] = at;
    }
    free(r->by_large);
    r->by_large = table;
    r->by_large_size = size;
    return true;
}

/* Full relations are rows; of those with the same large prime each later one joins the first. */
static void add_row(fani_sieve_relations *r, int32_t added)
{
    fani_sieve_row row = {{added, FANI_SIEVE_NO_RELATION}};
    if (r->list[added].large != 1) {
        size_t at = place_of_large(r, r->by_large, r->by_large_size, r->list[added].large);
        if (r->by_large[at] == FANI_SIEVE_NO_RELATION) {
            r->by_large[at] = added;
            r->by_large_count++;
            return;
        }
        row.relation[1] = r->by_large[at];
    }
    r->rows[r->row_count++] = row;
}

fan_status fani_sieve_keep(fani_sieve_relations *r, fani_u128 x, uint32_t large,
                           const uint16_t *columns, uint32_t count)
{
    void *list = r->list, *pool = r->columns, *rows = r->rows;
    bool room = grow(&list, &r->capacity, r->count + 1, sizeof *r->list);
    r->list = list;
    room = grow(&pool, &r->column_capacity, r->column_count + count, sizeof *r->columns) && room;
    r->columns = pool;
    room = grow(&rows, &r->row_capacity, r->row_count + 1, sizeof *r->rows) && room;
    r->rows = rows;
    if (!room || !grow_seen(r) || !grow_by_large(r))
        return FAN_E_MEMORY;
    if (!put(r->seen, r->seen_size, (uint64_t)x | 1)) /* x is odd; 0 means free */
        return FAN_OK;
    r->list[r->count] = (fani_sieve_relation){x, large, (uint32_t)r->column_count, count};
    memcpy(r->columns + r->column_count, columns, count * sizeof *columns);
    r->column_count += count;
    add_row(r, (int32_t)r->count++);
    return FAN_OK;
}

void fani_sieve_relations_clear(fani_sieve_relations *r)
{
    free(r->list);
    free(r->columns);
    free(r->rows);
    free(r->seen);
    free(r->by_large);
    *r = (fani_sieve_relations){0};
}

/* ---- Factoring a value ---------------------------------------------------------------------- */

typedef struct value {
    fani_u128 rest;
    uint16_t columns[256];
    uint32_t count;
} value;

static void add_column(value *v, uint32_t column)
{
    v->columns[v->count++] = (uint16_t)column;
}

static void divide_out(value *v, uint32_t prime, uint32_t column)
{
    for (;;) {
        fani_u128 quotient = v->rest >> 64 == 0 ? (uint64_t)v->rest / prime : v->rest / prime;
        if (quotient * prime != v->rest)
            return;
        v->rest = quotient;
        add_column(v, column);
    }
}

/* The columns of 4 a Q(x) are those of a, of 4, of the sign and of |Q(x)| < 2^128: at most 14, 2,
 * 1 and 128. */
fan_status fani_sieve_try(fani_sieve *s, uint32_t position)
{
    const fani_sieve_poly *poly = &s->poly;
    uint16_t found[FANI_SIEVE_HITS_MAX];
    fani_i128 x = (fani_i128)position - s->params.interval / 2;
    fani_i128 q = ((fani_i128)poly->a * x + poly->b) * x + poly->c;
    fani_i128 root = 2 * (fani_i128)poly->a * x + poly->b;
    value v = {.rest = q < 0 ? -(fani_u128)q : (fani_u128)q};
    if (v.rest == 0)
        return FAN_OK;
    if (q < 0)
        add_column(&v, FANI_SIEVE_SIGN);
    add_column(&v, FANI_SIEVE_TWO);
    add_column(&v, FANI_SIEVE_TWO);
    for (; v.rest % 2 == 0; v.rest /= 2)
        add_column(&v, FANI_SIEVE_TWO);
    uint32_t count = s->loops->hits(&s->base, position, found, FANI_SIEVE_HITS_MAX);
    for (uint32_t i = 0; i < count; i++)
        divide_out(&v, s->base.prime[found[i]], FANI_SIEVE_COLUMNS + found[i]);
    for (uint32_t j = 0; j < poly->a_count; j++) {
        add_column(&v, FANI_SIEVE_COLUMNS + poly->a_index[j]);
        divide_out(&v, s->base.prime[poly->a_index[j]], FANI_SIEVE_COLUMNS + poly->a_index[j]);
    }
    if (v.rest >= s->large_max)
        return FAN_OK;
    return fani_sieve_keep(&s->relations, root < 0 ? -(fani_u128)root : (fani_u128)root,
                           (uint32_t)v.rest, v.columns, v.count);
}
