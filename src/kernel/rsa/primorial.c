#include "primorial.h"

#include "small.h"

#include <stdlib.h>

enum {
    LARGEST = UINT16_MAX,
    LEVELS_MAX = 16,
    PAYS_LIMBS = 16384 /* 512 keys of 2048 bits; the product has 1472 limbs */
};

struct fani_rsa_primorial {
    fani_tree tree;
    mpz_t left[LEVELS_MAX], right[LEVELS_MAX]; /* what is divided into on a level */
};

fani_rsa_primorial *fani_rsa_primorial_new(void)
{
    uint16_t primes[FANI_RSA_SMALL_PRIMES];
    fani_mpzs leaves = {0};
    fani_rsa_primorial *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    for (size_t level = 0; level < LEVELS_MAX; level++)
        mpz_inits(made->left[level], made->right[level], NULL);
    fani_rsa_small_primes(primes);
    fan_status status = fani_mpzs_resize(&leaves, FANI_RSA_SMALL_PRIMES);
    for (size_t i = 0; i < leaves.count; i++)
        mpz_set_ui(leaves.values + i, primes[i]);
    if (status == FAN_OK)
        status = fani_tree_build(&made->tree, leaves.values, leaves.count);
    fani_mpzs_free(&leaves);
    if (status == FAN_OK)
        return made;
    fani_rsa_primorial_free(made);
    return NULL;
}

void fani_rsa_primorial_free(fani_rsa_primorial *primorial)
{
    if (!primorial)
        return;
    for (size_t level = 0; level < LEVELS_MAX; level++)
        mpz_clears(primorial->left[level], primorial->right[level], NULL);
    fani_tree_free(&primorial->tree);
    free(primorial);
}

/* common = gcd(n, product), of which n is the shorter one. */
static void meet(mpz_ptr common, mpz_srcptr n, mpz_srcptr product)
{
    mpz_mod(common, product, n);
    mpz_gcd(common, common, n);
}

/* n is a product of some of the primes below a node. */
static fan_status walk(fani_rsa_primorial *p, size_t level, size_t node, mpz_srcptr n,
                       fani_mpzs *divisors)
{
    if (mpz_cmp_ui(n, 1) == 0)
        return FAN_OK;
    if (level == 0)
        return fani_mpzs_push(divisors, n);
    level--;
    mpz_ptr left = p->left[level], right = p->right[level];
    meet(left, n, p->tree.levels[level].values + 2 * node);
    mpz_divexact(right, n, left);
    fan_status status = walk(p, level, 2 * node, left, divisors);
    return status == FAN_OK ? walk(p, level, 2 * node + 1, right, divisors) : status;
}

fan_status fani_rsa_primorial_divisors(fani_rsa_primorial *primorial, mpz_srcptr n,
                                       fani_mpzs *divisors)
{
    mpz_t common;
    mpz_init(common);
    meet(common, n, fani_tree_root(&primorial->tree));
    fan_status status = walk(primorial, primorial->tree.level_count - 1, 0, common, divisors);
    mpz_clear(common);
    return status;
}

bool fani_rsa_primorial_pays(const fani_mpzs *moduli)
{
    size_t limbs = 0;
    for (size_t i = 0; i < moduli->count && limbs < PAYS_LIMBS; i++)
        limbs += mpz_size(moduli->values + i);
    return limbs >= PAYS_LIMBS;
}

fan_status fani_rsa_primorial_join(fani_mpzs *moduli)
{
    fan_status status = fani_mpzs_resize(moduli, moduli->count + 1);
    if (status == FAN_OK)
        mpz_primorial_ui(moduli->values + moduli->count - 1, LARGEST);
    return status;
}

/* ---- Parting --------------------------------------------------------------------------------- */

/* A small prime in a modulus. */
typedef struct power {
    size_t modulus;
    unsigned prime;
    mp_bitcnt_t exponent;
} power;

typedef struct parting {
    fani_rsa_primorial *primorial; /* NULL until it is needed */
    uint64_t total[LARGEST + 1];   /* a prime's exponent in the product of all moduli */
    fani_mpzs divisors;            /* scratch */
    mpz_t prime, rest;
    power *powers;
    size_t count, capacity;
} parting;

static fan_status add_power(parting *p, power one)
{
    if (p->count == p->capacity) {
        size_t capacity = 2 * p->capacity + 16;
        power *powers = reallocarray(p->powers, capacity, sizeof *powers);
        if (!powers)
            return FAN_E_MEMORY;
        p->powers = powers;
        p->capacity = capacity;
    }
    p->powers[p->count++] = one;
    p->total[one.prime] += one.exponent;
    return FAN_OK;
}

/* Notes the small primes of a modulus, which are all in its gcd, and takes them out of that. */
static fan_status take_out(parting *p, size_t i, mpz_srcptr modulus, mpz_ptr gcd, bool *has_small)
{
    fan_status status = fani_mpzs_resize(&p->divisors, 0);
    if (!p->primorial && !(p->primorial = fani_rsa_primorial_new()))
        return FAN_E_MEMORY;
    if (status == FAN_OK)
        status = fani_rsa_primorial_divisors(p->primorial, gcd, &p->divisors);
    for (size_t k = 0; k < p->divisors.count && status == FAN_OK; k++) {
        mpz_srcptr prime = p->divisors.values + k;
        power one = {.modulus = i, .prime = (unsigned)mpz_get_ui(prime)};
        one.exponent = mpz_remove(p->rest, modulus, prime);
        mpz_remove(gcd, gcd, prime);
        status = add_power(p, one);
    }
    *has_small = p->divisors.count && mpz_cmp(modulus, p->divisors.values) > 0;
    return status;
}

/* What of each prime's power the other moduli have too goes back into the gcd. */
static void put_back(parting *p, fani_mpzs *gcds)
{
    for (size_t k = 0; k < p->count; k++) {
        const power *one = &p->powers[k];
        uint64_t others = p->total[one->prime] - one->exponent;
        mpz_ui_pow_ui(p->prime, one->prime, others < one->exponent ? others : one->exponent);
        mpz_mul(gcds->values + one->modulus, gcds->values + one->modulus, p->prime);
    }
}

fan_status fani_rsa_primorial_part(fani_mpzs *moduli, fani_mpzs *gcds, bool *has_small)
{
    size_t count = moduli->count - 1;
    parting *p = calloc(1, sizeof *p);
    fan_status status = p ? fani_mpzs_resize(moduli, count) : FAN_E_MEMORY;
    if (status == FAN_OK)
        status = fani_mpzs_resize(gcds, count);
    if (status != FAN_OK) {
        free(p);
        return status;
    }
    mpz_inits(p->prime, p->rest, NULL);
    for (size_t i = 0; i < count && status == FAN_OK; i++) {
        has_small[i] = false;
        if (mpz_cmp_ui(gcds->values + i, 1) > 0)
            status = take_out(p, i, moduli->values + i, gcds->values + i, &has_small[i]);
    }
    if (status == FAN_OK)
        put_back(p, gcds);
    mpz_clears(p->prime, p->rest, NULL);
    fani_mpzs_free(&p->divisors);
    fani_rsa_primorial_free(p->primorial);
    free(p->powers);
    free(p);
    return status;
}
