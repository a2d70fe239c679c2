/* One file copied below a folder, in bounded memory: read or fetched a piece at a time, unpacked
 * where that is asked for, compared with what is known of it, and put into its place as a whole. */
#ifndef FANI_COPY_FILE_H
#define FANI_COPY_FILE_H

#include <stdatomic.h>

#include "stage/fetch.h"
#include "stage/listing.h"

/* What all copies into a folder share. */
typedef struct fani_copy_into {
    int folder;                  /* open */
    const char *path;            /* of it, for messages */
    bool unpack;                 /* gzip and zstd data, which the first bytes tell */
    bool secret;                 /* files and folders are for their owner alone */
    bool verify;                 /* what was written is read again */
    fani_fetcher *fetcher;       /* there is one where a name is a URL */
    const atomic_bool *stopping; /* ends copies that have not come far */
} fani_copy_into;

typedef struct fani_copy_result {
    uint64_t stored_size, stored_hash; /* of the file as it was read; XXH3 (64 bits) */
    uint64_t size, hash;               /* of the copy, which is unpacked perhaps */
    bool kept;                         /* it was there already, with the right content */
} fani_copy_result;

/* Copies `from` to `name` below the folder, where a file with another content is replaced. Folders
 * on the way are made. Unpacking takes .gz, .zst and .zstd off the name, in place. Whether a file
 * that is there is right its bytes alone tell. Errors, with the file's name: FAN_E_INPUT (it can't
 * be read, or is not what its list says), FAN_E_OUTPUT (also where something is in the way that is
 * no plain file, or a link), FAN_E_MEMORY, FAN_E_CANCELLED. Nothing is left behind then. */
fan_status fani_copy_file(const fani_copy_into *into, const fani_listed *from, char *name,
                          fani_copy_result *result, fan_error *error);

/* Takes the ending of packed files off a name, where it has one. */
void fani_copy_take_ending_off(char *name);

#endif
