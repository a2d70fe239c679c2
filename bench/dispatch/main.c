/* What an item costs on each executor, beside the ways that others have to spread work over cores,
 * processes and ranks. All rows are measured in one run, interleaved, and every reply is checked.
 * Under mpirun rank 0 does all of this, and the executor over ranks has its rows too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "fanfold/machine.h"
#include "spin.h"

enum { SERIAL, THREADS, PROCESSES, SKELETON, MPI, TARGETS };

static bool asked_for(const bench *b, const char *name)
{
    return !b->options.only || !strcmp(b->options.only, name);
}

static void open_targets(const bench *b, bench_target targets[])
{
    static const char *const names[MPI] = {"serial", "threads", "processes", "skeleton"};
    for (int i = 0; i < MPI; i++)
        if (asked_for(b, names[i]))
            bench_target_open(&targets[i], names[i], b->ways.workers);
    if (targets[MPI].executor)
        bench_target_describe(&targets[MPI]);
}

/* Peers first: the order among them says which one the others are held against. */
static void find_ways(bench *b, const bench_target targets[])
{
    bench_ways_of_openmp(&b->ways);
    bench_ways_of_pool(&b->ways);
    bench_ways_of_tbb(&b->ways);
    bench_ways_of_taskflow(&b->ways);
    bench_ways_of_async(&b->ways);
    if (!b->options.native)
        bench_ways_of_python(&b->ways);
    for (int i = 0; i < TARGETS; i++)
        if (targets[i].name && asked_for(b, targets[i].name))
            dispatch_add_target(&b->ways, &targets[i]);
}

static void make_rows(bench *b)
{
    for (size_t i = 0; i < b->ways.count; i++) {
        row *r = bench_alloc(1, sizeof *r);
        r->way = &b->ways.ways[i];
        b->rows[b->row_count++] = r;
        if (r->way->sort == BENCH_ALONE)
            b->plain = r;
    }
}

static void make_items(bench *b)
{
    b->items = bench_alloc(ITEMS_MAX, sizeof *b->items);
    b->replies = bench_alloc(ITEMS_MAX, sizeof *b->replies);
    for (size_t i = 0; i < ITEMS_MAX; i++)
        b->items[i].seed = bench_seed(i);
    b->spin_per_us = bench_spin_per_us();
}

/* Who is absent, each reason once. */
static void print_absent(const bench *b)
{
    const char *last = "";
    for (size_t i = 0; i < b->ways.count; i++) {
        const bench_way *way = &b->ways.ways[i];
        if (way->absent[0] && strcmp(way->on, last) != 0) {
            printf("# %s is absent: %s\n", way->on, way->absent);
            last = way->on;
        }
    }
}

static void measure(bench *b)
{
    double before = bench_wall_ns();
    make_items(b);
    make_rows(b);
    bench_print_machine(&b->options);
    dispatch_measure(b);
    dispatch_measure_metg(b);
    print_absent(b);
    dispatch_print(b);
    dispatch_print_asked(b);
    printf("# all of it took %.0f s\n", (bench_wall_ns() - before) / 1e9);
    for (size_t i = 0; i < b->row_count; i++)
        free(b->rows[i]);
    free(b->items);
    free(b->replies);
}

int main(int argc, char **argv)
{
    static const fan_task *const tasks[] = {&bench_spin_task, &bench_range_task, &bench_place_task,
                                            NULL};
    static bench b;
    static bench_target targets[TARGETS];
    int code, rank = 0;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    code = bench_options_read(argc, argv, "What an item costs on each executor.", &b.options);
    if (code >= 0)
        return code;
    const fan_ranks *ranks = bench_ranks_open(&argc, &argv, &targets[MPI], &rank);
    if (rank)
        return bench_ranks_serve(ranks, &targets[MPI]);
    fan_machine_info machine;
    fan_machine(&machine);
    b.ways.workers = b.options.workers ? b.options.workers : machine.cores_usable;
    b.ways.quick = b.options.quick;
    open_targets(&b, targets);
    find_ways(&b, targets);
    measure(&b);
    bench_ways_close(&b.ways);
    for (int i = 0; i < TARGETS; i++)
        bench_target_close(&targets[i]);
    bench_ranks_end(ranks);
    return 0;
}
