/* 200 files from a server on this machine that answers each request 50 ms late, by 16 I/O threads.
 * The ideal is the waiting alone: ceil(200 / 16) answers one after the other. Then the same while
 * an executor computes with what has come, beside each of the two alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/fanfold.h"
#include "http_server.h"
#include "spin.h"
#include "stage.h"

enum { FILES = 200, QUICK_FILES = 4, THREADS = 16, LATE_MS = 50 };

static const double NS_PER_MS = 1e6;

typedef struct load {
    http_server *server;
    fan_pool *pool;
    fan_executor *executor;
    size_t files, size;
    uint64_t steps; /* of a file's work */
} load;

/* ---- Files alone ----------------------------------------------------------------------------- */

static fan_files *open_files(const load *l)
{
    fan_files *files = NULL;
    fan_error error = {0};
    char url[64];
    fan_files_options options = {.pool = l->pool, .ahead_files = THREADS};
    if (fan_files_open(&options, &files, &error) != FAN_OK)
        bench_fail("no list of files: %s", error.text);
    for (size_t i = 0; i < l->files; i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d/late/%zu", http_port(l->server), l->size);
        if (fan_files_add(files, url) != FAN_OK)
            bench_fail("no memory for a list of files");
    }
    return files;
}

/* Byte i of a file is i % 251. */
static void check_file(const unsigned char *bytes, size_t size, size_t expected)
{
    if (size != expected || bytes[size - 1] != (size - 1) % 251)
        bench_fail("a file is not what the server has");
}

static double fetch_all(load *l)
{
    double begun = bench_wall_ns();
    fan_files *files = open_files(l);
    fan_file file;
    fan_status status;
    size_t count = 0;
    while ((status = fan_files_next(files, FAN_FOREVER, &file)) == FAN_OK) {
        if (file.error)
            bench_fail("a file: %s", file.error->text);
        check_file(file.bytes, file.size, l->size);
        count++;
    }
    if (status != FAN_E_CLOSED || count != l->files)
        bench_fail("%zu of %zu files came", count, l->files);
    double ns = bench_wall_ns() - begun;
    if (fan_files_close(files, FAN_FOREVER) != FAN_OK)
        bench_fail("the list of files does not close");
    return ns;
}

/* ---- With work ------------------------------------------------------------------------------- */

static fan_status work_run(fan_run *run, fan_items in)
{
    uint64_t *replies = fan_run_reply_array(run, sizeof *replies), steps;
    fan_items args = fan_run_args(run);
    if (!replies)
        return FAN_E_MEMORY;
    memcpy(&steps, args.bytes, sizeof steps);
    for (size_t i = 0; i < in.count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        replies[i] = bench_spin(bytes[size - 1], steps);
    }
    return FAN_OK;
}

static const fan_task work_task = {.name = "bench-work", .version = 1, .run = work_run};

static double map_all(const load *l, fan_source source)
{
    uint64_t replies[FILES], expected = bench_spin((l->size - 1) % 251, l->steps);
    fan_map_options options = {.args = &l->steps, .args_size = sizeof l->steps, .batch = 1};
    fan_summary summary = {0};
    double begun = bench_wall_ns();
    if (fan_map(l->executor, &work_task, source, fan_sink_array(replies, sizeof *replies, l->files),
                &options, &summary) != FAN_OK)
        bench_fail("a map failed: %s", summary.error.text);
    double ns = bench_wall_ns() - begun;
    for (size_t i = 0; i < l->files; i++)
        if (replies[i] != expected)
            bench_fail("a reply is wrong");
    return ns;
}

static double compute_all(const load *l)
{
    unsigned char *bytes = bench_alloc(l->files, l->size);
    for (size_t i = 0; i < l->files; i++)
        bytes[(i + 1) * l->size - 1] = (unsigned char)((l->size - 1) % 251);
    double ns = map_all(l, fan_source_array(bytes, l->size, l->files));
    free(bytes);
    return ns;
}

