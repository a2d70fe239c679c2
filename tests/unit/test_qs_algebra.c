/* The algebra of the quadratic sieve: the store of relations, pruning, merging, elimination and
 * block Lanczos, each against a plain way to do the same. */
#include "kernel/qs/algebra_internal.h"
#include "shim/shim.h"

#include <pthread.h>
#include <stdlib.h>

static uint64_t random_word(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint32_t random_below(uint64_t *state, uint32_t end)
{
    return (uint32_t)((random_word(state) >> 32) * end >> 32);
}

static bool cancel_after(void *context)
{
    unsigned *left = context;
    return (*left)-- == 0;
}

static const fani_effort endless;

/* ---- Relations that nobody has sieved for ---------------------------------------------------- */

enum { COLUMNS = 300, FACTORS = 24, RELATIONS = 2000 };

typedef struct made_relation {
    fani_qs_relation relation;
    uint32_t factor[FACTORS];
} made_relation;

/* Small primes are frequent; large ones are among few, so that there are cycles. */
static void make_relation(uint64_t *random, uint32_t index, uint32_t primes, made_relation *out)
{
    uint32_t count = 0, at = 0;
    while (count < FACTORS && at < COLUMNS) {
        out->factor[count++] = at;
        if (random_below(random, 3) != 0)
            at += 1 + (uint32_t)((uint64_t)at * random_below(random, 1000) / 1500);
    }
    uint32_t p = 1, q = 1;
    if (random_below(random, 4) != 0)
        q = 1000003 + 2 * random_below(random, primes);
    if (q != 1 && random_below(random, 3) != 0)
        p = 1000003 + 2 * random_below(random, primes);
    out->relation = (fani_qs_relation){.a = index / 7,
                                       .b = index % 7,
                                       .x = (int32_t)random_below(random, 100000) - 50000,
                                       .large = {p < q ? p : q, p < q ? q : p},
                                       .count = count};
}

static made_relation *make_relations(uint64_t seed, uint32_t count, uint32_t primes)
{
    made_relation *list = malloc(count * sizeof *list);
    for (uint32_t i = 0; list && i < count; i++) {
        make_relation(&seed, i, primes, &list[i]);
        list[i].relation.factor = list[i].factor;
    }
    return list;
}

static fani_qs_set *set_of(const made_relation *list, uint32_t count)
{
    fani_qs_set *set;
    EXPECT_I64(fani_qs_set_new(COLUMNS, &set), FAN_OK);
    for (uint32_t i = 0; i < count; i++)
        EXPECT_I64(fani_qs_set_add(set, &list[i].relation, NULL), FAN_OK);
    return set;
}

static bool same_relation(const fani_qs_relation *p, const fani_qs_relation *q)
{
    return p->a == q->a && p->b == q->b && p->x == q->x && p->large[0] == q->large[0] &&
           p->large[1] == q->large[1] && p->count == q->count &&
           memcmp(p->factor, q->factor, p->count * sizeof *p->factor) == 0;
}

/* Edges less vertices and components, counted anew: components by painting. */
static size_t count_cycles(const made_relation *list, uint32_t count)
{
    uint32_t *prime = malloc(2 * count * sizeof *prime), *paint = malloc(2 * count * sizeof *paint);
    uint32_t vertices = 0, components = 0;
    bool changed = true;
    for (uint32_t i = 0; i < 2 * count; i++) {
        uint32_t at = 0, wanted = list[i / 2].relation.large[i % 2];
        while (at < vertices && prime[at] != wanted)
            at++;
        if (at == vertices)
            prime[vertices++] = wanted;
    }
    for (uint32_t v = 0; v < vertices; v++)
        paint[v] = v;
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t end[2] = {0, 0};
            for (unsigned k = 0; k < 2; k++) {
                while (prime[end[k]] != list[i].relation.large[k])
                    end[k]++;
            }
            uint32_t low = paint[end[0]] < paint[end[1]] ? paint[end[0]] : paint[end[1]];
            changed = changed || paint[end[0]] != paint[end[1]];
            paint[end[0]] = paint[end[1]] = low;
        }
    }
    for (uint32_t v = 0; v < vertices; v++)
        components += paint[v] == v;
    free(prime);
    free(paint);
    return count + components - vertices;
}

FAN_TEST(qs_algebra, set_keeps_relations)
{
    made_relation *list = make_relations(1, RELATIONS, 500);
    ASSERT_TRUE(list);
    fani_qs_set *set = set_of(list, RELATIONS);
    uint32_t factor[FANI_QS_FACTORS_MAX];
    ASSERT_U64(fani_qs_set_count(set), RELATIONS);
    for (uint32_t i = 0; i < RELATIONS; i++) {
        fani_qs_relation relation;
        fani_qs_set_get(set, i, factor, &relation);
        EXPECT_TRUE(same_relation(&relation, &list[i].relation));
    }
    EXPECT_TRUE(fani_qs_set_bytes(set) < 100 * RELATIONS + 32768);
    fani_qs_set_free(set);
    free(list);
}

