/* Fanfold's own ways. */
#include "factor.h"

#include <stdlib.h>
#include <string.h>

static bool has_isa(const char *isa)
{
    return strcmp(isa, "scalar") == 0 ||
           (strcmp(isa, "avx2") == 0 && __builtin_cpu_supports("avx2") &&
            __builtin_cpu_supports("fma")) ||
           (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512ifma"));
}

/* False where the machine does not have it. */
static bool begin(const char *isa)
{
    if (isa && !has_isa(isa))
        return false;
    if (isa && setenv("FANFOLD_ISA", isa, 1) != 0)
        bench_fail("no memory for the environment");
    return true;
}

static void check_words(numbers *z, const char *name)
{
    for (size_t i = 0; i < z->count; i++) {
        char text[FAN_FACTORS_U64_TEXT];
        fan_factors_u64_text(&z->found[i], text);
        numbers_check(z, i, strdup(text), name);
    }
    memset(z->found, 0, z->count * sizeof *z->found);
}

double by_array(numbers *z, const char *isa)
{
    if (!begin(isa))
        return -1;
    double before = bench_thread_ns();
    if (fan_factor_u64_array(z->words, z->found, z->count) != FAN_OK)
        bench_fail("fan_factor_u64_array fails");
    double ns = bench_thread_ns() - before;
    unsetenv("FANFOLD_ISA");
    check_words(z, "fan_factor_u64_array");
    return ns;
}

double by_single(numbers *z, const char *isa)
{
    if (!begin(isa))
        return -1;
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++)
        if (fan_factor_u64(z->words[i], &z->found[i]) != FAN_OK)
            bench_fail("fan_factor_u64 fails");
    double ns = bench_thread_ns() - before;
    unsetenv("FANFOLD_ISA");
    check_words(z, "fan_factor_u64");
    return ns;
}

double by_mpz(numbers *z, const char *isa)
{
    double ns = 0;
    if (!begin(isa))
        return -1;
    for (size_t i = 0; i < z->count; i++) {
        char *text;
        double before = bench_thread_ns();
        fan_status status = fan_factor_mpz(z->n[i], NULL, z->factorization, NULL);
        ns += bench_thread_ns() - before;
        if (status != FAN_OK || fan_factorization_text(z->factorization, &text) != FAN_OK)
            bench_fail("fan_factor_mpz fails");
        numbers_check(z, i, text, "fan_factor_mpz");
    }
    unsetenv("FANFOLD_ISA");
    return ns;
}

static void check_primes(numbers *z, const char *name)
{
    for (size_t i = 0; i < z->count; i++)
        if (!z->prime[i])
            bench_fail("%s does not know the prime %llu", name, (unsigned long long)z->words[i]);
    memset(z->prime, 0, z->count * sizeof *z->prime);
}

double primes_by_array(numbers *z, const char *isa)
{
    if (!begin(isa))
        return -1;
    double before = bench_thread_ns();
    fan_is_prime_u64_array(z->words, z->prime, z->count);
    double ns = bench_thread_ns() - before;
    unsetenv("FANFOLD_ISA");
    check_primes(z, "fan_is_prime_u64_array");
    return ns;
}

double primes_by_single(numbers *z, const char *isa)
{
    if (!begin(isa))
        return -1;
    double before = bench_thread_ns();
    for (size_t i = 0; i < z->count; i++)
        z->prime[i] = fan_is_prime_u64(z->words[i]);
    double ns = bench_thread_ns() - before;
    unsetenv("FANFOLD_ISA");
    check_primes(z, "fan_is_prime_u64");
    return ns;
}
