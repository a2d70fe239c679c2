/* The small quadratic sieve: each instruction set on semiprimes of each length, its loops against
 * plain ones, memory that runs out, and cancelling. */
#include "kernel/factor/sieve_internal.h"
#include "shim/shim.h"

#include <stdlib.h>
#include <string.h>

static void random_prime(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    do {
        mpz_urandomb(out, random, bits);
        mpz_setbit(out, bits - 1);
        mpz_nextprime(out, out);
    } while (mpz_sizeinbase(out, 2) != bits);
}

static void expect_split(mpz_srcptr n, fani_isa isa)
{
    fani_effort effort = {0};
    mpz_t divisor;
    mpz_init(divisor);
    EXPECT_I64(fani_sieve_split(n, &effort, isa, divisor), FAN_OK);
    EXPECT_TRUE(mpz_divisible_p(n, divisor) && mpz_cmp_ui(divisor, 1) > 0 &&
                mpz_cmp(divisor, n) < 0);
    mpz_clear(divisor);
}

FAN_TEST(sieve, semiprimes_of_each_length)
{
    gmp_randstate_t random;
    mpz_t n, p, q;
    gmp_randinit_default(random);
    mpz_inits(n, p, q, NULL);
    for (unsigned bits = FANI_SIEVE_BITS_MIN; bits <= 132; bits++) {
        random_prime(random, bits / 2, p);
        do {
            random_prime(random, bits - bits / 2, q);
            mpz_mul(n, p, q);
        } while (mpz_sizeinbase(n, 2) != bits || mpz_cmp(p, q) == 0);
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++)
            expect_split(n, isa);
    }
    mpz_clears(n, p, q, NULL);
    gmp_randclear(random);
}

/* Unequal primes, three primes, a prime's square and another. */
FAN_TEST(sieve, other_composites)
{
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    mpz_inits(n, p, NULL);
    for (unsigned bits = 9; bits <= 45; bits += 4) {
        random_prime(random, bits, n);
        random_prime(random, 100 - bits, p);
        mpz_mul(n, n, p);
        expect_split(n, fani_isa_wanted());
        random_prime(random, bits, p);
        mpz_mul(n, n, p);
        expect_split(n, fani_isa_wanted());
        random_prime(random, bits + 9, n);
        mpz_mul(n, n, n);
        random_prime(random, 60, p);
        mpz_mul(n, n, p);
        expect_split(n, fani_isa_wanted());
    }
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

static void split_long(unsigned bits)
{
    gmp_randstate_t random;
    mpz_t n, p;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    mpz_inits(n, p, NULL);
    random_prime(random, bits / 2, n);
    random_prime(random, bits - bits / 2, p);
    mpz_mul(n, n, p);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++)
        expect_split(n, isa);
    mpz_clears(n, p, NULL);
    gmp_randclear(random);
}

FAN_TEST(sieve, up_to_the_limit)
{
    split_long(FANI_SIEVE_BITS);
}

/* ---- Loops ---------------------------------------------------------------------------------- */

static const fani_sieve_loops *const all_loops[] = {
    [FANI_ISA_SCALAR] = &fani_sieve_loops_scalar,
#ifdef __x86_64__
    [FANI_ISA_AVX2] = &fani_sieve_loops_avx2,
    [FANI_ISA_AVX512] = &fani_sieve_loops_avx512,
#endif
};

/* A sieve with a base and a polynomial, as fani_sieve_split makes it. */
static bool prepare(fani_sieve *s, uint32_t interval, uint32_t base)
{
    fani_sieve_choose_multiplier(s);
    s->params = fani_sieve_params_for(160);
    s->params.interval = interval;
    s->params.base = base;
    if (!fani_sieve_base_make(s))
        return false;
    s->interval = aligned_alloc(64, (fani_sieve_interval_room(s) + 63) / 64 * 64);
    return s->interval != NULL;
}

static void release(fani_sieve *s)
{
    fani_sieve_base_clear(&s->base);
    fani_sieve_relations_clear(&s->relations);
    free(s->poly.used);
    free(s->interval);
    mpz_clear(s->kn);
}

