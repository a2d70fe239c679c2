/* What it costs to look at one RSA key alone: each check, and all of them, with the instructions
 * that FANFOLD_ISA allows, beside GMP's gcd of two such moduli. */
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "fanfold/weakkeys.h"
#include "harness.h"

enum { SET = 4096, SET_QUICK = 64, LENGTHS = 3, REPETITIONS = 5 };

typedef struct keys {
    mpz_t value[SET];
    fan_weakkeys_number number[SET];
    size_t count;
} keys;

/* Random moduli without prime factors below 2^16, as those of sound keys: nothing is found in them,
 * and what the checks do depends on their length alone. */
static void make_keys(keys *k, mp_bitcnt_t bits, size_t count)
{
    gmp_randstate_t random;
    mpz_t small, gcd;
    mpz_inits(small, gcd, NULL);
    mpz_primorial_ui(small, 65535);
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    k->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t size;
        mpz_init(k->value[i]);
        do {
            mpz_urandomb(k->value[i], random, bits + 20);
            while (mpz_gcd(gcd, k->value[i], small), mpz_cmp_ui(gcd, 1) > 0)
                mpz_divexact(k->value[i], k->value[i], gcd);
        } while (mpz_sizeinbase(k->value[i], 2) < bits);
        k->number[i].bytes = mpz_export(NULL, &size, 1, 1, 1, 0, k->value[i]);
        k->number[i].size_bytes = size;
    }
    gmp_randclear(random);
    mpz_clears(small, gcd, NULL);
}

static void free_keys(keys *k)
{
    for (size_t i = 0; i < k->count; i++) {
        mpz_clear(k->value[i]);
        free((void *)(uintptr_t)k->number[i].bytes);
    }
}

/* Microseconds a key; the tables are made once for all of them. */
static double check_us(const keys *k, unsigned checks)
{
    fan_weakkeys_checks *report;
    double begin = bench_thread_ns();
    if (fan_weakkeys_check(k->number, NULL, k->count, checks, &report, NULL) != FAN_OK)
        bench_fail("keys can't be checked");
    double ns = bench_thread_ns() - begin;
    if (report->finding_count)
        bench_fail("a check finds something in sound keys");
    fan_weakkeys_checks_free(report);
    return ns / 1000 / (double)k->count;
}

static double gcd_us(const keys *k)
{
    mpz_t gcd;
    mpz_init(gcd);
    double begin = bench_thread_ns();
    for (size_t i = 0; i + 1 < k->count; i++)
        mpz_gcd(gcd, k->value[i], k->value[i + 1]);
    double ns = bench_thread_ns() - begin;
    mpz_clear(gcd);
    return ns / 1000 / (double)(k->count - 1);
}

/* The rows; the last one is GMP's. */
static const struct {
    const char *name;
    unsigned checks;
} rows[] = {{"small-factor", FAN_WEAKKEYS_SMALL_FACTOR},
            {"square", FAN_WEAKKEYS_SQUARE},
            {"close", FAN_WEAKKEYS_CLOSE},
            {"roca", FAN_WEAKKEYS_ROCA},
            {"all but tiny", FAN_WEAKKEYS_CHECKS & ~FAN_WEAKKEYS_TINY},
            {"mpz_gcd of two", 0}};
enum { ROWS = sizeof rows / sizeof *rows };

int main(int argc, char **argv)
{
    static const mp_bitcnt_t lengths[LENGTHS] = {1024, 2048, 4096};
    static keys set[LENGTHS];
    bench_options options;
    int code =
        bench_options_read(argc, argv, "What it costs to look at one RSA key alone.", &options);
    if (code >= 0)
        return code;
    unsigned repetitions = options.repetitions ? options.repetitions : REPETITIONS;
    double *times = bench_alloc((size_t)ROWS * LENGTHS * repetitions, sizeof *times);
    for (size_t l = 0; l < LENGTHS; l++)
        make_keys(&set[l], lengths[l], options.quick ? SET_QUICK : SET);
    for (unsigned n = 0; n < repetitions; n++)
        for (size_t r = 0; r < ROWS; r++)
            for (size_t l = 0; l < LENGTHS; l++)
                times[(r * LENGTHS + l) * repetitions + n] =
                    r == ROWS - 1 ? gcd_us(&set[l]) : check_us(&set[l], rows[r].checks);
    bench_table *table =
        bench_table_new("microseconds a key, one core", 1, "what\t1024 bits\t2048\t4096");
    for (size_t r = 0; r < ROWS; r++) {
        double median[LENGTHS];
        for (size_t l = 0; l < LENGTHS; l++)
            median[l] = bench_median(times + (r * LENGTHS + l) * repetitions, repetitions);
        bench_table_row(table, "%s\t%.2f\t%.2f\t%.2f", rows[r].name, median[0], median[1],
                        median[2]);
    }
    bench_table_print(table, &options);
    for (size_t l = 0; l < LENGTHS; l++)
        free_keys(&set[l]);
    free(times);
    return 0;
}
