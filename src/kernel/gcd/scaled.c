/* How exact fractions are.
 *
 * Let |F_v - x_v B^f_v| <= e_v (cyclically: x and x + 1 are the same), f_v = n_v + 1 for a product
 * of n_v limbs. The root's e is at most FANI_SCALED_ROOT_ERROR (scaled_root.c). A child c with
 * sibling s gets F_v P_s, of which the limbs from f_v - f_c up to f_v are kept:
 *
 * - What is above is whole numbers, what is below is less than one unit.
 * - A cyclic product of m >= f_v + n_s + n_c - n_v limbs folds what is above limb m back to limb 0,
 *   where it fills n_s + f_v - m <= n_v - n_c limbs: only limbs that are not kept, but for a carry
 *   into the lowest kept one, one unit again, of the other sign. Nor is it more than a unit whether
 *   such a product stands for 0 by B^m - 1.
 *
 * So e_c B^-f_c <= e_v P_s B^-f_v + B^-f_c. Times P_c, with P_c P_s = P_v: the quantities
 * d_v = e_v P_v B^-f_v grow by at most P_c B^-f_c < 1/B a level. At a leaf, F N B^-f is within
 * d < (levels + FANI_SCALED_ROOT_ERROR)/B of P/N mod N, an integer: rounding to the nearest one
 * gives it, since that is far less than a half. That is why one limb more than P is enough. */
#include "scaled.h"

#include "base/large.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef fani_number number;

/* A node: its number, its level (the root has 0) and its leaves. */
typedef struct node {
    size_t id;
    size_t level;
    size_t first;
    size_t end;
} node;

static bool is_leaf(node v)
{
    return v.end - v.first == 1;
}

static node child_of(node v, size_t side)
{
    size_t middle = v.first + (v.end - v.first) / 2;
    return (node){.id = 2 * v.id + side,
                  .level = v.level + 1,
                  .first = side ? middle : v.first,
                  .end = side ? v.end : middle};
}

static node root_of(const fani_scaled_tree *tree)
{
    return (node){.id = 1, .end = tree->count};
}

static number of_integer(mpz_srcptr value)
{
    return (number){mpz_limbs_read(value), mpz_size(value)};
}

static number product_of(const fani_scaled_tree *tree, node v)
{
    if (is_leaf(v))
        return of_integer(tree->leaves + v.first);
    return (number){tree->levels[v.level] + tree->place[v.first], tree->sizes[v.id]};
}

static size_t without_zeros(const mp_limb_t *at, size_t size)
{
    while (size > 0 && at[size - 1] == 0)
        size--;
    return size;
}

mp_limb_t *fani_limbs_room(fani_limbs *limbs, size_t size)
{
    if (limbs->room >= size)
        return limbs->at;
    free(limbs->at);
    *limbs = (fani_limbs){.at = fani_large_malloc(size * sizeof *limbs->at)};
    if (limbs->at)
        limbs->room = size;
    return limbs->at;
}

void fani_limbs_free(fani_limbs *limbs)
{
    free(limbs->at);
    *limbs = (fani_limbs){0};
}

/* ---- Up -------------------------------------------------------------------------------------- */

static fan_status multiply_children(fani_scaled_tree *tree, node v, number left, number right)
{
    mp_limb_t *out = tree->levels[v.level] + tree->place[v.first];
    fan_status status =
        tree->multiplier.product(&tree->multiplier, out, left.at, left.size, right.at, right.size);
    if (status == FAN_OK)
        tree->sizes[v.id] = without_zeros(out, left.size + right.size);
    return status;
}

/* out = a b + c d, of one limb more than the longer product. */
static fan_status add_products(fani_scaled_tree *tree, number a, number b, number c, number d,
                               fani_limbs *out, number *sum)
{
    if (a.size + b.size < c.size + d.size) {
        number t = a, u = b;
        a = c, b = d, c = t, d = u;
    }
    size_t size = a.size + b.size, other = c.size + d.size;
    mp_limb_t *at = fani_limbs_room(out, size + 1),
              *addend = fani_limbs_room(&tree->scratch, other);
    if (!at || !addend)
        return FAN_E_MEMORY;
    fan_status status = tree->multiplier.product(&tree->multiplier, at, a.at, a.size, b.at, b.size);
    if (status == FAN_OK)
        status = tree->multiplier.product(&tree->multiplier, addend, c.at, c.size, d.at, d.size);
    if (status != FAN_OK)
        return status;
    at[size] = mpn_add(at, at, (mp_size_t)size, addend, (mp_size_t)other);
    *sum = (number){at, without_zeros(at, size + 1)};
    return FAN_OK;
}

