/* Greatest common divisors and what follows from them, of machine words and of integers of any
 * size. The functions on arrays work on many pairs at once, in the lanes of the widest vectors that
 * the machine has; FANFOLD_ISA=scalar or avx2 in the environment asks for less. All ways give the
 * same answers. */
#ifndef FANFOLD_GCD_H
#define FANFOLD_GCD_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The greatest common divisor of `a` and `b`; gcd(0, 0) is 0. Any thread. Source: binary gcd
 * (Stein 1967), all trailing zeros dropped at once. */
FAN_API uint64_t fan_gcd_u64(uint64_t a, uint64_t b);

/* out[i] = gcd(a[i], b[i]) for i < n. `out` may be `a` or `b`, but not overlap them otherwise; n
 * may be 0. A hundred pairs and more in one call are fastest. Allocates nothing. Any thread.
 * Source: as fan_gcd_u64, in lanes. */
FAN_API void fan_gcd_u64_array(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n);

/* The greatest common divisor of values[0..n-1]: 0 for none or for zeros alone. Stops at 1.
 * Allocates nothing. Any thread. Source: a value that the gcd so far divides is passed over, which
 * one product shows (Granlund, Montgomery 1994). */
FAN_API uint64_t fan_gcd_u64_list(const uint64_t *values, size_t n);

/* *lcm = the least common multiple of `a` and `b`, 0 where one of them is 0. False where it is 2^64
 * or more: *lcm is then 0. Any thread. */
FAN_API bool fan_lcm_u64(uint64_t a, uint64_t b, uint64_t *lcm);

/* out[i] = the least common multiple of a[i] and b[i] for i < n, as fan_lcm_u64 has it; returns how
 * many are 2^64 or more, where 0 stands. `out` may be `a` or `b`, but not overlap them otherwise.
 * Allocates nothing. Any thread. */
FAN_API size_t fan_lcm_u64_array(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n);

/* Whether gcd(a, b) is 1; for i < n, out[i]. `out` does not overlap `a` or `b`. Allocates nothing.
 * Any thread. */
FAN_API bool fan_coprime_u64(uint64_t a, uint64_t b);
FAN_API void fan_coprime_u64_array(const uint64_t *a, const uint64_t *b, bool *out, size_t n);

/* Returns g = gcd(a, b), and *x and *y with a * *x + b * *y = g. They are the least such: |*x| is
 * at most b / 2g and |*y| at most a / 2g, but for *x = 0, *y = 1 where b divides a (b not 0), and
 * *x = 1, *y = 0 where a divides b and is less (or b is 0); (0, 0) has 0 and 0. So for 1 < b, gcd
 * 1, *x is the inverse of a mod b, after adding b where it is negative. Any thread. Source:
 * Euclid's algorithm, extended; as mpz_gcdext chooses among the solutions. */
FAN_API uint64_t fan_gcdext_u64(uint64_t a, uint64_t b, int64_t *x, int64_t *y);

/* *gcd = the greatest common divisor of `a` and `b`, of any size and sign; never negative, and 0
 * only for (0, 0). `gcd` is initialized by the caller and may be `a` or `b`. GMP ends the process
 * when memory runs out. Any thread, as long as no other uses `gcd`. */
FAN_API void fan_gcd_mpz(mpz_srcptr a, mpz_srcptr b, mpz_ptr gcd);

/* *gcd = the greatest common divisor of values[0..count-1]: 0 for none, the absolute value for one.
 * An array `mpz_t v[3]` is passed as v[0]. Stops at the first common divisor 1. `gcd` is
 * initialized by the caller and is none of the values. Any thread, as fan_gcd_mpz. */
FAN_API void fan_gcd_list(mpz_srcptr values, size_t count, mpz_ptr gcd);

/* out[i] = gcd(a[i], b[i]) for i < n, integers of `limbs` limbs each, the lowest limb first, one
 * integer behind the other; of any length below that. `out` may be `a` or `b`, but not overlap them
 * otherwise; n and `limbs` may be 0. 32 pairs and more of about the same length in one call are
 * fastest. Errors: FAN_E_MEMORY, before anything is written. GMP ends the process when memory runs
 * out. Any thread. Source: divsteps in lanes (Bernstein, Yang 2019) up to 40960 bits where the
 * machine has AVX-512, GMP's for longer ones and elsewhere. */
FAN_API fan_status fan_gcd_limbs_array(const mp_limb_t *a, const mp_limb_t *b, mp_limb_t *out,
                                       size_t limbs, size_t n);

/* out[i] = gcd(a[i], b[i]) for i < n, of any size and sign, as fan_gcd_mpz. An array `mpz_t v[3]`
 * is passed as v[0]. out[i], initialized by the caller, may be a[i] or b[i] and no other of them.
 * Those of one length are worked on together, in whatever order they come. Errors: FAN_E_MEMORY,
 * before anything is written. GMP ends the process when memory runs out. Any thread. Source: as
 * fan_gcd_limbs_array. */
FAN_API fan_status fan_gcd_mpz_array(mpz_srcptr a, mpz_srcptr b, mpz_ptr out, size_t n);

/* *lcm = the least common multiple of `a` and `b`, of any size and sign; never negative, 0 where
 * one of them is 0. `lcm` may be `a` or `b`. Otherwise as fan_gcd_mpz. */
FAN_API void fan_lcm_mpz(mpz_srcptr a, mpz_srcptr b, mpz_ptr lcm);

/* *gcd = g = gcd(a, b), and *x and *y with a * *x + b * *y = g, the least such, as fan_gcdext_u64
 * has them: |*x| is at most |b| / 2g, and |*y| at most |a| / 2g, but for factors 0 and 1 or -1
 * where one of them divides the other. gcd, x and y are initialized by the caller, three different
 * ones; each may be `a` or `b`. Otherwise as fan_gcd_mpz. */
FAN_API void fan_gcdext_mpz(mpz_srcptr a, mpz_srcptr b, mpz_ptr gcd, mpz_ptr x, mpz_ptr y);

/* Whether gcd(a, b) is 1. Otherwise as fan_gcd_mpz. */
FAN_API bool fan_coprime_mpz(mpz_srcptr a, mpz_srcptr b);

#ifdef __cplusplus
}
#endif
#endif
