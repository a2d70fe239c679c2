/* Newton's iteration for reciprocals of long numbers, and remainders by them: all its work is
 * products, which the multiplier may split among workers.
 *
 * Let D be the divisor, shifted so that B^n/2 <= D < B^n, and d = D/B^n.
 *
 * Reciprocals. V_k B^-k is 1/d or less, by at most 8 B^-k. The first one is a plain division. For
 * m <= 2k - 2 and d_m, which is d rounded up to m limbs, v' = v + v (1 - d_m v) has
 * 1/d_m - v' = d_m (1/d_m - v)^2: never too large, and too small by less than 4 B^-m (for d_m) +
 * 64 B^-2k (the square) + 2 B^-m (rounded down twice).
 *
 * Remainders. Of X < 4 B^(2n - 1) the quotient by D is the upper limbs of X times those of V: too
 * small, by less than 2/B (what is below in X) + 32/B (V) + 1 (the limbs of V that are left out) +
 * 1 (rounded down). So X - q D is in [0, 3 D), which a cyclic product of n + 1 limbs shows. With n
 * - 1 further limbs below it is again such an X. */
#include "reciprocal.h"

#include <stdbool.h>

/* Limbs: with so many the iteration begins. */
enum { FIRST_RECIPROCAL = 150 };

#define BITS(limbs) ((mp_bitcnt_t)(limbs)*GMP_NUMB_BITS)

fan_status fani_multiply(const fani_multiplier *m, mpz_ptr out, mpz_srcptr a, mpz_srcptr b)
{
    size_t an = mpz_size(a), bn = mpz_size(b);
    bool negative = (mpz_sgn(a) < 0) != (mpz_sgn(b) < 0);
    if (an == 0 || bn == 0) {
        mpz_set_ui(out, 0);
        return FAN_OK;
    }
    mp_limb_t *at = mpz_limbs_write(out, (mp_size_t)(an + bn));
    fan_status status = m->product(m, at, mpz_limbs_read(a), an, mpz_limbs_read(b), bn);
    mpz_limbs_finish(out, status == FAN_OK ? (mp_size_t)(an + bn) : 0);
    if (negative)
        mpz_neg(out, out);
    return status;
}

/* out = c - a b mod B^size - 1, for a, b >= 0 of at most `size` limbs and any c >= 0. */
static fan_status subtract_cyclic(const fani_multiplier *m, mpz_ptr out, mpz_srcptr c, mpz_srcptr a,
                                  mpz_srcptr b, size_t size)
{
    fan_status status = FAN_OK;
    mpz_t ring;
    mpz_init(ring);
    mpz_setbit(ring, BITS(size));
    mpz_sub_ui(ring, ring, 1);
    mpz_set_ui(out, 0);
    if (mpz_sgn(a) && mpz_sgn(b)) {
        mp_limb_t *at = mpz_limbs_write(out, (mp_size_t)size);
        status =
            m->cyclic(m, at, size, mpz_limbs_read(a), mpz_size(a), mpz_limbs_read(b), mpz_size(b));
        mpz_limbs_finish(out, status == FAN_OK ? (mp_size_t)size : 0);
    }
    mpz_t fold;
    mpz_init_set(fold, c);
    while (mpz_cmp(fold, ring) > 0) {
        mpz_t high;
        mpz_init(high);
        mpz_tdiv_q_2exp(high, fold, BITS(size));
        mpz_tdiv_r_2exp(fold, fold, BITS(size));
        mpz_add(fold, fold, high);
        mpz_clear(high);
    }
    mpz_sub(out, fold, out);
    while (mpz_sgn(out) < 0)
        mpz_add(out, out, ring);
    if (!mpz_cmp(out, ring))
        mpz_set_ui(out, 0);
    mpz_clears(fold, ring, NULL);
    return status;
}

/* The upper `kept` of the n limbs of D, rounded up. */
static void round_up(mpz_ptr out, mpz_srcptr divisor, size_t n, size_t kept)
{
    mpz_cdiv_q_2exp(out, divisor, BITS(n - kept));
}

