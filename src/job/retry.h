/* Passes over what failed: the key `retry-failed`.
 *
 * A run that is complete is gone over once more: the items that did not end well are done again, in
 * the order of their indices, and a new output is made in OUTPUT.part: of the one before up to the
 * place of an item, what the item gives now, and so on to its end. Then it takes the place of the
 * one before. In the ledger a pass begins with a STATE; each item gets a new FAILED record or a
 * MENDED one, so that a pass that was killed is gone on with, and can be followed by another.
 *
 * What is no valid input is taken along: it is looked at again, and says the same, but it is
 * neither reported again nor counted by `max-fails`. */
#ifndef FANI_RETRY_H
#define FANI_RETRY_H

#include "job/job_internal.h"
#include "stage/reader.h"

typedef struct fani_retry fani_retry;

/* Goes on with the pass of the run's ledger, or begins one, and does it by the job's kind, whose
 * `run` finds run->retry set. Where nothing failed that could end otherwise, says so. Errors:
 * FAN_E_ARGUMENT: the output is not the one that the ledger speaks of (both sizes or hashes are in
 * the text), or the input is another one; those of the ledger, the output, and the job's kind. */
fan_status fani_retry_pass(fani_job_run *run, fan_error *error);

/* ---- For the kinds, on the caller's thread ----------------------------------------------------
 */

/* To be called first. `reader`, over the run's input, is read to its end where the input can be
 * read twice: so that it is known to be the right one before anything is done. NULL: there is none.
 */
fan_status fani_retry_start(fani_job_run *run, fani_reader *reader, fan_error *error);

/* The index of the next item to be handed out (UINT64_MAX: there is none), and that this was done:
 * where it stands in the input is kept for fani_retry_place. */
uint64_t fani_retry_next(const fani_retry *retry);
void fani_retry_give(fani_retry *retry, fani_place place);

/* Where the item that is due stands: the one whose outcome comes next. */
fani_place fani_retry_place(const fani_retry *retry);

/* The outcome of the item that is due has come, and is about to be counted and written: what the
 * output before has up to it is copied, and the item no longer counts as what it was.
 * FAN_E_CANCELLED: the run was to stop meanwhile. */
fan_status fani_retry_before(fani_job_run *run, fan_error *error);

/* It is in the output, counted, and noted if it did not end well: the next item is due. */
fan_status fani_retry_after(fani_job_run *run, bool now, fan_error *error);

/* Whether the item that is due was refused as bad input before; and how often it was tried. Both
 * are 0 where `retry` is NULL. */
bool fani_retry_was_bad(const fani_retry *retry);
uint32_t fani_retry_attempts(const fani_retry *retry);

#endif
