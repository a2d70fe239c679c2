/* Fanfold's own ways: map with batches chosen, map with batches of one, submit with a future. */
#include <string.h>

#include "dispatch.h"
#include "spin.h"

enum { WINDOW = 1024 /* futures held at once */ };

/* ---- Tasks ---------------------------------------------------------------------------------- */

static fan_status spin_run(fan_run *run, fan_items in)
{
    uint64_t *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    const bench_item *items = (const void *)in.bytes;
    for (size_t i = 0; i < in.count; i++)
        replies[i] = bench_spin(items[i].seed, items[i].iterations);
    return FAN_OK;
}

const fan_task bench_spin_task = {.name = "bench-spin", .version = 1, .run = spin_run};

/* Items without bytes: the seed is the index's, the iterations are the job's arguments. */
static fan_status range_run(fan_run *run, fan_items in)
{
    uint64_t iterations, *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    memcpy(&iterations, fan_run_args(run).bytes, sizeof iterations);
    for (size_t i = 0; i < in.count; i++)
        replies[i] = bench_spin(bench_seed(in.first + i), iterations);
    return FAN_OK;
}

const fan_task bench_range_task = {.name = "bench-range", .version = 1, .run = range_run};

/* ---- Runs ----------------------------------------------------------------------------------- */

static void map(const bench_way *way, const fan_task *task, fan_source source,
                const fan_map_options *options, uint64_t *replies)
{
    const bench_target *target = way->self;
    fan_summary summary = {0};
    fan_status status =
        fan_map(target->executor, task, source,
                fan_sink_array(replies, sizeof *replies, source.count), options, &summary);
    if (status != FAN_OK)
        bench_fail("%s on %s: %s", way->path, way->on, summary.error.text);
}

static void run_chosen(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    (void)times;
    fan_map_options options = {.batch = 0};
    map(way, &bench_spin_task, fan_source_array(items, sizeof *items, count), &options, replies);
}

static void run_single(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    (void)times;
    fan_map_options options = {.batch = 1};
    map(way, &bench_spin_task, fan_source_array(items, sizeof *items, count), &options, replies);
}

static void map_range(const bench_way *way, const bench_item *items, uint64_t *replies,
                      size_t count, size_t batch)
{
    fan_map_options options = {
        .batch = batch, .args = &items->iterations, .args_size = sizeof items->iterations};
    map(way, &bench_range_task, fan_source_range(0, count), &options, replies);
}

static void run_range_chosen(const bench_way *way, const bench_item *items, uint64_t *replies,
                             size_t count, bench_times *times)
{
    (void)times;
    map_range(way, items, replies, count, 0);
}

static void run_range_single(const bench_way *way, const bench_item *items, uint64_t *replies,
                             size_t count, bench_times *times)
{
    (void)times;
    map_range(way, items, replies, count, 1);
}

static void collect(const bench_way *way, fan_future *future, uint64_t *reply)
{
    fan_outcome outcome;
    if (fan_future_result(future, FAN_FOREVER, &outcome) != FAN_OK ||
        outcome.kind != FAN_OUTCOME_OK || outcome.size != sizeof *reply)
        bench_fail("a future on %s has no reply", way->on);
    memcpy(reply, outcome.bytes, sizeof *reply);
    fan_future_release(future);
}

static void run_submit(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    (void)times;
    const bench_target *target = way->self;
    fan_future *futures[WINDOW];
    for (size_t i = 0; i < count + WINDOW; i++) {
        if (i >= WINDOW && i - WINDOW < count)
            collect(way, futures[i % WINDOW], &replies[i - WINDOW]);
        if (i < count && fan_submit(target->executor, &bench_spin_task, &items[i], sizeof items[i],
                                    NULL, &futures[i % WINDOW]) != FAN_OK)
            bench_fail("submit on %s", way->on);
    }
}

/* ---- Ways ----------------------------------------------------------------------------------- */

static bench_ground ground_of(const bench_target *target)
{
    if (!strcmp(target->name, "processes"))
        return BENCH_PROCESSES;
    return strcmp(target->name, "mpi") != 0 ? BENCH_IN_MEMORY : BENCH_RANKS;
}

static void
add(bench_ways *ways, const bench_target *target, bench_sort sort, const char *path, bool ranged,
    void (*run)(const bench_way *, const bench_item *, uint64_t *, size_t, bench_times *))
{
    bench_ground ground = ground_of(target);
    if (target->absent[0]) {
        bench_ways_add_absent(ways, sort, ground, path, target->name, target->absent);
        ways->ways[ways->count - 1].fanfold = true;
        return;
    }
    bench_way *way = bench_ways_add(ways, sort, ground, path, target->name);
    way->fanfold = true;
    way->ranged = ranged;
    way->workers = target->workers;
    way->run = run;
    way->self = (void *)target;
    way->target = target;
}

void dispatch_add_target(bench_ways *ways, const bench_target *target)
{
    add(ways, target, BENCH_CHOSEN, "map", false, run_chosen);
    add(ways, target, BENCH_CHOSEN, "map of a range", true, run_range_chosen);
    add(ways, target, BENCH_SINGLE, "map, batch 1", false, run_single);
    add(ways, target, BENCH_SINGLE, "map of a range, batch 1", true, run_range_single);
    add(ways, target, BENCH_FUTURE, "submit + future", false, run_submit);
}
