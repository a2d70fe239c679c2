/* Numbers of 65 to 200 bits on one core beside FLINT and PARI, and where the sieve becomes faster
 * than curves. Each on the same numbers in one run, every answer checked; CPU time, medians of
 * interleaved repetitions. */
#include <errno.h>
#include <flint/fmpz.h>
#include <flint/fmpz_factor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/fanfold.h"
#include "harness.h"
#include "kernel/factor/sieve.h"
#include "kernel/factor/split.h"

enum { REPETITIONS_MAX = 1000, WAYS_MAX = 5 };

typedef struct numbers {
    size_t count;
    mpz_t *n;
    char **expected; /* "p q r", primes as often as they divide */
    fan_factorization *factors;
} numbers;

/* ---- Workloads ------------------------------------------------------------------------------- */

static void random_prime(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    do {
        mpz_urandomb(out, random, bits);
        mpz_setbit(out, bits - 1);
        mpz_nextprime(out, out);
    } while (mpz_sizeinbase(out, 2) != bits);
}

static void semiprime(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    mpz_t prime;
    mpz_init(prime);
    do {
        random_prime(random, bits / 2, out);
        random_prime(random, bits - bits / 2, prime);
        mpz_mul(out, out, prime);
    } while (mpz_sizeinbase(out, 2) != bits);
    mpz_clear(prime);
}

static void random_integer(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    mpz_urandomb(out, random, bits);
    mpz_setbit(out, bits - 1);
}

static void make_numbers(numbers *z, size_t count, unsigned bits,
                         void (*make)(gmp_randstate_t random, unsigned bits, mpz_ptr out))
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    *z = (numbers){.count = count,
                   .n = bench_alloc(count, sizeof *z->n),
                   .expected = bench_alloc(count, sizeof *z->expected)};
    for (size_t i = 0; i < count; i++) {
        mpz_init(z->n[i]);
        make(random, bits, z->n[i]);
        z->expected[i] = NULL;
    }
    gmp_randclear(random);
}

/* The terms of the aliquot sequence of 840: 747 numbers of up to 49 digits. */
static void make_aliquot(numbers *z, size_t count)
{
    mpz_t sum, term, less;
    mpz_inits(sum, term, less, NULL);
    *z = (numbers){.count = count,
                   .n = bench_alloc(count, sizeof *z->n),
                   .expected = bench_alloc(count, sizeof *z->expected)};
    fan_factorization *f;
    if (fan_factorization_create(&f) != FAN_OK)
        bench_fail("no memory");
    for (size_t i = 0; i < count; i++) {
        if (i == 0)
            mpz_init_set_ui(z->n[i], 840);
        else
            mpz_init_set(z->n[i], sum);
        z->expected[i] = NULL;
        if (fan_factor_mpz(z->n[i], NULL, f, NULL) != FAN_OK)
            bench_fail("fan_factor_mpz fails");
        mpz_set_ui(sum, 1);
        for (size_t k = 0; k < fan_factorization_count(f); k++) {
            mpz_srcptr p = fan_factorization_value(f, k);
            mpz_pow_ui(term, p, fan_factorization_exponent(f, k) + 1);
            mpz_sub_ui(term, term, 1);
            mpz_sub_ui(less, p, 1);
            mpz_divexact(term, term, less);
            mpz_mul(sum, sum, term);
        }
        mpz_sub(sum, sum, z->n[i]);
    }
    fan_factorization_destroy(f);
    mpz_clears(sum, term, less, NULL);
}

static void free_numbers(numbers *z)
{
    for (size_t i = 0; i < z->count; i++) {
        mpz_clear(z->n[i]);
        free(z->expected[i]);
    }
    free(z->n);
    free(z->expected);
}

/* The first answer is kept, the others must be the same; `text` is taken over. */
static void check(numbers *z, size_t i, char *text, const char *name)
{
    if (!z->expected[i]) {
        z->expected[i] = text;
        return;
    }
    if (strcmp(text, z->expected[i]) != 0)
        bench_fail("%s says %s for %s", name, text, z->expected[i]);
    free(text);
}

/* ---- Ways ------------------------------------------------------------------------------------ */

/* Factors the numbers; CPU time in ns a number, negative: it is not here. */
typedef double way(numbers *z, const char *isa);

static double by_fanfold(numbers *z, const char *isa)
{
    double ns = 0;
    if (isa && setenv("FANFOLD_ISA", isa, 1) != 0)
        bench_fail("no memory for the environment");
    for (size_t i = 0; i < z->count; i++) {
        char *text;
        double before = bench_thread_ns();
        fan_status status = fan_factor_mpz(z->n[i], NULL, z->factors, NULL);
        ns += bench_thread_ns() - before;
        if (status != FAN_OK || fan_factorization_text(z->factors, &text) != FAN_OK)
            bench_fail("fan_factor_mpz fails");
        check(z, i, text, "Fanfold");
    }
    unsetenv("FANFOLD_ISA");
    return ns / (double)z->count;
}

