#include "job/big.h"

#include "kernel/factor/factor_internal.h"

fan_status fani_big_init(fani_big *big)
{
    *big = (fani_big){0};
    fan_status status = fan_factorization_create(&big->factorization);
    if (status == FAN_OK)
        mpz_init(big->value);
    return status;
}

void fani_big_clear(fani_big *big)
{
    mpz_clear(big->value);
    fan_factorization_destroy(big->factorization);
    fan_buffer_clear(&big->digits);
    fani_factor_thread_end();
}

static bool cancelled(void *run)
{
    return fan_run_cancelled(run);
}

fan_status fani_big_factor(fani_big *big, fan_run *run, const fani_number *number, uint64_t effort,
                           fan_error *error)
{
    fan_factor_options options = {
        .digits = (unsigned)effort, .cancelled = cancelled, .context = run};
    char *scratch = fani_bytes_room(&big->digits, number->size + 1);
    if (!scratch)
        return FAN_E_MEMORY;
    fani_number_mpz(number, scratch, big->value);
    return fan_factor_mpz(big->value, &options, big->factorization, error);
}
