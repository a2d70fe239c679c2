/* The same maps twice: over real ranks, and in the simulation, which is given the durations that
 * were measured. Items sleep, so that more ranks than cores work honestly. A busy machine makes a
 * run long, never a simulation: of a few attempts the best counts. */
#include "ranks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "schedules.h"
#include "simulation.h"

enum { ATTEMPTS = 6 };

/* ---- Tasks ---------------------------------------------------------------------------------- */

typedef struct item {
    uint64_t ns;
    uint64_t sleeps; /* 1: sleeps, 0: spins */
} item;

typedef struct reply {
    uint64_t ns; /* what it took */
    int64_t rank;
} reply;

static void pass(const item *what, int64_t until)
{
    struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    if (what->sleeps)
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
            ;
    else
        while (fani_clock_ns() < until)
            ;
}

static fan_status pass_run(fan_run *run, fan_items in)
{
    reply *replies = fan_run_reply_array(run, sizeof *replies);
    const item *items = (const void *)in.bytes;
    for (size_t i = 0; replies && i < in.count; i++) {
        int64_t begun = fani_clock_ns();
        pass(&items[i], begun + (int64_t)items[i].ns);
        replies[i] = (reply){.ns = (uint64_t)(fani_clock_ns() - begun), .rank = the_world()->rank};
    }
    return replies ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task pass_task = {.name = "scale-pass", .version = 1, .run = pass_run};

const fan_task *const ranks_tasks[] = {&pass_task, NULL};

/* ---- One comparison ------------------------------------------------------------------------- */

typedef struct trial {
    const char *name;
    size_t count;
    uint32_t batch;     /* 0: chosen */
    size_t queue_items; /* 0: the default */
    bool costly;        /* it must take far longer than the greedy schedule */
    item *items;
    reply *replies;
    double *took;
} trial;

typedef struct measured {
    double makespan_ns;
    uint64_t batches, rank0_items;
} measured;

static bool run_real(fan_executor *executor, const trial *t, measured *out)
{
    fan_map_options options = {.batch = t->batch};
    fan_summary summary = {0};
    int64_t begun = fani_clock_ns();
    fan_status status =
        fan_map(executor, &pass_task, fan_source_array(t->items, sizeof *t->items, t->count),
                fan_sink_array(t->replies, sizeof *t->replies, t->count), &options, &summary);
    *out = (measured){.makespan_ns = (double)(fani_clock_ns() - begun), .batches = summary.batches};
    if (status) {
        shim_fail(__FILE__, __LINE__, "map: %s", summary.error.text);
        return false;
    }
    for (size_t i = 0; i < t->count; i++) {
        t->took[i] = (double)t->replies[i].ns;
        out->rank0_items += t->replies[i].rank == 0;
    }
    return true;
}

static scale_result run_simulated(const trial *t, double *greedy_ns)
{
    scale_result result = {0};
    scale_schedules ideal = {0};
    const scale_workload work = {.count = t->count, .given = t->took};
    const uint32_t ranks = (uint32_t)the_world()->size;
    const scale_system system = {.ranks = ranks,
                                 .workers = 1,
                                 .ranks_a_host = ranks,
                                 .batch = t->batch,
                                 .queue_items = t->queue_items,
                                 .spare_core = true,
                                 .item_bytes = sizeof(item),
                                 .reply_bytes = sizeof(reply),
                                 .costs = scale_costs_default()};
    EXPECT_I64(FAN_OK, scale_simulate(&system, &work, NULL, &result));
    EXPECT_TRUE(scale_schedules_make(&work, ranks, &ideal));
    *greedy_ns = ideal.greedy_ns;
    return result;
}

static bool within(double real, double simulated, double factor)
{
    return real <= simulated * factor && real * factor >= simulated;
}

/* The fewest batches of all attempts so far. */
typedef struct fewest {
    double real, simulated;
} fewest;

/* As many batches. Where items sleep: the makespan within 25 %, rank 0's part within a factor of 2.
 * Where they spin, ranks take the cores from each other in the middle of a batch; then items seem
 * long, and some hundred batches become small before that is found to be wrong. That only ever adds
 * batches, to the run or to the simulation that gets its times: the fewest of each compare. */
static bool agrees(const trial *t, const measured *real, const scale_result *simulated,
                   const fewest *least)
{
    if (!t->items[0].sleeps)
        return within(least->real, least->simulated, 2);
    return real->batches == simulated->batches &&
           within(real->makespan_ns, simulated->makespan_ns, 1.25) &&
           within((double)real->rank0_items, (double)simulated->rank0_items, 2);
}

static void compare(fan_executor *executor, const trial *t)
{
    fewest least = {.real = INFINITY, .simulated = INFINITY};
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
        measured real;
        double greedy_ns;
        if (!run_real(executor, t, &real))
            return;
        scale_result simulated = run_simulated(t, &greedy_ns);
        /* A busy machine stretches items, and may leave nothing of the cost. */
        bool shows = !t->costly || simulated.makespan_ns > 1.2 * greedy_ns;
        least.real = fmin(least.real, (double)real.batches);
        least.simulated = fmin(least.simulated, (double)simulated.batches);
        bool agree = shows && agrees(t, &real, &simulated, &least);
        printf("%s, %d ranks: real %.1f ms, simulated %.1f ms, greedy %.1f ms; batches %llu, %llu; "
               "rank 0's items %llu, %llu%s\n",
               t->name, the_world()->size, real.makespan_ns / 1e6, simulated.makespan_ns / 1e6,
               greedy_ns / 1e6, (unsigned long long)real.batches,
               (unsigned long long)simulated.batches, (unsigned long long)real.rank0_items,
               (unsigned long long)simulated.rank0_items, agree ? "" : " (not yet alike)");
        if (agree)
            return;
    }
    shim_fail(__FILE__, __LINE__, "%s: in %d attempts no run was like its simulation", t->name,
              ATTEMPTS);
}

