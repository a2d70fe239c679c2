/* The early end of a run of which too much fails, or enough has come: the keys `max-fails` and
 * `halt`. */
#ifndef FANI_HALT_H
#define FANI_HALT_H

#include "job/job_internal.h"
#include "job/ledger.h"

/* What `halt` says: "now" or "soon", and behind a comma fail=N, success=N or done=N, or these with
 * N% of all items. False: it is none of these. */
bool fani_halt_read(const char *text, fani_halt *halt);

/* Reads the keys. What was not ok before does not count: each run and each pass has the whole
 * number to itself. */
void fani_halt_begin(fani_job_run *run);

/* Whether it has to be known how many items there are; and how many that are. */
bool fani_halt_wants_total(const fani_job_run *run);
void fani_halt_total(fani_job_run *run, uint64_t items);

/* For what fails without being one of the job's items: a file that can't be opened. */
#define FANI_HALT_NO_INDEX UINT64_MAX

/* An item did not end well, or did. */
void fani_halt_count(fani_job_run *run, const fani_ledger_failure *failure);
void fani_halt_count_ok(fani_job_run *run);

/* Whether items that are ok are of interest: they may be what halts the run. */
bool fani_halt_counts_ok(const fani_job_run *run);

/* Whether nothing more is to be handed out, and whether what runs is to be ended too. */
bool fani_halt_reached(const fani_job_run *run);
bool fani_halt_is_now(const fani_job_run *run);

/* FAN_OK, or where it was reached, FAN_E_FAILED with the item that was one too many. Notes it in
 * run->result, and has what was done written down, so that it can be gone on with. */
fan_status fani_halt_status(fani_job_run *run, fan_error *error);

/* The exit code of a run that was ended so: 0 where what was waited for has come (success=N), or
 * nothing had failed (done=N), else 1. */
int fani_halt_exit_code(const fani_job_run *run);

#endif
