/* Items of a weak-key scan that carry what they work on: a pack (weak_pack.h) each, which an I/O
 * pool fills ahead from levels in files. As a map's source; of the map caller's thread. */
#ifndef FANI_WEAK_FLOW_H
#define FANI_WEAK_FLOW_H

#include "job/weak_level.h"

enum { FANI_WEAK_PARTS = 2, FANI_WEAK_AHEAD = 2 };

/* What an item carries, in this order: moduli, integers of levels, a number. All are borrowed until
 * the map has ended. Nothing at all: an item without bytes. */
typedef struct fani_weak_parcel {
    mpz_srcptr moduli;
    size_t moduli_count;
    struct {
        const fani_weak_level *level;
        size_t index;
    } parts[FANI_WEAK_PARTS];
    size_t part_count;
    uint64_t number;
    bool has_number;
} fani_weak_parcel;

typedef struct fani_weak_fill {
    fan_call *call;
    fani_weak_parcel parcel;
    fani_weak_packer packer;
    bool is_begun;
} fani_weak_fill;

/* The first five are the caller's; the rest is zero bytes before the map. */
typedef struct fani_weak_flow {
    fan_pool *pool; /* NULL where items have no bytes */
    void (*describe)(void *user, uint64_t item, fani_weak_parcel *parcel); /* or NULL: none has */
    void *user;
    uint64_t count;
    size_t most;         /* items on their way at the same time, at least one */
    uint64_t taken;      /* outcomes that have come: counted by the caller */
    uint64_t handed_out; /* its own from here on */
    fani_weak_fill fills[FANI_WEAK_AHEAD];
} fani_weak_flow;

/* The map's source. Its errors: FAN_E_INPUT of a level's file, FAN_E_MEMORY. */
fan_source fani_weak_flow_source(fani_weak_flow *flow);

/* Waits for what is read ahead and frees it. */
void fani_weak_flow_end(fani_weak_flow *flow);

/* The limbs of what an item carries. */
size_t fani_weak_parcel_limbs(const fani_weak_parcel *parcel);

#endif
