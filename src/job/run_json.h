/* OUTPUT.run.json: what a run with a journal was, for people and programs. One JSON object, of
 * schema "fanfold.run/1" (docs/jobs.md). Times stand in its `timings` alone. */
#ifndef FANI_RUN_JSON_H
#define FANI_RUN_JSON_H

#include "job/job_internal.h"

/* A run has been opened: says what it is. Nothing is done where the run has no state or has nothing
 * to do, and where it goes on with another: only at its end is it known that its input is the right
 * one. Errors: FAN_E_OUTPUT with file and errno, FAN_E_MEMORY. */
fan_status fani_run_json_begin(fani_job_run *run, fan_error *error);

/* The run has ended with this status and exit code; to be called while its lock is held. Nothing is
 * done for one that was refused. Errors as begin. */
fan_status fani_run_json_end(const fani_job_run *run, fan_status status, int exit_code,
                             fan_error *error);

#endif
