/* The quadratic sieve of large numbers from end to end: numbers of each length, relations that are
 * false, too few, or come in another order, and cancelling. */
#include "kernel/qs/algebra_internal.h"
#include "kernel/qs/split.h"
#include "shim/shim.h"
#include "sieve_kit.h"

#include <stdlib.h>
#include <string.h>

static bool is_proper(mpz_srcptr n, mpz_srcptr divisor)
{
    return mpz_cmp_ui(divisor, 1) > 0 && mpz_cmp(divisor, n) < 0 && mpz_divisible_p(n, divisor);
}

static void expect_split(mpz_srcptr n, fani_isa isa)
{
    fani_effort effort = {0};
    mpz_t divisor;
    mpz_init(divisor);
    EXPECT_I64(fani_qs_split(n, &effort, isa, divisor), FAN_OK);
    EXPECT_TRUE(is_proper(n, divisor));
    mpz_clear(divisor);
}

static void split_lengths(unsigned from, unsigned to, unsigned step, unsigned numbers)
{
    mpz_t n;
    mpz_init(n);
    for (unsigned digits = from; digits <= to; digits += step) {
        for (unsigned which = 0; which < numbers; which++) {
            kit_semiprime(digits, which, n);
            expect_split(n, fani_isa_wanted());
        }
    }
    mpz_clear(n);
}

FAN_TEST(qs_split, semiprimes)
{
    split_lengths(25, 40, 1, 2);
    split_lengths(45, 50, 5, 1);
}

FAN_TEST(qs_split, long_semiprimes)
{
    split_lengths(30, 45, 1, 7); /* with the others 100 and more */
    split_lengths(55, 60, 5, 2);
    split_lengths(70, 70, 1, 1);
}

FAN_TEST(qs_split, long_semiprime_of_80_digits)
{
    split_lengths(80, 80, 1, 1);
}

/* Three primes, a square of a prime and another one, one short prime. */
FAN_TEST(qs_split, other_composites)
{
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    mpz_inits(n, p, NULL);
    for (unsigned digits = 5; digits <= 14; digits += 3) {
        kit_prime(random, digits, n);
        kit_prime(random, 32 - 2 * digits, p);
        mpz_mul(n, n, p);
        kit_prime(random, digits, p);
        mpz_mul(n, n, p);
        expect_split(n, fani_isa_wanted());
        kit_prime(random, digits, n);
        mpz_mul(n, n, n);
        kit_prime(random, 32 - 2 * digits, p);
        mpz_mul(n, n, p);
        expect_split(n, fani_isa_wanted());
    }
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

FAN_TEST(qs_split, the_divisor_is_the_same_everywhere)
{
    fani_effort effort = {0};
    mpz_t n, divisor, first;
    mpz_inits(n, divisor, first, NULL);
    kit_semiprime(38, 5, n);
    EXPECT_I64(fani_qs_split(n, &effort, FANI_ISA_SCALAR, first), FAN_OK);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        EXPECT_I64(fani_qs_split(n, &effort, isa, divisor), FAN_OK);
        EXPECT_TRUE(mpz_cmp(divisor, first) == 0);
    }
    mpz_clears(n, divisor, first, NULL);
}

FAN_TEST(qs_split, numbers_that_it_is_not_for)
{
    fani_effort effort = {0};
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    mpz_set_ui(n, 1000003);
    EXPECT_I64(fani_qs_split(n, &effort, fani_isa_wanted(), divisor), FAN_E_ARGUMENT);
    mpz_ui_pow_ui(n, 10, 40);
    EXPECT_I64(fani_qs_split(n, &effort, fani_isa_wanted(), divisor), FAN_E_ARGUMENT);
    mpz_ui_pow_ui(n, 3, 400);
    EXPECT_I64(fani_qs_split(n, &effort, fani_isa_wanted(), divisor), FAN_E_ARGUMENT);
    mpz_clears(n, divisor, NULL);
}

static bool cancel_after(void *context)
{
    unsigned *left = context;
    return *left == 0 || (*left)-- == 0;
}

/* Wherever it is asked, from the first polynomial to the last step of the algebra. */
FAN_TEST(qs_split, cancelled)
{
    fan_status status = FAN_E_CANCELLED;
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    kit_semiprime(30, 1, n);
    for (unsigned polls = 0; status == FAN_E_CANCELLED && polls < 100000; polls++) {
        unsigned left = polls;
        fani_effort effort = {.cancelled = cancel_after, .context = &left};
        if (polls > 20) /* the algebra comes last */
            polls += polls / 20;
        status = fani_qs_split(n, &effort, fani_isa_wanted(), divisor);
    }
    EXPECT_I64(status, FAN_OK);
    EXPECT_TRUE(is_proper(n, divisor));
    mpz_clears(n, divisor, NULL);
}

/* ---- Relations ------------------------------------------------------------------------------ */

