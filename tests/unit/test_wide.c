/* Curves on long numbers: the plans, the chains, and each engine against curves done slowly. */
#include "kernel/factor/prac.h"
#include "kernel/factor/wide_ecm.h"
#include "shim/shim.h"

#include <stdlib.h>

static bool is_prime(uint32_t n)
{
    for (uint32_t d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n > 1;
}

/* ---- Plans ---------------------------------------------------------------------------------- */

static void expect_plan(uint32_t b1, uint32_t b2)
{
    fani_wide_plan plan;
    ASSERT_TRUE(fani_wide_plan_make(b1, b2, &plan));
    uint32_t next = 0;
    for (uint32_t n = 3; n <= b1; n += 2)
        if (is_prime(n))
            EXPECT_U64(plan.primes[next++], n);
    EXPECT_U64(plan.prime_count, next);
    EXPECT_U64(plan.pair_count % 4, 0);
    bool *reached = calloc(b2 + 2 * plan.step, 1);
    ASSERT_TRUE(reached != NULL);
    for (uint32_t i = 0; i < plan.pair_count; i++) {
        ASSERT_TRUE(plan.pairs[i].giant < plan.last_giant);
        ASSERT_TRUE(plan.pairs[i].baby < plan.baby_count);
        uint32_t centre = (plan.pairs[i].giant + 1U) * plan.step;
        reached[centre - plan.babies[plan.pairs[i].baby]] = true;
        reached[centre + plan.babies[plan.pairs[i].baby]] = true;
    }
    uint32_t missed = 0;
    for (uint32_t n = b1 + 1; n <= b2; n++)
        missed += is_prime(n) && !reached[n];
    EXPECT_U64(missed, 0);
    free(reached);
    fani_wide_plan_clear(&plan);
}

FAN_TEST(wide, plans_reach_every_prime)
{
    expect_plan(10, 100);
    expect_plan(60, 2000);
    expect_plan(110, 3000);
    expect_plan(200, 8000);
    expect_plan(400, 20000);
    expect_plan(2500, 120000);
    expect_plan(FANI_WIDE_B1_MAX, 300000);
}

/* a, b and c as multiples of the point; each sum's difference is checked. */
typedef struct multiples {
    uint32_t a, b, c;
    bool right;
} multiples;

static uint32_t sum(multiples *m, uint32_t x, uint32_t y, uint32_t difference)
{
    m->right = m->right && (x > y ? x - y : y - x) == difference;
    return x + y;
}

static void apply(multiples *m, fani_prac_rule rule)
{
    multiples old = *m;
    uint32_t both;
    switch (rule) {
    case FANI_PRAC_THIRDS:
        both = sum(m, old.a, old.b, old.c);
        m->a = sum(m, both, old.a, old.b);
        m->b = sum(m, both, old.b, old.a);
        break;
    case FANI_PRAC_HALF:
        m->b = sum(m, old.a, old.b, old.c);
        m->a = 2 * old.a;
        break;
    case FANI_PRAC_SUBTRACT:
        m->b = sum(m, old.a, old.b, old.c);
        m->c = old.b;
        break;
    case FANI_PRAC_HALVE_D:
        m->c = sum(m, old.a, old.c, old.b);
        m->a = 2 * old.a;
        break;
    case FANI_PRAC_THIRD_D:
        both = sum(m, old.a, old.b, old.c);
        m->a = 3 * old.a;
        m->b = sum(m, 2 * old.a, both, old.c);
        m->c = old.b;
        break;
    case FANI_PRAC_THIRD_SUM:
        both = sum(m, old.a, old.b, old.c);
        m->b = sum(m, both, old.a, old.b);
        m->a = 3 * old.a;
        break;
    case FANI_PRAC_THIRD_DIFF:
        m->b = sum(m, old.a, old.b, old.c);
        m->c = sum(m, old.a, old.c, old.b);
        m->a = 3 * old.a;
        break;
    case FANI_PRAC_HALVE_E:
        m->c = sum(m, old.b, old.c, old.a);
        m->b = 2 * old.b;
        break;
    }
}

FAN_TEST(wide, chains_end_with_their_prime)
{
    uint32_t k = 0, wrong = 0;
    for (uint32_t prime = 3; prime <= FANI_WIDE_B1_MAX; prime += 2) {
        if (!is_prime(prime))
            continue;
        double ratio = fani_prac_ratios[fani_wide_chains[k / 2] >> 4 * (k % 2) & 15];
        k++;
        uint32_t r = (uint32_t)((double)prime / ratio + 0.5);
        uint32_t d = prime - r, e = 2 * r - prime;
        multiples m = {2, 1, 1, true};
        for (unsigned steps = 0; d != e && steps < 100; steps++) {
            if (d < e) {
                uint32_t kept = d, kept_multiple = m.a;
                d = e;
                e = kept;
                m.a = m.b;
                m.b = kept_multiple;
            }
            apply(&m, fani_prac_step(&d, &e));
        }
        wrong += !m.right || d != e || sum(&m, m.a, m.b, m.c) != prime || !m.right;
    }
    EXPECT_U64(wrong, 0);
}

/* ---- Engines -------------------------------------------------------------------------------- */

/* (x : z) modulo a prime p of 31 bits at most. */
typedef struct slow {
    uint64_t p, a24, x, z;
} slow;

static uint64_t power(uint64_t x, uint64_t e, uint64_t p)
{
    uint64_t out = 1;
    for (; e > 0; e /= 2, x = x * x % p)
        if (e % 2 == 1)
            out = out * x % p;
    return out;
}

/* Suyama's curve as the books have it. */
static slow slow_start(uint64_t p, fani_wide_sigma sigma)
{
    uint64_t s = sigma.over % p * power(sigma.under, p - 2, p) % p;
    uint64_t u = (s * s + p - 5) % p, v = 4 * s % p;
    uint64_t top = power((v + p - u) % p, 3, p) * ((3 * u + v) % p) % p;
    uint64_t bottom = 16 * power(u, 3, p) % p * v % p;
    return (slow){p, top * power(bottom, p - 2, p) % p, power(u, 3, p), power(v, 3, p)};
}

static slow slow_double(slow a)
{
    uint64_t p = a.p, s = (a.x + a.z) % p, d = (a.x + p - a.z) % p;
    s = s * s % p;
    d = d * d % p;
    uint64_t t = (s + p - d) % p;
    return (slow){p, a.a24, s * d % p, t * ((d + a.a24 * t) % p) % p};
}

static slow slow_add(slow a, slow b, slow difference)
{
    uint64_t p = a.p;
    uint64_t t = (a.x + p - a.z) * (b.x + b.z) % p, u = (a.x + a.z) * ((b.x + p - b.z) % p) % p;
    uint64_t s = (t + u) % p, d = (t + p - u) % p;
    return (slow){p, a.a24, s * s % p * difference.z % p, d * d % p * difference.x % p};
}

static slow slow_times(slow a, uint32_t k)
{
    slow low = a, high = slow_double(a);
    for (int bit = 30 - __builtin_clz(k); bit >= 0; bit--) {
        slow both = slow_add(low, high, a);
        if (k >> bit & 1) {
            high = slow_double(high);
            low = both;
        } else {
            low = slow_double(low);
            high = both;
        }
    }
    return low;
}

static slow slow_stage_1(slow at, uint32_t b1)
{
    for (uint32_t q = 2; q <= b1; q++) {
        uint32_t end = q == 2 ? 4 * b1 : q == 3 ? 3 * b1 : b1;
        for (uint32_t all = q; is_prime(q) && all <= end; all *= q)
            at = slow_times(at, q);
    }
    return at;
}

static bool slow_stage_2(slow at, uint32_t b1, uint32_t b2)
{
    for (uint32_t q = b1 + 1; q <= b2; q++)
        if (is_prime(q) && slow_times(at, q).z == 0)
            return true;
    return at.z == 0;
}

static bool divides(uint32_t p, const fani_wide_engine *engine, fani_wide_lanes lanes,
                    unsigned lane)
{
    uint64_t rest = 0;
    for (unsigned i = engine->limbs; i-- > 0;) {
        for (unsigned bit = engine->limb_bits; bit-- > 0;)
            rest = (2 * rest + (lanes[i][lane] >> bit & 1)) % p;
    }
    return rest == 0;
}

/* Curves modulo n = p q find p where slow ones modulo p say so; and where a chain comes by a
 * multiple that is 0 on its way, which one in hundreds does. Returns how many did. */
static unsigned expect_as_slow(const fani_wide_engine *engine, const fani_wide_plan *plan,
                               fani_wide_ecm *ecm, uint32_t p, uint32_t first)
{
    fani_wide_sigma sigmas[FANI_WIDE_LANES_MAX];
    fani_wide_lanes found, early;
    void *room = aligned_alloc(64, (fani_wide_room(engine, plan) + 63) / 64 * 64);
    unsigned count = 0, wrong = 0, more = 0;
    if (!room)
        return 0;
    for (unsigned k = 0; k < engine->lanes; k++)
        sigmas[k] = (fani_wide_sigma){first + k, 1 + k % 3 * 6};
    engine->curves(plan, &ecm->modulus, sigmas, room, found, early);
    for (unsigned k = 0; k < engine->lanes; k++) {
        slow at = slow_stage_1(slow_start(p, sigmas[k]), plan->b1);
        bool in_2 = slow_stage_2(at, plan->b1, plan->b2);
        wrong += at.z == 0 && !divides(p, engine, early, k);
        wrong += in_2 && !divides(p, engine, found, k);
        more += !in_2 && divides(p, engine, found, k);
        count += in_2;
    }
    EXPECT_U64(wrong, 0);
    EXPECT_TRUE(more <= 1);
    free(room);
    return count;
}

static void expect_engine(const fani_wide_engine *engine, fani_isa isa)
{
    fani_wide_plan plan;
    unsigned found = 0;
    mpz_t n, q;
    ASSERT_TRUE(fani_wide_plan_make(60, 2000, &plan));
    mpz_inits(n, q, NULL);
    for (uint32_t i = 0; i < 48 / engine->lanes; i++) {
        mpz_set_ui(n, 1000000 + 70001 * i);
        mpz_nextprime(n, n);
        uint32_t p = (uint32_t)mpz_get_ui(n);
        /* As long as the engine takes, and all ones at the top, where carries are. */
        mpz_set_ui(q, 0);
        mpz_setbit(q, engine->bits);
        mpz_fdiv_q_ui(q, q, p);
        do
            mpz_sub_ui(q, q, 1);
        while (mpz_probab_prime_p(q, 25) == 0);
        mpz_mul_ui(n, q, p);
        fani_wide_ecm ecm;
        if (mpz_sizeinbase(n, 2) <= FANI_WIDE_BITS) {
            ASSERT_TRUE(fani_wide_ecm_begin(&ecm, n, isa));
            EXPECT_TRUE(ecm.engine == engine);
            found += expect_as_slow(engine, &plan, &ecm, p, 7 + 20 * i);
            fani_wide_ecm_end(&ecm);
        } else {
            EXPECT_TRUE(!fani_wide_ecm_begin(&ecm, n, isa));
            found = 1;
        }
    }
    EXPECT_TRUE(found > 0);
    mpz_clears(n, q, NULL);
    fani_wide_plan_clear(&plan);
}

FAN_TEST(wide, every_engine_finds_what_slow_curves_find)
{
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        const fani_wide_engines *engines = fani_wide_engines_of(isa);
        for (unsigned i = 0; i < FANI_WIDE_ENGINES_MAX && engines->of[i]; i++)
            expect_engine(engines->of[i], isa);
    }
}

