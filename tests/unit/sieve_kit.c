#include "sieve_kit.h"

#include <sys/stat.h>

#include "kernel/qs/split.h"
#include "shim/shim.h"

enum { DIGITS = 45 };

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

void kit_known_begin(kit_known *k, const char *kind, unsigned workers)
{
    const fani_effort effort = {0};
    *k = (kit_known){0};
    kit_make(&k->folder);
    mpz_inits(k->n, k->divisor, k->found, NULL);
    kit_semiprime(DIGITS, 1, k->n);
    EXPECT_I64(fani_qs_split(k->n, &effort, fani_isa_wanted(), k->divisor), FAN_OK);
    const fan_executor_options options = {.kind = kind, .workers = workers};
    EXPECT_I64(fan_executor_open(&options, &k->executor, NULL), FAN_OK);
}

void kit_known_end(kit_known *k)
{
    EXPECT_I64(fan_executor_close(k->executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    mpz_clears(k->n, k->divisor, k->found, NULL);
    kit_remove(&k->folder);
}

fan_status kit_sieve(kit_known *k, fani_sieve_options options)
{
    options.executor = k->executor;
    options.isa = fani_isa_wanted();
    k->error = (fan_error){0};
    mpz_set_ui(k->found, 0);
    return fani_sieve_over(k->n, &options, k->found, &k->error);
}

fan_status kit_sieve_state(kit_known *k, bool repair)
{
    return kit_sieve(k, (fani_sieve_options){.state = k->folder.path, .repair = repair});
}

void kit_expect_found(kit_known *k, fan_status status)
{
    EXPECT_I64(status, FAN_OK);
    EXPECT_STR(k->error.text, "");
    EXPECT_I64(mpz_cmp(k->found, k->divisor), 0);
}

off_t kit_size_of(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? s.st_size : 0;
}
