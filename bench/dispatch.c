/* What an item costs on each executor, beside the plain ways to spread work over cores. All rows
 * are measured in one process, interleaved, and every reply is checked. Under mpirun rank 0 does
 * all of this and the executor over ranks is one more column of rows. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fanfold/fanfold.h"
#include "fanfold/machine.h"
#include "fanfold/ranks.h"
#include "harness.h"
#include "peers.h"

enum {
    SIZES = 4,
    ROWS_MAX = 32,
    PROCESSES_MAX = 64,
    REPETITIONS_MAX = 1000,
    ITEMS_MAX = 1 << 20,
    WINDOW = 1024, /* futures held at once */
};

static const double size_us[SIZES] = {0, 1, 10, 100};
static const double budget_ns = 16e6; /* of one repetition of one row */

/* ---- Tasks ---------------------------------------------------------------------------------- */

static fan_status spin_run(fan_run *run, fan_items in)
{
    uint64_t *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    const bench_item *items = (const void *)in.bytes;
    for (size_t i = 0; i < in.count; i++)
        replies[i] = bench_spin(items[i].seed, items[i].iterations);
    return FAN_OK;
}

static const fan_task spin_task = {.name = "bench-spin", .version = 1, .run = spin_run};

/* Where a worker runs, so that its CPU time can be read. */
typedef struct place {
    char host[64];
    int64_t pid;
} place;

static void place_here(place *p)
{
    *p = (place){.pid = getpid()};
    if (gethostname(p->host, sizeof p->host - 1))
        p->host[0] = '\0';
}

static fan_status place_run(fan_run *run, fan_items in)
{
    place *places = fan_run_reply_array(run, sizeof *places);
    if (!places)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        place_here(&places[i]);
        bench_spin(i, 200000); /* long enough that no worker takes all of them */
    }
    return FAN_OK;
}

static const fan_task place_task = {.name = "bench-place", .version = 1, .run = place_run};

static const fan_task *const tasks[] = {&spin_task, &place_task, NULL};

/* ---- Rows ----------------------------------------------------------------------------------- */

typedef struct target {
    const char *name;
    fan_executor *executor;
    unsigned workers;
    int processes[PROCESSES_MAX]; /* beside this one */
    unsigned process_count;
    bool cpu_known;
    char absent[256]; /* why it can't be measured here; empty where it can */
} target;

typedef struct row row;
struct row {
    const char *path;
    target *target;
    void (*run)(row *r, const bench_item *items, uint64_t *replies, size_t count);
    bench_pool *pool;
    size_t count[SIZES];                                              /* items of one repetition */
    double wall[SIZES][REPETITIONS_MAX], cpu[SIZES][REPETITIONS_MAX]; /* ns an item */
};

typedef struct bench {
    bench_options options;
    unsigned workers;
    double spin_per_us;
    bench_item *items;
    uint64_t *replies;
    row *rows[ROWS_MAX];
    size_t row_count;
} bench;

static void run_map(const row *r, const bench_item *items, uint64_t *replies, size_t count,
                    size_t batch)
{
    fan_map_options options = {.batch = batch};
    fan_summary summary = {0};
    fan_status status =
        fan_map(r->target->executor, &spin_task, fan_source_array(items, sizeof *items, count),
                fan_sink_array(replies, sizeof *replies, count), &options, &summary);
    if (status != FAN_OK)
        bench_fail("map on %s: %s", r->target->name, summary.error.text);
}

static void run_map_chosen(row *r, const bench_item *items, uint64_t *replies, size_t count)
{
    run_map(r, items, replies, count, 0);
}

static void run_map_single(row *r, const bench_item *items, uint64_t *replies, size_t count)
{
    run_map(r, items, replies, count, 1);
}

