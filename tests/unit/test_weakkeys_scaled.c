/* Scaled remainder trees and what multiplies for them. */
#include "shim.h"

#include "kernel/gcd/scaled.h"
#include "kernel/gcd/weak.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* GMP alone, one for each instruction set of this machine, and these again for products that share
 * transforms at every node. */
static size_t multipliers(void)
{
    return 2 * (size_t)fani_isa_machine() + 3;
}

static const fani_multiplier *multiplier(size_t which)
{
    static fani_multiplier always[FANI_ISA_AVX512 + 1];
    size_t isas = (size_t)fani_isa_machine() + 1;
    which %= multipliers();
    if (which == 0)
        return &fani_multiplier_plain;
    const fani_multiplier *m = fani_multiplier_with((fani_isa)((which - 1) % isas));
    if (which <= isas)
        return m;
    always[m->isa] = *m;
    always[m->isa].shared_from = 1;
    return always + m->isa;
}

/* ---- Multipliers ----------------------------------------------------------------------------- */

/* a b mod B^size - 1. */
static void expect_residue(const mp_limb_t *got, const mpz_t a, const mpz_t b, size_t size)
{
    mpz_t modulus, want, value;
    mpz_inits(modulus, want, value, NULL);
    mpz_setbit(modulus, 64 * size);
    mpz_sub_ui(modulus, modulus, 1);
    mpz_mul(want, a, b);
    mpz_import(value, size, -1, sizeof *got, 0, 0, got);
    mpz_sub(want, want, value);
    EXPECT_TRUE(mpz_divisible_p(want, modulus));
    EXPECT_TRUE(mpz_cmp(value, modulus) <= 0);
    mpz_clears(modulus, want, value, NULL);
}

static void check_multiplier(const fani_multiplier *m, size_t an, size_t bn, bool ones,
                             gmp_randstate_t random)
{
    mpz_t a, b, got, want;
    mpz_inits(a, b, got, want, NULL);
    mpz_rrandomb(a, random, 64 * an);
    mpz_rrandomb(b, random, 64 * bn);
    if (ones) {
        mpz_set_ui(a, 1), mpz_mul_2exp(a, a, 64 * an), mpz_sub_ui(a, a, 1);
        mpz_set_ui(b, 1), mpz_mul_2exp(b, b, 64 * bn), mpz_sub_ui(b, b, 1);
    }
    mp_limb_t *out = malloc((an + bn) * sizeof *out);
    ASSERT_I64(m->product(m, out, mpz_limbs_read(a), an, mpz_limbs_read(b), bn), FAN_OK);
    mpz_import(got, an + bn, -1, sizeof *out, 0, 0, out);
    mpz_mul(want, a, b);
    EXPECT_TRUE(!mpz_cmp(got, want));
    free(out);
    size_t longer = an > bn ? an : bn;
    size_t sizes[] = {longer, (an + bn + 1) / 2 > longer ? (an + bn + 1) / 2 : longer, an + bn};
    for (size_t k = 0; k < 3; k++) {
        size_t size = m->cyclic_size(sizes[k]);
        EXPECT_TRUE(size >= sizes[k]);
        out = malloc(size * sizeof *out);
        ASSERT_I64(m->cyclic(m, out, size, mpz_limbs_read(a), an, mpz_limbs_read(b), bn), FAN_OK);
        expect_residue(out, a, b, size);
        free(out);
    }
    mpz_clears(a, b, got, want, NULL);
}

FAN_TEST(weakkeys_scaled, multipliers_give_the_residues_of_the_product)
{
    static const size_t sizes[] = {1, 2, 3, 17, 64, 150, 700, 1500, 6000};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t which = 0; which < multipliers(); which++)
        for (size_t i = 0; i < COUNT; i++)
            for (size_t j = 0; j < COUNT; j++)
                for (int ones = 0; ones < 2; ones++)
                    check_multiplier(multiplier(which), sizes[i], sizes[j], ones, random);
    gmp_randclear(random);
}

