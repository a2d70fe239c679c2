/* Pairs of 64 bits. */
#include <flint/ulong_extras.h>
#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/fanfold.h"
#include "gcd.h"
#include "std.h"

typedef struct words {
    size_t count;
    uint64_t *a, *b, *out, *expected;
    const char *isa;
} words;

static double words_array(void *user)
{
    const words *w = user;
    gcd_use_isa(w->isa);
    double before = bench_thread_ns();
    fan_gcd_u64_array(w->a, w->b, w->out, w->count);
    double ns = bench_thread_ns() - before;
    gcd_use_isa(NULL);
    return ns;
}

static double words_single(void *user)
{
    const words *w = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < w->count; i++)
        w->out[i] = fan_gcd_u64(w->a[i], w->b[i]);
    return bench_thread_ns() - before;
}

static double words_std(void *user)
{
    const words *w = user;
    double before = bench_thread_ns();
    if (!gcd_by_std(w->a, w->b, w->out, w->count))
        return -1;
    return bench_thread_ns() - before;
}

static double words_gmp(void *user)
{
    const words *w = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < w->count; i++) {
        mp_limb_t limb = w->a[i];
        w->out[i] = mpn_gcd_1(&limb, 1, w->b[i]);
    }
    return bench_thread_ns() - before;
}

static double words_flint(void *user)
{
    const words *w = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < w->count; i++)
        w->out[i] = n_gcd(w->a[i], w->b[i]);
    return bench_thread_ns() - before;
}

static void words_check(const void *user, const char *name)
{
    const words *w = user;
    if (memcmp(w->out, w->expected, w->count * sizeof *w->out) != 0)
        bench_fail("gcd by %s is wrong", name);
    memset(w->out, 0, w->count * sizeof *w->out);
}

static void fill(words *w)
{
    uint64_t state = 2;
    for (size_t i = 0; i < w->count; i++) {
        w->a[i] = bench_random(&state);
        w->b[i] = bench_random(&state);
        w->a[i] += !w->a[i]; /* not 0: mpn_gcd_1 takes none */
        w->b[i] += !w->b[i];
        mp_limb_t limb = w->a[i];
        w->expected[i] = mpn_gcd_1(&limb, 1, w->b[i]);
    }
}

void gcd_hold_words(const bench_options *options, bench_table *table)
{
    static const char *const isas[] = {"avx512", "avx2", "scalar"};
    static const char *const names[] = {"fan_gcd_u64_array, avx512", "fan_gcd_u64_array, avx2",
                                        "fan_gcd_u64_array, scalar"};
    size_t n = bench_scaled(options, 50000);
    words w[3];
    w[0] = (words){.count = n,
                   .a = bench_alloc(n, sizeof *w->a),
                   .b = bench_alloc(n, sizeof *w->b),
                   .out = bench_alloc(n, sizeof *w->out),
                   .expected = bench_alloc(n, sizeof *w->expected)};
    fill(&w[0]);
    bench_contest c = {
        .name = "64-bit pairs", .items = n, .check = words_check, .check_user = &w[0]};
    for (size_t i = 0; i < 3; i++) {
        w[i] = w[0];
        w[i].isa = isas[i];
        if (gcd_has_isa(isas[i]))
            bench_contest_add(&c, names[i], words_array, &w[i]);
    }
    bench_contest_add(&c, "fan_gcd_u64, one by one", words_single, &w[0]);
    bench_contest_add(&c, "std::gcd", words_std, &w[0]);
    bench_contest_add(&c, "GMP mpn_gcd_1", words_gmp, &w[0]);
    bench_contest_add(&c, "FLINT n_gcd", words_flint, &w[0]);
    bench_contest_hold(&c, options, table);
    free(w->a);
    free(w->b);
    free(w->out);
    free(w->expected);
}
