/* The sieve of one large number over executors with one worker and with several: how long it takes,
 * what all processes spend, and what of it the thread that calls spends, which has to check and
 * keep what the others find. Under mpirun over the ranks, and nothing else.
 *
 * --digits A,B,...   lengths of random semiprimes (50)
 * --state FILE       with a state, so with its journal; it is removed at the end
 * --threads N        for the linear algebra (all usable cores)
 *
 * Rows of one number are interleaved, medians are shown. Seconds of the caller are those of
 * collecting; "algebra" is wall time. */
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fanfold/machine.h"
#include "harness.h"
#include "job/sieve.h"
#include "primes.h"
#include "target.h"

enum { REPETITIONS_MAX = 15, ROWS_MAX = 8 };

typedef struct spread_options {
    bench_options common;
    const char *digits, *state;
    unsigned threads;
} spread_options;

/* One way to do it, and what was measured of it. */
typedef struct row {
    const char *kind; /* NULL: over ranks */
    unsigned workers;
    double wall[REPETITIONS_MAX], cpu[REPETITIONS_MAX], caller[REPETITIONS_MAX],
        algebra[REPETITIONS_MAX];
    uint64_t relations;
    double state_bytes;
} row;

/* When the algebra began. */
typedef struct moment {
    double wall, thread;
    uint64_t relations;
} moment;

static void note(void *user, const fani_sieve_progress *progress)
{
    moment *m = user;
    if (progress->stage == FANI_SIEVE_SOLVE && m->wall == 0)
        *m = (moment){bench_wall_ns(), bench_thread_ns(), progress->relations};
}

static void sieve_once(const spread_options *options, row *r, unsigned repetition, mpz_srcptr n,
                       const bench_target *target)
{
    mpz_t divisor;
    struct stat state;
    moment solving = {0};
    fan_error error = {0};
    mpz_init(divisor);
    const fani_sieve_options how = {.executor = target->executor,
                                    .isa = fani_isa_wanted(),
                                    .state = options->state,
                                    .threads = options->threads,
                                    .progress = note,
                                    .user = &solving};
    double wall = bench_wall_ns(), thread = bench_thread_ns(), cpu = bench_target_cpu_ns(target);
    if (fani_sieve_over(n, &how, divisor, &error) != FAN_OK || !mpz_divisible_p(n, divisor))
        bench_fail("spread: %s", error.text);
    r->wall[repetition] = (bench_wall_ns() - wall) / 1e9;
    r->cpu[repetition] = (bench_target_cpu_ns(target) - cpu) / 1e9;
    r->caller[repetition] = (solving.thread - thread) / 1e9;
    r->algebra[repetition] = (bench_wall_ns() - solving.wall) / 1e9;
    r->relations = solving.relations;
    if (options->state && stat(options->state, &state) == 0)
        r->state_bytes = (double)state.st_size;
    if (options->state && fani_sieve_forget(options->state, &error) != FAN_OK)
        bench_fail("spread: %s", error.text);
    mpz_clear(divisor);
}

static void show(bench_table *table, unsigned digits, row *r, unsigned repetitions)
{
    double caller = bench_median(r->caller, repetitions);
    bench_table_row(table, "C%u\t%s\t%u\t%.2f\t%.2f\t%.3f\t%.2f\t%llu\t%.2f\t%.1f", digits,
                    r->kind ? r->kind : "mpi", r->workers, bench_median(r->wall, repetitions),
                    bench_median(r->cpu, repetitions), caller,
                    bench_median(r->algebra, repetitions), (unsigned long long)r->relations,
                    1e6 * caller / (double)r->relations, r->state_bytes / (double)r->relations);
}

