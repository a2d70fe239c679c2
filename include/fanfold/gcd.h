/* Greatest common divisors, of machine words and of integers of any size. */
#ifndef FANFOLD_GCD_H
#define FANFOLD_GCD_H

#include <gmp.h>
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
 * may be 0. Allocates nothing. Any thread. */
FAN_API void fan_gcd_u64_array(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n);

/* *gcd = the greatest common divisor of `a` and `b`, of any size and sign; never negative, and 0
 * only for (0, 0). `gcd` is initialized by the caller and may be `a` or `b`. GMP ends the process
 * when memory runs out. Any thread, as long as no other uses `gcd`. */
FAN_API void fan_gcd_mpz(mpz_srcptr a, mpz_srcptr b, mpz_ptr gcd);

/* *gcd = the greatest common divisor of values[0..count-1]: 0 for none, the absolute value for one.
 * An array `mpz_t v[3]` is passed as v[0]. Stops at the first common divisor 1. `gcd` is
 * initialized by the caller and is none of the values. Any thread, as fan_gcd_mpz. */
FAN_API void fan_gcd_list(mpz_srcptr values, size_t count, mpz_ptr gcd);

#ifdef __cplusplus
}
#endif
#endif