static double both(load *l)
{
    fan_files *files = open_files(l);
    double ns = map_all(l, fan_files_source(files));
    if (fan_files_close(files, FAN_FOREVER) != FAN_OK)
        bench_fail("the list of files does not close");
    return ns;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static double ideal_ns(const load *l)
{
    size_t rounds = (l->files + THREADS - 1) / THREADS;
    return (double)rounds * LATE_MS * NS_PER_MS;
}

static void hold_fetch(const bench_options *o, load *l)
{
    bench_table *table =
        bench_table_new("files from a server that is 50 ms late, 16 I/O threads", 1,
                        "bytes each\tfiles\tms\tspread %\tideal ms\tof the ideal\tasked");
    static const size_t sizes[] = {65536, 1000000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        double ns[STAGE_REPETITIONS_MAX];
        l->size = sizes[s];
        for (unsigned n = 0; n < o->repetitions; n++)
            ns[n] = fetch_all(l);
        double median = bench_median(ns, o->repetitions);
        bench_table_row(table, "%zu\t%zu\t%.0f\t%.0f\t%.0f\t%.2f\t%s", l->size, l->files,
                        median / NS_PER_MS, 100 * bench_spread(ns, o->repetitions),
                        ideal_ns(l) / NS_PER_MS, median / ideal_ns(l), s ? "1.30" : "-");
    }
    bench_table_print(table, o);
}

/* The work of a file: `part` of what makes all of it as long as the ideal of fetching. */
static uint64_t steps_for(const load *l, unsigned workers, double part)
{
    double us = part * ideal_ns(l) * workers / (double)l->files * 1e-3;
    return (uint64_t)(us * bench_spin_per_us());
}

static void hold_both(const bench_options *o, load *l, unsigned workers)
{
    bench_table *table = bench_table_new(
        "the same while all cores compute", 1,
        "bytes each\twork / waiting\tfetching ms\tcomputing ms\tboth ms\tof the longer\tasked");
    static const size_t sizes[] = {65536, 65536, 65536, 1000000};
    static const double parts[] = {0.5, 1, 2, 1};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        double fetching[STAGE_REPETITIONS_MAX], computing[STAGE_REPETITIONS_MAX];
        double together[STAGE_REPETITIONS_MAX];
        l->size = sizes[s];
        l->steps = steps_for(l, workers, parts[s]);
        for (unsigned n = 0; n < o->repetitions; n++) {
            fetching[n] = fetch_all(l);
            computing[n] = compute_all(l);
            together[n] = both(l);
        }
        double f = bench_median(fetching, o->repetitions);
        double c = bench_median(computing, o->repetitions);
        double t = bench_median(together, o->repetitions);
        bench_table_row(table, "%zu\t%.1f\t%.0f\t%.0f\t%.0f\t%.2f\t1.15", l->size, parts[s],
                        f / NS_PER_MS, c / NS_PER_MS, t / NS_PER_MS, t / (f > c ? f : c));
    }
    bench_table_print(table, o);
}

void stage_fetch(const bench_options *options)
{
    load l = {.files = options->quick ? QUICK_FILES : FILES, .server = http_start()};
    fan_error error = {0};
    fan_machine_info machine;
    fan_machine(&machine);
    unsigned workers = options->workers ? options->workers : (unsigned)machine.cores_usable;
    fan_executor_options how = {.kind = "threads", .workers = workers};
    if (!l.server)
        bench_fail("no server on this machine");
    if (fan_pool_open(&(fan_pool_options){.threads = THREADS}, &l.pool, &error) != FAN_OK ||
        fan_executor_open(&how, &l.executor, &error) != FAN_OK)
        bench_fail("%s", error.text);
    hold_fetch(options, &l);
    hold_both(options, &l, workers);
    if (fan_executor_close(l.executor, FAN_CLOSE_DRAIN, FAN_FOREVER) != FAN_OK ||
        fan_pool_close(l.pool, FAN_CLOSE_DRAIN, FAN_FOREVER) != FAN_OK)
        bench_fail("something does not close");
    http_stop(l.server);
}
