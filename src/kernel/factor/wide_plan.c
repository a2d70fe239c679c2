#include "wide.h"

#include "fanfold/gcd.h"

#include <assert.h>
#include <stdlib.h>

/* D: the longer stage 2 is, the more babies pay. D / 2 is at most b1: smaller primes have no pair.
 */
static uint32_t step_for(uint32_t b1, uint32_t b2)
{
    if (b2 >= 200000 && b1 >= 1155)
        return 2310;
    if (b2 >= 15000 && b1 >= 315)
        return 630;
    return b1 >= 105 ? 210 : b1 >= 30 ? 60 : 12;
}

/* composite[i] is of 2i + 1. Multiples of a prime of D are struck only where they are needed, below
 * `full`: pairs have none. */
static void strike(uint8_t *composite, uint32_t step, uint32_t full, uint32_t end)
{
    composite[0] = 1;
    for (uint32_t p = 3; (uint64_t)p * p < end; p += 2) {
        if (composite[p / 2])
            continue;
        uint32_t last = step % p == 0 ? full : end;
        for (uint32_t multiple = p * p; multiple < last; multiple += 2 * p)
            composite[multiple / 2] = 1;
    }
}

static void list_primes(fani_wide_plan *plan, const uint8_t *composite)
{
    for (uint32_t n = 3; n <= plan->b1; n += 2) {
        if (!composite[n / 2])
            plan->primes[plan->prime_count++] = (uint16_t)n;
    }
}

static bool is_wanted(const fani_wide_plan *plan, const uint8_t *composite, uint32_t n)
{
    return n > plan->b1 && n <= plan->b2 && !composite[n / 2];
}

static void list_pairs(fani_wide_plan *plan, const uint8_t *composite)
{
    for (uint32_t k = 1; k <= plan->last_giant; k++) {
        uint32_t centre = k * plan->step;
        if (centre + plan->step / 2 <= plan->b1)
            continue;
        for (uint32_t i = 0; i < plan->baby_count; i++) {
            uint32_t j = plan->babies[i];
            if (is_wanted(plan, composite, centre - j) || is_wanted(plan, composite, centre + j))
                plan->pairs[plan->pair_count++] = (fani_wide_pair){(uint16_t)(k - 1), (uint16_t)i};
        }
    }
    /* Pairs are taken four at a time; the last one may be taken again. */
    for (; plan->pair_count % 4 != 0; plan->pair_count++)
        plan->pairs[plan->pair_count] = plan->pairs[plan->pair_count - 1];
}

bool fani_wide_plan_make(uint32_t b1, uint32_t b2, fani_wide_plan *plan)
{
    *plan = (fani_wide_plan){.b1 = b1, .b2 = b2};
    plan->step = step_for(b1, b2);
    plan->last_giant = (b2 + plan->step / 2) / plan->step;
    if (plan->last_giant < 2)
        plan->last_giant = 2;
    assert(b2 <= FANI_WIDE_B2_MAX && plan->last_giant <= UINT16_MAX);
    uint32_t end = plan->last_giant * plan->step + plan->step;
    uint32_t most_babies = plan->step / 4 + 1;
    uint8_t *composite = calloc(end / 2 + 1, 1);
    plan->primes = calloc(b1 / 2 + 1, sizeof *plan->primes);
    plan->babies = calloc(most_babies, sizeof *plan->babies);
    plan->pairs = calloc((size_t)plan->last_giant * most_babies + 4, sizeof *plan->pairs);
    bool made = composite && plan->primes && plan->babies && plan->pairs;
    if (made) {
        uint32_t full = (b1 > plan->step ? b1 : plan->step) + 1;
        strike(composite, plan->step, full < end ? full : end, end);
        list_primes(plan, composite);
        for (uint32_t j = 1; j < plan->step / 2; j += 2) {
            if (fan_gcd_u64(j, plan->step) == 1)
                plan->babies[plan->baby_count++] = (uint16_t)j;
        }
        list_pairs(plan, composite);
    } else {
        fani_wide_plan_clear(plan);
    }
    free(composite);
    return made;
}

void fani_wide_plan_clear(fani_wide_plan *plan)
{
    free(plan->primes);
    free(plan->babies);
    free(plan->pairs);
    *plan = (fani_wide_plan){0};
}

size_t fani_wide_room(const fani_wide_engine *engine, const fani_wide_plan *plan)
{
    return 2 * engine->residue_bytes * (plan->baby_count + plan->last_giant);
}
