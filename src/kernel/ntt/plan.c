#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/large.h"

static const fani_ntt_engine *engine_of(fani_isa isa)
{
#ifdef __x86_64__
    if (isa == FANI_ISA_AVX512)
        return &fani_ntt_engine_ifma;
    if (isa == FANI_ISA_AVX2)
        return &fani_ntt_engine_avx2;
#endif
    (void)isa;
    return &fani_ntt_engine_scalar;
}

static size_t roots_of(const fani_ntt_sizes *s)
{
    return ((size_t)s->primes * s->factor) << s->rows_log;
}

/* A few lines more than the residues: else the primes' arrays begin in the same cache sets. */
static size_t stride_of(const fani_ntt_sizes *s)
{
    return s->size + (size_t)9 * FANI_NTT_ROW;
}

size_t fani_ntt_length(size_t limbs)
{
    fani_ntt_sizes sizes;
    return fani_ntt_shape(limbs, &sizes) ? sizes.limbs : 0;
}

size_t fani_ntt_plan_bytes(size_t limbs)
{
    fani_ntt_sizes sizes;
    if (!fani_ntt_shape(limbs, &sizes))
        return 0;
    return sizeof(fani_ntt) + roots_of(&sizes) * sizeof(fani_ntt_root);
}

size_t fani_ntt_plan_words(size_t limbs)
{
    fani_ntt_sizes sizes;
    return fani_ntt_shape(limbs, &sizes) ? sizes.primes * stride_of(&sizes) : 0;
}

size_t fani_ntt_limbs(const fani_ntt *plan)
{
    return plan->sizes.limbs;
}

unsigned fani_ntt_primes(const fani_ntt *plan)
{
    return plan->sizes.primes;
}

size_t fani_ntt_words(const fani_ntt *plan)
{
    return plan->sizes.primes * plan->stride;
}

/* x in words of `bits` bits. */
static void words_of(mpz_srcptr x, unsigned bits, uint64_t *words, size_t count)
{
    size_t written = 0;
    assert(mpz_sizeinbase(x, 2) <= bits * count);
    memset(words, 0, count * sizeof *words);
    mpz_export(words, &written, -1, sizeof *words, 0, 64 - bits, x);
}

/* -1 / p modulo 2^64, by Newton's iteration from p, which is right modulo 8. */
static uint64_t negated_inverse(uint64_t p)
{
    uint64_t inverse = p;
    for (unsigned i = 0; i < 5; i++)
        inverse *= 2 - p * inverse;
    return -inverse;
}

/* join: what turns a residue that the inverse transform left into that of the coefficient, divided
 * by the cofactor: the coefficient is then the sum of residues times cofactors, modulo the product
 * of all primes (the Chinese remainder theorem). Undone are the number of points and the division
 * by 2^product_shift. */
static void set_constants(const fani_ntt *plan, mpz_srcptr cofactor, fani_ntt_prime *prime)
{
    const fani_ntt_engine *engine = plan->engine;
    uint64_t p = prime->p, points = plan->sizes.size / FANI_NTT_ROW;
    uint64_t undone = fani_ntt_mulmod(points % p, mpz_fdiv_ui(cofactor, p), p);
    prime->join.w = fani_ntt_mulmod(fani_ntt_powmod(2, engine->product_shift, p),
                                    fani_ntt_invmod(undone, p), p);
    for (unsigned i = 0; i < 4; i++)
        prime->split[i].w = fani_ntt_powmod(2, (uint64_t)i * engine->split_bits, p);
    engine->finish_roots(&prime->join, 1, p);
    engine->finish_roots(prime->split, 4, p);
    prime->negated = negated_inverse(p);
    prime->inverse = (uint64_t)(((unsigned __int128)1 << 112) / p);
    words_of(cofactor, 64, prime->cofactor, FANI_NTT_COFACTOR_LIMBS);
    words_of(cofactor, 52, prime->cofactor52, FANI_NTT_WORDS52);
}

/* 2^(bits count) - x */
static void set_negative(mpz_srcptr x, unsigned bits, uint64_t *words, size_t count)
{
    mpz_t power;
    mpz_init_set_ui(power, 1);
    mpz_mul_2exp(power, power, (mp_bitcnt_t)bits * count);
    mpz_sub(power, power, x);
    words_of(power, bits, words, count);
    mpz_clear(power);
}

static void set_primes(fani_ntt *plan)
{
    mpz_t product, cofactor;
    mpz_init_set_ui(product, 1);
    mpz_init(cofactor);
    fani_ntt_root *room = plan->roots;
    for (unsigned j = 0; j < plan->sizes.primes; j++)
        mpz_mul_ui(product, product, fani_ntt_prime_list[j]);
    for (unsigned j = 0; j < plan->sizes.primes; j++) {
        fani_ntt_prime *prime = plan->prime + j;
        prime->p = fani_ntt_prime_list[j];
        mpz_divexact_ui(cofactor, product, prime->p);
        set_constants(plan, cofactor, prime);
        room = fani_ntt_fill(plan, j, room);
    }
    set_negative(product, 52, plan->negative52, plan->sizes.primes);
    set_negative(product, 64, plan->negative, FANI_NTT_COFACTOR_LIMBS);
    mpz_clears(product, cofactor, NULL);
}

fan_status fani_ntt_make_sized(const fani_ntt_sizes *sizes, fani_isa isa, fani_ntt **out)
{
    fani_ntt *plan = calloc(1, sizeof *plan);
    if (!plan)
        return FAN_E_MEMORY;
    plan->roots = fani_large_allocate(roots_of(sizes) * sizeof *plan->roots);
    if (!plan->roots) {
        free(plan);
        return FAN_E_MEMORY;
    }
    plan->sizes = *sizes;
    plan->stride = stride_of(sizes);
    plan->engine = engine_of(isa);
    set_primes(plan);
    *out = plan;
    return FAN_OK;
}

fan_status fani_ntt_make(size_t limbs, fani_isa isa, fani_ntt **plan)
{
    fani_ntt_sizes sizes;
    if (limbs == 0)
        return FAN_E_ARGUMENT;
    if (!fani_ntt_shape(limbs, &sizes))
        return FAN_E_TOO_LARGE;
    return fani_ntt_make_sized(&sizes, isa, plan);
}

void fani_ntt_free(fani_ntt *plan)
{
    if (plan)
        free(plan->roots);
    free(plan);
}

fan_status fani_ntt_allocate(const fani_ntt *plan, size_t count, uint64_t **transforms)
{
    size_t words;
    if (__builtin_mul_overflow(fani_ntt_words(plan), count, &words) || words >= SIZE_MAX / 16)
        return FAN_E_MEMORY;
    uint64_t *memory = fani_large_allocate(words * sizeof *memory);
    if (!memory)
        return FAN_E_MEMORY;
    *transforms = memory;
    return FAN_OK;
}
