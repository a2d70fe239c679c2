/* What is in a list job's output under the key `timings` alone: which attempt a record comes from,
 * how long it ran, and who ran it. Without it the output depends on none of these. */
#ifndef FANI_TIMINGS_H
#define FANI_TIMINGS_H

#include "job/job_internal.h"

/* FAN_E_ARGUMENT: there is no place for it in the text format. */
fan_status fani_timings_check(const fan_job *job, fan_error *error);

/* Adds to the line of a record (TSV or NDJSON, `size` bytes with the newline) what is known of its
 * outcome, which a timed map gave; `out` begins anew. Of several items in one batch the time is
 * that of all. A header of TSV: `outcome` is NULL. FAN_E_MEMORY. */
fan_status fani_timings_add(fani_format format, const fan_outcome *outcome, const void *line,
                            size_t size, fan_buffer *out);

#endif
