/* Where the members of a ring were, in files beside the output: OUTPUT.scan-r0 is member 0's. Each
 * is a kept file (kept_file.h) of a pack (weak_pack.h) and belongs to a set of moduli and a number
 * of members. */
#ifndef FANI_WEAK_RING_STORE_H
#define FANI_WEAK_RING_STORE_H

#include "fanfold/executor.h"

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

/* The first three are in the order in which a member goes through them. */
typedef enum fani_weak_ring_stage {
    FANI_WEAK_RING_NEW,      /* nothing: its tree is not there */
    FANI_WEAK_RING_TAKES,    /* its sum, and the residue of so many products */
    FANI_WEAK_RING_FRACTION, /* its root's fraction: it needs no more of the others */
} fani_weak_ring_stage;

/* Where a member is. Zero bytes are nowhere yet. */
typedef struct fani_weak_ring_state {
    fani_weak_ring_stage stage;
    size_t taken;
    mpz_t value;   /* the sum, or the fraction */
    mpz_t residue; /* empty with the fraction */
} fani_weak_ring_state;

void fani_weak_ring_state_init(fani_weak_ring_state *state);
void fani_weak_ring_state_clear(fani_weak_ring_state *state);

/* The state as bytes, in an empty buffer that the caller clears. FAN_E_MEMORY. */
fan_status fani_weak_ring_state_write(const fani_weak_ring_state *state, fan_buffer *bytes);

/* And back. No bytes are a new state. FAN_E_PROTOCOL, FAN_E_MEMORY. */
fan_status fani_weak_ring_state_read(fani_weak_ring_state *state, const void *bytes, size_t size);

/* Whose files: of names that begin with `base`. */
typedef struct fani_weak_ring_store {
    const char *base;
    uint64_t identity; /* of the moduli and of how many members have them */
} fani_weak_ring_store;

/* Keeps a member's state. FAN_E_OUTPUT with file and errno, FAN_E_MEMORY. */
fan_status fani_weak_ring_store_save(const fani_weak_ring_store *store, size_t member,
                                     const void *bytes, size_t size, fan_error *error);

/* Reads one into an empty buffer that the caller clears. False: there is none that is whole and of
 * this ring; the buffer may hold anything. */
bool fani_weak_ring_store_load(const fani_weak_ring_store *store, size_t member, fan_buffer *bytes);

/* Removes all such files of any ring. base may be NULL: nothing is done. */
void fani_weak_ring_store_clear(const char *base);

#endif
