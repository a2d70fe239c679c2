/* The ledger: what the journal of a job says. A journal's last STATE counts; records of the
 * other kinds add up. All numbers are little-endian. */
#ifndef FANI_LEDGER_H
#define FANI_LEDGER_H

#include "fanfold/executor.h"

typedef enum fani_ledger_kind {
    FANI_LEDGER_STATE = 1,  /* how far the run, or a pass over what failed, has come */
    FANI_LEDGER_FAILED = 2, /* an item that is not ok */
    FANI_LEDGER_MENDED = 3, /* u64: the index of one that failed before and now is ok */
    /* 4: of no kind */
    FANI_LEDGER_HELD = 5, /* outcomes that wait for an earlier one, and where */
    FANI_LEDGER_DONE = 6, /* items beyond STATE's that are done */
} fani_ledger_kind;

/* All items below `done` have their outcomes, and the first output_bytes of the output say so. */
typedef struct fani_ledger_state {
    uint64_t done;
    uint64_t output_bytes;
    uint64_t ok, failed, lost, timed_out, cancelled, bad; /* of the items done */
    uint64_t read;                                        /* items that were read from the input, */
    uint64_t read_hash;                                   /* and what they hash to (input_hash.h) */
    uint64_t run_ns;                                      /* in workers */
    uint64_t output_hash; /* of these output bytes (output_hash.h) */
    bool finished;        /* the output was complete; it is published, or about to be */
    /* Passes over what failed (retry.h): how many were begun. In such a one all items are done, */
    uint64_t retries;
    uint64_t again;     /* those below this are done again, where they were to be, */
    uint64_t copied;    /* what counts of so many bytes of the output before is in the new one, */
    uint64_t old_bytes; /* and that has so many in all, */
    uint64_t old_hash;  /* which hash to this */
} fani_ledger_state;

/* The outcome of an entry that is no valid input: beyond those of fan_outcome_kind. */
enum { FANI_LEDGER_BAD_INPUT = 100, FANI_LEDGER_PARTIAL = 101 };

typedef struct fani_ledger_failure {
    uint64_t index;
    uint32_t outcome; /* fan_outcome_kind, or one of the two above */
    uint32_t attempt;
    uint64_t output_at, output_size; /* the lines that stand for it in the output */
    uint64_t run_ns;       /* how long its last run took, with all that ran in its batch; 0: not */
    uint32_t run_items;    /* known. Items of that batch: 1: it ran alone */
    uint32_t line, column; /* where it stands in its input; 0: not known */
    const char *file;      /* "": not known */
    const char *text;
} fani_ledger_failure;

/* The outcomes of `count` items from `first` on stand in OUTPUT.waiting: these bytes of it hash to
 * `hash`. */
typedef struct fani_ledger_held {
    uint64_t first, count;
    uint64_t place, size;
    uint64_t hash;
} fani_ledger_held;

/* Replace the buffer's bytes by a record's payload. FAN_E_MEMORY. */
fan_status fani_ledger_put_state(const fani_ledger_state *state, fan_buffer *to);
fan_status fani_ledger_put_failure(const fani_ledger_failure *failure, fan_buffer *to);
fan_status fani_ledger_put_index(uint64_t index, fan_buffer *to);
fan_status fani_ledger_put_held(const fani_ledger_held *held, fan_buffer *to);
fan_status fani_ledger_put_done(uint64_t first, uint64_t count, fan_buffer *to);

/* Read a payload; texts and bytes point into it, and texts end with a NUL there. False: malformed.
 */
bool fani_ledger_get_state(const void *payload, size_t size, fani_ledger_state *state);
bool fani_ledger_get_failure(const void *payload, size_t size, fani_ledger_failure *failure);
bool fani_ledger_get_index(const void *payload, size_t size, uint64_t *index);
bool fani_ledger_get_held(const void *payload, size_t size, fani_ledger_held *held);
bool fani_ledger_get_done(const void *payload, size_t size, uint64_t *first, uint64_t *count);

/* "ok", "failed", ..., "bad input", "partial". */
const char *fani_ledger_outcome_name(uint32_t outcome);

/* Behind the output's name, while it is not complete. */
#define FANI_LEDGER_PART ".part"

/* Where the ledger, the output that is not complete, what waits for its turn, and what the run was
 * are kept: beside the output. malloc'd; NULL: out of memory. */
char *fani_ledger_path(const char *output);
char *fani_ledger_waiting_path(const char *output);
char *fani_ledger_run_json_path(const char *output);

/* Whether the output still stands beside its place: that of a run which is complete may. */
bool fani_ledger_has_part(const char *output);

#endif
