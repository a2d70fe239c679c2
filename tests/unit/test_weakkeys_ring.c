/* A ring of members, without anything between them: each takes the products of all others. */
#include "shim.h"

#include "kernel/gcd/ring.h"
#include "kernel/gcd/weak.h"

#include <stdlib.h>

enum { MEMBERS_MAX = 9, MULTIPLIERS = FANI_ISA_AVX512 + 2 };

/* NULL: this machine has not the instructions. */
static const fani_multiplier *multiplier(int number)
{
    if (number == MULTIPLIERS - 1)
        return &fani_multiplier_plain;
    return (fani_isa)number <= fani_isa_machine() ? fani_multiplier_with((fani_isa)number) : NULL;
}

/* ---- The whole ring -------------------------------------------------------------------------- */

typedef struct stop {
    size_t member, taken; /* who is ended after so many products, and begun anew from there */
} stop;

static const stop nowhere = {.member = SIZE_MAX};

/* Ends a member and begins it again from its sum and residue. */
static void begin_again(fani_ring_member *m, const fani_multiplier *with, mpz_srcptr moduli,
                        size_t count)
{
    mpz_t sum, residue;
    size_t taken = m->taken, widest = m->widest;
    mpz_init_set(sum, m->sum);
    mpz_init_set(residue, m->residue);
    fani_ring_end(m);
    EXPECT_I64(fani_ring_begin(m, with, moduli, count, sum), FAN_OK);
    fani_ring_widest(m, widest);
    fani_ring_go_on(m, residue, taken);
    mpz_clears(sum, residue, NULL);
}

static void run_member(fani_ring_member *all, size_t members, size_t i, const size_t *first,
                       const fani_multiplier *with, const fani_mpzs *keys, const stop *ends,
                       fani_mpzs *gcds)
{
    mpz_t fraction;
    mpz_init(fraction);
    mpz_srcptr moduli = keys->values + first[i];
    size_t count = first[i + 1] - first[i];
    for (size_t step = 0; step < members; step++) {
        if (ends->member == i && ends->taken == step)
            begin_again(&all[i], with, moduli, count);
        if (step + 1 < members)
            EXPECT_I64(fani_ring_take(&all[i], all[(i + members - 1 - step) % members].product),
                       FAN_OK);
    }
    EXPECT_I64(fani_ring_fraction(&all[i], fraction), FAN_OK);
    EXPECT_TRUE(mpz_size(fraction) <= fani_scaled_size(all[i].product));
    EXPECT_I64(fani_ring_gcds(&all[i], fraction, gcds), FAN_OK);
    mpz_clear(fraction);
}

static void run_ring(const fani_multiplier *with, const fani_mpzs *keys, size_t members,
                     const stop *ends, fani_mpzs *gcds)
{
    size_t first[MEMBERS_MAX + 1], widest = 0;
    fani_ring_member all[MEMBERS_MAX];
    fani_ring_cut(keys->values, keys->count, members, first);
    for (size_t i = 0; i < members; i++) {
        ASSERT_TRUE(first[i] < first[i + 1]);
        EXPECT_I64(
            fani_ring_begin(&all[i], with, keys->values + first[i], first[i + 1] - first[i], NULL),
            FAN_OK);
        if (mpz_size(all[i].product) > widest)
            widest = mpz_size(all[i].product);
    }
    for (size_t i = 0; i < members; i++)
        fani_ring_widest(&all[i], widest);
    for (size_t i = 0; i < members; i++)
        run_member(all, members, i, first, with, keys, ends, gcds);
    for (size_t i = 0; i < members; i++)
        fani_ring_end(&all[i]);
}

/* What is wanted: over all pairs where there are few, by the other way where there are many. */
static void find_gcds(const fani_mpzs *keys, fani_mpzs *want)
{
    if (keys->count > 300) {
        EXPECT_I64(fani_weak_gcds(&fani_multiplier_plain, keys->values, keys->count, 0, want, NULL),
                   FAN_OK);
        return;
    }
    ASSERT_I64(fani_mpzs_resize(want, keys->count), FAN_OK);
    mpz_t product;
    mpz_init(product);
    for (size_t i = 0; i < keys->count; i++) {
        mpz_set_ui(product, 1);
        for (size_t j = 0; j < keys->count; j++) {
            if (i != j)
                mpz_mul(product, product, keys->values + j);
            if (i != j && mpz_cmp(product, keys->values + i) > 0)
                mpz_mod(product, product, keys->values + i);
        }
        mpz_gcd(want->values + i, product, keys->values + i);
    }
    mpz_clear(product);
}

