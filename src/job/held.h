/* What a list job's run holds back: outcomes that wait for an earlier item, in memory and in a
 * file, so that they come out in the order of their items. Where the run's output is a file with a
 * ledger, that file is OUTPUT.waiting, and the ledger has a HELD record for each piece of it that
 * counts: a run that goes on need not do these items again. Else it is a file without a name in
 * TMPDIR. Where outcomes are written as they come (the key `unordered`), nothing waits, and the
 * ledger gets DONE records. Used by the caller's thread of a run alone. */
#ifndef FANI_HELD_H
#define FANI_HELD_H

#include "job/job_internal.h"
#include "job/ranges.h"
#include "stage/journal.h"
#include "stage/reorder.h"

typedef struct fani_held fani_held;

/* Sets run->held, for a run whose state, if it has one, is open. With `resume`, what its ledger
 * holds is taken up, as far as its bytes are right. Errors: FAN_E_MEMORY, of reading the ledger,
 * FAN_E_OUTPUT: OUTPUT.waiting is there and can't be gone on with. */
fan_status fani_held_open(fani_job_run *run, fan_error *error);

/* Where outcomes wait. */
fani_reorder *fani_held_buffer(fani_held *held);

/* Whether outcomes are written as they come. */
bool fani_held_is_unordered(const fani_held *held);

/* Whether no more items should be begun. */
bool fani_held_is_full(const fani_held *held);

/* Something was taken out of the buffer. Errors: FAN_E_OUTPUT. */
fan_status fani_held_took(fani_held *held, fan_error *error);

/* How many items from `index` on need not be done, because their outcomes are there; where none,
 * *before says how many can be done before the next such. */
uint64_t fani_held_covers(const fani_held *held, uint64_t index, uint64_t *before);

/* Outcomes of these items were written as they came. FAN_E_MEMORY. */
fan_status fani_held_done(fani_held *held, uint64_t first, uint64_t count, fan_error *error);

/* Up to which index all were written as they came. */
uint64_t fani_held_low(const fani_held *held);

/* Items beyond STATE's that the ledger speaks of. 0 where `held` is NULL, as all below do nothing.
 */
uint64_t fani_held_written(const fani_held *held);

/* What waits is written to the file and the ledger: before a STATE. Errors: FAN_E_OUTPUT,
 * FAN_E_MEMORY, of the journal. */
fan_status fani_held_write(fani_held *held, fan_error *error);

/* The STATE was appended, as this record: once that is synced, the places of what was taken before
 * are used again. Errors: FAN_E_OUTPUT. */
fan_status fani_held_settle(fani_held *held, uint64_t sequence, fan_error *error);

/* Takes the file away, if one was made, where nothing waits in it, or `always`; before the ledger
 * is closed. FAN_E_OUTPUT: it can't be removed, or whether it is still this run's can't be
 * told, so it stays. */
fan_status fani_held_leave(fani_held *held, bool always, fan_error *error);

/* The same for what an earlier run has left of an output that is complete now. FAN_E_OUTPUT,
 * FAN_E_MEMORY. */
fan_status fani_held_remove(const char *output, fan_error *error);

/* Closes and frees; the ledger is closed. */
void fani_held_free(fani_held *held);

#endif
