/* The algebra of the quadratic sieve: the store of relations and pruning, each against a plain way
 * to do the same. test_qs_matrix.c has the rest. */
#include "kernel/qs/algebra_internal.h"
#include "shim/shim.h"

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
