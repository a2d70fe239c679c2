/* What a claim costs: empty items of an index range over the ranks of a host, one item a claim,
 * sixteen, and as many as Fanfold chooses, beside a bare loop of MPI_Fetch_and_op on a window of
 * shared memory. Every reply is checked and every index counted. Start it as
 * mpirun -n 2 --bind-to none mpi_claims. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../harness.h"
#include "fanfold/fanfold.h"
#include "fanfold/mpi.h"

enum { ROWS = 3, REPETITIONS_MAX = 100, ITEMS = 1000000, ITEMS_QUICK = 2000 };

/* ---- The task ------------------------------------------------------------------------------ */

static uint64_t value_of(uint64_t index)
{
    return index * 3 + 1;
}

static fan_status index_run(fan_run *run, fan_items in)
{
    uint64_t *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        replies[i] = value_of(in.first + i);
    return FAN_OK;
}

static const fan_task index_task = {.name = "bench-claim", .version = 1, .run = index_run};
static const fan_task *const tasks[] = {&index_task, NULL};

/* ---- Rows ---------------------------------------------------------------------------------- */

typedef struct row {
    const char *name;
    size_t batch; /* items a claim; 0: chosen */
    double wall[REPETITIONS_MAX];
} row;

/* One map over all indices; returns wall nanoseconds an item. */
static double run_once(fan_executor *executor, const row *r, uint64_t *replies, size_t count)
{
    fan_map_options options = {.batch = r->batch};
    fan_summary summary = {0};
    memset(replies, 0, count * sizeof *replies);
    double begun = bench_wall_ns();
    if (fan_map(executor, &index_task, fan_source_range(0, count),
                fan_sink_array(replies, sizeof *replies, count), &options, &summary) != FAN_OK)
        bench_fail("map: %s", summary.error.text);
    double wall = (bench_wall_ns() - begun) / (double)count;
    if (summary.items != count || summary.ok != count)
        bench_fail("%llu of %zu indices have a reply", (unsigned long long)summary.ok, count);
    for (size_t i = 0; i < count; i++)
        if (replies[i] != value_of(i))
            bench_fail("the reply of index %zu is wrong", i);
    return wall;
}

/* What MPI offers for the same: every rank claims until nothing is left, and does nothing with it.
 * Collective; nanoseconds a claim on rank 0. */
static double fetch_and_op(MPI_Comm comm, MPI_Win window, int rank, size_t count)
{
    const int64_t one = 1, zero = 0;
    int64_t got = 0;
    if (rank == 0) {
        MPI_Fetch_and_op(&zero, &got, MPI_INT64_T, 0, 0, MPI_REPLACE, window);
        MPI_Win_flush(0, window);
    }
    MPI_Barrier(comm);
    double begun = bench_wall_ns();
    do {
        MPI_Fetch_and_op(&one, &got, MPI_INT64_T, 0, 0, MPI_SUM, window);
        MPI_Win_flush(0, window);
    } while (got < (int64_t)count);
    MPI_Barrier(comm);
    return (bench_wall_ns() - begun) / (double)count;
}

static void measure_bare(const bench_options *options, int rank, size_t count, double *times)
{
    int64_t *counter;
    MPI_Win window;
    MPI_Win_allocate(rank == 0 ? sizeof *counter : 0, sizeof *counter, MPI_INFO_NULL,
                     MPI_COMM_WORLD, &counter, &window);
    MPI_Win_lock_all(0, window);
    for (unsigned k = 0; k < options->repetitions; k++)
        times[k] = fetch_and_op(MPI_COMM_WORLD, window, rank, count);
    MPI_Win_unlock_all(window);
    MPI_Win_free(&window);
}

static void measure(fan_executor *executor, const bench_options *options, size_t count, row *rows)
{
    uint64_t *replies = bench_alloc(count, sizeof *replies);
    for (unsigned k = 0; k < options->repetitions; k++)
        for (int i = 0; i < ROWS; i++)
            rows[i].wall[k] = run_once(executor, &rows[i], replies, count);
    free(replies);
}

static void print(const bench_options *options, row *rows, double *bare, int ranks)
{
    bench_table *table = bench_table_new("ns an item of an index range", 1,
                                         "items a claim\tranks\twall ns\tspread %\twall / bare");
    double reference = bench_median(bare, options->repetitions);
    for (int i = 0; i < ROWS; i++) {
        double wall = bench_median(rows[i].wall, options->repetitions);
        bench_table_row(table, "%s\t%d\t%.1f\t%.0f\t%.2f", rows[i].name, ranks, wall,
                        100 * bench_spread(rows[i].wall, options->repetitions), wall / reference);
    }
    bench_table_row(table, "bare MPI_Fetch_and_op of 1\t%d\t%.1f\t%.0f\t1.00", ranks, reference,
                    100 * bench_spread(bare, options->repetitions));
    bench_table_print(table, options);
}

int main(int argc, char **argv)
{
    static row rows[ROWS] = {
        {.name = "1", .batch = 1}, {.name = "16", .batch = 16}, {.name = "chosen", .batch = 0}};
    static double bare[REPETITIONS_MAX];
    bench_options options;
    fan_executor *executor;
    fan_error error = {0};
    int code, level, rank, size;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    code = bench_options_read(argc, argv, "What a one-sided claim costs.", &options);
    if (code >= 0)
        return code;
    if (options.repetitions > REPETITIONS_MAX)
        bench_fail("at most %d repetitions", REPETITIONS_MAX);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    size_t count = options.quick ? ITEMS_QUICK : ITEMS;
    fan_mpi_options mpi = {.size_of_this = sizeof mpi, .communicator = MPI_COMM_WORLD};
    fan_executor_options open = {.plugin = fan_mpi_kind(),
                                 .plugin_options = &mpi,
                                 .workers = options.workers ? options.workers : 1};
    if (fan_executor_open(&open, &executor, &error) != FAN_OK)
        bench_fail("opening: %s", error.text);
    if (rank == 0) {
        measure(executor, &options, count, rows);
        fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER);
    } else if (fan_serve(&executor, 1, &error) != FAN_OK) {
        bench_fail("serving: %s", error.text);
    }
    measure_bare(&options, rank, count, bare);
    if (rank == 0)
        print(&options, rows, bare, size);
    MPI_Finalize();
    return 0;
}
