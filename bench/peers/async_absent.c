/* In the place of async.cc where there is no C++ compiler. */
#include "ways.h"

void bench_ways_of_async(bench_ways *ways)
{
    bench_ways_add_absent(ways, BENCH_FUTURE, BENCH_IN_MEMORY, "std::async + future", "libstdc++",
                          "no C++ compiler was found when this was configured");
}
