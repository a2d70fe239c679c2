/* What map and fold do with a source and a sink. */
#ifndef FANI_SOURCE_H
#define FANI_SOURCE_H

#include "exec/executor_ops.h"

fan_status fani_source_check(const fan_source *source, fan_error *error);

fan_status fani_sink_check(const fan_sink *sink, fan_error *error);

/* The next items after `taken`; items->count is 0 at the end. */
fan_status fani_source_pull(const fan_source *source, uint64_t taken, size_t max_items,
                            size_t max_bytes, fan_items *items, fan_error *error);

/* Outcomes to the sink; `first` is the source's first index. */
fan_status fani_sink_put(const fan_sink *sink, uint64_t first, const fan_outcome *outcomes,
                         size_t count, fan_error *error);

/* Copies items into one block that goes with the batch; `borrowed` ones (a stored array's) stay
 * where they are. False: out of memory. */
bool fani_items_keep(fani_batch *batch, const fan_items *items, bool borrowed);

#endif