/* FLINT's factors come in no order: they are multiplied. */
static void check_flint(const numbers *z, size_t i, const fmpz_factor_t found)
{
    fmpz_t product, n;
    fmpz_init(n);
    fmpz_init(product);
    fmpz_factor_expand(product, found);
    fmpz_set_mpz(n, z->n[i]);
    if (!fmpz_equal(product, n))
        bench_fail("FLINT's factors do not multiply to the number");
    fmpz_clear(n);
    fmpz_clear(product);
}

/* Every twentieth number, for it takes that much longer. */
static double by_flint(numbers *z, const char *isa)
{
    double ns = 0;
    size_t count = 0;
    fmpz_t n;
    (void)isa;
    fmpz_init(n);
    for (size_t i = 0; i < z->count; i += 20, count++) {
        fmpz_factor_t found;
        fmpz_set_mpz(n, z->n[i]);
        fmpz_factor_init(found);
        double before = bench_thread_ns();
        fmpz_factor(found, n);
        ns += bench_thread_ns() - before;
        check_flint(z, i, found);
        fmpz_factor_clear(found);
    }
    fmpz_clear(n);
    return ns / (double)count;
}

static void write_script(const numbers *z, FILE *script)
{
    fprintf(script, "v=[");
    for (size_t i = 0; i < z->count; i++)
        gmp_fprintf(script, "%s%Zd", i == 0 ? "" : ",\\\n", z->n[i]);
    fprintf(script, "];\nw=vector(#v);gettime();for(i=1,#v,w[i]=factor(v[i]));t=gettime();\n"
                    "print(t);\n"
                    "for(i=1,#v,f=w[i];s=\"\";for(k=1,#f~,for(e=1,f[k,2],s=concat(s,concat("
                    "if(s==\"\",\"\",\" \"),Str(f[k,1])))));print(s));\nquit\n");
    if (fflush(script) != 0)
        bench_fail("writing a temporary file: %s", strerror(errno));
}

/* gp, which measures itself: its start is not in it. */
static double by_pari(numbers *z, const char *isa)
{
    FILE *script = tmpfile(), *answer = tmpfile();
    char *line = NULL;
    size_t room = 0;
    double ms = -1;
    (void)isa;
    if (!script || !answer)
        bench_fail("no temporary files: %s", strerror(errno));
    write_script(z, script);
    bool ran = bench_child_ns((char *[]){"gp", "-f", "-q", "-s", "400000000", NULL}, fileno(script),
                              fileno(answer)) >= 0;
    rewind(answer);
    if (ran && getline(&line, &room, answer) > 0)
        ms = strtod(line, NULL);
    for (size_t i = 0; i < z->count && ms >= 0; i++) {
        if (getline(&line, &room, answer) <= 0)
            bench_fail("gp has stopped early");
        line[strcspn(line, "\n")] = '\0';
        check(z, i, strdup(line), "PARI");
    }
    free(line);
    fclose(script);
    fclose(answer);
    return ms * 1e6 / (double)z->count;
}

static const struct {
    const char *name, *isa;
    way *run;
} ways[WAYS_MAX] = {
    {"fan_factor_mpz", NULL, by_fanfold},
    {"the same, FANFOLD_ISA=avx2", "avx2", by_fanfold},
    {"the same, FANFOLD_ISA=scalar", "scalar", by_fanfold},
    {"FLINT fmpz_factor, of some", NULL, by_flint},
    {"PARI factor (gp; proves nothing)", NULL, by_pari},
};

static void hold(const char *name, numbers *z, const bench_options *options, bench_table *table)
{
    static double times[WAYS_MAX][REPETITIONS_MAX];
    bool absent[WAYS_MAX] = {false};
    if (fan_factorization_create(&z->factors) != FAN_OK)
        bench_fail("no memory");
    for (unsigned k = 0; k < options->repetitions; k++) {
        for (size_t i = 0; i < WAYS_MAX; i++) {
            if (absent[i])
                continue;
            times[i][k] = ways[i].run(z, ways[i].isa);
            absent[i] = times[i][k] < 0;
        }
    }
    double pari =
        absent[WAYS_MAX - 1] ? 0 : bench_median(times[WAYS_MAX - 1], options->repetitions);
    for (size_t i = 0; i < WAYS_MAX; i++) {
        if (absent[i]) {
            bench_table_row(table, "%s\t%s\tabsent\t-\t-", name, ways[i].name);
            continue;
        }
        double ns = bench_median(times[i], options->repetitions);
        char ratio[32] = "-";
        if (pari > 0)
            snprintf(ratio, sizeof ratio, "%.2f", ns / pari);
        bench_table_row(table, "%s\t%s\t%.3f\t%.0f\t%s", name, ways[i].name, ns * 1e-6,
                        100 * bench_spread(times[i], options->repetitions), ratio);
    }
    fan_factorization_destroy(z->factors);
    free_numbers(z);
}

