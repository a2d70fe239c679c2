/* Matrices over GF(2): merging, sums, products, elimination and block Lanczos, each against a plain
 * way to do the same. */
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
FAN_TEST(qs_matrix, merging_keeps_dependencies)
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
FAN_TEST(qs_matrix, sums_are_sums)
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

FAN_TEST(qs_matrix, blocks_of_64)
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

FAN_TEST(qs_matrix, products_of_matrices)
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
    ASSERT_I64(fani_gf2_solve(m, 99, NULL, NULL, &endless, out, &found), FAN_OK);
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

FAN_TEST(qs_matrix, elimination_finds_all_dependencies)
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
FAN_TEST(qs_matrix, false_dependencies_are_left_out)
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
FAN_TEST(qs_matrix, lanczos_finds_dependencies)
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
FAN_TEST(qs_matrix, lanczos_is_repeatable)
{
    fani_gf2_lists rows;
    make_matrix(77, 1600, 1500, 12, 80, &rows);
    static uint64_t one[1600], other[1600], third[1600];
    ASSERT_I64(fani_gf2_lanczos(&rows, 5, &(uint32_t){0}, NULL, NULL, &endless, one), FAN_OK);
    ASSERT_I64(fani_gf2_lanczos(&rows, 5, &(uint32_t){0}, NULL, NULL, &endless, other), FAN_OK);
    ASSERT_I64(fani_gf2_lanczos(&rows, 6, &(uint32_t){0}, NULL, NULL, &endless, third), FAN_OK);
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

FAN_TEST(qs_matrix, lanczos_is_the_same_for_any_team)
{
    static const unsigned parts[] = {1, 2, 3, 16};
    static uint64_t alone[1600], out[1600];
    fani_gf2_lists rows;
    make_matrix(78, 1600, 1500, 12, 130, &rows);
    ASSERT_I64(fani_gf2_lanczos(&rows, 5, &(uint32_t){0}, NULL, NULL, &endless, alone), FAN_OK);
    for (unsigned i = 0; i < 8; i++) {
        bool threads = i % 2 != 0;
        const fani_qs_team team = {.parts = parts[i / 2], .run = run_threads, .context = &threads};
        ASSERT_I64(fani_gf2_lanczos(&rows, 5, &(uint32_t){0}, &team, NULL, &endless, out), FAN_OK);
        EXPECT_TRUE(memcmp(alone, out, sizeof out) == 0);
    }
    fani_gf2_lists_clear(&rows);
}

/* ---- Kept ----------------------------------------------------------------------------------- */

enum { KEPT_MAX = 1 << 20 };

/* What a keeper is to do, and what it was asked. */
typedef struct kept {
    unsigned char bytes[KEPT_MAX];
    size_t size;      /* 0: nothing */
    unsigned stop_at; /* the look at which to keep and to end; UINT32_MAX: never */
    unsigned looks;   /* of the cancel hook */
    unsigned saves, offered, given;
    fan_status answer; /* of save */
} kept;

static bool kept_cancels(void *context)
{
    kept *k = context;
    return k->looks++ == k->stop_at;
}

static bool kept_is_due(void *context)
{
    const kept *k = context;
    return k->looks > k->stop_at;
}

static fan_status kept_save(void *context, const void *bytes, size_t size)
{
    kept *k = context;
    if (size > KEPT_MAX)
        return FAN_E_TOO_LARGE;
    memcpy(k->bytes, bytes, size);
    k->size = size;
    k->saves++;
    return k->answer;
}

static bool kept_load(void *context, void *bytes, size_t size)
{
    kept *k = context;
    k->offered++;
    if (size != k->size)
        return false;
    memcpy(bytes, k->bytes, size);
    k->given++;
    return true;
}

/* One call that is ended at the look `stop_at`. */
static fan_status solve_kept(const fani_gf2_lists *rows, uint64_t key, kept *k, unsigned stop_at,
                             const fani_qs_team *team, uint64_t *out, uint32_t *found)
{
    const fani_effort effort = {.cancelled = kept_cancels, .context = k};
    const fani_qs_keeper keeper = {
        .due = kept_is_due, .save = kept_save, .load = kept_load, .context = k};
    k->stop_at = stop_at;
    k->looks = k->saves = k->offered = k->given = 0;
    return fani_gf2_solve(rows, key, team, &keeper, &effort, out, found);
}

static kept keeping; /* too much for the stack */

/* Each call does `each` looks' worth of steps, with a team of another size; all of them together
 * look no more often than one call does but for the look that each begins with. */
static void go_on_until_solved(const fani_gf2_lists *rows, unsigned each, unsigned looks,
                               const uint64_t *want, uint32_t found_want)
{
    static uint64_t out[4000];
    unsigned calls = 0, all = 0;
    uint32_t found;
    fan_status status = FAN_E_CANCELLED;
    keeping = (kept){0};
    while (status == FAN_E_CANCELLED && calls < 1000) {
        bool threads = false;
        const fani_qs_team team = {.parts = 1 + calls % 5, .run = run_threads, .context = &threads};
        status = solve_kept(rows, 9, &keeping, each, calls % 3 ? &team : NULL, out, &found);
        EXPECT_U64(keeping.offered, 1);
        EXPECT_U64(keeping.given, calls > 0);
        EXPECT_U64(keeping.saves, status == FAN_E_CANCELLED);
        all += keeping.looks;
        calls++;
    }
    EXPECT_I64(status, FAN_OK);
    EXPECT_U64(all, looks + calls - 1);
    EXPECT_TRUE(calls > 1);
    EXPECT_U64(found, found_want);
    EXPECT_TRUE(memcmp(out, want, rows->count * sizeof *out) == 0);
}

FAN_TEST(qs_matrix, lanczos_goes_on_from_where_it_was_stopped)
{
    static const unsigned each[] = {1, 2, 3};
    static uint64_t want[4000];
    fani_gf2_lists rows;
    uint32_t found;
    make_matrix(79, 4000, 3900, 12, 130, &rows);
    keeping = (kept){0};
    ASSERT_I64(solve_kept(&rows, 9, &keeping, UINT32_MAX, NULL, want, &found), FAN_OK);
    unsigned looks = keeping.looks;
    EXPECT_U64(keeping.saves, 0);
    EXPECT_TRUE(found > 30 && looks >= 4);
    for (unsigned i = 0; i < sizeof each / sizeof each[0]; i++)
        go_on_until_solved(&rows, each[i], looks, want, found);
    fani_gf2_lists_clear(&rows);
}

/* Looks that a call does with what is kept; it finds the same, whatever that is. */
static unsigned looks_with(const fani_gf2_lists *rows, uint64_t key)
{
    static uint64_t want[4000], out[4000];
    uint32_t found_want, found;
    EXPECT_I64(fani_gf2_solve(rows, key, NULL, NULL, &endless, want, &found_want), FAN_OK);
    EXPECT_I64(solve_kept(rows, key, &keeping, UINT32_MAX, NULL, out, &found), FAN_OK);
    EXPECT_U64(found, found_want);
    EXPECT_TRUE(memcmp(out, want, rows->count * sizeof *out) == 0);
    return keeping.looks;
}

/* Of another key, another matrix of the same size, another attempt or step than there can be. */
FAN_TEST(qs_matrix, what_was_kept_of_something_else_is_passed_over)
{
    static uint64_t out[4000];
    fani_gf2_lists rows;
    uint32_t found;
    fani_gf2_kept head;
    make_matrix(80, 4000, 3900, 12, 130, &rows);
    keeping = (kept){0};
    unsigned all = looks_with(&rows, 9);
    ASSERT_I64(solve_kept(&rows, 9, &keeping, 2, NULL, out, &found), FAN_E_CANCELLED);
    EXPECT_U64(looks_with(&rows, 9), all - 2);
    EXPECT_U64(looks_with(&rows, 10), all);
    memcpy(&head, keeping.bytes, sizeof head);
    const fani_gf2_kept bad[] = {{head.identity ^ 1, head.attempt, head.steps},
                                 {head.identity, FANI_GF2_ATTEMPTS, head.steps},
                                 {head.identity, head.attempt, 2},
                                 {head.identity, head.attempt, UINT64_C(1) << 32 | head.steps},
                                 {head.identity, head.attempt, 4000}};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(keeping.bytes, &bad[i], sizeof bad[i]);
        EXPECT_U64(looks_with(&rows, 9), all);
    }
    memcpy(keeping.bytes, &head, sizeof head);
    keeping.size -= 8;
    EXPECT_U64(looks_with(&rows, 9), all);
    EXPECT_U64(keeping.given, 0);
    keeping.size += 8;
    EXPECT_U64(looks_with(&rows, 9), all - 2);
    rows.item[rows.first[4000] - 1] ^= 1;
    EXPECT_U64(looks_with(&rows, 9), all);
    fani_gf2_lists_clear(&rows);
}

