/* Reading a ledger: what counts of the records in a job's journal. */
#ifndef FANI_LEDGER_READ_H
#define FANI_LEDGER_READ_H

#include "job/ledger.h"

/* What there is besides the failures and cells. */
typedef struct fani_ledger_seen {
    fani_ledger_state state; /* the last one; zeroes where there is none */
    bool has_state;
} fani_ledger_seen;

/* Who looks at what counts; each function may be NULL. An error that one answers ends the reading.
 * Texts are valid during the call. */
typedef struct fani_ledger_visitor {
    void (*fact)(void *user, const char *key, const char *value); /* of the run's identity */
    /* Once, before the failures and cells. */
    fan_status (*seen)(void *user, const fani_ledger_seen *seen, fan_error *error);
    /* Items that are not ok, in the order of the file: by their indices, but for those that were
     * done again. Each index at most once. */
    fan_status (*failure)(void *user, const fani_ledger_failure *failure, fan_error *error);
    /* Parts of items that are not done. One that was written twice may come twice. */
    fan_status (*cell)(void *user, const fani_ledger_cell *cell, fan_error *error);
    void *user;
} fani_ledger_visitor;

/* Reads the journal at `path` twice, without a lock, also beside its writer; what the writer adds
 * meanwhile is not seen. Memory: about 1 MB, and some bytes for each opening of the file and each
 * item that was done again. Errors: FAN_E_INPUT with file and errno or offset (can't be opened, no
 * journal, damaged, records of another Fanfold), FAN_E_MEMORY, and what the visitor answered.
 *
 * What counts. A FAILED or MENDED record counts when a later STATE of its own epoch says that its
 * item is done: what an opening wrote behind its last STATE is void, since the next one did these
 * items again. Of those that count the last one of an item does: MENDED takes a failure away.
 *
 * A STATE that says less than those before it voids what they said of the items that it leaves out:
 * a run that finds its output without the bytes that the last STATE speaks of (part_check.h) goes
 * back to one that is right, and says so first. */
fan_status fani_ledger_read(const char *path, const fani_ledger_visitor *visitor, fan_error *error);

#endif
