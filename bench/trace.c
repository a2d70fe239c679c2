/* What a trace costs: the same empty items with and without one, in turns. The CPU time of the
 * whole process counts, so the trace's own thread does too; making the file, at the trace's close,
 * is shown beside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/fanfold.h"
#include "harness.h"

enum { ITEMS = 100000, QUICK_ITEMS = 2000, WINDOW = 1024, REPETITIONS_MAX = 1000 };

static fan_status empty_run(fan_run *run, fan_items in)
{
    uint64_t *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        replies[i] = in.first + i;
    return FAN_OK;
}

static const fan_task empty_task = {.name = "bench-empty", .version = 1, .run = empty_run};
static const fan_task *const tasks[] = {&empty_task, NULL};

/* ---- The two ways to hand out items --------------------------------------------------------- */

static void run_futures(fan_executor *executor, uint64_t items)
{
    fan_future *window[WINDOW];
    fan_outcome outcome;
    for (uint64_t done = 0; done < items; done += WINDOW) {
        size_t count = items - done < WINDOW ? (size_t)(items - done) : WINDOW;
        for (size_t i = 0; i < count; i++)
            if (fan_submit(executor, &empty_task, NULL, 0, NULL, &window[i]) != FAN_OK)
                bench_fail("an item is not taken");
        for (size_t i = 0; i < count; i++) {
            if (fan_future_result(window[i], FAN_FOREVER, &outcome) != FAN_OK ||
                outcome.kind != FAN_OUTCOME_OK || outcome.size != sizeof(uint64_t))
                bench_fail("an item failed");
            fan_future_release(window[i]);
        }
    }
}

static void map_in_batches(fan_executor *executor, uint64_t items, size_t batch)
{
    uint64_t *replies = bench_alloc(items, sizeof *replies);
    fan_error error = {0};
    fan_map_options options = {.batch = batch};
    if (fan_map(executor, &empty_task, fan_source_range(0, items),
                fan_sink_array(replies, sizeof *replies, items), &options, NULL) != FAN_OK)
        bench_fail("a map failed: %s", error.text);
    for (uint64_t i = 0; i < items; i++)
        if (replies[i] != i)
            bench_fail("a reply is wrong");
    free(replies);
}

static void run_single(fan_executor *executor, uint64_t items)
{
    map_in_batches(executor, items, 1);
}

static void run_map(fan_executor *executor, uint64_t items)
{
    map_in_batches(executor, items, 0);
}

/* ---- Rows ----------------------------------------------------------------------------------- */

typedef struct row {
    const char *executor, *path;
    void (*run)(fan_executor *executor, uint64_t items);
    double off[REPETITIONS_MAX], on[REPETITIONS_MAX], difference[REPETITIONS_MAX],
        close[REPETITIONS_MAX];
} row;

/* CPU time an item, in nanoseconds. The workers of processes are not in it: what they do for a
 * trace, they do without one too. */
static double once(const bench_options *o, const row *r, uint64_t items, double *close_ns)
{
    fan_error error = {0};
    fan_trace *trace = NULL;
    fan_executor *executor = NULL;
    if (close_ns && fan_trace_open("/dev/null", &trace, &error) != FAN_OK)
        bench_fail("no trace: %s", error.text);
    fan_executor_options options = {.kind = r->executor, .workers = o->workers, .trace = trace};
    if (fan_executor_open(&options, &executor, &error) != FAN_OK)
        bench_fail("%s does not open: %s", r->executor, error.text);
    r->run(executor, items / 10); /* to warm up */
    double begun = bench_process_ns();
    r->run(executor, items);
    double spent = bench_process_ns() - begun;
    if (fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER) != FAN_OK)
        bench_fail("%s does not close", r->executor);
    begun = bench_process_ns();
    if (fan_trace_close(trace, &error) != FAN_OK)
        bench_fail("the trace: %s", error.text);
    if (close_ns)
        *close_ns = (bench_process_ns() - begun) / (1.1 * (double)items);
    return spent / (double)items;
}

static void measure(const bench_options *o, row *rows, size_t count)
{
    uint64_t items = o->quick ? QUICK_ITEMS : ITEMS;
    for (unsigned n = 0; n < o->repetitions; n++)
        for (size_t i = 0; i < count; i++) {
            row *r = &rows[i];
            if (n % 2)
                r->on[n] = once(o, r, items, &r->close[n]);
            r->off[n] = once(o, r, items, NULL);
            if (n % 2 == 0)
                r->on[n] = once(o, r, items, &r->close[n]);
            r->difference[n] = r->on[n] - r->off[n];
        }
}

static void print(const bench_options *o, row *rows, size_t count)
{
    bench_table *table = bench_table_new("CPU ns per empty item", 2,
                                         "executor\tpath\toff\ton\ton/off\tdifference\tclose");
    for (size_t i = 0; i < count; i++) {
        row *r = &rows[i];
        double off = bench_median(r->off, o->repetitions);
        double on = bench_median(r->on, o->repetitions);
        bench_table_row(table, "%s\t%s\t%.1f\t%.1f\t%.3f\t%.1f\t%.1f", r->executor, r->path, off,
                        on, on / off, bench_median(r->difference, o->repetitions),
                        bench_median(r->close, o->repetitions));
    }
    bench_table_print(table, o);
}

int main(int argc, char **argv)
{
    static row rows[] = {
        {.executor = "serial", .path = "submit + future", .run = run_futures},
        {.executor = "serial", .path = "map, 1 a batch", .run = run_single},
        {.executor = "serial", .path = "map", .run = run_map},
        {.executor = "threads", .path = "submit + future", .run = run_futures},
        {.executor = "threads", .path = "map, 1 a batch", .run = run_single},
        {.executor = "threads", .path = "map", .run = run_map},
        {.executor = "processes", .path = "submit + future", .run = run_futures},
        {.executor = "processes", .path = "map, 1 a batch", .run = run_single},
        {.executor = "processes", .path = "map", .run = run_map},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    bench_options options;
    int code;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    code = bench_options_read(argc, argv, "What a trace costs.", &options);
    if (code >= 0)
        return code;
    if (options.repetitions > REPETITIONS_MAX)
        bench_fail("at most %d repetitions", REPETITIONS_MAX);
    size_t kept = 0;
    for (size_t i = 0; i < ROWS; i++)
        if (!options.only || strcmp(options.only, rows[i].executor) == 0)
            rows[kept++] = rows[i];
    bench_print_machine(&options);
    measure(&options, rows, kept);
    print(&options, rows, kept);
    return 0;
}
