/* A member of a ring that looks for shared factors in one large set of moduli: each member has a
 * part of the set and a tree over it, and the products of the parts go around.
 *
 *   begin       up the part's own tree: P, the product, and S (scaled.h)
 *   take        the other members' products, in any order: Z = their product mod P
 *   fraction    of Z S / P mod 1: what the part's root lacks of the whole set
 *   gcds        down the tree
 *
 * Products of the whole set, or of more than two parts, are never made. A product that comes is
 * multiplied by what there is and reduced by a reciprocal of P (reciprocal.h); the transforms of
 * reciprocal and divisor are kept for all that come after the second. One thread at a time. */
#ifndef FANI_GCD_RING_H
#define FANI_GCD_RING_H

#include "scaled.h"
#include "trees.h"

/* What is divided by all along. Zero bytes are none. */
typedef struct fani_ring_divisor {
    size_t limbs; /* n; the divisor is shifted so that its highest bit is the highest of n limbs */
    mp_bitcnt_t shift;
    mpz_t divisor, reciprocal;
    struct fani_ring_kept *kept; /* transforms; NULL where they don't pay */
} fani_ring_divisor;

/* Of limbs and a multiplier that was opened: `product` (positive) shifted up to n limbs, where n is
 * at least 3 and more than product has. FAN_E_MEMORY, FAN_E_TOO_LARGE; it is then empty. */
fan_status fani_ring_divisor_open(fani_ring_divisor *divisor, const fani_multiplier *multiplier,
                                  mpz_srcptr product, size_t n);

/* x = x y modulo the shifted divisor D, where x is a multiple of 2^shift as D is; less than 3 D.
 * y >= 0. Errors as open. */
fan_status fani_ring_divisor_times(const fani_ring_divisor *divisor,
                                   const fani_multiplier *multiplier, mpz_ptr x, mpz_srcptr y);

/* fraction (initialized) = the upper `limbs` < n limbs of x / D mod 1, x < 3 D, to a unit of the
 * lowest. Errors as open. */
fan_status fani_ring_divisor_fraction(const fani_ring_divisor *divisor,
                                      const fani_multiplier *multiplier, mpz_srcptr x,
                                      mpz_ptr fraction, size_t limbs);

/* Accepts an empty one. */
void fani_ring_divisor_close(fani_ring_divisor *divisor);

typedef struct fani_ring_member {
    bool begun;
    fani_multiplier multiplier; /* its own */
    fani_scaled_tree tree;
    mpz_t product; /* P */
    mpz_t sum;     /* S */
    size_t widest; /* limbs of the largest product of any member */
    fani_ring_divisor divisor;
    size_t taken;
    mpz_t residue; /* of the one product that was taken, or of several: Z 2^shift modulo D */
} fani_ring_member;

/* Builds the tree over `count` >= 1 positive moduli, which are borrowed. sum NULL: S is made too,
 * which takes more than half of the time; else it is that of an earlier time. FAN_E_MEMORY,
 * FAN_E_TOO_LARGE: the member is then empty. */
fan_status fani_ring_begin(fani_ring_member *member, const fani_multiplier *multiplier,
                           mpz_srcptr moduli, size_t count, mpz_srcptr sum);

/* Says how large the largest product of any member is, in limbs; before the first take. */
void fani_ring_widest(fani_ring_member *member, size_t limbs);

/* Takes another member's product (positive), which is not kept. Errors as begin. */
fan_status fani_ring_take(fani_ring_member *member, mpz_srcptr product);

/* Goes on from where an earlier one was after so many products, with its residue, which is copied.
 */
void fani_ring_go_on(fani_ring_member *member, mpz_srcptr residue, size_t taken);

/* fraction (initialized) = what scaled.h needs at the root, when all products were taken. What was
 * for taking is given back. Errors as begin. */
fan_status fani_ring_fraction(fani_ring_member *member, mpz_ptr fraction);

/* Appends each modulus's gcd with the product of all others of the set, given the fraction. Errors
 * as begin. */
fan_status fani_ring_gcds(fani_ring_member *member, mpz_srcptr fraction, fani_mpzs *gcds);

/* Frees. Accepts an empty one. */
void fani_ring_end(fani_ring_member *member);

/* Cuts `count` moduli into `members` <= count parts of consecutive ones, none empty and as equal in
 * bits as that allows: part i begins at first[i], and first[members] is count. The same on every
 * machine. */
void fani_ring_cut(mpz_srcptr moduli, size_t count, size_t members, size_t *first);

#endif
