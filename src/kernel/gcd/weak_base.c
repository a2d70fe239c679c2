#include "weak_base.h"

#include "weak_match.h"

#include <stdbool.h>
#include <stdlib.h>

/* Replaces position i of a list by its last integer, and drops that one. */
static void remove_at(fani_mpzs *list, size_t i)
{
    size_t last = --list->count;
    mpz_swap(list->values + i, list->values + last);
    mpz_clear(list->values + last);
}

/* Takes the last integer of `pending` into the pairwise coprime `base`, or, where it meets an
 * element, puts the parts of both back into `pending`. The product of all integers here falls with
 * each such step, which ends the caller's loop. */
static fan_status settle_one(fani_mpzs *pending, fani_mpzs *base, mpz_ptr x, mpz_ptr g)
{
    mpz_set(x, pending->values + pending->count - 1);
    remove_at(pending, pending->count - 1);
    if (!mpz_cmp_ui(x, 1))
        return FAN_OK;
    for (size_t i = 0; i < base->count; i++) {
        mpz_ptr b = base->values + i;
        mpz_gcd(g, x, b);
        if (!mpz_cmp_ui(g, 1))
            continue;
        if (!mpz_cmp(x, b))
            return FAN_OK;
        mpz_divexact(x, x, g);
        mpz_divexact(b, b, g);
        fan_status status = fani_mpzs_push(pending, x);
        if (!status)
            status = fani_mpzs_push(pending, b);
        if (!status)
            status = fani_mpzs_push(pending, g);
        remove_at(base, i);
        return status;
    }
    return fani_mpzs_push(base, x);
}

/* Refines a few integers into a coprime base, which is appended to `base`; empties `pending`. */
static fan_status refine(fani_mpzs *pending, fani_mpzs *base)
{
    fani_mpzs local = {0};
    fan_status status = FAN_OK;
    mpz_t x, g;
    mpz_inits(x, g, NULL);
    while (pending->count > 0 && !status)
        status = settle_one(pending, &local, x, g);
    mpz_clears(x, g, NULL);
    if (!status)
        status = fani_mpzs_move(base, &local);
    fani_mpzs_free(&local);
    return status;
}

static size_t find_root(size_t *parent, size_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Groups a's positions, and b's counted on after them, by the pairs that meet: group[i] is the
 * smallest member of i's group. */
static void group_by_pairs(const fani_weak_pairs *meeting, size_t a_count, size_t *group,
                           size_t total)
{
    for (size_t i = 0; i < total; i++)
        group[i] = i;
    for (size_t k = 0; k < meeting->count; k++) {
        size_t i = find_root(group, meeting->pairs[k].left);
        size_t j = find_root(group, a_count + meeting->pairs[k].right);
        group[i > j ? i : j] = i < j ? i : j;
    }
    for (size_t i = 0; i < total; i++)
        group[i] = find_root(group, i);
}

typedef struct grouped {
    size_t group;
    size_t place;
} grouped;

static int by_group(const void *a, const void *b)
{
    const grouped *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Refines each group of `all` by itself: different groups are coprime. */
static fan_status refine_groups(const fani_mpzs *all, const grouped *order, fani_mpzs *base)
{
    fani_mpzs pending = {0};
    fan_status status = FAN_OK;
    for (size_t k = 0; k < all->count && !status; k++) {
        status = fani_mpzs_push(&pending, all->values + order[k].place);
        bool last = k + 1 == all->count || order[k + 1].group != order[k].group;
        if (!status && last)
            status = refine(&pending, base);
    }
    fani_mpzs_free(&pending);
    return status;
}

/* Merges two coprime bases into `base` (empty before); both are used up. */
static fan_status merge(fani_mpzs *a, fani_mpzs *b, fani_mpzs *base)
{
    size_t a_count = a->count, total = a->count + b->count;
    fani_weak_pairs meeting = {0};
    size_t *group = malloc((total + 1) * sizeof *group);
    grouped *order = malloc((total + 1) * sizeof *order);
    fan_status status = group && order ? FAN_OK : FAN_E_MEMORY;
    if (!status)
        status = fani_weak_match(a, b, &meeting);
    if (!status)
        status = fani_mpzs_move(a, b);
    if (!status) {
        group_by_pairs(&meeting, a_count, group, total);
        for (size_t i = 0; i < total; i++)
            order[i] = (grouped){group[i], i};
        qsort(order, total, sizeof *order, by_group);
        status = refine_groups(a, order, base);
    }
    fani_weak_pairs_free(&meeting);
    free(group);
    free(order);
    return status;
}

static fan_status base_of_one(mpz_srcptr input, mpz_srcptr hint, fani_mpzs *base)
{
    fani_mpzs pending = {0};
    fan_status status = fani_mpzs_push(&pending, hint);
    if (!status)
        status = fani_mpzs_resize(&pending, 2);
    if (!status) {
        mpz_divexact(pending.values + 1, input, hint);
        status = refine(&pending, base);
    }
    fani_mpzs_free(&pending);
    return status;
}

static fan_status base_of(const mpz_srcptr *inputs, const mpz_srcptr *hints, size_t count,
                          fani_mpzs *base)
{
    if (count == 0)
        return FAN_OK;
    if (count == 1)
        return base_of_one(inputs[0], hints[0], base);
    fani_mpzs left = {0}, right = {0};
    size_t half = count / 2;
    fan_status status = base_of(inputs, hints, half, &left);
    if (!status)
        status = base_of(inputs + half, hints + half, count - half, &right);
    if (!status)
        status = merge(&left, &right, base);
    fani_mpzs_free(&left);
    fani_mpzs_free(&right);
    return status;
}

static int by_value(const void *a, const void *b)
{
    return mpz_cmp(a, b);
}

fan_status fani_weak_base(const mpz_srcptr *inputs, const mpz_srcptr *hints, size_t count,
                          fani_mpzs *base)
{
    fani_mpzs found = {0};
    fan_status status = base_of(inputs, hints, count, &found);
    if (status) {
        fani_mpzs_free(&found);
        return status;
    }
    if (found.count > 1)
        qsort(found.values, found.count, sizeof *found.values, by_value);
    *base = found;
    return FAN_OK;
}
