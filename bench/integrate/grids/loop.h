/* What a grid is held against: the loop that anybody writes. */
#ifndef BENCH_GRIDS_LOOP_H
#define BENCH_GRIDS_LOOP_H

#include <stddef.h>

/* The left sum of cos on `points` steps of length h from 0. loop.c is compiled with -O2 and without
 * vectors, so that each value is a call of libm's cos. */
double bench_cosine_loop(double h, size_t points);

#endif
