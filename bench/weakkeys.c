/* Batch gcd of many moduli on one core: the scaled remainder tree, beside a tree of squares as
 * fastgcd has it (but in memory: no time for files). Each row runs in a process of its own, whose
 * CPU time and memory are shown; the answers are compared.
 *
 * --keys A,B,...   numbers of moduli (10000,50000)
 * --bits N         their size (2048)
 * --own            without the tree of squares */
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fanfold/gcd.h"
#include "harness.h"
#include "kernel/gcd/scaled.h"
#include "kernel/gcd/trees.h"

/* One of so many moduli shares a prime with a neighbour. */
enum { PLANTED_EACH = 1000, WORDS_MAX = 16 };

static void require(fan_status status)
{
    if (status != FAN_OK)
        bench_fail("weakkeys: %s", fan_status_text(status));
}

/* ---- Moduli ---------------------------------------------------------------------------------- */

/* Random odd numbers, which cost no time to make and no other to scan than products of two primes.
 * Modulus PLANTED_EACH k + 1 and the one before it have the prime number k in common. */
static void make_moduli(fani_mpzs *list, size_t count, mp_bitcnt_t bits)
{
    gmp_randstate_t random;
    mpz_t prime;
    mpz_init(prime);
    gmp_randinit_mt(random);
    gmp_randseed_ui(random, bits);
    require(fani_mpzs_resize(list, count));
    for (size_t i = 0; i < count; i++) {
        bool planted = i % PLANTED_EACH < 2;
        if (i % PLANTED_EACH == 0) {
            mpz_urandomb(prime, random, bits / 8);
            mpz_setbit(prime, bits / 8 - 1);
            mpz_nextprime(prime, prime);
        }
        mp_bitcnt_t size = planted ? bits - mpz_sizeinbase(prime, 2) : bits;
        mpz_ptr modulus = list->values + i;
        mpz_urandomb(modulus, random, size);
        mpz_setbit(modulus, size - 1);
        mpz_setbit(modulus, 0);
        if (planted)
            mpz_mul(modulus, modulus, prime);
    }
    gmp_randclear(random);
    mpz_clear(prime);
}

/* The planted primes are in the gcds of those who share them. */
static void check_planted(const fani_mpzs *list, const fani_mpzs *gcds)
{
    mpz_t g;
    mpz_init(g);
    for (size_t i = 0; i + 1 < list->count; i += PLANTED_EACH) {
        mpz_gcd(g, list->values + i, list->values + i + 1);
        if (!mpz_divisible_p(gcds->values + i, g) || !mpz_divisible_p(gcds->values + i + 1, g))
            bench_fail("weakkeys: a shared prime was not found");
    }
    mpz_clear(g);
}

static uint64_t fingerprint(const fani_mpzs *gcds)
{
    uint64_t sum = gcds->count;
    for (size_t i = 0; i < gcds->count; i++) {
        sum = sum * UINT64_C(0x9e3779b97f4a7c15) + mpz_fdiv_ui(gcds->values + i, 4294967291UL);
        sum ^= sum >> 29;
    }
    return sum;
}

/* ---- The two ways ---------------------------------------------------------------------------- */

enum { UP, ROOT, DOWN, LEAVES, PHASES };

typedef struct result {
    double seconds[PHASES];
    uint64_t fingerprint;
} result;

static double lap(double *at)
{
    double now = bench_thread_ns(), seconds = (now - *at) / 1e9;
    *at = now;
    return seconds;
}

static void find_gcds(const fani_mpzs *list, fani_mpzs *residues)
{
    for (size_t i = 0; i < list->count; i++)
        mpz_gcd(residues->values + i, residues->values + i, list->values + i);
}

typedef struct collector {
    mpz_srcptr leaves;
    mpz_ptr residues;
    mp_limb_t *scratch;
} collector;

static fan_status collect(void *user, size_t leaf, const mp_limb_t *fraction)
{
    collector *c = user;
    fani_scaled_residue(c->residues + leaf, c->leaves + leaf, fraction, c->scratch);
    return FAN_OK;
}

/* The steps of fani_weak_gcds, apart. */
static void scaled(const fani_mpzs *list, fani_mpzs *gcds, double seconds[PHASES])
{
    const fani_multiplier *multiplier = fani_multiplier_best();
    size_t half = list->count / 2;
    fani_scaled_tree trees[2];
    mpz_t products[2], sums[2], fractions[2];
    double at = bench_thread_ns();
    for (size_t side = 0; side < 2; side++) {
        mpz_inits(products[side], sums[side], fractions[side], NULL);
        require(fani_scaled_build(&trees[side], multiplier, list->values + side * half, NULL,
                                  side ? list->count - half : half, products[side], sums[side]));
    }
    seconds[UP] = lap(&at);
    for (size_t side = 0; side < 2; side++)
        require(fani_scaled_root(multiplier, fractions[side], sums[side], products[side],
                                 products[!side]));
    seconds[ROOT] = lap(&at);
    require(fani_mpzs_resize(gcds, list->count));
    for (size_t side = 0; side < 2; side++) {
        collector c = {.leaves = list->values + side * half,
                       .residues = gcds->values + side * half};
        c.scratch = bench_alloc(2 * mpz_size(c.leaves) + 16, sizeof *c.scratch);
        require(fani_scaled_descend(&trees[side], fractions[side], collect, &c));
        free(c.scratch);
    }
    seconds[DOWN] = lap(&at);
    require(fan_gcd_mpz_array(gcds->values, list->values, gcds->values, list->count));
    seconds[LEAVES] = lap(&at);
    for (size_t side = 0; side < 2; side++) {
        fani_scaled_free(&trees[side]);
        mpz_clears(products[side], sums[side], fractions[side], NULL);
    }
}

