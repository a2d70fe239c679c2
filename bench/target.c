#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "spin.h"

/* Where a worker runs, so that its CPU time can be read. */
typedef struct place {
    char host[64];
    int64_t pid;
} place;

static void place_here(place *p)
{
    *p = (place){.pid = getpid()};
    if (gethostname(p->host, sizeof p->host - 1))
        p->host[0] = '\0';
}

static fan_status place_run(fan_run *run, fan_items in)
{
    place *places = fan_run_reply_array(run, sizeof *places);
    if (!places)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        place_here(&places[i]);
        bench_spin(i, 200000); /* long enough that no worker takes all of them */
    }
    return FAN_OK;
}

const fan_task bench_place_task = {.name = "bench-place", .version = 1, .run = place_run};

/* ---- Processes ------------------------------------------------------------------------------ */

static void add_process(bench_target *t, const place *here, const place *there)
{
    if (strcmp(here->host, there->host) != 0)
        t->cpu_known = false;
    if (there->pid == here->pid || !t->cpu_known)
        return;
    for (unsigned i = 0; i < t->process_count; i++)
        if (t->processes[i] == (int)there->pid)
            return;
    if (t->process_count == BENCH_PROCESSES_MAX)
        bench_fail("more than %d worker processes", BENCH_PROCESSES_MAX);
    t->processes[t->process_count++] = (int)there->pid;
}

/* Asks the workers where they are: their CPU time counts too. */
static void find_processes(bench_target *t)
{
    enum { ASKED = 256 };
    place here, *there = bench_alloc(ASKED, sizeof *there);
    fan_map_options options = {.batch = 1};
    t->cpu_known = true;
    place_here(&here);
    if (fan_map(t->executor, &bench_place_task, fan_source_range(0, ASKED),
                fan_sink_array(there, sizeof *there, ASKED), &options, NULL) != FAN_OK)
        bench_fail("%s does not say where its workers are", t->name);
    for (size_t i = 0; i < ASKED; i++)
        add_process(t, &here, &there[i]);
    free(there);
}

void bench_target_describe(bench_target *t)
{
    fan_executor_stats stats;
    if (fan_executor_get_stats(t->executor, &stats) != FAN_OK)
        bench_fail("%s has no statistics", t->name);
    t->workers = stats.workers;
    find_processes(t);
}

void bench_target_open(bench_target *t, const char *name, unsigned workers)
{
    fan_error error = {0};
    fan_executor_options options = {.kind = name,
                                    .workers = strcmp(name, "serial") != 0 ? workers : 1};
    *t = (bench_target){.name = name, .workers = options.workers};
    if (fan_executor_open(&options, &t->executor, &error) != FAN_OK)
        snprintf(t->absent, sizeof t->absent, "%.200s", error.text);
    else
        bench_target_describe(t);
}

double bench_target_cpu_ns(const bench_target *t)
{
    double all = bench_process_ns();
    for (unsigned i = 0; i < t->process_count; i++) {
        double one = bench_other_process_ns(t->processes[i]);
        if (one < 0)
            return -1;
        all += one;
    }
    return all;
}

void bench_target_close(bench_target *t)
{
    if (t->executor && fan_executor_close(t->executor, FAN_CLOSE_DRAIN, FAN_FOREVER) != FAN_OK)
        bench_fail("%s does not close", t->name);
    t->executor = NULL;
}
