/* Which names were given away: a few bytes for each, whatever its length. */
#ifndef FANI_NAMES_H
#define FANI_NAMES_H

#include <stdbool.h>

typedef struct fani_names fani_names;

/* NULL: out of memory. */
fani_names *fani_names_new(void);

/* NULL is accepted. */
void fani_names_free(fani_names *names);

/* Adds a name; *is_new: it was not there. Two names are taken for the same with a chance of 2^-128.
 * False: out of memory. */
bool fani_names_add(fani_names *names, const char *name, bool *is_new);

#endif
