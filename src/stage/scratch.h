/* Folders on this node for copies and for what commands write: where they go, private ones, and
 * what is left of those whose program was killed. */
#ifndef FANI_SCRATCH_H
#define FANI_SCRATCH_H

#include <stdbool.h>

#include "fanfold/status.h"

enum { FANI_SCRATCH_NAME = 64 }; /* room for the beginning of a name */

/* Until when a private folder is needed. */
typedef enum fani_scratch_life {
    FANI_SCRATCH_STAYS,
    FANI_SCRATCH_PROCESS, /* as long as this process lives, */
    FANI_SCRATCH_PARENT,  /* or the one that has started it */
} fani_scratch_life;

/* Where such folders go: SLURM_TMPDIR, TMPDIR or /tmp, as an absolute path without links; the
 * caller's to free. FAN_E_OUTPUT: that is no folder; FAN_E_MEMORY. */
fan_status fani_scratch_base(char **base, fan_error *error);

/* Whether files can be put into a folder as they are: it belongs to this user, and nobody else can
 * write to it. */
bool fani_scratch_is_own(const char *folder);

/* The beginning of a name that nobody can guess and no other folder has. FAN_E_SYSTEM. */
fan_status fani_scratch_name(bool passing, char name[static FANI_SCRATCH_NAME], fan_error *error);

/* Makes a folder in `base`, for this user alone; one that stays may be there already, but must be
 * so. The name of one that passes goes on with whose it is, so that there is no moment at which
 * that is not known. The path is the caller's to free, NULL on error: FAN_E_OUTPUT, FAN_E_SYSTEM,
 * FAN_E_MEMORY. */
fan_status fani_scratch_make(const char *base, const char *name, fani_scratch_life life,
                             char **path, fan_error *error);

/* Removes folders in `base` that were to go with programs of this user which are known to be dead.
 * What can't be removed stays. */
void fani_scratch_sweep(const char *base);

/* Removes this user's private folders in `base` whose names begin with what fani_scratch_name gave;
 * with anything else, nothing. */
void fani_scratch_remove_named(const char *base, const char *name);

/* Removes a folder with all that is in it, following no links. False: not all of it, with errno. */
bool fani_scratch_remove(const char *path);

#endif
