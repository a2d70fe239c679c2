/* The whole output of a weakkeys job over keys with every kind of weakness, against brute force. */
#include "weak_plant.h"
#include "weakkeys_kit.h"

#include <stdlib.h>

static void expect_lines(const char *got, const char *want)
{
    for (unsigned line = 1; *got || *want; line++) {
        size_t got_size = strcspn(got, "\n"), want_size = strcspn(want, "\n");
        SHIM_CHECK(got_size == want_size && !strncmp(got, want, got_size), return,
                   "line %u is %.*s\nexpected %.*s", line, (int)(got_size < 900 ? got_size : 900),
                   got, (int)(want_size < 900 ? want_size : 900), want);
        got += got_size + (got[got_size] != '\0');
        want += want_size + (want[want_size] != '\0');
    }
}

/* Adds keys in which nothing is to be found, so long that the small primes of all keys are looked
 * for in the scan itself (kernel/rsa/primorial.h), and not in each key. */
static void write_sound(FILE *out)
{
    enum { KEYS = 18, BITS = 65536 };
    gmp_randstate_t random;
    mpz_t n, small, gcd;
    mpz_inits(n, small, gcd, NULL);
    mpz_primorial_ui(small, 65535);
    gmp_randinit_default(random);
    for (unsigned i = 0; i < KEYS; i++) {
        mpz_urandomb(n, random, BITS);
        while (mpz_gcd(gcd, n, small), mpz_cmp_ui(gcd, 1) > 0)
            mpz_divexact(n, n, gcd);
        gmp_fprintf(out, "sound %u,%Zx,10001\n", i, n);
    }
    gmp_randclear(random);
    mpz_clears(n, small, gcd, NULL);
}

static void run_planted(bool in_many)
{
    static weak_plant plant;
    for (unsigned long seed = 1; seed <= 2; seed++) {
        char *table = NULL, *want = NULL, path[128];
        size_t size;
        weak_plant_make(&plant, seed);
        FILE *out = open_memstream(&table, &size);
        weak_plant_write(&plant, out);
        if (in_many)
            write_sound(out);
        fclose(out);
        snprintf(path, sizeof path, "%s", weak_file("keys", table));
        out = open_memstream(&want, &size);
        weak_plant_expect(&plant, path, out);
        fclose(out);
        EXPECT_TRUE(plant.count > 50);
        static const char *const methods[] = {"method=levels", "method=ring"};
        for (size_t e = 0; e < 2 * WEAK_EXECUTORS; e++) {
            weak_outcome o = {0};
            weak_run(&o, weak_executors[e / 2],
                     WEAK_SETTINGS("format=tsv", "checks=all", methods[e % 2]), WEAK_FILES(path));
            EXPECT_I64(o.result.exit_code, 0);
            expect_lines(o.output, want);
            EXPECT_CONTAINS(o.reports, "invalid: a modulus of 0");
            EXPECT_CONTAINS(o.reports, "invalid: a modulus of 1");
            free(o.output);
        }
        free(table);
        free(want);
        weak_plant_free(&plant);
        weak_clear();
    }
}

FAN_TEST(job_weakkeys_planted, every_kind_of_weakness_is_found_on_each_executor)
{
    run_planted(false);
}

FAN_TEST(job_weakkeys_planted, every_kind_of_weakness_is_found_where_small_primes_are_scanned_for)
{
    run_planted(true);
}

FAN_TEST(job_weakkeys_planted, the_task_of_the_checks_is_listed)
{
    bool found = false;
    for (const fan_task *const *task = fan_job_tasks(); *task; task++)
        found |= !strcmp((*task)->name, "weakkeys.check");
    EXPECT_TRUE(found);
}
