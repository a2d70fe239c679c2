/* The coprime base of the weak moduli: the finest pieces that gcds and exact divisions give. */
#ifndef FANI_GCD_WEAK_BASE_H
#define FANI_GCD_WEAK_BASE_H

#include "trees.h"

/* The natural coprime base of `count` integers above 1: pairwise coprime integers above 1, such
 * that each input is a product of powers of them, and as few as such a base can have.
 *
 * hints: a divisor of each input that is known to be a gcd within the set (1 or the input itself
 * where none is); they save time and do not change the result. base: an empty list, filled in
 * ascending order. FAN_E_MEMORY leaves it empty. Any thread.
 * Method: bases of halves, merged; only elements that meet are refined against each other. */
fan_status fani_weak_base(const mpz_srcptr *inputs, const mpz_srcptr *hints, size_t count,
                          fani_mpzs *base);

#endif
