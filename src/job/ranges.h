/* A set of indices, as ranges: some bytes for each gap between them. */
#ifndef FANI_RANGES_H
#define FANI_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

typedef struct fani_range {
    uint64_t first, end; /* first < end */
} fani_range;

/* Starts with zeroes, ends with fani_ranges_clear. By their firsts; none touches another. */
typedef struct fani_ranges {
    fani_range *at;
    size_t count, room;
} fani_ranges;

void fani_ranges_clear(fani_ranges *ranges);

/* Adds the indices first .. end - 1, some of which may be there already. FAN_E_MEMORY. */
fan_status fani_ranges_add(fani_ranges *ranges, uint64_t first, uint64_t end);

/* The range that has `index`, or the next one behind it; NULL: none. */
const fani_range *fani_ranges_from(const fani_ranges *ranges, uint64_t index);

bool fani_ranges_has(const fani_ranges *ranges, uint64_t index);

/* Indices in all that are at least `from`. */
uint64_t fani_ranges_total(const fani_ranges *ranges, uint64_t from);

#endif
