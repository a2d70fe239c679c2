/* What an executor costs that has nothing to do: each is opened, works a little, is left alone for
 * 100 ms, and then watched for 2 s. Under mpirun the executor over ranks is watched too. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fanfold/machine.h"
#include "harness.h"
#include "target.h"

typedef struct idle {
    bench_options options;
    double pause_s, watch_s;
    bench_table *table;
} idle;

static const double asked_percent = 2;

static void wait_s(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left))
        continue;
}

/* Percent of a core over a time of doing nothing; negative where CPU time can't be read. */
static double watch(const bench_target *t, double seconds)
{
    double cpu = bench_target_cpu_ns(t), wall = bench_wall_ns();
    wait_s(seconds);
    double used = bench_target_cpu_ns(t) - cpu;
    return t->cpu_known ? 100 * used / (bench_wall_ns() - wall) : -1;
}

/* Finding the executor's processes was its work: workers have been busy until now. */
static void measure(const idle *at, const bench_target *t)
{
    if (t->absent[0]) {
        bench_table_row(at->table, "%s\tabsent: %s\t-\t-\t-", t->name, t->absent);
        return;
    }
    double first = watch(t, at->pause_s), later = watch(t, at->watch_s);
    bench_table_row(at->table, "%s\t%s\t%u\t%.1f\t%.2f", t->name,
                    later < 0                ? "not known"
                    : later <= asked_percent ? "ok"
                                             : "MISSED",
                    t->workers, first, later);
}

static void measure_all(const idle *at, bench_target *mpi)
{
    static const char *const names[] = {"serial", "threads", "processes", "skeleton"};
    fan_machine_info machine;
    fan_machine(&machine);
    unsigned workers = at->options.workers ? at->options.workers : machine.cores_usable;
    bench_target nothing = {.name = "none open", .cpu_known = true};
    if (mpi->executor)
        bench_target_describe(mpi);
    measure(at, mpi);
    measure(at, &nothing);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bench_target target;
        if (at->options.only && strcmp(at->options.only, names[i]) != 0)
            continue;
        bench_target_open(&target, names[i], workers);
        measure(at, &target);
        bench_target_close(&target);
    }
}

int main(int argc, char **argv)
{
    static const fan_task *const tasks[] = {&bench_place_task, NULL};
    static bench_target mpi;
    idle at;
    int code, rank = 0;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    code = bench_options_read(argc, argv, "What an executor costs that has nothing to do.",
                              &at.options);
    if (code >= 0)
        return code;
    at.pause_s = 0.1;
    at.watch_s = at.options.quick ? 0.1 : 2;
    const fan_ranks *ranks = bench_ranks_open(&argc, &argv, &mpi, &rank);
    if (rank)
        return bench_ranks_serve(ranks, &mpi);
    bench_print_machine(&at.options);
    at.table = bench_table_new("percent of a core, all processes of the executor", 2,
                               "on\tat most 2 %\tworkers\tfirst 100 ms\tthen");
    measure_all(&at, &mpi);
    bench_table_print(at.table, &at.options);
    bench_target_close(&mpi);
    bench_ranks_end(ranks);
    return 0;
}
