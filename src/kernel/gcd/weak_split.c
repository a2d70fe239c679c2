#include "weak_split.h"

#include "base/error.h"
#include "weak_base.h"

#include <stdlib.h>

static size_t *new_sizes(size_t count)
{
    return calloc(count + 1, sizeof(size_t));
}

static fan_status check_gcds(const fani_weak_set *set, mpz_srcptr gcds, fan_error *error)
{
    for (size_t s = 0; s < set->distinct.count; s++)
        if (mpz_sgn(gcds + s) <= 0 || !mpz_divisible_p(set->distinct.values + s, gcds + s))
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "gcd number %zu does not divide its modulus", s);
    return FAN_OK;
}

static fan_status list_modulus(fani_weak_split *split, const fani_weak_set *set, size_t slot)
{
    split->listed_of[slot] = split->listed.count;
    return fani_mpzs_push(&split->listed, set->distinct.values + slot);
}

/* The sharing moduli first, then those that only have copies. */
static fan_status list_moduli(fani_weak_split *split, const fani_weak_set *set, mpz_srcptr gcds)
{
    fan_status status = FAN_OK;
    split->listed_of = new_sizes(set->distinct.count);
    if (!split->listed_of)
        return FAN_E_MEMORY;
    for (size_t s = 0; s < set->distinct.count && !status; s++) {
        split->listed_of[s] = FANI_WEAK_UNLISTED;
        if (mpz_cmp_ui(gcds + s, 1) > 0)
            status = list_modulus(split, set, s);
    }
    split->shared_count = split->listed.count;
    for (size_t s = 0; s < set->distinct.count && !status; s++)
        if (set->copies[s] > 1 && split->listed_of[s] == FANI_WEAK_UNLISTED)
            status = list_modulus(split, set, s);
    return status;
}

/* The sharing moduli, each cut into what has the primes of its gcd and the rest: nobody else has a
 * prime of that, so it is an element of the base as it is. */
typedef struct cut_moduli {
    fani_mpzs shared, rests;
} cut_moduli;

static fan_status cut(const fani_weak_split *split, const fani_weak_set *set, mpz_srcptr gcds,
                      cut_moduli *parts)
{
    mpz_t scratch;
    fan_status status = fani_mpzs_resize(&parts->shared, split->shared_count);
    if (status == FAN_OK)
        status = fani_mpzs_resize(&parts->rests, split->shared_count);
    if (status != FAN_OK)
        return status;
    mpz_init(scratch);
    for (size_t s = 0; s < set->distinct.count; s++) {
        size_t w = split->listed_of[s];
        if (w >= split->shared_count)
            continue;
        mpz_srcptr modulus = split->listed.values + w;
        mpz_ptr rest = parts->rests.values + w;
        fani_weak_part_away(modulus, gcds + s, rest, scratch);
        mpz_divexact(parts->shared.values + w, modulus, rest);
        if (fani_weak_is_halted(&set->halt)) {
            status = FAN_E_CANCELLED;
            break;
        }
    }
    mpz_clear(scratch);
    return status;
}

/* Appends elements of one modulus each, where they are not 1. */
static fan_status add_own(fani_weak_split *split, mpz_srcptr values, size_t first, size_t count)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++) {
        if (!mpz_cmp_ui(values + i, 1))
            continue;
        status = fani_mpzs_push(&split->base, values + i);
        if (status == FAN_OK)
            status = fani_weak_pairs_push(&split->pieces, first + i, split->base.count - 1);
    }
    return status;
}

/* Finds the pieces of all listed moduli; one that only has copies is its own single piece. */
static fan_status find_base(fani_weak_split *split, const fani_weak_halt *halt,
                            const cut_moduli *parts)
{
    size_t sharing = split->shared_count;
    fan_status status = fani_weak_base(parts->shared.values, sharing, halt, &split->base);
    if (status == FAN_OK)
        status = fani_weak_match(&parts->shared, &split->base, halt, &split->pieces);
    if (status == FAN_OK)
        status = add_own(split, parts->rests.values, 0, sharing);
    return status == FAN_OK ? add_own(split, split->listed.values + sharing, sharing,
                                      split->listed.count - sharing)
                            : status;
}

/* The pieces of a modulus ascend. */
static int by_left_then_value(const void *a, const void *b, void *base)
{
    const fani_weak_pair *x = a, *y = b;
    if (x->left != y->left)
        return x->left < y->left ? -1 : 1;
    return mpz_cmp((mpz_srcptr)base + x->right, (mpz_srcptr)base + y->right);
}

