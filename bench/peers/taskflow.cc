// Taskflow's executor.async, with a future for each call.
#include <array>
#include <future>

#include <taskflow/taskflow.hpp>

#include "spin.h"
#include "ways.h"

namespace
{

constexpr size_t window = 1024; // as in Fanfold's rows

void run_async(const bench_way *way, const bench_item *items, uint64_t *replies, size_t count,
               bench_times *)
{
    auto *executor = static_cast<tf::Executor *>(way->self);
    std::array<std::future<uint64_t>, window> futures;
    for (size_t i = 0; i < count + window; i++) {
        if (i >= window && i - window < count)
            replies[i - window] = futures[i % window].get();
        if (i < count)
            futures[i % window] = executor->async(
                [item = items[i]] { return bench_spin(item.seed, item.iterations); });
    }
}

void release(void *executor)
{
    delete static_cast<tf::Executor *>(executor);
}

} // namespace

void bench_ways_of_taskflow(bench_ways *ways)
{
    bench_way *way =
        bench_ways_add(ways, BENCH_FUTURE, BENCH_IN_MEMORY, "async + future", "Taskflow");
    way->run = run_async;
    way->self = new tf::Executor(ways->workers);
    bench_ways_at_end(ways, release, way->self);
}
