/* Outcomes of a list job as bytes, to wait in memory or in a file: all that is needed to write them
 * out later, also by another run. */
#ifndef FANI_OUTCOME_BYTES_H
#define FANI_OUTCOME_BYTES_H

#include "fanfold/executor.h"
#include "job/places.h"

/* Makes bytes of `count` outcomes, with the places of those that something is to be said about.
 * *bytes, which must be empty, is then the caller's to clear. FAN_E_MEMORY. */
fan_status fani_outcomes_to_bytes(const fan_outcome *outcomes, size_t count,
                                  const fani_places *places, fan_buffer *bytes);

/* An outcome that was read from bytes, and points into them. */
typedef struct fani_outcome_read {
    fan_outcome outcome;
    fan_captured captured;
    fani_place place; /* zeroes where nothing is to be said about it */
} fani_outcome_read;

/* Reads the next outcome, of index `index`, off the front of the bytes. False: they are malformed.
 */
bool fani_outcome_from_bytes(const unsigned char **bytes, size_t *size, uint64_t index,
                             fani_outcome_read *read);

#endif