typedef struct lot {
    fani_qs *qs;
    fani_qs_set *set;
    uint64_t told;
} lot;

static fan_status add(void *context, const fani_qs_relation *relation)
{
    lot *l = context;
    l->told++;
    return fani_qs_set_add(l->set, relation, NULL);
}

static void begin(lot *l, unsigned digits, mpz_ptr n)
{
    kit_semiprime(digits, 0, n);
    *l = (lot){0};
    ASSERT_I64(fani_qs_make(n, NULL, &l->qs), FAN_OK);
    ASSERT_I64(fani_qs_set_new(fani_qs_columns(l->qs), &l->set), FAN_OK);
}

static void end(lot *l)
{
    fani_qs_set_free(l->set);
    fani_qs_free(l->qs);
}

/* All of the first a, and of the following ones until there are enough. */
static void collect(lot *l, uint64_t from)
{
    fani_qs_worker *worker;
    bool enough = false;
    ASSERT_I64(fani_qs_worker_make(l->qs, fani_isa_wanted(), &worker), FAN_OK);
    const fani_qs_hooks hooks = {.emit = add, .context = l};
    for (uint64_t a = from; !enough && a < fani_qs_a_count(l->qs); a++) {
        ASSERT_I64(fani_qs_collect(worker, a, &hooks), FAN_OK);
        ASSERT_I64(fani_qs_set_enough(l->set, &enough), FAN_OK);
    }
    EXPECT_TRUE(enough);
    fani_qs_worker_free(worker);
}

/* What the set has kept is what the sieve told; all of it again changes nothing. */
FAN_TEST(qs_split, relations_in_a_set_hold)
{
    lot l;
    mpz_t n;
    uint32_t factor[FANI_QS_FACTORS_MAX];
    mpz_init(n);
    begin(&l, 35, n);
    collect(&l, 0);
    size_t count = fani_qs_set_count(l.set), cycles = fani_qs_set_cycles(l.set);
    EXPECT_TRUE(count <= l.told && count > l.told / 2);
    for (size_t i = 0; i < count; i++) {
        fani_qs_relation relation;
        fani_qs_set_get(l.set, i, factor, &relation);
        EXPECT_TRUE(fani_qs_check(l.qs, &relation));
    }
    collect(&l, 0);
    EXPECT_U64(fani_qs_set_count(l.set), count);
    EXPECT_U64(fani_qs_set_cycles(l.set), cycles);
    end(&l);
    mpz_clear(n);
}

FAN_TEST(qs_split, too_few_relations)
{
    fani_effort effort = {0};
    const uint32_t factor[] = {1, 1, 4};
    const fani_qs_relation one = {.large = {1, 1}, .count = 3, .factor = factor};
    lot l;
    mpz_t n, divisor;
    mpz_inits(n, divisor, NULL);
    begin(&l, 35, n);
    EXPECT_I64(fani_qs_solve(l.qs, l.set, NULL, NULL, &effort, divisor),
               FAN_E_EFFORT); /* none at all */
    EXPECT_I64(fani_qs_set_add(l.set, &one, NULL), FAN_OK);
    EXPECT_I64(fani_qs_solve(l.qs, l.set, NULL, NULL, &effort, divisor), FAN_E_EFFORT);
    EXPECT_I64(mpz_cmp_ui(divisor, 1), 0);
    end(&l);
    mpz_clears(n, divisor, NULL);
}

/* False relations among the true ones cost a solution and are gone then; the true ones split n. */
FAN_TEST(qs_split, false_relations_are_taken_out)
{
    enum { FALSE = 40 };
    fani_effort effort = {0};
    lot l;
    mpz_t n, divisor;
    uint32_t factor[FANI_QS_FACTORS_MAX];
    mpz_inits(n, divisor, NULL);
    begin(&l, 36, n);
    collect(&l, 0);
    size_t count = fani_qs_set_count(l.set);
    for (uint32_t i = 0; i < FALSE; i++) {
        fani_qs_relation relation;
        fani_qs_set_get(l.set, i * (count / FALSE), factor, &relation);
        factor[relation.count - 1]--;
        relation.a = i % 3 == 0 ? fani_qs_a_count(l.qs) + i : relation.a;
        relation.large[1] = relation.large[0] = 1;
        fani_gf2_sort(factor, relation.count);
        EXPECT_I64(fani_qs_set_add(l.set, &relation, NULL), FAN_OK);
    }
    EXPECT_TRUE(fani_qs_set_count(l.set) > count + FALSE / 2);
    EXPECT_I64(fani_qs_solve(l.qs, l.set, NULL, NULL, &effort, divisor), FAN_E_EFFORT);
    EXPECT_U64(fani_qs_set_count(l.set), count);
    EXPECT_I64(fani_qs_solve(l.qs, l.set, NULL, NULL, &effort, divisor), FAN_OK);
    EXPECT_TRUE(is_proper(n, divisor));
    end(&l);
    mpz_clears(n, divisor, NULL);
}
