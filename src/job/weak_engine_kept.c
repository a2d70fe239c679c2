#include "base/clock.h"
#include "job/state.h"
#include "job/weak_engine_internal.h"

size_t fani_weak_engine_nodes(const fani_weak_engine *e, size_t level)
{
    size_t all = e->distinct->count;
    size_t count = all / e->block_keys + (all % e->block_keys != 0);
    for (size_t k = 0; k < level; k++)
        count = count / 2 + count % 2;
    return count;
}

/* ---- Keeping --------------------------------------------------------------------------------- */

fan_status fani_weak_engine_can_go_on(fani_weak_engine *e, fan_error *error)
{
    e->run->keeps_parts = e->run->state != NULL;
    return fani_state_begun(e->run, error);
}

/* Products of the levels that the way down still needs, and where the scan is: the sums of level
 * `top` on the way up, its fractions on the way down. What was there before is of no use then. */
static fan_status keep(fani_weak_engine *e, fani_weak_list list, fani_weak_level *at,
                       fan_error *error)
{
    bool down = list == FANI_WEAK_FRACTIONS;
    size_t needed = e->top + !down;
    fan_status status = FAN_OK;
    while (status == FAN_OK && e->kept_below < needed) {
        status = fani_weak_store_save(e->store, FANI_WEAK_PRODUCTS, e->kept_below,
                                      &e->products[e->kept_below], error);
        e->kept_below += status == FAN_OK;
    }
    if (status == FAN_OK)
        status = fani_weak_store_save(e->store, list, e->top, at, error);
    if (status != FAN_OK)
        return status;
    for (size_t level = 0; level < FANI_WEAK_LEVELS_MAX; level++) {
        if (down || level < e->top)
            fani_weak_store_remove(e->store, FANI_WEAK_SUMS, level);
        if (down && level >= e->top)
            fani_weak_store_remove(e->store, FANI_WEAK_PRODUCTS, level);
        if (down && level > e->top)
            fani_weak_store_remove(e->store, FANI_WEAK_FRACTIONS, level);
    }
    return fani_weak_engine_can_go_on(e, error);
}

fan_status fani_weak_engine_keep(fani_weak_engine *e, fani_weak_list list, fan_error *error)
{
    int64_t now = fani_clock_ns();
    if (!e->store->base || e->store->passes || now - e->kept_ns < (int64_t)e->store->interval_ns)
        return FAN_OK;
    fani_weak_level *at = list == FANI_WEAK_SUMS ? &e->sums : &e->fractions;
    fan_status status = keep(e, list, at, error);
    e->kept_ns = fani_clock_ns();
    return status;
}

/* ---- Taking up ------------------------------------------------------------------------------- */

static bool load_list(const fani_weak_engine *e, fani_weak_list list, size_t level,
                      fani_weak_level *to)
{
    return fani_weak_store_load(e->store, list, level, fani_weak_engine_nodes(e, level),
                                e->in_files, to);
}

/* Nothing of it is shared yet. */
static void forget(const fani_weak_engine *e, fani_weak_level *level)
{
    (void)fani_weak_level_drop(level, e->run->executor);
}

/* Takes up the products of the levels below `end`. False: they are not all there. */
static bool load_products(fani_weak_engine *e, size_t end)
{
    bool all = true;
    for (size_t level = 0; level < end && all; level++)
        all = load_list(e, FANI_WEAK_PRODUCTS, level, &e->products[level]);
    for (size_t level = 0; level < end && !all; level++)
        forget(e, &e->products[level]);
    return all;
}

bool fani_weak_engine_load(fani_weak_engine *e, bool *down)
{
    for (size_t level = 0; level < FANI_WEAK_LEVELS_MAX; level++) {
        *down = load_list(e, FANI_WEAK_FRACTIONS, level, &e->fractions);
        e->top = level;
        if (*down && load_products(e, level))
            return true;
        forget(e, &e->fractions);
    }
    for (size_t level = FANI_WEAK_LEVELS_MAX; level-- > 0;) {
        *down = false;
        e->top = level;
        if (load_list(e, FANI_WEAK_SUMS, level, &e->sums) && load_products(e, level + 1))
            return true;
        forget(e, &e->sums);
    }
    e->top = 0;
    return false;
}
