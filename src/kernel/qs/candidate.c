/* Values that the sieve takes for smooth: their primes, and what is left of them. */
#include "worker.h"

#include "kernel/factor/factor_batch.h"
#include "kernel/factor/montgomery.h"

typedef struct value {
    uint32_t count; /* of factors */
    uint32_t large[2];
} value;

static void add_column(fani_qs_worker *w, value *v, uint32_t column)
{
    if (v->count < FANI_QS_FACTORS_MAX)
        w->factor[v->count++] = column;
}

static void divide_out(fani_qs_worker *w, value *v, uint32_t index)
{
    while (mpz_divisible_ui_p(w->value, w->qs->prime[index])) {
        mpz_divexact_ui(w->value, w->value, w->qs->prime[index]);
        add_column(w, v, FANI_QS_FIRST + index);
    }
}

/* w->value = |Q(x)|, less its sign and its twos. False for 0. */
static bool begin_value(fani_qs_worker *w, value *v, int32_t x)
{
    mpz_mul_si(w->value, w->leading.a, x);
    mpz_add(w->value, w->value, w->b);
    mpz_mul_si(w->value, w->value, x);
    mpz_add(w->value, w->value, w->c);
    if (mpz_sgn(w->value) == 0)
        return false;
    if (mpz_sgn(w->value) < 0)
        add_column(w, v, FANI_QS_SIGN);
    mpz_abs(w->value, w->value);
    mp_bitcnt_t twos = mpz_scan1(w->value, 0);
    mpz_tdiv_q_2exp(w->value, w->value, twos);
    for (mp_bitcnt_t i = 0; i < twos + 2; i++)
        add_column(w, v, FANI_QS_TWO);
    return true;
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
    if (mpz_sizeinbase(w->value, 2) > 64)
        return false;
    uint64_t rest = mpz_get_ui(w->value), longest = qs->prime[qs->params.base - 1];
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
    uint32_t hits = w->loops->hits(w, block, x, hit);
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
