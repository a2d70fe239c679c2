// oneTBB: parallel_for by its two usual partitioners, and task_group.
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

#include "spin.h"
#include "ways.h"

namespace
{

using range = tbb::blocked_range<size_t>;

template <typename Partitioner>
void run_loop(const bench_way *, const bench_item *items, uint64_t *replies, size_t count,
              bench_times *)
{
    tbb::parallel_for(
        range(0, count, 1),
        [=](const range &part) {
            for (size_t i = part.begin(); i < part.end(); i++)
                replies[i] = bench_spin(items[i].seed, items[i].iterations);
        },
        Partitioner());
}

void run_group(const bench_way *, const bench_item *items, uint64_t *replies, size_t count,
               bench_times *)
{
    tbb::task_group group;
    for (size_t i = 0; i < count; i++)
        group.run([=] { replies[i] = bench_spin(items[i].seed, items[i].iterations); });
    group.wait();
}

void release(void *control)
{
    delete static_cast<tbb::global_control *>(control);
}

} // namespace

void bench_ways_of_tbb(bench_ways *ways)
{
    bench_ways_at_end(
        ways, release,
        new tbb::global_control(tbb::global_control::max_allowed_parallelism, ways->workers));
    bench_ways_add(ways, BENCH_CHOSEN, BENCH_IN_MEMORY, "parallel_for auto", "TBB")->run =
        run_loop<tbb::auto_partitioner>;
    bench_ways_add(ways, BENCH_SINGLE, BENCH_IN_MEMORY, "parallel_for grain 1", "TBB")->run =
        run_loop<tbb::simple_partitioner>;
    bench_ways_add(ways, BENCH_FUTURE, BENCH_IN_MEMORY, "task_group, no futures", "TBB")->run =
        run_group;
}
