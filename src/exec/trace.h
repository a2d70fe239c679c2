/* The front's side of a trace (fanfold/trace.h). */
#ifndef FANI_TRACE_H
#define FANI_TRACE_H

#include "exec/executor_ops.h"

/* One executor of a trace. */
typedef struct fani_trace_source fani_trace_source;

/* Adds an opened executor. `name` is copied, and so are the hosts. FAN_E_MEMORY, and
 * FAN_E_UNSUPPORTED for more executors than a trace can tell apart. Any thread. */
fan_status fani_trace_attach(fan_trace *trace, const char *name, const fani_opened *opened,
                             fani_trace_source **source, fan_error *error);

/* The executor is closed and adds nothing any more; its events stay. NULL is accepted. */
void fani_trace_detach(fani_trace_source *source);

/* Adds a batch that came back: before its done function. begun_ns, run_ns and where say who ran it
 * (0: nobody did, or nobody knows), posted_ns since when it waited. `again`: its items have no
 * outcomes yet, another posting will give them theirs. Any thread, also under locks: it never waits
 * for the disk. */
void fani_trace_batch(fani_trace_source *source, const fani_batch *batch, bool again);

#endif
