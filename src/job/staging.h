/* What a job copies near before it runs (key stage-in), and where its commands leave files (key
 * stage-out). Numbers and keys are read by the caller of a run, so their files are copied to its
 * host alone; commands find theirs on the host that they run on. */
#ifndef FANI_STAGING_H
#define FANI_STAGING_H

#include "job/job_internal.h"
#include "stage/reader.h"

typedef struct fani_staging fani_staging;

/* Copies what the job's keys say; run->staging stays NULL where they say nothing. What can't be
 * copied is reported. Errors: FAN_E_INPUT (not all could be), FAN_E_OUTPUT (folders),
 * FAN_E_CANCELLED, FAN_E_MEMORY, FAN_E_SYSTEM and those of the executor's gang. */
fan_status fani_staging_begin(fani_job_run *run, fan_error *error);

/* Removes all that was copied; how the run has ended says whether other hosts can be asked. */
void fani_staging_end(fani_job_run *run, fan_status status);

/* The copied files, in the order of their names: the caller does not keep what it gets. */
typedef struct fani_staged {
    const char *path; /* of the copy */
    const char *name; /* of the file that was copied */
} fani_staged;
size_t fani_staging_count(const fani_staging *staging);
fani_staged fani_staging_at(const fani_staging *staging, size_t i);

/* Adds them to a reader, under the names of what was copied. FAN_E_MEMORY. */
fan_status fani_staging_add(const fani_staging *staging, fani_reader *reader);

/* What the task "command" is told (command_stage.h), as bytes that are the staging's; size 0:
 * nothing. */
const fan_buffer *fani_staging_told(const fani_staging *staging);

#endif
