/* What the parts of an incremental scan pass around. */
#ifndef FANI_WEAK_KNOWN_INTERNAL_H
#define FANI_WEAK_KNOWN_INTERNAL_H

#include "job/weak_known.h"
#include "job/weak_known_hold.h"
#include "job/weak_known_pass.h"

/* What is to be written down of a known key. */
typedef struct fani_known_digest {
    uint64_t key; /* its index among all that were ever read */
    uint64_t digest;
} fani_known_digest;

struct fani_weak_known {
    fani_job_run *run;
    const char *path;
    fani_known_hold *hold;
    fani_known_file file;
    fani_weak_outside outside;
    /* Of the keys that were read and are new: */
    uint64_t *slots; /* per key: its place among all distinct moduli, old ones first */
    size_t new_count;
    size_t repeated, repeated_invalid;
    fani_mpzs fresh; /* moduli that were not known */
    fani_mpzs gcds;  /* of them */
    /* Of the known ones' product modulo all of these; or modulo the first `first_keys` and modulo
     * the others; none: not computed by this run */
    fani_mpzs residues;
    size_t first_keys;
    /* Of the known keys: */
    fani_known_met met;
    size_t told;                /* known keys that stand before the new ones in the input */
    fani_known_digest *digests; /* of them, then of the new keys; keys ascend */
    fani_known_writer *next;
};

/* Whether sorted numbers have one. */
bool fani_known_has(const uint64_t *sorted, size_t count, uint64_t number);

/* Sorts them and drops repetitions; how many are left. */
size_t fani_known_unique(uint64_t *numbers, size_t count);

/* Which state it is: part of the identity of what a scan beside it keeps. */
uint64_t fani_weak_known_identity(const fani_weak_known *known);

#endif
