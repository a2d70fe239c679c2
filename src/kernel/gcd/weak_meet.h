/* The gcds of many moduli with one number, which may be much longer or shorter than they are. */
#ifndef FANI_GCD_WEAK_MEET_H
#define FANI_GCD_WEAK_MEET_H

#include "multiplier.h"
#include "trees.h"

/* gcds: an empty list, filled with gcd(modulus, number) for each of `count` positive moduli; the
 * number is positive. FAN_E_MEMORY, or what the multiplier answers, leaves the list empty. Any
 * thread.
 * Method: the number's remainders by scaled trees over runs of moduli that are together about as
 * long as it is (scaled.h), then gcds in lanes. */
fan_status fani_weak_meet(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                          mpz_srcptr number, fani_mpzs *gcds);

#endif
