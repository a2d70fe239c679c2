/* The coprime base of integers whose primes are known: two primes stay together where their powers
 * in all integers are in one proportion, and nowhere else. */
#include "kernel/gcd/weak_base.h"

#include "shim.h"

#include <stdlib.h>
#include <string.h>

enum { PRIMES = 120, INPUTS_MAX = 2500 };

typedef struct known {
    mpz_t primes[PRIMES];
    unsigned char powers[PRIMES][INPUTS_MAX];
    size_t count;
    gmp_randstate_t random;
} known;

/* Primes of 17 bits up to some hundred. */
static void make_primes(known *k, unsigned long seed)
{
    gmp_randinit_default(k->random);
    gmp_randseed_ui(k->random, seed);
    for (size_t p = 0; p < PRIMES; p++) {
        mp_bitcnt_t bits = p % 10 == 9 ? 200 + p : p % 3 ? 17 : 40;
        mpz_init(k->primes[p]);
        do {
            mpz_urandomb(k->primes[p], k->random, bits);
            mpz_setbit(k->primes[p], bits - 1);
            mpz_nextprime(k->primes[p], k->primes[p]);
            for (size_t q = 0; q < p; q++)
                if (!mpz_cmp(k->primes[p], k->primes[q]))
                    mpz_set_ui(k->primes[p], 0);
        } while (!mpz_sgn(k->primes[p]));
    }
}

static unsigned long below(known *k, unsigned long end)
{
    return gmp_urandomm_ui(k->random, end);
}

/* Each input has some primes to some powers; some primes come in pairs, of which the other one has
 * the same powers or their double. */
static void make_powers(known *k, size_t count, unsigned most)
{
    k->count = count;
    memset(k->powers, 0, sizeof k->powers);
    for (size_t i = 0; i < count; i++)
        for (unsigned long left = 1 + below(k, most); left > 0; left--)
            k->powers[below(k, PRIMES)][i] += (unsigned char)(1 + (below(k, 8) == 0));
    for (size_t p = 0; p + 1 < PRIMES; p += 6)
        for (size_t i = 0; i < count; i++)
            k->powers[p + 1][i] = (unsigned char)(k->powers[p][i] * (1 + p % 4 / 2));
}

static void make_inputs(const known *k, fani_mpzs *inputs)
{
    mpz_t power;
    mpz_init(power);
    for (size_t i = 0; i < k->count; i++) {
        ASSERT_I64(fani_mpzs_resize(inputs, inputs->count + 1), FAN_OK);
        mpz_ptr n = inputs->values + inputs->count - 1;
        mpz_set_ui(n, 1);
        for (size_t p = 0; p < PRIMES; p++) {
            mpz_pow_ui(power, k->primes[p], k->powers[p][i]);
            mpz_mul(n, n, power);
        }
        if (!mpz_cmp_ui(n, 1)) { /* a base is of integers above 1 */
            mpz_clear(n);
            inputs->count--;
        }
    }
    mpz_clear(power);
}

static unsigned gcd(unsigned a, unsigned b)
{
    while (b) {
        unsigned r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* The greatest number that all powers of a prime are multiples of; 0: it is in no input. */
static unsigned unit_of(const known *k, size_t p)
{
    unsigned unit = 0;
    for (size_t i = 0; i < k->count; i++)
        unit = gcd(unit, k->powers[p][i]);
    return unit;
}

static bool go_together(const known *k, size_t p, size_t q, const unsigned units[PRIMES])
{
    for (size_t i = 0; i < k->count; i++)
        if (k->powers[p][i] / units[p] != k->powers[q][i] / units[q])
            return false;
    return true;
}

static int by_value(const void *a, const void *b)
{
    return mpz_cmp(a, b);
}

static void expect_base(const known *k, fani_mpzs *want)
{
    unsigned units[PRIMES];
    bool taken[PRIMES] = {false};
    mpz_t element, power;
    mpz_inits(element, power, NULL);
    for (size_t p = 0; p < PRIMES; p++)
        units[p] = unit_of(k, p);
    for (size_t p = 0; p < PRIMES; p++) {
        if (!units[p] || taken[p])
            continue;
        mpz_pow_ui(element, k->primes[p], units[p]);
        for (size_t q = p + 1; q < PRIMES; q++) {
            if (!units[q] || taken[q] || !go_together(k, p, q, units))
                continue;
            taken[q] = true;
            mpz_pow_ui(power, k->primes[q], units[q]);
            mpz_mul(element, element, power);
        }
        ASSERT_I64(fani_mpzs_push(want, element), FAN_OK);
    }
    if (want->count > 1)
        qsort(want->values, want->count, sizeof *want->values, by_value);
    mpz_clears(element, power, NULL);
}

static void check(const known *k)
{
    static const fani_weak_halt nobody;
    fani_mpzs inputs = {0}, want = {0}, got = {0};
    make_inputs(k, &inputs);
    expect_base(k, &want);
    EXPECT_I64(fani_weak_base(inputs.values, inputs.count, &nobody, &got), FAN_OK);
    EXPECT_U64(got.count, want.count);
    for (size_t i = 0; i < want.count && i < got.count; i++)
        SHIM_CHECK(!mpz_cmp(want.values + i, got.values + i), break, "element %zu of %zu differs",
                   i, want.count);
    fani_mpzs_free(&inputs);
    fani_mpzs_free(&want);
    fani_mpzs_free(&got);
}

static void free_primes(known *k)
{
    for (size_t p = 0; p < PRIMES; p++)
        mpz_clear(k->primes[p]);
    gmp_randclear(k->random);
}

FAN_TEST(weakkeys_base, primes_stay_together_that_are_in_proportion_and_no_others)
{
    static known k;
    make_primes(&k, 1);
    for (size_t count = 0; count < 120 && !shim_failed(); count += 1 + count / 8) {
        for (unsigned most = 1; most < 40; most += 1 + most / 2) {
            make_powers(&k, count, most);
            check(&k);
        }
    }
    free_primes(&k);
}

/* Of a quadratic number of gcds this would take minutes. */
FAN_TEST(weakkeys_base, thousands_of_inputs_that_all_hang_together)
{
    static known k;
    make_primes(&k, 2);
    make_powers(&k, INPUTS_MAX, 6);
    check(&k);
    free_primes(&k);
}

/* ---- Parts ----------------------------------------------------------------------------------- */

static void expect_rest(unsigned long n, unsigned long g, unsigned long want)
{
    mpz_t number, divisor, rest, scratch;
    mpz_inits(rest, scratch, NULL);
    mpz_init_set_ui(number, n);
    mpz_init_set_ui(divisor, g);
    fani_weak_part_away(number, divisor, rest, scratch);
    EXPECT_U64(mpz_get_ui(rest), want);
    mpz_clears(number, divisor, rest, scratch, NULL);
}

FAN_TEST(weakkeys_base, what_is_coprime_to_a_divisor)
{
    for (unsigned long n = 1; n < 400; n++) {
        for (unsigned long g = 1; g <= n; g++) {
            unsigned long want = n;
            for (unsigned long p = 2; p <= g; p++)
                while (g % p == 0 && want % p == 0)
                    want /= p;
            if (n % g == 0)
                expect_rest(n, g, want);
        }
    }
}
