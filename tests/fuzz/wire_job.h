/* The messages of jobs, apart from those of executors: both have a fani_answer. */
#ifndef FAN_FUZZ_WIRE_JOB_H
#define FAN_FUZZ_WIRE_JOB_H

#include <stddef.h>

/* A reply of a list job's task. */
void fuzz_record(const unsigned char *message, size_t size);

/* An integral as workers get it. */
void fuzz_flat_integral(const unsigned char *message, size_t size);

/* One such message that is sound; the caller frees it. */
unsigned char *fuzz_build_flat_integral(unsigned choice, size_t *size);

#endif