/* One level of the remainders mod squares. */
static void reduce_level(const fani_mpzs *level, const fani_mpzs *above, fani_mpzs *below)
{
    mpz_t square;
    mpz_init(square);
    require(fani_mpzs_resize(below, level->count));
    for (size_t i = 0; i < level->count; i++) {
        mpz_mul(square, level->values + i, level->values + i);
        mpz_mod(below->values + i, above->values + i / 2, square);
    }
    mpz_clear(square);
}

static void squares(const fani_mpzs *list, fani_mpzs *gcds, double seconds[PHASES])
{
    fani_tree tree;
    fani_mpzs above = {0};
    double at = bench_thread_ns();
    require(fani_tree_build(&tree, list->values, list->count));
    require(fani_mpzs_push(&above, fani_tree_root(&tree)));
    seconds[UP] = lap(&at);
    for (size_t k = tree.level_count - 1; k-- > 0;) {
        fani_mpzs below = {0};
        reduce_level(&tree.levels[k], &above, &below);
        fani_mpzs_free(&above);
        above = below;
    }
    seconds[DOWN] = lap(&at);
    for (size_t i = 0; i < list->count; i++)
        mpz_divexact(above.values + i, above.values + i, list->values + i);
    find_gcds(list, &above);
    seconds[LEAVES] = lap(&at);
    *gcds = above;
    fani_tree_free(&tree);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

typedef void (*way)(const fani_mpzs *list, fani_mpzs *gcds, double seconds[PHASES]);

/* In a child: its answer comes through the pipe. */
static void run_here(way run, const fani_mpzs *list, int out)
{
    result r = {.fingerprint = 0};
    fani_mpzs gcds = {0};
    run(list, &gcds, r.seconds);
    check_planted(list, &gcds);
    r.fingerprint = fingerprint(&gcds);
    if (write(out, &r, sizeof r) != sizeof r)
        bench_fail("weakkeys: a result can't be passed on");
}

static double measure(const char *name, way run, const fani_mpzs *list, bench_table *table,
                      uint64_t *answer)
{
    int ends[2], code;
    struct rusage usage;
    result r;
    fflush(NULL);
    if (pipe(ends))
        bench_fail("weakkeys: no pipe");
    pid_t child = fork();
    if (child < 0)
        bench_fail("weakkeys: no process");
    if (child == 0) {
        run_here(run, list, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    bool passed = read(ends[0], &r, sizeof r) == sizeof r;
    close(ends[0]);
    if (wait4(child, &code, 0, &usage) != child || code || !passed)
        bench_fail("weakkeys: %s of %zu moduli failed", name, list->count);
    double seconds = 0;
    for (size_t k = 0; k < PHASES; k++)
        seconds += r.seconds[k];
    bench_table_row(table, "%s\t%zu\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f", name, list->count,
                    seconds, r.seconds[UP], r.seconds[ROOT], r.seconds[DOWN], r.seconds[LEAVES],
                    (double)usage.ru_maxrss / 1024);
    *answer = r.fingerprint;
    return seconds;
}

static void measure_size(size_t count, mp_bitcnt_t bits, bool own, bench_table *table,
                         bench_table *ratios)
{
    fani_mpzs list = {0};
    uint64_t answers[2];
    make_moduli(&list, count, bits);
    double ours = measure("scaled", scaled, &list, table, &answers[0]);
    if (!own) {
        double theirs = measure("squares", squares, &list, table, &answers[1]);
        if (answers[0] != answers[1])
            bench_fail("weakkeys: the two ways differ");
        bench_table_row(ratios, "%zu\t%.2f", count, theirs / ours);
    }
    fani_mpzs_free(&list);
}

int main(int argc, char **argv)
{
    char *keys = NULL;
    mp_bitcnt_t bits = 2048;
    bool own = false;
    int kept = 1;
    bench_options options;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--keys") && i + 1 < argc)
            keys = argv[++i];
        else if (!strcmp(argv[i], "--bits") && i + 1 < argc)
            bits = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--own"))
            own = true;
        else
            argv[kept++] = argv[i];
    }
    int code = bench_options_read(kept, argv, "batch gcd of many moduli", &options);
    if (code >= 0)
        return code;
    char chosen[256];
    snprintf(chosen, sizeof chosen, "%s", keys ? keys : options.quick ? "3000" : "10000,50000");
    bench_print_machine(&options);
    printf("multiplication: %s\n", fani_multiplier_best()->name);
    bench_table *table = bench_table_new("batch gcd, CPU seconds", 1,
                                         "way\tmoduli\tall\tup\troot\tdown\tleaves\tMiB");
    bench_table *ratios = bench_table_new("squares against scaled", 0, "moduli\tratio");
    for (char *at = strtok(chosen, ","); at; at = strtok(NULL, ","))
        measure_size(strtoul(at, NULL, 10), bits, own, table, ratios);
    bench_table_print(table, &options);
    bench_table_print(ratios, &options);
    return 0;
}