FAN_TEST(qs_algebra, set_keeps_long_relations)
{
    uint32_t factor[FANI_QS_FACTORS_MAX], got[FANI_QS_FACTORS_MAX];
    fani_qs_relation relation = {.a = UINT64_MAX,
                                 .b = UINT32_MAX,
                                 .x = INT32_MIN,
                                 .large = {UINT32_MAX, UINT32_MAX},
                                 .factor = factor},
                     kept;
    fani_qs_set *set;
    ASSERT_I64(fani_qs_set_new(UINT32_MAX, &set), FAN_OK);
    for (relation.count = 0; relation.count < FANI_QS_FACTORS_MAX - 1; relation.count++) {
        factor[relation.count] = relation.count * (UINT32_MAX / FANI_QS_FACTORS_MAX);
        ASSERT_I64(fani_qs_set_add(set, &relation, NULL), FAN_OK);
        fani_qs_set_get(set, relation.count, got, &kept);
        EXPECT_TRUE(same_relation(&relation, &kept));
    }
    fani_qs_set_free(set);
}

FAN_TEST(qs_algebra, set_refuses_what_is_out_of_order)
{
    const uint32_t good[] = {0, 1, 1, COLUMNS - 1}, falls[] = {0, 2, 1}, beyond[] = {1, COLUMNS};
    fani_qs_set *set;
    ASSERT_I64(fani_qs_set_new(COLUMNS, &set), FAN_OK);
    const fani_qs_relation bad[] = {
        {.large = {1, 1}, .count = 3, .factor = falls},
        {.large = {1, 1}, .count = 2, .factor = beyond},
        {.large = {0, 1}, .count = 4, .factor = good},
        {.large = {3, 1}, .count = 4, .factor = good},
        {.large = {1, 1}, .count = FANI_QS_FACTORS_MAX, .factor = good},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT_I64(fani_qs_set_add(set, &bad[i], NULL), FAN_E_INPUT);
    EXPECT_U64(fani_qs_set_count(set), 0);
    const fani_qs_relation fine = {.large = {1, 1}, .count = 4, .factor = good};
    EXPECT_I64(fani_qs_set_add(set, &fine, NULL), FAN_OK);
    EXPECT_U64(fani_qs_set_count(set), 1);
    fani_qs_set_free(set);
}

/* The same factors and large primes under two names are one relation, of the name that sorts first,
 * whichever came first. */
FAN_TEST(qs_algebra, set_drops_duplicates)
{
    const uint32_t factor[] = {1, 1, 5, 9}, other[] = {1, 1, 5, 10};
    const fani_qs_relation name[] = {
        {.a = 2, .b = 1, .x = -7, .large = {1, 77}, .count = 4, .factor = factor},
        {.a = 1, .b = 9, .x = 80, .large = {1, 77}, .count = 4, .factor = factor},
        {.a = 1, .b = 9, .x = -8, .large = {1, 77}, .count = 4, .factor = factor},
        {.a = 1, .b = 9, .x = -8, .large = {1, 79}, .count = 4, .factor = factor},
        {.a = 1, .b = 9, .x = -8, .large = {77, 77}, .count = 4, .factor = factor},
        {.a = 1, .b = 9, .x = -8, .large = {1, 77}, .count = 3, .factor = factor},
        {.a = 1, .b = 9, .x = -8, .large = {1, 77}, .count = 4, .factor = other},
    };
    uint32_t got[FANI_QS_FACTORS_MAX];
    for (unsigned turn = 0; turn < 6; turn++) {
        fani_qs_set *set;
        fani_qs_relation kept;
        bool added;
        ASSERT_I64(fani_qs_set_new(COLUMNS, &set), FAN_OK);
        for (unsigned i = 0; i < 3; i++) {
            unsigned which = turn < 3 ? (turn + i) % 3 : (turn - i) % 3;
            ASSERT_I64(fani_qs_set_add(set, &name[which], &added), FAN_OK);
            EXPECT_TRUE(added == (i == 0));
        }
        fani_qs_set_get(set, 0, got, &kept);
        EXPECT_TRUE(same_relation(&kept, &name[2]));
        for (unsigned i = 3; i < 7; i++) {
            ASSERT_I64(fani_qs_set_add(set, &name[i], &added), FAN_OK);
            EXPECT_TRUE(added);
        }
        EXPECT_U64(fani_qs_set_count(set), 5);
        fani_qs_set_free(set);
    }
}

FAN_TEST(qs_algebra, set_counts_cycles)
{
    for (uint32_t primes = 4; primes <= 4096; primes *= 8) {
        made_relation *list = make_relations(primes, 400, primes);
        ASSERT_TRUE(list);
        fani_qs_set *set = set_of(list, 0);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < 400; i++) {
            bool added;
            ASSERT_I64(fani_qs_set_add(set, &list[i].relation, &added), FAN_OK);
            if (added)
                list[kept++] = list[i];
            list[kept - 1].relation.factor = list[kept - 1].factor;
            if (i % 50 == 49)
                EXPECT_U64(fani_qs_set_cycles(set), count_cycles(list, kept));
        }
        fani_qs_set_free(set);
        free(list);
    }
}

