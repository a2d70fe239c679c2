/* The kernels on one core beside what people use today, each on the same numbers in one run, every
 * answer checked against a peer or a closed form. CPU time, medians of interleaved repetitions. */
#include <errno.h>
#include <flint/ulong_extras.h>
#include <gmp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fanfold/fanfold.h"
#include "harness.h"

enum { PEERS_MAX = 8, REPETITIONS_MAX = 1000 };

/* One way to do a contest's work. */
typedef struct peer {
    const char *name;
    double (*run)(void *user); /* all items once; CPU time in ns, negative: it can't run here */
    void *user;
    bool absent;
    double times[REPETITIONS_MAX]; /* ns an item */
} peer;

/* The first peer is Fanfold's, which the others are compared with. `check` looks at what the last
 * run left. */
typedef struct contest {
    const char *name;
    size_t items;
    void (*check)(const void *user, const char *peer);
    const void *check_user;
    peer *peers[PEERS_MAX];
    size_t peer_count;
} contest;

static void add_peer(contest *c, const char *name, double (*run)(void *user), void *user)
{
    if (c->peer_count == PEERS_MAX)
        bench_fail("more than %d peers", PEERS_MAX);
    peer *p = bench_alloc(1, sizeof *p);
    p->name = name;
    p->run = run;
    p->user = user;
    c->peers[c->peer_count++] = p;
}

/* Measures, adds the rows to the table and frees the peers. */
static void hold(contest *c, const bench_options *options, bench_table *table)
{
    for (unsigned k = 0; k < options->repetitions; k++) {
        for (size_t i = 0; i < c->peer_count; i++) {
            peer *p = c->peers[i];
            if (p->absent)
                continue;
            double ns = p->run(p->user);
            p->absent = ns < 0;
            p->times[k] = ns / (double)c->items;
            if (!p->absent)
                c->check(c->check_user, p->name);
        }
    }
    double first = bench_median(c->peers[0]->times, options->repetitions);
    for (size_t i = 0; i < c->peer_count; i++) {
        peer *p = c->peers[i];
        if (p->absent) {
            bench_table_row(table, "%s\t%s\tabsent\t-\t-", c->name, p->name);
        } else {
            double ns = bench_median(p->times, options->repetitions);
            bench_table_row(table, "%s\t%s\t%.4g\t%.0f\t%.2f", c->name, p->name, ns,
                            100 * bench_spread(p->times, options->repetitions), ns / first);
        }
        free(p);
    }
}

static size_t scaled(const bench_options *options, size_t items)
{
    return options->quick ? items / 50 + 2 : items;
}

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
    size_t n = scaled(options, 50000);
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
    contest c = {.name = "gcd, 64-bit pairs", .items = n, .check = words_check, .check_user = &w};
    add_peer(&c, "fan_gcd_u64_array", words_array, &w);
    add_peer(&c, "fan_gcd_u64", words_single, &w);
    add_peer(&c, "plain binary gcd", words_plain, &w);
    add_peer(&c, "GMP mpn_gcd_1", words_gmp, &w);
    add_peer(&c, "FLINT n_gcd", words_flint, &w);
    hold(&c, options, table);
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
    size_t n = scaled(options, 400000 / bits);
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
    contest c = {.name = name, .items = n, .check = integers_check, .check_user = &z};
    add_peer(&c, "fan_gcd_mpz", integers_fanfold, &z);
    add_peer(&c, "GMP mpz_gcd", integers_gmp, &z);
    hold(&c, options, table);
    free_integers(z.a, n);
    free_integers(z.b, n);
    free_integers(z.out, n);
    free_integers(z.expected, n);
    gmp_randclear(random);
}

/* ---- Factorization -------------------------------------------------------------------------- */

typedef struct numbers {
    size_t count;
    uint64_t *n;
    fan_factors_u64 *out, *expected;
    FILE *input, *output; /* of children: the numbers, one a line, and what they printed */
    char *text;           /* what they must print */
    size_t text_size;
    bool child_ran; /* the last run was a child's */
} numbers;

static double numbers_fanfold(void *user)
{
    numbers *z = user;
    z->child_ran = false;
    double before = bench_thread_ns();
    if (fan_factor_u64_array(z->n, z->out, z->count) != FAN_OK)
        bench_fail("fan_factor_u64_array fails");
    return bench_thread_ns() - before;
}

/* `run` without the faster instructions that the machine may have. */
static double with_isa(const char *isa, double (*run)(void *user), void *user)
{
    if (setenv("FANFOLD_ISA", isa, 1) != 0)
        bench_fail("no memory for the environment");
    double ns = run(user);
    unsetenv("FANFOLD_ISA");
    return ns;
}

static double numbers_avx2(void *user)
{
    return with_isa("avx2", numbers_fanfold, user);
}

static double numbers_scalar(void *user)
{
    return with_isa("scalar", numbers_fanfold, user);
}

