/* In the place of tbb.cc where oneTBB was not found. */
#include "ways.h"

void bench_ways_of_tbb(bench_ways *ways)
{
    const char *why = "oneTBB was not found when this was configured (make bench-peers)";
    bench_ways_add_absent(ways, BENCH_CHOSEN, BENCH_IN_MEMORY, "parallel_for auto", "TBB", why);
    bench_ways_add_absent(ways, BENCH_SINGLE, BENCH_IN_MEMORY, "parallel_for grain 1", "TBB", why);
    bench_ways_add_absent(ways, BENCH_FUTURE, BENCH_IN_MEMORY, "task_group, no futures", "TBB",
                          why);
}