FAN_TEST(qs_algebra, set_drops_what_it_is_told_to)
{
    made_relation *list = make_relations(3, 600, 100);
    bool drop[600];
    ASSERT_TRUE(list);
    fani_qs_set *set = set_of(list, 600);
    size_t count = fani_qs_set_count(set);
    uint32_t kept = 0, factor[FANI_QS_FACTORS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        fani_qs_relation relation;
        drop[i] = i % 3 == 1;
        fani_qs_set_get(set, i, list[kept].factor, &relation);
        if (!drop[i])
            list[kept++].relation = relation;
    }
    for (uint32_t i = 0; i < kept; i++)
        list[i].relation.factor = list[i].factor;
    ASSERT_I64(fani_qs_set_drop(set, drop), FAN_OK);
    ASSERT_U64(fani_qs_set_count(set), kept);
    EXPECT_U64(fani_qs_set_cycles(set), count_cycles(list, kept));
    for (uint32_t i = 0; i < kept; i++) {
        fani_qs_relation relation;
        fani_qs_set_get(set, i, factor, &relation);
        EXPECT_TRUE(same_relation(&relation, &list[i].relation));
    }
    fani_qs_set_free(set);
    free(list);
}

/* ---- Pruning --------------------------------------------------------------------------------- */

/* Rows by columns as bytes, made from the relations themselves. Large primes follow the base. */
enum { PLAIN_PRIMES = 3000, PLAIN_COLUMNS = COLUMNS + PLAIN_PRIMES };

static uint8_t *plain_rows(const made_relation *list, uint32_t count)
{
    uint8_t *bit = calloc(count, PLAIN_COLUMNS);
    for (uint32_t i = 0; bit && i < count; i++) {
        const fani_qs_relation *r = &list[i].relation;
        uint8_t *row = bit + (size_t)i * PLAIN_COLUMNS;
        for (uint32_t k = 0; k < r->count; k++)
            row[list[i].factor[k]] ^= 1;
        for (unsigned k = 0; k < 2; k++) {
            if (r->large[k] != 1)
                row[COLUMNS + (r->large[k] - 1000003) / 2] ^= 1;
        }
    }
    return bit;
}

/* Takes rows out as long as some column has just one; returns rows less columns. */
static int64_t plain_prune(const uint8_t *bit, uint32_t count, bool *gone, uint32_t *left)
{
    uint32_t columns = 0;
    bool changed = true;
    memset(gone, 0, count);
    while (changed) {
        changed = false;
        columns = 0;
        for (uint32_t c = 0; c < PLAIN_COLUMNS; c++) {
            uint32_t weight = 0, last = 0;
            for (uint32_t i = 0; i < count; i++) {
                if (!gone[i] && bit[(size_t)i * PLAIN_COLUMNS + c] != 0) {
                    weight++;
                    last = i;
                }
            }
            columns += weight > 0;
            if (weight == 1)
                changed = gone[last] = true;
        }
    }
    *left = 0;
    for (uint32_t i = 0; i < count; i++)
        *left += !gone[i];
    return (int64_t)*left - columns;
}

static void expect_pruned(uint64_t seed, uint32_t count, uint32_t primes)
{
    made_relation *list = make_relations(seed, count, primes);
    ASSERT_TRUE(list);
    fani_qs_set *set = set_of(list, count);
    ASSERT_U64(fani_qs_set_count(set), count);
    uint8_t *bit = plain_rows(list, count);
    bool *gone = malloc(count);
    uint32_t left;
    fani_qs_pruned pruned;
    ASSERT_TRUE(bit && gone);
    int64_t expected = plain_prune(bit, count, gone, &left), excess;
    ASSERT_I64(fani_qs_set_excess(set, &excess), FAN_OK);
    EXPECT_I64(excess, expected);
    ASSERT_I64(fani_qs_prune(set, count, &endless, &pruned), FAN_OK);
    EXPECT_U64(pruned.count, left);
    EXPECT_I64((int64_t)pruned.count - pruned.columns, expected);
    for (uint32_t i = 0; i < pruned.count; i++)
        EXPECT_TRUE(!gone[pruned.record[i]]);
    free(pruned.record);
    free(gone);
    free(bit);
    fani_qs_set_free(set);
    free(list);
}

FAN_TEST(qs_algebra, lone_columns_are_taken_out)
{
    expect_pruned(1, 1, 10);
    expect_pruned(2, 100, 3000);
    expect_pruned(3, 400, 3000);
    expect_pruned(4, 1200, 300);
    expect_pruned(5, 1200, 3000);
}

