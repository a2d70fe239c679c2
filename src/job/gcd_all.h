/* gcd with the key all: one gcd of all numbers of all inputs. */
#ifndef FANI_GCD_ALL_H
#define FANI_GCD_ALL_H

#include "job/job_internal.h"

/* Reads the inputs of the job to their end and leaves their gcd in decimal in *text (zeroed; the
 * caller clears it), with a NUL. What is no number ends it: FAN_E_SYNTAX with its place. Other
 * errors: those of reading, FAN_E_CANCELLED, FAN_E_MEMORY. */
fan_status fani_gcd_all(fani_job_run *run, fan_buffer *text, fan_error *error);

#endif
