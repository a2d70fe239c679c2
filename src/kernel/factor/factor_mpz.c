#include "factor_internal.h"
#include "gmp_ecm.h"
#include "small_primes.h"
#include "split.h"

#include "base/error.h"

#include <string.h>

enum {
    /* Above 128 bits all primes below this are tried: a step of rho costs much more there. */
    WIDE_TRIAL_END = 65536,
    /* No more odd primes than this have a product below 2^64. */
    GROUP_MAX = 15,
};

/* Primes that are tried together: one remainder by their product tells all of theirs. */
typedef struct trial {
    fan_factorization *f;
    mpz_t rest;
    fani_effort *effort;
    uint64_t product;
    uint32_t primes[GROUP_MAX];
    size_t count;
} trial;

static fan_status divide_out(trial *t, uint32_t prime)
{
    mpz_t value;
    mpz_init_set_ui(value, prime);
    uint64_t exponent = mpz_remove(t->rest, t->rest, value);
    fani_verdict verdict = {FAN_FACTOR_PRIME, FAN_PROOF_U64};
    fan_status status = fani_factorization_add(t->f, value, exponent, verdict);
    if (status == FAN_OK)
        fani_factorization_found_by(t->f, FAN_METHOD_TRIAL);
    mpz_clear(value);
    return status;
}

static fan_status try_group(trial *t)
{
    if (fani_is_cancelled(t->effort))
        return FAN_E_CANCELLED;
    fan_status status = FAN_OK;
    uint64_t remainder = mpz_fdiv_ui(t->rest, t->product);
    for (size_t i = 0; i < t->count && status == FAN_OK; i++) {
        if (remainder % t->primes[i] == 0)
            status = divide_out(t, t->primes[i]);
    }
    t->product = 1;
    t->count = 0;
    return status;
}

static fan_status try_prime(trial *t, uint32_t prime)
{
    uint64_t product;
    if (__builtin_mul_overflow(t->product, prime, &product)) {
        fan_status status = try_group(t);
        if (status != FAN_OK)
            return status;
        product = prime;
    }
    t->product = product;
    t->primes[t->count++] = prime;
    return FAN_OK;
}

static fan_status try_wide(trial *t)
{
    bool composite[WIDE_TRIAL_END / 2] = {false}; /* [i] is of 2i + 1 */
    fan_status status = FAN_OK;
    for (uint32_t p = 3; p < WIDE_TRIAL_END && status == FAN_OK; p += 2) {
        if (composite[p / 2])
            continue;
        for (uint32_t multiple = p * p; p < 256 && multiple < WIDE_TRIAL_END; multiple += 2 * p)
            composite[multiple / 2] = true;
        if (p >= FANI_SMALL_PRIMES_END)
            status = try_prime(t, p);
    }
    return status;
}

/* Moves the small primes from t->rest to the factorization. */
static fan_status divide_by_small(trial *t)
{
    fan_status status = FAN_OK;
    if (mpz_even_p(t->rest))
        status = divide_out(t, 2);
    for (size_t i = 0; i < FANI_SMALL_PRIMES && status == FAN_OK && mpz_size(t->rest) > 1; i++)
        status = try_prime(t, fani_small_primes[i].prime);
    bool wide = mpz_size(t->rest) > 2;
    if (status == FAN_OK && wide)
        status = try_wide(t);
    if (status == FAN_OK && t->count > 0)
        status = try_group(t);
    if (status == FAN_OK && mpz_size(t->rest) > 1)
        t->f->tried_below = wide ? WIDE_TRIAL_END : FANI_SMALL_PRIMES_END;
    return status;
}

static uint64_t as_u64(mpz_srcptr n)
{
    return mpz_getlimbn(n, 0);
}

/* Replaces entry i, below 2^64, by its primes. */
static fan_status resolve_u64(fan_factorization *f, size_t i)
{
    fan_factors_u64 factors;
    uint64_t exponent = f->entries[i].exponent;
    fan_factor_method whole = f->entries[i].method;
    fan_status status = fan_factor_u64(as_u64(f->entries[i].value), &factors);
    mpz_t prime;
    mpz_init(prime);
    for (size_t k = 0; k < factors.count && status == FAN_OK; k++) {
        mpz_set_ui(prime, factors.prime[k]);
        status = fani_factorization_add(f, prime, exponent * factors.exponent[k],
                                        (fani_verdict){FAN_FACTOR_PRIME, FAN_PROOF_U64});
        if (status == FAN_OK)
            fani_factorization_found_by(f, fani_factors_method(&factors, k, whole));
    }
    mpz_clear(prime);
    if (status == FAN_OK)
        fani_factorization_remove(f, i);
    return status;
}

