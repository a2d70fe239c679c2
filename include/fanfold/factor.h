/* Primality, factorization and divisors.
 *
 * Up to 64 bits everything is exact and complete, and complete up to FAN_FACTOR_FULL_BITS too.
 * Beyond, the effort is bounded by a count of steps, never by time, so that a number has the same
 * answer on every machine; what the effort did not split is kept as a composite. */
#ifndef FANFOLD_FACTOR_H
#define FANFOLD_FACTOR_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The most distinct primes that a number below 2^64 has (the product of the first 16 is larger). */
#define FAN_FACTORS_U64_MAX 15
/* Bytes for the text of any such factorization, its final NUL included (2^63: 63 twos), and for
 * what is stored behind it by the way. */
#define FAN_FACTORS_U64_TEXT 136
/* Primes beyond 64 bits and of up to this many digits are proven; longer ones are only probable. */
#define FAN_FACTOR_PROOF_DIGITS 500
/* Numbers of up to so many bits, and longer ones of which no more is left without their small
 * primes, are factored completely, by the quadratic sieve in the end: on a core of today 63 digits
 * take about a second, 70 some seconds, 80 a minute, 90 seven minutes, 100 an hour. Who does not
 * want to wait so long sets fan_factor_options.cancelled; fan_job_run has all workers do it, and
 * keeps what is done (job.h). */
#define FAN_FACTOR_FULL_BITS 332
/* The most that fan_factor_options.digits may ask for: weeks for a number of 100 digits. */
#define FAN_FACTOR_DIGITS_MAX 50
/* What is longer than this after trial division is left as it is. */
#define FAN_FACTOR_MAX_DIGITS 10000
/* fan_divisors refuses to list more divisors than this unless told otherwise. */
#define FAN_DIVISORS_LIMIT 10000000

/* The factorization of a number below 2^64: prime[0] < prime[1] < ..., each exponent at least 1. */
typedef struct fan_factors_u64 {
    uint64_t prime[FAN_FACTORS_U64_MAX];
    uint8_t exponent[FAN_FACTORS_U64_MAX];
    uint8_t count;
} fan_factors_u64;

/* Whether `n` is prime: an exact answer. Any thread. Source: Miller-Rabin to bases that leave no
 * composite below 2^64 (see prime.c). */
FAN_API bool fan_is_prime_u64(uint64_t n);

/* prime[i] = whether n[i] is prime, for i < count: exact answers, much faster than one by one. The
 * arrays do not overlap. Allocates nothing. Any thread. The environment variable FANFOLD_ISA
 * (scalar, avx2) keeps it from faster instructions that the machine has. Source: a strong test to
 * base 2 and a Lucas test, which together leave no composite below 2^64 (see prime_batch.c). */
FAN_API void fan_is_prime_u64_array(const uint64_t *n, bool *prime, size_t count);

/* Factors `n` completely into *out, which the caller owns; 0 and 1 give no primes at all. Returns
 * FAN_OK, or FAN_E_FAILED when the primes do not multiply back to `n` (a broken machine). Allocates
 * nothing. Any thread. Source: trial division, Hart's method, elliptic curves (docs/factoring.md).
 */
FAN_API fan_status fan_factor_u64(uint64_t n, fan_factors_u64 *out);

/* out[i] = the factorization of n[i] for i < count, as fan_factor_u64 but several times as fast
 * from some dozens of numbers on, because they share vectors. The arrays do not overlap.
 * FAN_E_FAILED as there, after all are done. Takes about 120 kB of stack. Any thread. The
 * environment variable FANFOLD_ISA acts as in fan_is_prime_u64_array. */
FAN_API fan_status fan_factor_u64_array(const uint64_t *n, fan_factors_u64 *out, size_t count);

/* Writes the primes in ascending order, each as often as it divides, one blank between ("2 2 3");
 * nothing for 0 and 1. `text` has FAN_FACTORS_U64_TEXT bytes. Returns the length. Any thread. */
FAN_API size_t fan_factors_u64_text(const fan_factors_u64 *factors, char *text);

