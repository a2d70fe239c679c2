#include "rho.h"

#include "factor_internal.h"

enum {
    FIRST_LAP = 64,
    /* Before curves, on numbers that are too long for the engines of wide.h, of so many words and
     * fewer: primes of up to 10 digits, in less time than the first curves would take. */
    STEPS_BEFORE_CURVES = 1 << 17,
    SHORT_WORDS = 8,
};

uint64_t fani_rho_steps(mpz_srcptr n, unsigned digits)
{
    uint64_t words = mpz_size(n) > SHORT_WORDS ? mpz_size(n) : SHORT_WORDS;
    if (digits >= FANI_DIGITS_CURVES)
        return (uint64_t)STEPS_BEFORE_CURVES * SHORT_WORDS / words;
    uint64_t steps = digits % 2 == 0 ? 200 : 632; /* 200 sqrt(10^digits): s steps find s^2 / 4 */
    for (; digits >= 2; digits -= 2)
        steps *= 10;
    return steps / 100;
}

uint64_t fani_key_of(mpz_srcptr n)
{
    uint64_t key = 0;
    for (size_t i = 0; i < mpz_size(n); i++)
        key = fani_rho_constant(key ^ mpz_getlimbn(n, (mp_size_t)i), i);
    return key;
}

static fan_status spend(fani_effort *effort, uint64_t steps)
{
    if (fani_is_cancelled(effort))
        return FAN_E_CANCELLED;
    if (effort->steps < steps)
        return FAN_E_EFFORT;
    effort->steps -= steps;
    return FAN_OK;
}

typedef struct rho {
    const fani_rho_ops *ops;
    void *state;
    mpz_srcptr n;
    fani_effort *effort;
} rho;

/* Several primes may have met within the chunk: look at its steps one by one. *divisor is n in the
 * end if they met in the same step. */
static void retrace(const rho *r, mpz_ptr divisor)
{
    while (mpz_cmp(divisor, r->n) == 0 || mpz_cmp_ui(divisor, 1) == 0) {
        r->ops->retrace(r->state, divisor);
        mpz_gcd(divisor, divisor, r->n);
        if (mpz_cmp(divisor, r->n) == 0)
            return;
    }
}

/* `lap` steps in chunks; with a `divisor` to set it looks for one after each chunk, and leaves 1
 * when there is none. */
static fan_status run_lap(const rho *r, uint64_t lap, mpz_ptr divisor)
{
    for (uint64_t done = 0; done < lap; done += r->ops->chunk) {
        uint64_t steps = lap - done < r->ops->chunk ? lap - done : r->ops->chunk;
        fan_status status = spend(r->effort, steps);
        if (status != FAN_OK)
            return status;
        if (!divisor) {
            r->ops->advance(r->state, steps);
            continue;
        }
        r->ops->collect(r->state, steps);
        r->ops->product(r->state, divisor);
        mpz_gcd(divisor, divisor, r->n);
        if (mpz_cmp_ui(divisor, 1) != 0) {
            retrace(r, divisor);
            return FAN_OK;
        }
    }
    return FAN_OK;
}

static fan_status walk(const rho *r, mpz_ptr divisor)
{
    for (uint64_t lap = FIRST_LAP;; lap *= 2) {
        r->ops->mark(r->state);
        fan_status status = run_lap(r, lap, NULL);
        if (status == FAN_OK)
            status = run_lap(r, lap, divisor);
        if (status != FAN_OK || mpz_cmp_ui(divisor, 1) != 0)
            return status;
    }
}

fan_status fani_rho_mpz(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    rho r = {.n = n, .effort = effort};
    r.ops = mpz_sizeinbase(n, 2) <= 128 ? &fani_rho_two_words : &fani_rho_mpn;
    r.state = r.ops->create(n);
    if (!r.state)
        return FAN_E_MEMORY;
    uint64_t seed = fani_key_of(n);
    fan_status status;
    uint64_t attempt = 0;
    do {
        r.ops->start(r.state, fani_rho_constant(seed, 2 * attempt),
                     fani_rho_constant(seed, 2 * attempt + 1));
        status = walk(&r, divisor);
        attempt++;
    } while (status == FAN_OK && mpz_cmp(divisor, n) == 0);
    r.ops->destroy(r.state);
    return status;
}
