/* The state of a run whose output is a file (fan_job_is_resumable): its ledger, the output as far
 * as it has come, and where a run that goes on with another begins. Used by the caller's thread of
 * a run alone. */
#ifndef FANI_STATE_H
#define FANI_STATE_H

#include "job/job_internal.h"
#include "job/ledger.h"
#include "stage/journal.h"

typedef struct fani_state fani_state;

/* Opens or makes the ledger and the output's part, and sets run->state, run->writer and what was
 * counted in run->result. Where there is nothing to be done but to say so
 * (fani_state_complete), the writer may stay NULL. Errors: of the journal and the writer;
 * FAN_E_ARGUMENT: there is a run that did not end and the job says neither `resume` nor `restart`,
 * or it is another job's. */
fan_status fani_state_open(fani_job_run *run, fan_error *error);

/* Whether the output is still this run's, before something beside it is touched. FAN_E_OUTPUT:
 * another run has taken it over. */
fan_status fani_state_check(const fani_state *state, fan_error *error);

/* What a file beside the output is published behind: not once another run has taken it over. The
 * state must live as long as it is used. */
fani_writer_fence fani_state_fence(const fani_state *state);

/* Whether the run that is gone on with was complete: nothing is to be done but to publish. */
bool fani_state_complete(const fani_state *state);

/* Whether the run that is gone on with had begun, whatever it has done. */
bool fani_state_was_begun(const fani_state *state);

/* Items that need not be done: 0 for a new run, and where state is NULL. */
uint64_t fani_state_done(const fani_state *state);

/* How many passes over what failed were begun (retry.h); 0: this is the first pass over all. */
uint64_t fani_state_retries(const fani_state *state);

/* Begins such a pass, once the output of the one before is complete and in its place, with an empty
 * output. Errors: of the journal and the writer. */
fan_status fani_state_begin_retry(fani_job_run *run, fan_error *error);

/* Takes that back: nothing of the pass was done. */
fan_status fani_state_cancel_retry(fani_job_run *run, fan_error *error);

/* The input was read to its end, and is the right one (fani_state_read_all): it is read once more.
 */
void fani_state_read_twice(fani_state *state);

/* Whether all that an earlier run has read was read by this one, and was the same; where that was
 * the whole input, whether it has ended there too. */
bool fani_state_is_verified(const fani_state *state);

/* The most items that may be read next, out of `most`: so that what an earlier run has read can be
 * compared at its end. */
size_t fani_state_read_limit(const fani_state *state, size_t most);

/* Files that every item sees hash to this: before anything is read. A run that goes on is refused
 * where they were others, as it is for another input. */
void fani_state_staged(fani_state *state, uint64_t hash);

/* Items were read, in order, those that are done too. FAN_E_ARGUMENT: the input is another one than
 * the run was begun with. */
fan_status fani_state_read(fani_state *state, const fan_items *items, fan_error *error);

/* There are no more items. FAN_E_ARGUMENT: an earlier run has read more. */
fan_status fani_state_read_all(fani_state *state, fan_error *error);

/* An item did not end well; its line of output (size 0: none) begins at the output's present end.
 * Before the item is counted as done. */
fan_status fani_state_failed(fani_state *state, const fani_ledger_failure *failure,
                             fan_error *error);

/* An item that had failed is ok. As fani_state_failed. */
fan_status fani_state_mended(fani_state *state, uint64_t index, fan_error *error);

/* As fani_state_tick, of a pass over what failed: its items below `again` are in the output, and
 * with them what counts of the first `copied` bytes of the one before. */
fan_status fani_state_tick_retry(fani_job_run *run, uint64_t again, uint64_t copied, bool now,
                                 fan_error *error);

/* All items below `done` are in the output and in run->result. Writes it down when it is time, at
 * least every 50 ms while this is called, or `now`. */
fan_status fani_state_tick(fani_job_run *run, uint64_t done, bool now, fan_error *error);

/* As tick where nothing new was done since. */
fan_status fani_state_idle(fani_job_run *run, bool now, fan_error *error);

/* What is not an item's outcome is kept beside the ledger: the run can be gone on with from now on,
 * though it may have done nothing. Nothing where it has no state. Errors as of tick. */
fan_status fani_state_begun(fani_job_run *run, fan_error *error);

/* How far the ledger says that the run has come: what may be told to others. */
uint64_t fani_state_written(const fani_state *state);

/* The ledger: the state's. */
fani_journal *fani_state_journal(const fani_state *state);

/* An item's outcome went out in part: what was written since the last time is not to be spoken of.
 * For a run that ends here. */
void fani_state_spoil(fani_state *state);

/* What is written down next, or was last. */
const fani_ledger_state *fani_state_now(const fani_state *state);

/* The output is complete: publishes it. What was read of the input counts as not read. */
fan_status fani_state_publish(fani_job_run *run, fan_error *error);

/* A run that did not come to its end: writes down what was done, and whether a later run can go on
 * from it. What fails is not told: something has ended the run before. */
bool fani_state_keeps(fani_job_run *run);

/* Closes and frees. Errors as of the journal. */
fan_status fani_state_close(fani_job_run *run, fan_error *error);

#endif
