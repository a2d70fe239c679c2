#include "weak_base.h"

#include "weak_match.h"

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

void fani_weak_part_away(mpz_srcptr n, mpz_srcptr g, mpz_ptr rest, mpz_ptr scratch)
{
    mpz_divexact(rest, n, g);
    for (;;) {
        mpz_gcd(scratch, rest, g);
        if (!mpz_cmp_ui(scratch, 1))
            return;
        mpz_divexact(rest, rest, scratch);
    }
}

/* What a merge works with. */
typedef struct merging {
    fani_mpzs rests[2]; /* of the elements of two bases, what the other one has not */
    fani_mpzs pending;
    mpz_t common, part, rest;
} merging;

/* Takes what n has of g's primes out of a rest, and appends it to a list; g divides n, and what
 * goes out of the rest is in it. */
static fan_status take_part(merging *m, mpz_srcptr n, mpz_srcptr g, mpz_ptr rest)
{
    fani_weak_part_away(n, g, m->rest, m->part);
    mpz_divexact(m->part, n, m->rest);
    mpz_divexact(rest, rest, m->part);
    return fani_mpzs_push(&m->pending, m->part);
}

static fan_status merge_pair(merging *m, mpz_srcptr a, mpz_srcptr b, mpz_ptr a_rest, mpz_ptr b_rest,
                             fani_mpzs *base)
{
    mpz_gcd(m->common, a, b);
    fan_status status = take_part(m, a, m->common, a_rest);
    if (status == FAN_OK)
        status = take_part(m, b, m->common, b_rest);
    return status == FAN_OK ? refine(&m->pending, base) : status;
}

static fan_status copy(fani_mpzs *to, const fani_mpzs *from)
{
    fan_status status = fani_mpzs_resize(to, from->count);
    for (size_t i = 0; status == FAN_OK && i < from->count; i++)
        mpz_set(to->values + i, from->values + i);
    return status;
}

/* Appends what is not 1. */
static fan_status add_rests(fani_mpzs *base, const fani_mpzs *rests)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < rests->count; i++)
        if (mpz_cmp_ui(rests->values + i, 1) > 0)
            status = fani_mpzs_push(base, rests->values + i);
    return status;
}

/* Merges two coprime bases into `base` (empty before). A prime of both is in one element of each,
 * so that the parts of different pairs are coprime. */
static fan_status merge(const fani_mpzs *a, const fani_mpzs *b, const fani_weak_halt *halt,
                        fani_mpzs *base)
{
    fani_weak_pairs meeting = {0};
    merging m = {0};
    mpz_inits(m.common, m.part, m.rest, NULL);
    fan_status status = fani_weak_match(a, b, halt, &meeting);
    if (status == FAN_OK)
        status = copy(&m.rests[0], a);
    if (status == FAN_OK)
        status = copy(&m.rests[1], b);
    for (size_t k = 0; status == FAN_OK && k < meeting.count; k++) {
        size_t left = meeting.pairs[k].left, right = meeting.pairs[k].right;
        status = merge_pair(&m, a->values + left, b->values + right, m.rests[0].values + left,
                            m.rests[1].values + right, base);
        if (status == FAN_OK && fani_weak_is_halted(halt))
            status = FAN_E_CANCELLED;
    }
    for (size_t side = 0; side < 2; side++) {
        if (status == FAN_OK)
            status = add_rests(base, &m.rests[side]);
        fani_mpzs_free(&m.rests[side]);
    }
    mpz_clears(m.common, m.part, m.rest, NULL);
    fani_mpzs_free(&m.pending);
    fani_weak_pairs_free(&meeting);
    return status;
}

static fan_status base_of(mpz_srcptr inputs, size_t count, const fani_weak_halt *halt,
                          fani_mpzs *base)
{
    if (count == 0)
        return FAN_OK;
    if (count == 1)
        return fani_mpzs_push(base, inputs);
    fani_mpzs left = {0}, right = {0};
    size_t half = count / 2;
    fan_status status = base_of(inputs, half, halt, &left);
    if (status == FAN_OK)
        status = base_of(inputs + half, count - half, halt, &right);
    if (status == FAN_OK)
        status = merge(&left, &right, halt, base);
    fani_mpzs_free(&left);
    fani_mpzs_free(&right);
    return status;
}

static int by_value(const void *a, const void *b)
{
    return mpz_cmp(a, b);
}

fan_status fani_weak_base(mpz_srcptr inputs, size_t count, const fani_weak_halt *halt,
                          fani_mpzs *base)
{
    fani_mpzs found = {0};
    fan_status status = base_of(inputs, count, halt, &found);
    if (status) {
        fani_mpzs_free(&found);
        return status;
    }
    if (found.count > 1)
        qsort(found.values, found.count, sizeof *found.values, by_value);
    *base = found;
    return FAN_OK;
}
