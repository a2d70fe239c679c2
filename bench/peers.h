/* The plain ways to spread items over cores that dispatch is held against: what one would write
 * instead of using Fanfold. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

/* One item of dispatch's work: the reply is bench_spin(seed, iterations). */
typedef struct bench_item {
    uint64_t seed;
    uint64_t iterations;
} bench_item;

/* A call on this thread for each item, through a pointer. */
void bench_plain_loop(const bench_item *items, uint64_t *replies, size_t count);

/* An OpenMP worksharing loop that hands out one item at a time. */
void bench_openmp_loop(unsigned workers, const bench_item *items, uint64_t *replies, size_t count);

/* A pool as textbooks have it: threads that take one item at a time from a bounded queue under one
 * mutex, with condition variables. */
typedef struct bench_pool bench_pool;
bench_pool *bench_pool_open(unsigned workers);
void bench_pool_run(bench_pool *pool, const bench_item *items, uint64_t *replies, size_t count);
void bench_pool_close(bench_pool *pool);

#endif
