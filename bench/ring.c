/* The scan of weak keys as a ring (docs/weakkeys-scaling.md): the CPU time of its members, what
 * they pass around, and how efficient it is against one member. On threads; under mpirun on ranks,
 * with as many members as there are ranks beside one.
 *
 * --keys N         moduli (20000)
 * --bits N         their size (2048)
 * --members A,B,.. (1,2,4)
 * --levels         also by levels (job/weak_engine.h), on as many threads
 * Efficiency: the CPU time of one member over that of all members together; and over members times
 * that of the slowest one, which counts waiting too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "job/weak_engine.h"
#include "job/weak_ring.h"
#include "kernel/gcd/multiplier.h"
#include "target.h"

enum { MEMBERS_MAX = 64, SIZES_MAX = 16 };

typedef struct choice {
    size_t keys;
    mp_bitcnt_t bits;
    size_t members[SIZES_MAX];
    size_t sizes;
    bool levels;
    unsigned repetitions;
} choice;

static void require(fan_status status, const fan_error *error)
{
    if (status != FAN_OK)
        bench_fail("ring: %s: %s", fan_status_text(status), error ? error->text : "");
}

static void make_moduli(fani_mpzs *list, size_t count, mp_bitcnt_t bits)
{
    gmp_randstate_t random;
    gmp_randinit_mt(random);
    gmp_randseed_ui(random, bits);
    require(fani_mpzs_resize(list, count), NULL);
    for (size_t i = 0; i < count; i++) {
        mpz_urandomb(list->values + i, random, bits);
        mpz_setbit(list->values + i, bits - 1);
        mpz_setbit(list->values + i, 0);
    }
    gmp_randclear(random);
}

/* Sums over the members, but `slowest`. */
typedef struct row {
    double seconds[FANI_WEAK_RING_PHASES];
    double all, slowest, wall;
    double sent_each;
} row;

static uint64_t fingerprint(const fani_mpzs *gcds)
{
    uint64_t sum = gcds->count;
    for (size_t i = 0; i < gcds->count; i++) {
        sum = sum * UINT64_C(0x9e3779b97f4a7c15) + mpz_fdiv_ui(gcds->values + i, 4294967291UL);
        sum ^= sum >> 29;
    }
    return sum;
}

static fani_job_run run_on(fan_executor *executor, fan_job_result *result)
{
    fan_job *job = NULL;
    require(fan_job_new("weakkeys", &job, NULL), NULL);
    return (fani_job_run){.job = job, .executor = executor, .result = result};
}

static row run_ring(fan_executor *executor, size_t members, const fani_mpzs *list, uint64_t *answer)
{
    row r = {.sent_each = 0};
    fan_error error = {0};
    fan_job_result result = {0};
    fani_mpzs gcds = {0};
    fani_weak_ring_told told[MEMBERS_MAX];
    fani_job_run run = run_on(executor, &result);
    const fani_weak_ring ring = {.members = members};
    double begun = bench_wall_ns();
    require(fani_weak_ring_run(&run, &ring, list, &gcds, told, &error), &error);
    r.wall = (bench_wall_ns() - begun) / 1e9;
    for (size_t i = 0; i < members; i++) {
        double own = 0;
        for (size_t k = 0; k < FANI_WEAK_RING_PHASES; k++) {
            r.seconds[k] += (double)told[i].cpu_ns[k] / 1e9;
            own += (double)told[i].cpu_ns[k] / 1e9;
        }
        r.all += own;
        r.slowest = own > r.slowest ? own : r.slowest;
        r.sent_each += (double)told[i].sent_bytes / (double)members;
    }
    *answer = fingerprint(&gcds);
    fani_mpzs_free(&gcds);
    fan_job_free((fan_job *)run.job);
    return r;
}

/* CPU time of this process: where workers are threads. */
static double run_levels(fan_executor *executor, const fani_mpzs *list, uint64_t *answer)
{
    fan_error error = {0};
    fan_job_result result = {0};
    fani_mpzs gcds = {0};
    fani_job_run run = run_on(executor, &result);
    const fani_weak_store nowhere = {.base = NULL};
    const fani_weak_memory unlimited = fani_weak_memory_of(&run);
    const fani_weak_circumstances circumstances = {.store = &nowhere, .memory = &unlimited};
    double begun = bench_process_ns();
    require(fani_weak_engine_run(&run, list, &circumstances, &gcds, &error), &error);
    *answer = fingerprint(&gcds);
    fani_mpzs_free(&gcds);
    fan_job_free((fan_job *)run.job);
    return (bench_process_ns() - begun) / 1e9;
}

