/* The state of incremental scans (weakkeys --known): what is known of all keys that were ever read.
 *
 * The file, all numbers of 8 bytes in the machine's byte order but where it is said otherwise:
 *
 *   head       "FANKNOWN", version 1, a word that shows the byte order, the check of the state that
 *              this one was made from (0: none), a hash of the output of the run that made it (0:
 *              none), the counts below, the size in bytes of each section
 *   files      the names of sources, each with a zero byte
 *   ids        the keys' ids, likewise
 *   keys       fani_known_key for each one in the order in which they were read
 *   lengths    of each distinct modulus, in limbs, 4 bytes each
 *   moduli     their limbs, in the order of their first keys
 *   groups     fani_known_group for each group of consecutive moduli
 *   products   the limbs of each group's product
 *   listed     for each modulus that shares a factor with another one, ascending: its slot, how
 *              many limbs the common part has, its limbs
 *   foot       the check (XXH3) of each section with the zeros behind it, and that of all else
 *
 * Sections begin at multiples of 8 bytes, with zeros behind the one before. Files are read front to
 * back, in pieces: memory does not grow with them, but for what is in `files`, `groups` and
 * `listed`. */
#ifndef FANI_WEAK_KNOWN_FILE_H
#define FANI_WEAK_KNOWN_FILE_H

#include "job/job_internal.h"
#include "job/weak_pack.h"
#include "kernel/gcd/trees.h"

/* The slot of a key of 0 or 1. */
#define FANI_KNOWN_INVALID UINT64_MAX

enum {
    FANI_KNOWN_VERSION = 1,
    FANI_KNOWN_LIMBS_MAX = 1024, /* of a modulus: 65536 bits */
    FANI_KNOWN_BITS = 0x7fffffff,
};

typedef enum fani_known_section {
    FANI_KNOWN_FILES,
    FANI_KNOWN_IDS,
    FANI_KNOWN_KEYS,
    FANI_KNOWN_LENGTHS,
    FANI_KNOWN_MODULI,
    FANI_KNOWN_GROUPS,
    FANI_KNOWN_PRODUCTS,
    FANI_KNOWN_LISTED,
    FANI_KNOWN_SECTIONS,
} fani_known_section;

typedef struct fani_known_head {
    char magic[8];
    uint64_t version, order, parent, owner;
    uint64_t files, keys, distinct, groups, listed;
    uint64_t size[FANI_KNOWN_SECTIONS];
} fani_known_head;

typedef struct fani_known_key {
    uint64_t slot; /* among the distinct moduli */
    uint64_t line;
    uint64_t id;     /* its place among the ids */
    uint64_t digest; /* of what was last said of it; 0: nothing */
    uint32_t file;
    uint32_t bits; /* and 2^31 where its exponent is 1 or even */
} fani_known_key;

typedef struct fani_known_group {
    uint64_t moduli;
    uint64_t limbs; /* of their product */
} fani_known_group;

/* A state that is open for reading. */
typedef struct fani_known_file {
    int fd; /* -1: there is none, and it counts as an empty one */
    char *path;
    fani_known_head head;
    uint64_t at[FANI_KNOWN_SECTIONS]; /* where sections begin */
    uint64_t check;                   /* of all: which state it is; 0: none */
    fani_strings files;
    fani_known_group *groups;
    uint64_t *listed; /* slots */
    fani_mpzs gcds;   /* one for each of them */
} fani_known_file;

/* Opens it, and looks whether it is whole and what it says; `brief`: without reading all of it.
 * There need be no such file. run: who may stop the reading; may be NULL. Errors: FAN_E_SYNTAX (it
 * is none of ours, damaged, of a newer version or another kind of machine) and FAN_E_INPUT (it
 * can't be read), with the file; FAN_E_CANCELLED, FAN_E_MEMORY. The caller closes it, after errors
 * too. */
fan_status fani_known_file_open(const fani_job_run *run, const char *path, bool brief,
                                fani_known_file *file, fan_error *error);

/* Frees. Accepts zero bytes. */
void fani_known_file_close(fani_known_file *file);

