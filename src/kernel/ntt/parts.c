#include "internal.h"

#include <assert.h>
#include <string.h>

/* The groups of a slice. */
static void range(const fani_ntt *plan, size_t slice, size_t slices, size_t *first, size_t *last)
{
    size_t groups = plan->sizes.size / FANI_NTT_GROUP;
    assert(slice < slices);
    *first = (size_t)((unsigned __int128)groups * slice / slices);
    *last = (size_t)((unsigned __int128)groups * (slice + 1) / slices);
}

static const fani_ntt_prime *prime_of(const fani_ntt *plan, unsigned prime)
{
    assert(prime < plan->sizes.primes);
    return plan->prime + prime;
}

/* Whether a factor of so many limbs leaves the end of its polynomial unused: the second half or,
 * with the odd factor, the last third. */
static bool is_short(const fani_ntt *plan, size_t an)
{
    const fani_ntt_sizes *s = &plan->sizes;
    assert(an <= s->limbs);
    return s->factor == 3 ? an <= s->limbs / 3 * 2 : s->rows_log > 6 && an <= s->limbs / 2;
}

static size_t used_groups(const fani_ntt *plan, size_t an)
{
    size_t groups = plan->sizes.size / FANI_NTT_GROUP;
    if (!is_short(plan, an))
        return groups;
    return plan->sizes.factor == 3 ? groups / 3 * 2 : groups / 2;
}

void fani_ntt_split(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                    size_t slice, size_t slices)
{
    size_t first, last, used = used_groups(plan, an);
    range(plan, slice, slices, &first, &last);
    plan->engine->split(plan, transform, a, an, first, last < used ? last : used);
}

void fani_ntt_forward(const fani_ntt *plan, uint64_t *transform, size_t an, unsigned prime)
{
    uint64_t *data = transform + prime * plan->stride;
    plan->engine->down(plan, prime_of(plan, prime), data, is_short(plan, an));
}

void fani_ntt_multiply(const fani_ntt *plan, uint64_t *product, const uint64_t *a,
                       const uint64_t *b, unsigned prime)
{
    size_t at = prime * plan->stride;
    plan->engine->multiply(plan, prime_of(plan, prime), product + at, a + at, b + at, false);
}

void fani_ntt_multiply_add(const fani_ntt *plan, uint64_t *product, const uint64_t *a,
                           const uint64_t *b, unsigned prime)
{
    size_t at = prime * plan->stride;
    plan->engine->multiply(plan, prime_of(plan, prime), product + at, a + at, b + at, true);
}

void fani_ntt_inverse(const fani_ntt *plan, uint64_t *product, unsigned prime)
{
    plan->engine->up(plan, prime_of(plan, prime), product + prime * plan->stride);
}

void fani_ntt_convolve(const fani_ntt *plan, uint64_t *a, size_t an, const uint64_t *b,
                       unsigned prime)
{
    size_t at = prime * plan->stride;
    plan->engine->convolve(plan, prime_of(plan, prime), a + at, is_short(plan, an),
                           (uint64_t *)b + at, false, false);
}

void fani_ntt_convolve_both(const fani_ntt *plan, uint64_t *a, size_t an, uint64_t *b, size_t bn,
                            unsigned prime)
{
    size_t at = prime * plan->stride;
    plan->engine->convolve(plan, prime_of(plan, prime), a + at, is_short(plan, an), b + at, a != b,
                           is_short(plan, bn));
}

void fani_ntt_join(const fani_ntt *plan, const uint64_t *product, size_t slice, size_t slices,
                   mp_limb_t *out, fani_ntt_carry *carry)
{
    size_t first, last;
    range(plan, slice, slices, &first, &last);
    memset(carry, 0, sizeof *carry);
    plan->engine->join(plan, product, first, last, out, carry);
}

/* Adds a carry from limb `at` on; what leaves the end comes back at the beginning. */
static void add_carry(mp_limb_t *out, size_t n, size_t at, const fani_ntt_carry *carry)
{
    size_t room = n - at < FANI_NTT_CARRY_LIMBS ? n - at : FANI_NTT_CARRY_LIMBS;
    mp_limb_t over = mpn_add_n(out + at, out + at, carry->limb, (mp_size_t)room);
    if (at + room < n)
        over = mpn_add_1(out + at + room, out + at + room, (mp_size_t)(n - at - room), over);
    if (room < FANI_NTT_CARRY_LIMBS) { /* short slices at the end */
        mp_limb_t *rest = out;
        size_t left = FANI_NTT_CARRY_LIMBS - room;
        mp_limb_t next = mpn_add_n(rest, rest, carry->limb + room, (mp_size_t)left);
        over += mpn_add_1(rest + left, rest + left, (mp_size_t)(n - left), next);
    }
    while (over)
        over = mpn_add_1(out, out, (mp_size_t)n, over);
}

void fani_ntt_settle(const fani_ntt *plan, const fani_ntt_carry *carries, size_t slices,
                     mp_limb_t *out)
{
    size_t n = plan->sizes.limbs, per_group = (size_t)FANI_NTT_GROUP / 64 * plan->sizes.bits;
    for (size_t slice = 0; slice < slices; slice++) {
        size_t first, last;
        range(plan, slice, slices, &first, &last);
        if (first < last)
            add_carry(out, n, last * per_group % n, carries + slice);
    }
}
