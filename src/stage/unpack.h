/* Reading gzip and zstd data as what was compressed, piece by piece, in constant memory. Who reads
 * gives raw bytes and takes unpacked ones; nothing is read here. */
#ifndef FANI_UNPACK_H
#define FANI_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "fanfold/status.h"

typedef enum fani_packing {
    FANI_PACKING_NONE,
    FANI_PACKING_GZIP,
    FANI_PACKING_ZSTD,
    FANI_PACKING_UNSURE, /* too few bytes to tell */
} fani_packing;

/* What data is that begins with these bytes. Four are always enough. */
fani_packing fani_packing_of(const unsigned char *bytes, size_t size);

typedef struct fani_unpack fani_unpack;

/* Begins with gzip or zstd data (of any number of members or frames). FAN_E_MEMORY. Of one thread
 * at a time. */
fan_status fani_unpack_new(fani_packing packing, fani_unpack **unpack);

/* NULL is accepted. */
void fani_unpack_free(fani_unpack *unpack);

/* Room for raw bytes, at least 32 KiB where take has last asked for more. */
unsigned char *fani_unpack_room(fani_unpack *unpack, size_t *size);

/* So many bytes were put there; 0: there will be no more. */
void fani_unpack_filled(fani_unpack *unpack, size_t size);

/* The next unpacked bytes, at most `size`, which is not 0. *got 0: it wants more raw bytes, or
 * where there are none the end was reached. Errors: FAN_E_INPUT with *why, a text without the
 * name of the input: data that is damaged, or ends too early; FAN_E_MEMORY with *why too. */
fan_status fani_unpack_take(fani_unpack *unpack, void *to, size_t size, size_t *got,
                            const char **why);

/* Whether no more raw bytes are awaited: they have ended, and all of them were unpacked. */
bool fani_unpack_ended(const fani_unpack *unpack);

#endif
