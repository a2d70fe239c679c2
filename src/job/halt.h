/* The end of a run of which too much fails: the keys `max-fails` and `halt`. */
#ifndef FANI_HALT_H
#define FANI_HALT_H

#include "job/job_internal.h"
#include "job/ledger.h"

/* Reads the keys. What was not ok before does not count: each run and each pass has the whole
 * number to itself. */
void fani_halt_begin(fani_job_run *run);

/* For what fails without being one of the job's items: a file that can't be opened. */
#define FANI_HALT_NO_INDEX UINT64_MAX

/* An item did not end well. */
void fani_halt_count(fani_job_run *run, const fani_ledger_failure *failure);

/* Whether nothing more is to be handed out, and whether what runs is to be ended too. */
bool fani_halt_reached(const fani_job_run *run);
bool fani_halt_is_now(const fani_job_run *run);

/* FAN_OK, or where it was reached, FAN_E_FAILED with the item that was one too many. Notes it in
 * run->result, and has what was done written down, so that it can be gone on with. */
fan_status fani_halt_status(fani_job_run *run, fan_error *error);

#endif
