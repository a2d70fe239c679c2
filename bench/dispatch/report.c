/* The table of what was seen. */
#include <stdio.h>
#include <string.h>

#include "dispatch.h"

enum { CELL_BYTES = 32 };

typedef struct cell {
    char text[CELL_BYTES];
} cell;

static cell number(double value, int digits)
{
    cell c = {"-"};
    if (value >= 0)
        snprintf(c.text, sizeof c.text, "%.*f", digits, value);
    return c;
}

/* Nanoseconds and ratios: three figures or so. */
static cell figure(double value)
{
    return number(value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

static cell metg(const bench_metg *search)
{
    double ns;
    bench_metg_state state = bench_metg_result(search, &ns);
    cell c = {"-"}, value = figure(ns);
    if (state != BENCH_METG_UNKNOWN)
        snprintf(c.text, sizeof c.text, "%s%.20s",
                 state == BENCH_METG_BELOW   ? "<"
                 : state == BENCH_METG_ABOVE ? ">"
                                             : "",
                 value.text);
    return c;
}

/* ---- What rows have to do with each other --------------------------------------------------- */

double dispatch_efficiency(const bench *b, const row *r, int s)
{
    return b->plain->cpu_ns[s] / r->way->workers / r->wall_least_ns[s];
}

double dispatch_cpu_efficiency(const bench *b, const row *r, int s)
{
    return r->cpu_ns[s] > 0 ? b->plain->cpu_ns[s] / r->cpu_ns[s] : -1;
}

const row *dispatch_peer(const bench *b, const row *r)
{
    const row *like = NULL;
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_way *way = b->rows[i]->way;
        if (way->fanfold || way->absent[0] || way->sort != r->way->sort ||
            way->ground != r->way->ground)
            continue;
        if (way->ranged == r->way->ranged)
            return b->rows[i];
        like = like ? like : b->rows[i];
    }
    return like;
}

const row *dispatch_find(const bench *b, const char *path, const char *on)
{
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_way *way = b->rows[i]->way;
        if (!way->absent[0] && !strcmp(way->path, path) && !strcmp(way->on, on))
            return b->rows[i];
    }
    return NULL;
}

/* ---- The tables ----------------------------------------------------------------------------- */

static const char *const sorts[BENCH_SORTS] = {[BENCH_ALONE] = "alone",
                                               [BENCH_CHOSEN] = "chunks chosen",
                                               [BENCH_SINGLE] = "chunk 1",
                                               [BENCH_FUTURE] = "future"};

static void print_row(const bench *b, const row *r, bench_table *table)
{
    const bench_way *way = r->way;
    const row *peer = dispatch_peer(b, r);
    cell wall_times = {"-"}, cpu_times = {"-"};
    if (way->absent[0]) {
        bench_table_row(table, "%s\t%s\t%s\tabsent\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-",
                        sorts[way->sort], way->path, way->on);
        return;
    }
    if (peer) {
        wall_times = figure(peer->wall_ns[0] / r->wall_ns[0]);
        if (r->cpu_ns[0] > 0)
            cpu_times = figure(peer->cpu_ns[0] / r->cpu_ns[0]);
    }
    bench_table_row(table, "%s\t%s\t%s\t%u\t%s\t%s\t%.0f\t%.3f\t%.3f\t%.3f\t%s\t%s\t%s\t%s\t%s",
                    sorts[way->sort], way->path, way->on, way->workers, figure(r->wall_ns[0]).text,
                    figure(r->cpu_ns[0]).text, 100 * r->spread[0], dispatch_efficiency(b, r, 1),
                    dispatch_efficiency(b, r, 2), dispatch_efficiency(b, r, 3),
                    metg(&r->metg_wall).text, metg(&r->metg_cpu).text, wall_times.text,
                    cpu_times.text, peer ? peer->way->on : "-");
}

static void print_dispatch(bench *b)
{
    bench_table *table = bench_table_new(
        "dispatch: ns per empty item (medians), efficiency and METG(50 %) in ns (best runs)", 3,
        "sort\tpath\ton\tworkers\twall ns\tCPU ns\tspread %\t1 us\t10 us\t100 us\t"
        "METG\tby CPU\twall x\tCPU x\tfaster than");
    for (int sort = 0; sort < BENCH_SORTS; sort++)
        for (size_t i = 0; i < b->row_count; i++)
            if (b->rows[i]->way->sort == (bench_sort)sort)
                print_row(b, b->rows[i], table);
    bench_table_print(table, &b->options);
}

static void print_detail(const bench *b, const row *r, bench_table *table)
{
    double spread = 0;
    if (r->way->absent[0])
        return;
    for (int s = 0; s < SIZES; s++)
        spread = r->spread[s] > spread ? r->spread[s] : spread;
    bench_table_row(table, "%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%zu\t%zu\t%zu\t%zu", sorts[r->way->sort],
                    r->way->path, r->way->on, number(dispatch_cpu_efficiency(b, r, 1), 3).text,
                    number(dispatch_cpu_efficiency(b, r, 2), 3).text,
                    number(dispatch_cpu_efficiency(b, r, 3), 3).text, 100 * spread, r->count[0],
                    r->count[1], r->count[2], r->count[3]);
}

static void print_details(bench *b)
{
    bench_table *table = bench_table_new("efficiency by CPU time, and items of a run", 3,
                                         "sort\tpath\ton\t1 us\t10 us\t100 us\tspread %\t"
                                         "items of 0 us\t1 us\t10 us\t100 us");
    for (int sort = 0; sort < BENCH_SORTS; sort++)
        for (size_t i = 0; i < b->row_count; i++)
            if (b->rows[i]->way->sort == (bench_sort)sort)
                print_detail(b, b->rows[i], table);
    bench_table_print(table, &b->options);
}

void dispatch_print(bench *b)
{
    print_dispatch(b);
    print_details(b);
}
