/* The files below a folder, in a fixed order, without all their names in memory: those of one
 * folder at each level are. */
#ifndef FANI_WALK_H
#define FANI_WALK_H

#include <sys/stat.h>

#include "fanfold/status.h"

typedef struct fani_walk fani_walk;

/* Begins at a folder. One that is `passed_over` is not gone into, but for the first one; all zero:
 * none is. NULL: out of memory. */
fani_walk *fani_walk_new(const char *folder, const struct stat *passed_over);

/* NULL is accepted. */
void fani_walk_free(fani_walk *walk);

/* The next file: *path is the caller's to free, NULL at the end. Errors: FAN_E_INPUT with file and
 * errno, *path then is a folder that can't be read: the walk goes on behind it; FAN_E_MEMORY, with
 * such a folder or with NULL: the next call tries the same one again. */
fan_status fani_walk_next(fani_walk *walk, char **path, fan_error *error);

/* "folder/name", the caller's to free. NULL: out of memory. */
char *fani_walk_join(const char *folder, const char *name);

#endif
