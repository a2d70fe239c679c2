/* What the items of an input hash to: by their bytes and where each ends, whatever pieces they come
 * in. Tells a resumed run that its input is the one it was begun with. */
#ifndef FANI_INPUT_HASH_H
#define FANI_INPUT_HASH_H

#include "fanfold/task.h"

typedef struct fani_input_hash fani_input_hash;

/* NULL: out of memory. */
fani_input_hash *fani_input_hash_new(void);
void fani_input_hash_free(fani_input_hash *hash);

/* Goes on with these items. */
void fani_input_hash_add(fani_input_hash *hash, const fan_items *items);

/* Of all items so far; their number. */
uint64_t fani_input_hash_value(const fani_input_hash *hash);
uint64_t fani_input_hash_count(const fani_input_hash *hash);

#endif
