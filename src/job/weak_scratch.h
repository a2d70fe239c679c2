/* Where the files of a weak-key scan stand: beside the output, or in a folder of their own. */
#ifndef FANI_WEAK_SCRATCH_H
#define FANI_WEAK_SCRATCH_H

#include "job/job_internal.h"

/* Zero bytes: there is no place. */
typedef struct fani_weak_scratch {
    char *base;   /* the beginning of the files' names; NULL: there are none */
    char *folder; /* one of their own, its user's alone; NULL: they stand beside the output */
    bool passes;  /* it goes with this run, and with it all that is in it */
} fani_weak_scratch;

/* Finds the place: of a run with a journal the output's, or in --scratch a folder that belongs to
 * this output, where a later run finds it again; of another one that has a --memory a new folder,
 * and those of programs that were killed go. Errors: FAN_E_OUTPUT with the folder and errno,
 * FAN_E_SYSTEM, FAN_E_MEMORY. */
fan_status fani_weak_scratch_open(const fani_job_run *run, fani_weak_scratch *scratch,
                                  fan_error *error);

/* Removes a folder that goes with the run, or that is empty. */
void fani_weak_scratch_close(fani_weak_scratch *scratch);

#endif
