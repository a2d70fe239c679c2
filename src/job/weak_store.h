/* The levels of a weak-key scan in files beside its output, or in another folder: OUTPUT.scan-p0
 * (products of level 0), OUTPUT.scan-s0 (its sums), OUTPUT.scan-f0 (its fractions). A scan that
 * goes on takes up those that were finished.
 *
 * Each is a kept file (kept_file.h) of a pack (weak_pack.h): "FANSCAN", version 1, the identity of
 * the scan, which list of which level. */
#ifndef FANI_WEAK_STORE_H
#define FANI_WEAK_STORE_H

#include "base/writer.h"
#include "job/weak_level.h"

typedef enum fani_weak_list {
    FANI_WEAK_PRODUCTS = 'p',
    FANI_WEAK_SUMS = 's',
    FANI_WEAK_FRACTIONS = 'f',
} fani_weak_list;

typedef struct fani_weak_store {
    const char *base;     /* the beginning of the files' names, borrowed; NULL: nothing is kept */
    uint64_t identity;    /* of the scan: its moduli and how they are cut */
    uint64_t interval_ns; /* levels are kept when so much time has gone by since the last ones */
    bool resumes;         /* files of an earlier scan count */
    bool passes;          /* nothing is to stay: files are there for want of memory alone */
    const fani_writer_fence *fence; /* NULL: nobody else writes here */
} fani_weak_store;

/* The name of a list's file: the caller's to free; NULL: out of memory. */
char *fani_weak_store_name(const fani_weak_store *store, fani_weak_list list, size_t level);

/* Keeps a list of a level. FAN_E_OUTPUT with file and errno, FAN_E_MEMORY. */
fan_status fani_weak_store_save(const fani_weak_store *store, fani_weak_list list, size_t level,
                                fani_weak_level *from, fan_error *error);

/* Takes one up again, of `count` integers (to: an empty one): in memory, not shared yet, or as its
 * file. False: there is none that is whole and of this scan; the level is then empty. */
bool fani_weak_store_load(const fani_weak_store *store, fani_weak_list list, size_t level,
                          size_t count, bool in_file, fani_weak_level *to);

/* Removes one, or all below `levels`. */
void fani_weak_store_remove(const fani_weak_store *store, fani_weak_list list, size_t level);
void fani_weak_store_clear(const fani_weak_store *store, size_t levels);

#endif
