/* The primes below 2^16 as one number: which of them divide what.
 *
 * Their product takes part in a scan for shared primes as one more modulus. So each modulus's gcd
 * with the others has all of its small primes, at the cost of some dozens of keys, and no residues
 * need be looked at (small.h). What only that product shares with a modulus is taken out of the
 * gcds again. */
#ifndef FANI_RSA_PRIMORIAL_H
#define FANI_RSA_PRIMORIAL_H

#include "kernel/gcd/trees.h"

#include <stdbool.h>

/* Product trees over the primes below 2^16; read-only once made, but for its scratch. */
typedef struct fani_rsa_primorial fani_rsa_primorial;

/* NULL: out of memory. Takes about a millisecond. */
fani_rsa_primorial *fani_rsa_primorial_new(void);

/* NULL is accepted. */
void fani_rsa_primorial_free(fani_rsa_primorial *primorial);

/* Appends the primes below 2^16 that divide n > 0, ascending, each once. FAN_E_MEMORY. One thread
 * at a time. */
fan_status fani_rsa_primorial_divisors(fani_rsa_primorial *primorial, mpz_srcptr n,
                                       fani_mpzs *divisors);

/* Whether a set of moduli above 1 is so large that the product is not the longer part of a scan. */
bool fani_rsa_primorial_pays(const fani_mpzs *moduli);

/* Appends the product to a set of moduli. FAN_E_MEMORY leaves it as it was. */
fan_status fani_rsa_primorial_join(fani_mpzs *moduli);

/* Takes it off again, and from each gcd what the modulus shares with no other one.
 *
 * gcds: of each of the moduli, that of the product last, with the product of the others, as they
 * were found; the moduli are distinct but for the product. has_small[i]: set where a prime below
 * 2^16 divides modulus i and is not the modulus itself; as many as there are moduli without the
 * product, by the caller. After errors (FAN_E_MEMORY) the gcds are of no use. */
fan_status fani_rsa_primorial_part(fani_mpzs *moduli, fani_mpzs *gcds, bool *has_small);

#endif
