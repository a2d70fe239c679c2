/* Reading a ledger: what counts of the records in a job's journal. */
#ifndef FANI_LEDGER_READ_H
#define FANI_LEDGER_READ_H

#include "job/ledger.h"
#include "job/ranges.h"

/* What there is besides the failures and what is held. */
typedef struct fani_ledger_seen {
    fani_ledger_state state; /* the last one; zeroes where there is none */
    bool has_state;
    fani_ranges done; /* items that are done beyond those of the state; valid during the call */
    fani_ranges held; /* items whose outcomes wait, as far as the ledger knows; the same */
} fani_ledger_seen;

/* Who looks at what counts; each function may be NULL. An error that one answers ends the reading.
 * Texts are valid during the call. */
typedef struct fani_ledger_visitor {
    void (*fact)(void *user, const char *key, const char *value); /* of the run's identity */
    /* Once, before the others. */
    fan_status (*seen)(void *user, const fani_ledger_seen *seen, fan_error *error);
    /* Items that are not ok, in the order of the file: by their indices, but for those that were
     * done again and where outcomes were written as they came. Each index at most once. While a
     * pass over what failed goes on, those that it has come to as they are now, the others as they
     * were. */
    fan_status (*failure)(void *user, const fani_ledger_failure *failure, fan_error *error);
    /* Outcomes that wait, of items that are not done. What is held of an item may come several
     * times: where its bytes are not what they were, another record's may be. */
    fan_status (*held)(void *user, const fani_ledger_held *held, fan_error *error);
    void *user;
} fani_ledger_visitor;

/* Reads the journal at `path` twice, without a lock, also beside its writer; what the writer adds
 * meanwhile is not seen. Memory: about 1 MB, and some bytes for each opening of the file, each item
 * that was done again, each DONE and HELD record and each failure beside DONE records. Errors:
 * FAN_E_INPUT with file and errno or offset (can't be opened, no journal, damaged, records of
 * another Fanfold), FAN_E_MEMORY, and what the visitor answered.
 *
 * What counts. A FAILED or MENDED record counts when a later STATE of its own epoch, or a DONE
 * before that, says that its item is done: what an opening wrote behind its last STATE is void,
 * since the next one did these items again. In a pass over what failed (it begins with a STATE of
 * its own), the item must be below that STATE's `again`; what was written in an earlier pass counts
 * once a later one has begun. Of those that count the last one of an item does: MENDED takes a
 * failure away. DONE and HELD records count when a later STATE of their own epoch stands behind
 * them; HELD not where the last STATE says that its items are done.
 *
 * A STATE that says less than those before it voids what they said of the items that it leaves out:
 * a run that finds its output without the bytes that the last STATE speaks of (part_check.h) goes
 * back to one that is right, and says so first. */
fan_status fani_ledger_read(const char *path, const fani_ledger_visitor *visitor, fan_error *error);

#endif