/* If the entry is a perfect power, puts the root in its place. Its prime factors have 12 bits at
 * least, which bounds the exponents. */
static bool take_root(fani_factor_entry *entry)
{
    if (!mpz_perfect_power_p(entry->value))
        return false;
    bool exact = false;
    mpz_t root;
    mpz_init(root);
    for (unsigned long k = 2; 12 * (k - 1) < mpz_sizeinbase(entry->value, 2) && !exact; k++) {
        exact = mpz_root(root, entry->value, k) != 0;
        if (exact) {
            mpz_swap(entry->value, root);
            entry->exponent *= k;
            entry->method = FAN_METHOD_POWER;
        }
    }
    mpz_clear(root);
    return exact;
}

/* Splits composite entry i into two of unknown kind. FAN_E_EFFORT and FAN_E_CANCELLED mark it as
 * composite. */
static fan_status split(fan_factorization *f, size_t i, fani_effort *effort)
{
    mpz_t divisor;
    mpz_init(divisor);
    effort->at = f->entries[i].at;
    fan_status status = fani_split(f->entries[i].value, effort, divisor);
    f->entries[i].at = effort->at;
    if (status == FAN_OK)
        status = fani_factorization_add(f, divisor, f->entries[i].exponent, f->entries[i].verdict);
    if (status == FAN_OK) {
        fani_factorization_found_by(f, effort->method);
        f->entries[i].method = effort->method;
        f->entries[f->count - 1].at = effort->at;
        mpz_divexact(f->entries[i].value, f->entries[i].value, divisor);
    }
    if (status == FAN_E_EFFORT || status == FAN_E_CANCELLED)
        f->entries[i].verdict.kind = FAN_FACTOR_COMPOSITE;
    if (status == FAN_E_EFFORT)
        f->entries[i].left = effort->left;
    mpz_clear(divisor);
    return status;
}

/* Takes one step with entry i, whose kind is not known yet. */
static fan_status resolve(fan_factorization *f, size_t i, fani_effort *effort)
{
    fani_factor_entry *entry = &f->entries[i];
    if (mpz_size(entry->value) <= 1)
        return resolve_u64(f, i);
    if (fani_is_cancelled(effort))
        return FAN_E_CANCELLED;
    fani_verdict verdict;
    fan_status status = fani_judge_mpz(entry->value, &verdict);
    if (status != FAN_OK)
        return status;
    if (verdict.kind == FAN_FACTOR_PRIME) {
        entry->verdict = verdict;
        return FAN_OK;
    }
    return take_root(entry) ? FAN_OK : split(f, i, effort);
}

/* Resolves entries until none is unknown. Parts that the effort does not split do not stop the
 * others; they make the answer FAN_E_EFFORT. */
static fan_status resolve_all(fan_factorization *f, fani_effort *effort)
{
    fan_status answer = FAN_OK;
    for (size_t i = 0; i < f->count;) {
        if (f->entries[i].verdict.kind != FAN_FACTOR_UNKNOWN) {
            if (f->entries[i].verdict.kind == FAN_FACTOR_COMPOSITE)
                answer = FAN_E_EFFORT;
            i++;
            continue;
        }
        fan_status status = resolve(f, i, effort);
        if (status != FAN_OK && status != FAN_E_EFFORT)
            return status;
    }
    return answer;
}

static fan_status factor_positive(fan_factorization *f, fani_effort *effort)
{
    trial t = {.f = f, .effort = effort, .product = 1};
    mpz_init_set(t.rest, f->number);
    fani_verdict unknown = {FAN_FACTOR_UNKNOWN, FAN_PROOF_NONE};
    fan_status status = mpz_size(t.rest) > 1 ? divide_by_small(&t) : FAN_OK;
    if (mpz_cmp_ui(t.rest, 1) > 0 && status != FAN_E_MEMORY) {
        bool divided = f->count > 0;
        fan_status added = fani_factorization_add(f, t.rest, 1, unknown);
        if (added != FAN_OK)
            status = added;
        else if (divided)
            fani_factorization_found_by(f, FAN_METHOD_TRIAL);
    }
    if (status == FAN_OK && fani_has_more_digits(t.rest, FAN_FACTOR_MAX_DIGITS))
        status = FAN_E_EFFORT;
    else if (status == FAN_OK)
        effort->steps = fani_rho_steps(t.rest, effort->digits);
    mpz_clear(t.rest);
    return status == FAN_OK ? resolve_all(f, effort) : status;
}

