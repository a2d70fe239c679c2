#include "job/big.h"

#include <stdio.h>

#include "base/clock.h"
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

/* What is left of the timeout for the answer: a quarter, MARGIN_MS at most. A pause of a quarter of
 * it, within these bounds, is none of the number's time: the program was stopped, as the executor's
 * own timer has it. */
enum {
    QUARTERS = 4,
    MARGIN_MS = 100,
    PAUSE_LEAST_MS = 20,
    PAUSE_MOST_MS = 500,
    NS_PER_MS = 1000000
};

static fani_big_time time_from_now(uint64_t timeout_ms)
{
    int64_t now = fani_clock_ns(), all = (int64_t)timeout_ms * NS_PER_MS, quarter = all / QUARTERS;
    const int64_t margin = (int64_t)MARGIN_MS * NS_PER_MS;
    const int64_t least = (int64_t)PAUSE_LEAST_MS * NS_PER_MS;
    const int64_t most = (int64_t)PAUSE_MOST_MS * NS_PER_MS;
    return (fani_big_time){.end = all ? now + all - (quarter < margin ? quarter : margin)
                                      : FAN_FOREVER,
                           .looked = now,
                           .pause = quarter < least  ? least
                                    : quarter < most ? quarter
                                                     : most};
}

static bool look_at_time(fani_big_time *time)
{
    if (time->end == FAN_FOREVER || time->is_over)
        return time->is_over;
    int64_t now = fani_clock_ns(), since = now - time->looked;
    time->looked = now;
    if (since > time->pause)
        time->end += since;
    time->is_over = now >= time->end;
    return time->is_over;
}

static bool cancelled(void *user)
{
    fani_big *big = user;
    return fan_run_cancelled(big->run) || look_at_time(&big->time);
}

bool fani_big_is_over(const fani_big *big, fan_status status)
{
    return status == FAN_E_CANCELLED && big->time.is_over && !fan_run_cancelled(big->run);
}

static fan_factor_options begin(fani_big *big, fan_run *run, const fani_list_args *args,
                                uint64_t timeout_ms)
{
    big->run = run;
    big->time = time_from_now(timeout_ms);
    return (fan_factor_options){.digits = args->effort,
                                .cancelled = cancelled,
                                .context = big,
                                .isa = args->isa ? fani_isa_name((fani_isa)(args->isa - 1)) : NULL};
}

fan_status fani_big_factor(fani_big *big, fan_run *run, const fani_number *number,
                           const fani_list_args *args, fan_error *error)
{
    const fan_factor_options options = begin(big, run, args, args->timeout_ms);
    char *scratch = fani_bytes_room(&big->digits, number->size + 1);
    if (!scratch)
        return FAN_E_MEMORY;
    fani_number_mpz(number, scratch, big->value);
    return fani_factor_mpz(big->value, &options, fani_qs_split, args->leave, big->factorization,
                           error);
}

fan_status fani_big_go_on(fani_big *big, fan_run *run, const fani_list_args *args, uint32_t leave,
                          uint64_t timeout_ms, fan_error *error)
{
    const fan_factor_options options = begin(big, run, args, timeout_ms);
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