/* As many relations as are taken out leave no lone column, and the excess that was asked for. */
FAN_TEST(qs_algebra, excess_is_taken_out)
{
    enum { COUNT = 3000 };
    made_relation *list = make_relations(6, COUNT, 300);
    ASSERT_TRUE(list);
    fani_qs_set *set = set_of(list, COUNT);
    fani_qs_pruned pruned;
    fani_gf2_lists rows;
    for (uint32_t excess = 0; excess < 700; excess += 99) {
        ASSERT_I64(fani_qs_prune(set, excess, &endless, &pruned), FAN_OK);
        ASSERT_I64(fani_qs_rows(set, &pruned, &rows), FAN_OK);
        EXPECT_U64(pruned.count, pruned.columns + excess);
        EXPECT_U64(rows.count, pruned.count);
        EXPECT_U64(rows.end, pruned.columns);
        uint32_t *weight = calloc(rows.end + 1, sizeof *weight);
        ASSERT_TRUE(weight);
        for (size_t i = 0; i < rows.first[rows.count]; i++)
            weight[rows.item[i]]++;
        for (uint32_t c = 0; c < rows.end; c++)
            EXPECT_TRUE(weight[c] >= 2);
        free(weight);
        free(pruned.record);
        fani_gf2_lists_clear(&rows);
    }
    fani_qs_set_free(set);
    free(list);
}

/* The same relations in another order, some of them twice, are the same to all that follows. */
static void expect_same(const fani_qs_set *one, const fani_qs_set *other)
{
    fani_qs_pruned pruned[2];
    fani_gf2_lists rows[2], sums[2];
    const fani_qs_set *set[2] = {one, other};
    for (unsigned k = 0; k < 2; k++) {
        ASSERT_I64(fani_qs_prune(set[k], 1000, &endless, &pruned[k]), FAN_OK);
        ASSERT_I64(fani_qs_rows(set[k], &pruned[k], &rows[k]), FAN_OK);
        ASSERT_I64(fani_gf2_merge(&rows[k], &endless, &sums[k]), FAN_OK);
    }
    ASSERT_U64(pruned[0].count, pruned[1].count);
    ASSERT_U64(rows[0].first[rows[0].count], rows[1].first[rows[1].count]);
    ASSERT_U64(sums[0].count, sums[1].count);
    EXPECT_TRUE(pruned[0].count > 500 && sums[0].count > 50);
    for (uint32_t i = 0; i < pruned[0].count; i++) {
        const fani_qs_record *p = &one->record[pruned[0].record[i]];
        const fani_qs_record *q = &other->record[pruned[1].record[i]];
        EXPECT_TRUE(p->a == q->a && p->b == q->b && p->x == q->x);
    }
    EXPECT_TRUE(memcmp(rows[0].item, rows[1].item,
                       rows[0].first[rows[0].count] * sizeof *rows[0].item) == 0);
    EXPECT_TRUE(memcmp(sums[0].item, sums[1].item,
                       sums[0].first[sums[0].count] * sizeof *sums[0].item) == 0);
    for (unsigned k = 0; k < 2; k++) {
        free(pruned[k].record);
        fani_gf2_lists_clear(&rows[k]);
        fani_gf2_lists_clear(&sums[k]);
    }
}

FAN_TEST(qs_algebra, order_of_relations_does_not_matter)
{
    enum { COUNT = 3000 };
    made_relation *list = make_relations(8, COUNT, 300);
    ASSERT_TRUE(list);
    fani_qs_set *forwards = set_of(list, COUNT), *backwards = set_of(list, 0);
    for (uint32_t i = COUNT; i-- > 0;) {
        fani_qs_relation later = list[i].relation;
        later.a += 1000000;
        EXPECT_I64(fani_qs_set_add(backwards, i % 2 == 0 ? &later : &list[i].relation, NULL),
                   FAN_OK);
        EXPECT_I64(fani_qs_set_add(backwards, i % 2 == 0 ? &list[i].relation : &later, NULL),
                   FAN_OK);
    }
    EXPECT_U64(fani_qs_set_cycles(forwards), fani_qs_set_cycles(backwards));
    expect_same(forwards, backwards);
    fani_qs_set_free(forwards);
    fani_qs_set_free(backwards);
    free(list);
}

/* Asked again and again, it says so as soon as the excess is there, or a few cycles later. */
FAN_TEST(qs_algebra, enough_is_enough)
{
    enum { COUNT = 3000 };
    made_relation *list = make_relations(12, COUNT, 300);
    ASSERT_TRUE(list);
    fani_qs_set *set = set_of(list, 0);
    bool enough = false;
    uint32_t i = 0, due = 0;
    for (; i < COUNT && !enough; i++) {
        int64_t excess;
        ASSERT_I64(fani_qs_set_add(set, &list[i].relation, NULL), FAN_OK);
        ASSERT_I64(fani_qs_set_enough(set, &enough), FAN_OK);
        ASSERT_I64(fani_qs_set_excess(set, &excess), FAN_OK);
        EXPECT_TRUE(!enough || excess >= FANI_QS_EXCESS);
        due += excess >= FANI_QS_EXCESS;
        EXPECT_TRUE(fani_qs_set_wanted(set) >= fani_qs_set_cycles(set) || excess > 0);
    }
    EXPECT_TRUE(enough && due < 50);
    fani_qs_set_free(set);
    free(list);
}

/* ---- Matrices ------------------------------------------------------------------------------- */

