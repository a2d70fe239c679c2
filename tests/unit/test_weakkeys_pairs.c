/* A node of a scaled remainder tree by itself, up and down: against GMP. */
#include "shim.h"

#include "kernel/gcd/scaled.h"

#include <stdlib.h>

/* GMP alone, one for each instruction set of this machine, and these again for products that share
 * transforms at every node. */
static size_t multipliers(void)
{
    return 2 * (size_t)fani_isa_machine() + 3;
}

static const fani_multiplier *multiplier(size_t which)
{
    static fani_multiplier always;
    size_t isas = (size_t)fani_isa_machine() + 1;
    if (which == 0)
        return &fani_multiplier_plain;
    const fani_multiplier *m = fani_multiplier_with((fani_isa)((which - 1) % isas));
    if (which <= isas)
        return m;
    always = *m;
    always.shared_from = 1;
    return &always;
}

/* Limbs of the two products; together they may have a limb less than both. */
static const size_t sizes[][2] = {{1, 1},     {1, 2},     {5, 3},       {40, 40},
                                  {160, 161}, {700, 650}, {2600, 2601}, {1, 900}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

typedef struct pair {
    mpz_t products[2], sums[2], want;
    fani_number product[2], sum[2];
    size_t limbs;
} pair;

static fani_number number_of(mpz_srcptr value)
{
    return (fani_number){mpz_limbs_read(value), mpz_size(value)};
}

/* `largest`: all products are as large as they can be, and the sums. */
static void begin_pair(pair *p, const size_t size[2], bool largest, gmp_randstate_t random)
{
    mpz_inits(p->products[0], p->products[1], p->sums[0], p->sums[1], p->want, NULL);
    for (size_t side = 0; side < 2; side++) {
        mpz_rrandomb(p->products[side], random, 64 * size[side] - (largest ? 0 : 60));
        if (largest) {
            mpz_ui_pow_ui(p->products[side], 2, 64 * size[side]);
            mpz_sub_ui(p->products[side], p->products[side], 1);
        }
        mpz_mul_2exp(p->sums[side], p->products[side], largest ? 63 : 3);
        mpz_sub_ui(p->sums[side], p->sums[side], 1);
        p->product[side] = number_of(p->products[side]);
        p->sum[side] = number_of(p->sums[side]);
    }
    p->limbs = p->product[0].size + p->product[1].size;
}

static void end_pair(pair *p)
{
    mpz_clears(p->products[0], p->products[1], p->sums[0], p->sums[1], p->want, NULL);
}

static void check_join(const fani_multiplier *m, pair *p)
{
    mpz_t got;
    mp_limb_t *product = malloc(p->limbs * sizeof *product);
    mp_limb_t *sum = malloc((p->limbs + 1) * sizeof *sum);
    ASSERT_I64(fani_scaled_join(m, p->product, p->sum, product, sum), FAN_OK);
    mpz_mul(p->want, p->products[0], p->products[1]);
    EXPECT_TRUE(!mpz_cmp(mpz_roinit_n(got, product, (mp_size_t)p->limbs), p->want));
    mpz_mul(p->want, p->sums[0], p->products[1]);
    mpz_addmul(p->want, p->sums[1], p->products[0]);
    EXPECT_TRUE(!mpz_cmp(mpz_roinit_n(got, sum, (mp_size_t)p->limbs + 1), p->want));
    free(product);
    free(sum);
}

FAN_TEST(weakkeys_pairs, a_node_has_the_product_and_the_sum_of_its_children)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t i = 0; i < 2 * (size_t)SIZES; i++) {
        pair p;
        begin_pair(&p, sizes[i / 2], i % 2, random);
        for (size_t which = 0; which < multipliers() && !shim_failed(); which++)
            check_join(multiplier(which), &p);
        end_pair(&p);
    }
    gmp_randclear(random);
}

/* got is, modulo a power of B, what is wanted, or one from it. */
static void expect_near(const mp_limb_t *got, size_t size, mpz_srcptr want)
{
    mpz_t value, difference;
    mpz_init(difference);
    mpz_sub(difference, want, mpz_roinit_n(value, got, (mp_size_t)size));
    mpz_add_ui(difference, difference, 1);
    mpz_fdiv_r_2exp(difference, difference, 64 * size);
    EXPECT_TRUE(mpz_cmp_ui(difference, 2) <= 0);
    mpz_clear(difference);
}

static void check_part(const fani_multiplier *m, pair *p, gmp_randstate_t random)
{
    mpz_t fraction;
    mpz_init(fraction);
    mpz_mul(p->want, p->products[0], p->products[1]);
    size_t parent = mpz_size(p->want);
    mpz_rrandomb(fraction, random, 64 * (parent + 1));
    mp_limb_t *out[2];
    for (size_t side = 0; side < 2; side++)
        out[side] = malloc((p->product[side].size + 1) * sizeof **out);
    ASSERT_I64(fani_scaled_part(m, mpz_limbs_read(fraction), parent, p->product, out), FAN_OK);
    for (size_t side = 0; side < 2; side++) {
        size_t size = p->product[side].size;
        mpz_mul(p->want, fraction, p->products[!side]);
        mpz_tdiv_q_2exp(p->want, p->want, 64 * (parent - size));
        expect_near(out[side], size + 1, p->want);
        free(out[side]);
    }
    mpz_clear(fraction);
}

FAN_TEST(weakkeys_pairs, both_children_get_their_fractions)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    for (size_t i = 0; i < 2 * (size_t)SIZES; i++) {
        pair p;
        begin_pair(&p, sizes[i / 2], i % 2, random);
        for (size_t which = 0; which < multipliers() && !shim_failed(); which++)
            check_part(multiplier(which), &p, random);
        end_pair(&p);
    }
    gmp_randclear(random);
}
