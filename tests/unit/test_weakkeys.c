/* The weak-key scan against brute force over all pairs and against planted answers. */
#include "shim.h"

#include "fanfold/weakkeys.h"
#include "kernel/gcd/weak.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t gcd_u64(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Scans the integers of a list in blocks of a size. */
static fan_weakkeys_report *scan(const fani_mpzs *list, size_t block_keys)
{
    fan_weakkeys_number *keys = calloc(list->count + 1, sizeof *keys);
    fan_weakkeys_report *report = NULL;
    for (size_t i = 0; i < list->count; i++) {
        size_t size = (mpz_sizeinbase(list->values + i, 2) + 7) / 8;
        unsigned char *bytes = calloc(1, size);
        mpz_export(bytes, NULL, 1, 1, 1, 0, list->values + i);
        keys[i] = (fan_weakkeys_number){bytes, size, mpz_sgn(list->values + i) < 0};
    }
    fan_weakkeys_options options = {.block_keys = block_keys};
    fan_error error = {0};
    fan_status status = fan_weakkeys_scan(keys, list->count, &options, &report, &error);
    if (status)
        shim_fail(__FILE__, __LINE__, "the scan failed: %s", error.text);
    for (size_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)keys[i].bytes);
    free(keys);
    return report;
}

static uint64_t small(fan_weakkeys_number number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < number.size_bytes; i++)
        value = value << 8 | number.bytes[i];
    return value;
}

/* One finding as text: "3: shared gcd 35 = 5*7 with 1,2 (2)". */
static void print_finding(char *out, size_t room, const fan_weakkeys_finding *f)
{
    size_t at = (size_t)snprintf(out, room, "%zu:%s%s%s gcd %llu =", f->index,
                                 f->weakness & FAN_WEAKKEYS_INVALID ? " invalid" : "",
                                 f->weakness & FAN_WEAKKEYS_DUPLICATE ? " duplicate" : "",
                                 f->weakness & FAN_WEAKKEYS_SHARED ? " shared" : "",
                                 (unsigned long long)small(f->gcd));
    for (size_t k = 0; k < f->factor_count; k++)
        at += (size_t)snprintf(out + at, room - at, " %llu",
                               (unsigned long long)small(f->factors[k]));
    at += (size_t)snprintf(out + at, room - at, " with");
    for (size_t k = 0; k < f->shares_count && k < FAN_WEAKKEYS_SHARES_SHOWN; k++)
        at += (size_t)snprintf(out + at, room - at, " %zu", f->shares_with[k]);
    snprintf(out + at, room - at, " (%zu)", f->shares_count);
}

/* The coprime base by trying every pair until none meets. */
static size_t brute_base(const uint64_t *keys, size_t count, uint64_t *base)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (keys[i] > 1)
            base[n++] = keys[i];
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < n && !again; i++) {
            for (size_t j = i + 1; j < n && !again; j++) {
                uint64_t g = gcd_u64(base[i], base[j]);
                if (g == 1)
                    continue;
                again = true;
                base[i] /= g;
                base[j] = base[j] == g && base[i] == 1 ? 1 : base[j] / g;
                base[n++] = g;
            }
        }
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (base[i] > 1)
                base[kept++] = base[i];
        n = kept;
    }
    return n;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* What the report must say of one key, or "" where it must not be listed. */
