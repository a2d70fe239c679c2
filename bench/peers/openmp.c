/* Loops: a plain one on one thread, and OpenMP's worksharing as gcc's libgomp does it. */
#include "spin.h"
#include "ways.h"

static void run_plain(const bench_way *way, const bench_item *items, uint64_t *replies,
                      size_t count, bench_times *times)
{
    (void)way, (void)times;
    for (size_t i = 0; i < count; i++)
        replies[i] = bench_spin(items[i].seed, items[i].iterations);
}

static void run_dynamic(const bench_way *way, const bench_item *items, uint64_t *replies,
                        size_t count, bench_times *times)
{
    (void)times;
    unsigned workers = way->workers;
#pragma omp parallel for schedule(dynamic, 1) num_threads(workers) default(none)                   \
    shared(items, replies, count)
    for (size_t i = 0; i < count; i++)
        replies[i] = bench_spin(items[i].seed, items[i].iterations);
}

static void run_guided(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    (void)times;
    unsigned workers = way->workers;
#pragma omp parallel for schedule(guided) num_threads(workers) default(none)                       \
    shared(items, replies, count)
    for (size_t i = 0; i < count; i++)
        replies[i] = bench_spin(items[i].seed, items[i].iterations);
}

void bench_ways_of_openmp(bench_ways *ways)
{
    bench_way *plain =
        bench_ways_add(ways, BENCH_ALONE, BENCH_IN_MEMORY, "plain loop", "one thread");
    plain->workers = 1;
    plain->run = run_plain;
    bench_ways_add(ways, BENCH_CHOSEN, BENCH_IN_MEMORY, "for schedule(guided)", "OpenMP")->run =
        run_guided;
    bench_ways_add(ways, BENCH_SINGLE, BENCH_IN_MEMORY, "for schedule(dynamic,1)", "OpenMP")->run =
        run_dynamic;
}