static void expect_gcds(const fani_mpzs *got, const fani_mpzs *want, size_t members)
{
    ASSERT_U64(got->count, want->count);
    for (size_t i = 0; i < got->count; i++)
        if (mpz_cmp(got->values + i, want->values + i))
            shim_fail(__FILE__, __LINE__, "gcd %zu of %zu with %zu members is another one", i,
                      got->count, members);
}

static void check_set(const fani_multiplier *with, const fani_mpzs *keys, size_t stride)
{
    fani_mpzs want = {0};
    find_gcds(keys, &want);
    for (size_t members = 1; members <= MEMBERS_MAX && members <= keys->count; members += stride) {
        fani_mpzs got = {0};
        run_ring(with, keys, members, &nowhere, &got);
        expect_gcds(&got, &want, members);
        fani_mpzs_free(&got);
    }
    fani_mpzs_free(&want);
}

/* ---- Sets ------------------------------------------------------------------------------------ */

typedef enum set_kind {
    SET_SMALL,  /* of a few bits: many share, many are even, some are powers of 2 */
    SET_MIXED,  /* from 1 to 65536 bits */
    SET_EQUAL,  /* 2048 bits, long enough for transforms */
    SET_BEHIND, /* one large one, all others small */
    SET_KINDS,
} set_kind;

static mp_bitcnt_t bits_of(set_kind kind, size_t i)
{
    static const mp_bitcnt_t mixed[] = {2, 64, 65536, 700, 3, 65, 128, 5000, 63, 20000, 1};
    switch (kind) {
    case SET_SMALL:
        return 2 + i % 12;
    case SET_MIXED:
        return mixed[i % (sizeof mixed / sizeof mixed[0])];
    case SET_EQUAL:
        return 2048;
    default:
        return i == 5 ? 65536 : 40;
    }
}

/* Values above 1; a few have a prime in common. */
static void make_set(fani_mpzs *keys, set_kind kind, size_t count, gmp_randstate_t random)
{
    ASSERT_I64(fani_mpzs_resize(keys, count), FAN_OK);
    for (size_t i = 0; i < count; i++) {
        mpz_ptr key = keys->values + i;
        mpz_rrandomb(key, random, bits_of(kind, i));
        if (i % 50 == 7)
            mpz_mul_ui(key, key, 4294967291UL);
        if (i % 3 == 0)
            mpz_mul_2exp(key, key, i % 5);
        if (mpz_cmp_ui(key, 2) < 0)
            mpz_set_ui(key, 2 + i);
    }
}

FAN_TEST(weakkeys_ring, gcds_are_those_of_all_pairs)
{
    static const size_t counts[] = {1, 2, 3, 9, 40};
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (int number = 0; number < MULTIPLIERS; number++) {
        for (int kind = 0; kind < SET_KINDS && multiplier(number); kind++) {
            for (size_t i = 0; i < sizeof counts / sizeof counts[0] && !shim_failed(); i++) {
                fani_mpzs keys = {0};
                make_set(&keys, (set_kind)kind, counts[i], random);
                check_set(multiplier(number), &keys, 1);
                fani_mpzs_free(&keys);
            }
        }
    }
    gmp_randclear(random);
}

/* Parts whose products are multiplied by transforms. */
FAN_TEST(weakkeys_ring, gcds_of_large_parts_are_those_of_the_other_way)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (int number = 0; number < MULTIPLIERS && !shim_failed(); number++) {
        if (number == FANI_ISA_SCALAR || !multiplier(number))
            continue; /* its transforms pay later than tests should take */
        for (int kind = SET_MIXED; kind <= SET_EQUAL; kind++) {
            fani_mpzs keys = {0};
            make_set(&keys, (set_kind)kind, kind == SET_EQUAL ? 700 : 200, random);
            check_set(multiplier(number), &keys, 2);
            fani_mpzs_free(&keys);
        }
    }
    gmp_randclear(random);
}