static void expect_text(char *out, size_t room, const uint64_t *keys, size_t count, size_t i,
                        const uint64_t *base, size_t base_count)
{
    fan_weakkeys_finding f = {.index = i};
    fan_weakkeys_number factors[64];
    unsigned char bytes[65][8];
    unsigned __int128 rest = 1;
    out[0] = '\0';
    for (size_t j = 0; j < count && keys[i] > 1; j++) {
        if (j == i || keys[j] < 2 || gcd_u64(keys[i], keys[j]) == 1)
            continue;
        f.weakness |= keys[i] == keys[j] ? FAN_WEAKKEYS_DUPLICATE : FAN_WEAKKEYS_SHARED;
        rest = rest * keys[j] % keys[i];
        if (f.shares_count < FAN_WEAKKEYS_SHARES_SHOWN)
            f.shares_with[f.shares_count] = j;
        f.shares_count++;
    }
    if (keys[i] < 2)
        f.weakness = FAN_WEAKKEYS_INVALID;
    if (!f.weakness)
        return;
    for (size_t b = 0; b < base_count && keys[i] > 1; b++) {
        for (uint64_t n = keys[i]; n % base[b] == 0; n /= base[b]) {
            for (int k = 0; k < 8; k++)
                bytes[f.factor_count][k] = (unsigned char)(base[b] >> (56 - 8 * k));
            factors[f.factor_count] = (fan_weakkeys_number){bytes[f.factor_count], 8, false};
            f.factor_count++;
        }
    }
    if (f.factor_count == 1)
        f.factor_count = 0;
    f.factors = factors;
    uint64_t g = keys[i] > 1 ? gcd_u64(keys[i], (uint64_t)rest) : 0;
    for (int k = 0; k < 8; k++)
        bytes[64][k] = (unsigned char)(g >> (56 - 8 * k));
    f.gcd = (fan_weakkeys_number){bytes[64], 8, false};
    print_finding(out, room, &f);
}

static void check_against_brute_force(const uint64_t *keys, size_t count, size_t block_keys)
{
    uint64_t *base = calloc(16 * count + 1, sizeof *base);
    size_t base_count = brute_base(keys, count, base);
    qsort(base, base_count, sizeof *base, ascending);
    fani_mpzs list = {0};
    fani_mpzs_resize(&list, count);
    for (size_t i = 0; i < count; i++)
        mpz_set_ui(list.values + i, keys[i]);
    fan_weakkeys_report *report = scan(&list, block_keys);
    char want[2048], got[2048];
    size_t listed = 0;
    for (size_t i = 0; report && i < count && !shim_failed(); i++) {
        expect_text(want, sizeof want, keys, count, i, base, base_count);
        got[0] = '\0';
        if (listed < report->finding_count && report->findings[listed].index == i)
            print_finding(got, sizeof got, &report->findings[listed++]);
        EXPECT_STR(got, want);
    }
    if (report)
        EXPECT_U64(report->finding_count, listed);
    fan_weakkeys_report_free(report);
    fani_mpzs_free(&list);
    free(base);
}

FAN_TEST(weakkeys, random_small_keys_agree_with_brute_force)
{
    static const size_t blocks[] = {0, 1, 2, 3, 7, 64};
    uint64_t state = 1, keys[80];
    for (int round = 0; round < 240 && !shim_failed(); round++) {
        size_t count = next_random(&state) % 81;
        uint64_t below = 2 + next_random(&state) % (round % 2 ? 200 : 100000);
        for (size_t i = 0; i < count; i++)
            keys[i] = next_random(&state) % below;
        check_against_brute_force(keys, count, blocks[round % 6]);
    }
}

/* Products of few small primes: dense triangles, cliques, squares, moduli dividing others. */
FAN_TEST(weakkeys, products_of_few_primes_agree_with_brute_force)
{
    static const uint64_t primes[] = {2,     3,     65537, 65539, 65543, 65551, 65557,
                                      65563, 65579, 65581, 65587, 65599, 65609, 65617};
    uint64_t state = 2, keys[60];
    for (int round = 0; round < 400 && !shim_failed(); round++) {
        size_t count = next_random(&state) % 61, pool = 2 + next_random(&state) % 13;
        for (size_t i = 0; i < count; i++) {
            keys[i] = primes[next_random(&state) % pool];
            for (uint64_t more = next_random(&state) % 3; more > 0; more--)
                keys[i] *= primes[next_random(&state) % pool];
        }
        check_against_brute_force(keys, count, 1 + (size_t)round % 9);
    }
}

FAN_TEST(weakkeys, no_keys_and_one_key)
{
    uint64_t one = 15;
    check_against_brute_force(&one, 0, 0);
    check_against_brute_force(&one, 1, 0);
    fan_weakkeys_report *report = NULL;
    EXPECT_I64(fan_weakkeys_scan(NULL, 0, NULL, &report, NULL), FAN_OK);
    ASSERT_TRUE(report != NULL);
    EXPECT_U64(report->summary.keys, 0);
    fan_weakkeys_report_free(report);
    fan_weakkeys_report_free(NULL);
    EXPECT_I64(fan_weakkeys_scan(NULL, 1, NULL, &report, NULL), FAN_E_ARGUMENT);
}

