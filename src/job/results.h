/* What came of one run, for the library itself. */
#ifndef FANI_RESULTS_H
#define FANI_RESULTS_H

#include "fanfold/results.h"

/* fan_results_read for an output that one run writes: a shard's, or of one without shards. Indices
 * are those of the whole input. */
fan_status fani_results_of_run(const char *output, const fan_results_visitor *visitor,
                               fan_error *error);

#endif