static double numbers_single(void *user)
{
    numbers *z = user;
    z->child_ran = false;
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++)
        if (fan_factor_u64(z->n[i], &z->out[i]) != FAN_OK)
            bench_fail("fan_factor_u64 fails");
    return bench_thread_ns() - before;
}

static int compare_words(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* FLINT's factors come in no order. */
static void from_flint(const n_factor_t *found, fan_factors_u64 *out)
{
    *out = (fan_factors_u64){.count = (uint8_t)found->num};
    for (int i = 0; i < found->num; i++)
        out->prime[i] = found->p[i];
    qsort(out->prime, out->count, sizeof out->prime[0], compare_words);
    for (int i = 0; i < found->num; i++)
        for (int j = 0; j < found->num; j++)
            if (out->prime[i] == found->p[j])
                out->exponent[i] = (uint8_t)found->exp[j];
}

static double numbers_flint(void *user)
{
    numbers *z = user;
    z->child_ran = false;
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++) {
        n_factor_t found;
        n_factor_init(&found);
        n_factor(&found, z->n[i], 1);
        from_flint(&found, &z->out[i]);
    }
    return bench_thread_ns() - before;
}

static double numbers_child(numbers *z, char *const argv[])
{
    z->child_ran = true;
    return bench_child_ns(argv, fileno(z->input), fileno(z->output));
}

static double numbers_coreutils(void *user)
{
    return numbers_child(user, (char *[]){"factor", NULL});
}

/* The command of the same build: build/<preset>/bin/fanfold beside build/<preset>/bench. */
static double numbers_command(void *user)
{
    char here[4096], command[sizeof here + 16];
    ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);
    if (length <= 0)
        return -1;
    here[length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(here, '/');
        if (!slash)
            return -1;
        *slash = '\0';
    }
    snprintf(command, sizeof command, "%s/bin/fanfold", here);
    return numbers_child(user, (char *[]){command, "factor", "--executor", "serial", NULL});
}

static void check_child_text(const numbers *z, const char *name)
{
    char *text = bench_alloc(z->text_size + 2, 1);
    rewind(z->output);
    size_t size = fread(text, 1, z->text_size + 1, z->output);
    if (size != z->text_size || memcmp(text, z->text, size) != 0)
        bench_fail("%s prints something else", name);
    free(text);
}

static bool same_factors(const fan_factors_u64 *left, const fan_factors_u64 *right)
{
    bool same = left->count == right->count;
    for (size_t i = 0; same && i < left->count; i++)
        same = left->prime[i] == right->prime[i] && left->exponent[i] == right->exponent[i];
    return same;
}

static void numbers_check(const void *user, const char *name)
{
    const numbers *z = user;
    if (z->child_ran) {
        check_child_text(z, name);
        return;
    }
    for (size_t i = 0; i < z->count; i++)
        if (!same_factors(&z->out[i], &z->expected[i]))
            bench_fail("factors %zu by %s are wrong", i, name);
    memset(z->out, 0, z->count * sizeof *z->out);
}

/* What FLINT says is what all must say. */
static void expect_numbers(numbers *z)
{
    char factors[FAN_FACTORS_U64_TEXT];
    FILE *text = open_memstream(&z->text, &z->text_size);
    z->input = tmpfile();
    z->output = tmpfile();
    if (!text || !z->input || !z->output)
        bench_fail("no temporary files: %s", strerror(errno));
    (void)numbers_flint(z);
    memcpy(z->expected, z->out, z->count * sizeof *z->out);
    for (size_t i = 0; i < z->count; i++) {
        fan_factors_u64_text(&z->expected[i], factors);
        fprintf(z->input, "%llu\n", (unsigned long long)z->n[i]);
        fprintf(text, "%llu: %s\n", (unsigned long long)z->n[i], factors);
    }
    if (fflush(z->input) || fclose(text))
        bench_fail("writing temporary files: %s", strerror(errno));
}

/* Takes `n` over. */
static void hold_numbers(const char *name, uint64_t *n, size_t count, const bench_options *options,
                         bench_table *table)
{
    numbers z = {.count = count,
                 .n = n,
                 .out = bench_alloc(count, sizeof *z.out),
                 .expected = bench_alloc(count, sizeof *z.expected)};
    expect_numbers(&z);
    contest c = {.name = name, .items = count, .check = numbers_check, .check_user = &z};
    add_peer(&c, "fan_factor_u64_array", numbers_fanfold, &z);
    add_peer(&c, "the same, FANFOLD_ISA=avx2", numbers_avx2, &z);
    add_peer(&c, "the same, FANFOLD_ISA=scalar", numbers_scalar, &z);
    add_peer(&c, "fan_factor_u64, one by one", numbers_single, &z);
    add_peer(&c, "FLINT n_factor", numbers_flint, &z);
    add_peer(&c, "fanfold factor (command)", numbers_command, &z);
    add_peer(&c, "coreutils factor (command)", numbers_coreutils, &z);
    hold(&c, options, table);
    fclose(z.input);
    fclose(z.output);
    free(z.text);
    free(z.n);
    free(z.out);
    free(z.expected);
}