static fan_status find_pieces(fani_weak_split *split, const fani_weak_set *set, mpz_srcptr gcds)
{
    cut_moduli parts = {0};
    fan_status status = cut(split, set, gcds, &parts);
    if (status == FAN_OK)
        status = find_base(split, &set->halt, &parts);
    fani_mpzs_free(&parts.shared);
    fani_mpzs_free(&parts.rests);
    split->first_piece = new_sizes(split->listed.count + 1);
    if (status != FAN_OK)
        return status;
    if (!split->first_piece)
        return FAN_E_MEMORY;
    if (split->pieces.count > 1)
        qsort_r(split->pieces.pairs, split->pieces.count, sizeof *split->pieces.pairs,
                by_left_then_value, split->base.values);
    for (size_t k = 0; k < split->pieces.count; k++)
        split->first_piece[split->pieces.pairs[k].left + 1]++;
    for (size_t w = 0; w < split->listed.count; w++)
        split->first_piece[w + 1] += split->first_piece[w];
    return FAN_OK;
}

static fan_status find_exponents(fani_weak_split *split, const fani_weak_halt *halt)
{
    fan_status status = FAN_OK;
    split->exponents = new_sizes(split->pieces.count);
    if (!split->exponents)
        return FAN_E_MEMORY;
    mpz_t rest;
    mpz_init(rest);
    for (size_t k = 0; k < split->pieces.count && status == FAN_OK; k++) {
        const fani_weak_pair *piece = &split->pieces.pairs[k];
        split->exponents[k] =
            mpz_remove(rest, split->listed.values + piece->left, split->base.values + piece->right);
        if (fani_weak_is_halted(halt))
            status = FAN_E_CANCELLED;
    }
    mpz_clear(rest);
    return status;
}

/* For each piece of a key: counts it (next NULL), or enters the key among the members. */
static void enter_key(fani_weak_split *split, const fani_weak_set *set, size_t key, size_t *next)
{
    size_t slot = set->slot[key];
    size_t w = slot == FANI_WEAK_INVALID ? FANI_WEAK_UNLISTED : split->listed_of[slot];
    if (w == FANI_WEAK_UNLISTED)
        return;
    for (size_t k = split->first_piece[w]; k < split->first_piece[w + 1]; k++) {
        size_t element = split->pieces.pairs[k].right;
        if (next) {
            split->members[next[element]++] = key;
        } else {
            split->first_member[element + 1]++;
            split->total[element] += split->exponents[k];
        }
    }
}

/* Two passes over the keys: count the members of each element, then enter them in key order. */
static fan_status find_members(fani_weak_split *split, const fani_weak_set *set)
{
    size_t elements = split->base.count;
    size_t *next = new_sizes(elements);
    split->total = new_sizes(elements);
    split->first_member = new_sizes(elements + 1);
    if (!next || !split->total || !split->first_member) {
        free(next);
        return FAN_E_MEMORY;
    }
    for (size_t key = 0; key < set->key_count; key++)
        enter_key(split, set, key, NULL);
    for (size_t b = 0; b < elements; b++) {
        split->first_member[b + 1] += split->first_member[b];
        next[b] = split->first_member[b];
    }
    split->members = new_sizes(split->first_member[elements]);
    for (size_t key = 0; key < set->key_count && split->members; key++)
        enter_key(split, set, key, next);
    free(next);
    return split->members ? FAN_OK : FAN_E_MEMORY;
}

fan_status fani_weak_split_build(fani_weak_split *split, const fani_weak_set *set, mpz_srcptr gcds,
                                 fan_error *error)
{
    *split = (fani_weak_split){0};
    fan_status status = check_gcds(set, gcds, error);
    if (status)
        return status;
    status = list_moduli(split, set, gcds);
    if (!status)
        status = find_pieces(split, set, gcds);
    if (!status)
        status = find_exponents(split, &set->halt);
    if (!status)
        status = find_members(split, set);
    if (!status)
        return FAN_OK;
    fani_weak_split_free(split);
    return fani_error_set(error, status,
                          status == FAN_E_CANCELLED ? "stopped while weak moduli were split"
                                                    : "no memory to split the weak moduli");
}

void fani_weak_split_free(fani_weak_split *split)
{
    fani_mpzs_free(&split->listed);
    fani_mpzs_free(&split->base);
    fani_weak_pairs_free(&split->pieces);
    free(split->listed_of);
    free(split->first_piece);
    free(split->exponents);
    free(split->total);
    free(split->first_member);
    free(split->members);
    *split = (fani_weak_split){0};
}
