/* Files in which a run keeps what it has computed, so that a later one can go on from there. Such a
 * file is there as a whole or not at all, is its user's alone, and says what it belongs to: in the
 * machine's byte order 8 bytes of a name, then 8 each: version, identity and part, the size of the
 * bytes that follow, their check (XXH3). */
#ifndef FANI_KEPT_FILE_H
#define FANI_KEPT_FILE_H

#include "base/writer.h"
#include "fanfold/executor.h"

typedef struct fani_kept_mark {
    char magic[8];
    uint64_t version;
    uint64_t identity; /* of the work */
    uint64_t part;     /* which of its files */
} fani_kept_mark;

/* Writes and syncs it in place of an older one, which stays on error. `fence` may be NULL.
 * FAN_E_OUTPUT with file and errno, FAN_E_MEMORY. */
fan_status fani_kept_file_save(const char *path, const fani_kept_mark *mark, const void *bytes,
                               size_t size, const fani_writer_fence *fence, fan_error *error);

/* Reads it into `bytes`, an empty buffer that the caller clears. False: there is no file that is
 * whole and has this mark; `bytes` may hold anything. */
bool fani_kept_file_load(const char *path, const fani_kept_mark *mark, fan_buffer *bytes);

/* Such a file that is written piece by piece: its bytes stand from FANI_KEPT_FILE_HEAD on, and it
 * is none until it is sealed. */
enum { FANI_KEPT_FILE_HEAD = 48 };

/* Reads an open file's bytes for their check, writes its head and syncs it. 0 or an errno. */
int fani_kept_file_seal(int fd, const fani_kept_mark *mark);

/* Whether an open file is whole and has this mark; *size: of its bytes. */
bool fani_kept_file_verify(int fd, const fani_kept_mark *mark, uint64_t *size);

#endif