/* The product, and, where there is room for it, the sum. */
static fan_status multiply_shared(fani_scaled_tree *tree, node v, const number products[2],
                                  const number sums[2], fani_limbs *room, number *sum)
{
    mp_limb_t *out = tree->levels[v.level] + tree->place[v.first], *at = NULL;
    size_t size = products[0].size + products[1].size;
    if (room && !(at = fani_limbs_room(room, size + 1)))
        return FAN_E_MEMORY;
    fan_status status = fani_shared_up(&tree->shared, &tree->multiplier, products, sums, out, at);
    if (status != FAN_OK)
        return status;
    tree->sizes[v.id] = without_zeros(out, size);
    if (at)
        *sum = (number){at, without_zeros(at, size + 1)};
    return FAN_OK;
}

/* Builds what is below v, left before right, so that neighbours meet while they are in the cache.
 * Its sum, where wanted, is held by v's place of the walk. */
static fan_status climb(fani_scaled_tree *tree, node v, bool summed, number *sum)
{
    static const mp_limb_t one = 1;
    if (is_leaf(v)) {
        *sum = tree->numerators ? of_integer(tree->numerators + v.first) : (number){&one, 1};
        return FAN_OK;
    }
    number sums[2], products[2];
    for (size_t side = 0; side < 2; side++) {
        fan_status status = climb(tree, child_of(v, side), summed, &sums[side]);
        if (status != FAN_OK)
            return status;
        products[side] = product_of(tree, child_of(v, side));
    }
    fani_limbs *room = &tree->walk[v.id & 1][v.level];
    if (fani_shared_pays(&tree->multiplier, products[0].size, products[1].size))
        return multiply_shared(tree, v, products, sums, summed ? room : NULL, sum);
    fan_status status = multiply_children(tree, v, products[0], products[1]);
    if (status != FAN_OK || !summed)
        return status;
    return add_products(tree, sums[0], products[1], sums[1], products[0], room, sum);
}

/* sum[0 .. n + 1) = S_left P_right + S_right P_left. */
static fan_status join_sums(const fani_multiplier *multiplier, const number products[2],
                            const number sums[2], mp_limb_t *sum)
{
    size_t size = products[0].size + products[1].size + 1;
    mp_limb_t *addend = fani_large_malloc(size * sizeof *addend);
    fan_status status = addend ? FAN_OK : FAN_E_MEMORY;
    for (size_t side = 0; side < 2 && status == FAN_OK; side++) {
        mp_limb_t *out = side ? addend : sum;
        size_t used = sums[side].size + products[!side].size;
        status = multiplier->product(multiplier, out, sums[side].at, sums[side].size,
                                     products[!side].at, products[!side].size);
        memset(out + used, 0, (size - used) * sizeof *out);
    }
    if (status == FAN_OK)
        (void)mpn_add_n(sum, sum, addend, (mp_size_t)size);
    free(addend);
    return status;
}

fan_status fani_scaled_join(const fani_multiplier *multiplier, const fani_number products[2],
                            const fani_number sums[2], mp_limb_t *product, mp_limb_t *sum)
{
    fani_multiplier own;
    fani_shared shared = {0};
    fan_status status = fani_multiplier_open(&own, multiplier);
    if (status != FAN_OK)
        return status;
    if (fani_shared_pays(&own, products[0].size, products[1].size)) {
        status = fani_shared_up(&shared, &own, products, sums, product, sum);
    } else {
        status = own.product(&own, product, products[0].at, products[0].size, products[1].at,
                             products[1].size);
        if (status == FAN_OK)
            status = join_sums(&own, products, sums, sum);
    }
    fani_shared_free(&shared);
    fani_multiplier_close(&own);
    return status;
}

static size_t depth_over(size_t count)
{
    size_t depth = 0;
    for (size_t width = count; width > 1; width = (width + 1) / 2)
        depth++;
    return depth;
}

