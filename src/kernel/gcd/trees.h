/* Growing lists of integers, and product and remainder trees over them. */
#ifndef FANI_GCD_TREES_H
#define FANI_GCD_TREES_H

#include "fanfold/status.h"

#include <gmp.h>
#include <stddef.h>

/* A list that owns its integers. Zero bytes are an empty list. `values + i` is an mpz_ptr. */
typedef struct fani_mpzs {
    mpz_ptr values;
    size_t count;
    size_t capacity;
} fani_mpzs;

/* Frees the integers and empties the list. */
void fani_mpzs_free(fani_mpzs *list);

/* Makes the list hold `count` integers, new ones 0. FAN_E_MEMORY leaves it as it was. */
fan_status fani_mpzs_resize(fani_mpzs *list, size_t count);

/* Appends a copy of `value`. FAN_E_MEMORY leaves the list as it was. */
fan_status fani_mpzs_push(fani_mpzs *list, mpz_srcptr value);

/* Appends all of `from`, which is left empty. FAN_E_MEMORY leaves both as they were. */
fan_status fani_mpzs_move(fani_mpzs *list, fani_mpzs *from);

/* Products of neighbours, level by level: level 0 holds the leaves, the last one the root. */
typedef struct fani_tree {
    fani_mpzs *levels;
    size_t level_count;
} fani_tree;

/* Builds the tree over `count` integers, which are copied; the root is 1 for none of them.
 * On error the tree is empty. FAN_E_MEMORY. */
fan_status fani_tree_build(fani_tree *tree, mpz_srcptr values, size_t count);

/* As fani_tree_build, over `count` integers picked by pointers. */
fan_status fani_tree_build_picked(fani_tree *tree, const mpz_srcptr *values, size_t count);

/* The product of all leaves; lives as long as the tree. */
mpz_srcptr fani_tree_root(const fani_tree *tree);

/* x mod each leaf, by reducing at the root and then down the tree.
 * remainders: an empty list, filled with one integer per leaf. Leaves must not be 0.
 * FAN_E_MEMORY leaves it empty. */
fan_status fani_tree_remainders(const fani_tree *tree, mpz_srcptr x, fani_mpzs *remainders);

/* Frees the tree. Accepts an empty or half-built one. */
void fani_tree_free(fani_tree *tree);

#endif
