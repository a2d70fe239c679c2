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
#pragma omp parallel for schedule(dynamic, 1) num_threads(way->workers) default(none)              \
    shared(way, items, replies, count)
    for (size_t i = 0; i < count; i++)
        replies[i] = bench_spin(items[i].seed, items[i].iterations);
}

static void run_guided(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    (void)times;
#pragma omp parallel for schedule(guided) num_threads(way->workers) default(none)                  \
    shared(way, items, replies, count)
    for (size_t i = 0; i < count; i++)
        replies[i] = bench_spin(items[i].seed, items[i].iterations);
}

/* Items without bytes, as of an index range. */
static void run_guided_range(const bench_way *way, const bench_item *items, uint64_t *replies,
                             size_t count, bench_times *times)
{
    (void)times;
    uint64_t iterations = items->iterations;
#pragma omp parallel for schedule(guided) num_threads(way->workers) default(none)                  \
    shared(way, replies, count, iterations)
    for (size_t i = 0; i < count; i++)
        replies[i] = bench_spin(bench_seed(i), iterations);
}

static void run_dynamic_range(const bench_way *way, const bench_item *items, uint64_t *replies,
                              size_t count, bench_times *times)
{
    (void)times;
    uint64_t iterations = items->iterations;
#pragma omp parallel for schedule(dynamic, 1) num_threads(way->workers) default(none)              \
    shared(way, replies, count, iterations)
    for (size_t i = 0; i < count; i++)
        replies[i] = bench_spin(bench_seed(i), iterations);
}

static void add(bench_ways *ways, bench_sort sort, const char *path, bool ranged,
                void (*run)(const bench_way *, const bench_item *, uint64_t *, size_t,
                            bench_times *))
{
    bench_way *way = bench_ways_add(ways, sort, BENCH_IN_MEMORY, path, "OpenMP");
    way->ranged = ranged;
    way->run = run;
}

void bench_ways_of_openmp(bench_ways *ways)
{
    bench_way *plain =
        bench_ways_add(ways, BENCH_ALONE, BENCH_IN_MEMORY, "plain loop", "one thread");
    plain->workers = 1;
    plain->run = run_plain;
    add(ways, BENCH_CHOSEN, "for schedule(guided)", false, run_guided);
    add(ways, BENCH_CHOSEN, "the same over a range", true, run_guided_range);
    add(ways, BENCH_SINGLE, "for schedule(dynamic,1)", false, run_dynamic);
    add(ways, BENCH_SINGLE, "the same over a range", true, run_dynamic_range);
}
