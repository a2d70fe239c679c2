/* The store of relations: kept small, each once, and its cycles counted. */
#include "algebra_set.h"

#include <stdlib.h>
#include <string.h>

#define FREE UINT32_C(0xffffffff)

enum {
    RECORDS_MAX = INT32_MAX,
    TABLE_FIRST = 1024,
    BYTES_MAX = 5, /* of a column in the pool */
};

/* ---- Room ----------------------------------------------------------------------------------- */

static bool grow(void **array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity)
        return true;
    size_t larger = count + count / 8 + 64;
    void *moved = reallocarray(*array, larger, size);
    if (!moved)
        return false;
    *array = moved;
    *capacity = larger;
    return true;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static uint32_t *new_table(size_t size)
{
    uint32_t *table = malloc(size * sizeof *table);
    if (table)
        memset(table, 0xff, size * sizeof *table);
    return table;
}

/* ---- Vertices ------------------------------------------------------------------------------- */

/* Where the prime is in the table, or the free place where it belongs. */
static size_t place_of_prime(const fani_qs_set *set, const uint32_t *table, size_t size,
                             uint32_t prime)
{
    size_t at = mix(prime) & (size - 1);
    while (table[at] != FREE && set->vertex[table[at]].prime != prime)
        at = (at + 1) & (size - 1);
    return at;
}

/* There is room for it. */
static uint32_t vertex_of(fani_qs_set *set, uint32_t prime)
{
    size_t at = place_of_prime(set, set->by_prime, set->prime_size, prime);
    if (set->by_prime[at] == FREE) {
        uint32_t added = (uint32_t)set->vertex_count++;
        set->vertex[added] = (fani_qs_vertex){prime, added};
        set->by_prime[at] = added;
    }
    return set->by_prime[at];
}

static uint32_t root_of(const fani_qs_set *set, uint32_t v)
{
    fani_qs_vertex *vertex = set->vertex;
    while (vertex[v].parent != v) {
        vertex[v].parent = vertex[vertex[v].parent].parent;
        v = vertex[v].parent;
    }
    return v;
}

static void join(fani_qs_set *set, const uint32_t ends[2])
{
    uint32_t one = root_of(set, ends[0]), other = root_of(set, ends[1]);
    if (one == other)
        return;
    set->vertex[one > other ? one : other].parent = one > other ? other : one;
    set->joined++;
}

/* ---- Contents ------------------------------------------------------------------------------- */

static uint64_t hash_of(const fani_qs_set *set, const fani_qs_record *record)
{
    const uint8_t *bytes = set->pool + record->first;
    uint64_t hash = mix((uint64_t)record->vertex[0] << 32 | record->vertex[1]);
    for (uint32_t i = 0; i < record->bytes; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return mix(hash);
}

static bool same_content(const fani_qs_set *set, const fani_qs_record *p, const fani_qs_record *q)
{
    return p->vertex[0] == q->vertex[0] && p->vertex[1] == q->vertex[1] && p->bytes == q->bytes &&
           memcmp(set->pool + p->first, set->pool + q->first, p->bytes) == 0;
}

static size_t place_of_content(const fani_qs_set *set, const uint32_t *table, size_t size,
                               const fani_qs_record *record)
{
    size_t at = hash_of(set, record) & (size - 1);
    while (table[at] != FREE && !same_content(set, &set->record[table[at]], record))
        at = (at + 1) & (size - 1);
    return at;
}

/* A table of which at most three quarters are taken. */
static size_t table_size(size_t size, size_t count)
{
    if (size == 0)
        size = TABLE_FIRST;
    while (size / 4 * 3 < count)
        size *= 2;
    return size;
}

static bool grow_by_content(fani_qs_set *set)
{
    size_t size = table_size(set->content_size, set->count + 1);
    if (set->by_content && size == set->content_size)
        return true;
    uint32_t *table = new_table(size);
    if (!table)
        return false;
    for (uint32_t i = 0; i < set->count; i++)
        table[place_of_content(set, table, size, &set->record[i])] = i;
    free(set->by_content);
    set->by_content = table;
    set->content_size = size;
    return true;
}

static bool grow_by_prime(fani_qs_set *set)
{
    size_t size = table_size(set->prime_size, set->vertex_count + 2);
    if (set->by_prime && size == set->prime_size)
        return true;
    uint32_t *table = new_table(size);
    if (!table)
        return false;
    for (uint32_t i = 0; i < set->vertex_count; i++)
        table[place_of_prime(set, table, size, set->vertex[i].prime)] = i;
    free(set->by_prime);
    set->by_prime = table;
    set->prime_size = size;
    return true;
}

static bool grow_tables(fani_qs_set *set)
{
    return grow_by_content(set) && grow_by_prime(set);
}

/* Room for one more relation of so many factors. */
static bool make_room(fani_qs_set *set, uint32_t factors)
{
    void *record = set->record, *pool = set->pool, *vertex = set->vertex;
    bool room = grow(&record, &set->capacity, set->count + 1, sizeof *set->record);
    set->record = record;
    room =
        grow(&pool, &set->pool_capacity, set->pool_bytes + (size_t)factors * BYTES_MAX, 1) && room;
    set->pool = pool;
    room = grow(&vertex, &set->vertex_capacity, set->vertex_count + 2, sizeof *set->vertex) && room;
    set->vertex = vertex;
    return room && grow_tables(set);
}

/* ---- Adding --------------------------------------------------------------------------------- */

static uint8_t *write_number(uint8_t *out, uint32_t number)
{
    for (; number >= 0x80; number >>= 7)
        *out++ = (uint8_t)(number | 0x80);
    *out++ = (uint8_t)number;
    return out;
}

static const uint8_t *read_number(const uint8_t *in, uint32_t *number)
{
    *number = 0;
    for (unsigned shift = 0;; shift += 7) {
        *number |= (uint32_t)(*in & 0x7f) << shift;
        if ((*in++ & 0x80) == 0)
            return in;
    }
}

static bool is_well_formed(const fani_qs_set *set, const fani_qs_relation *r)
{
    if (r->count >= FANI_QS_FACTORS_MAX || r->large[0] == 0 || r->large[0] > r->large[1])
        return false;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->factor[i] >= set->columns || (i > 0 && r->factor[i] < r->factor[i - 1]))
            return false;
    }
    return true;
}