/* A section that is read front to back. Zero bytes but for `file` and `section` begin it. */
typedef struct fani_known_stream {
    const fani_known_file *file;
    fani_known_section section;
    uint64_t next; /* byte of the section */
    unsigned char *bytes;
    size_t used, size; /* of what was read ahead */
} fani_known_stream;

/* The next `size` bytes. Errors: FAN_E_SYNTAX (it ends before), FAN_E_INPUT (it
 * can't be read), FAN_E_MEMORY. */
fan_status fani_known_stream_get(fani_known_stream *stream, void *out, size_t size,
                                 fan_error *error);
void fani_known_stream_free(fani_known_stream *stream);

/* The next key, which is sound. Errors as above. */
fan_status fani_known_key_next(fani_known_stream *keys, fani_known_key *key, fan_error *error);

/* The id at a place of `ids`, a stream that jumps there; valid until the next call. */
fan_status fani_known_id(fani_known_stream *ids, uint64_t place, const char **id, fan_error *error);

/* Moduli, block by block. */
typedef struct fani_known_moduli {
    fani_known_stream lengths, limbs;
    uint64_t next; /* slot of the next block's first one */
} fani_known_moduli;

void fani_known_moduli_begin(const fani_known_file *file, fani_known_moduli *moduli);
void fani_known_moduli_end(fani_known_moduli *moduli);

/* The next block of about so many limbs, at least one modulus, as a pack; none are left: an empty
 * pack. The caller frees it. Errors as of streams. */
fan_status fani_known_moduli_next(fani_known_moduli *moduli, size_t limbs, fani_weak_packer *pack,
                                  fan_error *error);

/* The product of a group into out, of as many limbs as it has; `products` is a stream at its
 * beginning: groups are read in order. */
fan_status fani_known_product_next(fani_known_stream *products, size_t group, mp_limb_t *out,
                                   fan_error *error);

/* `count` limbs of the products, from the one on that is `first` among all of them. */
fan_status fani_known_product_part(const fani_known_file *file, uint64_t first, size_t count,
                                   mp_limb_t *out, fan_error *error);

/* Says that a product is none: FAN_E_SYNTAX. */
fan_status fani_known_product_none(const fani_known_file *file, fan_error *error);

/* ---- weak_known_write.c ---------------------------------------------------------------------- */

typedef struct fani_known_writer fani_known_writer;

/* Begins PATH.next, in which sections are written one after the other; head: all but magic, version
 * and order are the caller's. Errors: FAN_E_OUTPUT, FAN_E_MEMORY. */
fan_status fani_known_write_begin(const char *path, const fani_known_head *head,
                                  fani_known_writer **writer, fan_error *error);

/* Adds bytes to the section that is written, or the first `size` bytes of an old state's. */
fan_status fani_known_write(fani_known_writer *writer, const void *bytes, size_t size,
                            fan_error *error);
fan_status fani_known_write_old(fani_known_writer *writer, const fani_known_file *old,
                                uint64_t size, fan_error *error);

/* Ends the section. FAN_E_OUTPUT: it is not as long as the head says, or writing failed. */
fan_status fani_known_write_section(fani_known_writer *writer, fan_error *error);

/* Behind the last section: PATH.next is whole, and on the disk. */
fan_status fani_known_write_end(fani_known_writer *writer, fan_error *error);

/* PATH.next takes PATH's place; where it can't, it stays, to be adopted. Errors: FAN_E_OUTPUT. */
fan_status fani_known_write_publish(fani_known_writer *writer, fan_error *error);

/* Frees; PATH.next goes where it was not to be published. Accepts NULL. */
void fani_known_write_free(fani_known_writer *writer);

/* PATH.next, which an earlier run has left as it ended just after its output was in place, takes
 * PATH's place where it was made from the state that is there (`parent`: its check) by a run with
 * that output (`owner`). It is left alone where it is not such a state. Errors: FAN_E_OUTPUT,
 * FAN_E_MEMORY. */
fan_status fani_known_write_adopt(const char *path, uint64_t parent, uint64_t owner,
                                  fan_error *error);

#endif
