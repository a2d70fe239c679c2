/* Hard numbers of a list job: what its task has left (record.h, left.h) waits here, outside the
 * map's sink, until the map has ended or paused, and is then worked off: each number by all
 * workers, or where many wait that are not very hard, each by one. Used by the caller's thread of a
 * run alone. */
#ifndef FANI_LIST_HARD_H
#define FANI_LIST_HARD_H

#include "job/list_internal.h"

typedef struct fani_hard fani_hard;

/* For a run of a list whose task leaves numbers. FAN_E_MEMORY; of a run that begins anew
 * (`restart`), FAN_E_OUTPUT: an earlier one's files can't be removed. */
fan_status fani_hard_open(fani_list_state *lr, fan_error *error);
void fani_hard_free(fani_hard *hard);

/* Keeps an outcome whose reply says that the item is left. FAN_E_MEMORY, FAN_E_PROTOCOL. NULL is
 * none of these three's: it has nothing, and is not full. */
fan_status fani_hard_keep(fani_hard *hard, const fan_outcome *outcome, fan_error *error);

/* How many wait, and whether no more should be left. */
size_t fani_hard_count(const fani_hard *hard);
bool fani_hard_is_full(const fani_hard *hard);

/* Works off all that wait, by index, and writes their outcomes (fani_list_state.settle). `args` are
 * the task's. What the run's ledger and output have to be told is told meanwhile. Errors: what
 * ended the run; what was done until then is kept in files where the run has a state
 * (OUTPUT.curves-HASH and OUTPUT.sieve-HASH beside the output, or beside the file of the key
 * `state`), which are removed once the item's result is safe. */
fan_status fani_hard_work(fani_hard *hard, const fan_buffer *args, fan_error *error);

#endif
