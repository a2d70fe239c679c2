/* A stream that gives what was compressed where another one holds gzip or zstd data, and else just
 * what that one holds. */
#ifndef FANI_UNPACK_STREAM_H
#define FANI_UNPACK_STREAM_H

#include <stdio.h>

#include "stage/unpack.h"

/* Zero to begin with; must outlive the stream. */
typedef struct fani_unpack_stream {
    FILE *raw;
    fani_unpack *unpack;
    bool begun;
    unsigned char head[4]; /* what was read to tell what it is */
    size_t head_at, head_end;
    const char *why; /* what is wrong with the compressed data, or NULL */
} fani_unpack_stream;

/* Opens it over `raw`, which stays the caller's and is only read from. A read of data that is
 * damaged or ends too early fails with EBADMSG, and `why` then has a text that follows the input's
 * name. NULL: out of memory. */
FILE *fani_unpack_stream_open(fani_unpack_stream *s, FILE *raw);

#endif