static fan_status plant(fani_scaled_tree *tree)
{
    size_t count = tree->count, levels = depth_over(count) + 1, nodes = (size_t)2 << tree->depth;
    tree->place = malloc((count + 1) * sizeof *tree->place);
    tree->levels = calloc(levels, sizeof *tree->levels);
    tree->sizes = calloc(nodes, sizeof *tree->sizes);
    tree->walk[0] = calloc(levels, sizeof *tree->walk[0]);
    tree->walk[1] = calloc(levels, sizeof *tree->walk[1]);
    if (!tree->place || !tree->levels || !tree->sizes || !tree->walk[0] || !tree->walk[1])
        return FAN_E_MEMORY;
    tree->place[0] = 0;
    for (size_t i = 0; i < count; i++)
        tree->place[i + 1] = tree->place[i] + mpz_size(tree->leaves + i);
    assert(tree->place[count] > 0);
    for (size_t level = 0; level < tree->depth; level++) {
        tree->levels[level] =
            fani_large_malloc((tree->place[count] + 1) * sizeof **tree->levels);
        if (!tree->levels[level])
            return FAN_E_MEMORY;
    }
    return FAN_OK;
}

/* What a tree needs only on its way up or down. Two of them wait for each other's product. */
static void rest(fani_scaled_tree *tree)
{
    fani_shared_free(&tree->shared);
    fani_multiplier_trim(&tree->multiplier);
    fani_limbs_free(&tree->scratch);
    for (size_t k = 0; k <= tree->depth; k++)
        for (size_t side = 0; side < 2; side++)
            fani_limbs_free(&tree->walk[side][k]);
}

static void set_integer(mpz_ptr out, number value)
{
    mp_limb_t *at = mpz_limbs_write(out, (mp_size_t)value.size);
    memcpy(at, value.at, value.size * sizeof *at);
    mpz_limbs_finish(out, (mp_size_t)value.size);
}

fan_status fani_scaled_build(fani_scaled_tree *tree, const fani_multiplier *multiplier,
                             mpz_srcptr leaves, mpz_srcptr numerators, size_t count,
                             mpz_ptr product, mpz_ptr sum)
{
    *tree = (fani_scaled_tree){
        .leaves = leaves, .numerators = numerators, .count = count, .depth = depth_over(count)};
    number sum_at;
    fan_status status = plant(tree);
    if (status == FAN_OK)
        status = fani_multiplier_open(&tree->multiplier, multiplier);
    if (status == FAN_OK)
        status = climb(tree, root_of(tree), sum, &sum_at);
    if (status == FAN_OK) {
        set_integer(product, product_of(tree, root_of(tree)));
        if (sum)
            set_integer(sum, sum_at);
        rest(tree);
        return FAN_OK;
    }
    fani_scaled_free(tree);
    return status;
}

/* ---- Down ------------------------------------------------------------------------------------ */

fan_status fani_scaled_step(const fani_multiplier *multiplier, fani_limbs *scratch,
                            const mp_limb_t *fraction, size_t parent_size, const mp_limb_t *sibling,
                            size_t sibling_size, mp_limb_t *out, size_t size)
{
    const fani_multiplier *m = multiplier;
    bool cyclic = sibling_size >= m->cyclic_from;
    size_t used = parent_size + 1,
           whole = cyclic ? m->cyclic_size(sibling_size + size + 1) : used + sibling_size;
    if (whole == 0)
        return FAN_E_TOO_LARGE;
    mp_limb_t *at = fani_limbs_room(scratch, whole);
    if (!at)
        return FAN_E_MEMORY;
    fan_status status = cyclic ? m->cyclic(m, at, whole, fraction, used, sibling, sibling_size)
                               : m->product(m, at, fraction, used, sibling, sibling_size);
    if (status == FAN_OK)
        memcpy(out, at + (parent_size - size), (size + 1) * sizeof *out);
    return status;
}

static fan_status step_each(const fani_multiplier *multiplier, fani_limbs *scratch,
                            const mp_limb_t *fraction, size_t parent, const number products[2],
                            mp_limb_t *const out[2])
{
    fan_status status = FAN_OK;
    for (size_t side = 0; side < 2 && status == FAN_OK; side++)
        status = fani_scaled_step(multiplier, scratch, fraction, parent, products[!side].at,
                                  products[!side].size, out[side], products[side].size);
    return status;
}