/* From a reciprocal of `from` limbs to one of `to`. */
static fan_status refine(const fani_multiplier *m, mpz_ptr reciprocal, mpz_srcptr divisor, size_t n,
                         size_t from, size_t to)
{
    size_t size = m->cyclic_size(to + 2);
    mpz_t upper, rest, step;
    mpz_inits(upper, rest, step, NULL);
    round_up(upper, divisor, n, to);
    mpz_setbit(step, BITS((to + from) % size));
    /* B^(to + from) - upper reciprocal: from -4 B^from to 9 B^to */
    fan_status status = subtract_cyclic(m, rest, step, upper, reciprocal, size);
    if (mpz_sizeinbase(rest, 2) > BITS(size - 1)) {
        mpz_set_ui(step, 0);
        mpz_setbit(step, BITS(size));
        mpz_sub_ui(step, step, 1);
        mpz_sub(rest, rest, step);
    }
    mpz_fdiv_q_2exp(rest, rest, BITS(from - 1));
    if (status == FAN_OK)
        status = fani_multiply(m, step, reciprocal, rest);
    mpz_fdiv_q_2exp(step, step, BITS(from + 1));
    mpz_mul_2exp(reciprocal, reciprocal, BITS(to - from));
    mpz_add(reciprocal, reciprocal, step);
    mpz_clears(upper, rest, step, NULL);
    return status;
}

/* The reciprocal of `to` limbs of a divisor of n. */
static fan_status invert(const fani_multiplier *m, mpz_ptr reciprocal, mpz_srcptr divisor, size_t n,
                         size_t to)
{
    if (to > FIRST_RECIPROCAL) {
        size_t from = to / 2 + 2;
        fan_status status = invert(m, reciprocal, divisor, n, from);
        return status == FAN_OK ? refine(m, reciprocal, divisor, n, from, to) : status;
    }
    mpz_t upper;
    mpz_init(upper);
    round_up(upper, divisor, n, to);
    mpz_set_ui(reciprocal, 0);
    mpz_setbit(reciprocal, BITS(2 * to));
    mpz_tdiv_q(reciprocal, reciprocal, upper);
    mpz_clear(upper);
    return FAN_OK;
}

fan_status fani_reciprocal_invert(const fani_multiplier *m, mpz_ptr reciprocal, mpz_srcptr divisor,
                                  size_t n)
{
    return invert(m, reciprocal, divisor, n, n);
}

/* x - q D for the q that the upper limbs give. */
static fan_status reduce(const fani_multiplier *m, mpz_ptr x, mpz_srcptr divisor,
                         mpz_srcptr reciprocal, size_t n)
{
    if (mpz_size(x) < n)
        return FAN_OK;
    mpz_t upper, kept, quotient;
    mpz_inits(upper, kept, quotient, NULL);
    mpz_tdiv_q_2exp(upper, x, BITS(n - 1));
    size_t left_out = mpz_size(upper) <= n ? n + 1 - mpz_size(upper) : 0;
    mpz_tdiv_q_2exp(kept, reciprocal, BITS(left_out));
    fan_status status = fani_multiply(m, quotient, upper, kept);
    mpz_tdiv_q_2exp(quotient, quotient, BITS(n + 1 - left_out));
    if (status == FAN_OK)
        status = subtract_cyclic(m, upper, x, quotient, divisor, m->cyclic_size(n + 2));
    mpz_swap(x, upper);
    mpz_clears(upper, kept, quotient, NULL);
    return status;
}

fan_status fani_reciprocal_remainder(const fani_multiplier *m, mpz_ptr x, mpz_srcptr divisor,
                                     mpz_srcptr reciprocal, size_t n)
{
    size_t size = mpz_size(x), groups = size > 2 * n - 1 ? (size - n - 1) / (n - 1) : 0;
    fan_status status = FAN_OK;
    mpz_t top, group;
    mpz_inits(top, group, NULL);
    mpz_tdiv_q_2exp(top, x, BITS(groups * (n - 1)));
    status = reduce(m, top, divisor, reciprocal, n);
    for (size_t g = groups; g-- > 0 && status == FAN_OK;) {
        mpz_tdiv_q_2exp(group, x, BITS(g * (n - 1)));
        mpz_tdiv_r_2exp(group, group, BITS(n - 1));
        mpz_mul_2exp(top, top, BITS(n - 1));
        mpz_add(top, top, group);
        status = reduce(m, top, divisor, reciprocal, n);
    }
    mpz_swap(x, top);
    mpz_clears(top, group, NULL);
    return status;
}
