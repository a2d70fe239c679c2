#include "weak_meet.h"

#include "fanfold/gcd.h"
#include "scaled.h"
#include "weak.h"

/* residues[i] = number mod moduli[i], or the modulus itself for 0. */
static fan_status reduce_run(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                             mpz_srcptr number, mpz_ptr residues)
{
    static const mp_limb_t one = 1;
    fani_scaled_tree tree = {0};
    mpz_t product, fraction, others = {0};
    if (count == 1) {
        mpz_tdiv_r(residues, number, moduli);
        return FAN_OK;
    }
    (void)mpz_roinit_n(others, &one, 1);
    mpz_inits(product, fraction, NULL);
    fan_status status = fani_scaled_build(&tree, multiplier, moduli, NULL, count, product, NULL);
    if (status == FAN_OK)
        status = fani_scaled_root(multiplier, fraction, number, product, others);
    if (status == FAN_OK)
        status = fani_weak_tree_residues(&tree, fraction, residues);
    fani_scaled_free(&tree);
    mpz_clears(product, fraction, NULL);
    return status;
}

/* How many moduli from the first on are not longer than the number, together; at least one. */
static size_t run_of(mpz_srcptr moduli, size_t count, size_t limbs)
{
    size_t run = 1, sum = mpz_size(moduli);
    while (run < count && sum + mpz_size(moduli + run) <= limbs)
        sum += mpz_size(moduli + run++);
    return run;
}

fan_status fani_weak_meet(const fani_multiplier *multiplier, mpz_srcptr moduli, size_t count,
                          mpz_srcptr number, fani_mpzs *gcds)
{
    fan_status status = fani_mpzs_resize(gcds, count);
    for (size_t i = 0, run; i < count && status == FAN_OK; i += run) {
        run = run_of(moduli + i, count - i, mpz_size(number));
        status = reduce_run(multiplier, moduli + i, run, number, gcds->values + i);
    }
    if (status == FAN_OK)
        status = fan_gcd_mpz_array(gcds->values, moduli, gcds->values, count);
    if (status != FAN_OK)
        fani_mpzs_free(gcds);
    return status;
}