fan_status fani_scaled_part(const fani_multiplier *multiplier, const mp_limb_t *fraction,
                            size_t parent_size, const fani_number products[2],
                            mp_limb_t *const out[2])
{
    fani_multiplier own;
    fani_shared shared = {0};
    fani_limbs scratch = {0};
    fan_status status = fani_multiplier_open(&own, multiplier);
    if (status != FAN_OK)
        return status;
    if (fani_shared_pays(&own, products[0].size, products[1].size))
        status = fani_shared_down(&shared, &own, fraction, parent_size, products, out);
    else
        status = step_each(&own, &scratch, fraction, parent_size, products, out);
    fani_limbs_free(&scratch);
    fani_shared_free(&shared);
    fani_multiplier_close(&own);
    return status;
}

typedef struct walk {
    fani_scaled_tree *tree;
    fani_scaled_emit emit;
    void *user;
} walk;

/* The fractions of v's children. */
static fan_status step_to_both(fani_scaled_tree *tree, node v, const mp_limb_t *fraction,
                               mp_limb_t *below[2])
{
    size_t parent = product_of(tree, v).size;
    number products[2];
    for (size_t side = 0; side < 2; side++) {
        products[side] = product_of(tree, child_of(v, side));
        below[side] = fani_limbs_room(&tree->walk[side][v.level + 1], products[side].size + 1);
        if (!below[side])
            return FAN_E_MEMORY;
    }
    if (fani_shared_pays(&tree->multiplier, products[0].size, products[1].size))
        return fani_shared_down(&tree->shared, &tree->multiplier, fraction, parent, products,
                                below);
    return step_each(&tree->multiplier, &tree->scratch, fraction, parent, products, below);
}

static fan_status descend(walk *w, node v, const mp_limb_t *fraction)
{
    if (is_leaf(v))
        return w->emit(w->user, v.first, fraction);
    mp_limb_t *below[2];
    fan_status status = step_to_both(w->tree, v, fraction, below);
    for (size_t side = 0; side < 2 && status == FAN_OK; side++)
        status = descend(w, child_of(v, side), below[side]);
    return status;
}

fan_status fani_scaled_descend(fani_scaled_tree *tree, mpz_srcptr fraction, fani_scaled_emit emit,
                               void *user)
{
    walk w = {.tree = tree, .emit = emit, .user = user};
    size_t size = product_of(tree, root_of(tree)).size + 1, used = mpz_size(fraction);
    if (used > size)
        return FAN_E_ARGUMENT;
    mp_limb_t *at = fani_limbs_room(&tree->walk[0][0], size);
    if (!at)
        return FAN_E_MEMORY;
    memcpy(at, mpz_limbs_read(fraction), used * sizeof *at);
    memset(at + used, 0, (size - used) * sizeof *at);
    fan_status status = descend(&w, root_of(tree), at);
    rest(tree);
    return status;
}

void fani_scaled_residue(mpz_ptr residue, mpz_srcptr leaf, const mp_limb_t *fraction,
                         mp_limb_t *scratch)
{
    size_t size = mpz_size(leaf);
    mpn_mul(scratch, fraction, (mp_size_t)size + 1, mpz_limbs_read(leaf), (mp_size_t)size);
    mp_limb_t half = scratch[size] >> (GMP_NUMB_BITS - 1);
    mp_limb_t *out = mpz_limbs_write(residue, (mp_size_t)size);
    mpn_add_1(out, scratch + size + 1, (mp_size_t)size, half);
    mpz_limbs_finish(residue, (mp_size_t)size);
}

void fani_scaled_free(fani_scaled_tree *tree)
{
    size_t levels = tree->depth + 1;
    for (size_t k = 0; k < levels; k++) {
        if (tree->levels)
            free(tree->levels[k]);
        for (size_t side = 0; side < 2; side++)
            if (tree->walk[side])
                fani_limbs_free(&tree->walk[side][k]);
    }
    free(tree->place);
    free(tree->levels);
    free(tree->sizes);
    free(tree->walk[0]);
    free(tree->walk[1]);
    fani_limbs_free(&tree->scratch);
    fani_shared_free(&tree->shared);
    fani_multiplier_close(&tree->multiplier);
    *tree = (fani_scaled_tree){0};
}