FAN_TEST(qs_matrix, what_can_not_be_kept_ends_it)
{
    static uint64_t out[1600];
    fani_gf2_lists rows;
    uint32_t found;
    make_matrix(81, 1600, 1500, 12, 80, &rows);
    keeping = (kept){.answer = FAN_E_OUTPUT};
    const fani_qs_keeper keeper = {
        .due = kept_is_due, .save = kept_save, .load = kept_load, .context = &keeping};
    keeping.looks = 1; /* more than stop_at: always due */
    EXPECT_I64(fani_gf2_solve(&rows, 9, NULL, &keeper, &endless, out, &found), FAN_E_OUTPUT);
    EXPECT_U64(keeping.saves, 1);
    fani_gf2_lists_clear(&rows);
}

/* No rows, no columns, rows of nothing, the same row again and again, no dependency at all. */
FAN_TEST(qs_matrix, ill_shaped_matrices)
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

FAN_TEST(qs_matrix, matrices_are_cancelled)
{
    fani_gf2_lists rows, sums;
    static uint64_t out[1500];
    uint32_t found;
    make_matrix(3, 1500, 1450, 5, 60, &rows);
    for (unsigned polls = 0; polls < 2; polls++) {
        unsigned left = polls;
        fani_effort effort = {.cancelled = cancel_after, .context = &left};
        EXPECT_I64(fani_gf2_solve(&rows, 1, NULL, NULL, &effort, out, &found), FAN_E_CANCELLED);
        left = polls;
        EXPECT_I64(fani_gf2_merge(&rows, &effort, &sums), FAN_E_CANCELLED);
        left = polls;
        EXPECT_I64(fani_gf2_eliminate(&rows, &effort, out), FAN_E_CANCELLED);
    }
    fani_gf2_lists_clear(&rows);
}
