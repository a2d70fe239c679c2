/* The lock of a state (weak_known_file.h): PATH.lock, as the journals' (stage/journal_lock.h).
 * While it is held a thread says now and then that its holder lives. */
#ifndef FANI_WEAK_KNOWN_HOLD_H
#define FANI_WEAK_KNOWN_HOLD_H

#include "job/job_internal.h"

typedef struct fani_known_hold fani_known_hold;

/* Takes the lock of the state that `path` leads to. Errors: FAN_E_BUSY with the holder,
 * FAN_E_OUTPUT, FAN_E_MEMORY, FAN_E_SYSTEM. */
fan_status fani_known_hold_take(const fani_job_run *run, const char *path, fani_known_hold **hold,
                                fan_error *error);

/* Whether it is still ours, before the state is replaced. FAN_E_OUTPUT: it is not. */
fan_status fani_known_hold_check(fani_known_hold *hold, fan_error *error);

/* Gives it back, and frees. Accepts NULL. */
void fani_known_hold_give(fani_known_hold *hold);

#endif
