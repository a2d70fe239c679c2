/* How long the phases of a weakkeys run took by the clock, which --timings tells. */
#ifndef FANI_WEAK_TIMES_H
#define FANI_WEAK_TIMES_H

#include "job/job_internal.h"

/* In the order in which they are told. */
typedef enum fani_weak_phase {
    FANI_WEAK_READ,
    FANI_WEAK_SORT, /* equal keys */
    FANI_WEAK_UP,
    FANI_WEAK_ROOT,
    FANI_WEAK_DOWN,
    FANI_WEAK_SCAN, /* instead of the last three, where they are not apart */
    FANI_WEAK_SPLIT,
    FANI_WEAK_CHECK,
    FANI_WEAK_WRITE,
    FANI_WEAK_PHASES
} fani_weak_phase;

typedef struct fani_weak_times {
    int64_t ns[FANI_WEAK_PHASES];
    bool seen[FANI_WEAK_PHASES];
    int64_t last;
} fani_weak_times;

/* Begins to measure where the job has timings: run->times, which must live as long as the run. */
void fani_weak_times_begin(fani_job_run *run, fani_weak_times *times);

/* What has gone by since the last call was this phase. Nothing where nobody measures. */
void fani_weak_times_end(const fani_job_run *run, fani_weak_phase phase);

/* The same of what is left of a scan: the way down, where the way up was seen. */
void fani_weak_times_end_scan(const fani_job_run *run);

/* Says them, as a note. Nothing where nobody measures. */
void fani_weak_times_note(const fani_job_run *run);

#endif
