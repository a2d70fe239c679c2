/* Pairs of integers of one length. */
#include <flint/fmpz.h>
#include <flint/fmpz_vec.h>
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "fanfold/fanfold.h"
#include "gcd.h"

typedef struct integers {
    size_t count;
    mpz_t *a, *b, *out, *expected;
    const char *isa;
} integers;

static double integers_array(void *user)
{
    const integers *z = user;
    gcd_use_isa(z->isa);
    double before = bench_thread_ns();
    if (fan_gcd_mpz_array(z->a[0], z->b[0], z->out[0], z->count) != FAN_OK)
        bench_fail("fan_gcd_mpz_array: no memory");
    double ns = bench_thread_ns() - before;
    gcd_use_isa(NULL);
    return ns;
}

static double integers_gmp(void *user)
{
    const integers *z = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++)
        mpz_gcd(z->out[i], z->a[i], z->b[i]);
    return bench_thread_ns() - before;
}

static double integers_flint(void *user)
{
    const integers *z = user;
    fmpz *all = _fmpz_vec_init((slong)(3 * z->count));
    for (size_t i = 0; i < z->count; i++) {
        fmpz_set_mpz(all + 3 * i, z->a[i]);
        fmpz_set_mpz(all + 3 * i + 1, z->b[i]);
    }
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++)
        fmpz_gcd(all + 3 * i + 2, all + 3 * i, all + 3 * i + 1);
    double ns = bench_thread_ns() - before;
    for (size_t i = 0; i < z->count; i++)
        fmpz_get_mpz(z->out[i], all + 3 * i + 2);
    _fmpz_vec_clear(all, (slong)(3 * z->count));
    return ns;
}

static void integers_check(const void *user, const char *name)
{
    const integers *z = user;
    for (size_t i = 0; i < z->count; i++) {
        if (mpz_cmp(z->out[i], z->expected[i]) != 0)
            bench_fail("gcd %zu by %s is wrong", i, name);
        mpz_set_ui(z->out[i], 0);
    }
}

static mpz_t *random_integers(size_t count, unsigned bits, gmp_randstate_t random)
{
    mpz_t *values = bench_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        mpz_init(values[i]);
        mpz_urandomb(values[i], random, bits);
        mpz_setbit(values[i], bits - 1);
    }
    return values;
}

static void free_integers(mpz_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mpz_clear(values[i]);
    free(values);
}

void gcd_hold_integers(unsigned bits, const bench_options *options, bench_table *table)
{
    char name[64];
    gmp_randstate_t random;
    size_t n = bench_scaled(options, 64 + 400000 / bits);
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    integers z = {.count = n,
                  .a = random_integers(n, bits, random),
                  .b = random_integers(n, bits, random),
                  .out = random_integers(n, bits, random),
                  .expected = random_integers(n, bits, random),
                  .isa = "avx512"},
             scalar;
    for (size_t i = 0; i < n; i++)
        mpz_gcd(z.expected[i], z.a[i], z.b[i]);
    scalar = z;
    scalar.isa = "scalar";
    snprintf(name, sizeof name, "%u-bit pairs", bits);
    bench_contest c = {.name = name, .items = n, .check = integers_check, .check_user = &z};
    if (gcd_has_isa("avx512"))
        bench_contest_add(&c, "fan_gcd_mpz_array, avx512", integers_array, &z);
    bench_contest_add(&c, "fan_gcd_mpz_array, scalar", integers_array, &scalar);
    bench_contest_add(&c, "GMP mpz_gcd", integers_gmp, &z);
    bench_contest_add(&c, "FLINT fmpz_gcd", integers_flint, &z);
    bench_contest_hold(&c, options, table);
    free_integers(z.a, n);
    free_integers(z.b, n);
    free_integers(z.out, n);
    free_integers(z.expected, n);
    gmp_randclear(random);
}
