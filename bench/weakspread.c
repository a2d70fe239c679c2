/* The weakkeys job over executors with one worker and with several: how long it takes, what all
 * processes spend, and what of it the thread that calls spends, which reads, splits and writes
 * while no worker has anything to do.
 *
 * --keys A,B,...   numbers of keys (10000,50000)
 * --bits N         their size (2048)
 *
 * Rows of one number are interleaved, medians are shown. "least" is the caller's seconds and the
 * others' spread evenly: what the clock would show on a machine with nothing else to do, but for
 * workers that wait for each other between the levels of the trees. The last columns compare wall
 * and least with those of one worker of the same executor, and with those of serial. Memory is kept
 * as the command keeps it. */
#include <fcntl.h>
#include <stdio.h> /* before <gmp.h>, which declares gmp_fprintf only then */

#include <gmp.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fanfold/job.h"
#include "fanfold/machine.h"
#include "fanfold/weakkeys.h"
#include "harness.h"
#include "target.h"

enum { REPETITIONS_MAX = 15, ROWS_MAX = 5, TASKS_MAX = 64 };

typedef struct spread_options {
    bench_options common;
    const char *keys;
    mp_bitcnt_t bits;
} spread_options;

/* One way to do it, and what was measured of it. */
typedef struct row {
    const char *kind;
    unsigned workers;
    double wall[REPETITIONS_MAX], cpu[REPETITIONS_MAX], caller[REPETITIONS_MAX];
} row;

/* ---- Keys ------------------------------------------------------------------------------------ */

/* Random odd numbers without primes below 2^16. */
static void make_keys(fan_weakkeys_number *keys, size_t count, mp_bitcnt_t bits)
{
    gmp_randstate_t random;
    mpz_t n, small, gcd;
    mpz_inits(n, small, gcd, NULL);
    mpz_primorial_ui(small, 65535);
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        mpz_urandomb(n, random, bits);
        mpz_setbit(n, bits - 1);
        mpz_setbit(n, 0);
        while (mpz_mod(gcd, small, n), mpz_gcd(gcd, gcd, n), mpz_cmp_ui(gcd, 1) > 0)
            mpz_add_ui(n, n, 2);
        keys[i].bytes = mpz_export(NULL, &size, 1, 1, 1, 0, n);
        keys[i].size_bytes = size;
    }
    gmp_randclear(random);
    mpz_clears(n, small, gcd, NULL);
}

/* Writes those that have nothing in common, as it is with nearly all keys that people have, and
 * tells how many these are. */
static size_t write_sound(const fan_weakkeys_number *keys, size_t count, FILE *out)
{
    fan_weakkeys_report *report;
    size_t written = 0, weak = 0;
    if (fan_weakkeys_scan(keys, count, NULL, &report, NULL) != FAN_OK)
        bench_fail("weakspread: keys can't be compared");
    for (size_t i = 0; i < count; i++) {
        if (weak < report->finding_count && report->findings[weak].index == i) {
            weak++;
            continue;
        }
        for (size_t k = 0; k < keys[i].size_bytes; k++)
            fprintf(out, "%02x", keys[i].bytes[k]);
        fputc('\n', out);
        written++;
    }
    fan_weakkeys_report_free(report);
    return written;
}

/* A file of keys; it is gone when the program is. */
static size_t make_file(size_t count, mp_bitcnt_t bits, char path[static 32])
{
    fan_weakkeys_number *keys = bench_alloc(count, sizeof *keys);
    memset(keys, 0, count * sizeof *keys);
    snprintf(path, 32, "/tmp/weakspread-XXXXXX");
    int fd = mkstemp(path);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out)
        bench_fail("weakspread: %s can't be made", path);
    make_keys(keys, count, bits);
    size_t written = write_sound(keys, count, out);
    if (ferror(out) | fclose(out))
        bench_fail("weakspread: %s can't be written", path);
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)keys[i].bytes);
    free(keys);
    return written;
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static void scan_once(row *r, unsigned repetition, const char *path, const bench_target *target)
{
    fan_job *job;
    fan_error error = {0};
    int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fan_job_events events = {.output_fd = out};
    if (out < 0 || fan_job_new("weakkeys", &job, &error) != FAN_OK ||
        fan_job_add_argument(job, path, &error) != FAN_OK)
        bench_fail("weakspread: %s", error.text);
    double wall = bench_wall_ns(), thread = bench_thread_ns(), cpu = bench_target_cpu_ns(target);
    if (fan_job_run(job, target->executor, &events, NULL, &error) != FAN_OK)
        bench_fail("weakspread: %s", error.text);
    r->wall[repetition] = (bench_wall_ns() - wall) / 1e9;
    r->cpu[repetition] = (bench_target_cpu_ns(target) - cpu) / 1e9;
    r->caller[repetition] = (bench_thread_ns() - thread) / 1e9;
    fan_job_free(job);
    close(out);
}

