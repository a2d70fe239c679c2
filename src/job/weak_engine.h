/* The scan of distinct moduli over an executor: the two directions of a scaled remainder tree
 * (kernel/gcd/scaled.h), level by level.
 *
 *   product    a block of moduli gives its product and its sum
 *   join       on each level above the blocks, the product and the sum of two neighbours; or
 *   multiply   a product of two neighbours' numbers, three a pair
 *   root       of the last two nodes each gives its fraction: it needs the other's product, so the
 *              product of all is never made
 *   part       on each level down, the fractions of both children; or
 *   step       a child's fraction
 *   block      a block of moduli and its fraction give each one's gcd with the product of all
 * others
 *
 * A pair as one item shares transforms (kernel/gcd/shared.h). Where there are fewer pairs than
 * workers, and where levels are in files, it is cut into the smaller items: so there are six where
 * a level has two nodes, and nothing large is multiplied on one core while others wait, but for the
 * steps of the two roots where there are more than two. What the tasks work on is shared, once per
 * host, and items are numbers. Where memory is too small for that, levels are in files
 * (weak_level.h), and items carry what they work on (weak_flow.h); only what is too large for that
 * is shared, a level at a time. */
#ifndef FANI_WEAK_ENGINE_H
#define FANI_WEAK_ENGINE_H

#include "job/job_internal.h"
#include "job/weak_need.h"
#include "job/weak_store.h"
#include "kernel/gcd/trees.h"

/* The arguments of all tasks: what an item i means is told in weakkeys_tasks.c. */
typedef struct fani_weak_args {
    fan_shared first;
    fan_shared second;
    uint64_t block_keys;
} fani_weak_args;

/* How many moduli a block has, of so many. */
size_t fani_weak_engine_block(size_t count);

/* The top of a scan's tree, and in what memory. */
typedef struct fani_weak_top {
    const fani_weak_packer *nodes; /* one or two */
    size_t first_keys;             /* so many moduli are below the first one */
    const fani_weak_memory *memory;
    uint64_t held; /* by the scan, meanwhile */
} fani_weak_top;

/* Moduli that the scan's are compared with and that are not among them (weak_known.h). */
typedef struct fani_weak_outside {
    /* Appends to an empty list something positive that is congruent to their product modulo that of
     * the nodes; or one such number for each node, congruent modulo that one. */
    fan_status (*residues)(void *user, const fani_weak_top *top, fani_mpzs *residues,
                           fan_error *error);
    void *user;
    uint64_t identity; /* of these moduli */
    size_t limbs;      /* of all of them */
    size_t longest;    /* of the longest product that is read of them */
} fani_weak_outside;

/* What a scan is given besides its moduli. */
typedef struct fani_weak_circumstances {
    /* Where finished levels are kept; one that resumes is gone on with from the last level that it
     * has whole. Its identity is of all moduli, those outside too. */
    const fani_weak_store *store;
    const fani_weak_memory *memory;   /* what there is; with a limit the store has a place */
    const fani_weak_outside *outside; /* NULL: there are none */
} fani_weak_circumstances;

/* What the moduli and how they are cut hash to: a store's identity. */
uint64_t fani_weak_engine_identity(const fani_mpzs *distinct);

/* Appends each modulus's gcd with the product of the others to an empty list. What is kept stays;
 * nobody needs it once there are gcds (fani_weak_engine_clear). Errors: FAN_E_FAILED, FAN_E_LOST,
 * FAN_E_TIMEOUT (an item was not ok: every answer rests on all of them),
 * FAN_E_CANCELLED, FAN_E_OUTPUT, FAN_E_INPUT (a level can't be kept, or read again),
 * FAN_E_MEMORY, FAN_E_ARGUMENT (more is needed than the limit), FAN_E_TOO_LARGE (too many keys for
 * one scan), those of sharing and of `outside`; the list is then not to be used. */
fan_status fani_weak_engine_run(fani_job_run *run, const fani_mpzs *distinct,
                                const fani_weak_circumstances *circumstances, fani_mpzs *gcds,
                                fan_error *error);

/* Removes all levels that a store may have. */
void fani_weak_engine_clear(const fani_weak_store *store);

#endif
