/* Schedules without any cost of dispatch: what the simulated executor is held against. */
#ifndef SCALE_SCHEDULES_H
#define SCALE_SCHEDULES_H

#include "workload.h"

typedef struct scale_schedules {
    double sum_ns, longest_ns;
    double bound_ns;  /* no schedule is shorter: max(sum / workers, longest) */
    double greedy_ns; /* list scheduling (Graham 1969): the next item to whoever is free first */
    double block_ns;  /* static: a block of consecutive items to each worker */
    double cyclic_ns; /* static: item i to worker i mod workers */
} scale_schedules;

/* Makespans on 1 .. 2^31 workers. Efficiency is sum / workers / makespan. False: out of memory. */
bool scale_schedules_make(const scale_workload *work, uint32_t workers, scale_schedules *out);

#endif