/* B^n - 1 times anything is nothing, in either of its forms; at lengths of transforms, too. */
FAN_TEST(weakkeys_scaled, nothing_comes_in_two_forms)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t which = 0; which < multipliers(); which++) {
        const fani_multiplier *m = multiplier(which);
        size_t from = m->cyclic_from == SIZE_MAX ? 1000 : m->cyclic_from, n = m->cyclic_size(from);
        mpz_t all, b, got;
        mpz_inits(all, b, got, NULL);
        mpz_setbit(all, 64 * n);
        mpz_sub_ui(all, all, 1);
        mpz_rrandomb(b, random, 64 * from);
        fani_multiplier opened;
        ASSERT_I64(fani_multiplier_open(&opened, m), FAN_OK);
        mp_limb_t *out = malloc(n * sizeof *out);
        for (int own = 0; own < 2; own++) {
            ASSERT_I64((own ? &opened : m)
                           ->cyclic(own ? &opened : m, out, n, mpz_limbs_read(all), n,
                                    mpz_limbs_read(b), from),
                       FAN_OK);
            mpz_import(got, n, -1, sizeof *out, 0, 0, out);
            EXPECT_TRUE(!mpz_sgn(got) || !mpz_cmp(got, all));
        }
        fani_multiplier_close(&opened);
        free(out);
        mpz_clears(all, b, got, NULL);
    }
    gmp_randclear(random);
}

/* ---- Shared transforms ----------------------------------------------------------------------- */

enum { LEFT, RIGHT, SUMS, FRACTION = 4, NUMBERS };
enum { RUNS, ONES, POWERS, KINDS };

/* Exactly so many limbs, the top one not 0. */
static void set_number(mpz_ptr x, size_t limbs, int kind, gmp_randstate_t random)
{
    mpz_set_ui(x, 0);
    if (kind == RUNS)
        mpz_rrandomb(x, random, 64 * limbs);
    else
        mpz_setbit(x, 64 * (limbs - (kind == POWERS)));
    if (kind == ONES)
        mpz_sub_ui(x, x, 1);
}

static void expect_limbs(const mp_limb_t *got, size_t size, const mpz_t want)
{
    mpz_t value;
    mpz_init(value);
    mpz_import(value, size, -1, sizeof *got, 0, 0, got);
    EXPECT_TRUE(!mpz_cmp(value, want));
    mpz_clear(value);
}

static void check_up(fani_shared *shared, const fani_multiplier *m, mpz_t x[NUMBERS])
{
    fani_number products[2], sums[2];
    mpz_t want;
    mpz_init(want);
    for (size_t side = 0; side < 2; side++) {
        products[side] = (fani_number){mpz_limbs_read(x[side]), mpz_size(x[side])};
        sums[side] = (fani_number){mpz_limbs_read(x[SUMS + side]), mpz_size(x[SUMS + side])};
    }
    size_t size = products[LEFT].size + products[RIGHT].size;
    mp_limb_t *product = malloc(size * sizeof *product), *sum = malloc((size + 1) * sizeof *sum);
    ASSERT_I64(fani_shared_up(shared, m, products, sums, product, sum), FAN_OK);
    mpz_mul(want, x[SUMS], x[RIGHT]);
    mpz_addmul(want, x[SUMS + 1], x[LEFT]);
    expect_limbs(sum, size + 1, want);
    mpz_mul(want, x[LEFT], x[RIGHT]);
    expect_limbs(product, size, want);
    memset(product, 0, size * sizeof *product);
    ASSERT_I64(fani_shared_up(shared, m, products, NULL, product, NULL), FAN_OK);
    expect_limbs(product, size, want);
    free(product);
    free(sum);
    mpz_clear(want);
}

/* Whether a window of the product is right, but for a unit of its lowest limb. */
static void expect_window(const mp_limb_t *got, size_t first, size_t size, const mpz_t product)
{
    mpz_t want, ring, value;
    mpz_inits(want, ring, value, NULL);
    mpz_setbit(ring, 64 * size);
    mpz_import(value, size, -1, sizeof *got, 0, 0, got);
    mpz_tdiv_q_2exp(want, product, 64 * first);
    mpz_sub(want, want, value);
    mpz_add_ui(want, want, 1);
    mpz_fdiv_r(want, want, ring);
    EXPECT_TRUE(mpz_cmp_ui(want, 2) <= 0);
    mpz_clears(want, ring, value, NULL);
}