/* How many divisors the factored number has: at most 184320; 1 for the empty factorization. */
FAN_API uint64_t fan_divisor_count_u64(const fan_factors_u64 *factors);

/* Writes all divisors in ascending order into `out`, which has room for fan_divisor_count_u64
 * numbers. (For 0, which has no such list, it writes 1: ask before.) Any thread. */
FAN_API void fan_divisors_u64(const fan_factors_u64 *factors, uint64_t *out);

/* Arithmetic functions of a factored number below 2^64; for 0, which has none of them, they are
 * those of 1: ask before. Any thread. Source of phi, mu, d and sigma: Hardy and Wright, "An
 * Introduction to the Theory of Numbers", chapter 16; of the others OEIS A008836 (Liouville),
 * A001222, A007947 (radical), A007913 (squarefree part). The names of PARI/GP are in brackets.
 *
 * fan_divisor_sum_u64: sum[0] + 2^64 sum[1] = the sum of all divisors [sigma]; it is below 2^67. */
FAN_API void fan_divisor_sum_u64(const fan_factors_u64 *factors, uint64_t sum[2]);

/* How many of 1, ..., n have no factor in common with n: Euler's phi [eulerphi]. */
FAN_API uint64_t fan_totient_u64(const fan_factors_u64 *factors);

/* Moebius' mu [moebius]: 0 where a square above 1 divides n, else -1 to the number of primes.
 * Liouville's lambda: -1 to the number of primes, each counted as often as it divides. */
FAN_API int fan_moebius_u64(const fan_factors_u64 *factors);
FAN_API int fan_liouville_u64(const fan_factors_u64 *factors);

/* How many primes divide n, each counted as often as it does [bigomega]. (The number of distinct
 * ones [omega] is factors->count.) */
FAN_API unsigned fan_big_omega_u64(const fan_factors_u64 *factors);

/* The radical: the product of the distinct primes. The squarefree part [core]: that of the primes
 * whose exponents are odd, so that n is its product with a square. The smooth part: that of all
 * prime powers in n whose primes are at most `bound`. */
FAN_API uint64_t fan_radical_u64(const fan_factors_u64 *factors);
FAN_API uint64_t fan_squarefree_part_u64(const fan_factors_u64 *factors);
FAN_API uint64_t fan_smooth_part_u64(const fan_factors_u64 *factors, uint64_t bound);

/* What is known of one entry of a factorization. */
typedef enum fan_factor_kind {
    FAN_FACTOR_PRIME,     /* proven, or probable: see fan_factor_proof */
    FAN_FACTOR_COMPOSITE, /* surely composite; the effort did not split it */
    FAN_FACTOR_UNKNOWN,   /* too long to test */
} fan_factor_kind;

/* Who proved an entry prime. */
typedef enum fan_factor_proof {
    FAN_PROOF_NONE,      /* nobody: a probable prime, a composite, an unknown */
    FAN_PROOF_U64,       /* below 2^64: deterministic Miller-Rabin or trial division */
    FAN_PROOF_FLINT,     /* FLINT's fmpz_is_prime */
    FAN_PROOF_N_MINUS_1, /* the prime factors of n - 1, as far as they are needed (prime_proof.h) */
} fan_factor_proof;

/* What found an entry: the last step that split something of which it is a part. Answers do not
 * depend on the instruction set, but which method was there first may, where curves and the sieve
 * are both worth while (docs/factoring.md). */
typedef enum fan_factor_method {
    FAN_METHOD_NONE,  /* nothing was split: it is the number itself */
    FAN_METHOD_TRIAL, /* trial division, or what that left */
    FAN_METHOD_U64,   /* what is there for words of 64 bits: curves, Hart's method, roots, rho */
    FAN_METHOD_POWER, /* the root of a perfect power */
    FAN_METHOD_RHO,   /* Pollard's rho */
    FAN_METHOD_P_MINUS_1, /* Pollard's p - 1 */
    FAN_METHOD_ECM,       /* elliptic curves */
    FAN_METHOD_SIQS,      /* the self-initializing quadratic sieve */
} fan_factor_method;

