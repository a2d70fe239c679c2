/* The road for a composite number of 65 bits and more: elliptic curves, the sieve, rho,
 * p-1. */
#ifndef FANI_SPLIT_H
#define FANI_SPLIT_H

#include "factor_internal.h"

/* *divisor = a proper divisor of n, which is odd, composite, above 2^64, no perfect power, and has
 * no prime factor below 4096. Errors as fani_rho_mpz; which numbers are split within the effort
 * does not depend on effort->isa. Of what effort->leave_bits leaves to the caller only the
 * beginning is done; effort->left says so, with FAN_E_EFFORT. */
fan_status fani_split(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor);

/* The search that comes before the sieve, or in its place, in pieces: where it stands is
 * effort->at, and each piece is a function of n, the effort, and where it begins and ends, so that
 * pieces can be run anywhere and in any order. The first one that finds something, by its place,
 * finds what the whole search does.
 *
 * fani_split_cut: goes from *at over what costs about `cost` (units of fani_effort.work), and takes
 * from *work what that takes of it where it finds nothing. At least a round or a run; false: the
 * search ends there. Only digits, usual, planned and pinned of the effort count. */
bool fani_split_cut(mpz_srcptr n, const fani_effort *effort, uint64_t cost, fani_progress *at,
                    uint64_t *work);

/* Searches from effort->at up to `to` (NULL: to the end). *divisor = a proper divisor of n, as
 * fani_split wants it, with effort->at, work and method as the search has left them; or 1: nothing
 * up to `to`. FAN_E_EFFORT: nothing to the end. Else errors as fani_split. */
fan_status fani_split_stretch(mpz_srcptr n, fani_effort *effort, const fani_progress *to,
                              mpz_ptr divisor);

/* The digits of the factors that it looks for, about. */
unsigned fani_split_digits(mpz_srcptr n, const fani_effort *effort);

/* Whether the sieve splits n where the search has found nothing. */
bool fani_split_ends_in_sieve(mpz_srcptr n, const fani_effort *effort);

/* Runs the next rounds of curves, from effort->at.round up to `last_round`, until one finds
 * *divisor; 1 where none does, or n is longer than FANI_WIDE_BITS. With `any` the divisor depends
 * on effort->isa, and is found sooner. FAN_E_CANCELLED, FAN_E_MEMORY. */
fan_status fani_split_by_curves(mpz_srcptr n, fani_effort *effort, unsigned last_round, bool any,
                                mpz_ptr divisor);

#endif
