/* A map over MPI ranks, event by event: the front and map.c on rank 0's caller, src/exec/mpi on
 * every rank, with the executor's own policy (exec/batching.h). Nothing is random but the items'
 * durations: the same input gives the same result. */
#ifndef SCALE_SIMULATION_H
#define SCALE_SIMULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "costs.h"
#include "workload.h"

typedef enum scale_shape {
    SCALE_FLAT,    /* rank 0 talks to every rank; short batches share messages */
    SCALE_LEADERS, /* to every rank of its own host, and to a leader for each other host, which
                      relays batches to the host's ranks; batches and replies for one such host
                      share messages */
    SCALE_SPLIT, /* to a leader for each host, and a batch is one for a whole host, which its ranks
                    split */
    SCALE_SHAPES,
} scale_shape;

typedef struct scale_system {
    uint32_t ranks;        /* 1 .. 2^24 */
    uint32_t workers;      /* of each rank, 1 .. 4096 */
    uint32_t ranks_a_host; /* at least 1 */
    scale_shape shape;
    bool spare_core;    /* ranks have a core beside those of their workers */
    bool completed;     /* outcomes as they come (FAN_ORDER_COMPLETED), not in index order */
    bool learn_own;     /* batch times are learned from rank 0's own alone, not from all ranks */
    uint32_t batch;     /* items a batch; 0: chosen by fani_batching_items */
    double least_ns;    /* what if a batch had at least so much work for each worker that there is,
                           beside what the policy wants; 0: as it is */
    size_t queue_items; /* as fan_executor_options */
    uint32_t ahead;     /* batches that the map has out for each worker; 0: 512; where
                           leaders split for each host, 0: 8 */
    uint32_t item_bytes, reply_bytes;
    scale_costs costs;
} scale_system;

typedef struct scale_result {
    double makespan_ns;
    double sum_ns;          /* of the items' durations */
    double efficiency;      /* sum / all workers / makespan */
    double dispatcher_busy; /* the part of the makespan that rank 0's dispatch worked */
    uint64_t items, batches, pieces;
    uint64_t messages;    /* that rank 0 sent and received */
    uint64_t rank0_items; /* that rank 0 computed */
    uint64_t events;
} scale_result;

/* Told of each piece of work: items first .. first + count - 1 ran on `peer` (a rank; a host where
 * a leader is between) and ended at `end_ns`. */
typedef struct scale_observer {
    void (*ran)(void *user, uint64_t first, uint32_t count, uint32_t peer, double end_ns);
    void *user;
} scale_observer;

/* `observer` may be NULL. Needs about 100 bytes a rank and 70 a batch under way. FAN_E_MEMORY,
 * FAN_E_ARGUMENT. Any thread. */
fan_status scale_simulate(const scale_system *system, const scale_workload *work,
                          const scale_observer *observer, scale_result *result);

/* FAN_E_ARGUMENT: something is out of its range. */
fan_status scale_check(const scale_system *system, const scale_workload *work);

/* Peers of rank 0, itself among them, that are one rank: they come first. Where leaders relay,
 * those of its own host. */
uint32_t scale_direct_ranks(const scale_system *system);

/* The ranks that peer `p` stands for. */
uint32_t scale_ranks_of(const scale_system *system, uint32_t p);

/* "flat" and so on. */
const char *scale_shape_name(scale_shape shape);

/* The first moment at or after `at` when someone idle since `since` looks for messages. */
double scale_notice(const scale_costs *costs, double since, double at);

#endif
