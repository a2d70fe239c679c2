/* Remainders by one long number, and the gcds of many moduli with one number: against GMP. */
#include "shim.h"

#include "kernel/gcd/modulus.h"
#include "kernel/gcd/weak_meet.h"

#include <stdlib.h>
#include <string.h>

/* GMP alone, and one for each instruction set of this machine. */
static size_t multipliers(void)
{
    return (size_t)fani_isa_machine() + 2;
}

static const fani_multiplier *multiplier(size_t which)
{
    return which ? fani_multiplier_with((fani_isa)(which - 1)) : &fani_multiplier_plain;
}

/* Remainders of numbers of these lengths by m's value; `shape` chooses what they look like. */
static void expect_remainders(fani_modulus *m, const size_t *lengths, size_t count, int shape,
                              gmp_randstate_t random)
{
    mpz_t x, want;
    mpz_inits(x, want, NULL);
    for (size_t i = 0; i < count; i++) {
        mpz_rrandomb(x, random, 64 * lengths[i] + 1);
        if (shape == 1) { /* a multiple */
            mpz_mul(x, x, m->value);
        } else if (shape == 2) { /* one less */
            mpz_mul(x, x, m->value);
            mpz_sub_ui(x, x, 1);
        } else if (shape == 3) { /* a power of two: all groups but the first are 0 */
            mpz_set_ui(x, 1);
            mpz_mul_2exp(x, x, 64 * lengths[i]);
        }
        mpz_tdiv_r(want, x, m->value);
        EXPECT_I64(fani_modulus_reduce(m, x), FAN_OK);
        EXPECT_TRUE(mpz_cmp(x, want) == 0);
    }
    mpz_clears(x, want, NULL);
}

FAN_TEST(weak_modulus, remainders_are_those_of_gmp)
{
    static const size_t sizes[] = {1, 40, 298, 299, 650, 1300};
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t which = 0; which < multipliers(); which++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            size_t n = sizes[i];
            size_t lengths[] = {1, n, n + 1, 2 * n, 2 * n + 1, 3 * n, 4 * n + 5, 9 * n, 20 * n + 1};
            mpz_t value;
            mpz_init(value);
            for (int top = 0; top < 3; top++) {
                fani_multiplier like = *multiplier(which);
                fani_modulus m, again;
                mpz_rrandomb(value, random, 64 * n - (top == 1 ? 63 : 0));
                if (top == 2) { /* all ones */
                    mpz_set_ui(value, 1), mpz_mul_2exp(value, value, 64 * n);
                    mpz_sub_ui(value, value, 1);
                }
                if (like.shared_from < 100000)
                    like.shared_from = 1; /* whatever pays */
                EXPECT_I64(fani_modulus_open(&m, &like, value, NULL), FAN_OK);
                EXPECT_I64(fani_modulus_open(&again, &like, value, m.reciprocal), FAN_OK);
                for (int shape = 0; shape < 4; shape++)
                    expect_remainders(shape % 2 ? &m : &again, lengths, 9, shape, random);
                fani_modulus_close(&m);
                fani_modulus_close(&again);
            }
            mpz_clear(value);
        }
    }
    gmp_randclear(random);
}

FAN_TEST(weak_modulus, a_product_is_taken_modulo_it)
{
    static const size_t limbs[] = {1, 3, 700, 0, 20, 20, 5000, 699, 1, 1, 1, 2100};
    enum { COUNT = sizeof limbs / sizeof limbs[0] };
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t which = 0; which < multipliers(); which++) {
        fani_mpzs numbers = {0};
        mpz_t value, want, got;
        fani_modulus m;
        mpz_inits(value, want, got, NULL);
        mpz_rrandomb(value, random, 64 * 700 - 5);
        EXPECT_I64(fani_mpzs_resize(&numbers, COUNT), FAN_OK);
        EXPECT_I64(fani_modulus_open(&m, multiplier(which), value, NULL), FAN_OK);
        mpz_set_ui(want, 1);
        for (size_t i = 0; i < COUNT; i++) {
            mpz_rrandomb(numbers.values + i, random, 64 * limbs[i] + 1);
            mpz_mul(want, want, numbers.values + i);
            mpz_tdiv_r(want, want, value);
            EXPECT_I64(fani_modulus_product(&m, got, numbers.values, i + 1), FAN_OK);
            EXPECT_TRUE(mpz_cmp(got, want) == 0);
        }
        EXPECT_I64(fani_modulus_product(&m, got, NULL, 0), FAN_OK);
        EXPECT_I64(mpz_cmp_ui(got, 1), 0);
        mpz_set_ui(numbers.values + 6, 0);
        EXPECT_I64(fani_modulus_product(&m, got, numbers.values, COUNT), FAN_OK);
        EXPECT_I64(mpz_sgn(got), 0);
        fani_modulus_close(&m);
        fani_modulus_close(&m); /* nothing is left */
        mpz_clears(value, want, got, NULL);
        fani_mpzs_free(&numbers);
    }
    gmp_randclear(random);
}

FAN_TEST(weak_modulus, moduli_meet_a_number)
{
    static const unsigned number_bits[] = {1, 17, 64, 512, 1024, 5000, 70000};
    enum { COUNT = 150 };
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t which = 0; which < multipliers(); which++) {
        fani_mpzs moduli = {0};
        mpz_t number, want;
        mpz_inits(number, want, NULL);
        EXPECT_I64(fani_mpzs_resize(&moduli, COUNT), FAN_OK);
        for (size_t i = 0; i < COUNT; i++) {
            mpz_urandomb(moduli.values + i, random, i % 7 ? 1024 : 1 + 3 * i);
            mpz_setbit(moduli.values + i, 0);
        }
        for (size_t k = 0; k < sizeof number_bits / sizeof number_bits[0]; k++) {
            fani_mpzs gcds = {0};
            mpz_urandomb(number, random, number_bits[k]);
            mpz_setbit(number, 0);
            mpz_mul(number, number, moduli.values + 3); /* whole, and, with others, in part */
            EXPECT_I64(fani_weak_meet(multiplier(which), moduli.values, COUNT, number, &gcds),
                       FAN_OK);
            EXPECT_U64(gcds.count, COUNT);
            for (size_t i = 0; i < gcds.count; i++) {
                mpz_gcd(want, moduli.values + i, number);
                EXPECT_TRUE(mpz_cmp(gcds.values + i, want) == 0);
            }
            fani_mpzs_free(&gcds);
        }
        mpz_clears(number, want, NULL);
        fani_mpzs_free(&moduli);
    }
    gmp_randclear(random);
}