FAN_TEST(weakkeys, invalid_keys_are_listed_and_take_no_part)
{
    static const long values[] = {0, 1, -15, 21, 35, -1, 15};
    fani_mpzs list = {0};
    fani_mpzs_resize(&list, 7);
    for (size_t i = 0; i < 7; i++)
        mpz_set_si(list.values + i, values[i]);
    fan_weakkeys_report *report = scan(&list, 2);
    ASSERT_TRUE(report != NULL);
    EXPECT_U64(report->summary.invalid, 4);
    EXPECT_U64(report->summary.shared, 3);
    EXPECT_U64(report->summary.distinct, 3);
    EXPECT_U64(report->finding_count, 7);
    EXPECT_U64(report->findings[2].weakness, FAN_WEAKKEYS_INVALID);
    EXPECT_U64(report->findings[2].gcd.size_bytes, 0);
    EXPECT_U64(report->findings[3].shares_count, 2);
    fan_weakkeys_report_free(report);
    fani_mpzs_free(&list);
}

/* Planted large keys: primes[] by number, each key a product of two or more of them. */
typedef struct planted {
    const char *primes; /* letters: the same letter is the same prime */
    const char *split;  /* the factors expected, space between; "" for whole or not listed */
    unsigned weakness;
    size_t shares;
} planted;

static const planted plan[] = {
    {"ab", "a b", FAN_WEAKKEYS_SHARED, 1}, /* a pair */
    {"ac", "a c", FAN_WEAKKEYS_SHARED, 1},
    {"de", "d e", FAN_WEAKKEYS_SHARED, 3}, /* a star */
    {"df", "d f", FAN_WEAKKEYS_SHARED, 3},
    {"dg", "d g", FAN_WEAKKEYS_SHARED, 3},
    {"dh", "d h", FAN_WEAKKEYS_SHARED, 3},
    {"ij", "i j", FAN_WEAKKEYS_SHARED, 2}, /* a triangle */
    {"jk", "j k", FAN_WEAKKEYS_SHARED, 2},
    {"ik", "i k", FAN_WEAKKEYS_SHARED, 2},
    {"ll", "l l", FAN_WEAKKEYS_SHARED, 1}, /* a square */
    {"lm", "l m", FAN_WEAKKEYS_SHARED, 1},
    {"no", "", FAN_WEAKKEYS_DUPLICATE, 1}, /* copies that share nothing else */
    {"no", "", FAN_WEAKKEYS_DUPLICATE, 1},
    {"pq", "p q", FAN_WEAKKEYS_SHARED | FAN_WEAKKEYS_DUPLICATE, 2},
    {"pq", "p q", FAN_WEAKKEYS_SHARED | FAN_WEAKKEYS_DUPLICATE, 2},
    {"pr", "p r", FAN_WEAKKEYS_SHARED, 2},
    {"s", "", FAN_WEAKKEYS_SHARED, 1}, /* a modulus that divides another one */
    {"st", "s t", FAN_WEAKKEYS_SHARED, 1},
    {"uvw", "uv w", FAN_WEAKKEYS_SHARED, 1}, /* a composite gcd that nothing splits */
    {"uvx", "uv x", FAN_WEAKKEYS_SHARED, 1},
    {"yz", "", 0, 0},
};
#define PLANTED (sizeof plan / sizeof *plan)

static void multiply(mpz_ptr out, const char *letters, size_t length, const fani_mpzs *primes)
{
    mpz_set_ui(out, 1);
    for (size_t i = 0; i < length; i++)
        mpz_mul(out, out, primes->values + (letters[i] - 'a'));
}

static int by_size(const void *a, const void *b)
{
    return mpz_cmp(a, b);
}

