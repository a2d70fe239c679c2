/* A list of large integers in a file, for levels of a weak-key scan that memory has no room for.
 *
 * The file is a kept file (kept_file.h) of a pack (weak_pack.h): one that is sealed can be gone on
 * with by a later run, whether that has it in memory or not. Integers are written one behind the
 * other, what the pack has before them at the end. One thread at a time, but for reads and writes
 * of different integers. */
#ifndef FANI_WEAK_FILE_H
#define FANI_WEAK_FILE_H

#include <gmp.h>

#include "base/writer.h"
#include "job/kept_file.h"

/* Zero bytes are none. */
typedef struct fani_weak_file {
    char *path; /* NULL: there is none */
    int fd;
    uint64_t *starts; /* count + 1, in limbs */
    size_t count, next;
    size_t piece; /* most bytes of one call of the system; 0: its limit */
    bool sealed;
} fani_weak_file;

/* Makes a file for `count` integers, its user's alone, in place of whatever has the name. Errors:
 * FAN_E_OUTPUT with file and errno, FAN_E_MEMORY; there is then none. */
fan_status fani_weak_file_create(fani_weak_file *file, const char *path, size_t count,
                                 fan_error *error);

/* The place in bytes of the next integer, of `limbs` limbs. FAN_E_ARGUMENT: there are as many as
 * there may be. */
fan_status fani_weak_file_add(fani_weak_file *file, size_t limbs, uint64_t *place);

/* Writes at such a place. Errors: FAN_E_OUTPUT with file and errno. */
fan_status fani_weak_file_write(const fani_weak_file *file, uint64_t place, const void *bytes,
                                size_t size, fan_error *error);

/* Reads integer i whole. Errors: FAN_E_INPUT with file, and errno unless it has become too short.
 */
fan_status fani_weak_file_read(const fani_weak_file *file, size_t i, mp_limb_t *to,
                               fan_error *error);

/* All integers are written: writes where they are. Errors: FAN_E_OUTPUT. */
fan_status fani_weak_file_finish(const fani_weak_file *file, fan_error *error);

/* Makes it a file that a later run can go on from; one that is so already stays. `fence` may be
 * NULL: else nothing is done once another run has the output. Errors: FAN_E_OUTPUT. */
fan_status fani_weak_file_seal(fani_weak_file *file, const fani_kept_mark *mark,
                               const fani_writer_fence *fence, fan_error *error);

/* Opens one that was sealed, of `count` integers. False: there is none that is whole. */
bool fani_weak_file_open(fani_weak_file *file, const char *path, const fani_kept_mark *mark,
                         size_t count);

/* Closes it, and removes it unless it is sealed. Accepts none. */
void fani_weak_file_close(fani_weak_file *file);

#endif
