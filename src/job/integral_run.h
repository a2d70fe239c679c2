/* One integral, worked on by all workers: over a fixed grid as a fold over its blocks, or by a
 * method in rounds. */
#ifndef FANI_INTEGRAL_RUN_H
#define FANI_INTEGRAL_RUN_H

#include "job/integral_answer.h"

/* Integrates. FAN_OK: there is an answer; where its goal was not met, *why (with an OK status where
 * it was) says so. Errors: FAN_E_NOT_FINITE, FAN_E_FAILED, FAN_E_LOST, FAN_E_TIMEOUT (the
 * integral's own), and those that end the run. */
fan_status fani_integral_run(fani_job_run *run, const fani_integral_spec *spec, uint64_t index,
                             fani_integral_answer *answer, fan_error *why, fan_error *error);

/* The integral's outcome is written down: what was kept of it is removed. */
void fani_integral_run_done(const fani_job_run *run);

/* Whether to stop: writes down meanwhile what is there. For maps, folds and readers. An error of
 * writing is kept by the writer or the journal, and told by the next that needs them. */
bool fani_integral_stop_asked(void *run);

#endif
