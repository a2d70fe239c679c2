/* The coprime base of the weak moduli: the finest pieces that gcds and exact divisions give. */
#ifndef FANI_GCD_WEAK_BASE_H
#define FANI_GCD_WEAK_BASE_H

#include "trees.h"
#include "weak_halt.h"

/* The natural coprime base of `count` integers above 1: pairwise coprime integers above 1, such
 * that each input is a product of powers of them, and as few as such a base can have.
 *
 * base: an empty list, filled in ascending order. Errors leave it empty: FAN_E_MEMORY,
 * FAN_E_CANCELLED (as `halt` says). Any thread.
 * Method: bases of halves, merged: an element of one meets few of the other, and what two have of
 * each other's primes is coprime to all else. So only pairs are refined. */
fan_status fani_weak_base(mpz_srcptr inputs, size_t count, const fani_weak_halt *halt,
                          fani_mpzs *base);

/* rest = the largest divisor of n that is coprime to g, a divisor of n. n and g above 0, rest and
 * scratch none of them. */
void fani_weak_part_away(mpz_srcptr n, mpz_srcptr g, mpz_ptr rest, mpz_ptr scratch);

#endif
