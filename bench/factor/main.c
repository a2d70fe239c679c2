/* Factorization on one core beside what people use today, for each instruction set: each work on
 * the same numbers in one run, every answer checked; CPU time, medians of interleaved repetitions.
 */
#include "factor.h"

#include <string.h>

typedef double way(numbers *z, const char *isa);

typedef struct entry {
    const char *name, *isa;
    way *run;
    numbers *z;
} entry;

static double run_entry(void *user)
{
    entry *e = user;
    return e->run(e->z, e->isa);
}

static const entry arrays[] = {
    {"fan_factor_u64_array, avx512", "avx512", by_array, NULL},
    {"the same, avx2", "avx2", by_array, NULL},
    {"the same, scalar", "scalar", by_array, NULL},
    {"fan_factor_u64, one by one", NULL, by_single, NULL},
    {"fanfold factor (command)", NULL, by_command, NULL},
    {"coreutils factor (command)", NULL, by_coreutils, NULL},
    {"FLINT n_factor", NULL, by_flint, NULL},
    {"PARI factor (gp)", NULL, by_pari, NULL},
};

static const entry proofs[] = {
    {"fan_is_prime_u64_array, avx512", "avx512", primes_by_array, NULL},
    {"the same, avx2", "avx2", primes_by_array, NULL},
    {"the same, scalar", "scalar", primes_by_array, NULL},
    {"fan_is_prime_u64, one by one", NULL, primes_by_single, NULL},
    {"FLINT n_is_prime", NULL, primes_by_flint, NULL},
    {"PARI isprime (gp)", NULL, primes_by_pari, NULL},
};

static const entry integers[] = {
    {"fan_factor_mpz, avx512", "avx512", by_mpz, NULL},
    {"the same, avx2", "avx2", by_mpz, NULL},
    {"the same, scalar", "scalar", by_mpz, NULL},
    {"PARI factor (gp; proves nothing)", NULL, by_pari, NULL},
    {"FLINT fmpz_factor, of some", NULL, by_flint, NULL},
    {"GMP-ECM (library; splits only), of some", NULL, by_gmp_ecm, NULL},
    {"coreutils factor (command), of some", NULL, by_coreutils, NULL},
};

/* Beyond the engines of wide.h there is one way for all instruction sets. */
static const entry longer[] = {
    {"fan_factor_mpz", NULL, by_mpz, NULL},
    {"GMP-ECM (library; splits only)", NULL, by_gmp_ecm, NULL},
    {"PARI factor (gp; proves nothing)", NULL, by_pari, NULL},
};

enum { LONGER = 3, WITHOUT_PARI = 2, LONGER_NATIVE = 1, WITHOUT_FLINT = 4 };
enum { ARRAYS = 8, PROOFS = 6, INTEGERS = 7, WITHOUT_ECM = 5, WITHOUT_COREUTILS = 6 };

/* Holds the first `count` ways of a list against each other. Frees the numbers. */
static void hold(const char *name, numbers *z, const entry *list, size_t count,
                 const bench_options *options, bench_table *table)
{
    entry entries[BENCH_PEERS_MAX];
    bench_contest c = {.name = name, .items = z->count, .unit_ns = 1e3};
    for (size_t i = 0; i < count; i++) {
        entries[i] = list[i];
        entries[i].z = z;
        bench_contest_add(&c, list[i].name, run_entry, &entries[i]);
    }
    bench_contest_hold(&c, options, table);
    numbers_free(z);
}

static bool wanted(const bench_options *options, const char *group)
{
    return !options->only || strcmp(options->only, group) == 0;
}

