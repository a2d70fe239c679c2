// std::async, which starts a thread for each call.
#include <array>
#include <future>

#include "spin.h"
#include "ways.h"

namespace
{

constexpr size_t window = 64; // threads at once

void run_async(const bench_way *, const bench_item *items, uint64_t *replies, size_t count,
               bench_times *)
{
    std::array<std::future<uint64_t>, window> futures;
    for (size_t i = 0; i < count + window; i++) {
        if (i >= window && i - window < count)
            replies[i - window] = futures[i % window].get();
        if (i < count)
            futures[i % window] =
                std::async(std::launch::async, bench_spin, items[i].seed, items[i].iterations);
    }
}

} // namespace

void bench_ways_of_async(bench_ways *ways)
{
    bench_ways_add(ways, BENCH_FUTURE, BENCH_IN_MEMORY, "std::async + future", "libstdc++")->run =
        run_async;
}