/* Writes the factors behind the pool's end, which does not move yet. */
static fani_qs_record pack(fani_qs_set *set, const fani_qs_relation *r)
{
    uint8_t *begin = set->pool + set->pool_bytes, *out = begin;
    for (uint32_t i = 0; i < r->count; i++)
        out = write_number(out, r->factor[i] - (i == 0 ? 0 : r->factor[i - 1]));
    return (fani_qs_record){.a = r->a,
                            .b = r->b,
                            .x = r->x,
                            .vertex = {vertex_of(set, r->large[0]), vertex_of(set, r->large[1])},
                            .first = (uint32_t)set->pool_bytes,
                            .bytes = (uint32_t)(out - begin)};
}

static bool comes_first(const fani_qs_record *p, const fani_qs_record *q)
{
    if (p->a != q->a)
        return p->a < q->a;
    return p->b != q->b ? p->b < q->b : p->x < q->x;
}

/* Of two that are the same the one that is named first stays, whichever came first. */
static void take_name(fani_qs_record *kept, const fani_qs_record *other)
{
    if (!comes_first(other, kept))
        return;
    kept->a = other->a;
    kept->b = other->b;
    kept->x = other->x;
}

fan_status fani_qs_set_add(fani_qs_set *set, const fani_qs_relation *relation, bool *added)
{
    if (!is_well_formed(set, relation))
        return FAN_E_INPUT;
    if (set->count == RECORDS_MAX ||
        set->pool_bytes + (size_t)relation->count * BYTES_MAX > UINT32_MAX)
        return FAN_E_TOO_LARGE;
    if (!make_room(set, relation->count))
        return FAN_E_MEMORY;
    fani_qs_record record = pack(set, relation);
    size_t at = place_of_content(set, set->by_content, set->content_size, &record);
    bool is_new = set->by_content[at] == FREE;
    if (is_new) {
        set->by_content[at] = (uint32_t)set->count;
        set->record[set->count++] = record;
        set->pool_bytes += record.bytes;
        join(set, record.vertex);
    } else {
        take_name(&set->record[set->by_content[at]], &record);
    }
    if (added)
        *added = is_new;
    return FAN_OK;
}

/* ---- The rest ------------------------------------------------------------------------------- */

fan_status fani_qs_set_new(uint32_t columns, fani_qs_set **set)
{
    fani_qs_set *made = calloc(1, sizeof *made);
    *set = NULL;
    if (!made)
        return FAN_E_MEMORY;
    made->columns = columns;
    made->next_look = (size_t)columns / 8 * 7;
    made->wanted = (size_t)columns + FANI_QS_EXCESS;
    if (!make_room(made, 1)) {
        fani_qs_set_free(made);
        return FAN_E_MEMORY;
    }
    (void)vertex_of(made, 1);
    *set = made;
    return FAN_OK;
}