static void collect(const row *r, fan_future *future, uint64_t *reply)
{
    fan_outcome outcome;
    if (fan_future_result(future, FAN_FOREVER, &outcome) != FAN_OK ||
        outcome.kind != FAN_OUTCOME_OK || outcome.size != sizeof *reply)
        bench_fail("a future on %s has no reply", r->target->name);
    memcpy(reply, outcome.bytes, sizeof *reply);
    fan_future_release(future);
}

static void run_submit(row *r, const bench_item *items, uint64_t *replies, size_t count)
{
    fan_future *futures[WINDOW];
    for (size_t i = 0; i < count + WINDOW; i++) {
        if (i >= WINDOW && i - WINDOW < count)
            collect(r, futures[i % WINDOW], &replies[i - WINDOW]);
        if (i < count && fan_submit(r->target->executor, &spin_task, &items[i], sizeof items[i],
                                    NULL, &futures[i % WINDOW]) != FAN_OK)
            bench_fail("submit on %s", r->target->name);
    }
}

static void run_plain(row *r, const bench_item *items, uint64_t *replies, size_t count)
{
    (void)r;
    bench_plain_loop(items, replies, count);
}

static void run_openmp(row *r, const bench_item *items, uint64_t *replies, size_t count)
{
    bench_openmp_loop(r->target->workers, items, replies, count);
}

static void run_pool(row *r, const bench_item *items, uint64_t *replies, size_t count)
{
    bench_pool_run(r->pool, items, replies, count);
}

static row *add_row(bench *b, target *t, const char *path,
                    void (*run)(row *, const bench_item *, uint64_t *, size_t))
{
    if (b->row_count == ROWS_MAX)
        bench_fail("more than %d rows", ROWS_MAX);
    row *r = bench_alloc(1, sizeof *r);
    r->path = path;
    r->target = t;
    r->run = run;
    b->rows[b->row_count++] = r;
    return r;
}

/* ---- Targets -------------------------------------------------------------------------------- */

static void add_process(target *t, const place *here, const place *there)
{
    if (strcmp(here->host, there->host) != 0)
        t->cpu_known = false;
    if (there->pid == here->pid || !t->cpu_known)
        return;
    for (unsigned i = 0; i < t->process_count; i++)
        if (t->processes[i] == (int)there->pid)
            return;
    if (t->process_count == PROCESSES_MAX)
        bench_fail("more than %d worker processes", PROCESSES_MAX);
    t->processes[t->process_count++] = (int)there->pid;
}

/* Asks the workers where they are: their CPU time counts too. */
static void find_processes(target *t)
{
    enum { ASKED = 256 };
    place here, *there = bench_alloc(ASKED, sizeof *there);
    fan_map_options options = {.batch = 1};
    t->cpu_known = true;
    place_here(&here);
    if (fan_map(t->executor, &place_task, fan_source_range(0, ASKED),
                fan_sink_array(there, sizeof *there, ASKED), &options, NULL) != FAN_OK)
        bench_fail("%s does not say where its workers are", t->name);
    for (size_t i = 0; i < ASKED; i++)
        add_process(t, &here, &there[i]);
    free(there);
}

static void describe(target *t)
{
    fan_executor_stats stats;
    if (fan_executor_get_stats(t->executor, &stats) != FAN_OK)
        bench_fail("%s has no statistics", t->name);
    t->workers = stats.workers;
    find_processes(t);
}

static void open_target(bench *b, target *t, const char *name)
{
    fan_error error = {0};
    fan_executor_options options = {.kind = name, .workers = b->workers};
    *t = (target){.name = name, .workers = b->workers};
    if (b->options.only && strcmp(b->options.only, name) != 0) {
        snprintf(t->absent, sizeof t->absent, "not asked for");
        return;
    }
    if (!strcmp(name, "serial"))
        options.workers = 1;
    if (fan_executor_open(&options, &t->executor, &error) != FAN_OK)
        snprintf(t->absent, sizeof t->absent, "%.200s", error.text);
    else
        describe(t);
}

