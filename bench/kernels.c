/* The kernels on one core beside what people use today, each on the same numbers in one run, every
 * answer checked against a peer or a closed form. CPU time, medians of interleaved repetitions. */
#include <flint/ulong_extras.h>
#include <gmp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contest.h"
#include "fanfold/fanfold.h"
#include "harness.h"

/* ---- gcd of words --------------------------------------------------------------------------- */

typedef struct words {
    size_t count;
    uint64_t *a, *b, *out, *expected;
} words;

/* The binary algorithm as C++ libraries have it for std::gcd. */
static uint64_t plain_binary_gcd(uint64_t a, uint64_t b)
{
    if (!a || !b)
        return a | b;
    int shift = __builtin_ctzll(a | b);
    a >>= __builtin_ctzll(a);
    do {
        b >>= __builtin_ctzll(b);
        if (a > b) {
            uint64_t larger = a;
            a = b;
            b = larger;
        }
        b -= a;
    } while (b);
    return a << shift;
}

static double words_array(void *user)
{
    const words *w = user;
    double before = bench_thread_ns();
    fan_gcd_u64_array(w->a, w->b, w->out, w->count);
    return bench_thread_ns() - before;
}

static double words_single(void *user)
{
    const words *w = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < w->count; i++)
        w->out[i] = fan_gcd_u64(w->a[i], w->b[i]);
    return bench_thread_ns() - before;
}

static double words_plain(void *user)
{
    const words *w = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < w->count; i++)
        w->out[i] = plain_binary_gcd(w->a[i], w->b[i]);
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

static void hold_words(const bench_options *options, bench_table *table)
{
    size_t n = bench_scaled(options, 50000);
    words w = {.count = n,
               .a = bench_alloc(n, sizeof *w.a),
               .b = bench_alloc(n, sizeof *w.b),
               .out = bench_alloc(n, sizeof *w.out),
               .expected = bench_alloc(n, sizeof *w.expected)};
    uint64_t state = 2;
    for (size_t i = 0; i < n; i++) {
        w.a[i] = bench_random(&state) | 1; /* not 0: mpn_gcd_1 takes none */
        w.b[i] = bench_random(&state) | (uint64_t)(i % 2);
        w.b[i] += !w.b[i];
        mp_limb_t limb = w.a[i];
        w.expected[i] = mpn_gcd_1(&limb, 1, w.b[i]);
    }
    bench_contest c = {
        .name = "gcd, 64-bit pairs", .items = n, .check = words_check, .check_user = &w};
    bench_contest_add(&c, "fan_gcd_u64_array", words_array, &w);
    bench_contest_add(&c, "fan_gcd_u64", words_single, &w);
    bench_contest_add(&c, "plain binary gcd", words_plain, &w);
    bench_contest_add(&c, "GMP mpn_gcd_1", words_gmp, &w);
    bench_contest_add(&c, "FLINT n_gcd", words_flint, &w);
    bench_contest_hold(&c, options, table);
    free(w.a);
    free(w.b);
    free(w.out);
    free(w.expected);
}

/* ---- gcd of integers ------------------------------------------------------------------------ */

typedef struct integers {
    size_t count;
    mpz_t *a, *b, *out, *expected;
} integers;

static double integers_fanfold(void *user)
{
    const integers *z = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++)
        fan_gcd_mpz(z->a[i], z->b[i], z->out[i]);
    return bench_thread_ns() - before;
}

static double integers_gmp(void *user)
{
    const integers *z = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++)
        mpz_gcd(z->out[i], z->a[i], z->b[i]);
    return bench_thread_ns() - before;
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