FAN_TEST(weakkeys_ring, a_member_goes_on_from_its_sum_and_residue)
{
    enum { MEMBERS = 4 };
    gmp_randstate_t random;
    fani_mpzs keys = {0}, want = {0};
    gmp_randinit_default(random);
    make_set(&keys, SET_EQUAL, 400, random);
    find_gcds(&keys, &want);
    for (size_t taken = 0; taken < MEMBERS && !shim_failed(); taken++) {
        fani_mpzs got = {0};
        run_ring(fani_multiplier_best(), &keys, MEMBERS, &(stop){.member = 2, .taken = taken},
                 &got);
        expect_gcds(&got, &want, MEMBERS);
        fani_mpzs_free(&got);
    }
    fani_mpzs_free(&keys);
    fani_mpzs_free(&want);
    gmp_randclear(random);
}

/* ---- Remainders ------------------------------------------------------------------------------ */

/* x, reduced, is below 3 D, a multiple of 2^shift, and congruent. */
static void check_times(const fani_ring_divisor *d, const fani_multiplier *with, mpz_srcptr factor)
{
    mpz_t x, y, want, limit;
    mpz_inits(x, y, want, limit, NULL);
    mpz_set_ui(x, 1);
    mpz_mul_2exp(x, x, d->shift);
    mpz_mul_ui(limit, d->divisor, 3);
    for (int step = 0; step < 6; step++) {
        mpz_mul(want, x, factor);
        EXPECT_I64(fani_ring_divisor_times(d, with, x, factor), FAN_OK);
        EXPECT_TRUE(mpz_congruent_p(x, want, d->divisor));
        EXPECT_TRUE(mpz_sgn(x) >= 0 && mpz_cmp(x, limit) < 0);
    }
    mpz_clears(x, y, want, limit, NULL);
}

/* Divisors and factors of ones, of runs, and powers of 2: where estimates of quotients are worst.
 */
FAN_TEST(weakkeys_ring, remainders_are_congruent_and_below_three_divisors)
{
    static const mp_bitcnt_t sizes[] = {1, 64, 1000, 64000, 170000};
    gmp_randstate_t random;
    mpz_t product, factor;
    gmp_randinit_default(random);
    mpz_inits(product, factor, NULL);
    for (int number = 0; number < MULTIPLIERS && !shim_failed(); number++) {
        fani_multiplier own;
        if (!multiplier(number))
            continue;
        ASSERT_I64(fani_multiplier_open(&own, multiplier(number)), FAN_OK);
        for (int kind = 0; kind < 9 * 5; kind++) {
            fani_ring_divisor d;
            mp_bitcnt_t bits = sizes[kind / 9];
            mpz_t *const both[] = {&product, &factor};
            for (int which = 0; which < 2; which++) {
                int form = which ? kind % 3 : kind / 3 % 3;
                mpz_ptr value = *both[which];
                mpz_rrandomb(value, random, bits);
                if (form == 1)
                    mpz_set_ui(value, 0), mpz_setbit(value, bits - 1);
                if (form == 2)
                    mpz_set_ui(value, 0), mpz_setbit(value, bits), mpz_sub_ui(value, value, 1);
            }
            ASSERT_I64(fani_ring_divisor_open(&d, &own, product, mpz_size(product) + 3), FAN_OK);
            check_times(&d, &own, factor);
            mpz_mul(factor, factor, factor); /* a longer one than its room is for */
            check_times(&d, &own, factor);
            fani_ring_divisor_close(&d);
        }
        fani_multiplier_close(&own);
    }
    mpz_clears(product, factor, NULL);
    gmp_randclear(random);
}

/* ---- Parts ----------------------------------------------------------------------------------- */

FAN_TEST(weakkeys_ring, parts_are_equal_in_bits_and_never_empty)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (int kind = 0; kind < SET_KINDS; kind++) {
        for (size_t count = 1; count < 60; count += 7) {
            fani_mpzs keys = {0};
            size_t first[61];
            make_set(&keys, (set_kind)kind, count, random);
            for (size_t members = 1; members <= count; members++) {
                fani_ring_cut(keys.values, count, members, first);
                EXPECT_U64(first[0], 0);
                EXPECT_U64(first[members], count);
                for (size_t i = 0; i < members; i++)
                    EXPECT_TRUE(first[i] < first[i + 1]);
                if (kind == SET_EQUAL)
                    for (size_t i = 0; i < members; i++)
                        EXPECT_TRUE(first[i + 1] - first[i] <= count / members + 2);
            }
            fani_mpzs_free(&keys);
        }
    }
    gmp_randclear(random);
}
