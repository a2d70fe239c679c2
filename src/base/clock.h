/* The monotonic clock, as deadlines use it. */
#ifndef FANI_CLOCK_H
#define FANI_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds on CLOCK_MONOTONIC. */
int64_t fani_clock_ns(void);

/* A deadline in nanoseconds as a timespec for calls that take an absolute time. */
struct timespec fani_clock_timespec(int64_t deadline);

#endif
