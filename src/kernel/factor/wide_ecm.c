#include "wide_ecm.h"

#include "montgomery.h"

#include <stdlib.h>

static void export_limbs(const fani_wide_engine *engine, mpz_srcptr value, uint64_t *limbs)
{
    for (unsigned i = 0; i < FANI_WIDE_LIMBS_MAX; i++)
        limbs[i] = 0;
    mpz_export(limbs, NULL, -1, sizeof *limbs, 0, 64 - engine->limb_bits, value);
}

bool fani_wide_ecm_begin(fani_wide_ecm *ecm, mpz_srcptr n, fani_isa isa)
{
    const fani_wide_engines *engines = fani_wide_engines_of(isa);
    size_t bits = mpz_sizeinbase(n, 2);
    *ecm = (fani_wide_ecm){.n = n};
    for (unsigned i = 0; i < FANI_WIDE_ENGINES_MAX && bits <= FANI_WIDE_BITS && !ecm->engine; i++) {
        if (engines->of[i] && bits <= engines->of[i]->bits)
            ecm->engine = engines->of[i];
    }
    if (!ecm->engine)
        return false;
    mpz_t x;
    mpz_init_set(x, n);
    export_limbs(ecm->engine, x, ecm->modulus.n);
    mpz_mul_2exp(x, n, 1);
    export_limbs(ecm->engine, x, ecm->modulus.twice);
    mpz_set_ui(x, 0);
    mpz_setbit(x, 2UL * ecm->engine->limbs * ecm->engine->limb_bits);
    mpz_mod(x, x, n);
    export_limbs(ecm->engine, x, ecm->modulus.square);
    mpz_clear(x);
    uint64_t mask = UINT64_MAX >> (64 - ecm->engine->limb_bits);
    ecm->modulus.minus_inverse = (0 - fani_inverse_u64(mpz_getlimbn(n, 0))) & mask;
    return true;
}

void fani_wide_ecm_end(fani_wide_ecm *ecm)
{
    free(ecm->room);
    *ecm = (fani_wide_ecm){0};
}

static bool make_room(fani_wide_ecm *ecm, const fani_wide_plan *plan)
{
    size_t bytes = (fani_wide_room(ecm->engine, plan) + 63) / 64 * 64;
    if (bytes <= ecm->room_bytes)
        return true;
    free(ecm->room);
    ecm->room = aligned_alloc(64, bytes);
    ecm->room_bytes = ecm->room ? bytes : 0;
    return ecm->room != NULL;
}

/* The curves that split most (make_ecm_plans.py found them), then pseudo-random ones. They are the
 * same for each number: which curve splits a prime depends on the prime alone, numbers do not
 * choose their primes by curves, and small parameters that are known to be no trivial curve's cost
 * no inverse. */
static fani_wide_sigma sigma_of(uint64_t curve)
{
    static const fani_wide_sigma first[] = {{11, 1}, {65, 11}, {47, 3}, {25, 2}};
    if (curve < sizeof first / sizeof first[0])
        return first[curve];
    uint64_t x = (curve + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (fani_wide_sigma){(uint32_t)(x >> 34) + 6, 1};
}

static void import_lane(const fani_wide_engine *engine, fani_wide_lanes lanes, unsigned lane,
                        mpz_ptr out)
{
    uint64_t limbs[FANI_WIDE_LIMBS_MAX];
    for (unsigned i = 0; i < engine->limbs; i++)
        limbs[i] = lanes[i][lane];
    mpz_import(out, engine->limbs, -1, sizeof *limbs, 0, 64 - engine->limb_bits, limbs);
}

/* *divisor = the gcd of n and the product of all lanes. */
static void gcd_of_product(const fani_wide_ecm *ecm, fani_wide_lanes lanes, mpz_ptr divisor)
{
    mpz_t x;
    mpz_init(x);
    import_lane(ecm->engine, lanes, 0, divisor);
    for (unsigned k = 1; k < ecm->engine->lanes; k++) {
        import_lane(ecm->engine, lanes, k, x);
        mpz_mul(divisor, divisor, x);
        mpz_mod(divisor, divisor, ecm->n);
    }
    mpz_gcd(divisor, divisor, ecm->n);
    mpz_clear(x);
}

/* The least proper divisor that a lane alone has found, if less than *divisor or if that is 1. */
static void least_of_lanes(const fani_wide_ecm *ecm, fani_wide_lanes lanes, mpz_ptr divisor)
{
    mpz_t x;
    mpz_init(x);
    for (unsigned k = 0; k < ecm->engine->lanes; k++) {
        import_lane(ecm->engine, lanes, k, x);
        mpz_gcd(x, x, ecm->n);
        bool proper = mpz_cmp_ui(x, 1) != 0 && mpz_cmp(x, ecm->n) != 0;
        if (proper && (mpz_cmp_ui(divisor, 1) == 0 || mpz_cmp(x, divisor) < 0))
            mpz_set(divisor, x);
    }
    mpz_clear(x);
}

/* Runs a curve a lane; *divisor becomes a proper divisor where one is found. */
static void run_lanes(fani_wide_ecm *ecm, const fani_wide_plan *plan, bool any, mpz_ptr divisor)
{
    fani_wide_sigma sigmas[FANI_WIDE_LANES_MAX];
    fani_wide_lanes divisors, early;
    mpz_t all;
    for (unsigned k = 0; k < ecm->engine->lanes; k++)
        sigmas[k] = sigma_of(ecm->curve++);
    ecm->engine->curves(plan, &ecm->modulus, sigmas, ecm->room, divisors, early);
    mpz_init(all);
    gcd_of_product(ecm, divisors, all);
    bool found = mpz_cmp_ui(all, 1) != 0;
    if (found && any && mpz_cmp(all, ecm->n) != 0) {
        mpz_set(divisor, all);
    } else if (found) {
        least_of_lanes(ecm, divisors, divisor);
        least_of_lanes(ecm, early, divisor); /* stage 2 may have found too much */
    }
    mpz_clear(all);
}

fan_status fani_wide_ecm_round(fani_wide_ecm *ecm, const fani_wide_plan *plan, bool stop_early,
                               mpz_ptr divisor)
{
    if (!make_room(ecm, plan))
        return FAN_E_MEMORY;
    mpz_set_ui(divisor, 1);
    for (unsigned done = 0; done < FANI_WIDE_ROUND; done += ecm->engine->lanes) {
        run_lanes(ecm, plan, stop_early, divisor);
        if (stop_early && mpz_cmp_ui(divisor, 1) != 0)
            break;
    }
    return FAN_OK;
}