static void check_down(fani_shared *shared, const fani_multiplier *m, mpz_t x[NUMBERS])
{
    fani_number products[2];
    mp_limb_t *out[2];
    mpz_t value;
    mpz_init(value);
    mpz_mul(value, x[LEFT], x[RIGHT]);
    size_t parent = mpz_size(value), used = mpz_size(x[FRACTION]);
    mp_limb_t *fraction = calloc(parent + 1, sizeof *fraction);
    used = used < parent + 1 ? used : parent + 1;
    memcpy(fraction, mpz_limbs_read(x[FRACTION]), used * sizeof *fraction);
    for (size_t side = 0; side < 2; side++) {
        products[side] = (fani_number){mpz_limbs_read(x[side]), mpz_size(x[side])};
        out[side] = malloc((products[side].size + 1) * sizeof *out[side]);
    }
    ASSERT_I64(fani_shared_down(shared, m, fraction, parent, products, out), FAN_OK);
    for (size_t side = 0; side < 2; side++) {
        mpz_import(value, parent + 1, -1, sizeof *fraction, 0, 0, fraction);
        mpz_mul(value, value, x[!side]);
        expect_window(out[side], parent - products[side].size, products[side].size + 1, value);
        free(out[side]);
    }
    free(fraction);
    mpz_clear(value);
}

/* Numbers with long runs, all ones (their products have most carries), powers of B (whose product
 * has a limb less), no fraction at all; children of one limb beside long ones. */
FAN_TEST(weakkeys_scaled, products_that_share_transforms_are_those_of_gmp)
{
    static const size_t sizes[][2] = {{1, 1},     {1, 2},    {3, 2},      {211, 211}, {212, 211},
                                      {150, 423}, {1, 1000}, {1000, 999}, {700, 900}, {5000, 4000}};
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        fani_multiplier m;
        fani_shared shared = {0};
        mpz_t x[NUMBERS];
        ASSERT_I64(fani_multiplier_open(&m, fani_multiplier_with(isa)), FAN_OK);
        for (size_t i = 0; i < NUMBERS; i++)
            mpz_init(x[i]);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (int kind = 0; kind < KINDS * KINDS && !shim_failed(); kind++) {
                for (size_t side = 0; side < 2; side++) {
                    set_number(x[side], sizes[i][side], kind % KINDS, random);
                    set_number(x[SUMS + side], sizes[i][side], kind / KINDS, random);
                }
                mpz_set_ui(x[FRACTION], 0);
                check_down(&shared, &m, x);
                set_number(x[FRACTION], sizes[i][0] + sizes[i][1] + 1, kind / KINDS, random);
                check_up(&shared, &m, x);
                check_down(&shared, &m, x);
            }
        }
        for (size_t i = 0; i < NUMBERS; i++)
            mpz_clear(x[i]);
        fani_shared_free(&shared);
        fani_multiplier_close(&m);
    }
    gmp_randclear(random);
}

/* ---- Trees ----------------------------------------------------------------------------------- */

typedef struct seen {
    const fani_mpzs *list;
    size_t next;
    size_t levels;
    mpz_srcptr product; /* of all */
    size_t inexact;
} seen;

