#include "p_minus_1.h"

#include <flint/flint.h>
#include <flint/ulong_extras.h>

enum {
    /* Between two gcds, so that these cost little: bits of the exponent, and primes in it. */
    CHUNK_BITS = 8192,
    CHUNK_PRIMES = 1024,
};

typedef struct stage {
    mpz_srcptr n;
    uint32_t b1;
    mpz_ptr x;       /* the start, raised to all primes so far with their powers */
    mpz_ptr divisor; /* gcd(x - 1, n) */
    mpz_t start, before, exponent, rest;
    uint32_t primes[CHUNK_PRIMES]; /* those of the chunk that led from `before` to x */
    unsigned count;
} stage;

/* The largest power of the prime that is not above b1. */
static uint32_t power_of(const stage *s, uint32_t prime)
{
    uint64_t power = prime;
    while (power * prime <= s->b1)
        power *= prime;
    return (uint32_t)power;
}

/* Whether x is 1 modulo any prime of n. */
static bool has_found(stage *s)
{
    mpz_sub_ui(s->rest, s->x, 1);
    mpz_gcd(s->divisor, s->rest, s->n);
    return mpz_cmp_ui(s->divisor, 1) > 0;
}

static bool has_found_all(const stage *s)
{
    return mpz_cmp(s->divisor, s->n) == 0;
}

/* Raises x to the next primes, none above `last`; false where there are no more. */
static bool do_chunk(stage *s, n_primes_t primes, uint32_t *next, uint32_t last)
{
    mpz_set(s->before, s->x);
    mpz_set_ui(s->exponent, 1);
    for (s->count = 0;
         *next <= last && s->count < CHUNK_PRIMES && mpz_sizeinbase(s->exponent, 2) < CHUNK_BITS;
         *next = (uint32_t)n_primes_next(primes)) {
        s->primes[s->count++] = *next;
        mpz_mul_ui(s->exponent, s->exponent, power_of(s, *next));
    }
    mpz_powm(s->x, s->x, s->exponent, s->n);
    return s->count > 0;
}

/* Goes through the chunk that has found all primes of n again, prime by prime: to the first that
 * finds any, which is returned. */
static uint32_t redo_chunk(stage *s)
{
    mpz_set(s->x, s->before);
    for (unsigned i = 0; i < s->count; i++) {
        for (uint32_t power = power_of(s, s->primes[i]); power > 1; power /= s->primes[i]) {
            mpz_powm_ui(s->x, s->x, s->primes[i], s->n);
            if (has_found(s))
                return s->primes[i];
        }
    }
    return 2; /* not reached: the chunk as a whole has found */
}

/* Raises `start` to the primes up to `last`. *at = the prime that has found all of n at once, else
 * 0. */
static fan_status run(stage *s, uint32_t last, const fani_effort *effort, uint32_t *at)
{
    n_primes_t primes;
    fan_status status = FAN_OK;
    bool found = false;
    n_primes_init(primes);
    uint32_t next = (uint32_t)n_primes_next(primes);
    mpz_set(s->x, s->start);
    *at = 0;
    while (status == FAN_OK && !found && do_chunk(s, primes, &next, last)) {
        found = has_found(s);
        if (fani_is_cancelled(effort))
            status = FAN_E_CANCELLED;
    }
    n_primes_clear(primes);
    if (status == FAN_OK && found && has_found_all(s)) {
        uint32_t prime = redo_chunk(s);
        *at = has_found_all(s) ? prime : 0;
    }
    return status;
}

/* Where one prime finds all of n at once, it is the largest one in the order of each: the next try
 * begins with it, so that the smaller ones decide. */
fan_status fani_p_minus_1(mpz_srcptr n, uint64_t base, uint32_t b1, const fani_effort *effort,
                          mpz_ptr power, mpz_ptr divisor)
{
    stage s = {.n = n, .b1 = b1, .x = power, .divisor = divisor};
    uint32_t last = b1, at = 0;
    mpz_init_set_ui(s.start, base);
    mpz_inits(s.before, s.exponent, s.rest, NULL);
    mpz_set_ui(divisor, 1);
    fan_status status = run(&s, last, effort, &at);
    while (status == FAN_OK && at > 2) {
        mpz_powm_ui(s.start, s.start, power_of(&s, at), n);
        last = at - 1;
        status = run(&s, last, effort, &at);
    }
    if (status == FAN_OK && has_found_all(&s)) {
        mpz_set_ui(divisor, 1);
        mpz_set_ui(power, 1);
    }
    mpz_clears(s.start, s.before, s.exponent, s.rest, NULL);
    return status;
}