static uint64_t random_prime(uint64_t *state, int bits)
{
    uint64_t top = UINT64_C(1) << (bits - 1);
    for (;;) {
        uint64_t n = (bench_random(state) & (top - 1)) | top | 1;
        if (fan_is_prime_u64(n))
            return n;
    }
}

static uint64_t *semiprimes(size_t count, int bits, uint64_t *state)
{
    uint64_t *n = bench_alloc(count, sizeof *n);
    for (size_t i = 0; i < count; i++)
        do
            n[i] = random_prime(state, bits / 2) * random_prime(state, bits / 2);
        while (n[i] >> (bits - 1) == 0);
    return n;
}

static void hold_factor(const bench_options *options, bench_table *table)
{
    uint64_t state = 3;
    size_t count = scaled(options, 1500);
    uint64_t *n = bench_alloc(count, sizeof *n);
    for (size_t i = 0; i < count; i++)
        n[i] = bench_random(&state);
    hold_numbers("factor, random 64-bit numbers", n, count, options, table);

    count = scaled(options, 300);
    n = semiprimes(count, 64, &state);
    hold_numbers("factor, 64-bit semiprimes", n, count, options, table);

    count = scaled(options, 1000);
    n = semiprimes(count, 52, &state);
    hold_numbers("factor, 52-bit semiprimes", n, count, options, table);

    count = scaled(options, 200000);
    n = bench_alloc(count, sizeof *n);
    for (size_t i = 0; i < count; i++)
        n[i] = 1000000 + i;
    hold_numbers("factor, consecutive from 10^6", n, count, options, table);
}

/* ---- Primality ------------------------------------------------------------------------------ */

typedef struct primes {
    size_t count;
    uint64_t *n;
    bool *prime;
} primes;

static double primes_fanfold(void *user)
{
    const primes *p = user;
    double before = bench_thread_ns();
    fan_is_prime_u64_array(p->n, p->prime, p->count);
    return bench_thread_ns() - before;
}

static double primes_avx2(void *user)
{
    return with_isa("avx2", primes_fanfold, user);
}

static double primes_scalar(void *user)
{
    return with_isa("scalar", primes_fanfold, user);
}

static double primes_single(void *user)
{
    const primes *p = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < p->count; i++)
        p->prime[i] = fan_is_prime_u64(p->n[i]);
    return bench_thread_ns() - before;
}

static double primes_flint(void *user)
{
    const primes *p = user;
    double before = bench_thread_ns();
    for (size_t i = 0; i < p->count; i++)
        p->prime[i] = n_is_prime(p->n[i]) != 0;
    return bench_thread_ns() - before;
}

static void primes_check(const void *user, const char *name)
{
    const primes *p = user;
    for (size_t i = 0; i < p->count; i++)
        if (!p->prime[i])
            bench_fail("%s does not know the prime %llu", name, (unsigned long long)p->n[i]);
    memset(p->prime, 0, p->count * sizeof *p->prime);
}

static void hold_primes(const bench_options *options, bench_table *table)
{
    uint64_t state = 4;
    primes p = {.count = scaled(options, 20000)};
    p.n = bench_alloc(p.count, sizeof *p.n);
    p.prime = bench_alloc(p.count, sizeof *p.prime);
    for (size_t i = 0; i < p.count; i++)
        p.n[i] = random_prime(&state, 64);
    contest c = {
        .name = "proving 64-bit primes", .items = p.count, .check = primes_check, .check_user = &p};
    add_peer(&c, "fan_is_prime_u64_array", primes_fanfold, &p);
    add_peer(&c, "the same, FANFOLD_ISA=avx2", primes_avx2, &p);
    add_peer(&c, "the same, FANFOLD_ISA=scalar", primes_scalar, &p);
    add_peer(&c, "fan_is_prime_u64, one by one", primes_single, &p);
    add_peer(&c, "FLINT n_is_prime", primes_flint, &p);
    hold(&c, options, table);
    free(p.n);
    free(p.prime);
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
    grid g = {.points = scaled(options, 1000000)};
    g.h = M_PI_2 / (double)g.points;
    /* The left sum of cos over [0, pi/2] in closed form (Lagrange's identity). */
    g.expected = g.h * (0.5 + 0.5 / tan(g.h / 2));
    fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    if (fan_expression_parse("cos(x)", 6, &names, &g.cosine, NULL) != FAN_OK)
        bench_fail("cos(x) does not parse");
    contest c = {.name = "left sum of cos, 10^6 points",
                 .items = g.points,
                 .check = grid_check,
                 .check_user = &g};
    add_peer(&c, "fan_integrate, expression", grid_expression, &g);
    add_peer(&c, "fan_integrate, batch in C", grid_batch, &g);
    add_peer(&c, "fan_integrate, scalar in C", grid_scalar, &g);
    add_peer(&c, "plain loop in C", grid_plain, &g);
    hold(&c, options, table);
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
    hold_factor(&options, table);
    hold_primes(&options, table);
    hold_grid(&options, table);
    bench_table_print(table, &options);
    return 0;
}