/* Rows of about `weight` ones; each column below `dense` has a one in every third row. */
static void make_matrix(uint64_t seed, uint32_t count, uint32_t columns, uint32_t weight,
                        uint32_t dense, fani_gf2_lists *out)
{
    size_t used = 0, room = (size_t)count * (weight + dense) + 1;
    *out = (fani_gf2_lists){.count = count,
                            .end = columns,
                            .first = malloc((count + 1) * sizeof *out->first),
                            .item = malloc(room * sizeof *out->item)};
    ASSERT_TRUE(out->first && out->item);
    for (uint32_t row = 0; row < count; row++) {
        out->first[row] = used;
        for (uint32_t c = 0; c < dense && c < columns; c++) {
            if (random_below(&seed, 3) == 0)
                out->item[used++] = c;
        }
        for (uint32_t i = 0; i < weight && columns > dense; i++)
            out->item[used++] = dense + random_below(&seed, columns - dense);
        uint32_t *item = out->item + out->first[row];
        uint32_t length = (uint32_t)(used - out->first[row]), kept = 0;
        fani_gf2_sort(item, length);
        for (uint32_t i = 0; i < length; i++) {
            if (kept > 0 && item[kept - 1] == item[i])
                kept--;
            else
                item[kept++] = item[i];
        }
        used = out->first[row] + kept;
    }
    out->first[count] = used;
}

/* Its rank, by elimination of rows as bits. */
static uint32_t rank_of(const fani_gf2_lists *m)
{
    uint32_t words = m->end / 64 + 1, rank = 0;
    uint64_t *bit = calloc((size_t)m->count * words + 1, sizeof *bit);
    for (uint32_t row = 0; row < m->count; row++) {
        for (size_t i = m->first[row]; i < m->first[row + 1]; i++)
            bit[(size_t)row * words + m->item[i] / 64] ^= UINT64_C(1) << m->item[i] % 64;
    }
    for (uint32_t c = 0; c < m->end && rank < m->count; c++) {
        uint64_t mask = UINT64_C(1) << c % 64;
        uint32_t pivot = rank;
        while (pivot < m->count && (bit[(size_t)pivot * words + c / 64] & mask) == 0)
            pivot++;
        if (pivot == m->count)
            continue;
        for (uint32_t w = 0; w < words; w++) {
            uint64_t moved = bit[(size_t)pivot * words + w];
            bit[(size_t)pivot * words + w] = bit[(size_t)rank * words + w];
            bit[(size_t)rank * words + w] = moved;
        }
        for (uint32_t row = rank + 1; row < m->count; row++) {
            if ((bit[(size_t)row * words + c / 64] & mask) == 0)
                continue;
            for (uint32_t w = c / 64; w < words; w++)
                bit[(size_t)row * words + w] ^= bit[(size_t)rank * words + w];
        }
        rank++;
    }
    free(bit);
    return rank;
}

/* How many of the 64 sets are independent, and whether the sum of each is 0. */
static uint32_t independent(const fani_gf2_lists *m, const uint64_t *out, bool *all_zero)
{
    uint64_t *sum = calloc(m->end + 1, sizeof *sum), wrong = 0, open = UINT64_MAX;
    uint64_t as[64]; /* column k of out is now the sum of columns as[k] */
    uint32_t count = 0;
    for (uint32_t row = 0; row < m->count; row++) {
        for (size_t i = m->first[row]; i < m->first[row + 1]; i++)
            sum[m->item[i]] ^= out[row];
    }
    for (uint32_t c = 0; c < m->end; c++)
        wrong |= sum[c];
    free(sum);
    *all_zero = wrong == 0;
    for (unsigned k = 0; k < 64; k++)
        as[k] = UINT64_C(1) << k;
    for (uint32_t row = 0; row < m->count; row++) {
        unsigned pivot = 64;
        for (unsigned k = 0; k < 64; k++) {
            if ((open >> k & 1) == 0 || __builtin_parityll(out[row] & as[k]) == 0)
                continue;
            if (pivot == 64)
                pivot = k;
            else
                as[k] ^= as[pivot];
        }
        if (pivot < 64) {
            open &= ~(UINT64_C(1) << pivot);
            count++;
        }
    }
    return count;
}

