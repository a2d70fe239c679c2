/* Whether the part of an output has the bytes that the ledger speaks of. After a lost machine it
 * may not, although its length is right: what was written last may be zeroes. */
#ifndef FANI_PART_CHECK_H
#define FANI_PART_CHECK_H

#include "job/ledger.h"
#include "job/output_hash.h"

typedef struct fani_part_check fani_part_check;

/* Of the part of this output, once it is asked. NULL: out of memory. */
fani_part_check *fani_part_check_new(const char *output);
void fani_part_check_free(fani_part_check *check);

/* Whether the part begins with the bytes that this state speaks of. Reads each byte once as long as
 * the states come in order. The state of a run that was complete is right where there is no part:
 * its output is in its place. FAN_E_MEMORY; FAN_E_INPUT: there is one that can't be read. */
fan_status fani_part_check_state(fani_part_check *check, const fani_ledger_state *state,
                                 bool *right, fan_error *error);

/* The hash of the bytes that the last right state speaks of (of none: there was none). The check's.
 */
const fani_output_hash *fani_part_check_hash(const fani_part_check *check);

#endif