/* A round gives the same divisor on every engine; any will do where that was said. */
FAN_TEST(wide, rounds_agree)
{
    static const unsigned bits[] = {90, 99, 101, 123, 125, 150, 153, 187, 189, 203, 205, 252};
    fani_wide_plan plan;
    unsigned found = 0;
    gmp_randstate_t random;
    mpz_t n, p, divisor[2];
    ASSERT_TRUE(fani_wide_plan_make(200, 8000, &plan));
    gmp_randinit_default(random);
    mpz_inits(n, p, divisor[0], divisor[1], NULL);
    for (unsigned i = 0; i < 2 * sizeof bits / sizeof bits[0]; i++) {
        mpz_set_ui(n, 1);
        for (unsigned k = 0; k < 2; k++) {
            mpz_urandomb(p, random, 34);
            mpz_nextprime(p, p);
            mpz_mul(n, n, p);
        }
        unsigned missing = bits[i / 2] - (unsigned)mpz_sizeinbase(n, 2);
        mpz_urandomb(p, random, missing);
        mpz_setbit(p, missing - 1);
        mpz_nextprime(p, p);
        mpz_mul(n, n, p);
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
            for (unsigned any = 0; any < 2; any++) {
                fani_wide_ecm ecm;
                mpz_ptr out = divisor[isa != FANI_ISA_SCALAR || any];
                ASSERT_TRUE(fani_wide_ecm_begin(&ecm, n, isa));
                ASSERT_I64(fani_wide_ecm_round(&ecm, &plan, any, out), FAN_OK);
                fani_wide_ecm_end(&ecm);
                EXPECT_TRUE(mpz_divisible_p(n, out) && mpz_cmp(out, n) < 0);
                EXPECT_TRUE(any || out == divisor[0] || mpz_cmp(divisor[0], out) == 0);
                EXPECT_U64(mpz_cmp_ui(out, 1) == 0, mpz_cmp_ui(divisor[0], 1) == 0);
                found += mpz_cmp_ui(out, 1) != 0;
            }
        }
    }
    EXPECT_TRUE(found > 10);
    mpz_clears(n, p, divisor[0], divisor[1], NULL);
    gmp_randclear(random);
    fani_wide_plan_clear(&plan);
}
