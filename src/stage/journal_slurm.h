/* Asking Slurm, by its own commands, whether a job has ended. */
#ifndef FANI_JOURNAL_SLURM_H
#define FANI_JOURNAL_SLURM_H

#include "fanfold/executor.h"

typedef enum fani_slurm_answer {
    FANI_SLURM_UNKNOWN, /* not installed, no answer by the deadline, or one that says nothing */
    FANI_SLURM_LIVES,
    FANI_SLURM_ENDED,
} fani_slurm_answer;

/* Runs squeue, and scontrol where that does not know the job, each killed at the deadline. `job` is
 * what SLURM_JOB_ID says. Any thread; the program's handling of SIGCHLD stays as it is. */
fani_slurm_answer fani_slurm_ask(const char *job, fan_deadline deadline);

#endif