/* What can be done with an executor, as rows. */
static void add_executor_rows(bench *b, target *t)
{
    add_row(b, t, "map", run_map_chosen);
    add_row(b, t, "map, batch 1", run_map_single);
    add_row(b, t, "submit + future", run_submit);
}

/* ---- Measuring ------------------------------------------------------------------------------ */

/* CPU time of all processes that work for a target; negative where one can't be read. */
static double target_cpu_ns(const target *t)
{
    double all = bench_process_ns();
    for (unsigned i = 0; i < t->process_count; i++) {
        double one = bench_other_process_ns(t->processes[i]);
        if (one < 0)
            return -1;
        all += one;
    }
    return all;
}

static void check_replies(const bench *b, const row *r, size_t count)
{
    bench_spin_check check = bench_spin_check_for(b->items[0].iterations);
    for (size_t i = 0; i < count; i++)
        if (b->replies[i] != check.scale * b->items[i].seed + check.shift)
            bench_fail("%s on %s: reply %zu is wrong", r->path, r->target->name, i);
}

/* One run of `count` items; wall and CPU time in nanoseconds for all of them. */
static void run_once(bench *b, row *r, size_t count, double *wall_ns, double *cpu_ns)
{
    memset(b->replies, 0, count * sizeof *b->replies);
    double cpu = target_cpu_ns(r->target), wall = bench_wall_ns();
    r->run(r, b->items, b->replies, count);
    *wall_ns = bench_wall_ns() - wall;
    *cpu_ns = target_cpu_ns(r->target) - cpu;
    check_replies(b, r, count);
}

/* The better wall time of two runs: on a shared machine any one of them may have waited for a core.
 */
static double better_wall_ns(bench *b, row *r, size_t count)
{
    double first, second, cpu;
    run_once(b, r, count, &first, &cpu);
    run_once(b, r, count, &second, &cpu);
    return first < second ? first : second;
}

/* As many items as fill the time of one repetition. In steps, because the first items of a run may
 * cost far more than the rest: workers wake up, batches grow. */
static size_t choose_count(bench *b, row *r)
{
    size_t count = 16, most = b->options.quick ? 64 : ITEMS_MAX;
    for (;;) {
        double short_of = budget_ns / better_wall_ns(b, r, count);
        if (short_of < 1.5 || count == most)
            return count;
        double next = (double)count * (short_of < 8 ? short_of : 8);
        count = next < (double)most ? (size_t)next : most;
    }
}

static void set_size(bench *b, int size)
{
    uint64_t iterations = (uint64_t)(size_us[size] * b->spin_per_us + 0.5);
    for (size_t i = 0; i < ITEMS_MAX; i++)
        b->items[i].iterations = iterations;
}

static void measure_size(bench *b, int size)
{
    set_size(b, size);
    for (size_t i = 0; i < b->row_count; i++)
        if (!b->rows[i]->target->absent[0])
            b->rows[i]->count[size] = choose_count(b, b->rows[i]);
    for (unsigned k = 0; k < b->options.repetitions; k++) {
        for (size_t i = 0; i < b->row_count; i++) {
            row *r = b->rows[i];
            double wall, cpu;
            if (r->target->absent[0])
                continue;
            bench_settle();
            run_once(b, r, r->count[size], &wall, &cpu);
            r->wall[size][k] = wall / (double)r->count[size];
            r->cpu[size][k] = r->target->cpu_known ? cpu / (double)r->count[size] : 0;
        }
    }
}

/* ---- Tables --------------------------------------------------------------------------------- */

