/* What the steps of a dispatch cost: the parameters of the simulation, by name. */
#ifndef SCALE_COSTS_H
#define SCALE_COSTS_H

#include <stdio.h>

#include "fanfold/status.h"

/* X(name, default, what). Times in ns. The first four, together what `map, batch 1` on mpi costs in
 * bench/dispatch, and per_item, what a map with chosen batches costs there, can be taken from its
 * table. The idle times are those of src/exec/mpi/idle.c. */
#define SCALE_COST_LIST(X)                                                                         \
    X(cut, 1000, "rank 0, a batch: taken from the source and posted")                              \
    X(send, 700, "a message: written and sent")                                                    \
    X(receive, 1000, "a message: probed, received, read")                                          \
    X(end, 1300, "rank 0, a batch: found, reported, delivered, freed")                             \
    X(per_item, 8, "rank 0, an item: in and out")                                                  \
    X(per_byte, 0.1, "sender and receiver, a byte")                                                \
    X(scan, 1, "rank 0, a batch: to look at one of its peers")                                     \
    X(work, 500, "a worker, a batch: taken, begun, ended")                                         \
    X(relay, 300, "a leader, a batch: to or from a rank of its host")                              \
    X(claim, 100, "a worker, a piece of a batch that its leader splits")                           \
    X(gather, 100000, "a leader holds replies at most so long")                                    \
    X(latency_local, 500, "a message within a host")                                               \
    X(latency_remote, 2000, "a message between hosts")                                             \
    X(wake, 10000, "to wake a thread that sleeps")                                                 \
    X(spin, 60000, "idle: polling, before the first sleep")                                        \
    X(sleep_first, 20000, "idle: the first sleep; each is twice the last")                         \
    X(sleep_most, 1000000, "idle: the longest sleep for a tenth of a second")                      \
    X(sleep_long, 2000000, "idle: each sleep after that")                                          \
    X(long_idle, 100000000, "idle: that tenth of a second")                                        \
    X(slack, 60000, "a sleep lasts so much longer than asked for")

typedef struct scale_costs {
#define SCALE_COST_MEMBER(name, value, what) double name;
    SCALE_COST_LIST(SCALE_COST_MEMBER)
#undef SCALE_COST_MEMBER
} scale_costs;

scale_costs scale_costs_default(void);

/* All of them 0: an ideal machine. */
scale_costs scale_costs_none(void);

/* "name=ns", 0 .. 1e12. FAN_E_ARGUMENT with the reason. */
fan_status scale_costs_set(scale_costs *costs, const char *text, fan_error *error);

/* Reads lines of name=ns (blank lines and # allowed), or what `bench/dispatch --tsv` printed under
 * mpirun. FAN_E_INPUT, FAN_E_SYNTAX with the line; *costs is untouched then. */
fan_status scale_costs_read(scale_costs *costs, const char *path, fan_error *error);

void scale_costs_print(const scale_costs *costs, FILE *file);

#endif
