/* The programs of make_ecm_plans.py, carried out over integers: a slot holds k where a curve would
 * have kP. */
#include "kernel/factor/ecm_plans.h"
#include "kernel/factor/engine.h"
#include "shim/shim.h"

#include <gmp.h>
#include <stdlib.h>

typedef struct slots {
    mpz_t k[FANI_ECM_SLOTS];
    bool written[FANI_ECM_SLOTS];
} slots;

static bool is_prime(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n > 1;
}

/* Each step reads what was written, and the difference is one. */
static void carry_out(const fani_ecm_plan *plan, slots *s)
{
    mpz_t difference;
    mpz_init(difference);
    for (size_t i = 0; i < plan->step_count; i++) {
        fani_ecm_step step = plan->steps[i];
        ASSERT_TRUE(step.to < plan->slots && step.a < plan->slots && step.b < plan->slots);
        ASSERT_TRUE(s->written[step.a] && s->written[step.b]);
        if (step.a != step.b) {
            ASSERT_TRUE(step.difference < plan->slots && s->written[step.difference]);
            mpz_sub(difference, s->k[step.a], s->k[step.b]);
            ASSERT_TRUE(mpz_cmpabs(difference, s->k[step.difference]) == 0);
        }
        mpz_add(s->k[step.to], s->k[step.a], s->k[step.b]);
        s->written[step.to] = true;
    }
    mpz_clear(difference);
}

/* 2^twos times all odd prime powers up to b1. */
static void set_stage_1(const fani_ecm_plan *plan, mpz_t q)
{
    mpz_set_ui(q, 1);
    mpz_mul_2exp(q, q, plan->twos);
    for (unsigned p = 3; p <= plan->b1; p++) {
        for (unsigned power = p; is_prime(p) && power <= plan->b1; power *= p)
            mpz_mul_ui(q, q, p);
    }
}

static bool is_output(const fani_ecm_plan *plan, unsigned slot)
{
    for (size_t i = 0; i < plan->output_count; i++)
        if (plan->outputs[i] == slot)
            return true;
    return false;
}

/* Each prime in (b1, b2] is the sum or the difference of a pair, counted in Q. */
static void expect_pairs(const fani_ecm_plan *plan, const slots *s, const mpz_t q)
{
    bool *reached = calloc(2 * (size_t)plan->b2, 1);
    ASSERT_TRUE(reached != NULL);
    EXPECT_U64(plan->pair_count % 4, 0);
    mpz_t sum;
    mpz_init(sum);
    for (size_t i = 0; i < plan->pair_count; i++) {
        fani_ecm_pair pair = plan->pairs[i];
        ASSERT_TRUE(is_output(plan, pair.giant) && is_output(plan, pair.baby));
        for (int sign = 0; sign < 2; sign++) {
            (sign ? mpz_add : mpz_sub)(sum, s->k[pair.giant], s->k[pair.baby]);
            ASSERT_TRUE(mpz_divisible_p(sum, q) != 0);
            mpz_divexact(sum, sum, q);
            ASSERT_TRUE(mpz_sgn(sum) > 0 && mpz_cmp_ui(sum, 2UL * plan->b2) < 0);
            reached[mpz_get_ui(sum)] = true;
        }
    }
    for (unsigned p = plan->b1 + 1U; p <= plan->b2; p++)
        ASSERT_TRUE(!is_prime(p) || reached[p]);
    mpz_clear(sum);
    free(reached);
}

FAN_TEST(ecm_plans, reach_what_they_say)
{
    unsigned last = 0;
    for (size_t i = 0; i < FANI_ECM_PLANS; i++) {
        const fani_ecm_plan *plan = &fani_ecm_plans[i];
        slots s = {.written = {true}};
        mpz_t q;
        mpz_init(q);
        ASSERT_TRUE(plan->slots <= FANI_ECM_SLOTS && plan->b1 > last);
        last = plan->b1;
        for (size_t k = 0; k < FANI_ECM_SLOTS; k++)
            mpz_init_set_ui(s.k[k], 1);
        carry_out(plan, &s);
        set_stage_1(plan, q);
        EXPECT_TRUE(mpz_cmp(s.k[plan->stage_1], q) == 0);
        expect_pairs(plan, &s, q);
        for (size_t k = 0; k < FANI_ECM_SLOTS; k++)
            mpz_clear(s.k[k]);
        mpz_clear(q);
    }
}

/* Suyama's curves have a point of order 3: x with 3x^4 + 4Ax^3 + 6x^2 = 1, which is u / v = the
 * cube root of the start. With A = 4a - 2, a = -minus / under, that holds over the rationals. */
FAN_TEST(ecm_plans, curves_have_a_point_of_order_three)
{
    mpz_t a, b, x, z, u, v, sum, term;
    mpz_inits(a, b, x, z, u, v, sum, term, NULL);
    for (size_t i = 0; i < FANI_CURVES; i++) {
        const fani_ecm_curve *c = &fani_ecm_curves[i];
        EXPECT_TRUE(((c->x | c->z | c->minus | c->under) >> 48) == 0 && c->z != 0 && c->under != 0);
        mpz_set_ui(x, c->x);
        mpz_set_ui(z, c->z);
        EXPECT_TRUE(mpz_root(u, x, 3) != 0 && mpz_root(v, z, 3) != 0);
        mpz_set_ui(b, c->under); /* A = a / b */
        mpz_mul_ui(a, b, 2);
        mpz_neg(a, a);
        mpz_set_ui(term, c->minus);
        mpz_submul_ui(a, term, 4);
        /* b (3u^4 + 6u^2 v^2 - v^4) + 4a u^3 v */
        mpz_pow_ui(term, u, 4);
        mpz_mul_ui(sum, term, 3);
        mpz_mul(term, u, v);
        mpz_mul(term, term, term);
        mpz_addmul_ui(sum, term, 6);
        mpz_pow_ui(term, v, 4);
        mpz_sub(sum, sum, term);
        mpz_mul(sum, sum, b);
        mpz_pow_ui(term, u, 3);
        mpz_mul(term, term, v);
        mpz_mul(term, term, a);
        mpz_addmul_ui(sum, term, 4);
        EXPECT_TRUE(mpz_sgn(sum) == 0);
        for (size_t k = 0; k < i; k++)
            EXPECT_TRUE(c->minus != fani_ecm_curves[k].minus ||
                        c->under != fani_ecm_curves[k].under);
    }
    mpz_clears(a, b, x, z, u, v, sum, term, NULL);
}
