#include "trees.h"

#include <stdint.h>
#include <stdlib.h>

void fani_mpzs_free(fani_mpzs *list)
{
    for (size_t i = 0; i < list->count; i++)
        mpz_clear(list->values + i);
    free(list->values);
    *list = (fani_mpzs){0};
}

static fan_status reserve(fani_mpzs *list, size_t count)
{
    if (count <= list->capacity)
        return FAN_OK;
    size_t capacity = list->capacity + list->capacity / 2 + 4;
    if (capacity < count)
        capacity = count;
    if (capacity > SIZE_MAX / sizeof *list->values)
        return FAN_E_MEMORY;
    mpz_ptr values = realloc(list->values, capacity * sizeof *values);
    if (!values)
        return FAN_E_MEMORY;
    list->values = values;
    list->capacity = capacity;
    return FAN_OK;
}

fan_status fani_mpzs_resize(fani_mpzs *list, size_t count)
{
    fan_status status = reserve(list, count);
    if (status)
        return status;
    while (list->count > count)
        mpz_clear(list->values + --list->count);
    while (list->count < count)
        mpz_init(list->values + list->count++);
    return FAN_OK;
}

fan_status fani_mpzs_push(fani_mpzs *list, mpz_srcptr value)
{
    fan_status status = reserve(list, list->count + 1);
    if (!status)
        mpz_init_set(list->values + list->count++, value);
    return status;
}

fan_status fani_mpzs_move(fani_mpzs *list, fani_mpzs *from)
{
    fan_status status = reserve(list, list->count + from->count);
    if (status)
        return status;
    for (size_t i = 0; i < from->count; i++)
        list->values[list->count++] = from->values[i];
    from->count = 0;
    fani_mpzs_free(from);
    return FAN_OK;
}

static size_t levels_over(size_t leaves)
{
    size_t levels = 1;
    for (size_t width = leaves; width > 1; width = (width + 1) / 2)
        levels++;
    return levels;
}

/* Takes the leaves over and multiplies upwards. */
static fan_status grow(fani_tree *tree, fani_mpzs *leaves)
{
    size_t level_count = levels_over(leaves->count);
    tree->levels = calloc(level_count, sizeof *tree->levels);
    if (!tree->levels)
        return FAN_E_MEMORY;
    tree->level_count = level_count;
    tree->levels[0] = *leaves;
    *leaves = (fani_mpzs){0};
    for (size_t k = 1; k < level_count; k++) {
        const fani_mpzs *below = &tree->levels[k - 1];
        fani_mpzs *level = &tree->levels[k];
        fan_status status = fani_mpzs_resize(level, (below->count + 1) / 2);
        if (status)
            return status;
        for (size_t i = 0; i < level->count; i++) {
            if (2 * i + 1 < below->count)
                mpz_mul(level->values + i, below->values + 2 * i, below->values + 2 * i + 1);
            else
                mpz_set(level->values + i, below->values + 2 * i);
        }
    }
    return FAN_OK;
}

static fan_status plant(fani_tree *tree, fani_mpzs *leaves)
{
    *tree = (fani_tree){0};
    fan_status status = FAN_OK;
    if (leaves->count == 0) {
        status = fani_mpzs_resize(leaves, 1);
        if (!status)
            mpz_set_ui(leaves->values, 1);
    }
    if (!status)
        status = grow(tree, leaves);
    if (status)
        fani_tree_free(tree);
    fani_mpzs_free(leaves);
    return status;
}

fan_status fani_tree_build(fani_tree *tree, mpz_srcptr values, size_t count)
{
    fani_mpzs leaves = {0};
    *tree = (fani_tree){0};
    fan_status status = fani_mpzs_resize(&leaves, count);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        mpz_set(leaves.values + i, values + i);
    return plant(tree, &leaves);
}

fan_status fani_tree_build_picked(fani_tree *tree, const mpz_srcptr *values, size_t count)
{
    fani_mpzs leaves = {0};
    *tree = (fani_tree){0};
    fan_status status = fani_mpzs_resize(&leaves, count);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        mpz_set(leaves.values + i, values[i]);
    return plant(tree, &leaves);
}

mpz_srcptr fani_tree_root(const fani_tree *tree)
{
    return tree->levels[tree->level_count - 1].values;
}

fan_status fani_tree_remainders(const fani_tree *tree, mpz_srcptr x, fani_mpzs *remainders)
{
    fani_mpzs above = {0};
    fan_status status = fani_mpzs_resize(&above, 1);
    if (status)
        goto done;
    mpz_mod(above.values, x, fani_tree_root(tree));
    for (size_t k = tree->level_count - 1; k-- > 0;) {
        const fani_mpzs *level = &tree->levels[k];
        fani_mpzs here = {0};
        status = fani_mpzs_resize(&here, level->count);
        if (status)
            goto done;
        for (size_t i = 0; i < level->count; i++)
            mpz_mod(here.values + i, above.values + i / 2, level->values + i);
        fani_mpzs_free(&above);
        above = here;
    }
    *remainders = above;
    above = (fani_mpzs){0};
done:
    fani_mpzs_free(&above);
    return status;
}

void fani_tree_free(fani_tree *tree)
{
    for (size_t k = 0; k < tree->level_count; k++)
        fani_mpzs_free(&tree->levels[k]);
    free(tree->levels);
    *tree = (fani_tree){0};
}
