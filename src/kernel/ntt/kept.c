#include "kept.h"

#include <assert.h>
#include <stdlib.h>

#include "base/large.h"

enum { PLANS = 32 };

struct fani_ntt_kept {
    fani_isa isa;
    fani_ntt *plans[PLANS]; /* the last used one first; NULL behind them */
    uint64_t *scratch;
    size_t scratch_words;
    mp_limb_t *whole; /* a product, where it is cut to what was asked for */
    size_t whole_limbs;
};

fan_status fani_ntt_kept_make(fani_isa isa, fani_ntt_kept **kept)
{
    fani_ntt_kept *made = calloc(1, sizeof *made);
    if (!made)
        return FAN_E_MEMORY;
    made->isa = isa;
    *kept = made;
    return FAN_OK;
}

void fani_ntt_kept_trim(fani_ntt_kept *kept)
{
    for (unsigned i = 0; i < PLANS; i++) {
        fani_ntt_free(kept->plans[i]);
        kept->plans[i] = NULL;
    }
    free(kept->scratch);
    free(kept->whole);
    kept->scratch = NULL;
    kept->whole = NULL;
    kept->scratch_words = kept->whole_limbs = 0;
}

void fani_ntt_kept_free(fani_ntt_kept *kept)
{
    if (kept)
        fani_ntt_kept_trim(kept);
    free(kept);
}

/* Moves plans[i] to the front. */
static const fani_ntt *to_front(fani_ntt_kept *kept, unsigned i)
{
    fani_ntt *plan = kept->plans[i];
    for (; i > 0; i--)
        kept->plans[i] = kept->plans[i - 1];
    return kept->plans[0] = plan;
}

/* The plan of this length, made where it is not there in place of the one not used for longest. */
static fan_status plan_of(fani_ntt_kept *kept, size_t length, const fani_ntt **plan)
{
    unsigned i = 0;
    while (i < PLANS && kept->plans[i] && fani_ntt_limbs(kept->plans[i]) != length)
        i++;
    if (i == PLANS || !kept->plans[i]) {
        fani_ntt *made;
        fan_status status = fani_ntt_make(length, kept->isa, &made);
        if (status != FAN_OK)
            return status;
        i = i < PLANS ? i : PLANS - 1;
        fani_ntt_free(kept->plans[i]);
        kept->plans[i] = made;
    }
    *plan = to_front(kept, i);
    return FAN_OK;
}

fan_status fani_ntt_kept_plan(fani_ntt_kept *kept, size_t limbs, const fani_ntt **plan)
{
    size_t length = fani_ntt_length(limbs);
    if (length == 0)
        return limbs ? FAN_E_TOO_LARGE : FAN_E_ARGUMENT;
    return plan_of(kept, length, plan);
}

/* Makes room for two transforms. */
static fan_status grow_scratch(fani_ntt_kept *kept, const fani_ntt *plan)
{
    size_t words = 2 * fani_ntt_words(plan);
    if (words <= kept->scratch_words)
        return FAN_OK;
    free(kept->scratch);
    kept->scratch = NULL;
    kept->scratch_words = 0;
    fan_status status = fani_ntt_allocate(plan, 2, &kept->scratch);
    if (status == FAN_OK)
        kept->scratch_words = words;
    return status;
}

static fan_status grow_whole(fani_ntt_kept *kept, size_t limbs)
{
    if (limbs <= kept->whole_limbs)
        return FAN_OK;
    free(kept->whole);
    kept->whole = fani_large_malloc(limbs * sizeof *kept->whole);
    kept->whole_limbs = kept->whole ? limbs : 0;
    return kept->whole ? FAN_OK : FAN_E_MEMORY;
}

fan_status fani_ntt_kept_cyclic(fani_ntt_kept *kept, mp_limb_t *out, size_t n, const mp_limb_t *a,
                                size_t an, const mp_limb_t *b, size_t bn)
{
    const fani_ntt *plan;
    assert(fani_ntt_length(n) == n && an <= n && bn <= n);
    fan_status status = plan_of(kept, n, &plan);
    if (status == FAN_OK)
        status = grow_scratch(kept, plan);
    if (status == FAN_OK)
        fani_ntt_mul_cyclic(plan, out, a, an, b, bn, kept->scratch);
    return status;
}

fan_status fani_ntt_kept_mul(fani_ntt_kept *kept, mp_limb_t *out, const mp_limb_t *a, size_t an,
                             const mp_limb_t *b, size_t bn)
{
    if (!fani_ntt_pays(an, bn, kept->isa)) {
        if (an >= bn)
            mpn_mul(out, a, (mp_size_t)an, b, (mp_size_t)bn);
        else
            mpn_mul(out, b, (mp_size_t)bn, a, (mp_size_t)an);
        return FAN_OK;
    }
    size_t n = fani_ntt_length(an + bn);
    if (n == 0)
        return FAN_E_TOO_LARGE;
    if (n == an + bn)
        return fani_ntt_kept_cyclic(kept, out, n, a, an, b, bn);
    fan_status status = grow_whole(kept, n);
    if (status == FAN_OK)
        status = fani_ntt_kept_cyclic(kept, kept->whole, n, a, an, b, bn);
    if (status == FAN_OK)
        mpn_copyi(out, kept->whole, (mp_size_t)(an + bn));
    return status;
}