/* The error's text for what factoring `f` ended with. */
static fan_status report(fan_status status, const fan_factorization *f, fan_error *error)
{
    if (status == FAN_OK)
        return FAN_OK;
    if (status == FAN_E_FAILED)
        return fani_error_set(error, status,
                              "the factors found do not multiply back to the number");
    if (status != FAN_E_EFFORT)
        return fani_error_set(error, status, "factoring: %s", fan_status_text(status));
    if (f->entries[f->count - 1].verdict.kind == FAN_FACTOR_UNKNOWN)
        return fani_error_set(error, status,
                              "a part is longer than %d digits: only small primes were tried",
                              FAN_FACTOR_MAX_DIGITS);
    return fani_error_set(error, status, "a composite part was not split within the effort");
}

fan_status fani_effort_of(const fan_factor_options *options, fani_effort *effort, fan_error *error)
{
    unsigned digits = options->digits;
    *effort = (fani_effort){.digits = digits ? digits : FANI_DIGITS_USUAL,
                            .usual = digits == 0,
                            .work = digits ? UINT64_MAX : fani_gmp_ecm_usual_work(),
                            .cancelled = options->cancelled,
                            .context = options->context,
                            .isa = fani_isa_wanted(),
                            .planned = fani_isa_wanted(),
                            .pinned = options->isa != NULL};
    if (options->isa && !fani_isa_named(options->isa, &effort->planned))
        return fani_error_set(error, FAN_E_ARGUMENT, "there is no instruction set '%.40s' here",
                              options->isa);
    if (effort->planned < effort->isa)
        effort->isa = effort->planned;
    if (digits > FAN_FACTOR_DIGITS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "factors of at most %d digits can be looked for",
                              FAN_FACTOR_DIGITS_MAX);
    return FAN_OK;
}

/* What is in *out is checked and put in order, or it becomes the factorization of 1. */
static fan_status finish(fan_factorization *out, const fani_effort *effort, fan_status status,
                         fan_error *error)
{
    out->steps = effort->steps;
    out->work = effort->work;
    if (status != FAN_E_MEMORY && status != FAN_E_FAILED && !fani_factorization_finish(out))
        status = FAN_E_FAILED;
    if (status == FAN_E_MEMORY || status == FAN_E_FAILED) {
        mpz_t one;
        mpz_init_set_ui(one, 1);
        fani_factorization_reset(out, one);
        mpz_clear(one);
    }
    return report(status, out, error);
}

fan_status fani_factor_mpz(mpz_srcptr n, const fan_factor_options *options, fani_large_sieve *sieve,
                           size_t leave_bits, fan_factorization *out, fan_error *error)
{
    fani_effort effort;
    if (mpz_sgn(n) < 0)
        return fani_error_set(error, FAN_E_ARGUMENT, "a negative number has no factorization");
    fan_status status = fani_effort_of(options, &effort, error);
    if (status != FAN_OK)
        return status;
    effort.sieve = sieve;
    effort.leave_bits = leave_bits;
    fani_factorization_reset(out, n);
    status = mpz_sgn(out->number) > 0 ? factor_positive(out, &effort) : FAN_OK;
    return finish(out, &effort, status, error);
}

fan_status fani_factor_go_on(fan_factorization *f, const fan_factor_options *options,
                             fani_large_sieve *sieve, size_t leave_bits, fan_error *error)
{
    fani_effort effort;
    fan_status status = fani_effort_of(options, &effort, error);
    if (status != FAN_OK)
        return status;
    effort.sieve = sieve;
    effort.leave_bits = leave_bits;
    effort.steps = f->steps;
    effort.work = f->work;
    for (size_t i = 0; i < f->count; i++) {
        if (f->entries[i].left)
            f->entries[i].verdict.kind = FAN_FACTOR_UNKNOWN;
        f->entries[i].left = false;
    }
    return finish(f, &effort, resolve_all(f, &effort), error);
}
