/* Relations of the quadratic sieve of large numbers: each holds, each instruction set finds the
 * same, each index has an a of its own, and their bytes say all. */
#include "kernel/qs/internal.h"
#include "shim/shim.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Semiprimes of 30, 45, 60 and 75 digits. */
static const char *const numbers[] = {
    "523462317464364291573624801433",
    "316227766016837933199889354451000000000001713",
    "274176255407896269946382378353019132041885693915619360480387",
    "100000000000000000000000000000000000169000000000000000000000000000000007030",
};

enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static void set_number(mpz_ptr n, unsigned which)
{
    mpz_set_str(n, numbers[which], 10);
    mpz_setbit(n, 0);
}

/* Keeps relations' bytes, one after the other. */
typedef struct kept {
    const fani_qs *qs;
    uint8_t *bytes;
    size_t used, room;
    uint64_t count, bad;
    uint64_t left; /* relations until the collection is ended */
} kept;

static fan_status keep(void *context, const fani_qs_relation *r)
{
    kept *k = context;
    if (k->left == 0)
        return FAN_E_EFFORT;
    k->left--;
    k->count++;
    if (!fani_qs_check(k->qs, r))
        k->bad++;
    if (k->used + FANI_QS_RELATION_BYTES_MAX > k->room) {
        k->room = 2 * (k->used + FANI_QS_RELATION_BYTES_MAX);
        k->bytes = realloc(k->bytes, k->room);
    }
    size_t length = fani_qs_relation_write(k->qs, r, k->bytes + k->used);
    if (length > FANI_QS_RELATION_BYTES_MAX)
        k->bad++;
    k->used += length;
    return FAN_OK;
}

/* All relations of some a's, up to so many. */
static kept collect(const fani_qs *qs, fani_isa isa, uint64_t from, uint64_t to, uint64_t most)
{
    kept k = {.qs = qs, .left = most};
    fani_qs_worker *worker;
    if (fani_qs_worker_make(qs, isa, &worker) != FAN_OK)
        return k;
    const fani_qs_hooks hooks = {.emit = keep, .context = &k};
    for (uint64_t a = from; a < to && k.left > 0; a++) {
        fan_status status = fani_qs_collect(worker, a, &hooks);
        EXPECT_TRUE(status == FAN_OK || (status == FAN_E_EFFORT && k.left == 0));
    }
    fani_qs_worker_free(worker);
    return k;
}

static void expect_relations(mpz_srcptr n, const fani_qs_params *params, uint64_t most)
{
    fani_qs *qs;
    ASSERT_I64(fani_qs_make(n, params, &qs), FAN_OK);
    kept first = collect(qs, FANI_ISA_SCALAR, 0, 3, most);
    EXPECT_TRUE(first.count > 0);
    EXPECT_U64(first.bad, 0);
    for (fani_isa isa = FANI_ISA_AVX2; isa <= fani_isa_machine(); isa++) {
        kept other = collect(qs, isa, 0, 3, most);
        EXPECT_U64(other.count, first.count);
        bool same = other.bytes != NULL && first.bytes != NULL && other.used == first.used;
        EXPECT_TRUE(same && memcmp(other.bytes, first.bytes, first.used) == 0);
        free(other.bytes);
    }
    free(first.bytes);
    fani_qs_free(qs);
}

FAN_TEST(qs, relations_hold_and_are_the_same_everywhere)
{
    mpz_t n;
    mpz_init(n);
    for (unsigned i = 0; i < NUMBERS; i++) {
        set_number(n, i);
        expect_relations(n, NULL, 150);
    }
    mpz_clear(n);
}

/* Pieces of a coefficient give what all of it gives. */
FAN_TEST(qs, polynomials_in_pieces)
{
    fani_qs *qs;
    fani_qs_worker *worker;
    mpz_t n;
    mpz_init(n);
    set_number(n, 1);
    ASSERT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
    kept whole = collect(qs, fani_isa_wanted(), 3, 4, UINT64_MAX), parts = {qs, .left = UINT64_MAX};
    const fani_qs_hooks hooks = {.emit = keep, .context = &parts};
    ASSERT_I64(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), FAN_OK);
    uint32_t count = fani_qs_b_count(qs);
    for (uint32_t from = 0, to = 1; from < count; from = to, to = to + 5 < count ? to + 5 : count)
        EXPECT_I64(fani_qs_collect_some(worker, 3, from, to, &hooks), FAN_OK);
    EXPECT_I64(fani_qs_collect_some(worker, 3, 2, 2, &hooks), FAN_OK);
    EXPECT_I64(fani_qs_collect_some(worker, 3, 3, 2, &hooks), FAN_E_ARGUMENT);
    EXPECT_I64(fani_qs_collect_some(worker, 3, 0, count + 1, &hooks), FAN_E_ARGUMENT);
    EXPECT_U64(parts.count, whole.count);
    bool same = whole.bytes != NULL && parts.bytes != NULL && parts.used == whole.used;
    EXPECT_TRUE(same && memcmp(parts.bytes, whole.bytes, whole.used) == 0);
    free(whole.bytes);
    free(parts.bytes);
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
    mpz_clear(n);
}

