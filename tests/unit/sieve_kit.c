#include "sieve_kit.h"

void kit_prime(gmp_randstate_t random, unsigned digits, mpz_ptr out)
{
    mpz_t low;
    mpz_init(low);
    mpz_ui_pow_ui(low, 10, digits - 1);
    mpz_mul_ui(out, low, 9);
    mpz_urandomm(out, random, out);
    mpz_add(out, out, low);
    mpz_nextprime(out, out);
    mpz_clear(low);
}

void kit_semiprime(unsigned digits, unsigned which, mpz_ptr n)
{
    gmp_randstate_t random;
    mpz_t p;
    mpz_init(p);
    gmp_randinit_default(random);
    gmp_randseed_ui(random, 1000UL * which + digits);
    do {
        kit_prime(random, digits / 2, p);
        kit_prime(random, digits - digits / 2, n);
        mpz_mul(n, n, p);
    } while (mpz_sizeinbase(n, 10) != digits);
    gmp_randclear(random);
    mpz_clear(p);
}
