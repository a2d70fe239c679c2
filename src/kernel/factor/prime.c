#include "factor_internal.h"
#include "prime_proof.h"
#include "small_primes.h"

#include <flint/flint.h>
#include <flint/fmpz.h>

enum {
    MAX_BASES = 6,
    /* Enough small primes that what passes them is rarely composite or has no factor below 67. */
    TRIED_FIRST = 18,
};

void fani_factor_thread_end(void)
{
    flint_cleanup();
}

/* Whether n passes the rest of a strong test: x = base^d, n - 1 = d * 2^twos. */
static bool passes(const fani_mont *m, uint64_t x, int twos)
{
    uint64_t minus_one = m->n - m->one;
    if (x == m->one || x == minus_one)
        return true;
    for (int i = 1; i < twos; i++) {
        x = fani_mont_mul(m, x, x);
        if (x == minus_one)
            return true;
    }
    return false;
}

static bool passes_base_2(const fani_mont *m, uint64_t d, int twos)
{
    uint64_t x = fani_mont_add(m, m->one, m->one);
    for (int bit = 62 - __builtin_clzll(d); bit >= 0; bit--) {
        x = fani_mont_mul(m, x, x);
        /* Doubled where the bit is set, by a mask: a branch would be a coin toss. */
        x = fani_mont_add(m, x, x & (0 - (d >> bit & 1)));
    }
    return passes(m, x, twos);
}

/* All bases side by side: one multiplication alone would leave the processor waiting. */
static inline __attribute__((always_inline)) bool
passes_bases(const fani_mont *m, uint64_t d, int twos, const uint32_t *bases, int count)
{
    uint64_t base[MAX_BASES];
    uint64_t x[MAX_BASES];
    uint64_t r2 = fani_mont_r2(m);
    for (int i = 0; i < count; i++)
        x[i] = base[i] = fani_mont_mul(m, bases[i], r2);
    for (int bit = 62 - __builtin_clzll(d); bit >= 0; bit--) {
#pragma GCC unroll 6
        for (int i = 0; i < count; i++)
            x[i] = fani_mont_mul(m, x[i], x[i]);
        if ((d >> bit & 1) != 0) {
#pragma GCC unroll 6
            for (int i = 0; i < count; i++)
                x[i] = fani_mont_mul(m, x[i], base[i]);
        }
    }
    for (int i = 0; i < count; i++) {
        if (!passes(m, x[i], twos))
            return false;
    }
    return true;
}

/* Base sets without a composite that passes them all: 2, 7, 61 below 4759123141 (Jaeschke, "On
 * strong pseudoprimes to several bases", Math. Comp. 61, 1993); the seven that begin with 2, 325
 * below 2^64 (found by Jim Sinclair, checked against Feitsma's list of all base-2 pseudoprimes
 * below 2^64). */
bool fani_is_prime_mont(const fani_mont *m)
{
    static const uint32_t few[2] = {7, 61};
    static const uint32_t all[6] = {325, 9375, 28178, 450775, 9780504, 1795265022};
    int twos = __builtin_ctzll(m->n - 1);
    uint64_t d = (m->n - 1) >> twos;
    if (!passes_base_2(m, d, twos))
        return false;
    return m->n < 4759123141 ? passes_bases(m, d, twos, few, 2) : passes_bases(m, d, twos, all, 6);
}

bool fan_is_prime_u64(uint64_t n)
{
    if (n < 2 || n % 2 == 0)
        return n == 2;
    for (int i = 0; i < TRIED_FIRST; i++) {
        uint64_t quotient;
        if (fani_small_prime_divides(&fani_small_primes[i], n, &quotient))
            return quotient == 1;
    }
    uint64_t untried = fani_small_primes[TRIED_FIRST].prime;
    if (n < untried * untried)
        return true;
    fani_mont m = fani_mont_make(n);
    return fani_is_prime_mont(&m);
}

bool fani_has_more_digits(mpz_srcptr n, size_t digits)
{
    /* mpz_sizeinbase is exact or one too large. */
    size_t upper = mpz_sizeinbase(n, 10);
    if (upper != digits + 1)
        return upper > digits;
    mpz_t first_longer;
    mpz_init(first_longer);
    mpz_ui_pow_ui(first_longer, 10, digits);
    bool more = mpz_cmp(n, first_longer) >= 0;
    mpz_clear(first_longer);
    return more;
}

/* GMP's Baillie-PSW first: it finds composites faster than FLINT's road to a proof. 24 is the
 * highest argument that adds no Miller-Rabin rounds to it. */
fan_status fani_judge_mpz(mpz_srcptr n, fani_verdict *verdict)
{
    *verdict = (fani_verdict){FAN_FACTOR_PRIME, FAN_PROOF_NONE};
    size_t bits = mpz_sizeinbase(n, 2);
    fan_status status = FAN_OK;
    bool proven = false, composite = mpz_probab_prime_p(n, 24) == 0;
    if (!composite && bits >= FANI_PROOF_BITS_MIN && bits <= FANI_PROOF_BITS_MAX)
        status = fani_prove_by_n_minus_1(n, &proven);
    if (status != FAN_OK)
        return status;
    if (composite) {
        verdict->kind = FAN_FACTOR_COMPOSITE;
    } else if (proven) {
        verdict->proof = FAN_PROOF_N_MINUS_1;
    } else if (!fani_has_more_digits(n, FAN_FACTOR_PROOF_DIGITS)) {
        fmpz_t copy;
        fmpz_init(copy);
        fmpz_set_mpz(copy, n);
        int answer = fmpz_is_prime(copy); /* 1 proven, 0 composite, -1 not decided */
        fmpz_clear(copy);
        if (answer == 0)
            verdict->kind = FAN_FACTOR_COMPOSITE;
        else if (answer == 1)
            verdict->proof = FAN_PROOF_FLINT;
    }
    return FAN_OK;
}
