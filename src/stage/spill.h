/* Bytes that wait in a file: each piece gets a place in it and gives it back when it is no longer
 * needed. A place is used again only after fani_spill_settle, so that what a journal says of it
 * stays true until the journal says something else. Of one thread at a time. */
#ifndef FANI_SPILL_H
#define FANI_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

typedef struct fani_spill fani_spill;

/* Makes the file when it is first needed: *fd is read and written, and stays the maker's. */
typedef fan_status (*fani_spill_open)(void *user, int *fd, fan_error *error);

/* An empty one; `name` is for messages and copied. NULL: out of memory. */
fani_spill *fani_spill_new(fani_spill_open open, void *user, const char *name);

/* NULL is accepted. */
void fani_spill_free(fani_spill *spill);

/* Goes on with a file of `size` bytes of which none is in use yet; nothing was written before. */
void fani_spill_go_on(fani_spill *spill, int fd, uint64_t size);

/* Takes a place of such a file whose bytes are known. False: it is in use, or outside of the file.
 */
bool fani_spill_claim(fani_spill *spill, uint64_t place, uint64_t size);

/* Writes `size` bytes, at least one, to a place of their own. Errors: what `open` answered,
 * FAN_E_OUTPUT with file and errno. */
fan_status fani_spill_write(fani_spill *spill, const void *bytes, size_t size, uint64_t *place,
                            fan_error *error);

/* Reads a piece. Errors: FAN_E_INPUT with file, and errno unless the file has become too short. */
fan_status fani_spill_read(const fani_spill *spill, uint64_t place, size_t size, void *to,
                           fan_error *error);

/* The piece is no longer needed. */
void fani_spill_give(fani_spill *spill, uint64_t place, uint64_t size);

/* What was given back before the call of mark may be used again after the next settle: in between
 * the journal comes to say so. mark: false where nothing new was given back. settle: where nothing
 * is in use or given back since, the file is emptied; errors: FAN_E_OUTPUT with file and errno. */
bool fani_spill_mark(fani_spill *spill);
fan_status fani_spill_settle(fani_spill *spill, fan_error *error);

/* Bytes in use. */
uint64_t fani_spill_used(const fani_spill *spill);

#endif