static fan_executor *open_threads(size_t workers)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    const fan_executor_options options = {.kind = "threads", .workers = (unsigned)workers};
    require(fan_executor_open(&options, &executor, &error), &error);
    return executor;
}

/* The run of the least CPU time: what else the machine does only adds to it. */
static void measure(fan_executor *ranks, const choice *c, const fani_mpzs *list, bench_table *table,
                    bench_table *levels)
{
    double one = 0;
    uint64_t answer = 0, other = 0;
    for (size_t s = 0; s < c->sizes; s++) {
        size_t members = c->members[s];
        fan_executor *executor = ranks ? ranks : open_threads(members);
        row best = {.all = 0};
        double by_levels = 0;
        for (unsigned i = 0; i < c->repetitions; i++) {
            row r = run_ring(executor, members, list, s == 0 && i == 0 ? &answer : &other);
            if ((s || i) && answer != other)
                bench_fail("ring: the answer with %zu members is another one", members);
            if (i == 0 || r.all < best.all)
                best = r;
            double seconds = c->levels && !ranks ? run_levels(executor, list, &other) : 0;
            if (c->levels && !ranks && answer != other)
                bench_fail("ring: the levels' answer is another one");
            if (i == 0 || seconds < by_levels)
                by_levels = seconds;
        }
        if (s == 0)
            one = best.all;
        bench_table_row(table, "%zu\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.2f\t%.2f\t%.2f\t%.2f", members,
                        best.all, best.seconds[FANI_WEAK_RING_UP],
                        best.seconds[FANI_WEAK_RING_STEPS], best.seconds[FANI_WEAK_RING_ROOT],
                        best.seconds[FANI_WEAK_RING_DOWN], best.wall, best.sent_each / 1e6,
                        one / best.all, one / ((double)members * best.slowest));
        if (c->levels && !ranks)
            bench_table_row(levels, "%zu\t%.3f\t%.2f", members, by_levels, by_levels / best.all);
        if (!ranks)
            require(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), NULL);
    }
}

static int report(fan_executor *ranks, const choice *c, const bench_options *options)
{
    fani_mpzs list = {0};
    char name[128];
    make_moduli(&list, c->keys, c->bits);
    bench_print_machine(options);
    printf("multiplication: %s; on %s\n", fani_multiplier_best()->name,
           ranks ? "ranks" : "threads");
    snprintf(name, sizeof name, "a ring over %zu moduli of %lu bits: CPU seconds of all members",
             c->keys, (unsigned long)c->bits);
    bench_table *table = bench_table_new(
        name, 0,
        "members\tall\tup\tsteps\troot\tdown\twall\tMB sent each\tefficiency\tof the slowest");
    bench_table *levels =
        bench_table_new("by levels, CPU seconds of the program", 0, "workers\tall\tring's times");
    measure(ranks, c, &list, table, levels);
    bench_table_print(table, options);
    bench_table_print(levels, options);
    fani_mpzs_free(&list);
    return 0;
}

static void read_members(choice *c, char *text)
{
    c->sizes = 0;
    for (char *at = strtok(text, ","); at && c->sizes < SIZES_MAX; at = strtok(NULL, ",")) {
        size_t members = strtoul(at, NULL, 10);
        if (members < 1 || members > MEMBERS_MAX)
            bench_fail("ring: members are 1 to %d", MEMBERS_MAX);
        c->members[c->sizes++] = members;
    }
}

int main(int argc, char **argv)
{
    int kept = 1, rank = 0, code = 0;
    char *members = NULL;
    choice c = {.bits = 2048, .members = {1, 2, 4}, .sizes = 3};
    bench_options options;
    bench_target target;
    if (fan_start(&argc, &argv, fan_job_tasks(), &code))
        return code;
    const fan_ranks *ranks = bench_ranks_open(&argc, &argv, &target, &rank);
    if (rank)
        return bench_ranks_serve(ranks, &target);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--keys") && i + 1 < argc)
            c.keys = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--bits") && i + 1 < argc)
            c.bits = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--members") && i + 1 < argc)
            members = argv[++i];
        else if (!strcmp(argv[i], "--levels"))
            c.levels = true;
        else
            argv[kept++] = argv[i];
    }
    code = bench_options_read(kept, argv, "batch gcd of many moduli as a ring", &options);
    if (members)
        read_members(&c, members);
    if (!c.keys)
        c.keys = options.quick ? 600 : 20000;
    c.repetitions = options.quick ? 1 : options.repetitions;
    if (code < 0)
        code = report(target.executor, &c, &options);
    bench_target_close(&target);
    bench_ranks_end(ranks);
    return code;
}