static void check_planted(const planted *key, const fan_weakkeys_finding *finding,
                          const fani_mpzs *primes)
{
    fani_mpzs factors = {0};
    const char *at = key->split;
    while (*at) {
        size_t length = strcspn(at, " ");
        fani_mpzs_resize(&factors, factors.count + 1);
        multiply(factors.values + factors.count - 1, at, length, primes);
        at += length + (at[length] == ' ');
    }
    if (factors.count)
        qsort(factors.values, factors.count, sizeof *factors.values, by_size);
    EXPECT_U64(finding->weakness, key->weakness);
    EXPECT_U64(finding->shares_count, key->shares);
    EXPECT_U64(finding->factor_count, factors.count);
    mpz_t got;
    mpz_init(got);
    for (size_t k = 0; k < factors.count && k < finding->factor_count; k++) {
        const fan_weakkeys_number *factor = &finding->factors[k];
        mpz_import(got, factor->size_bytes, 1, 1, 1, 0, factor->bytes);
        SHIM_CHECK(!mpz_cmp(got, factors.values + k), (void)0, "factor %zu of %s is wrong", k,
                   key->primes);
    }
    mpz_clear(got);
    fani_mpzs_free(&factors);
}

FAN_TEST(weakkeys, planted_large_keys_are_split_as_planted)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, 8);
    for (mp_bitcnt_t bits = 20; bits <= 1024 && !shim_failed(); bits += 251) {
        fani_mpzs primes = {0}, keys = {0};
        fani_mpzs_resize(&primes, 26);
        fani_mpzs_resize(&keys, PLANTED);
        for (size_t i = 0; i < 26; i++) {
            do {
                mpz_urandomb(primes.values + i, random, bits);
                mpz_setbit(primes.values + i, bits - 1);
                mpz_nextprime(primes.values + i, primes.values + i);
                for (size_t j = 0; j < i; j++)
                    if (!mpz_cmp(primes.values + i, primes.values + j))
                        mpz_set_ui(primes.values + i, 0);
            } while (!mpz_sgn(primes.values + i));
        }
        for (size_t i = 0; i < PLANTED; i++)
            multiply(keys.values + i, plan[i].primes, strlen(plan[i].primes), &primes);
        for (size_t block = 1; block <= 32 && !shim_failed(); block *= 2) {
            fan_weakkeys_report *report = scan(&keys, block);
            ASSERT_TRUE(report && report->finding_count == PLANTED - 1);
            for (size_t i = 0; i < report->finding_count; i++) {
                EXPECT_U64(report->findings[i].index, i);
                check_planted(&plan[i], &report->findings[i], &primes);
            }
            EXPECT_U64(report->summary.duplicates, 4);
            EXPECT_U64(report->summary.shared, PLANTED - 3);
            fan_weakkeys_report_free(report);
        }
        fani_mpzs_free(&primes);
        fani_mpzs_free(&keys);
    }
    gmp_randclear(random);
}

/* A square beside two copies of a multiple of its root: the product of the others has the root
 * twice, so the gcd is the square itself. */
FAN_TEST(weakkeys, the_gcd_counts_copies)
{
    static const uint64_t keys[] = {49, 21, 21};
    check_against_brute_force(keys, 3, 1);
}

/* A star of many keys: the largest findings, and partners beyond those shown. */
FAN_TEST(weakkeys, a_star_of_three_thousand_keys)
{
    fani_mpzs keys = {0};
    mpz_t q;
    mpz_init_set_ui(q, 1000000007);
    fani_mpzs_resize(&keys, 3000);
    for (size_t i = 0; i < 3000; i++) {
        mpz_nextprime(q, q);
        mpz_mul_ui(keys.values + i, q, 4294967291u);
    }
    fan_weakkeys_report *report = scan(&keys, 0);
    ASSERT_TRUE(report && report->finding_count == 3000);
    for (size_t i = 0; i < 3000; i++) {
        const fan_weakkeys_finding *f = &report->findings[i];
        EXPECT_U64(f->shares_count, 2999);
        ASSERT_U64(f->factor_count, 2);
        EXPECT_U64(small(f->gcd), 4294967291u);
        EXPECT_U64(small(f->factors[1]), 4294967291u);
    }
    EXPECT_U64(report->findings[2].shares_with[2], 3);
    fan_weakkeys_report_free(report);
    fani_mpzs_free(&keys);
    mpz_clear(q);
}
