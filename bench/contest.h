/* Contests: several ways to do the same work, each measured on the same items in one run. */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include "harness.h"

enum { BENCH_PEERS_MAX = 10, BENCH_REPETITIONS_MAX = 1000 };

/* One way to do a contest's work. */
typedef struct bench_peer {
    const char *name;
    double (*run)(void *user); /* all items once; CPU time in ns, negative: it can't run here */
    void *user;
    bool absent;
    double times[BENCH_REPETITIONS_MAX]; /* ns an item */
} bench_peer;

/* The others are compared with the first peer that is not absent. `check` looks at what the last
 * run left; NULL where each run checks its answers by itself. */
typedef struct bench_contest {
    const char *name;
    size_t items;
    double unit_ns; /* of the table's times; 0: nanoseconds */
    void (*check)(const void *user, const char *peer);
    const void *check_user;
    bench_peer *peers[BENCH_PEERS_MAX];
    size_t peer_count;
} bench_contest;

/* `name` and `user` are borrowed. */
void bench_contest_add(bench_contest *contest, const char *name, double (*run)(void *user),
                       void *user);

/* Measures, checking every answer, adds a row for each peer to the table (work, by, time, spread in
 * percent, ratio to the first) and frees the peers. */
void bench_contest_hold(bench_contest *contest, const bench_options *options, bench_table *table);

/* So many items, or a few with --quick. */
size_t bench_scaled(const bench_options *options, size_t items);

#endif
