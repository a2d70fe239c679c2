/* The quadratic sieve of large numbers when memory runs out: it says so, keeps nothing, and the
 * next call works. The sanitizers' build sees what is lost. */
#include "failing.h"
#include "kernel/qs/algebra_internal.h"
#include "kernel/qs/split.h"
#include "shim/shim.h"

#include <stdlib.h>

static const fani_effort endless;

static void set_number(mpz_ptr n)
{
    mpz_set_str(n, "523462317464364291573624801433", 10); /* two primes of 15 digits */
}

FAN_TEST(qs_memory, split)
{
    mpz_t n, divisor;
    bool failed = true;
    uint64_t good = 0;
    mpz_inits(n, divisor, NULL);
    set_number(n);
    for (; failed && !shim_failed(); good += 1 + good / 20) {
        failing_after(good);
        fan_status status = fani_qs_split(n, &endless, fani_isa_wanted(), divisor);
        failed = failing_end();
        EXPECT_I64(status, failed ? FAN_E_MEMORY : FAN_OK);
        EXPECT_TRUE(failed || mpz_divisible_p(n, divisor));
    }
    EXPECT_TRUE(good > 50);
    mpz_clears(n, divisor, NULL);
}

static fan_status add(void *context, const fani_qs_relation *relation)
{
    return fani_qs_set_add(context, relation, NULL);
}

/* Relations that are enough. */
static fani_qs_set *collect(fani_qs *qs)
{
    fani_qs_set *set;
    fani_qs_worker *worker;
    bool enough = false;
    if (fani_qs_set_new(fani_qs_columns(qs), &set) != FAN_OK ||
        fani_qs_worker_make(qs, fani_isa_wanted(), &worker) != FAN_OK)
        return NULL;
    const fani_qs_hooks hooks = {.emit = add, .context = set};
    for (uint64_t a = 0; !enough && a < fani_qs_a_count(qs); a++) {
        EXPECT_I64(fani_qs_collect(worker, a, &hooks), FAN_OK);
        EXPECT_I64(fani_qs_set_enough(set, &enough), FAN_OK);
    }
    fani_qs_worker_free(worker);
    return set;
}

/* The same relations once more, each allocation failing at some time, and the relation whose
 * addition failed then added. */
static void copy_failing(const fani_qs_set *set)
{
    uint32_t factor[FANI_QS_FACTORS_MAX];
    fani_qs_set *copy;
    fan_status status = FAN_E_MEMORY;
    for (uint64_t good = 0; status == FAN_E_MEMORY; good++) {
        failing_after(good);
        status = fani_qs_set_new(set->columns, &copy);
        EXPECT_TRUE(failing_end() == (status == FAN_E_MEMORY));
        EXPECT_TRUE(status == FAN_OK || !copy);
    }
    ASSERT_I64(status, FAN_OK);
    for (size_t i = 0; i < fani_qs_set_count(set); i++) {
        fani_qs_relation relation;
        fani_qs_set_get(set, i, factor, &relation);
        status = FAN_E_MEMORY;
        for (uint64_t good = 0; status == FAN_E_MEMORY; good++) {
            failing_after(good);
            status = fani_qs_set_add(copy, &relation, NULL);
            EXPECT_TRUE(failing_end() == (status == FAN_E_MEMORY));
            EXPECT_U64(fani_qs_set_count(copy), i + (status == FAN_OK));
        }
        ASSERT_I64(status, FAN_OK);
    }
    EXPECT_U64(fani_qs_set_cycles(copy), fani_qs_set_cycles(set));
    fani_qs_set_free(copy);
}

FAN_TEST(qs_memory, relations)
{
    fani_qs *qs;
    int64_t excess;
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    set_number(n);
    ASSERT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
    fani_qs_set *set = collect(qs);
    ASSERT_TRUE(set);
    copy_failing(set);
    bool *drop = calloc(fani_qs_set_count(set), sizeof *drop), failed = true;
    size_t count = fani_qs_set_count(set);
    ASSERT_TRUE(drop);
    uint64_t good = 0;
    for (; failed; good++) {
        fan_status status[3];
        failed = false;
        failing_after(good);
        status[0] = fani_qs_solve(qs, set, NULL, NULL, &endless, divisor);
        failed = failing_end();
        EXPECT_I64(status[0], failed ? FAN_E_MEMORY : FAN_OK);
        failing_after(good);
        status[1] = fani_qs_set_excess(set, &excess);
        EXPECT_I64(status[1], failing_end() ? FAN_E_MEMORY : FAN_OK);
        failing_after(good);
        status[2] = fani_qs_set_drop(set, drop);
        EXPECT_I64(status[2], failing_end() ? FAN_E_MEMORY : FAN_OK);
        EXPECT_U64(fani_qs_set_count(set), count);
    }
    EXPECT_TRUE(good > 15);
    free(drop);
    fani_qs_set_free(set);
    fani_qs_free(qs);
    mpz_clears(n, divisor, NULL);
}

/* Of a matrix that is too large for elimination. */
FAN_TEST(qs_memory, lanczos)
{
    enum { ROWS = 1400, COLUMNS = 1300, ONES = 8 };
    static size_t first[ROWS + 1];
    static uint32_t item[ROWS * ONES];
    static uint64_t out[ROWS];
    const fani_gf2_lists matrix = {ROWS, COLUMNS, first, item};
    bool failed = true;
    uint32_t found = 0, at = 7;
    for (uint32_t row = 0; row <= ROWS; row++) {
        first[row] = (size_t)row * ONES;
        for (uint32_t i = 0; row < ROWS && i < ONES; i++) {
            at = at * 1664525 + 1013904223;
            item[row * ONES + i] = i * (COLUMNS / ONES) + (at >> 8) % (COLUMNS / ONES);
        }
    }
    uint64_t good = 0;
    for (; failed; good++) {
        failing_after(good);
        fan_status status = fani_gf2_solve(&matrix, 1, NULL, NULL, &endless, out, &found);
        failed = failing_end();
        EXPECT_I64(status, failed ? FAN_E_MEMORY : FAN_OK);
    }
    EXPECT_TRUE(found > 0 && good > 8);
}
