/* METG(50 %), the metric of Task Bench (Slaughter et al., 2020): the smallest item that still runs
 * at 50 % efficiency, found by bisection over a grid of lengths. Pure. */
#ifndef BENCH_METG_H
#define BENCH_METG_H

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_METG_GRID = 88 };

/* The length at a place of the grid (0 .. BENCH_METG_GRID - 1) in steps of bench_spin: 0, 1, 2 ..
 * then a quarter of an octave apart, to about 6 million. */
uint64_t bench_metg_iterations(int place);

/* The first place of the grid whose length is at least `iterations`; the last where none is. */
int bench_metg_place(double iterations);

typedef struct bench_metg {
    int guess, below, above; /* places; below the threshold, at or above it; -1 and the grid's size
                                where none is known yet */
    double below_ns, below_efficiency, above_ns, above_efficiency;
} bench_metg;

/* A search that begins at a place. */
bench_metg bench_metg_begin(int guess);

/* The place to measure next, or -1 when it is found (or known to lie outside the grid). */
int bench_metg_next(const bench_metg *search);

/* What was measured at the place that was asked for: the length of an item in nanoseconds, and the
 * efficiency. */
void bench_metg_tell(bench_metg *search, int place, double item_ns, double efficiency);

typedef enum bench_metg_state {
    BENCH_METG_UNKNOWN, /* the search did not end */
    BENCH_METG_FOUND,
    BENCH_METG_BELOW, /* smaller than *ns: even an empty item is efficient enough */
    BENCH_METG_ABOVE, /* larger than *ns */
} bench_metg_state;

/* The result in nanoseconds, between the two neighbours in the grid. */
bench_metg_state bench_metg_result(const bench_metg *search, double *ns);

#endif
