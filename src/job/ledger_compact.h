/* Keeping a ledger small while its run goes on. */
#ifndef FANI_LEDGER_COMPACT_H
#define FANI_LEDGER_COMPACT_H

#include "stage/journal.h"

/* Replaces the records of a journal, whose file is `path`, by those that count: failures, cells and
 * held outcomes of items that are not done, what is done beyond the last STATE, and that. To be
 * called right after a STATE was appended, by the only thread that appends; all is synced when it
 * returns. Errors: as of fani_journal_compact and fani_ledger_read; the journal goes on as it was,
 * unless it has failed itself. */
fan_status fani_ledger_compact(fani_journal *journal, const char *path, fan_deadline deadline,
                               fan_error *error);

#endif
