#include "ways.h"

#include <stdio.h>

#include "harness.h"

bench_way *bench_ways_add(bench_ways *ways, bench_sort sort, bench_ground ground, const char *path,
                          const char *on)
{
    if (ways->count == BENCH_WAYS_MAX)
        bench_fail("more than %d ways", BENCH_WAYS_MAX);
    bench_way *way = &ways->ways[ways->count++];
    *way = (bench_way){.sort = sort,
                       .ground = ground,
                       .path = path,
                       .on = on,
                       .workers = ways->workers,
                       .least = 16,
                       .most = ways->quick ? 64 : (size_t)1 << 20,
                       .budget_ns = 16e6,
                       .short_ns = 3e6};
    return way;
}

void bench_ways_add_absent(bench_ways *ways, bench_sort sort, bench_ground ground, const char *path,
                           const char *on, const char *why)
{
    bench_way *way = bench_ways_add(ways, sort, ground, path, on);
    snprintf(way->absent, sizeof way->absent, "%s", why);
}

void bench_ways_at_end(bench_ways *ways, void (*close)(void *self), void *self)
{
    if (ways->closers == BENCH_CLOSERS_MAX)
        bench_fail("more than %d things to close", BENCH_CLOSERS_MAX);
    ways->close[ways->closers] = close;
    ways->closed[ways->closers++] = self;
}

void bench_ways_close(bench_ways *ways)
{
    while (ways->closers) {
        ways->closers--;
        ways->close[ways->closers](ways->closed[ways->closers]);
    }
}