/* Bases that reach into all size classes, an interval shorter than some primes, small multipliers.
 */
FAN_TEST(qs, two_large_primes)
{
    const fani_qs_params params = {.base = 9000,
                                   .blocks = 7,
                                   .large = 200,
                                   .small = 200,
                                   .slack = 60,
                                   .pair = 54,
                                   .a_prime = 1500};
    mpz_t n;
    mpz_init(n);
    set_number(n, 2);
    expect_relations(n, &params, 500);
    mpz_clear(n);
}

/* ---- Leading coefficients ------------------------------------------------------------------- */

/* Indices of a's primes, as a string that can be compared. */
static int compare_leading(const void *left, const void *right)
{
    return memcmp(left, right, FANI_QS_A_PRIMES * sizeof(uint32_t));
}

/* Returns whether a is close to the ideal. */
static bool expect_leading(const fani_qs *qs, fani_qs_leading *leading, uint64_t index, mpz_ptr b)
{
    fani_qs_leading_set(leading, qs, index);
    double ratio = mpz_get_d(leading->a) / qs->pools.ideal;
    for (uint32_t j = 1; j < leading->count; j++)
        EXPECT_TRUE(leading->index[j] > leading->index[j - 1]);
    /* b^2 = k n mod 4 a, and b is odd. */
    uint32_t k = (uint32_t)(index * 7919 % fani_qs_b_count(qs));
    fani_qs_leading_b(leading, k, b);
    EXPECT_TRUE(mpz_odd_p(b));
    mpz_mul(b, b, b);
    mpz_sub(b, b, qs->kn);
    EXPECT_TRUE(mpz_divisible_2exp_p(b, 2) && mpz_divisible_p(b, leading->a));
    return ratio > 0.8 && ratio < 1.25;
}

FAN_TEST(qs, each_index_has_an_a_of_its_own)
{
    enum { TRIED = 1000 };
    static uint32_t sets[TRIED][FANI_QS_A_PRIMES];
    mpz_t n, b;
    mpz_inits(n, b, NULL);
    for (unsigned i = 0; i < NUMBERS; i++) {
        fani_qs *qs;
        fani_qs_leading leading;
        set_number(n, i);
        ASSERT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
        ASSERT_TRUE(fani_qs_a_count(qs) >= TRIED);
        fani_qs_leading_init(&leading);
        memset(sets, 0, sizeof sets);
        unsigned close = 0;
        for (unsigned a = 0; a < TRIED; a++) {
            close += expect_leading(qs, &leading, a, b);
            memcpy(sets[a], leading.index, leading.count * sizeof *leading.index);
        }
        EXPECT_TRUE(close >
                    (i == 0 ? TRIED / 2 : TRIED * 9 / 10)); /* small bases have few to choose */
        qsort(sets, TRIED, sizeof sets[0], compare_leading);
        for (unsigned a = 1; a < TRIED; a++)
            EXPECT_TRUE(compare_leading(sets[a], sets[a - 1]) != 0);
        fani_qs_leading_clear(&leading);
        fani_qs_free(qs);
    }
    mpz_clears(n, b, NULL);
}