static unsigned choose_rows(const spread_options *options, row rows[static ROWS_MAX])
{
    static const char *const kinds[] = {"serial", "threads", "processes"};
    unsigned count = 0;
    fan_machine_info machine;
    fan_machine(&machine);
    unsigned most = options->common.workers ? options->common.workers : machine.cores_usable;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (i && options->common.only && strcmp(options->common.only, kinds[i]) != 0)
            continue;
        rows[count++] = (row){.kind = kinds[i], .workers = 1};
        if (i > 0 && most > 1)
            rows[count++] = (row){.kind = kinds[i], .workers = most};
    }
    return count;
}

static void show(bench_table *table, size_t keys, row *rows, unsigned count, unsigned repetitions)
{
    double serial_wall = 0, serial_least = 0, one_wall = 0, one_least = 0;
    for (unsigned k = 0; k < count; k++) {
        row *r = &rows[k];
        double wall = bench_median(r->wall, repetitions), cpu = bench_median(r->cpu, repetitions);
        double caller = bench_median(r->caller, repetitions);
        double least = caller + (cpu - caller) / r->workers;
        if (k == 0) {
            serial_wall = wall;
            serial_least = least;
        }
        if (r->workers == 1) {
            one_wall = wall;
            one_least = least;
        }
        bench_table_row(table,
                        "%zu\t%s\t%u\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f", keys,
                        r->kind, r->workers, wall, cpu, caller, least, one_wall / wall,
                        one_least / least, serial_wall / wall, serial_least / least);
    }
}

/* Rows one after the other, again and again. */
static void scan_keys(const spread_options *options, size_t candidates, row *rows, unsigned count,
                      bench_table *table)
{
    char path[32];
    size_t keys = make_file(candidates, options->bits, path);
    unsigned repetitions = options->common.repetitions ? options->common.repetitions : 3;
    repetitions = repetitions < REPETITIONS_MAX ? repetitions : REPETITIONS_MAX;
    for (unsigned i = 0; i < repetitions; i++) {
        for (unsigned k = 0; k < count; k++) {
            bench_target target;
            bench_target_open(&target, rows[k].kind, rows[k].workers);
            if (target.absent[0])
                bench_fail("weakspread: %s", target.absent);
            bench_settle();
            scan_once(&rows[k], i, path, &target);
            bench_target_close(&target);
        }
    }
    unlink(path);
    show(table, keys, rows, count, repetitions);
}

/* Takes the options of its own out of argv; returns how many arguments are left. */
static int read_own(int argc, char **argv, spread_options *options)
{
    int left = 1;
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--keys") == 0)
            options->keys = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--bits") == 0)
            options->bits = strtoul(argv[++i], NULL, 10);
        else
            argv[left++] = argv[i];
    }
    argv[left] = NULL;
    return left;
}

static void measure(const spread_options *options)
{
    static row rows[ROWS_MAX];
    unsigned count = choose_rows(options, rows);
    bench_print_machine(&options->common);
    bench_table *table = bench_table_new(
        "weak keys spread out, seconds", 2,
        "keys\texecutor\tworkers\twall\tcpu\tcaller\tleast\tone/wall\tone/least\tserial/wall\t"
        "serial/least");
    for (const char *at = options->keys; *at;) {
        char *end;
        size_t keys = strtoul(at, &end, 10);
        if (end == at || keys < 2)
            bench_fail("weakspread: --keys wants numbers with commas");
        scan_keys(options, keys, rows, count, table);
        at = *end ? end + 1 : end;
    }
    bench_table_print(table, &options->common);
}

/* As `fanfold weakkeys` without a limit of memory, in worker images too. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
    (void)mallopt(M_TOP_PAD, 64 << 20);
}

int main(int argc, char **argv)
{
    static const fan_task *tasks[TASKS_MAX] = {&bench_place_task};
    spread_options options = {.bits = 2048};
    size_t known = 1;
    int code;
    keep_memory();
    for (const fan_task *const *task = fan_job_tasks(); *task && known < TASKS_MAX - 1; task++)
        tasks[known++] = *task;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    argc = read_own(argc, argv, &options);
    code = bench_options_read(argc, argv, "The weakkeys job over executors.", &options.common);
    if (code >= 0)
        return code;
    if (!options.keys)
        options.keys = options.common.quick ? "600" : "10000,50000";
    measure(&options);
    return 0;
}