/* Runs a trial on rank 0; the others serve. `ns_of` gives item i's duration. */
static void try(trial t, double (*ns_of)(const scale_workload *, uint64_t),
                const scale_workload *work, bool sleeps)
{
    fan_mpi_options mpi = world_options();
    fan_executor_options options = {.plugin = fan_mpi_kind(),
                                    .plugin_options = &mpi,
                                    .workers = 1,
                                    .queue_items = t.queue_items};
    fan_executor *executor = NULL;
    EXPECT_I64(FAN_OK, fan_executor_open(&options, &executor, NULL));
    if (executor && the_world()->rank == 0) {
        t.items = calloc(t.count, sizeof *t.items);
        t.replies = calloc(t.count, sizeof *t.replies);
        t.took = calloc(t.count, sizeof *t.took);
        for (size_t i = 0; t.items && i < t.count; i++)
            t.items[i] = (item){.ns = (uint64_t)ns_of(work, i), .sleeps = sleeps};
        EXPECT_TRUE(t.items && t.replies && t.took);
        if (t.items && t.replies && t.took)
            compare(executor, &t);
        free(t.items);
        free(t.replies);
        free(t.took);
    }
    if (executor)
        world_close(executor);
}

static size_t items_here(size_t each)
{
    return each * (size_t)the_world()->size * (the_world()->with_long ? 4 : 1);
}

static void try_law(scale_law law, double mean_ns, size_t each)
{
    const scale_workload work = {.law = law, .mean_ns = mean_ns, .seed = 3};
    try((trial){.name = scale_law_name(law), .count = items_here(each)}, scale_duration, &work,
        true);
}

/* ---- Trials --------------------------------------------------------------------------------- */

FAN_TEST(scale_ranks, equal_items)
{
    try_law(SCALE_CONSTANT, 4e6, 25);
}

FAN_TEST(scale_ranks, exponential_items)
{
    try_law(SCALE_EXPONENTIAL, 4e6, 25);
}

FAN_TEST(scale_ranks, heavy_tailed_items)
{
    try_law(SCALE_LOGNORMAL, 4e6, 25);
}

/* One in eight takes as long as the run is meant to last in quarters: what waits behind it on the
 * same rank, given in advance, shows in the makespan. */
static double mixed(const scale_workload *work, uint64_t i)
{
    (void)work;
    return i % 8 == 7 ? 20e6 : 1e6;
}

FAN_TEST(scale_ranks, long_items_among_short_ones)
{
    try((trial){.name = "long among short", .count = items_here(24)}, mixed, NULL, true);
}

/* Outcomes in order and room for few: everyone waits for the long item at the head. */
FAN_TEST(scale_ranks, a_short_queue)
{
    trial t = {.name = "short queue", .count = items_here(24), .costly = true};
    t.queue_items = (size_t)the_world()->size * 2;
    try(t, mixed, NULL, true);
}

/* Batches so large that the last ones end one by one. */
FAN_TEST(scale_ranks, large_batches)
{
    const scale_workload work = {.law = SCALE_CONSTANT, .mean_ns = 2e6};
    trial t = {.name = "large batches", .batch = 20, .costly = true};
    t.count = 20 * (size_t)the_world()->size + 20;
    try(t, scale_duration, &work, true);
}

static double tiny(const scale_workload *work, uint64_t i)
{
    (void)work;
    (void)i;
    return 2000;
}

/* Items that spin share the cores, so only their batches compare. */
FAN_TEST(scale_ranks, batches_of_short_items)
{
    try((trial){.name = "short items", .count = items_here(5000)}, tiny, NULL, false);
}