static void print_empty(bench *b, row *reference)
{
    bench_table *table = bench_table_new("ns per empty item", 2,
                                         "path\ton\tworkers\titems\twall ns\tspread %\tCPU ns\t"
                                         "wall / OpenMP loop\tCPU / OpenMP loop");
    double wall0 = bench_median(reference->wall[0], b->options.repetitions);
    double cpu0 = bench_median(reference->cpu[0], b->options.repetitions);
    for (size_t i = 0; i < b->row_count; i++) {
        row *r = b->rows[i];
        if (r->target->absent[0]) {
            bench_table_row(table, "%s\t%s\tabsent\t-\t-\t-\t-\t-\t-", r->path, r->target->name);
            continue;
        }
        double wall = bench_median(r->wall[0], b->options.repetitions);
        double cpu = bench_median(r->cpu[0], b->options.repetitions);
        bench_table_row(table, "%s\t%s\t%u\t%zu\t%.1f\t%.0f\t%.1f\t%.2f\t%.2f", r->path,
                        r->target->name, r->target->workers, r->count[0], wall,
                        100 * bench_spread(r->wall[0], b->options.repetitions), cpu, wall / wall0,
                        cpu / cpu0);
    }
    bench_table_print(table, &b->options);
}

/* Useful time as a part of the time of all workers (wall), and of all CPU time used. What is useful
 * is what the same items cost in a plain loop, measured in between: a processor that changes its
 * clock under load changes both. */
static void print_efficiency(bench *b, row *plain)
{
    double useful[SIZES];
    for (int s = 1; s < SIZES; s++)
        useful[s] = bench_median(plain->cpu[s], b->options.repetitions);
    bench_table *table = bench_table_new("efficiency", 2,
                                         "path\ton\tworkers\twall 1 us\t10 us\t100 us\t"
                                         "spread %\tCPU 1 us\t10 us\t100 us");
    for (size_t i = 0; i < b->row_count; i++) {
        row *r = b->rows[i];
        double wall[SIZES], cpu[SIZES], spread = 0;
        if (r->target->absent[0]) {
            bench_table_row(table, "%s\t%s\tabsent\t-\t-\t-\t-\t-\t-\t-", r->path, r->target->name);
            continue;
        }
        for (int s = 1; s < SIZES; s++) {
            double *times = r->wall[s];
            wall[s] = useful[s] / r->target->workers / bench_median(times, b->options.repetitions);
            cpu[s] = useful[s] / bench_median(r->cpu[s], b->options.repetitions);
            double wide = bench_spread(times, b->options.repetitions);
            spread = wide > spread ? wide : spread;
        }
        bench_table_row(table, "%s\t%s\t%u\t%.3f\t%.3f\t%.3f\t%.0f\t%.3f\t%.3f\t%.3f", r->path,
                        r->target->name, r->target->workers, wall[1], wall[2], wall[3],
                        100 * spread, cpu[1], cpu[2], cpu[3]);
    }
    bench_table_print(table, &b->options);
}

/* ---- Ranks ---------------------------------------------------------------------------------- */

static bool under_mpirun(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMI_RANK") || getenv("PMIX_RANK");
}

static const fan_ranks *load_ranks(void)
{
    const fan_ranks *(*table)(void) = NULL;
    void *library = dlopen(BENCH_RANKS_LIBRARY, RTLD_NOW | RTLD_GLOBAL);
    void *symbol = library ? dlsym(library, "fan_ranks_table") : NULL;
    if (!symbol)
        bench_fail("under mpirun, but no ranks: %s", dlerror());
    memcpy(&table, &symbol, sizeof table);
    return table();
}

/* Starts MPI and opens the executor over its ranks, one worker each; returns this one's rank. */
static int open_ranks(const fan_ranks *ranks, int *argc, char ***argv, target *t)
{
    int rank, size;
    fan_error error = {0};
    fan_executor_options options = {.workers = 1};
    if (ranks->init(argc, argv, &rank, &size, &error) != FAN_OK ||
        ranks->open(&options, &t->executor, &error) != FAN_OK)
        bench_fail("no executor over ranks: %s", error.text);
    return rank;
}