/* Q(x) at a position, by mpz; and (2 a x + b)^2 - k n = 4 a Q(x). */
static void value_at(const fani_sieve *s, uint32_t position, mpz_ptr out)
{
    mpz_t a, x;
    mpz_inits(a, x, NULL);
    fani_i128 root =
        2 * (fani_i128)s->poly.a * ((fani_i128)position - s->params.interval / 2) + s->poly.b;
    fani_u128 size = root < 0 ? -(fani_u128)root : (fani_u128)root;
    const uint64_t words[2] = {(uint64_t)size, (uint64_t)(size >> 64)};
    const uint64_t a_words[2] = {(uint64_t)s->poly.a, (uint64_t)(s->poly.a >> 64)};
    mpz_import(x, 2, -1, 8, 0, 0, words);
    mpz_import(a, 2, -1, 8, 0, 0, a_words);
    mpz_mul(x, x, x);
    mpz_sub(x, x, s->kn);
    mpz_mul_2exp(a, a, 2);
    EXPECT_TRUE(mpz_divisible_p(x, a));
    mpz_divexact(out, x, a);
    mpz_clears(a, x, NULL);
}

/* What the bytes should be by plain loops over the roots, and whether the roots are roots. */
static void expect_polynomial(const fani_sieve *s, uint8_t *expected)
{
    const fani_sieve_base *base = &s->base;
    mpz_t value;
    mpz_init(value);
    memset(expected, 7, s->params.interval);
    for (uint32_t i = 0; i < base->count; i++) {
        for (unsigned k = 0; k < 2; k++) {
            if (i % 17 == 3 && base->log[i] != 0 && base->root[k][i] < s->params.interval) {
                value_at(s, base->root[k][i], value);
                EXPECT_TRUE(mpz_divisible_ui_p(value, base->prime[i]));
            }
            for (uint32_t x = base->root[k][i]; i >= base->first_sieved && x < s->params.interval;
                 x += base->prime[i])
                expected[x] = (uint8_t)(expected[x] + base->log[i]);
        }
    }
    s->loops->fill(base, s->interval, s->params.interval, 7);
    EXPECT_TRUE(memcmp(s->interval, expected, s->params.interval) == 0);
    mpz_clear(value);
}

static void expect_hits(const fani_sieve *s, uint32_t position)
{
    uint16_t found[FANI_SIEVE_HITS_MAX];
    uint32_t count = s->loops->hits(&s->base, position, found, FANI_SIEVE_HITS_MAX), next = 0;
    for (uint32_t i = 0; i < s->base.count; i++) {
        uint32_t rest = position % s->base.prime[i];
        bool is_hit =
            s->base.log[i] != 0 && (rest == s->base.root[0][i] || rest == s->base.root[1][i]);
        while (next < count && found[next] < i)
            next++;
        EXPECT_TRUE(!is_hit || (next < count && found[next] == i));
    }
}

static void expect_scan(const fani_sieve *s)
{
    uint32_t out[128], from = 0, next = 0, missed = 0;
    s->interval[0] |= 128;
    s->interval[s->params.interval - 1] |= 128;
    while (from < s->params.interval) {
        uint32_t count = s->loops->scan(s->interval, s->params.interval, &from, out, 128);
        for (uint32_t i = 0; i < count; i++, next++) {
            for (; next < out[i]; next++)
                missed += s->interval[next] >= 128;
            EXPECT_TRUE(s->interval[next] >= 128);
        }
    }
    EXPECT_U64(next, s->params.interval);
    EXPECT_U64(missed, 0);
}

static void expect_loops(const fani_sieve_loops *loops, mpz_srcptr n, uint32_t interval,
                         uint32_t base)
{
    fani_sieve s = {.n = n, .loops = loops};
    static uint8_t expected[98304];
    mpz_init(s.kn);
    ASSERT_TRUE(interval <= sizeof expected && prepare(&s, interval, base));
    EXPECT_U64(mpz_fdiv_ui(s.kn, 8), 1);
    for (unsigned made = 0; made < 40; made++) {
        ASSERT_I64(fani_sieve_next_poly(&s), FAN_OK);
        expect_polynomial(&s, expected);
        expect_hits(&s, made * 1000 % interval);
    }
    expect_scan(&s);
    release(&s);
}

FAN_TEST(sieve, loops_of_each_instruction_set)
{
    mpz_t n;
    mpz_init_set_str(n, "1000000000000000000000000000000000000000000039", 10);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        expect_loops(all_loops[isa], n, 32768, 300);
        expect_loops(all_loops[isa], n, 2048, 1000);
        expect_loops(all_loops[isa], n, 98304, 2001);
        expect_loops(all_loops[isa], n, 65536, 5000);
    }
    mpz_clear(n);
}

