/* Compressing, piece by piece, in constant memory; the same bytes for the same input, whenever. */
#ifndef FANI_PACK_H
#define FANI_PACK_H

#include "fanfold/stage.h"

typedef struct fani_pack fani_pack;

/* Takes what comes out. */
typedef fan_status (*fani_pack_out)(void *user, const void *bytes, size_t size, fan_error *error);

/* Whether there is such a level: 0 is the default of each. */
bool fani_pack_level_is_valid(fan_packing packing, int level);

/* What names of such files end in: "", ".gz" or ".zst". */
const char *fani_pack_ending(fan_packing packing);

/* NULL: out of memory. Of one thread at a time. */
fani_pack *fani_pack_new(fan_packing packing, int level, fani_pack_out out, void *user);

/* NULL is accepted. */
void fani_pack_free(fani_pack *pack);

/* Adds bytes; `end`: these are the last ones. Errors: of `out`, FAN_E_MEMORY. */
fan_status fani_pack_add(fani_pack *pack, const void *bytes, size_t size, bool end,
                         fan_error *error);

#endif
