/* Folders on this node for copies and for what commands write: where they go, private ones, and
 * what is left of those whose program was killed. */
#ifndef FANI_SCRATCH_H
#define FANI_SCRATCH_H

#include <stdbool.h>

#include "fanfold/status.h"

enum { FANI_SCRATCH_NAME = 64 }; /* room for the name of a private folder */

/* Where such folders go: SLURM_TMPDIR, TMPDIR or /tmp, as an absolute path without links; the
 * caller's to free. FAN_E_OUTPUT: that is no folder; FAN_E_MEMORY. */
fan_status fani_scratch_base(char **base, fan_error *error);

/* Whether files can be put into a folder as they are: it belongs to this user, and nobody else can
 * write to it. */
bool fani_scratch_is_own(const char *folder);

/* A name that nobody can guess. `passing`: the folder goes with its program. FAN_E_SYSTEM. */
fan_status fani_scratch_name(bool passing, char name[static FANI_SCRATCH_NAME], fan_error *error);

/* Makes base/name, for this user alone; one that is there already must be so. The path is the
 * caller's to free. FAN_E_OUTPUT, FAN_E_MEMORY. */
fan_status fani_scratch_make(const char *base, const char *name, char **path, fan_error *error);

/* Notes in a folder whose it is: this process's; with `parent`, also the one's that has started it.
 * FAN_E_OUTPUT, FAN_E_SYSTEM. */
fan_status fani_scratch_sign(const char *path, bool parent, fan_error *error);

/* Removes folders in `base` that were to go with programs of this user which are known to be dead.
 * What can't be removed stays. */
void fani_scratch_sweep(const char *base);

/* Removes a folder with all that is in it, following no links. False: not all of it, with errno. */
bool fani_scratch_remove(const char *path);

#endif