/* ---- Relations ------------------------------------------------------------------------------ */

/* Every relation that is kept is one: x^2 = the product of its primes and its large one mod n. */
FAN_TEST(sieve, relations_hold)
{
    mpz_t n, left, right;
    mpz_init_set_str(n, "1000000000000000000000000000057", 10);
    mpz_mul_ui(n, n, 1000003);
    mpz_inits(left, right, NULL);
    fani_sieve s = {.n = n, .loops = &fani_sieve_loops_scalar};
    mpz_init(s.kn);
    ASSERT_TRUE(prepare(&s, 32768, 300));
    s.large_max = 1 << 20;
    for (unsigned made = 0; made < 20; made++) {
        ASSERT_I64(fani_sieve_next_poly(&s), FAN_OK);
        for (uint32_t x = 0; x < s.params.interval; x += 3)
            ASSERT_I64(fani_sieve_try(&s, x), FAN_OK);
    }
    EXPECT_TRUE(s.relations.count > 20);
    EXPECT_TRUE(s.relations.row_count > 0);
    for (size_t i = 0; i < s.relations.count; i++) {
        const fani_sieve_relation *r = &s.relations.list[i];
        const uint64_t words[2] = {(uint64_t)r->x, (uint64_t)(r->x >> 64)};
        mpz_import(left, 2, -1, 8, 0, 0, words);
        mpz_mul(left, left, left);
        mpz_set_ui(right, r->large);
        for (uint32_t k = 0; k < r->count; k++) {
            uint16_t column = s.relations.columns[r->first + k];
            if (column == FANI_SIEVE_SIGN)
                mpz_neg(right, right);
            else
                mpz_mul_ui(right, right,
                           column == FANI_SIEVE_TWO ? 2
                                                    : s.base.prime[column - FANI_SIEVE_COLUMNS]);
        }
        mpz_sub(left, left, right);
        EXPECT_TRUE(mpz_divisible_p(left, n));
    }
    size_t before = s.relations.count; /* the same again is dropped */
    const fani_sieve_relation *r = &s.relations.list[0];
    EXPECT_I64(fani_sieve_keep(&s.relations, r->x, r->large, s.relations.columns, 1), FAN_OK);
    EXPECT_U64(s.relations.count, before);
    mpz_clears(n, left, right, NULL);
    release(&s);
}

/* ---- Cancelling ----------------------------------------------------------------------------- */

static bool cancel_after(void *context)
{
    unsigned *left = context;
    return (*left)-- == 0;
}

FAN_TEST(sieve, cancelled)
{
    mpz_t n, divisor;
    mpz_init_set_str(n, "340282366920938463463374607431768211457", 10); /* 2^128 + 1 */
    mpz_init(divisor);
    for (unsigned polls = 0; polls < 3; polls++) {
        unsigned left = polls;
        fani_effort effort = {.cancelled = cancel_after, .context = &left};
        EXPECT_I64(fani_sieve_split(n, &effort, fani_isa_wanted(), divisor), FAN_E_CANCELLED);
    }
    mpz_clears(n, divisor, NULL);
}

/* The matrix of a number of 128 bits has 600 lines: far more polls than one come after the sieve.
 */
FAN_TEST(sieve, cancelled_in_the_matrix)
{
    unsigned polls = UINT32_MAX;
    fani_effort effort = {.cancelled = cancel_after, .context = &polls};
    mpz_t n, divisor;
    mpz_init_set_str(n, "340282366920938463463374607431768211457", 10);
    mpz_init(divisor);
    ASSERT_I64(fani_sieve_split(n, &effort, fani_isa_wanted(), divisor), FAN_OK);
    unsigned all = UINT32_MAX - polls;
    for (unsigned last = 1; last <= 10; last++) {
        polls = all - last;
        EXPECT_I64(fani_sieve_split(n, &effort, fani_isa_wanted(), divisor), FAN_E_CANCELLED);
    }
    polls = all;
    EXPECT_I64(fani_sieve_split(n, &effort, fani_isa_wanted(), divisor), FAN_OK);
    mpz_clears(n, divisor, NULL);
}