FAN_TEST(qs, subsets_are_counted_through)
{
    EXPECT_U64(fani_qs_binomial(7, 3), 35);
    EXPECT_U64(fani_qs_binomial(62, 20), UINT64_C(9206478467454345));
    EXPECT_U64(fani_qs_binomial(3, 4), 0);
    EXPECT_U64(fani_qs_binomial(200, 100), UINT64_MAX);
    uint32_t before = 0, seen = 0;
    for (uint64_t number = 0; number < 35; number++) {
        uint32_t places[3];
        fani_qs_subset(number, 7, 3, places);
        EXPECT_TRUE(places[0] < places[1] && places[1] < places[2] && places[2] < 7);
        uint32_t set = 1U << places[0] | 1U << places[1] | 1U << places[2];
        EXPECT_TRUE(set > before); /* ascending, so all different */
        before = set;
        seen++;
    }
    EXPECT_U64(seen, 35);
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

static bool is_same(const fani_qs_relation *one, const fani_qs_relation *other)
{
    return one->a == other->a && one->b == other->b && one->x == other->x &&
           one->large[0] == other->large[0] && one->large[1] == other->large[1] &&
           one->count == other->count &&
           memcmp(one->factor, other->factor, one->count * sizeof *one->factor) == 0;
}

/* Reads it back, cut short at each length, and with each bit flipped. */
static fan_status expect_bytes(void *context, const fani_qs_relation *r)
{
    kept *k = context;
    uint8_t bytes[FANI_QS_RELATION_BYTES_MAX];
    uint32_t factors[FANI_QS_FACTORS_MAX];
    fani_qs_relation back;
    size_t used, length = fani_qs_relation_write(k->qs, r, bytes);
    EXPECT_I64(fani_qs_relation_read(k->qs, bytes, length, factors, &back, &used), FAN_OK);
    EXPECT_U64(used, length);
    EXPECT_TRUE(is_same(r, &back));
    for (size_t cut = 0; cut < length; cut++)
        EXPECT_I64(fani_qs_relation_read(k->qs, bytes, cut, factors, &back, &used), FAN_E_PROTOCOL);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT_I64(fani_qs_relation_read(k->qs, bytes, length, factors, &back, &used),
                   FAN_E_PROTOCOL);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    return ++k->count < k->left ? FAN_OK : FAN_E_EFFORT;
}

FAN_TEST(qs, bytes_of_relations)
{
    const fani_qs_params params = {.base = 3000,
                                   .blocks = 2,
                                   .large = 100,
                                   .small = 100,
                                   .slack = 60,
                                   .pair = 50,
                                   .a_prime = 900};
    fani_qs *qs;
    fani_qs_worker *worker;
    mpz_t n;
    mpz_init(n);
    set_number(n, 1);
    ASSERT_I64(fani_qs_make(n, &params, &qs), FAN_OK);
    ASSERT_I64(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), FAN_OK);
    kept k = {.qs = qs, .left = 40};
    const fani_qs_hooks hooks = {.emit = expect_bytes, .context = &k};
    EXPECT_I64(fani_qs_collect(worker, 5, &hooks), FAN_E_EFFORT);
    EXPECT_U64(k.count, 40);
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
    mpz_clear(n);
}

typedef struct first {
    fani_qs_relation relation;
    uint32_t factor[FANI_QS_FACTORS_MAX];
} first;

static fan_status keep_first(void *context, const fani_qs_relation *r)
{
    first *f = context;
    f->relation = *r;
    memcpy(f->factor, r->factor, r->count * sizeof *r->factor);
    f->relation.factor = f->factor;
    return FAN_E_EFFORT;
}

/* A relation that says something else is none. */
FAN_TEST(qs, wrong_relations_are_refused)
{
    first f;
    fani_qs *qs;
    fani_qs_worker *worker;
    mpz_t n, root;
    mpz_inits(n, root, NULL);
    set_number(n, 2);
    ASSERT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
    ASSERT_I64(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), FAN_OK);
    const fani_qs_hooks hooks = {.emit = keep_first, .context = &f};
    ASSERT_I64(fani_qs_collect(worker, 0, &hooks), FAN_E_EFFORT);
    const fani_qs_relation good = f.relation;
    fani_qs_relation r = good;
    EXPECT_TRUE(fani_qs_check(qs, &r));
    r.x = good.x + 1;
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    r = good;
    r.b ^= 1;
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    r = good;
    r.a++;
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    r.a = fani_qs_a_count(qs);
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    EXPECT_I64(fani_qs_root(qs, &r, root), FAN_E_ARGUMENT);
    r = good;
    r.b = fani_qs_b_count(qs);
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    r = good;
    r.x = INT32_MIN;
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    r = good;
    r.large[0] = 0;
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    r = good;
    r.large[1]++;
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    r = good;
    r.count--;
    EXPECT_TRUE(!fani_qs_check(qs, &r));
    f.factor[good.count - 1] = fani_qs_columns(qs);
    EXPECT_TRUE(!fani_qs_check(qs, &good));
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
    mpz_clears(n, root, NULL);
}

/* ---- Ends ----------------------------------------------------------------------------------- */

static bool cancel_after(void *context)
{
    unsigned *left = context;
    return (*left)-- == 0;
}

static fan_status ignore(void *context, const fani_qs_relation *r)
{
    (void)context;
    return r->count > 0 ? FAN_OK : FAN_E_FAILED;
}

