/* In the place of taskflow.cc where Taskflow's headers were not found, or do not compile. */
#include "ways.h"

void bench_ways_of_taskflow(bench_ways *ways)
{
    bench_ways_add_absent(ways, BENCH_FUTURE, BENCH_IN_MEMORY, "async + future", "Taskflow",
                          "no taskflow/taskflow.hpp that compiles as C++20 was found when this was "
                          "configured");
}
