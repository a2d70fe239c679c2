/* Reading one whole file into memory, a piece at a time: plain or unpacked, with its hash, from
 * files, pipes and devices. */
#ifndef FANI_WHOLE_H
#define FANI_WHOLE_H

#include "fanfold/executor.h"
#include "stage/fetch.h"
#include "stage/listing.h"
#include "stage/unpack.h"

typedef struct fani_whole_options {
    size_t max;            /* most bytes, unpacked */
    bool keep_packed;      /* nothing is unpacked */
    int stop_fd;           /* becomes readable when waits for bytes are to end */
    fani_fetcher *fetcher; /* there is one where a name is a URL */
} fani_whole_options;

typedef enum fani_whole_step {
    FANI_WHOLE_MORE,   /* there may be more */
    FANI_WHOLE_LATER,  /* a server is to be asked again, not before `due` */
    FANI_WHOLE_DONE,   /* all was read, and is what it should be */
    FANI_WHOLE_FAILED, /* the error says why */
} fani_whole_step;

/* Starts with zeroes; `fd` is then set by begin. */
typedef struct fani_whole {
    fan_buffer bytes;                  /* what was read: malloc's, whoever takes it frees it */
    uint64_t stored_size, stored_hash; /* of the file; the hash when it is done */
    fan_deadline due;

    /* Its own. */
    const fani_whole_options *options;
    const fani_listed *listed;
    int fd;
    bool opened, owned, regular, begun;
    uint64_t expected; /* bytes that a plain file had, from where it stands, when it was opened */
    fani_fetching *fetching; /* NULL: it is no URL */
    fani_unpack *unpack;
    void *hash;
} fani_whole;

/* Opens the file, "-" for standard input; both are borrowed until end. A name that is a FIFO does
 * not wait for who writes. FANI_WHOLE_MORE, or FAILED: FAN_E_INPUT, FAN_E_MEMORY, FAN_E_TOO_LARGE.
 */
fani_whole_step fani_whole_begin(fani_whole *whole, const fani_whole_options *options,
                                 const fani_listed *listed, fan_error *error);

/* Reads on, at most 256 KiB of the file. Errors: FAN_E_INPUT, FAN_E_TOO_LARGE, FAN_E_MEMORY,
 * FAN_E_CANCELLED (stop_fd). */
fani_whole_step fani_whole_read(fani_whole *whole, fan_error *error);

/* Closes the file; `bytes` stays, and is whoever calls' to free. */
void fani_whole_end(fani_whole *whole);

#endif
