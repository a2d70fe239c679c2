#include "weak.h"

#include "base/error.h"
#include "fanfold/gcd.h"
#include "scaled.h"

#include <stdlib.h>

/* ---- One block ------------------------------------------------------------------------------- */

static fan_status no_memory(fan_status status, size_t count, fan_error *error)
{
    return status == FAN_E_MEMORY
               ? fani_error_set(error, status, "no memory for a tree over %zu moduli", count)
               : status;
}

fan_status fani_weak_block_up(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                              mpz_ptr product, mpz_ptr sum, fan_error *error)
{
    fani_scaled_tree tree;
    fan_status status = fani_scaled_build(&tree, multiplier, moduli, NULL, count, product, sum);
    fani_scaled_free(&tree);
    return no_memory(status, count, error);
}

/* Residues modulo a tree's leaves on their way into a list. */
typedef struct collector {
    const fani_scaled_tree *tree;
    mpz_ptr residues;
    fani_limbs scratch;
} collector;

static fan_status collect(void *user, size_t leaf, const mp_limb_t *fraction)
{
    collector *c = user;
    mpz_srcptr modulus = c->tree->leaves + leaf;
    mp_limb_t *scratch = fani_limbs_room(&c->scratch, 2 * mpz_size(modulus) + 1);
    if (!scratch)
        return FAN_E_MEMORY;
    fani_scaled_residue(c->residues + leaf, modulus, fraction, scratch);
    return FAN_OK;
}

fan_status fani_weak_tree_residues(struct fani_scaled_tree *tree, mpz_srcptr fraction,
                                   mpz_ptr residues)
{
    collector c = {.tree = tree, .residues = residues};
    fan_status status = fani_scaled_descend(tree, fraction, collect, &c);
    fani_limbs_free(&c.scratch);
    return status;
}

fan_status fani_weak_tree_gcds(struct fani_scaled_tree *tree, mpz_srcptr fraction, fani_mpzs *gcds)
{
    size_t before = gcds->count;
    fan_status status = fani_mpzs_resize(gcds, before + tree->count);
    if (status != FAN_OK)
        return status;
    mpz_ptr residues = gcds->values + before;
    status = fani_weak_tree_residues(tree, fraction, residues);
    return status == FAN_OK ? fan_gcd_mpz_array(residues, tree->leaves, residues, tree->count)
                            : status;
}

fan_status fani_weak_block_down(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                                mpz_srcptr fraction, fani_mpzs *gcds, fan_error *error)
{
    fani_scaled_tree tree;
    mpz_t product;
    mpz_init(product);
    fan_status status = fani_scaled_build(&tree, multiplier, moduli, NULL, count, product, NULL);
    if (status == FAN_OK)
        status = fani_weak_tree_gcds(&tree, fraction, gcds);
    fani_scaled_free(&tree);
    mpz_clear(product);
    return no_memory(status, count, error);
}

/* ---- All of them ----------------------------------------------------------------------------- */

/* A set in blocks. Where there are just two, their trees are kept. */
typedef struct blocks {
    const fani_multiplier *multiplier;
    mpz_srcptr moduli;
    size_t moduli_count;
    size_t block_keys;
    size_t count;
    fani_mpzs products;
    fani_mpzs sums;
    fani_scaled_tree kept[2];
    fani_mpzs *gcds;
    size_t first; /* block of the upper tree that is walked */
} blocks;

static size_t first_of(const blocks *b, size_t block)
{
    size_t first = block * b->block_keys;
    return first < b->moduli_count ? first : b->moduli_count;
}

static fan_status climb_blocks(blocks *b)
{
    fan_status status = fani_mpzs_resize(&b->products, b->count);
    if (status == FAN_OK)
        status = fani_mpzs_resize(&b->sums, b->count);
    for (size_t k = 0; k < b->count && status == FAN_OK; k++) {
        size_t first = first_of(b, k), count = first_of(b, k + 1) - first;
        fani_scaled_tree tree;
        status = fani_scaled_build(&tree, b->multiplier, b->moduli + first, NULL, count,
                                   b->products.values + k, b->sums.values + k);
        if (b->count == 2 && status == FAN_OK)
            b->kept[k] = tree;
        else
            fani_scaled_free(&tree);
    }
    return status;
}

static fan_status descend_block(void *user, size_t leaf, const mp_limb_t *fraction)
{
    blocks *b = user;
    size_t block = b->first + leaf, first = first_of(b, block);
    mpz_t view;
    mpz_roinit_n(view, fraction, (mp_size_t)fani_scaled_size(b->products.values + block));
    if (b->count == 2)
        return fani_weak_tree_gcds(&b->kept[block], view, b->gcds);
    return fani_weak_block_down(b->multiplier, b->moduli + first, first_of(b, block + 1) - first,
                                view, b->gcds, NULL);
}

/* Down from the roots of the two halves of the blocks. The set's own root is never made: what a
 * half needs at its root is the other's product. */
static fan_status descend_halves(blocks *b)
{
    fani_scaled_tree halves[2] = {0};
    size_t middle = b->count / 2;
    mpz_t products[2], sums[2], fraction;
    mpz_inits(products[0], products[1], sums[0], sums[1], fraction, NULL);
    fan_status status = FAN_OK;
    for (size_t side = 0; side < 2 && status == FAN_OK; side++) {
        size_t first = side ? middle : 0;
        status = fani_scaled_build(&halves[side], b->multiplier, b->products.values + first,
                                   b->sums.values + first, side ? b->count - middle : middle,
                                   products[side], sums[side]);
    }
    for (size_t side = 0; side < 2 && status == FAN_OK; side++) {
        b->first = side ? middle : 0;
        status =
            fani_scaled_root(b->multiplier, fraction, sums[side], products[side], products[!side]);
        if (status == FAN_OK)
            status = fani_scaled_descend(&halves[side], fraction, descend_block, b);
    }
    mpz_clears(products[0], products[1], sums[0], sums[1], fraction, NULL);
    fani_scaled_free(&halves[0]);
    fani_scaled_free(&halves[1]);
    return status;
}

static fan_status alone(fani_mpzs *gcds)
{
    fan_status status = fani_mpzs_resize(gcds, 1);
    if (status == FAN_OK)
        mpz_set_ui(gcds->values, 1);
    return status;
}

fan_status fani_weak_gcds(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                          size_t block_keys, fani_mpzs *gcds, fan_error *error)
{
    size_t half = count / 2 + count % 2;
    blocks b = {.multiplier = multiplier, .moduli = moduli, .moduli_count = count, .gcds = gcds};
    if (count < 2)
        return count ? no_memory(alone(gcds), count, error) : FAN_OK;
    b.block_keys = block_keys > 0 && block_keys < half ? block_keys : half;
    b.count = count / b.block_keys + (count % b.block_keys != 0);
    fan_status status = climb_blocks(&b);
    if (status == FAN_OK)
        status = descend_halves(&b);
    fani_scaled_free(&b.kept[0]);
    fani_scaled_free(&b.kept[1]);
    fani_mpzs_free(&b.products);
    fani_mpzs_free(&b.sums);
    if (status != FAN_OK)
        fani_mpzs_free(gcds);
    return no_memory(status, count, error);
}
