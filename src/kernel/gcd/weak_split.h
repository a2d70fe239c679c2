/* Every weak modulus as a product of elements of the coprime base, and who has each element. */
#ifndef FANI_GCD_WEAK_SPLIT_H
#define FANI_GCD_WEAK_SPLIT_H

#include "weak.h"
#include "weak_match.h"

/* The slot of a modulus that is not listed. */
#define FANI_WEAK_UNLISTED SIZE_MAX

/* Listed are the moduli that share something or have copies. Modulus w has the pieces
 * pieces.pairs[first_piece[w] .. first_piece[w + 1] - 1]: `right` is an element of `base`,
 * ascending by value, and exponents[] of the same place its power in the modulus. */
typedef struct fani_weak_split {
    fani_mpzs listed;
    fani_mpzs base;
    fani_weak_pairs pieces;
    size_t *listed_of;    /* per distinct modulus: its place in `listed`, or FANI_WEAK_UNLISTED */
    size_t *first_piece;  /* per listed modulus, and one past the last */
    size_t *exponents;    /* per piece */
    size_t *total;        /* per element: its power in the product of all keys, copies counted */
    size_t *first_member; /* per element, and one past the last: where its keys begin */
    size_t *members;      /* the keys that have an element, ascending */
    size_t shared_count;  /* the listed ones before this share; the rest only have copies */
} fani_weak_split;

/* Splits the weak moduli of a set. gcds: one per distinct modulus, its gcd with the product of the
 * others or another divisor of it with the same primes. On error the split is empty:
 * FAN_E_ARGUMENT where a gcd does not divide its modulus, FAN_E_CANCELLED (the set's halt),
 * FAN_E_MEMORY. Any thread. */
fan_status fani_weak_split_build(fani_weak_split *split, const fani_weak_set *set, mpz_srcptr gcds,
                                 fan_error *error);

/* Frees a split. Accepts an empty or half-built one. */
void fani_weak_split_free(fani_weak_split *split);

#endif