static const struct shape {
    uint32_t rows, columns, weight, dense;
} shapes[] = {
    {1, 1, 1, 0},       {5, 3, 2, 0},       {40, 100, 3, 0},      {100, 40, 3, 5},
    {300, 300, 2, 10},  {300, 290, 12, 40}, {700, 650, 8, 64},    {1100, 1000, 4, 100},
    {1000, 1100, 4, 0}, {1300, 1000, 1, 1}, {1500, 1400, 10, 65},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* The dependencies of the sums are those of the rows, but for what a sum of few rows has found. */
FAN_TEST(qs_algebra, merging_keeps_dependencies)
{
    for (unsigned i = 0; i < SHAPES; i++) {
        fani_gf2_lists rows, sums, matrix;
        make_matrix(i, shapes[i].rows, shapes[i].columns, shapes[i].weight, shapes[i].dense, &rows);
        ASSERT_I64(fani_gf2_merge(&rows, &endless, &sums), FAN_OK);
        ASSERT_I64(fani_gf2_sum(&rows, &sums, &matrix), FAN_OK);
        EXPECT_U64(matrix.count, sums.count);
        EXPECT_U64(sums.end, rows.count);
        EXPECT_U64(matrix.count - rank_of(&matrix), rows.count - rank_of(&rows));
        EXPECT_U64(rank_of(&sums), sums.count);
        fani_gf2_lists_clear(&rows);
        fani_gf2_lists_clear(&sums);
        fani_gf2_lists_clear(&matrix);
    }
}

/* Each row of the matrix is the sum that it is said to be, in columns that have a one each, those
 * with most first. */
FAN_TEST(qs_algebra, sums_are_sums)
{
    fani_gf2_lists rows, sums, matrix;
    make_matrix(9, 500, 450, 4, 20, &rows);
    make_matrix(10, 300, 500, 7, 0, &sums);
    ASSERT_I64(fani_gf2_sum(&rows, &sums, &matrix), FAN_OK);
    ASSERT_TRUE(matrix.end > 0 && matrix.end <= rows.end);
    uint64_t *column_key = calloc(matrix.end, sizeof *column_key);
    uint64_t *row_key = calloc(rows.end, sizeof *row_key);
    uint32_t *weight = calloc(matrix.end, sizeof *weight);
    ASSERT_TRUE(column_key && row_key && weight);
    /* Columns are known by the sums that they are in. */
    for (uint32_t s = 0; s < sums.count; s++) {
        uint64_t seed = s, key = random_word(&seed);
        for (size_t k = sums.first[s]; k < sums.first[s + 1]; k++) {
            for (size_t i = rows.first[sums.item[k]]; i < rows.first[sums.item[k] + 1]; i++)
                row_key[rows.item[i]] ^= key;
        }
        for (size_t i = matrix.first[s]; i < matrix.first[s + 1]; i++) {
            EXPECT_TRUE(i == matrix.first[s] || matrix.item[i] > matrix.item[i - 1]);
            column_key[matrix.item[i]] ^= key;
            weight[matrix.item[i]]++;
        }
    }
    uint32_t left = 0;
    for (uint32_t c = 0; c < rows.end; c++) {
        uint32_t at = 0;
        if (row_key[c] == 0)
            continue;
        while (at < matrix.end && column_key[at] != row_key[c])
            at++;
        EXPECT_TRUE(at < matrix.end);
        left++;
    }
    EXPECT_U64(matrix.end, left);
    for (uint32_t c = 0; c < matrix.end; c++)
        EXPECT_TRUE(weight[c] > 0 && (c == 0 || weight[c] <= weight[c - 1]));
    free(column_key);
    free(row_key);
    free(weight);
    fani_gf2_lists_clear(&rows);
    fani_gf2_lists_clear(&sums);
    fani_gf2_lists_clear(&matrix);
}

FAN_TEST(qs_algebra, blocks_of_64)
{
    enum { N = 777 };
    static uint64_t x[N], y[N], z[N];
    uint64_t seed = 5;
    fani_gf2_square m, inner, transposed, product;
    for (unsigned i = 0; i < N; i++) {
        x[i] = random_word(&seed);
        y[i] = z[i] = random_word(&seed);
    }
    for (unsigned i = 0; i < 64; i++)
        m.row[i] = random_word(&seed) & random_word(&seed);
    inner = fani_gf2_inner(x, y, N);
    transposed = fani_gf2_transpose(&inner);
    product = fani_gf2_product(&m, &inner);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t plain = 0, sum = 0;
        for (unsigned k = 0; k < N; k++)
            plain ^= (x[k] >> i & 1) != 0 ? y[k] : 0;
        EXPECT_U64(inner.row[i], plain);
        for (unsigned k = 0; k < 64; k++) {
            EXPECT_U64(transposed.row[k] >> i & 1, inner.row[i] >> k & 1);
            sum ^= (m.row[i] >> k & 1) != 0 ? inner.row[k] : 0;
        }
        EXPECT_U64(product.row[i], sum);
    }
    fani_gf2_multiply_add(x, &m, N, y);
    for (unsigned i = 0; i < N; i++) {
        for (unsigned k = 0; k < 64; k++)
            z[i] ^= (x[i] >> k & 1) != 0 ? m.row[k] : 0;
        EXPECT_U64(y[i], z[i]);
    }
}

static void expect_products(const fani_gf2_lists *matrix)
{
    fani_gf2_packed packed;
    uint64_t seed = 7;
    ASSERT_I64(fani_gf2_pack(matrix, &packed), FAN_OK);
    size_t columns = fani_gf2_padded_columns(&packed);
    uint64_t *x = malloc(matrix->count * sizeof *x), *sums = calloc(columns + 1, sizeof *sums);
    uint64_t *plain = calloc(columns + 1, sizeof *plain);
    ASSERT_TRUE(x && sums && plain && columns >= matrix->end);
    for (uint32_t row = 0; row < matrix->count; row++) {
        x[row] = random_word(&seed);
        for (size_t i = matrix->first[row]; i < matrix->first[row + 1]; i++)
            plain[matrix->item[i]] ^= x[row];
    }
    fani_gf2_sum_rows(&packed, x, sums);
    for (size_t c = 0; c < columns; c++)
        EXPECT_U64(sums[c], plain[c]);
    fani_gf2_spread(&packed, plain, 0, matrix->count, x);
    for (uint32_t row = 0; row < matrix->count; row++) {
        uint64_t sum = 0;
        for (size_t i = matrix->first[row]; i < matrix->first[row + 1]; i++)
            sum ^= plain[matrix->item[i]];
        EXPECT_U64(x[row], sum);
    }
    free(x);
    free(sums);
    free(plain);
    fani_gf2_packed_clear(&packed);
}