static int serve(const fan_ranks *ranks, const target *t)
{
    fan_error error = {0};
    if (ranks->serve(t->executor, &error) != FAN_OK || ranks->finalize(&error) != FAN_OK)
        bench_fail("a rank: %s", error.text);
    return 0;
}

/* ---- The whole ------------------------------------------------------------------------------ */

static void measure(bench *b, row *plain, row *openmp, const target *targets, size_t target_count)
{
    bench_print_machine(&b->options);
    for (size_t i = 0; i < target_count; i++)
        if (targets[i].absent[0])
            printf("# %s is absent: %s\n", targets[i].name, targets[i].absent);
    for (int size = 0; size < SIZES; size++)
        measure_size(b, size);
    print_empty(b, openmp);
    print_efficiency(b, plain);
}

static void close_all(bench *b, target *targets, size_t target_count)
{
    for (size_t i = 0; i < target_count; i++)
        if (targets[i].executor &&
            fan_executor_close(targets[i].executor, FAN_CLOSE_DRAIN, FAN_FOREVER) != FAN_OK)
            bench_fail("%s does not close", targets[i].name);
    for (size_t i = 0; i < b->row_count; i++)
        free(b->rows[i]);
    free(b->items);
    free(b->replies);
}

static void make_items(bench *b)
{
    uint64_t state = 1;
    b->items = bench_alloc(ITEMS_MAX, sizeof *b->items);
    b->replies = bench_alloc(ITEMS_MAX, sizeof *b->replies);
    for (size_t i = 0; i < ITEMS_MAX; i++)
        b->items[i].seed = bench_random(&state) | 1; /* never the 0 that replies start from */
    b->spin_per_us = bench_spin_per_us();
}

int main(int argc, char **argv)
{
    enum { SERIAL, THREADS, PROCESSES, SKELETON, MPI, TARGETS };
    static const char *const names[MPI] = {"serial", "threads", "processes", "skeleton"};
    static bench b;
    static target targets[TARGETS], plain, openmp, pool;
    int code, rank = 0;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    code = bench_options_read(argc, argv, "What an item costs on each executor.", &b.options);
    if (code >= 0)
        return code;
    const fan_ranks *ranks = under_mpirun() ? load_ranks() : NULL;
    targets[MPI] = (target){.name = "mpi"};
    if (ranks)
        rank = open_ranks(ranks, &argc, &argv, &targets[MPI]);
    else
        snprintf(targets[MPI].absent, sizeof targets[MPI].absent,
                 "start it as mpirun -n 2 --bind-to none %s", argv[0]);
    if (rank)
        return serve(ranks, &targets[MPI]);
    fan_machine_info machine;
    fan_machine(&machine);
    b.workers = b.options.workers ? b.options.workers : machine.cores_usable;
    make_items(&b);
    for (int i = 0; i < MPI; i++)
        open_target(&b, &targets[i], names[i]);
    if (ranks)
        describe(&targets[MPI]);
    plain = (target){.name = "one thread", .workers = 1, .cpu_known = true};
    openmp = (target){.name = "OpenMP", .workers = b.workers, .cpu_known = true};
    pool = (target){.name = "pthreads", .workers = b.workers, .cpu_known = true};
    row *plain_row = add_row(&b, &plain, "loop of calls", run_plain);
    row *openmp_row = add_row(&b, &openmp, "for schedule(dynamic,1)", run_openmp);
    row *pool_row = add_row(&b, &pool, "mutex + condvar pool", run_pool);
    pool_row->pool = bench_pool_open(b.workers);
    for (int i = 0; i < TARGETS; i++)
        add_executor_rows(&b, &targets[i]);
    measure(&b, plain_row, openmp_row, targets, TARGETS);
    bench_pool_close(pool_row->pool);
    close_all(&b, targets, TARGETS);
    fan_error error = {0};
    if (ranks && ranks->finalize(&error) != FAN_OK)
        bench_fail("ending MPI: %s", error.text);
    return 0;
}
