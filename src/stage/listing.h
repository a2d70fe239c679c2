/* Which files there are to read: names as they were given, what is below folders, what patterns and
 * lists name. One after the other; nothing is looked at before its turn. */
#ifndef FANI_LISTING_H
#define FANI_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "fanfold/status.h"

typedef struct fani_listing fani_listing;

typedef enum fani_listing_kind {
    FANI_LISTING_PATH, /* a file or a folder; "-" is standard input */
    FANI_LISTING_GLOB,
    FANI_LISTING_MANIFEST,
} fani_listing_kind;

typedef struct fani_listed {
    char *name; /* the taker's to free; NULL at the end */
    uint64_t size, hash;
    bool has_size, has_hash; /* a manifest says what they must be */
} fani_listed;

/* NULL: out of memory. */
fani_listing *fani_listing_new(void);

/* NULL is accepted. */
void fani_listing_free(fani_listing *listing);

/* `text` is copied. FAN_E_MEMORY. */
fan_status fani_listing_add(fani_listing *listing, fani_listing_kind kind, const char *text);

/* The next file. Another status than FAN_OK stands for something that can't be listed, with the
 * name of it (NULL only where memory is short), and the next call goes on behind it: FAN_E_INPUT,
 * FAN_E_SYNTAX (of a manifest), FAN_E_MEMORY. */
fan_status fani_listing_next(fani_listing *listing, fani_listed *listed, fan_error *error);

#endif
