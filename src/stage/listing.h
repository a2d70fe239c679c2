/* Which files there are to read: names as they were given, what is below folders, what patterns and
 * lists name. One after the other; nothing is looked at before its turn. */
#ifndef FANI_LISTING_H
#define FANI_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fanfold/status.h"

typedef struct fani_listing fani_listing;

typedef enum fani_listing_kind {
    FANI_LISTING_PATH, /* a file or a folder; "-" is standard input */
    FANI_LISTING_GLOB,
    FANI_LISTING_MANIFEST,
    FANI_LISTING_KNOWN, /* one file as it is */
} fani_listing_kind;

typedef struct fani_listed {
    char *name;    /* the taker's to free; NULL at the end */
    char *copy;    /* the name that its copy is to have, likewise; NULL: not said */
    bool is_final; /* and that is not to be changed */
    uint64_t size, hash;
    bool has_size, has_hash; /* a manifest says what they must be */
    bool of_manifest;        /* a manifest has named it */
    size_t below; /* where in the name it begins what is left of it below the folder that holds
                     what was added: "dat/a" of /home/me/dat/a, where dat was */
} fani_listed;

/* NULL: out of memory. */
fani_listing *fani_listing_new(void);

/* NULL is accepted. */
void fani_listing_free(fani_listing *listing);

/* `text` is copied. FAN_E_MEMORY. */
fan_status fani_listing_add(fani_listing *listing, fani_listing_kind kind, const char *text);

/* A file with what is known of it, which comes so in its turn; names are copied. FAN_E_MEMORY. */
fan_status fani_listing_add_known(fani_listing *listing, const fani_listed *known);

/* Folders are not gone into that are this one. */
void fani_listing_pass_over(fani_listing *listing, const struct stat *folder);

/* The next file. Another status than FAN_OK stands for something that can't be listed, with the
 * name of it (NULL only where memory is short), and the next call goes on behind it: FAN_E_INPUT,
 * FAN_E_SYNTAX (of a manifest), FAN_E_MEMORY. */
fan_status fani_listing_next(fani_listing *listing, fani_listed *listed, fan_error *error);

/* Calls `take` with each file of a manifest, until one of its calls does not answer FAN_OK, or one
 * can't be listed: answers that, or FAN_OK behind the last. `listed` stays the caller's. */
typedef fan_status (*fani_listing_take)(void *user, const fani_listed *listed, fan_error *error);
fan_status fani_listing_each(const char *manifest, fani_listing_take take, void *user,
                             fan_error *error);

#endif
