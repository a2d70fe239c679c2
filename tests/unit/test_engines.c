/* What the engines say of the same lanes: the same, because residues are residues. */
#include "kernel/factor/engine.h"
#include "kernel/factor/prime_batch.h"
#include "shim/shim.h"

#include <flint/ulong_extras.h>

/* Enough lanes for every engine. */
typedef struct input {
    uint64_t n[FANI_LANES_MAX] FANI_ALIGNED;
    uint64_t p[FANI_LANES_MAX] FANI_ALIGNED;
    uint8_t curve[FANI_LANES_MAX];
} input;

typedef struct answers {
    uint64_t divisor[FANI_LANES_MAX] FANI_ALIGNED;
    uint64_t early[FANI_LANES_MAX] FANI_ALIGNED;
    uint8_t strong[FANI_LANES_MAX];
    uint8_t lucas[FANI_LANES_MAX];
} answers;

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void ask(const fani_engine *engine, const input *in, const fani_ecm_plan *plan, answers *out)
{
    uint64_t one[FANI_LANES_MAX] FANI_ALIGNED;
    for (unsigned i = 0; i < FANI_LANES_MAX; i++)
        one[i] = fani_power_of_two(engine->radix, in->n[i]);
    for (unsigned i = 0; i < FANI_LANES_MAX; i += engine->lanes) {
        engine->strong(in->n + i, one + i, out->strong + i);
        engine->lucas(in->n + i, one + i, in->p + i, out->lucas + i);
        engine->curve(plan, in->n + i, one + i, in->curve + i, out->divisor + i, out->early + i);
    }
}

/* Odd numbers of up to `bits` bits without a prime that trial division finds: every second one a
 * product of two primes of about half the length, the others random; some of the largest there are.
 */
static void make_input(uint64_t *state, unsigned bits, input *in)
{
    for (unsigned i = 0; i < FANI_LANES_MAX; i++) {
        uint64_t n;
        if (i % 2 == 0) {
            uint64_t top = UINT64_C(1) << (bits / 2 - 1);
            n = n_nextprime(top + next_random(state) % (top - 1000), 0);
            n *= n_nextprime(top + next_random(state) % (top - 1000), 0);
        } else {
            uint64_t all = UINT64_MAX >> (64 - bits);
            n = i % 4 == 1 ? next_random(state) & all : all - next_random(state) % 100000;
            n |= UINT64_C(1) << (bits - 1) | 1;
            while (n_gcd(n, UINT64_C(3234846615) * 31 * 37) != 1)
                n -= 2;
        }
        in->n[i] = n;
        in->p[i] = fani_lucas_parameter(n);
        in->curve[i] = (uint8_t)(next_random(state) % FANI_CURVES);
    }
}

static void expect_equal(const char *name, const input *in, const answers *got,
                         const answers *right)
{
    for (unsigned i = 0; i < FANI_LANES_MAX; i++) {
        uint64_t n = in->n[i];
        bool same = got->divisor[i] == right->divisor[i] &&
                    (got->early[i] % n == 0) == (right->early[i] % n == 0) &&
                    n_gcd(got->early[i] % n, n) == n_gcd(right->early[i] % n, n) &&
                    !got->strong[i] == !right->strong[i] && !got->lucas[i] == !right->lucas[i];
        if (!same)
            shim_fail(__FILE__, __LINE__, "%s and scalar do not agree on %llu, curve %u", name,
                      (unsigned long long)n, in->curve[i]);
    }
}

/* Every engine beside the scalar one, which the other tests hold against outside truth. */
static void expect_agreement(const fani_engine *engine, uint64_t *state, unsigned bits)
{
    input in;
    answers right, got;
    for (unsigned k = 0; k < FANI_ECM_PLANS; k++) {
        make_input(state, bits, &in);
        ask(&fani_engine_scalar, &in, &fani_ecm_plans[k], &right);
        ask(engine, &in, &fani_ecm_plans[k], &got);
        expect_equal(engine->name, &in, &got, &right);
    }
}

FAN_TEST(engines, agree_with_the_scalar_one)
{
    uint64_t state = 1;
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
        const fani_lanes *lanes = fani_lanes_of(isa);
        for (unsigned e = 0; e < FANI_ENGINES_MAX && lanes->engines[e]; e++) {
            const fani_engine *engine = lanes->engines[e];
            for (unsigned bits = 24; bits <= engine->bits; bits += 6)
                expect_agreement(engine, &state, bits);
            for (int i = 0; i < 15; i++)
                expect_agreement(engine, &state, engine->bits);
        }
    }
}

/* The two tests by themselves, beside FLINT's and a definition. */
FAN_TEST(engines, scalar_strong_and_lucas)
{
    uint64_t state = 2;
    for (int k = 0; k < 200; k++) {
        input in;
        answers got;
        make_input(&state, 24 + (unsigned)k % 41, &in);
        ask(&fani_engine_scalar, &in, &fani_ecm_plans[0], &got);
        for (unsigned i = 0; i < FANI_LANES_MAX; i++) {
            uint64_t n = in.n[i], d = (n - 1) >> __builtin_ctzll(n - 1);
            EXPECT_I64(got.strong[i] != 0,
                       n_is_strong_probabprime2_preinv(n, n_preinvert_limb(n), 2, d) != 0);
            EXPECT_TRUE(got.lucas[i] || !n_is_prime(n));
            EXPECT_U64(n % got.divisor[i], 0);
        }
    }
}
