/* The parts of the estimate of the quadratic sieve: how many relations are needed, against runs
 * until they are enough; the kinds of relations; and that the whole says something. */
#include "kernel/qs/algebra.h"
#include "kernel/qs/estimate.h"
#include "shim/shim.h"

#include <math.h>

/* Semiprimes of 47, 51 and 57 digits. */
static const char *const numbers[] = {
    "14779597413905723735573698418258317848013203481",
    "913971367795777673953966259188624538476160873992211",
    "161606323342344640388832937170271258472379570382545414511",
};

enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

typedef struct run {
    fani_qs_set *set;
    uint64_t seen[3];
} run;

static fan_status keep(void *context, const fani_qs_relation *relation)
{
    run *r = context;
    bool added = false;
    fan_status status = fani_qs_set_add(r->set, relation, &added);
    if (added)
        r->seen[(relation->large[0] != 1) + (relation->large[1] != 1)]++;
    return status;
}

/* Sieves, some polynomials at a time, until the relations are enough. */
static void collect(const fani_qs *qs, run *r)
{
    enum { POLYS = 8 };
    fani_qs_worker *worker;
    bool enough = false;
    ASSERT_I64(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), FAN_OK);
    ASSERT_I64(fani_qs_set_new(fani_qs_columns(qs), &r->set), FAN_OK);
    const fani_qs_hooks hooks = {.emit = keep, .context = r};
    uint32_t all = fani_qs_b_count(qs);
    for (uint64_t a = 0; !enough && a < fani_qs_a_count(qs); a++) {
        for (uint32_t from = 0; !enough && from < all; from += POLYS) {
            uint32_t to = from + POLYS < all ? from + POLYS : all;
            EXPECT_I64(fani_qs_collect_some(worker, a, from, to, &hooks), FAN_OK);
            EXPECT_I64(fani_qs_set_enough(r->set, &enough), FAN_OK);
        }
    }
    EXPECT_TRUE(enough);
    fani_qs_set_free(r->set);
    fani_qs_worker_free(worker);
}

static void expect_needed(const char *number, const fani_qs_params *params)
{
    fani_qs *qs;
    run r = {0};
    double needed = 0;
    mpz_t n;
    mpz_init_set_str(n, number, 10);
    ASSERT_I64(fani_qs_make(n, params, &qs), FAN_OK);
    collect(qs, &r);
    double all = (double)(r.seen[0] + r.seen[1] + r.seen[2]);
    EXPECT_I64(fani_qs_needed(qs, fani_qs_shares_of(qs, r.seen), &needed), FAN_OK);
    EXPECT_TRUE(needed > 0.8 * all);
    EXPECT_TRUE(needed < 1.25 * all);
    EXPECT_TRUE(!params || (params->pair == 0) == (r.seen[2] == 0));
    fani_qs_free(qs);
    mpz_clear(n);
}

FAN_TEST(qs_estimate, relations_needed_with_one_large_prime)
{
    for (unsigned i = 0; i < NUMBERS; i++)
        expect_needed(numbers[i], NULL);
}

/* Few and many large primes, one of them or two. */
FAN_TEST(qs_estimate, relations_needed_by_parameters)
{
    static const fani_qs_params params[] = {
        {1500, 1, 4, 120, 36, 0, 800},    {1500, 1, 30, 120, 40, 0, 800},
        {1500, 1, 1000, 120, 46, 0, 800}, {1200, 1, 80, 110, 48, 42, 800},
        {1400, 1, 60, 120, 46, 42, 800},
    };
    for (unsigned i = 0; i < sizeof params / sizeof params[0]; i++)
        expect_needed(numbers[0], params + i);
}

FAN_TEST(qs_estimate, long_relations_needed)
{
    /* 66 digits, with two large primes as longer numbers have them. */
    static const fani_qs_params params = {6000, 1, 110, 256, 56, 48, 1500};
    expect_needed("140459128380198886962985583070109780157249531967344958051158150141", &params);
}

static fani_qs *make(unsigned which)
{
    fani_qs *qs = NULL;
    mpz_t n;
    mpz_init_set_str(n, numbers[which], 10);
    EXPECT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
    mpz_clear(n);
    return qs;
}

/* Full relations alone: each is a cycle. The more of them have large primes, the more it takes. */
FAN_TEST(qs_estimate, relations_needed_by_kind)
{
    fani_qs *qs = make(1);
    double columns = fani_qs_columns(qs), before = 0, needed;
    for (unsigned part = 0; part <= 18; part++) {
        const fani_qs_shares shares = {{1 - part / 20.0, part / 20.0, 0}};
        EXPECT_I64(fani_qs_needed(qs, shares, &needed), FAN_OK);
        EXPECT_TRUE(needed > before);
        EXPECT_TRUE(part > 0 || (needed > 0.9 * columns && needed < 1.1 * columns));
        before = needed;
    }
    fani_qs_free(qs);
}

FAN_TEST(qs_estimate, no_relations_but_with_large_primes_end)
{
    fani_qs *qs = make(0);
    double needed = 0;
    EXPECT_I64(fani_qs_needed(qs, (fani_qs_shares){{0, 1, 0}}, &needed), FAN_OK);
    EXPECT_TRUE(isfinite(needed) && needed > fani_qs_columns(qs));
    EXPECT_I64(fani_qs_needed(qs, (fani_qs_shares){{0, 0, 1}}, &needed), FAN_OK);
    EXPECT_TRUE(isfinite(needed) && needed > fani_qs_columns(qs));
    fani_qs_free(qs);
}

/* None seen: what is usual. Many: what was seen. */
FAN_TEST(qs_estimate, shares)
{
    static const uint64_t seen[][3] = {{0, 0, 0}, {0, 3, 9}, {1000000, 4000000, 5000000}};
    fani_qs *qs = make(2);
    for (unsigned i = 0; i < 3; i++) {
        fani_qs_shares s = fani_qs_shares_of(qs, seen[i]);
        EXPECT_NEAR(s.of[0] + s.of[1] + s.of[2], 1, 1e-12);
        EXPECT_TRUE(s.of[0] > 0 && s.of[1] > s.of[0]);
        if (i == 2) {
            EXPECT_NEAR(s.of[0], 0.1, 1e-3);
            EXPECT_NEAR(s.of[2], 0.5, 1e-12);
        }
    }
    fani_qs_free(qs);
}

FAN_TEST(qs_estimate, algebra_grows_with_its_columns)
{
    for (uint32_t columns = 100; columns < 1000000; columns *= 2)
        EXPECT_TRUE(fani_qs_algebra_seconds(2 * columns) > 2 * fani_qs_algebra_seconds(columns));
}

FAN_TEST(qs_estimate, seconds)
{
    for (unsigned i = 0; i < NUMBERS; i++) {
        fani_qs *qs = make(i);
        double seconds = 0;
        EXPECT_I64(fani_qs_estimate(qs, fani_isa_wanted(), &seconds), FAN_OK);
        EXPECT_TRUE(isfinite(seconds) && seconds > fani_qs_algebra_seconds(fani_qs_columns(qs)));
        fani_qs_free(qs);
    }
}
