#include "job/hard_estimate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/job_internal.h"
#include "job/left.h"
#include "kernel/factor/split.h"
#include "kernel/factor/unfinished.h"
#include "kernel/qs/estimate.h"
#include "kernel/qs/split.h"
#include "stage/number_expression.h"

size_t fani_hard_digits(mpz_srcptr n)
{
    size_t digits = mpz_sizeinbase(n, 10); /* or one more than there are */
    return digits - !fani_has_more_digits(n, digits - 1);
}

void fani_hard_time(double seconds, char text[32])
{
    if (seconds < 100)
        snprintf(text, 32, "%.0f s", seconds);
    else if (seconds < 5400)
        snprintf(text, 32, "%.0f min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(text, 32, "%.1f h", seconds / 3600);
    else
        snprintf(text, 32, "%.1f days", seconds / 86400);
}

fan_status fani_hard_estimate(mpz_srcptr n, fani_isa isa, unsigned workers,
                              char text[FANI_HARD_TEXT])
{
    fani_qs *qs = NULL;
    double seconds = 0;
    char alone[32], together[32], many[64] = "";
    fan_status status = fani_qs_make(n, NULL, &qs);
    if (status == FAN_OK)
        status = fani_qs_estimate(qs, isa, &seconds);
    fani_qs_free(qs);
    if (status != FAN_OK)
        return status;
    fani_hard_time(seconds, alone);
    fani_hard_time(seconds / workers, together);
    if (workers > 1)
        snprintf(many, sizeof many, ", %s on %u workers like it", together, workers);
    snprintf(text, FANI_HARD_TEXT,
             "the sieve of a composite of %zu digits takes about %s of one "
             "core of this machine%s",
             fani_hard_digits(n), alone, many);
    return FAN_OK;
}

/* ---- Of a job -------------------------------------------------------------------------------- */

typedef struct telling {
    const fan_job *job;
    fan_factorization *f;
    mpz_t n;
    void (*take)(void *user, const char *text);
    void *user;
} telling;

/* Each composite that the sieve is left. */
static fan_status tell_of(const telling *t, const fani_effort *effort)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < t->f->count && status == FAN_OK; i++) {
        const fani_factor_entry *entry = &t->f->entries[i];
        char text[FANI_HARD_TEXT];
        if (!entry->left || mpz_sizeinbase(entry->value, 2) < FANI_HARD_TOLD_BITS ||
            !fani_split_ends_in_sieve(entry->value, effort))
            continue;
        status = fani_hard_estimate(entry->value, effort->isa, 1, text);
        if (status == FAN_OK)
            t->take(t->user, text);
    }
    return status;
}

/* What is no number is told when the job runs. */
static fan_status tell_text(telling *t, const char *token, size_t size, fan_error *error)
{
    const fani_expression_limits limits = {
        .digits = (size_t)fani_job_count(t->job, FANI_KEY_MAX_DIGITS, FAN_FACTOR_MAX_DIGITS)};
    const fan_factor_options options = {.digits =
                                            (unsigned)fani_job_count(t->job, FANI_KEY_EFFORT, 0)};
    fani_expression_flaw flaw;
    fani_effort effort;
    fan_status status =
        fani_expression_value((const unsigned char *)token, size, &limits, t->n, &flaw);
    if (status == FAN_E_SYNTAX ||
        (status == FAN_OK && mpz_sizeinbase(t->n, 2) < FANI_HARD_TOLD_BITS))
        return FAN_OK;
    if (status == FAN_OK)
        status = fani_effort_of(&options, &effort, error);
    if (status == FAN_OK)
        status = fani_factor_mpz(t->n, &options, fani_qs_split, FANI_LEFT_BITS, t->f, NULL);
    if (status == FAN_E_EFFORT)
        return tell_of(t, &effort);
    return status;
}

static fan_status tell_all(telling *t, const fani_strings *texts, fan_error *error)
{
    static const char blanks[] = " \t\r\n,";
    fan_status status = FAN_OK;
    for (size_t i = 0; i < texts->count; i++) {
        const char *at = texts->at[i] + strspn(texts->at[i], blanks);
        for (size_t size; status == FAN_OK && (size = strcspn(at, blanks)) > 0;
             at += size, at += strspn(at, blanks))
            status = tell_text(t, at, size, error);
    }
    return status;
}

fan_status fan_job_estimate(const fan_job *job, void (*take)(void *user, const char *text),
                            void *user, fan_error *error)
{
    telling t = {.job = job, .take = take, .user = user};
    if (job->kind != &fani_job_factor || fani_job_text(job, FANI_KEY_FUNCTION))
        return FAN_OK;
    if (fan_factorization_create(&t.f) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    mpz_init(t.n);
    fan_status status = tell_all(&t, &job->arguments, error);
    if (status == FAN_OK)
        status = tell_all(&t, &job->values[FANI_KEY_NUMBERS], error);
    mpz_clear(t.n);
    fan_factorization_destroy(t.f);
    return status;
}
