/* Proofs of primality by the factors of n - 1. */
#ifndef FANI_PRIME_PROOF_H
#define FANI_PRIME_PROOF_H

#include <gmp.h>
#include <stdbool.h>

#include "fanfold/status.h"

enum {
    /* Below and above, FLINT's proofs are as fast or no factors can be looked for. */
    FANI_PROOF_BITS_MIN = 82,
    FANI_PROOF_BITS_MAX = 252,
};

/* *proven = whether the odd n, a probable prime of so many bits, could be proven prime: so many
 * prime factors of n - 1 were found that their product F has F^3 > n. False says nothing.
 * FAN_E_MEMORY leaves it undefined. Any thread. Source: Brillhart, Lehmer and Selfridge, "New
 * primality criteria and factorizations of 2^m +- 1", Math. Comp. 29, 1975, in the form of Crandall
 * and Pomerance, "Prime Numbers", theorem 4.1.5. */
fan_status fani_prove_by_n_minus_1(mpz_srcptr n, bool *proven);

#endif
