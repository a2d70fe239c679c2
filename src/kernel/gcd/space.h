/* How much memory the work on scaled remainder trees takes, in bytes, besides what it is given:
 * rather too much than too little (tests/cli/test_weakkeys_memory.sh). For those who must fit
 * several of them into what there is. */
#ifndef FANI_GCD_SPACE_H
#define FANI_GCD_SPACE_H

#include <stddef.h>
#include <stdint.h>

/* The product of two numbers of so many limbs, with the product itself. */
uint64_t fani_space_multiply(size_t a, size_t b);

/* fani_scaled_step from a node of `parent` limbs, with the fraction that it gives. */
uint64_t fani_space_step(size_t parent, size_t sibling);

/* fani_scaled_join or fani_scaled_part of a node of `limbs` limbs. */
uint64_t fani_space_pair(size_t limbs);

/* fani_scaled_root, with the fraction. */
uint64_t fani_space_root(size_t product, size_t others);

/* fani_weak_block_up or fani_weak_block_down of `keys` moduli of `limbs` limbs in all. */
uint64_t fani_space_block(size_t limbs, size_t keys);

#endif
