/* The reader of keys as a library of its own, libfanfold_keys: libcrypto takes longer to load than
 * the rest of libfanfold, and most programs and all worker images read no keys. What keys.h
 * declares is defined twice: by keys.c (in the static library and in libfanfold_keys) and by
 * keys_load.c, which loads that library (in the shared libfanfold). */
#ifndef FANI_STAGE_KEYS_LOAD_H
#define FANI_STAGE_KEYS_LOAD_H

#include "keys.h"

/* What libfanfold_keys exports. */
typedef struct fani_rsa_keys_table {
    const char *version; /* of the tree it was built from; first, for ever */
    __typeof__(fani_rsa_keys_read) *read;
    __typeof__(fani_rsa_keys_read_stream) *read_stream;
} fani_rsa_keys_table;

extern const fani_rsa_keys_table fani_rsa_keys_module;

#endif
