/* One file that is written behind: opened when its first bytes are written, compressed on the way,
 * whole at its end or not there. Of one thread at a time. */
#ifndef FANI_PART_FILE_H
#define FANI_PART_FILE_H

#include "base/writer.h"
#include "stage/pack.h"

typedef struct fani_part_file_options {
    fan_packing packing;
    int level;
    bool secret;                    /* for its owner alone */
    const fani_writer_fence *fence; /* or NULL */
} fani_part_file_options;

/* Starts with zeroes; path is set by whoever begins with one. */
typedef struct fani_part_file {
    const char *path; /* borrowed until it is dropped */
    fani_writer *writer;
    fani_pack *pack;
    void *hash;
    uint64_t stored_size, stored_hash; /* the hash when it has ended */
} fani_part_file;

/* Adds bytes; `end`: they are the last ones, and the file is published. Errors: FAN_E_OUTPUT with
 * file and errno, FAN_E_MEMORY: it is to be dropped then. */
fan_status fani_part_file_add(fani_part_file *file, const fani_part_file_options *options,
                              const void *bytes, size_t size, bool end, fan_error *error);

/* Frees; what was not ended leaves no file. */
void fani_part_file_drop(fani_part_file *file);

#endif
