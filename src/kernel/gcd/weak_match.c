#include "weak_match.h"

#include <stdbool.h>
#include <stdlib.h>

/* Below so many pairs trying each one is cheaper than a tree. */
#define SMALL_PAIRS 32

/* Positions in one of the two lists. */
typedef struct side {
    const fani_mpzs *list;
    size_t *at;
    size_t count;
} side;

fan_status fani_weak_pairs_push(fani_weak_pairs *list, size_t left, size_t right)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity + list->capacity / 2 + 16;
        fani_weak_pair *pairs = realloc(list->pairs, capacity * sizeof *pairs);
        if (!pairs)
            return FAN_E_MEMORY;
        list->pairs = pairs;
        list->capacity = capacity;
    }
    list->pairs[list->count++] = (fani_weak_pair){left, right};
    return FAN_OK;
}

void fani_weak_pairs_free(fani_weak_pairs *list)
{
    free(list->pairs);
    *list = (fani_weak_pairs){0};
}

static mpz_srcptr value(const side *s, size_t i)
{
    return s->list->values + s->at[i];
}

static fan_status try_each(const side *a, const side *b, bool swapped, const fani_weak_halt *halt,
                           fani_weak_pairs *found)
{
    fan_status status = FAN_OK;
    mpz_t g;
    mpz_init(g);
    for (size_t i = 0; i < a->count && !status; i++) {
        for (size_t j = 0; j < b->count && !status; j++) {
            mpz_gcd(g, value(a, i), value(b, j));
            if (mpz_cmp_ui(g, 1) > 0)
                status = swapped ? fani_weak_pairs_push(found, b->at[j], a->at[i])
                                 : fani_weak_pairs_push(found, a->at[i], b->at[j]);
        }
        if (!status && fani_weak_is_halted(halt))
            status = FAN_E_CANCELLED;
    }
    mpz_clear(g);
    return status;
}

static fan_status build(fani_tree *tree, const side *s)
{
    mpz_srcptr *picked = malloc(s->count * sizeof *picked);
    if (!picked)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < s->count; i++)
        picked[i] = value(s, i);
    fan_status status = fani_tree_build_picked(tree, picked, s->count);
    free(picked);
    return status;
}

/* Fills `kept` (room for all of b) with what of b meets the product of a. */
static fan_status keep_meeting(const side *a, const side *b, const fani_tree *tree_b, side *kept)
{
    fani_tree tree_a;
    fani_mpzs remainders = {0};
    fan_status status = build(&tree_a, a);
    if (status)
        return status;
    status = fani_tree_remainders(tree_b, fani_tree_root(&tree_a), &remainders);
    fani_tree_free(&tree_a);
    if (status)
        return status;
    kept->count = 0;
    for (size_t j = 0; j < b->count; j++) {
        mpz_ptr r = remainders.values + j;
        mpz_gcd(r, r, value(b, j));
        if (mpz_cmp_ui(r, 1) > 0)
            kept->at[kept->count++] = b->at[j];
    }
    fani_mpzs_free(&remainders);
    return FAN_OK;
}

/* swapped: a is the caller's right list. */
static fan_status match(const side *a, const side *b, bool swapped, const fani_weak_halt *halt,
                        fani_weak_pairs *found)
{
    if (fani_weak_is_halted(halt))
        return FAN_E_CANCELLED;
    if (a->count == 0 || b->count == 0)
        return FAN_OK;
    if (a->count < b->count)
        return match(b, a, !swapped, halt, found);
    if (b->count == 1 || a->count * b->count <= SMALL_PAIRS)
        return try_each(a, b, swapped, halt, found);
    side halves[2] = {{a->list, a->at, a->count / 2},
                      {a->list, a->at + a->count / 2, a->count - a->count / 2}};
    side kept[2] = {{b->list, NULL, 0}, {b->list, NULL, 0}};
    fani_tree tree_b;
    fan_status status = build(&tree_b, b);
    if (status)
        return status;
    for (int h = 0; h < 2 && !status; h++) {
        kept[h].at = malloc(b->count * sizeof *kept[h].at);
        status = kept[h].at ? keep_meeting(&halves[h], b, &tree_b, &kept[h]) : FAN_E_MEMORY;
    }
    /* The tree goes before the descent, so that only one level's trees are held at a time. */
    fani_tree_free(&tree_b);
    for (int h = 0; h < 2 && !status; h++)
        status = match(&halves[h], &kept[h], swapped, halt, found);
    free(kept[0].at);
    free(kept[1].at);
    return status;
}

fan_status fani_weak_match(const fani_mpzs *a, const fani_mpzs *b, const fani_weak_halt *halt,
                           fani_weak_pairs *found)
{
    side sides[2] = {{a, NULL, a->count}, {b, NULL, b->count}};
    fan_status status = FAN_OK;
    for (int s = 0; s < 2; s++) {
        sides[s].at = malloc((sides[s].count + 1) * sizeof *sides[s].at);
        if (!sides[s].at)
            status = FAN_E_MEMORY;
        else
            for (size_t i = 0; i < sides[s].count; i++)
                sides[s].at[i] = i;
    }
    if (!status)
        status = match(&sides[0], &sides[1], false, halt, found);
    free(sides[0].at);
    free(sides[1].at);
    return status;
}