static void hold_words(const bench_options *options, bench_table *table)
{
    static const struct {
        const char *name;
        unsigned count, bits;
        number_maker *make;
    } works[] = {
        {"random 64-bit numbers", 2000, 64, make_random},
        {"64-bit semiprimes", 300, 64, make_semiprime},
        {"56-bit semiprimes", 500, 56, make_semiprime},
        {"52-bit semiprimes", 1000, 52, make_semiprime},
        {"48-bit semiprimes", 1000, 48, make_semiprime},
    };
    numbers z;
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        numbers_make(&z, bench_scaled(options, works[i].count), works[i].bits, works[i].make);
        hold(works[i].name, &z, arrays, ARRAYS, options, table);
    }
    numbers_make(&z, bench_scaled(options, 20000), 64, make_prime);
    hold("proving 64-bit primes", &z, proofs, PROOFS, options, table);
}

static void hold_semiprimes(const bench_options *options, bench_table *table)
{
    static const struct {
        unsigned bits, count, every, ways;
    } works[] = {{80, 300, 20, INTEGERS},
                 {96, 200, 20, WITHOUT_COREUTILS},
                 {112, 60, 10, WITHOUT_COREUTILS},
                 {128, 30, 10, WITHOUT_COREUTILS}};
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        numbers z;
        char name[64];
        numbers_make(&z, bench_scaled(options, works[i].count), works[i].bits, make_semiprime);
        z.every = works[i].every;
        snprintf(name, sizeof name, "%u-bit semiprimes", works[i].bits);
        hold(name, &z, integers, options->quick ? WITHOUT_ECM : works[i].ways, options, table);
    }
}

static void hold_integers(const bench_options *options, bench_table *table)
{
    static const struct {
        unsigned bits, count, ways;
    } works[] = {{100, 400, WITHOUT_ECM},
                 {128, 200, WITHOUT_ECM},
                 {160, 40, WITHOUT_FLINT},
                 {200, 60, WITHOUT_FLINT}};
    numbers z;
    char name[64];
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        numbers_make(&z, bench_scaled(options, works[i].count), options->quick ? 90 : works[i].bits,
                     make_random);
        z.every = 20;
        snprintf(name, sizeof name, "random, %u bits", works[i].bits);
        hold(name, &z, integers, works[i].ways, options, table);
    }
    numbers_make_aliquot(&z, options->quick ? 60 : 747);
    z.every = 20;
    hold("aliquot sequence of 840", &z, integers, WITHOUT_ECM, options, table);
}

/* Too long for the sieve: what curves find in them. PARI goes on with its own sieve,
 * which takes far longer than any of these. */
static void hold_beyond(const bench_options *options, bench_table *table)
{
    static const struct {
        unsigned digits, shorter, count, ways;
    } works[] = {{70, 15, 6, LONGER},
                 {70, 20, 3, LONGER},
                 {85, 20, 3, WITHOUT_PARI},
                 {100, 20, 3, WITHOUT_PARI}};
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        numbers z;
        char name[64];
        numbers_make_uneven(&z, options->quick ? 1 : works[i].count, works[i].digits,
                            options->quick ? 11 : works[i].shorter);
        snprintf(name, sizeof name, "%u digits, a prime of %u", works[i].digits, works[i].shorter);
        hold(name, &z, longer, options->native ? LONGER_NATIVE : works[i].ways, options, table);
    }
}

int main(int argc, char **argv)
{
    bench_options options;
    int code = bench_options_read(
        argc, argv,
        "Factorization beside coreutils, PARI, FLINT and GMP-ECM, by instruction set.\n"
        "--only words, semiprimes, integers, beyond (more than 208 bits), or crossing (where the\n"
        "sieve begins): that alone",
        &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    bench_table *table = bench_table_new("factor", 2, "work\tby\tCPU us a number\tspread %\tratio");
    if (wanted(&options, "words"))
        hold_words(&options, table);
    if (wanted(&options, "semiprimes"))
        hold_semiprimes(&options, table);
    if (wanted(&options, "integers"))
        hold_integers(&options, table);
    if (wanted(&options, "beyond"))
        hold_beyond(&options, table);
    bench_table_print(table, &options);
    if (wanted(&options, "crossing"))
        crossing(&options);
    return 0;
}
