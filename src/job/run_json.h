/* OUTPUT.run.json: what a run with a journal was, for people and programs. One JSON object, of
 * schema "fanfold.run/1" (docs/jobs.md). Times stand in its `timings` alone. */
#ifndef FANI_RUN_JSON_H
#define FANI_RUN_JSON_H

#include <jansson.h>

#include "job/job_internal.h"

/* The schema of the file beside the output of a run in shards, which says what they all are. */
#define FANI_RUN_JSON_SHARDS "fanfold.shards/1"

/* A run has been opened: says what it is. Nothing is done where the run has no state or has nothing
 * to do, and where it goes on with another: only at its end is it known that its input is the right
 * one. Errors: FAN_E_OUTPUT with file and errno, FAN_E_MEMORY. */
fan_status fani_run_json_begin(fani_job_run *run, fan_error *error);

/* A pass over what failed begins, by a run that was complete: says what it is. Errors as begin. */
fan_status fani_run_json_again(const fani_job_run *run, fan_error *error);

/* The run has ended with this status and exit code; to be called while its lock is held. Nothing is
 * done for one that was refused. Of one that was complete, and had nothing to do, the file is
 * mended where the run that did it was killed before it could say that it has ended. Errors as
 * begin. */
fan_status fani_run_json_end(const fani_job_run *run, fan_status status, int exit_code,
                             fan_error *error);

/* Writes what pins the shards of this run's output: how many there are, and their identity. With
 * `exists` it is written only where no run.json is: else *exists becomes true. Errors as begin. */
fan_status fani_run_json_pin(const fani_job_run *run, bool *exists, fan_error *error);

/* Reads what stands beside an output: an object that the caller releases; NULL: there is no such
 * file. Errors: FAN_E_INPUT with file, and errno or line and column; FAN_E_MEMORY. */
fan_status fani_run_json_read(const char *output, json_t **object, fan_error *error);

/* What all shards of a job have in common, as the pin has it: an object of texts, the caller's.
 * NULL: out of memory. */
json_t *fani_run_json_shards_identity(const fan_job *job);

#endif