FAN_TEST(qs_algebra, products_of_matrices)
{
    for (unsigned i = 0; i < SHAPES; i++) {
        fani_gf2_lists rows;
        make_matrix(i, shapes[i].rows, shapes[i].columns, shapes[i].weight, shapes[i].dense, &rows);
        expect_products(&rows);
        fani_gf2_lists_clear(&rows);
    }
}

/* ---- Dependencies --------------------------------------------------------------------------- */

static void expect_dependencies(const fani_gf2_lists *m, uint32_t least, uint32_t most)
{
    uint64_t *out = malloc((m->count + 1) * sizeof *out);
    uint32_t found;
    bool all_zero;
    ASSERT_TRUE(out);
    ASSERT_I64(fani_gf2_solve(m, 99, NULL, &endless, out, &found), FAN_OK);
    EXPECT_TRUE(found >= least && found <= most);
    EXPECT_U64(independent(m, out, &all_zero), found);
    EXPECT_TRUE(all_zero);
    for (uint32_t row = 0; row < m->count && found < 64; row++)
        EXPECT_U64(out[row] >> found, 0);
    free(out);
}

static uint32_t at_most_64(uint32_t count)
{
    return count < 64 ? count : 64;
}

FAN_TEST(qs_algebra, elimination_finds_all_dependencies)
{
    for (unsigned i = 0; i < SHAPES; i++) {
        fani_gf2_lists rows;
        make_matrix(i, shapes[i].rows, shapes[i].columns, shapes[i].weight, shapes[i].dense, &rows);
        uint32_t wanted = at_most_64(rows.count - rank_of(&rows));
        if (rows.count <= FANI_GF2_DENSE_ROWS)
            expect_dependencies(&rows, wanted, wanted);
        fani_gf2_lists_clear(&rows);
    }
}

/* Sets of rows that are none among those that are: empty ones, and ones whose sum is not 0. */
FAN_TEST(qs_algebra, false_dependencies_are_left_out)
{
    fani_gf2_lists rows;
    static uint64_t out[300], before[300];
    uint32_t found;
    bool all_zero;
    make_matrix(4, 300, 200, 5, 30, &rows);
    ASSERT_I64(fani_gf2_eliminate(&rows, &endless, before), FAN_OK);
    ASSERT_U64(independent(&rows, before, &all_zero), 64);
    for (uint32_t row = 0; row < 300; row++)
        out[row] = before[row] & ~(UINT64_C(1) << 3 | UINT64_C(1) << 63);
    out[17] ^= 1 | UINT64_C(1) << 40; /* no row is empty, so two sets are wrong now */
    ASSERT_TRUE(rows.first[18] > rows.first[17]);
    ASSERT_I64(fani_gf2_keep_true(&rows, out, &found), FAN_OK);
    EXPECT_U64(found, 60);
    EXPECT_U64(independent(&rows, out, &all_zero), 60);
    EXPECT_TRUE(all_zero);
    for (uint32_t row = 0; row < 300; row++)
        EXPECT_TRUE((out[row] & 3) == (before[row] >> 1 & 3) && out[row] >> 60 == 0);
    fani_gf2_lists_clear(&rows);
}

/* As many as elimination does, nearly. */
FAN_TEST(qs_algebra, lanczos_finds_dependencies)
{
    static const struct shape large[] = {
        {1300, 1210, 10, 0},  {1300, 1290, 20, 64}, {1500, 1400, 10, 200}, {2000, 1990, 6, 30},
        {2500, 2500, 10, 10}, {3000, 2800, 4, 100}, {1300, 1150, 30, 700}, {2000, 900, 9, 128},
    };
    for (unsigned i = 0; i < sizeof large / sizeof large[0]; i++) {
        fani_gf2_lists rows;
        make_matrix(i, large[i].rows, large[i].columns, large[i].weight, large[i].dense, &rows);
        uint32_t nullity = at_most_64(rows.count - rank_of(&rows));
        expect_dependencies(&rows, nullity * 3 / 4, nullity);
        fani_gf2_lists_clear(&rows);
    }
}

/* A start is a function of the key and the attempt, and no answer of another start is taken for a
 * failure of the first. */
FAN_TEST(qs_algebra, lanczos_is_repeatable)
{
    fani_gf2_lists rows;
    make_matrix(77, 1600, 1500, 12, 80, &rows);
    static uint64_t one[1600], other[1600], third[1600];
    ASSERT_I64(fani_gf2_lanczos(&rows, 5, 0, NULL, &endless, one), FAN_OK);
    ASSERT_I64(fani_gf2_lanczos(&rows, 5, 0, NULL, &endless, other), FAN_OK);
    ASSERT_I64(fani_gf2_lanczos(&rows, 6, 0, NULL, &endless, third), FAN_OK);
    EXPECT_TRUE(memcmp(one, other, sizeof one) == 0);
    EXPECT_TRUE(memcmp(one, third, sizeof one) != 0);
    fani_gf2_lists_clear(&rows);
}

