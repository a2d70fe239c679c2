/* A long x is reduced from the top. With the remainder R < 3 D of what was read and a group G of
 * n - 1 limbs, X = R B^(n - 1) + G: the limbs of X from n - 1 on are R, so the quotient q is what
 * is above limb n of R V (reciprocal.h), and X - q D, again below 3 D, is told by its n + 2 lowest
 * limbs. R V and q D are by transforms, of which V's and D's are made once. */
#include "modulus.h"

#include "kernel/ntt/kept.h"
#include "reciprocal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Limbs: below, plain division is as fast. Groups: fewer do not pay for transforms to keep. */
enum { NEWTON_FROM = 300, GROUPS_FROM = 3 };

#define BITS(limbs) ((mp_bitcnt_t)(limbs)*GMP_NUMB_BITS)

static bool is_long(const fani_modulus *m)
{
    return m->limbs >= NEWTON_FROM;
}

static mp_bitcnt_t shift_of(const fani_modulus *m)
{
    return BITS(m->limbs) - mpz_sizeinbase(m->value, 2);
}

fan_status fani_modulus_open(fani_modulus *m, const fani_multiplier *multiplier, mpz_srcptr value,
                             mpz_srcptr reciprocal)
{
    *m = (fani_modulus){.limbs = mpz_size(value) + 1};
    fan_status status = fani_multiplier_open(&m->multiplier, multiplier);
    mpz_inits(m->divisor, m->reciprocal, NULL);
    mpz_init_set(m->value, value);
    if (status == FAN_OK && is_long(m)) {
        mpz_mul_2exp(m->divisor, value, shift_of(m));
        if (reciprocal)
            mpz_set(m->reciprocal, reciprocal);
        else
            status = fani_reciprocal_invert(&m->multiplier, m->reciprocal, m->divisor, m->limbs);
    }
    if (status != FAN_OK)
        fani_modulus_close(m);
    return status;
}

void fani_modulus_close(fani_modulus *m)
{
    if (m->limbs)
        mpz_clears(m->value, m->divisor, m->reciprocal, NULL);
    free(m->of_reciprocal);
    free(m->of_divisor);
    free(m->transform);
    free(m->whole);
    free(m->group);
    fani_multiplier_close(&m->multiplier);
    *m = (fani_modulus){0};
}

/* ---- With transforms that are kept ----------------------------------------------------------- */

typedef struct plans {
    const fani_ntt *quotient; /* for R V */
    const fani_ntt *product;  /* for q D, cyclic */
} plans;

static fan_status transform_of(const fani_ntt *plan, mpz_srcptr value, uint64_t **transform)
{
    fan_status status = fani_ntt_allocate(plan, 1, transform);
    if (status == FAN_OK)
        fani_ntt_transform(plan, *transform, mpz_limbs_read(value), mpz_size(value));
    return status;
}

/* Makes what is kept, once. */
static fan_status keep_transforms(fani_modulus *m, const plans *p)
{
    if (m->group)
        return FAN_OK;
    size_t room = 2 * fani_ntt_limbs(p->product);
    fan_status status = transform_of(p->quotient, m->reciprocal, &m->of_reciprocal);
    if (status == FAN_OK)
        status = transform_of(p->product, m->divisor, &m->of_divisor);
    const fani_ntt *larger =
        fani_ntt_words(p->quotient) > fani_ntt_words(p->product) ? p->quotient : p->product;
    if (status == FAN_OK)
        status = fani_ntt_allocate(larger, 1, &m->transform);
    if (status != FAN_OK)
        return status;
    size_t whole = fani_ntt_limbs(p->quotient);
    m->whole = malloc((whole > room ? whole : room) * sizeof *m->whole);
    m->group = malloc(room * sizeof *m->group);
    return m->whole && m->group ? FAN_OK : FAN_E_MEMORY;
}

static fan_status make_plans(fani_modulus *m, plans *p)
{
    fan_status status = fani_ntt_kept_plan(m->multiplier.kept, 2 * m->limbs + 2, &p->quotient);
    if (status == FAN_OK)
        status = fani_ntt_kept_plan(m->multiplier.kept, m->limbs + 2, &p->product);
    return status == FAN_OK ? keep_transforms(m, p) : status;
}

/* out = a times what has the transform `by`, cyclic. */
static void multiply_by(const fani_modulus *m, const fani_ntt *plan, const uint64_t *by,
                        const mp_limb_t *a, size_t an, mp_limb_t *out)
{
    fani_ntt_carry carry;
    fani_ntt_split(plan, m->transform, a, an, 0, 1);
    for (unsigned prime = 0; prime < fani_ntt_primes(plan); prime++)
        fani_ntt_convolve(plan, m->transform, an, by, prime);
    fani_ntt_join(plan, m->transform, 0, 1, out, &carry);
    fani_ntt_settle(plan, &carry, 1, out);
}

static size_t without_zeros(const mp_limb_t *at, size_t size)
{
    while (size > 0 && at[size - 1] == 0)
        size--;
    return size;
}

/* x -= y modulo B^size - 1; what is left is far below that. x has twice the limbs, which are folded
 * first. */
