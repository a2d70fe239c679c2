/* How a pass over known keys (weak_known_pass.h) and the root divisions with what it leaves fit
 * into the memory that there is. All in bytes, rather too much than too little; tested against what
 * the system says (tests/cli/test_weakkeys_known_memory.sh). */
#ifndef FANI_WEAK_KNOWN_NEED_H
#define FANI_WEAK_KNOWN_NEED_H

#include "job/weak_need.h"

/* Besides limbs, of a key that is sorted out beside a state: hashes and places. */
enum { FANI_KNOWN_SORT_BYTES = 80 };

/* Pieces of the state that are read ahead, and of the next one. */
enum { FANI_KNOWN_READ_BYTES = 4 << 20 };

typedef struct fani_known_sizes {
    size_t nodes[2]; /* limbs of the nodes at the top of the new keys' tree; 0: there is one */
    size_t known;    /* limbs of all products in the state */
    size_t longest;  /* of them */
    uint64_t held;   /* bytes of all else that there is meanwhile */
} fani_known_sizes;

/* A way to go over the state: each needs less than the one before, and takes longer. */
typedef struct fani_known_plan {
    size_t item_limbs; /* of the products that an item gets, about */
    size_t piece;      /* of a piece of a product, behind the remainder of what is above it: an item
                        * that waits for the one before; 0: products are whole */
    size_t round;      /* items whose remainders are held before they are multiplied */
    bool halves;       /* by each node alone, one after the other */
    fani_weak_item modulus, reduce, pair, root;
} fani_known_plan;

/* The first way that fits, with all workers or with fewer; the last one where none does. Without a
 * limit the first one. */
void fani_known_choose(const fani_weak_memory *memory, const fani_known_sizes *sizes,
                       fani_known_plan *plan);

/* What the way needs that needs least; and the first one with so many items at the same time. */
uint64_t fani_known_least(const fani_weak_memory *memory, const fani_known_sizes *sizes);
uint64_t fani_known_need_of(const fani_weak_memory *memory, const fani_known_sizes *sizes,
                            size_t items);

/* An item of moduli whose product is made: as the state is written. */
fani_weak_item fani_known_product_item(size_t limbs, size_t keys);

/* An item of about `limbs` limbs of known moduli that are compared with a number. */
fani_weak_item fani_known_meet_item(const fani_weak_memory *memory, size_t limbs, size_t number);

#endif