typedef struct one_part {
    void (*part)(void *work, unsigned i);
    void *work;
    unsigned i;
    pthread_t thread;
} one_part;

static void *run_part(void *arg)
{
    const one_part *p = arg;
    p->part(p->work, p->i);
    return NULL;
}

/* A thread each, or one after the other, the last one first. */
static void run_threads(void *context, unsigned parts, void (*part)(void *work, unsigned i),
                        void *work)
{
    one_part list[16];
    const bool *threads = context;
    for (unsigned i = parts; i-- > 0;) {
        list[i] = (one_part){.part = part, .work = work, .i = i};
        if (!*threads)
            part(work, i);
        else
            ASSERT_I64(pthread_create(&list[i].thread, NULL, run_part, &list[i]), 0);
    }
    for (unsigned i = 0; *threads && i < parts; i++)
        ASSERT_I64(pthread_join(list[i].thread, NULL), 0);
}

FAN_TEST(qs_algebra, lanczos_is_the_same_for_any_team)
{
    static const unsigned parts[] = {1, 2, 3, 16};
    static uint64_t alone[1600], out[1600];
    fani_gf2_lists rows;
    make_matrix(78, 1600, 1500, 12, 130, &rows);
    ASSERT_I64(fani_gf2_lanczos(&rows, 5, 0, NULL, &endless, alone), FAN_OK);
    for (unsigned i = 0; i < 8; i++) {
        bool threads = i % 2 != 0;
        const fani_qs_team team = {.parts = parts[i / 2], .run = run_threads, .context = &threads};
        ASSERT_I64(fani_gf2_lanczos(&rows, 5, 0, &team, &endless, out), FAN_OK);
        EXPECT_TRUE(memcmp(alone, out, sizeof out) == 0);
    }
    fani_gf2_lists_clear(&rows);
}

/* No rows, no columns, rows of nothing, the same row again and again, no dependency at all. */
FAN_TEST(qs_algebra, ill_shaped_matrices)
{
    static const uint32_t counts[] = {0, 1, 2, 70, 1500};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fani_gf2_lists rows, sums, matrix;
        uint32_t count = counts[i];
        make_matrix(1, count, 0, 0, 0, &rows); /* no columns */
        expect_dependencies(&rows, at_most_64(count) * 3 / 4, at_most_64(count));
        fani_gf2_lists_clear(&rows);
        make_matrix(1, count, 50, 0, 0, &rows); /* columns of nothing */
        expect_dependencies(&rows, at_most_64(count) * 3 / 4, at_most_64(count));
        ASSERT_I64(fani_gf2_merge(&rows, &endless, &sums), FAN_OK);
        ASSERT_I64(fani_gf2_sum(&rows, &sums, &matrix), FAN_OK);
        EXPECT_U64(matrix.count, count);
        EXPECT_U64(matrix.end, 0);
        fani_gf2_lists_clear(&rows);
        fani_gf2_lists_clear(&sums);
        fani_gf2_lists_clear(&matrix);
        make_matrix(2, count, count, 0, 0, &rows);
        free(rows.item);
        rows.item = calloc(count + 1, sizeof *rows.item);
        for (uint32_t row = 0; row <= count; row++) { /* each row a column of its own */
            rows.first[row] = row;
            rows.item[row] = row;
        }
        expect_dependencies(&rows, 0, 0);
        ASSERT_I64(fani_gf2_merge(&rows, &endless, &sums), FAN_OK);
        EXPECT_U64(sums.count, 0);
        fani_gf2_lists_clear(&sums);
        memset(rows.item, 0, count * sizeof *rows.item); /* all rows the same */
        expect_dependencies(&rows, count == 0 ? 0 : at_most_64(count - 1) * 3 / 4,
                            count == 0 ? 0 : at_most_64(count - 1));
        fani_gf2_lists_clear(&rows);
    }
}

FAN_TEST(qs_algebra, matrices_are_cancelled)
{
    fani_gf2_lists rows, sums;
    static uint64_t out[1500];
    uint32_t found;
    make_matrix(3, 1500, 1450, 5, 60, &rows);
    for (unsigned polls = 0; polls < 2; polls++) {
        unsigned left = polls;
        fani_effort effort = {.cancelled = cancel_after, .context = &left};
        EXPECT_I64(fani_gf2_solve(&rows, 1, NULL, &effort, out, &found), FAN_E_CANCELLED);
        left = polls;
        EXPECT_I64(fani_gf2_merge(&rows, &effort, &sums), FAN_E_CANCELLED);
        left = polls;
        EXPECT_I64(fani_gf2_eliminate(&rows, &effort, out), FAN_E_CANCELLED);
    }
    fani_gf2_lists_clear(&rows);
}
