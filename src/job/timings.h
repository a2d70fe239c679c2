/* What is in an output under the key `timings` alone: which attempt a record comes from, when that
 * began and how long it ran, and who ran it. Without it the output depends on none of these. */
#ifndef FANI_TIMINGS_H
#define FANI_TIMINGS_H

#include "job/job_internal.h"

/* FAN_E_ARGUMENT: there is no place for it in the text format. */
fan_status fani_timings_check(const fan_job *job, fan_error *error);

/* Writes the header of TSV before the first record: these columns, and those of the times where the
 * run has them. Errors: of the writer; FAN_E_MEMORY. */
fan_status fani_timings_header(fani_job_run *run, const char *columns, fan_error *error);

/* Writes the line of a record (`size` bytes with the newline; 0: there is none in this format),
 * with what is known of its outcome where the run has the times. Of several items in one batch they
 * are that of all. Errors as of the header. */
fan_status fani_timings_write(fani_job_run *run, const fan_outcome *outcome, const void *line,
                              size_t size, fan_error *error);

/* The time now, as fan_outcome.began_ns has it. */
int64_t fani_timings_now_ns(void);

#endif
