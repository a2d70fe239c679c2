/* Allocations of the library that fail when they are told to; GMP's are not among them. */
#ifndef FAN_TESTS_FAILING_H
#define FAN_TESTS_FAILING_H

#include <stdbool.h>
#include <stdint.h>

/* The allocation after `good` more of this thread fails, those after it do not. */
void failing_after(uint64_t good);

/* No more fails; returns whether one has since failing_after. */
bool failing_end(void);

#endif
