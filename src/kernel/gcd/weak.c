#include "weak.h"

#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>

static int by_value_then_place(const void *a, const void *b, void *moduli)
{
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int order = mpz_cmp((mpz_srcptr)moduli + i, (mpz_srcptr)moduli + j);
    return order ? order : (i > j) - (i < j);
}

/* Points first[i] at the first key that has the modulus of key i; invalid keys stay marked. */
static fan_status find_first(mpz_srcptr moduli, size_t count, size_t *first)
{
    size_t *order = malloc((count + 1) * sizeof *order);
    if (!order)
        return FAN_E_MEMORY;
    size_t valid = 0;
    for (size_t i = 0; i < count; i++) {
        first[i] = FANI_WEAK_INVALID;
        if (mpz_cmp_ui(moduli + i, 1) > 0)
            order[valid++] = i;
    }
    qsort_r(order, valid, sizeof *order, by_value_then_place, (void *)(uintptr_t)moduli);
    for (size_t k = 0, leader = 0; k < valid; k++) {
        if (k == 0 || mpz_cmp(moduli + order[k], moduli + order[k - 1]) != 0)
            leader = order[k];
        first[order[k]] = leader;
    }
    free(order);
    return FAN_OK;
}

/* Turns "first key with this modulus" into slots, in the order of first appearance. */
static fan_status assign_slots(fani_weak_set *set, mpz_srcptr moduli)
{
    for (size_t i = 0; i < set->key_count; i++) {
        size_t first = set->slot[i];
        if (first == FANI_WEAK_INVALID)
            continue;
        if (first == i) {
            fan_status status = fani_mpzs_push(&set->distinct, moduli + i);
            if (status)
                return status;
            set->slot[i] = set->distinct.count - 1;
        } else {
            set->slot[i] = set->slot[first];
        }
        set->copies[set->slot[i]]++;
    }
    return FAN_OK;
}

fan_status fani_weak_set_build(fani_weak_set *set, mpz_srcptr moduli, size_t count,
                               fan_error *error)
{
    *set = (fani_weak_set){.key_count = count};
    fan_status status = FAN_E_MEMORY;
    set->slot = calloc(count + 1, sizeof *set->slot);
    set->copies = calloc(count + 1, sizeof *set->copies);
    if (set->slot && set->copies)
        status = find_first(moduli, count, set->slot);
    if (!status)
        status = assign_slots(set, moduli);
    if (!status)
        return FAN_OK;
    fani_weak_set_free(set);
    return fani_error_set(error, status, "no memory to sort out %zu moduli", count);
}

void fani_weak_set_free(fani_weak_set *set)
{
    fani_mpzs_free(&set->distinct);
    free(set->slot);
    free(set->copies);
    *set = (fani_weak_set){0};
}
