/* The parts of dispatch: ways become rows, rows are measured side by side, and two tables say what
 * was found. Single threaded. */
#ifndef BENCH_DISPATCH_H
#define BENCH_DISPATCH_H

#include "harness.h"
#include "metg.h"
#include "target.h"
#include "ways.h"

enum {
    SIZES = 4, /* of items: empty, and those of size_us */
    REPETITIONS_MAX = 1000,
    ITEMS_MAX = 1 << 20,
};

extern const double bench_size_us[SIZES];

typedef struct row {
    bench_way *way;
    size_t count[SIZES];                                              /* items of one repetition */
    double wall[SIZES][REPETITIONS_MAX], cpu[SIZES][REPETITIONS_MAX]; /* ns an item */
    double wall_ns[SIZES], cpu_ns[SIZES];                             /* their medians */
    double wall_least_ns[SIZES];
    double spread[SIZES]; /* of the wall times */
    bench_metg metg_wall, metg_cpu;
} row;

typedef struct bench {
    bench_options options;
    bench_ways ways;
    double spin_per_us;
    bench_item *items; /* the first ready_count have ready_iterations */
    size_t ready_count;
    uint64_t ready_iterations;
    uint64_t *replies;
    row *rows[BENCH_WAYS_MAX];
    size_t row_count;
    row *plain; /* the row whose time is the useful time of the others */
} bench;

/* Fanfold's own ways on a target; the tasks must have been given to fan_start. */
extern const fan_task bench_spin_task, bench_range_task;
void dispatch_add_target(bench_ways *ways, const bench_target *target);

/* Measures all rows: at each size, interleaved; then the METG of each. */
void dispatch_measure(bench *b);
void dispatch_measure_metg(bench *b);

/* One run of `count` items of `iterations`, every reply checked; times of all of them. A way that
 * fails is absent from then on. */
bench_times dispatch_run(bench *b, const row *r, size_t count, uint64_t iterations);

/* Useful time as a part of all workers' time (by the wall clock of the best run: on a machine that
 * others use too, the median says how busy they are) or of all CPU time; negative where not known.
 * `s` is a size above 0. */
double dispatch_efficiency(const bench *b, const row *r, int s);
double dispatch_cpu_efficiency(const bench *b, const row *r, int s);

/* The peer that a row is held against: the first present of its sort and ground, one of a range
 * against a range where there is one; NULL where there is none. */
const row *dispatch_peer(const bench *b, const row *r);

/* The present row of this path on this executor or peer; NULL where there is none. */
const row *dispatch_find(const bench *b, const char *path, const char *on);

/* Tables: what was seen, and beside it what was asked. */
void dispatch_print(bench *b);
void dispatch_print_asked(bench *b);

#endif
