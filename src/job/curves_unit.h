/* What the caller's side of curves.h and its task share: arguments, replies and records. */
#ifndef FANI_CURVES_UNIT_H
#define FANI_CURVES_UNIT_H

#include "job/curves.h"

/* Appends the task's arguments. FAN_E_MEMORY. */
fan_status fani_curves_args(mpz_srcptr n, const fani_curves_options *options, fan_buffer *args);

/* The effort that these options mean. */
fani_effort fani_curves_effort(const fani_curves_options *options);

/* Reads a reply; false: malformed. Where *any, *search and *divisor (initialized) say what was
 * found. */
bool fani_curves_read(const unsigned char *bytes, size_t size, fani_curves_search *search,
                      mpz_ptr divisor, bool *any);

/* Appends a record of the state: a unit's number and its reply. FAN_E_MEMORY. */
fan_status fani_curves_record(uint64_t index, const unsigned char *reply, size_t size,
                              fan_buffer *out);

/* Takes the number off its front; false: malformed. */
bool fani_curves_record_read(const unsigned char **bytes, size_t *size, uint64_t *index);

#endif
