/* Outputs that are compressed: the key `compress`. What a journal speaks of is always as it was
 * before: OUTPUT.part is plain, and OUTPUT is made of it when all is there. So a run that is killed
 * at any time goes on as others do, and the compressed bytes depend on the plain ones alone. A
 * stream is compressed on its way. */
#ifndef FANI_PACKED_H
#define FANI_PACKED_H

#include "job/job_internal.h"
#include "stage/pack.h"

typedef struct fani_packed_how {
    fan_packing packing;
    int level; /* 0: the default */
} fani_packed_how;

/* "gzip", "zstd:19". False: it is none; NULL is nothing to be compressed. */
bool fani_packed_read(const char *text, fani_packed_how *how);

/* What a job asks for. */
fani_packed_how fani_packed_of(const fan_job *job);

/* Compresses what a writer that has no bytes yet is given. *packed is freed after it, by the
 * caller; it stays NULL where nothing is to be compressed. FAN_E_MEMORY. */
typedef struct fani_packed fani_packed;
fan_status fani_packed_begin(fani_packed_how how, fani_writer *writer, fani_packed **packed,
                             fan_error *error);

/* NULL is accepted. */
void fani_packed_free(fani_packed *packed);

/* All bytes of the part of a run with a state, if they are what was written; they must have been
 * synced and told to the journal. `take` gets them piece by piece. Errors: of `take`, FAN_E_INPUT,
 * FAN_E_OUTPUT, FAN_E_MEMORY, FAN_E_CANCELLED. */
typedef fan_status (*fani_packed_take)(void *user, const unsigned char *bytes, size_t size,
                                       fan_error *error);
fan_status fani_packed_read_part(const fani_job_run *run, fani_packed_take take, void *user,
                                 fan_error *error);

/* Whether nobody else may read the part, and so what is made of it. */
bool fani_packed_part_is_private(const fani_job_run *run);

/* Publishes the part, compressed, and removes it. Errors: of reading it, FAN_E_OUTPUT, of the
 * journal's lock. The part stays then, and this can be done again. */
fan_status fani_packed_publish(fani_job_run *run, fan_error *error);

/* A file without a name beside `output`, to read and to write; closed by the caller. Errors:
 * FAN_E_OUTPUT. */
fan_status fani_packed_plain_file(const char *output, int *fd, fan_error *error);

/* Writes what is in the file `path`, which is compressed where it is `packed`, to `to` from its
 * place on: *size bytes. Errors: FAN_E_INPUT, with file and errno where there is one, FAN_E_OUTPUT,
 * FAN_E_MEMORY. */
fan_status fani_packed_unpack(const char *path, bool packed, int to, uint64_t *size,
                              fan_error *error);

#endif
