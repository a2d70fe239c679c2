/* The steps of a weak-key scan, to be run here in one go or fanned out by a job:
 *
 *   fani_weak_set_build      set invalid and repeated moduli aside
 *   fani_weak_gcds           each distinct modulus's gcd with the product of the others
 *   fani_weak_report_build   split the weak ones and describe every listed key
 *
 * weak_codec.h has the bytes in which gcds travel. Nothing depends on how the moduli are cut into
 * blocks. */
#ifndef FANI_GCD_WEAK_H
#define FANI_GCD_WEAK_H

#include "fanfold/weakkeys.h"
#include "multiplier.h"
#include "trees.h"
#include "weak_halt.h"

struct fani_scaled_tree;

/* The slot of an invalid key. */
#define FANI_WEAK_INVALID SIZE_MAX

/* The moduli that take part, each once, in the order of their first appearance. */
typedef struct fani_weak_set {
    fani_mpzs distinct;
    size_t *slot;   /* per key: its place in `distinct`, or FANI_WEAK_INVALID */
    size_t *copies; /* per distinct modulus: how many keys have it */
    size_t key_count;
    fani_weak_halt halt; /* who may stop what is built of it: none, until the caller says */
} fani_weak_set;

/* Sorts out `count` moduli (copied): those below 2 are invalid, equal ones share a slot.
 * On error the set is empty. FAN_E_MEMORY. */
fan_status fani_weak_set_build(fani_weak_set *set, mpz_srcptr moduli, size_t count,
                               fan_error *error);

/* Frees a set. Accepts an empty one. */
void fani_weak_set_free(fani_weak_set *set);

/* gcds: an empty list, filled with each modulus's gcd with the product of all others: `count`
 * integers for `count` positive moduli, which need not be distinct.
 *
 * block_keys: moduli in one tree; in more than two blocks trees need less memory at once, and
 * the lower ones are built twice; 0: two halves. The gcds do not depend on it.
 * FAN_E_MEMORY leaves the list empty. Any thread. */
fan_status fani_weak_gcds(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                          size_t block_keys, fani_mpzs *gcds, fan_error *error);

/* Two steps of it, for blocks apart: a block's product and its sum (scaled.h); and, given the
 * block's fraction of the whole set, the gcds. Errors as above. */
fan_status fani_weak_block_up(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                              mpz_ptr product, mpz_ptr sum, fan_error *error);
fan_status fani_weak_block_down(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                                mpz_srcptr fraction, fani_mpzs *gcds, fan_error *error);

/* residues[i] = what has the root's fraction modulo leaf i, or the leaf itself for 0; one for each
 * leaf, initialized by the caller. FAN_E_MEMORY, or as fani_scaled_descend. */
fan_status fani_weak_tree_residues(struct fani_scaled_tree *tree, mpz_srcptr fraction,
                                   mpz_ptr residues);

/* Appends the gcd of each leaf and its cofactor, given the fraction of the tree's root.
 * FAN_E_MEMORY, or as fani_scaled_descend. */
fan_status fani_weak_tree_gcds(struct fani_scaled_tree *tree, mpz_srcptr fraction, fani_mpzs *gcds);

/* Splits and describes what the gcds show.
 *
 * gcds: one integer per distinct modulus of the set, from fani_weak_gcds over all of them. *report
 * is the caller's (fan_weakkeys_report_free); untouched on error. FAN_E_ARGUMENT where a gcd does
 * not divide its modulus; FAN_E_CANCELLED (the set's halt); FAN_E_MEMORY. Any thread. */
fan_status fani_weak_report_build(const fani_weak_set *set, mpz_srcptr gcds,
                                  fan_weakkeys_report **report, fan_error *error);

#endif