FAN_TEST(qs, cancelled)
{
    fani_qs *qs;
    fani_qs_worker *worker;
    mpz_t n;
    mpz_init(n);
    set_number(n, 2);
    ASSERT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
    ASSERT_I64(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), FAN_OK);
    for (unsigned polls = 0; polls < 5; polls++) {
        unsigned left = polls;
        const fani_qs_hooks hooks = {cancel_after, ignore, &left};
        EXPECT_I64(fani_qs_collect(worker, polls, &hooks), FAN_E_CANCELLED);
        EXPECT_U64(left, UINT_MAX);
    }
    unsigned left = UINT_MAX; /* and goes on afterwards */
    const fani_qs_hooks hooks = {cancel_after, ignore, &left};
    EXPECT_I64(fani_qs_collect(worker, 0, &hooks), FAN_OK);
    EXPECT_U64(UINT_MAX - left, fani_qs_b_count(qs));
    EXPECT_I64(fani_qs_collect(worker, fani_qs_a_count(qs), &hooks), FAN_E_ARGUMENT);
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
    mpz_clear(n);
}

/* ---- Odd numbers and parameters ------------------------------------------------------------- */

static void expect_refused(mpz_srcptr n, const fani_qs_params *params)
{
    fani_qs *qs;
    EXPECT_I64(fani_qs_make(n, params, &qs), FAN_E_ARGUMENT);
}

FAN_TEST(qs, what_is_out_of_range_is_refused)
{
    mpz_t n;
    mpz_init(n);
    for (int value = -1; value < 3; value++) {
        mpz_set_si(n, value);
        expect_refused(n, NULL);
    }
    mpz_ui_pow_ui(n, 2, FANI_QS_BITS_MIN - 1);
    mpz_sub_ui(n, n, 1);
    expect_refused(n, NULL);
    mpz_ui_pow_ui(n, 2, FANI_QS_BITS_MAX);
    mpz_add_ui(n, n, 1);
    expect_refused(n, NULL);
    set_number(n, 0);
    mpz_clrbit(n, 0);
    expect_refused(n, NULL);
    set_number(n, 0);
    const fani_qs_params good = fani_qs_params_for(100);
    uint32_t bad[][2] = {{0, FANI_QS_BASE_MIN - 1},
                         {0, FANI_QS_BASE_MAX + 1},
                         {1, 0},
                         {1, FANI_QS_BLOCKS_MAX + 1},
                         {2, 0},
                         {2, 4001},
                         {3, 2},
                         {3, 4097},
                         {4, 0},
                         {4, 81},
                         {5, 65},
                         {6, 63},
                         {6, 16385}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fani_qs_params p = good;
        uint32_t *const field[] = {&p.base,  &p.blocks, &p.large,  &p.small,
                                   &p.slack, &p.pair,   &p.a_prime};
        *field[bad[i][0]] = bad[i][1];
        expect_refused(n, &p);
    }
    mpz_clear(n);
}

/* The table is in range for each length, and each length has leading coefficients. */
FAN_TEST(qs, parameters_of_each_length)
{
    mpz_t n;
    mpz_init(n);
    for (unsigned bits = FANI_QS_BITS_MIN; bits <= 290; bits += 15) {
        fani_qs *qs;
        mpz_ui_pow_ui(n, 2, bits - 1);
        mpz_add_ui(n, n, 2 * bits + 1);
        fan_status status = fani_qs_make(n, NULL, &qs);
        EXPECT_I64(status, FAN_OK);
        if (status != FAN_OK)
            continue;
        EXPECT_TRUE(fani_qs_a_count(qs) > 200);
        EXPECT_U64(fani_qs_prime(qs, 1), 2);
        EXPECT_TRUE(fani_qs_prime(qs, fani_qs_columns(qs) - 1) < fani_qs_large_end(qs));
        fani_qs_free(qs);
    }
    mpz_clear(n);
}

/* Numbers with prime factors in the base, squared ones, and those that divide the multiplier. */
FAN_TEST(qs, numbers_with_small_factors)
{
    static const uint32_t factors[] = {3, 9, 7 * 11, 101, 1009 * 1009, 13 * 13 * 13};
    mpz_t n;
    mpz_init(n);
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        set_number(n, 0);
        mpz_mul_ui(n, n, factors[i]);
        expect_relations(n, NULL, 60);
    }
    for (unsigned residue = 1; residue < 8; residue += 2) { /* all classes mod 8 */
        set_number(n, 1);
        mpz_add_ui(n, n, residue);
        mpz_setbit(n, 0);
        fani_qs *qs;
        ASSERT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
        EXPECT_U64(mpz_fdiv_ui(n, 8) * fani_qs_multiplier(qs) % 8, 1);
        fani_qs_free(qs);
    }
    mpz_clear(n);
}
