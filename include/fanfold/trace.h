/* A trace: which worker ran which items when, as a file for chrome://tracing and ui.perfetto.dev.
 *
 *     fan_trace_open("run.json", &trace, &error);
 *     fan_executor_options options = {.kind = "threads", .trace = trace};
 *     ... fan_executor_open(&options, ...), work, fan_executor_close(...)
 *     fan_trace_close(trace, &error);
 *
 * The file is JSON, {"traceEvents": [...], "otherData": {...}}, one event a line. Each batch that
 * ran (a submitted item is a batch of one) is an "X" event, with ts and dur in microseconds since
 * fan_trace_open, on the row of its worker: `pid` is the worker's process, or its rank with MPI,
 * and `tid` its thread. "M" events name the rows with executor, rank, host, process, thread and the
 * worker's number. `args` of an event: item (the index of its first), count, attempt, wait_us (in
 * the queue), and where items did not end well: outcome (of the first such), failed (how many) and
 * first_failed. Batches that never ran are "i" events. `cat` is "batch" where the items got their
 * outcomes, and "again" for a run that they did not get them from: its worker died, or it is tried
 * again. Each item is in one event of "batch". Indices above 2^53 are strings.
 *
 * Hosts have clocks of their own. Each rank's is shifted so that no run begins before it was handed
 * out and none ends after rank 0 knew of it; `otherData` says by how much a shift may be wrong.
 *
 * Cost: a run is kept as 32 bytes (128 where it did not end well, or took more than 4 s) by the
 * thread that completes it; text is made of it only when the trace is closed. Memory is bounded
 * (16 MiB, and 13 KiB a thread): more goes to a temporary file beside the trace (or in $TMPDIR).
 * Where that file is too slow, events are left out rather than the work held up, and `otherData`
 * has their number as dropped_batches. */
#ifndef FANFOLD_TRACE_H
#define FANFOLD_TRACE_H

#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fan_trace fan_trace;

/* Opens a trace, to be given to fan_executor_options.trace of any number of executors. `path` is
 * where the file appears when the trace is closed; a device or a FIFO is written directly. *trace
 * is NULL on error: FAN_E_OUTPUT with file and errno, FAN_E_ARGUMENT, FAN_E_MEMORY, FAN_E_SYSTEM.
 * Any thread. With MPI, rank 0 alone needs one. */
FAN_API fan_status fan_trace_open(const char *path, fan_trace **trace, fan_error *error);

/* Writes the file and frees the trace; NULL is accepted. Errors: FAN_E_BUSY: an executor that was
 * opened with it is not closed yet (the trace stays valid); FAN_E_OUTPUT with file and errno (a
 * full disk): the trace is freed, no file appears, and one that was there before is as it was. Any
 * thread.
 */
FAN_API fan_status fan_trace_close(fan_trace *trace, fan_error *error);

#ifdef __cplusplus
}
#endif
#endif