/* The fraction times the leaf is as near to the cofactor as scaled.c says. */
static fan_status check_leaf(void *user, size_t leaf, const mp_limb_t *fraction)
{
    seen *s = user;
    mpz_srcptr n = s->list->values + leaf;
    size_t size = fani_scaled_size(n);
    mpz_t residue, want, distance;
    mpz_inits(residue, want, distance, NULL);
    mp_limb_t *scratch = malloc(2 * size * sizeof *scratch);
    EXPECT_U64(leaf, s->next++);
    fani_scaled_residue(residue, n, fraction, scratch);
    free(scratch);
    EXPECT_TRUE(mpz_sgn(residue) >= 0 && mpz_cmp(residue, n) <= 0);
    mpz_divexact(want, s->product, n);
    EXPECT_TRUE(mpz_congruent_p(want, residue, n));
    mpz_import(distance, size, -1, sizeof *fraction, 0, 0, fraction);
    mpz_mul(distance, distance, n);
    mpz_mul_2exp(residue, residue, 64 * size);
    mpz_sub(distance, distance, residue);
    if (mpz_sgn(distance))
        s->inexact++;
    mpz_abs(distance, distance);
    mpz_set_ui(want, s->levels + FANI_SCALED_ROOT_ERROR);
    mpz_mul_2exp(want, want, 64 * (size - 1));
    EXPECT_TRUE(mpz_cmp(distance, want) < 0);
    mpz_clears(residue, want, distance, NULL);
    return shim_failed() ? FAN_E_FAILED : FAN_OK;
}

/* One tree over all but the last number, which is what the root lacks. Returns how many leaves had
 * an inexact fraction. */
static size_t check_tree(const fani_mpzs *list, const fani_multiplier *m)
{
    size_t count = list->count - 1, levels = 0;
    fani_scaled_tree tree;
    mpz_t product, sum, all, term;
    mpz_inits(product, sum, all, term, NULL);
    fan_status status = fani_scaled_build(&tree, m, list->values, NULL, count, product, sum);
    EXPECT_I64(status, FAN_OK);
    for (size_t width = count; width > 1; width = (width + 1) / 2)
        levels++;
    mpz_set_ui(all, 1);
    for (size_t i = 0; i < count; i++)
        mpz_mul(all, all, list->values + i);
    EXPECT_TRUE(!mpz_cmp(all, product));
    for (size_t i = 0; i < count; i++) {
        mpz_divexact(term, all, list->values + i);
        mpz_sub(sum, sum, term);
    }
    EXPECT_TRUE(mpz_sgn(sum) == 0);
    for (size_t i = 0; i < count; i++) {
        mpz_divexact(term, all, list->values + i);
        mpz_add(sum, sum, term);
    }
    mpz_mul(all, all, list->values + count);
    seen s = {.list = list, .levels = levels, .product = all};
    EXPECT_I64(fani_scaled_root(m, term, sum, product, list->values + count), FAN_OK);
    EXPECT_I64(fani_scaled_descend(&tree, term, check_leaf, &s), FAN_OK);
    EXPECT_U64(s.next, count);
    fani_scaled_free(&tree);
    mpz_clears(product, sum, all, term, NULL);
    return s.inexact;
}

/* Numbers just below and just above a power of B, where products have most and fewest units. */
FAN_TEST(weakkeys_scaled, fractions_stay_within_their_bound_at_the_edges_of_limbs)
{
    static const int signs[] = {-1, 1, 0};
    size_t inexact = 0;
    for (size_t which = 0; which < multipliers(); which++) {
        bool always = multiplier(which)->shared_from == 1; /* slow where numbers are short */
        for (size_t s = 0; s < 3; s++) {
            for (size_t limbs = 1; limbs <= 129; limbs += limbs < 4 ? 1 : 125) {
                fani_mpzs list = {0};
                ASSERT_I64(fani_mpzs_resize(&list, limbs < 4 ? (always ? 34 : 514)
                                                   : always  ? 18
                                                             : 130),
                           FAN_OK);
                for (size_t i = 0; i < list.count; i++) {
                    int sign = signs[s] ? signs[s] : i % 2 ? 1 : -1;
                    mpz_setbit(list.values + i, 64 * limbs - (sign > 0));
                    if (sign > 0)
                        mpz_add_ui(list.values + i, list.values + i, 2 * i + 1);
                    else
                        mpz_sub_ui(list.values + i, list.values + i, 2 * i + 1);
                }
                inexact += check_tree(&list, multiplier(which));
                fani_mpzs_free(&list);
            }
        }
    }
    EXPECT_TRUE(inexact > 0);
}