void fani_qs_set_free(fani_qs_set *set)
{
    if (!set)
        return;
    free(set->record);
    free(set->pool);
    free(set->vertex);
    free(set->by_content);
    free(set->by_prime);
    free(set);
}

size_t fani_qs_set_count(const fani_qs_set *set)
{
    return set->count;
}

size_t fani_qs_set_cycles(const fani_qs_set *set)
{
    return set->count - set->joined;
}

size_t fani_qs_set_wanted(const fani_qs_set *set)
{
    return set->wanted;
}

fan_status fani_qs_set_enough(fani_qs_set *set, bool *enough)
{
    int64_t excess;
    *enough = false;
    if (fani_qs_set_cycles(set) < set->next_look)
        return FAN_OK;
    fan_status status = fani_qs_set_excess(set, &excess);
    if (status != FAN_OK)
        return status;
    *enough = excess >= FANI_QS_EXCESS;
    size_t cycles = fani_qs_set_cycles(set), missing = (size_t)(FANI_QS_EXCESS - excess);
    /* Where nothing is left after pruning that tells nothing. */
    if (excess >= 0 && cycles < set->columns)
        missing += (set->columns - cycles) / 2;
    if (!*enough)
        fani_qs_set_look_later(set, missing);
    return FAN_OK;
}

void fani_qs_set_look_later(fani_qs_set *set, size_t missing)
{
    size_t cycles = fani_qs_set_cycles(set), most = (size_t)set->columns + FANI_QS_EXCESS;
    set->next_look = cycles + missing / 4 * 3 + set->columns / 256 + 1;
    /* With new cycles come new columns: a quarter of them, or so. */
    set->wanted = cycles + missing + missing / 3;
    if (set->wanted > most && most > cycles)
        set->wanted = most;
}

size_t fani_qs_set_bytes(const fani_qs_set *set)
{
    return sizeof *set + set->capacity * sizeof *set->record + set->pool_capacity +
           set->vertex_capacity * sizeof *set->vertex +
           (set->content_size + set->prime_size) * sizeof(uint32_t);
}

uint32_t fani_qs_set_factors(const fani_qs_set *set, size_t i, uint32_t *column)
{
    const uint8_t *in = set->pool + set->record[i].first, *end = in + set->record[i].bytes;
    uint32_t count = 0, at = 0, step;
    while (in < end) {
        in = read_number(in, &step);
        column[count++] = at += step;
    }
    return count;
}

uint32_t fani_qs_set_odd_large(const fani_qs_set *set, size_t i, uint32_t *column)
{
    const fani_qs_record *record = &set->record[i];
    uint32_t count = 0;
    if (record->vertex[0] == record->vertex[1])
        return 0;
    if (record->vertex[0] != FANI_QS_VERTEX_ONE)
        column[count++] = set->columns + record->vertex[0];
    column[count++] = set->columns + record->vertex[1];
    return count;
}

uint32_t fani_qs_set_odd(const fani_qs_set *set, size_t i, uint32_t *column)
{
    uint32_t all = fani_qs_set_factors(set, i, column), count = 0;
    for (uint32_t k = 0; k < all; k++) {
        if (count > 0 && column[count - 1] == column[k])
            count--;
        else
            column[count++] = column[k];
    }
    return count + fani_qs_set_odd_large(set, i, column + count);
}

void fani_qs_set_get(const fani_qs_set *set, size_t i, uint32_t *factor, fani_qs_relation *relation)
{
    const fani_qs_record *record = &set->record[i];
    *relation = (fani_qs_relation){
        .a = record->a,
        .b = record->b,
        .x = record->x,
        .large = {set->vertex[record->vertex[0]].prime, set->vertex[record->vertex[1]].prime},
        .count = fani_qs_set_factors(set, i, factor),
        .factor = factor,
    };
}

fan_status fani_qs_set_drop(fani_qs_set *set, const bool *drop)
{
    uint32_t factor[FANI_QS_FACTORS_MAX];
    fani_qs_set *kept;
    fan_status status = fani_qs_set_new(set->columns, &kept);
    for (size_t i = 0; i < set->count && status == FAN_OK; i++) {
        fani_qs_relation relation;
        fani_qs_set_get(set, i, factor, &relation);
        if (!drop[i])
            status = fani_qs_set_add(kept, &relation, NULL);
    }
    if (status == FAN_OK) {
        fani_qs_set old = *set;
        kept->next_look = old.next_look;
        kept->wanted = old.wanted;
        *set = *kept;
        *kept = old;
    }
    fani_qs_set_free(kept);
    return status;
}
