#include "ring.h"

#include "weak.h"

/* The divisor has room for a sum (a limb more than a product) beside a residue below 3 D, and for
 * the first two products shifted together. */
enum { SPARE_LIMBS = 3 };

fan_status fani_ring_begin(fani_ring_member *member, const fani_multiplier *multiplier,
                           mpz_srcptr moduli, size_t count, mpz_srcptr sum)
{
    *member = (fani_ring_member){.begun = true};
    mpz_inits(member->product, member->sum, member->residue, NULL);
    fan_status status = fani_multiplier_open(&member->multiplier, multiplier);
    if (status == FAN_OK)
        status = fani_scaled_build(&member->tree, multiplier, moduli, NULL, count, member->product,
                                   sum ? NULL : member->sum);
    if (status != FAN_OK) {
        fani_ring_end(member);
        return status;
    }
    if (sum)
        mpz_set(member->sum, sum);
    member->widest = mpz_size(member->product);
    return FAN_OK;
}

void fani_ring_widest(fani_ring_member *member, size_t limbs)
{
    if (limbs > member->widest)
        member->widest = limbs;
}

static fan_status open_divisor(fani_ring_member *member)
{
    if (member->divisor.limbs)
        return FAN_OK;
    return fani_ring_divisor_open(&member->divisor, &member->multiplier, member->product,
                                  member->widest + SPARE_LIMBS);
}

/* The first one stays as it is: with two members nothing is to be reduced. */
fan_status fani_ring_take(fani_ring_member *member, mpz_srcptr product)
{
    if (member->taken == 0) {
        mpz_set(member->residue, product);
        member->taken = 1;
        return FAN_OK;
    }
    fan_status status = open_divisor(member);
    if (status != FAN_OK)
        return status;
    if (member->taken == 1)
        mpz_mul_2exp(member->residue, member->residue, member->divisor.shift);
    status =
        fani_ring_divisor_times(&member->divisor, &member->multiplier, member->residue, product);
    member->taken += status == FAN_OK;
    return status;
}

void fani_ring_go_on(fani_ring_member *member, mpz_srcptr residue, size_t taken)
{
    mpz_set(member->residue, residue);
    member->taken = taken;
}

/* A residue of several products, times S, over D. */
static fan_status divide(fani_ring_member *member, mpz_ptr fraction)
{
    fani_ring_divisor *divisor = &member->divisor;
    fan_status status = open_divisor(member);
    if (status == FAN_OK)
        status =
            fani_ring_divisor_times(divisor, &member->multiplier, member->residue, member->sum);
    if (status == FAN_OK)
        status = fani_ring_divisor_fraction(divisor, &member->multiplier, member->residue, fraction,
                                            fani_scaled_size(member->product));
    return status;
}

fan_status fani_ring_fraction(fani_ring_member *member, mpz_ptr fraction)
{
    fan_status status;
    if (member->taken == 0)
        mpz_set_ui(member->residue, 1);
    if (member->taken < 2)
        status = fani_scaled_root(&member->multiplier, fraction, member->sum, member->product,
                                  member->residue);
    else
        status = divide(member, fraction);
    fani_ring_divisor_close(&member->divisor);
    fani_multiplier_trim(&member->multiplier);
    mpz_realloc2(member->residue, 1);
    mpz_realloc2(member->sum, 1);
    return status;
}

fan_status fani_ring_gcds(fani_ring_member *member, mpz_srcptr fraction, fani_mpzs *gcds)
{
    return fani_weak_tree_gcds(&member->tree, fraction, gcds);
}

void fani_ring_end(fani_ring_member *member)
{
    fani_scaled_free(&member->tree);
    fani_ring_divisor_close(&member->divisor);
    fani_multiplier_close(&member->multiplier);
    if (member->begun)
        mpz_clears(member->product, member->sum, member->residue, NULL);
    *member = (fani_ring_member){0};
}

/* ---- Parts ----------------------------------------------------------------------------------- */

void fani_ring_cut(mpz_srcptr moduli, size_t count, size_t members, size_t *first)
{
    uint64_t all = 0, before = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        all += mpz_sizeinbase(moduli + i, 2);
    first[0] = 0;
    for (size_t part = 1; part < members; part++) {
        /* Of part / members of all bits; without the product, which may be too large. */
        uint64_t goal = all / members * part + all % members * part / members;
        size_t last = count - (members - part);
        do {
            before += mpz_sizeinbase(moduli + at, 2);
            at++;
        } while (at < last && before + mpz_sizeinbase(moduli + at, 2) / 2 < goal);
        first[part] = at;
    }
    first[members] = count;
}