static size_t scaled(const bench_options *options, size_t items)
{
    return options->quick ? items / 50 + 1 : items;
}

static void hold_all(const bench_options *options)
{
    static const struct {
        unsigned bits, count;
    } semiprimes[] = {{80, 300}, {96, 200}, {112, 60}, {128, 30}, {160, 2}},
      integers[] = {{100, 400}, {128, 200}, {160, 40}, {200, 10}};
    bench_table *table =
        bench_table_new("wide", 2, "work\tby\tms a number\tspread %\ttimes PARI's");
    numbers z;
    char name[64];
    for (size_t i = 0; i < sizeof semiprimes / sizeof semiprimes[0]; i++) {
        unsigned bits = semiprimes[i].bits;
        make_numbers(&z, scaled(options, semiprimes[i].count), bits, semiprime);
        snprintf(name, sizeof name, "%u-bit semiprimes", bits);
        hold(name, &z, options, table);
    }
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        unsigned bits = integers[i].bits;
        make_numbers(&z, scaled(options, integers[i].count), options->quick ? 90 : bits,
                     random_integer);
        snprintf(name, sizeof name, "random, %u bits", bits);
        hold(name, &z, options, table);
    }
    make_aliquot(&z, options->quick ? 60 : 747);
    hold("aliquot sequence of 840", &z, options, table);
    bench_table_print(table, options);
}

/* ---- Where the sieve begins ------------------------------------------------------------------ */

typedef fan_status splitter(mpz_srcptr n, fani_isa isa, mpz_ptr divisor);

static fan_status by_curves(mpz_srcptr n, fani_isa isa, mpz_ptr divisor)
{
    fani_effort effort = {.isa = isa};
    return fani_split_by_curves(n, &effort, 10000, true, divisor);
}

static fan_status by_sieve(mpz_srcptr n, fani_isa isa, mpz_ptr divisor)
{
    fani_effort effort = {.isa = isa};
    return fani_sieve_split(n, &effort, isa, divisor);
}

static double split_all(const numbers *z, splitter *run, fani_isa isa)
{
    double ns = 0;
    mpz_t divisor;
    mpz_init(divisor);
    for (size_t i = 0; i < z->count; i++) {
        double before = bench_thread_ns();
        fan_status status = run(z->n[i], isa, divisor);
        ns += bench_thread_ns() - before;
        if (status != FAN_OK || mpz_cmp_ui(divisor, 1) == 0 || !mpz_divisible_p(z->n[i], divisor))
            bench_fail("a number was not split");
    }
    mpz_clear(divisor);
    return ns / (double)z->count;
}

static void cross(const bench_options *options)
{
    bench_table *table =
        bench_table_new("crossing", 2, "semiprimes\tpath\tcurves ms\tsieve ms\tsieve / curves");
    unsigned last = options->quick ? 76 : 124;
    for (unsigned bits = 68; bits <= last; bits += 8) {
        numbers z;
        make_numbers(&z, scaled(options, 20), bits, semiprime);
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
            double curves[REPETITIONS_MAX], sieve[REPETITIONS_MAX];
            unsigned repetitions = options->repetitions < 3 ? options->repetitions : 3;
            for (unsigned k = 0; k < repetitions; k++) {
                curves[k] = split_all(&z, by_curves, isa);
                sieve[k] = split_all(&z, by_sieve, isa);
            }
            double c = bench_median(curves, repetitions), s = bench_median(sieve, repetitions);
            bench_table_row(table, "%u bits\t%s\t%.3f\t%.3f\t%.2f", bits, fani_isa_name(isa),
                            c * 1e-6, s * 1e-6, s / c);
        }
        free_numbers(&z);
    }
    bench_table_print(table, options);
}

int main(int argc, char **argv)
{
    bench_options options;
    int code =
        bench_options_read(argc, argv,
                           "factoring of 65 to 200 bits beside FLINT and PARI, and where the "
                           "sieve becomes faster than curves (--only crossing: that alone)",
                           &options);
    if (code >= 0)
        return code;
    if (options.repetitions > REPETITIONS_MAX)
        bench_fail("at most %d repetitions", REPETITIONS_MAX);
    bench_print_machine(&options);
    if (!options.only)
        hold_all(&options);
    cross(&options);
    return 0;
}
