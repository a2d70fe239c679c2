#include "shared.h"

#include "base/large.h"
#include "kernel/ntt/kept.h"

#include <stdlib.h>
#include <string.h>

enum { LEFT, RIGHT, SIDES, TRANSFORMS = 4 };

void fani_shared_free(fani_shared *shared)
{
    free(shared->words);
    free(shared->whole);
    *shared = (fani_shared){0};
}

bool fani_shared_pays(const fani_multiplier *multiplier, size_t left, size_t right)
{
    return (left < right ? left : right) >= multiplier->shared_from;
}

static fan_status grow(fani_shared *shared, const fani_ntt *plan)
{
    size_t limbs = fani_ntt_limbs(plan), words = TRANSFORMS * fani_ntt_words(plan);
    if (shared->words_room < words) {
        free(shared->words);
        shared->words = NULL;
        shared->words_room = 0;
        if (fani_ntt_allocate(plan, TRANSFORMS, &shared->words) != FAN_OK)
            return FAN_E_MEMORY;
        shared->words_room = words;
    }
    if (shared->whole_room < limbs) {
        free(shared->whole);
        shared->whole = fani_large_malloc(limbs * sizeof *shared->whole);
        shared->whole_room = shared->whole ? limbs : 0;
    }
    return shared->whole ? FAN_OK : FAN_E_MEMORY;
}

/* The plan for a node, and where its transforms are. All that is found below it has at most a limb
 * more than the product of the two: nothing of it is folded. */
static fan_status prepare(fani_shared *shared, const fani_multiplier *multiplier,
                          const fani_number products[2], const fani_ntt **plan,
                          uint64_t *transforms[TRANSFORMS])
{
    size_t limbs = products[LEFT].size + products[RIGHT].size + 1;
    fan_status status = fani_ntt_kept_plan(multiplier->kept, limbs, plan);
    if (status == FAN_OK)
        status = grow(shared, *plan);
    for (size_t i = 0; i < TRANSFORMS && status == FAN_OK; i++)
        transforms[i] = shared->words + i * fani_ntt_words(*plan);
    return status;
}

fan_status fani_shared_up(fani_shared *shared, const fani_multiplier *multiplier,
                          const fani_number products[2], const fani_number sums[2],
                          mp_limb_t *product, mp_limb_t *sum)
{
    const fani_ntt *plan;
    uint64_t *t[TRANSFORMS];
    size_t size = products[LEFT].size + products[RIGHT].size;
    fan_status status = prepare(shared, multiplier, products, &plan, t);
    if (status != FAN_OK)
        return status;
    for (size_t side = 0; side < SIDES; side++) {
        fani_ntt_transform(plan, t[side], products[side].at, products[side].size);
        if (sum)
            fani_ntt_transform(plan, t[SIDES + side], sums[side].at, sums[side].size);
    }
    for (unsigned prime = 0; prime < fani_ntt_primes(plan) && sum; prime++) {
        fani_ntt_multiply(plan, t[SIDES], t[SIDES], t[RIGHT], prime);
        fani_ntt_multiply_add(plan, t[SIDES], t[SIDES + 1], t[LEFT], prime);
    }
    if (sum) {
        fani_ntt_finish(plan, t[SIDES], shared->whole);
        memcpy(sum, shared->whole, (size + 1) * sizeof *sum);
    }
    for (unsigned prime = 0; prime < fani_ntt_primes(plan); prime++)
        fani_ntt_multiply(plan, t[LEFT], t[LEFT], t[RIGHT], prime);
    fani_ntt_finish(plan, t[LEFT], shared->whole);
    memcpy(product, shared->whole, size * sizeof *product);
    return FAN_OK;
}

fan_status fani_shared_down(fani_shared *shared, const fani_multiplier *multiplier,
                            const mp_limb_t *fraction, size_t parent, const fani_number products[2],
                            mp_limb_t *const out[2])
{
    const fani_ntt *plan;
    uint64_t *t[TRANSFORMS];
    fan_status status = prepare(shared, multiplier, products, &plan, t);
    if (status != FAN_OK)
        return status;
    fani_ntt_transform(plan, t[0], fraction, parent + 1);
    for (size_t side = 0; side < SIDES; side++) {
        fani_number own = products[side], sibling = products[!side];
        fani_ntt_carry carry;
        fani_ntt_split(plan, t[1], sibling.at, sibling.size, 0, 1);
        for (unsigned prime = 0; prime < fani_ntt_primes(plan); prime++)
            fani_ntt_convolve(plan, t[1], sibling.size, t[0], prime);
        fani_ntt_join(plan, t[1], 0, 1, shared->whole, &carry);
        fani_ntt_settle(plan, &carry, 1, shared->whole);
        memcpy(out[side], shared->whole + (parent - own.size), (own.size + 1) * sizeof *out[side]);
    }
    return FAN_OK;
}