/* Rows one after the other, again and again. */
static void sieve_digits(const spread_options *options, unsigned digits, row *rows, unsigned count,
                         bench_target *mpi, bench_table *table)
{
    mpz_t n;
    mpz_init(n);
    bench_semiprime(digits, 0, n);
    unsigned repetitions = options->common.repetitions;
    repetitions = repetitions < REPETITIONS_MAX ? repetitions : REPETITIONS_MAX;
    for (unsigned i = 0; i < repetitions; i++) {
        for (unsigned k = 0; k < count; k++) {
            bench_target own, *target = rows[k].kind ? &own : mpi;
            if (rows[k].kind)
                bench_target_open(&own, rows[k].kind, rows[k].workers);
            if (target->absent[0])
                bench_fail("spread: %s", target->absent);
            bench_settle();
            sieve_once(options, &rows[k], i, n, target);
            if (rows[k].kind)
                bench_target_close(&own);
        }
    }
    for (unsigned k = 0; k < count; k++)
        show(table, digits, &rows[k], repetitions);
    mpz_clear(n);
}

static unsigned choose_rows(const spread_options *options, bench_target *mpi, row *rows)
{
    static const char *const kinds[] = {"serial", "threads", "processes"};
    unsigned count = 0;
    fan_machine_info machine;
    fan_machine(&machine);
    unsigned most = options->common.workers ? options->common.workers : machine.cores_usable;
    if (mpi->executor) {
        bench_target_describe(mpi);
        rows[count++] = (row){.workers = mpi->workers};
        return count;
    }
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (options->common.only && strcmp(options->common.only, kinds[i]) != 0)
            continue;
        rows[count++] = (row){.kind = kinds[i], .workers = 1};
        if (i > 0 && most > 1)
            rows[count++] = (row){.kind = kinds[i], .workers = most};
    }
    return count;
}

/* Takes the options of its own out of argv; returns how many arguments are left. */
static int read_own(int argc, char **argv, spread_options *options)
{
    int left = 1;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--digits") == 0)
            options->digits = value;
        else if (strcmp(argv[i], "--state") == 0)
            options->state = value;
        else if (strcmp(argv[i], "--threads") == 0)
            options->threads = (unsigned)strtoul(value, NULL, 10);
        else {
            argv[left++] = argv[i];
            continue;
        }
        i++;
    }
    argv[left] = NULL;
    return left;
}

static void measure(const spread_options *options, bench_target *mpi)
{
    static row rows[ROWS_MAX];
    unsigned count = choose_rows(options, mpi, rows);
    bench_print_machine(&options->common);
    bench_table *table = bench_table_new("the sieve spread out, seconds", 2,
                                         "number\texecutor\tworkers\twall\tcpu\tcaller\talgebra\t"
                                         "relations\tcaller us/rel\tstate bytes/rel");
    for (const char *at = options->digits; *at;) {
        char *end;
        unsigned digits = (unsigned)strtoul(at, &end, 10);
        if (end == at)
            bench_fail("spread: --digits wants lengths with commas");
        sieve_digits(options, digits, rows, count, mpi, table);
        at = *end ? end + 1 : end;
    }
    bench_table_print(table, &options->common);
}

int main(int argc, char **argv)
{
    static const fan_task *tasks[] = {&bench_place_task, NULL, NULL};
    static bench_target mpi;
    spread_options options = {.digits = NULL};
    int code, rank = 0;
    for (const fan_task *const *task = fan_job_tasks(); *task; task++)
        if (strcmp((*task)->name, "factor.sieve") == 0)
            tasks[1] = *task;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    argc = read_own(argc, argv, &options);
    code = bench_options_read(argc, argv, "The sieve of one large number over executors.",
                              &options.common);
    if (code >= 0)
        return code;
    if (!options.digits)
        options.digits = options.common.quick ? "35" : "50";
    const fan_ranks *ranks = bench_ranks_open(&argc, &argv, &mpi, &rank);
    if (rank)
        return bench_ranks_serve(ranks, &mpi);
    measure(&options, &mpi);
    if (mpi.executor)
        bench_target_close(&mpi);
    bench_ranks_end(ranks);
    return 0;
}