static void subtract_folded(mp_limb_t *x, const mp_limb_t *y, size_t size)
{
    mp_limb_t carry = mpn_add_n(x, x, x + size, (mp_size_t)size);
    while (carry)
        carry = mpn_add_1(x, x, (mp_size_t)size, carry);
    mp_limb_t borrow = mpn_sub_n(x, x, y, (mp_size_t)size);
    while (borrow)
        borrow = mpn_sub_1(x, x, (mp_size_t)size, borrow);
    if (x[size - 1] == ~(mp_limb_t)0) /* B^size - 1 stands for 0 */
        memset(x, 0, size * sizeof *x);
}

/* remainder (n + 1 limbs, *size of them used) becomes that of itself and a group of n - 1 limbs. */
static void take_group(const fani_modulus *m, const plans *p, const mp_limb_t *group,
                       mp_limb_t *remainder, size_t *size)
{
    size_t n = m->limbs, length = fani_ntt_limbs(p->product);
    memset(m->group, 0, 2 * length * sizeof *m->group);
    memcpy(m->group, group, (n - 1) * sizeof *m->group);
    memcpy(m->group + n - 1, remainder, *size * sizeof *m->group);
    const mp_limb_t *quotient = m->whole + n + 1;
    size_t quotient_size = 0;
    if (*size > 0) {
        multiply_by(m, p->quotient, m->of_reciprocal, remainder, *size, m->whole);
        quotient_size = without_zeros(quotient, n + 1);
    }
    if (quotient_size > 0)
        multiply_by(m, p->product, m->of_divisor, quotient, quotient_size, m->whole);
    else
        memset(m->whole, 0, length * sizeof *m->whole);
    subtract_folded(m->group, m->whole, length);
    memcpy(remainder, m->group, (n + 1) * sizeof *remainder);
    *size = without_zeros(remainder, n + 1);
}

/* x, shifted as the divisor is, to less than 3 D. */
static fan_status reduce_long(fani_modulus *m, mpz_ptr x)
{
    size_t n = m->limbs, size = mpz_size(x), groups = (size + n - 2) / (n - 1), used = 0;
    plans p;
    fan_status status = make_plans(m, &p);
    mp_limb_t *first = calloc(n - 1, sizeof *first);
    mp_limb_t *remainder = calloc(n + 1, sizeof *remainder);
    if (status == FAN_OK && (!first || !remainder))
        status = FAN_E_MEMORY;
    for (size_t g = groups; g-- > 0 && status == FAN_OK;) {
        const mp_limb_t *at = mpz_limbs_read(x) + g * (n - 1);
        if (g + 1 == groups) {
            memcpy(first, at, (size - g * (n - 1)) * sizeof *first);
            at = first;
        }
        take_group(m, &p, at, remainder, &used);
    }
    if (status == FAN_OK) {
        memcpy(mpz_limbs_write(x, (mp_size_t)n + 1), remainder, used * sizeof *remainder);
        mpz_limbs_finish(x, (mp_size_t)used);
    }
    free(first);
    free(remainder);
    return status;
}

/* ---- Remainders ------------------------------------------------------------------------------ */

fan_status fani_modulus_reduce(fani_modulus *m, mpz_ptr x)
{
    if (mpz_cmp(x, m->value) < 0)
        return FAN_OK;
    if (!is_long(m)) {
        mpz_tdiv_r(x, x, m->value);
        return FAN_OK;
    }
    mpz_mul_2exp(x, x, shift_of(m));
    bool keeps = m->multiplier.kept && m->limbs >= m->multiplier.shared_from &&
                 mpz_size(x) > GROUPS_FROM * (m->limbs - 1);
    fan_status status =
        keeps ? reduce_long(m, x)
              : fani_reciprocal_remainder(&m->multiplier, x, m->divisor, m->reciprocal, m->limbs);
    mpz_tdiv_q_2exp(x, x, shift_of(m));
    while (status == FAN_OK && mpz_cmp(x, m->value) >= 0)
        mpz_sub(x, x, m->value);
    return status;
}

/* out = out by mod the value. */
static fan_status multiply_in(fani_modulus *m, mpz_ptr out, mpz_srcptr by)
{
    mpz_t product;
    mpz_init(product);
    fan_status status = fani_multiply(&m->multiplier, product, out, by);
    if (status == FAN_OK)
        status = fani_modulus_reduce(m, product);
    mpz_swap(out, product);
    mpz_clear(product);
    return status;
}

/* Short numbers are multiplied first, so that each remainder is of a long one. */
fan_status fani_modulus_product(fani_modulus *m, mpz_ptr out, mpz_srcptr numbers, size_t count)
{
    mpz_t next, product;
    fan_status status = FAN_OK;
    mpz_init(product);
    mpz_init_set_ui(next, 1);
    mpz_set_ui(out, 1);
    for (size_t i = 0; i < count && status == FAN_OK; i++) {
        if (mpz_size(next) + mpz_size(numbers + i) < m->limbs) {
            status = fani_multiply(&m->multiplier, product, next, numbers + i);
            mpz_swap(next, product);
            continue;
        }
        status = multiply_in(m, out, next);
        mpz_set(next, numbers + i);
        if (status == FAN_OK)
            status = fani_modulus_reduce(m, next);
    }
    if (status == FAN_OK)
        status = multiply_in(m, out, next);
    mpz_clears(next, product, NULL);
    return status;
}
