/* What came of a run: read from the journal beside its output, also while it runs and after it was
 * killed. */
#ifndef FANFOLD_RESULTS_H
#define FANFOLD_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fan_results {
    bool finished; /* it came to its end, and the output is in its place */
    uint64_t done; /* entries of the input whose outcomes are in the output: from the first on, but
                      where they are written as they come */
    uint64_t items, ok, failed, lost, timed_out, cancelled; /* of these; items is their sum */
    uint64_t bad_inputs;                                    /* entries that are no valid input */
    uint64_t output_bytes;
    uint64_t waiting; /* entries whose outcomes are there and wait for those of an earlier one */
    /* Of an output that is written in shards, all else here is the sum over them: how many they
     * are, how many of these were begun, and have finished. 0 of one that is not. */
    uint64_t shards, shards_begun, shards_finished;
    /* Passes over what failed that were begun (key retry-failed), of shards the most. Where the
     * last of them has not finished, what it has not come to counts as it was. */
    uint64_t retries;
} fan_results;

/* An entry that is not ok; its index is that in the whole input, also of a shard. Texts are valid
 * during the visit. */
typedef struct fan_results_failure {
    uint64_t index;
    const char *outcome;   /* "failed", "lost", "timed out", "cancelled", "bad input", or "partial":
                              it has a result which is not all of it */
    uint32_t attempt;      /* from 1; 0: not known */
    uint32_t line, column; /* where it stands in its input, from 1; 0: not known */
    const char *file;      /* "": not known */
    const char *text;      /* the reason */
    double seconds;        /* how long its last run took, with all that ran in its batch, of ... */
    uint32_t batch;        /* ... so many items: 1: it ran alone. 0 seconds: not known */
} fan_results_failure;

/* Who looks at them; each function may be NULL. */
typedef struct fan_results_visitor {
    /* What the run is, as a resume compares it: "task", "input", ... First of all. */
    void (*fact)(void *user, const char *key, const char *value);
    /* Once, before the failures; another answer than FAN_OK ends the reading with it. */
    fan_status (*summary)(void *user, const fan_results *results, fan_error *error);
    /* By growing index, but for those that were done again and where outcomes are written as they
     * come: each index at most once. Of an output in shards, shard after shard. As summary. */
    fan_status (*failure)(void *user, const fan_results_failure *failure, fan_error *error);
    void *user;
    /* Of an output in shards, before the summary: what came of each, from number 1 on; NULL: it was
     * not begun. `output` is its own. As summary. */
    fan_status (*shard)(void *user, uint64_t number, const char *output, const fan_results *results,
                        fan_error *error);
} fan_results_visitor;

/* Reads what the journal of the output `output` says (the file OUTPUT.journal), or the journals of
 * its shards (key `shard`; OUTPUT.run.json says how many they are). Takes no lock and
 * changes nothing. Memory does not grow with the number of failures, but for those that were done
 * again. Any thread. Errors: FAN_E_ARGUMENT: there is no journal; FAN_E_INPUT: it can't be read, or
 * is damaged (with file, and errno or offset); FAN_E_MEMORY; what the visitor answered. */
FAN_API fan_status fan_results_read_sized(const char *output, const fan_results_visitor *visitor,
                                          size_t visitor_size, fan_error *error);
static inline fan_status fan_results_read(const char *output, const fan_results_visitor *visitor,
                                          fan_error *error)
{
    return fan_results_read_sized(output, visitor, sizeof *visitor, error);
}

/* Puts the outputs of an output's shards together: writes `output`, which appears complete or not
 * at all, with the bytes that a run without shards would have written. Their files stay. Memory:
 * some 64 MB, and one bit for each item where some are not ok. Any thread. Errors: FAN_E_ARGUMENT:
 * it has no shards, or one was not begun; FAN_E_BUSY: one has not finished (its name is in the
 * text); FAN_E_INPUT: one can't be read, does not fit its journal, or the shards don't fit each
 * other; FAN_E_OUTPUT; FAN_E_MEMORY. */
FAN_API fan_status fan_results_merge(const char *output, fan_error *error);

#ifdef __cplusplus
}
#endif
#endif
