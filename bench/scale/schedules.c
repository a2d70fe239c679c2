#include "schedules.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* The worker that is free first gets an item: the root of a heap of times sinks. */
static void sink(double *free_at, uint32_t workers, double busy_until)
{
    uint32_t at = 0;
    for (uint64_t child = 1; child < workers; child = (uint64_t)2 * at + 1) {
        if (child + 1 < workers && free_at[child + 1] < free_at[child])
            child++;
        if (free_at[child] >= busy_until)
            break;
        free_at[at] = free_at[child];
        at = (uint32_t)child;
    }
    free_at[at] = busy_until;
}

/* Whose block item i is in: blocks differ by at most one item. */
static uint32_t block_of(uint64_t i, uint64_t count, uint32_t workers)
{
    uint64_t small = count / workers, large = count % workers;
    uint64_t in_large = large * (small + 1);
    return (uint32_t)(i < in_large ? i / (small + 1) : large + (i - in_large) / small);
}

bool scale_schedules_make(const scale_workload *work, uint32_t workers, scale_schedules *out)
{
    scale_schedules made = {0};
    double *free_at = calloc(workers, sizeof *free_at);
    double *cyclic = calloc(workers, sizeof *cyclic);
    double *block = calloc(workers, sizeof *block);
    bool fits = free_at && cyclic && block;
    for (uint64_t i = 0; fits && i < work->count; i++) {
        double duration = scale_duration(work, i), end = free_at[0] + duration;
        made.sum_ns += duration;
        made.longest_ns = fmax(made.longest_ns, duration);
        made.greedy_ns = fmax(made.greedy_ns, end);
        sink(free_at, workers, end);
        cyclic[i % workers] += duration;
        block[block_of(i, work->count, workers)] += duration;
    }
    for (uint32_t w = 0; fits && w < workers; w++) {
        made.cyclic_ns = fmax(made.cyclic_ns, cyclic[w]);
        made.block_ns = fmax(made.block_ns, block[w]);
    }
    made.bound_ns = fmax(made.sum_ns / workers, made.longest_ns);
    free(free_at);
    free(cyclic);
    free(block);
    if (fits)
        *out = made;
    return fits;
}