FAN_TEST(weakkeys_scaled, fractions_stay_within_their_bound_at_random)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t round = 0; round < 30; round++) {
        fani_mpzs list = {0};
        size_t count = 2 + gmp_urandomm_ui(random, round % 10 ? 40 : 600);
        mp_bitcnt_t bits = round % 3 ? 2048 : 65536 / (1 + count / 20);
        ASSERT_I64(fani_mpzs_resize(&list, count), FAN_OK);
        for (size_t i = 0; i < count; i++)
            mpz_rrandomb(list.values + i, random, 1 + gmp_urandomm_ui(random, bits));
        check_tree(&list, multiplier(round));
        fani_mpzs_free(&list);
    }
    gmp_randclear(random);
}

/* ---- Roots ----------------------------------------------------------------------------------- */

/* The fraction beside an exact one. Returns the error in units. */
static unsigned long check_root(const fani_multiplier *m, mpz_srcptr sum, mpz_srcptr product,
                                mpz_srcptr others)
{
    mpz_t got, want, ring;
    mpz_inits(got, want, ring, NULL);
    size_t size = fani_scaled_size(product);
    EXPECT_I64(fani_scaled_root(m, got, sum, product, others), FAN_OK);
    EXPECT_TRUE(mpz_size(got) <= size && mpz_sgn(got) >= 0);
    mpz_mul(want, sum, others);
    mpz_mul_2exp(want, want, 64 * size);
    mpz_tdiv_q(want, want, product);
    mpz_setbit(ring, 64 * size);
    mpz_sub(want, want, got);
    mpz_fdiv_r(want, want, ring);
    mpz_sub(got, ring, want);
    if (mpz_cmp(got, want) < 0)
        mpz_swap(got, want);
    EXPECT_TRUE(mpz_cmp_ui(want, FANI_SCALED_ROOT_ERROR) <= 0);
    unsigned long error = mpz_get_ui(want);
    mpz_clears(got, want, ring, NULL);
    return error;
}

/* Divisors near powers of two and at random, all sizes of the others. */
FAN_TEST(weakkeys_scaled, the_fraction_of_a_root_is_as_exact_as_promised)
{
    static const size_t sizes[] = {1, 2, 299, 300, 301, 777, 2000};
    static const size_t percent[] = {1, 50, 99, 100, 101, 150, 199, 201, 330, 1000};
    gmp_randstate_t random;
    gmp_randinit_default(random);
    mpz_t sum, product, others;
    mpz_inits(sum, product, others, NULL);
    unsigned long largest = 0;
    for (size_t round = 0; round < 350 && !shim_failed(); round++) {
        size_t n = sizes[round % 7], z = (n * percent[round / 7 % 10] + 99) / 100;
        mp_bitcnt_t bits = 64 * n - round % 3 * 21;
        mpz_rrandomb(product, random, bits);
        if (round / 70 == 0) {
            mpz_set_ui(product, 1), mpz_mul_2exp(product, product, bits - 1);
            mpz_add_ui(product, product, 1);
        } else if (round / 70 == 1) {
            mpz_set_ui(product, 1), mpz_mul_2exp(product, product, bits);
            mpz_sub_ui(product, product, 1);
        }
        mpz_rrandomb(others, random, 64 * z);
        mpz_rrandomb(sum, random, bits + (mp_bitcnt_t)(round / 70) * 15);
        if (round / 70 == 2)
            mpz_mul_ui(sum, product, 77);
        unsigned long error = check_root(multiplier(round), sum, product, others);
        largest = error > largest ? error : largest;
    }
    EXPECT_TRUE(largest > 0);
    mpz_clears(sum, product, others, NULL);
    gmp_randclear(random);
}

/* ---- gcds ------------------------------------------------------------------------------------ */

static void check_gcds(const fani_mpzs *list, const fani_multiplier *m, size_t block_keys)
{
    fani_mpzs gcds = {0};
    mpz_t want, product;
    mpz_inits(want, product, NULL);
    ASSERT_I64(fani_weak_gcds(m, list->values, list->count, block_keys, &gcds, NULL), FAN_OK);
    ASSERT_U64(gcds.count, list->count);
    for (size_t i = 0; i < list->count; i++) {
        mpz_set_ui(product, 1);
        for (size_t j = 0; j < list->count; j++) {
            if (j != i) {
                mpz_mul(product, product, list->values + j);
                mpz_mod(product, product, list->values + i);
            }
        }
        mpz_gcd(want, product, list->values + i);
        EXPECT_TRUE(!mpz_cmp(want, gcds.values + i));
    }
    fani_mpzs_free(&gcds);
    mpz_clears(want, product, NULL);
}

