/* Which engine finds what the moduli of a scan have in common: the levels of one tree
 * (weak_engine.h), in memory or in files, or a ring of trees (weak_ring.h). What they find is the
 * same. */
#ifndef FANI_WEAK_FIND_H
#define FANI_WEAK_FIND_H

#include "job/weak_engine.h"

/* Whether the job's keys go together. FAN_E_ARGUMENT: a ring can't have limits for items or for
 * memory. */
fan_status fani_weak_find_check(const fan_job *job, fan_error *error);

/* Appends each modulus's gcd with the product of the others to an empty list. outside: others that
 * count and are not in the list, which levels alone can do; NULL: none. Errors: those of the
 * engines, FAN_E_MEMORY, FAN_E_OUTPUT. */
fan_status fani_weak_find_gcds(fani_job_run *run, const fani_mpzs *distinct,
                               const fani_weak_outside *outside, fani_mpzs *gcds, fan_error *error);

/* Removes what scans have kept beside the run's output, of either engine. */
void fani_weak_find_clear(const fani_job_run *run);

#endif