/* What found prime i < count of a number below 2^64; depends on the number alone. Any thread. */
FAN_API fan_factor_method fan_factors_u64_method(const fan_factors_u64 *factors, size_t i);

/* The factorization of one number of any size: entries of a value and an exponent. Primes come
 * first, in ascending order, then composites, then an unknown. An object belongs to its creator and
 * may be used for one number after another; used by one thread at a time. */
typedef struct fan_factorization fan_factorization;

/* Makes an empty object: the factorization of 1. FAN_E_MEMORY leaves *out untouched. */
FAN_API fan_status fan_factorization_create(fan_factorization **out);

/* Frees it; NULL is fine. */
FAN_API void fan_factorization_destroy(fan_factorization *factorization);

/* The number that was factored. Owned by the object, valid until its next change. */
FAN_API mpz_srcptr fan_factorization_number(const fan_factorization *factorization);

/* The number of entries, and what they are for i < count. A value is owned by the object and valid
 * until its next change. Any thread while nobody changes the object. */
FAN_API size_t fan_factorization_count(const fan_factorization *factorization);
FAN_API mpz_srcptr fan_factorization_value(const fan_factorization *factorization, size_t i);
FAN_API uint64_t fan_factorization_exponent(const fan_factorization *factorization, size_t i);
FAN_API fan_factor_kind fan_factorization_kind(const fan_factorization *factorization, size_t i);
FAN_API fan_factor_proof fan_factorization_proof(const fan_factorization *factorization, size_t i);
FAN_API fan_factor_method fan_factorization_method(const fan_factorization *factorization,
                                                   size_t i);

/* Whether every entry is prime (probable ones included). */
FAN_API bool fan_factorization_complete(const fan_factorization *factorization);

/* Makes the text that coreutils factor prints right of "n: ": ascending primes, repeated by their
 * exponents, one blank between; then "cN" for each unsplit composite and "?N" for an unknown.
 * Empty for 0 and 1. The caller frees *text with free(). FAN_E_MEMORY leaves *text untouched. */
FAN_API fan_status fan_factorization_text(const fan_factorization *factorization, char **text);

/* How hard to try, and when to stop. All zero is a good default. */
typedef struct fan_factor_options {
    /* Prime factors of up to so many digits are looked for, 1 to FAN_FACTOR_DIGITS_MAX, however
     * long it takes: most that there are will be found. Below 15 Pollard's rho is all that is
     * tried. Numbers of up to twice as many digits and FAN_FACTOR_FULL_BITS are factored
     * completely. 0: 30 digits in numbers of up to 150 digits (minutes), fewer in longer ones, by a
     * bound on the work of the whole number; and what has up to FAN_FACTOR_FULL_BITS is factored
     * completely. */
    unsigned digits;
    /* Called with `context` on the calling thread many times a second (every 128 or 512 steps
     * of rho, every 16 curves or polynomials, every prime of a longer curve); true stops. A
     * primality test is not interrupted (500 digits with a proof, or 10 000 without: several
     * seconds). May be NULL. */
    bool (*cancelled)(void *context);
    void *context;
    /* "scalar", "avx2" or "avx512": the methods are tried as they are quickest with these
     * instructions, on every machine, and curves in whole rounds, so that unlike machines find a
     * number's factors by the same methods (fan_factorization_method); no faster instructions are
     * used. NULL: those that the machine has, or fewer by FANFOLD_ISA; a round ends as soon as
     * something was found. */
    const char *isa;
} fan_factor_options;

/* fan_factor_mpz with the size of the caller's options: call that one. */
FAN_API fan_status fan_factor_mpz_sized(mpz_srcptr n, const fan_factor_options *options,
                                        size_t options_size, fan_factorization *out,
                                        fan_error *error);