/* Products of a few primes each, from 1 bit to 65536 bits, copies and ones among them. */
FAN_TEST(weakkeys_scaled, gcds_are_those_with_the_product_of_all_others)
{
    static const mp_bitcnt_t bits[] = {1, 3, 17, 64, 65, 300, 1000, 2048, 32768};
    static const size_t blocks[] = {0, 1, 2, 3, 5, 16, 1000};
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t round = 0; round < 70 && !shim_failed(); round++) {
        fani_mpzs list = {0};
        mpz_t shared;
        mpz_init(shared);
        ASSERT_I64(fani_mpzs_resize(&list, round), FAN_OK);
        for (size_t i = 0; i < round; i++) {
            mp_bitcnt_t size = bits[gmp_urandomm_ui(random, round % 10 == 9 ? 9 : 8)];
            mpz_urandomb(list.values + i, random, size);
            mpz_setbit(list.values + i, 0);
            if (i % 7 == 3)
                mpz_mul(list.values + i, list.values + i, list.values + i - 2);
            if (i % 11 == 5)
                mpz_set(list.values + i, list.values + i - 4);
            if (i % 5 == 0) {
                mpz_ui_pow_ui(shared, 2, size);
                mpz_sub_ui(shared, shared, 1);
                mpz_mul(list.values + i, list.values + i, shared);
            }
        }
        check_gcds(&list, multiplier(round), blocks[round % 7]);
        mpz_clear(shared);
        fani_mpzs_free(&list);
    }
    gmp_randclear(random);
}

/* Large enough for cyclic products by transforms at the top, beside a tree of squares. */
FAN_TEST(weakkeys_scaled, a_large_set_beside_the_remainders_by_squares)
{
    enum { COUNT = 3000 };
    gmp_randstate_t random;
    gmp_randinit_default(random);
    fani_mpzs list = {0}, squares = {0}, gcds = {0}, remainders = {0};
    fani_tree tree;
    mpz_t product;
    mpz_init(product);
    ASSERT_I64(fani_mpzs_resize(&list, COUNT), FAN_OK);
    ASSERT_I64(fani_mpzs_resize(&squares, COUNT), FAN_OK);
    for (size_t i = 0; i < COUNT; i++) {
        mpz_urandomb(list.values + i, random, 2000 + i % 80);
        mpz_setbit(list.values + i, 1999);
        mpz_mul(squares.values + i, list.values + i, list.values + i);
    }
    /* (P mod N^2)/N is P/N mod N. */
    ASSERT_I64(fani_tree_build(&tree, squares.values, COUNT), FAN_OK);
    mpz_sqrt(product, fani_tree_root(&tree));
    ASSERT_I64(fani_tree_remainders(&tree, product, &remainders), FAN_OK);
    for (size_t i = 0; i < COUNT; i++) {
        mpz_divexact(remainders.values + i, remainders.values + i, list.values + i);
        mpz_gcd(remainders.values + i, remainders.values + i, list.values + i);
    }
    for (size_t run = 0; run < 2 * multipliers(); run++) {
        ASSERT_I64(
            fani_weak_gcds(multiplier(run / 2), list.values, COUNT, run % 2 ? 100 : 0, &gcds, NULL),
            FAN_OK);
        ASSERT_U64(gcds.count, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            EXPECT_TRUE(!mpz_cmp(gcds.values + i, remainders.values + i));
        fani_mpzs_free(&gcds);
    }
    fani_tree_free(&tree);
    fani_mpzs_free(&remainders);
    fani_mpzs_free(&squares);
    fani_mpzs_free(&list);
    mpz_clear(product);
    gmp_randclear(random);
}
