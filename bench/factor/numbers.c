/* The numbers that are factored. */
#include "factor.h"

#include <stdlib.h>
#include <string.h>

#include "primes.h"

void make_prime(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    do {
        mpz_urandomb(out, random, bits);
        mpz_setbit(out, bits - 1);
        mpz_nextprime(out, out);
    } while (mpz_sizeinbase(out, 2) != bits);
}

void make_semiprime(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    mpz_t prime;
    mpz_init(prime);
    do {
        make_prime(random, bits / 2, out);
        make_prime(random, bits - bits / 2, prime);
        mpz_mul(out, out, prime);
    } while (mpz_sizeinbase(out, 2) != bits);
    mpz_clear(prime);
}

void make_random(gmp_randstate_t random, unsigned bits, mpz_ptr out)
{
    mpz_urandomb(out, random, bits);
    if (bits > 64) /* 64 bits: uniform words */
        mpz_setbit(out, bits - 1);
}

static void begin(numbers *z, size_t count)
{
    *z = (numbers){.count = count,
                   .n = bench_alloc(count, sizeof *z->n),
                   .expected = bench_alloc(count, sizeof *z->expected),
                   .found = bench_alloc(count, sizeof *z->found),
                   .prime = bench_alloc(count, sizeof *z->prime),
                   .every = 1};
    if (fan_factorization_create(&z->factorization) != FAN_OK)
        bench_fail("no memory");
    for (size_t i = 0; i < count; i++)
        mpz_init(z->n[i]);
}

void numbers_make(numbers *z, size_t count, unsigned bits, number_maker *make)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, bits);
    begin(z, count);
    for (size_t i = 0; i < count; i++)
        make(random, bits, z->n[i]);
    gmp_randclear(random);
    if (make == make_semiprime)
        z->digits = bits * 3 / 20 + 1;
    if (bits > 64)
        return;
    z->words = bench_alloc(count, sizeof *z->words);
    for (size_t i = 0; i < count; i++)
        z->words[i] = mpz_get_ui(z->n[i]);
}

void numbers_make_uneven(numbers *z, size_t count, unsigned digits, unsigned shorter)
{
    gmp_randstate_t random;
    mpz_t prime;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, digits * 100 + shorter);
    mpz_init(prime);
    begin(z, count);
    for (size_t i = 0; i < count; i++) {
        bench_prime(random, shorter, prime);
        do {
            bench_prime(random, digits + 1 - shorter, z->n[i]);
            mpz_mul(z->n[i], z->n[i], prime);
        } while (mpz_sizeinbase(z->n[i], 10) != digits);
    }
    z->digits = shorter;
    mpz_clear(prime);
    gmp_randclear(random);
}

/* The sum of the divisors of the factored number, less it. */
static void next_term(const fan_factorization *f, mpz_ptr out)
{
    mpz_t term, less;
    mpz_inits(term, less, NULL);
    mpz_set_ui(out, 1);
    for (size_t k = 0; k < fan_factorization_count(f); k++) {
        mpz_srcptr p = fan_factorization_value(f, k);
        mpz_pow_ui(term, p, fan_factorization_exponent(f, k) + 1);
        mpz_sub_ui(term, term, 1);
        mpz_sub_ui(less, p, 1);
        mpz_divexact(term, term, less);
        mpz_mul(out, out, term);
    }
    mpz_sub(out, out, fan_factorization_number(f));
    mpz_clears(term, less, NULL);
}

void numbers_make_aliquot(numbers *z, size_t count)
{
    begin(z, count);
    mpz_set_ui(z->n[0], 840);
    for (size_t i = 1; i < count; i++) {
        if (fan_factor_mpz(z->n[i - 1], NULL, z->factorization, NULL) != FAN_OK)
            bench_fail("fan_factor_mpz fails");
        next_term(z->factorization, z->n[i]);
    }
}

void numbers_free(numbers *z)
{
    for (size_t i = 0; i < z->count; i++) {
        mpz_clear(z->n[i]);
        free(z->expected[i]);
    }
    free(z->n);
    free(z->words);
    free(z->expected);
    free(z->found);
    free(z->prime);
    fan_factorization_destroy(z->factorization);
}

void numbers_check(numbers *z, size_t i, char *text, const char *name)
{
    if (!z->expected[i]) {
        z->expected[i] = text;
        return;
    }
    if (!text || strcmp(text, z->expected[i]) != 0)
        bench_fail("%s says %s for %s", name, text ? text : "nothing", z->expected[i]);
    free(text);
}