static void hold_integers(unsigned bits, const bench_options *options, bench_table *table)
{
    char name[64];
    gmp_randstate_t random;
    size_t n = bench_scaled(options, 400000 / bits);
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    integers z = {.count = n,
                  .a = random_integers(n, bits, random),
                  .b = random_integers(n, bits, random),
                  .out = random_integers(n, bits, random),
                  .expected = random_integers(n, bits, random)};
    for (size_t i = 0; i < n; i++)
        mpz_gcd(z.expected[i], z.a[i], z.b[i]);
    snprintf(name, sizeof name, "gcd, %u-bit pairs", bits);
    bench_contest c = {.name = name, .items = n, .check = integers_check, .check_user = &z};
    bench_contest_add(&c, "fan_gcd_mpz", integers_fanfold, &z);
    bench_contest_add(&c, "GMP mpz_gcd", integers_gmp, &z);
    bench_contest_hold(&c, options, table);
    free_integers(z.a, n);
    free_integers(z.b, n);
    free_integers(z.out, n);
    free_integers(z.expected, n);
    gmp_randclear(random);
}

/* ---- Integration ---------------------------------------------------------------------------- */

typedef struct grid {
    size_t points;
    double h, sum, expected;
    fan_expression *cosine;
} grid;

static double integrate(grid *g, fan_integral integral)
{
    fan_integral_result result = {0};
    fan_range range = {0, g->h * (double)g->points};
    integral.dimension = 1;
    integral.ranges = &range;
    integral.points = g->points;
    integral.rule = FAN_RULE_LEFT;
    double before = bench_thread_ns();
    if (fan_integrate(&integral, &result, NULL) != FAN_OK)
        bench_fail("fan_integrate fails");
    double ns = bench_thread_ns() - before;
    g->sum = result.value;
    return ns;
}

static double grid_expression(void *user)
{
    grid *g = user;
    return integrate(g, (fan_integral){.expression = g->cosine});
}

static fan_status cosines(void *context, const double *const *points, size_t count, double *values)
{
    (void)context;
    for (size_t i = 0; i < count; i++)
        values[i] = cos(points[0][i]);
    return FAN_OK;
}

static double grid_batch(void *user)
{
    return integrate(user, (fan_integral){.batch = cosines});
}

static double cosine_at(void *context, const double *point)
{
    (void)context;
    return cos(point[0]);
}

static double grid_scalar(void *user)
{
    return integrate(user, (fan_integral){.scalar = cosine_at});
}

static double grid_plain(void *user)
{
    grid *g = user;
    double before = bench_thread_ns(), sum = 0;
    for (size_t i = 0; i < g->points; i++)
        sum += cos((double)i * g->h);
    g->sum = sum * g->h;
    return bench_thread_ns() - before;
}

static void grid_check(const void *user, const char *name)
{
    const grid *g = user;
    if (!(fabs(g->sum - g->expected) < 1e-12))
        bench_fail("the sum by %s is %.17g, not %.17g", name, g->sum, g->expected);
}

static void hold_grid(const bench_options *options, bench_table *table)
{
    grid g = {.points = bench_scaled(options, 1000000)};
    g.h = M_PI_2 / (double)g.points;
    /* The left sum of cos over [0, pi/2] in closed form (Lagrange's identity). */
    g.expected = g.h * (0.5 + 0.5 / tan(g.h / 2));
    fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    if (fan_expression_parse("cos(x)", 6, &names, &g.cosine, NULL) != FAN_OK)
        bench_fail("cos(x) does not parse");
    bench_contest c = {.name = "left sum of cos, 10^6 points",
                       .items = g.points,
                       .check = grid_check,
                       .check_user = &g};
    bench_contest_add(&c, "fan_integrate, expression", grid_expression, &g);
    bench_contest_add(&c, "fan_integrate, batch in C", grid_batch, &g);
    bench_contest_add(&c, "fan_integrate, scalar in C", grid_scalar, &g);
    bench_contest_add(&c, "plain loop in C", grid_plain, &g);
    bench_contest_hold(&c, options, table);
    fan_expression_free(g.cosine);
}

int main(int argc, char **argv)
{
    bench_options options;
    int code = bench_options_read(argc, argv, "The kernels on one core beside others.", &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    bench_table *table = bench_table_new("kernels", 2, "work\tby\tCPU ns an item\tspread %\tratio");
    hold_words(&options, table);
    for (unsigned bits = 512; bits <= 4096; bits *= 2)
        hold_integers(bits, &options, table);
    hold_grid(&options, table);
    bench_table_print(table, &options);
    return 0;
}