/* Factors n >= 0 of any size into *out; n may be a value of *out. `options` may be NULL. 0 and 1
 * have no entries. What is in *out always multiplies back to n, on these errors too: FAN_E_EFFORT,
 * a composite or unknown part is left; FAN_E_CANCELLED, stopped by the hook, an untested part is
 * marked as unknown. On FAN_E_ARGUMENT (n is negative, options->digits too large, options->isa
 * unknown) *out is untouched; after FAN_E_MEMORY and FAN_E_FAILED (the product is wrong: a broken
 * machine) it is the factorization of 1. GMP, FLINT and GMP-ECM end the process when memory runs
 * out. One core; any thread, but FLINT keeps caches per thread: a thread that has factored and ends
 * should call flint_cleanup(). The environment variable FANFOLD_ISA acts as in
 * fan_is_prime_u64_array. Source: trial division, perfect powers, elliptic curves, the
 * self-initializing quadratic sieve, Brent's form of Pollard's rho, p-1 (docs/factoring.md). */
static inline fan_status fan_factor_mpz(mpz_srcptr n, const fan_factor_options *options,
                                        fan_factorization *out, fan_error *error)
{
    return fan_factor_mpz_sized(n, options, sizeof *options, out, error);
}

/* A list of divisors, owned by the caller: values[0] < values[1] < ... */
typedef struct fan_divisor_list {
    mpz_t *values;
    size_t count;
} fan_divisor_list;

/* Lists all divisors of a factored number in ascending order into *out, which need not be
 * initialized; end it with fan_divisor_list_clear. `limit` bounds their number, 0 means
 * FAN_DIVISORS_LIMIT (such a list takes up to 500 MB). Errors, *out untouched: FAN_E_ARGUMENT for
 * 0, FAN_E_EFFORT for an incomplete factorization, FAN_E_TOO_LARGE above the limit, FAN_E_MEMORY.
 * Any thread. */
FAN_API fan_status fan_divisors(const fan_factorization *factorization, uint64_t limit,
                                fan_divisor_list *out, fan_error *error);

/* Frees the values and makes the list empty. */
FAN_API void fan_divisor_list_clear(fan_divisor_list *list);

/* Arithmetic functions, as defined above for numbers below 2^64. */
typedef enum fan_function {
    FAN_FUNCTION_NUMDIV,     /* how many divisors */
    FAN_FUNCTION_SIGMA,      /* the sum of the k-th powers of all divisors */
    FAN_FUNCTION_TOTIENT,    /* Euler's phi */
    FAN_FUNCTION_MOEBIUS,    /* -1, 0 or 1 */
    FAN_FUNCTION_LIOUVILLE,  /* -1 or 1 */
    FAN_FUNCTION_OMEGA,      /* how many distinct primes */
    FAN_FUNCTION_BIG_OMEGA,  /* how many primes, each as often as it divides */
    FAN_FUNCTION_RADICAL,    /* the product of the distinct primes */
    FAN_FUNCTION_SQUAREFREE, /* the product of the primes whose exponents are odd */
    FAN_FUNCTION_SMOOTH,     /* the part whose primes are at most a bound */
} fan_function;

/* The longest value of FAN_FUNCTION_SIGMA, by the bits of n times k: about ten million digits. */
#define FAN_FUNCTION_MAX_BITS 33554432

/* *value (initialized by the caller) = that function of the factored number, exactly. `parameter`
 * is k of SIGMA (0 counts the divisors, 1 adds them), the bound of SMOOTH, and else nothing. Where
 * a factor is only a probable prime so is the answer's truth. Errors, *value untouched:
 * FAN_E_ARGUMENT for 0, which has none of these, and an unknown function; FAN_E_EFFORT for an
 * incomplete factorization (SMOOTH needs none below the bound of trial division, 65536 for numbers
 * of more than 128 bits); FAN_E_TOO_LARGE above FAN_FUNCTION_MAX_BITS. Any thread while nobody
 * changes the factorization. */
FAN_API fan_status fan_factorization_function(const fan_factorization *factorization,
                                              fan_function function, uint64_t parameter,
                                              mpz_ptr value, fan_error *error);

#ifdef __cplusplus
}
#endif
#endif
