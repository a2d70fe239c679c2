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

void fani_ntt_split(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                    size_t slice, size_t slices)
{
    size_t first, last;
    assert(an <= plan->sizes.limbs);
    range(plan, slice, slices, &first, &last);
    plan->engine->split(plan, transform, a, an, first, last);
}

void fani_ntt_forward(const fani_ntt *plan, uint64_t *transform, unsigned prime)
{
    plan->engine->down(plan, prime_of(plan, prime), transform + prime * plan->stride);
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

void fani_ntt_convolve(const fani_ntt *plan, uint64_t *a, const uint64_t *b, unsigned prime)
{
    size_t at = prime * plan->stride;
    plan->engine->convolve(plan, prime_of(plan, prime), a + at, (uint64_t *)b + at, false);
}

void fani_ntt_convolve_both(const fani_ntt *plan, uint64_t *a, uint64_t *b, unsigned prime)
{
    size_t at = prime * plan->stride;
    plan->engine->convolve(plan, prime_of(plan, prime), a + at, b + at, a != b);
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
