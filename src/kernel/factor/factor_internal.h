/* What the files of this folder share, and what a thread that factors needs at its end. */
#ifndef FANI_FACTOR_INTERNAL_H
#define FANI_FACTOR_INTERNAL_H

#include "base/isa.h"
#include "fanfold/factor.h"
#include "montgomery.h"

/* Frees FLINT's caches of the calling thread. A thread that called fan_factor_mpz calls this before
 * it ends, or leaks them; it may factor again afterwards. */
void fani_factor_thread_end(void);

/* Whether m->n, which has no prime factor below 67, is prime. Source: see prime.c. */
bool fani_is_prime_mont(const fani_mont *m);

/* Whether n has more than `digits` decimal digits (n >= 0). */
bool fani_has_more_digits(mpz_srcptr n, size_t digits);

typedef struct fani_verdict {
    fan_factor_kind kind;
    fan_factor_proof proof;
} fani_verdict;

/* Prime or composite, for an odd n above 2^64; proven up to FAN_FACTOR_PROOF_DIGITS. FAN_E_MEMORY
 * leaves *verdict undefined. */
fan_status fani_judge_mpz(mpz_srcptr n, fani_verdict *verdict);

/* A proper divisor of m->n, which is odd, composite and has no small prime factor. */
uint64_t fani_rho_u64(const fani_mont *m);

enum {
    /* The digits of the prime factors that are usually looked for. */
    FANI_DIGITS_USUAL = 30,
    /* Who looks for fewer than these gets rho alone. */
    FANI_DIGITS_CURVES = 15,
};

/* How far the search for the divisors of one composite has come. Its parts go on there: they have
 * none of the small primes that were looked for. */
typedef struct fani_progress {
    unsigned round; /* the next one of split.c */
    unsigned level; /* of gmp_ecm.c, and the next run in it */
    uint32_t run;
    bool has_rho; /* Pollard's rho was tried in vain */
} fani_progress;

/* *divisor = a proper divisor of n, which is odd, composite, no perfect power, has no small prime
 * factor, and FANI_SIEVE_BITS to FAN_FACTOR_FULL_BITS bits. Only the cancel hook of the effort is
 * used; the answer does not depend on isa. FAN_E_EFFORT, FAN_E_CANCELLED, FAN_E_MEMORY,
 * FAN_E_FAILED (the machine computes wrongly). */
struct fani_effort;
typedef fan_status fani_large_sieve(mpz_srcptr n, const struct fani_effort *effort, fani_isa isa,
                                    mpz_ptr divisor);

/* What one call of fan_factor_mpz may still spend. */
typedef struct fani_effort {
    uint64_t steps;  /* of rho */
    uint64_t work;   /* of GMP-ECM's curves: B1 times the number's weight (gmp_ecm.c) */
    unsigned digits; /* of the factors looked for */
    bool usual;      /* the caller has not said how many: the sieve takes all that it can */
    bool (*cancelled)(void *context);
    void *context;
    fani_isa isa;             /* used */
    fani_isa planned;         /* by whose speed the methods are chosen */
    bool pinned;              /* the methods are to be the same on each machine */
    fani_large_sieve *sieve;  /* for what the small one does not take */
    size_t leave_bits;        /* composites of at least so many are left to the caller; 0: none */
    bool left;                /* fani_split has done so */
    fani_progress at;         /* of the composite at hand */
    fan_factor_method method; /* what fani_split has split by */
} fani_effort;

/* fan_factor_mpz but for the sieve of large numbers, which is above this folder. Composites of at
 * least `leave_bits` bits (0: none) that the beginning of the search does not split are left to the
 * caller: FAN_E_EFFORT, and unfinished.h. */
fan_status fani_factor_mpz(mpz_srcptr n, const fan_factor_options *options, fani_large_sieve *sieve,
                           size_t leave_bits, fan_factorization *out, fan_error *error);

/* Goes on with a factorization whose composites were left, with the same options, and where
 * `leave_bits` says so leaves what comes up again. As fani_factor_mpz. */
fan_status fani_factor_go_on(fan_factorization *f, const fan_factor_options *options,
                             fani_large_sieve *sieve, size_t leave_bits, fan_error *error);

/* The effort that these options mean. Errors as of fan_factor_mpz. */
struct fani_effort;
fan_status fani_effort_of(const fan_factor_options *options, struct fani_effort *effort,
                          fan_error *error);

/* Asks the caller's hook whether to stop. */
static inline bool fani_is_cancelled(const fani_effort *effort)
{
    return effort->cancelled && effort->cancelled(effort->context);
}

/* The steps of rho for a number after trial division: those that find most prime factors of
 * `digits` digits where rho is to be all, else those that are worth while before curves. */
uint64_t fani_rho_steps(mpz_srcptr n, unsigned digits);

/* *divisor = a proper divisor of n, which is odd, composite and above 2^64. FAN_E_EFFORT when the
 * steps are spent, FAN_E_CANCELLED, FAN_E_MEMORY: *divisor is then undefined. */
fan_status fani_rho_mpz(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor);

/* A pseudo-random word that depends on n and the number of the try alone. */
uint64_t fani_rho_constant(uint64_t n, uint64_t attempt);

/* A word that depends on all of n: the key of the random numbers that are used for it. */
uint64_t fani_key_of(mpz_srcptr n);

/* *out = x. */
static inline void fani_set_u128(mpz_ptr out, fani_u128 x)
{
    mpz_set_ui(out, (uint64_t)(x >> 64));
    mpz_mul_2exp(out, out, 64);
    mpz_add_ui(out, out, (uint64_t)x);
}

typedef struct fani_factor_entry {
    mpz_t value;
    uint64_t exponent;
    fani_verdict verdict;
    fan_factor_method method;
    fani_progress at; /* of a composite */
    bool left;        /* a composite that is left to the caller: unfinished.h */
} fani_factor_entry;

struct fan_factorization {
    mpz_t number;
    uint32_t tried_below; /* no entry that is not prime has a prime factor below this */
    uint64_t steps, work; /* what is left of fani_effort's */
    fani_factor_entry *entries;
    size_t count;
    size_t capacity;
};

/* Empties a factorization and names the number that it is to be of. */
void fani_factorization_reset(fan_factorization *f, mpz_srcptr n);

/* Appends value^exponent; the value is copied, and its method is none. FAN_E_MEMORY changes
 * nothing. */
fan_status fani_factorization_add(fan_factorization *f, mpz_srcptr value, uint64_t exponent,
                                  fani_verdict verdict);

/* Says what found the entry that was appended last. */
void fani_factorization_found_by(fan_factorization *f, fan_factor_method method);

/* As fan_factors_u64_method for a part that `whole` has found. */
fan_factor_method fani_factors_method(const fan_factors_u64 *factors, size_t i,
                                      fan_factor_method whole);

/* Takes entry i out; the last one gets its place. */
void fani_factorization_remove(fan_factorization *f, size_t i);

/* Whether the entries multiply back to the number. */
bool fani_factorization_multiplies_back(const fan_factorization *f);

/* Sorts the entries, joins equal ones, and returns whether they multiply back to the number. */
bool fani_factorization_finish(fan_factorization *f);

#endif
