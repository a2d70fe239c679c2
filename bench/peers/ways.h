/* Ways to spread items over workers, as dispatch measures them: Fanfold's and its peers'. C and C++
 * (a peer in C++ includes this and keeps its exceptions to itself). */
#ifndef BENCH_PEERS_WAYS_H
#define BENCH_PEERS_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One item: the reply is bench_spin(seed, iterations). Item i's seed is bench_seed(i), and all
 * items of one run have the same number of iterations. */
typedef struct bench_item {
    uint64_t seed;
    uint64_t iterations;
} bench_item;

/* What a way asks of its scheduler: only ways of one sort are held against each other. */
typedef enum bench_sort {
    BENCH_ALONE,  /* a loop on one thread: what is useful in all the others */
    BENCH_CHOSEN, /* the scheduler chooses how many items it hands out at once */
    BENCH_SINGLE, /* items are handed out one by one */
    BENCH_FUTURE, /* each item is submitted by itself, with an end of its own to wait for */
    BENCH_SORTS
} bench_sort;

/* Where the workers are; only ways on one ground are held against each other. */
typedef enum bench_ground {
    BENCH_IN_MEMORY, /* threads of this process */
    BENCH_PROCESSES,
    BENCH_RANKS,
    BENCH_GROUNDS
} bench_ground;

/* Time for all items of a run; negative where it was not measured. */
typedef struct bench_times {
    double wall_ns;
    double cpu_ns;       /* of the submitter, what pumps for it, and all workers */
    const char *failure; /* why there is no reply; NULL where there are */
} bench_times;

typedef struct bench_way bench_way;
struct bench_way {
    bench_sort sort;
    bench_ground ground;
    const char *path, *on; /* what is called, and by whom it is done */
    char absent[256];      /* why it can't be measured here, or any more; empty where it can */
    bool fanfold;
    bool ranged; /* items are indices: nothing is read for them */
    unsigned workers;
    /* Does `count` items and writes their replies. A way that works in another program measures
     * itself and fills *times, which may say that it failed; the others leave it alone. */
    void (*run)(const bench_way *way, const bench_item *items, uint64_t *replies, size_t count,
                bench_times *times);
    void *self;
    const struct bench_target *target; /* whose processes work for it besides this one; or NULL */
    size_t least, most;                /* items of one run: at least, at most */
    double budget_ns, short_ns;        /* of one run; of one in the search for the METG */
};

enum { BENCH_WAYS_MAX = 64, BENCH_CLOSERS_MAX = 64 };

/* Where the ways are collected, peers before Fanfold: the first present peer of a sort and ground
 * is the one that the others are held against. */
typedef struct bench_ways {
    bench_way ways[BENCH_WAYS_MAX];
    size_t count;
    unsigned workers;
    bool quick;
    void (*close[BENCH_CLOSERS_MAX])(void *self);
    void *closed[BENCH_CLOSERS_MAX];
    size_t closers;
} bench_ways;

/* Adds a way with the usual counts and times, to be filled further; never NULL. */
bench_way *bench_ways_add(bench_ways *ways, bench_sort sort, bench_ground ground, const char *path,
                          const char *on);

/* Adds a way that can't be measured here, with the reason. */
void bench_ways_add_absent(bench_ways *ways, bench_sort sort, bench_ground ground, const char *path,
                           const char *on, const char *why);

/* Has close(self) called by bench_ways_close, last added first. */
void bench_ways_at_end(bench_ways *ways, void (*close)(void *self), void *self);
void bench_ways_close(bench_ways *ways);

/* The peers; each adds its ways, or says why they are absent. */
void bench_ways_of_openmp(bench_ways *ways);   /* and the plain loop */
void bench_ways_of_pool(bench_ways *ways);     /* a pool as textbooks have it */
void bench_ways_of_tbb(bench_ways *ways);      /* oneTBB */
void bench_ways_of_async(bench_ways *ways);    /* std::async */
void bench_ways_of_taskflow(bench_ways *ways); /* Taskflow */
void bench_ways_of_python(bench_ways *ways);   /* concurrent.futures, joblib/loky, mpi4py.futures */

#ifdef __cplusplus
}
#endif
#endif
