/* Values that the sieve takes for smooth: their primes, and what is left of them. */
#include "worker.h"

#include "kernel/factor/factor_batch.h"
#include "kernel/factor/montgomery.h"

enum {
    BITS = 1 << 16,      /* logarithms are in 2^-16 bits */
    ROUNDING = 3 * BITS, /* what the logarithms of the sieve may miss altogether */
};

typedef struct value {
    uint64_t limb[FANI_QS_LIMBS];
    unsigned limbs; /* that are not 0 */
    uint32_t count; /* of factors */
    uint32_t large[2];
} value;

static void add_column(fani_qs_worker *w, value *v, uint32_t column)
{
    if (v->count < FANI_QS_FACTORS_MAX)
        w->factor[v->count++] = column;
}

/* Divides v by p if that leaves nothing: from the low end, by the inverse mod 2^64 (Jebelean 1993).
 */
static bool divide(value *v, uint32_t p, uint64_t inverse)
{
    uint64_t quotient[FANI_QS_LIMBS], borrow = 0;
    for (unsigned i = 0; i < v->limbs; i++) {
        uint64_t rest = v->limb[i] - borrow;
        uint64_t under = v->limb[i] < borrow;
        quotient[i] = rest * inverse;
        borrow = (uint64_t)(((fani_u128)quotient[i] * p) >> 64) + under;
    }
    if (borrow != 0)
        return false;
    for (unsigned i = 0; i < v->limbs; i++)
        v->limb[i] = quotient[i];
    v->limbs -= v->limb[v->limbs - 1] == 0;
    return true;
}

static void divide_out(fani_qs_worker *w, value *v, uint32_t index)
{
    uint32_t p = w->qs->prime[index];
    uint64_t inverse = w->qs->inverse[index];
    inverse *= 2 - p * inverse; /* a step of Newton's: from 32 right bits to 64 */
    while (divide(v, p, inverse))
        add_column(w, v, FANI_QS_FIRST + index);
}

/* v = v * x + y, as complements to two. */
static void multiply_add(uint64_t *v, unsigned limbs, int32_t x, const uint64_t *y)
{
    uint64_t factor = x < 0 ? 0 - (uint64_t)x : (uint64_t)x, flip = x < 0 ? UINT64_MAX : 0;
    uint64_t carry = 0, other = x < 0;
    for (unsigned i = 0; i < limbs; i++) {
        fani_u128 product = (fani_u128)v[i] * factor + carry;
        fani_u128 sum = (fani_u128)((uint64_t)product ^ flip) + y[i] + other;
        carry = (uint64_t)(product >> 64);
        v[i] = (uint64_t)sum;
        other = (uint64_t)(sum >> 64);
    }
}

static void negate(value *v)
{
    uint64_t carry = 1;
    for (unsigned i = 0; i < v->limbs; i++) {
        v->limb[i] = ~v->limb[i] + carry;
        carry = carry != 0 && v->limb[i] == 0;
    }
}

/* Shifts out the zeros at the low end; returns how many they were. */
static unsigned shift_out_twos(value *v)
{
    unsigned twos = 0;
    for (; v->limbs > 1 && v->limb[0] == 0; twos += 64) {
        for (unsigned i = 1; i < v->limbs; i++)
            v->limb[i - 1] = v->limb[i];
        v->limbs--;
    }
    unsigned shift = (unsigned)__builtin_ctzll(v->limb[0]);
    for (unsigned i = 0; i < v->limbs && shift > 0; i++) {
        uint64_t above = i + 1 < v->limbs ? v->limb[i + 1] << (64 - shift) : 0;
        v->limb[i] = v->limb[i] >> shift | above;
    }
    v->limbs -= v->limb[v->limbs - 1] == 0;
    return twos + shift;
}

/* v = |Q(x)|, less its sign and its twos. False for 0. */
static bool begin_value(fani_qs_worker *w, value *v, int32_t x)
{
    v->limbs = w->limbs;
    for (unsigned i = 0; i < w->limbs; i++)
        v->limb[i] = w->a[i];
    multiply_add(v->limb, w->limbs, x, w->b);
    multiply_add(v->limb, w->limbs, x, w->c);
    if (v->limb[w->limbs - 1] >> 63 != 0) {
        add_column(w, v, FANI_QS_SIGN);
        negate(v);
    }
    while (v->limbs > 0 && v->limb[v->limbs - 1] == 0)
        v->limbs--;
    if (v->limbs == 0)
        return false;
    unsigned twos = shift_out_twos(v);
    for (unsigned i = 0; i < twos + 2; i++)
        add_column(w, v, FANI_QS_TWO);
    return true;
}

