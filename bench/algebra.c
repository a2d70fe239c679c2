/* What the algebra of the quadratic sieve of large numbers costs beside the sieve: a semiprime of
 * each length, CPU time of each part; and block Lanczos on a random matrix, of which merging takes
 * nothing away.
 *
 * --digits A,B,...     lengths (50, 60)
 * --random ROWS,ONES   that matrix (10000,30) */
#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "harness.h"
#include "kernel/qs/algebra_internal.h"
#include "primes.h"

static const fani_effort endless;

static double seconds_since(double *begin)
{
    double now = bench_thread_ns(), seconds = (now - *begin) / 1e9;
    *begin = now;
    return seconds;
}

static void require(fan_status status)
{
    if (status != FAN_OK)
        bench_fail("algebra: %s", fan_status_text(status));
}

static fan_status add(void *context, const fani_qs_relation *relation)
{
    return fani_qs_set_add(context, relation, NULL);
}

/* Relations until there are enough. */
static void collect(const fani_qs *qs, fani_qs_set *set)
{
    fani_qs_worker *worker;
    const fani_qs_hooks hooks = {.emit = add, .context = set};
    bool enough = false;
    require(fani_qs_worker_make(qs, fani_isa_wanted(), &worker));
    for (uint64_t a = 0; !enough && a < fani_qs_a_count(qs); a++) {
        require(fani_qs_collect(worker, a, &hooks));
        require(fani_qs_set_enough(set, &enough));
    }
    fani_qs_worker_free(worker);
}

/* The parts one by one, then all of them at once. */
static void measure(const fani_qs *qs, fani_qs_set *set, double sieve, unsigned digits,
                    bench_table *table)
{
    fani_qs_pruned pruned;
    fani_gf2_lists rows, sums, matrix;
    uint32_t found;
    mpz_t divisor;
    mpz_init(divisor);
    double at = bench_thread_ns();
    require(fani_qs_prune(set, 128, &endless, &pruned));
    require(fani_qs_rows(set, &pruned, &rows));
    double prune = seconds_since(&at);
    require(fani_gf2_merge(&rows, &endless, &sums));
    require(fani_gf2_sum(&rows, &sums, &matrix));
    double merge = seconds_since(&at);
    uint64_t *out = bench_alloc(matrix.count, sizeof *out);
    at = bench_thread_ns();
    require(fani_gf2_solve(&matrix, 1, NULL, NULL, &endless, out, &found));
    double lanczos = seconds_since(&at);
    require(fani_qs_solve(qs, set, NULL, NULL, &endless, divisor));
    double all = seconds_since(&at);
    bench_table_row(table, "C%u\t%zu\t%u\t%u\t%.0f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.1f", digits,
                    fani_qs_set_count(set), pruned.count, matrix.count,
                    (double)matrix.first[matrix.count] / matrix.count, sieve, prune, merge, lanczos,
                    all, 100 * all / sieve);
    free(out);
    free(pruned.record);
    fani_gf2_lists_clear(&rows);
    fani_gf2_lists_clear(&sums);
    fani_gf2_lists_clear(&matrix);
    mpz_clear(divisor);
}

static void measure_digits(unsigned digits, bench_table *table)
{
    fani_qs *qs;
    fani_qs_set *set;
    mpz_t n;
    mpz_init(n);
    bench_semiprime(digits, 0, n);
    double at = bench_thread_ns();
    require(fani_qs_make(n, NULL, &qs));
    require(fani_qs_set_new(fani_qs_columns(qs), &set));
    collect(qs, set);
    measure(qs, set, seconds_since(&at), digits, table);
    fani_qs_set_free(set);
    fani_qs_free(qs);
    mpz_clear(n);
}

static void measure_random(uint32_t count, uint32_t ones, bench_table *table)
{
    fani_gf2_lists matrix = {.count = count, .end = count - count / 500};
    uint32_t found;
    uint64_t *out = bench_alloc(count, sizeof *out);
    matrix.first = bench_alloc(count + 1, sizeof *matrix.first);
    matrix.item = bench_alloc((size_t)count * ones, sizeof *matrix.item);
    /* One of each stripe of columns: ascending, and none twice. */
    for (uint32_t row = 0; row <= count; row++) {
        matrix.first[row] = (size_t)row * ones;
        for (uint32_t i = 0; row < count && i < ones; i++) {
            uint64_t stripe = matrix.end / ones, word = fani_philox_u64(row, i);
            matrix.item[matrix.first[row] + i] = (uint32_t)(i * stripe + (word >> 32) % stripe);
        }
    }
    double at = bench_thread_ns();
    require(fani_gf2_solve(&matrix, 1, NULL, NULL, &endless, out, &found));
    bench_table_row(table, "random\t-\t-\t%u\t%u\t-\t-\t-\t%.3f\t-\t-", count, ones,
                    seconds_since(&at));
    if (found == 0)
        bench_fail("algebra: no dependency found");
    free(out);
    fani_gf2_lists_clear(&matrix);
}

int main(int argc, char **argv)
{
    bench_options common;
    const char *digits = NULL, *random = NULL;
    uint32_t rows = 10000, ones = 30;
    int left = 1;
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--digits") == 0)
            digits = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--random") == 0)
            random = argv[++i];
        else
            argv[left++] = argv[i];
    }
    argv[left] = NULL;
    int code =
        bench_options_read(left, argv, "What the algebra of the quadratic sieve costs.", &common);
    if (code >= 0)
        return code;
    if (random) {
        char *end;
        rows = (uint32_t)strtoul(random, &end, 10);
        ones = *end == ',' ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
    }
    if (rows < 1000 || ones < 1 || ones > 500)
        bench_fail("algebra: --random wants rows (1000 at least) and ones of a row (1 to 500)");
    if (!random && common.quick)
        rows = 2000;
    bench_print_machine(&common);
    bench_table *table = bench_table_new("algebra", 1,
                                         "number\trelations\trows\tmerged\tones a row\tsieve s\t"
                                         "prune\tmerge\tLanczos\tall\t% of the sieve");
    for (const char *at = digits ? digits : common.quick ? "35" : "50,60"; *at;) {
        char *end;
        measure_digits((unsigned)strtoul(at, &end, 10), table);
        at = *end ? end + 1 : end;
    }
    measure_random(rows, ones, table);
    bench_table_print(table, &common);
    return 0;
}
