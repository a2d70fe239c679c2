/* Scaled remainder trees: for each modulus N of a set with product P, the cofactor P/N mod N,
 * without squares and with one division.
 *
 * Beside the product P of the moduli below a node, the tree carries S = the sum of P/N over them
 * upwards: S = S_left P_right + S_right P_left. All summands but its own are multiples of N, so S
 * is P/N mod N. Down goes the fraction x = (S/P) mod 1 of each node, to a limb more than P has, as
 * the integer F near x B^f: the left child's fraction is P_right times the parent's. A leaf's
 * fraction times N is P/N mod N.
 *
 * Source: D. J. Bernstein, "Scaled remainder trees" (2004); the sum carried up is the numerator of
 * the logarithmic derivative. */
#ifndef FANI_GCD_SCALED_H
#define FANI_GCD_SCALED_H

#include "multiplier.h"
#include "shared.h"

#include <stdbool.h>

/* Limbs that grow on demand. */
typedef struct fani_limbs {
    mp_limb_t *at;
    size_t room;
} fani_limbs;

/* The limbs with room for `size` >= 1 of them; what was there is lost. NULL: out of memory. */
mp_limb_t *fani_limbs_room(fani_limbs *limbs, size_t size);

/* Frees them. */
void fani_limbs_free(fani_limbs *limbs);

/* The products of a tree, level by level from the root, and what its walks need. The leaves are
 * borrowed. Zero bytes are an empty tree. Nodes are numbered as in a heap: the root is 1, the
 * children of v are 2v and 2v + 1. */
typedef struct fani_scaled_tree {
    fani_multiplier multiplier; /* its own */
    fani_shared shared;
    mpz_srcptr leaves;
    mpz_srcptr numerators;
    size_t count;
    size_t depth;        /* levels above the lowest leaf */
    size_t *place;       /* per leaf: the limbs of those before it; and one past the last */
    mp_limb_t **levels;  /* a node's product begins at the place of its first leaf */
    size_t *sizes;       /* per node: limbs of its product; 0 for leaves */
    fani_limbs *walk[2]; /* per level: what a walk holds of its left and right node */
    fani_limbs scratch;
} fani_scaled_tree;

/* Builds the tree over `count` >= 1 positive integers and gives its two sums.
 *
 * leaves: borrowed until the tree is freed. numerators: S of each leaf where the leaves are
 * themselves products (0 < S <= 2^63 P), borrowed for the call; NULL: all are 1. product, sum:
 * initialized by the caller; sum is less than 2^64 times the product. sum NULL: it is not wanted
 * (which saves more than half of the time).
 * On error the tree is empty: FAN_E_MEMORY. Any thread. */
fan_status fani_scaled_build(fani_scaled_tree *tree, const fani_multiplier *multiplier,
                             mpz_srcptr leaves, mpz_srcptr numerators, size_t count,
                             mpz_ptr product, mpz_ptr sum);

/* The limbs of a fraction below a node whose product is P. */
static inline size_t fani_scaled_size(mpz_srcptr product)
{
    return mpz_size(product) + 1;
}

/* How many units of its lowest limb the fraction of a root may be off. */
#define FANI_SCALED_ROOT_ERROR 32

/* fraction (initialized by the caller) = (sum others / product mod 1) B^f, f =
 * fani_scaled_size(product), to FANI_SCALED_ROOT_ERROR units and less than B^f: what a tree needs
 * at its root when its moduli are part of a set whose others have the product `others`. All are
 * positive. FAN_E_MEMORY, or what the multiplier answers. Any thread. */
fan_status fani_scaled_root(const fani_multiplier *multiplier, mpz_ptr fraction, mpz_srcptr sum,
                            mpz_srcptr product, mpz_srcptr others);

/* A step down: out = the fraction of a child of `size` limbs, from its parent's and the product of
 * its sibling, of sibling_size limbs.
 *
 * fraction: parent_size + 1 limbs for a parent of parent_size limbs. out: size + 1 limbs. The
 * scratch is the caller's. FAN_E_MEMORY, or what the multiplier answers. */
fan_status fani_scaled_step(const fani_multiplier *multiplier, fani_limbs *scratch,
                            const mp_limb_t *fraction, size_t parent_size, const mp_limb_t *sibling,
                            size_t sibling_size, mp_limb_t *out, size_t size);

/* A step up: product[0 .. n) and sum[0 .. n + 1) = those of a node, with zeros above, from the
 * numbers of its two children; n is what the products have together, and S < B P. FAN_E_MEMORY, or
 * what the multiplier answers. */
fan_status fani_scaled_join(const fani_multiplier *multiplier, const fani_number products[2],
                            const fani_number sums[2], mp_limb_t *product, mp_limb_t *sum);

/* Two steps down at once, which is quicker: out[side] = the fraction of that child. The parent has
 * as many limbs as both products, or one less; products[side] are not 0. Errors as above. */
fan_status fani_scaled_part(const fani_multiplier *multiplier, const mp_limb_t *fraction,
                            size_t parent_size, const fani_number products[2],
                            mp_limb_t *const out[2]);

/* Told a leaf's fraction: fani_scaled_size(leaf) limbs, valid during the call. A status other than
 * FAN_OK ends the walk with it. */
typedef fan_status (*fani_scaled_emit)(void *user, size_t leaf, const mp_limb_t *fraction);

/* Takes a fraction from the root to the leaves, which are told in order. FAN_E_ARGUMENT: it has
 * more limbs than the root's; FAN_E_MEMORY; or what emit answers. One thread at a time. */
fan_status fani_scaled_descend(fani_scaled_tree *tree, mpz_srcptr fraction, fani_scaled_emit emit,
                               void *user);

/* residue (initialized by the caller) = the integer nearest to fraction times leaf: the cofactor
 * mod the leaf, as a number from 0 to the leaf itself. scratch: 2 * mpz_size(leaf) + 1 limbs. */
void fani_scaled_residue(mpz_ptr residue, mpz_srcptr leaf, const mp_limb_t *fraction,
                         mp_limb_t *scratch);

/* Frees the tree. Accepts an empty one. */
void fani_scaled_free(fani_scaled_tree *tree);

#endif