/* log2, up to the bits behind the point that the top word gives. */
static uint32_t log_of(const value *v)
{
    uint64_t top = v->limb[v->limbs - 1];
    unsigned zeros = (unsigned)__builtin_clzll(top);
    /* Between powers of two the logarithm is a straight line, to 0.09. */
    uint32_t part = (uint32_t)(top << zeros << 1 >> 48);
    return ((64 * v->limbs - 1 - zeros) << 16) + part;
}

/* Whether what the sieve has not found may be large primes. */
static bool is_promising(const fani_qs_worker *w, const value *v, uint8_t byte)
{
    uint32_t found = (uint32_t)(uint8_t)(byte - w->first) * w->unit, left = log_of(v);
    left = left > found ? left - found : 0;
    if (left <= w->one_large + ROUNDING)
        return true;
    return left <= w->two_large + ROUNDING && left + ROUNDING >= w->two_large_least;
}

/* Whether 2^(n-1) = 1 mod n: of what the base leaves, few composites are so, and they are lost. */
static bool seems_prime(const fani_mont *m)
{
    uint64_t two = fani_mont_add(m, m->one, m->one), x = two;
    for (int bit = 62 - __builtin_clzll(m->n - 1); bit >= 0; bit--) {
        x = fani_mont_mul(m, x, x);
        if ((m->n - 1) >> bit & 1)
            x = fani_mont_add(m, x, x);
    }
    return x == m->one;
}

static uint64_t exact_root(uint64_t n)
{
    uint64_t root = (uint64_t)(__builtin_sqrt((double)n) + 0.5);
    return root * root == n ? root : 0;
}

/* Splits what is left into two large primes. */
static bool split_rest(const fani_qs_worker *w, uint64_t rest, value *v)
{
    fani_mont m = fani_mont_make(rest);
    if (seems_prime(&m))
        return false;
    uint64_t one = exact_root(rest);
    if (one == 0)
        one = fani_curve_divisor(w->lanes, rest);
    uint64_t other = rest / one;
    if (one >= w->qs->large_end || other >= w->qs->large_end)
        return false;
    v->large[0] = (uint32_t)(one < other ? one : other);
    v->large[1] = (uint32_t)(one < other ? other : one);
    return true;
}

/* Whether what is left is at most as many large primes as are allowed. */
static bool take_rest(const fani_qs_worker *w, value *v)
{
    const fani_qs *qs = w->qs;
    if (v->limbs > 1)
        return false;
    uint64_t rest = v->limb[0], longest = qs->prime[qs->params.base - 1];
    v->large[0] = v->large[1] = 1;
    if (rest < qs->large_end) {
        v->large[1] = (uint32_t)rest;
        return true;
    }
    if (qs->params.pair == 0 || rest <= longest * longest || rest >> (qs->params.pair - 1) > 1)
        return false;
    return split_rest(w, rest, v);
}

/* The columns come nearly in order. */
static void sort_columns(uint32_t *column, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t moved = column[i], k = i;
        for (; k > 0 && column[k - 1] > moved; k--)
            column[k] = column[k - 1];
        column[k] = moved;
    }
}

fan_status fani_qs_try(fani_qs_worker *w, uint32_t block, uint32_t x, const fani_qs_hooks *hooks)
{
    uint32_t hit[FANI_QS_HITS_MAX];
    value v = {0};
    int32_t at = (int32_t)(block * FANI_QS_BLOCK + x) - (int32_t)(w->interval / 2);
    if (!begin_value(w, &v, at))
        return FAN_OK;
    uint32_t hits = w->loops->hits_small(w, x, hit);
    for (uint32_t i = 0; i < hits; i++)
        divide_out(w, &v, hit[i]);
    if (!is_promising(w, &v, w->block[x]))
        return FAN_OK;
    hits = w->loops->hits(w, block, x, hit);
    for (uint32_t i = 0; i < hits; i++)
        divide_out(w, &v, hit[i]);
    for (uint32_t j = 0; j < w->leading.count; j++) {
        add_column(w, &v, FANI_QS_FIRST + w->leading.index[j]);
        divide_out(w, &v, w->leading.index[j]);
    }
    if (!take_rest(w, &v) || v.count >= FANI_QS_FACTORS_MAX)
        return FAN_OK;
    sort_columns(w->factor, v.count);
    const fani_qs_relation relation = {
        .a = w->index,
        .b = w->k,
        .x = at,
        .large = {v.large[0], v.large[1]},
        .count = v.count,
        .factor = w->factor,
    };
    return hooks->emit(hooks->context, &relation);
}
