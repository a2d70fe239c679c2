#include "job/big.h"

#include <stdio.h>

#include "kernel/factor/factor_internal.h"
#include "kernel/qs/split.h"

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
    fan_buffer_clear(&big->reply);
    fani_factor_thread_end();
}

static bool cancelled(void *run)
{
    return fan_run_cancelled(run);
}

static fan_factor_options options_of(fan_run *run, const fani_list_args *args)
{
    return (fan_factor_options){.digits = args->effort,
                                .cancelled = cancelled,
                                .context = run,
                                .isa = args->isa ? fani_isa_name((fani_isa)(args->isa - 1)) : NULL};
}

fan_status fani_big_factor(fani_big *big, fan_run *run, const fani_number *number,
                           const fani_list_args *args, fan_error *error)
{
    const fan_factor_options options = options_of(run, args);
    char *scratch = fani_bytes_room(&big->digits, number->size + 1);
    if (!scratch)
        return FAN_E_MEMORY;
    fani_number_mpz(number, scratch, big->value);
    return fani_factor_mpz(big->value, &options, fani_qs_split, args->leave, big->factorization,
                           error);
}

fan_status fani_big_go_on(fani_big *big, fan_run *run, const fani_list_args *args, uint32_t leave,
                          fan_error *error)
{
    const fan_factor_options options = options_of(run, args);
    return fani_factor_go_on(big->factorization, &options, fani_qs_split, leave, error);
}

static bool all_proven(const fan_factorization *f)
{
    for (size_t i = 0; i < fan_factorization_count(f); i++)
        if (fan_factorization_proof(f, i) == FAN_PROOF_NONE)
            return false;
    return true;
}

void fani_big_note(fani_record *record, const fan_factorization *f, bool timed_out,
                   char note[FANI_BIG_NOTE])
{
    char shown[96];
    fani_excerpt(record->subject->digits, record->subject->size, shown, sizeof shown);
    record->note = note;
    if (!fan_factorization_complete(f)) {
        record->flags = FANI_RECORD_PARTIAL;
        snprintf(note, FANI_BIG_NOTE, "%s is not completely factored within the %s", shown,
                 timed_out ? "time limit" : "effort");
    } else if (!all_proven(f)) {
        record->flags = FANI_RECORD_NOTED;
        snprintf(note, FANI_BIG_NOTE, "%s: a factor of more than %d digits is only probably prime",
                 shown, FAN_FACTOR_PROOF_DIGITS);
    }
}
