#include "engine.h"
#include "small_primes.h"

void fani_trial_scalar(const uint64_t *n, size_t count, uint64_t *found)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0, quotient;
        for (unsigned k = 0; k < FANI_TRIAL_PRIMES; k++)
            bits |= (uint64_t)fani_small_prime_divides(&fani_small_primes[k], n[i], &quotient) << k;
        found[i] = bits;
    }
}
