#include "job/gcd_all.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "fanfold/gcd.h"
#include "job/list_internal.h"
#include "job/record.h"
#include "stage/number.h"
#include "stage/number_expression.h"

enum {
    GROUP = 1024,         /* words whose gcd is taken at once */
    PULL_ITEMS = 1 << 14, /* and tokens that are read at once */
    PULL_BYTES = 1 << 20,
    NOTE_SIZE = 256,
};

/* The gcd of what was read so far is that of these. */
typedef struct gcd_fold {
    fani_job_run *run;
    size_t digits; /* most that a number may have */
    size_t count;
    uint64_t words[GROUP];
    mpz_t gcd, next;
    fan_buffer scratch;
} gcd_fold;

static void fold_words(gcd_fold *f)
{
    uint64_t gcd = fan_gcd_u64_list(f->words, f->count);
    mpz_import(f->next, 1, 1, sizeof gcd, 0, 0, &gcd);
    fan_gcd_mpz(f->gcd, f->next, f->gcd);
    f->count = 0;
}

static void add_word(gcd_fold *f, uint64_t word)
{
    f->words[f->count++] = word;
    if (f->count == GROUP)
        fold_words(f);
}

/* With 1 there is nothing more to find, but what is no number. */
static fan_status add_long(gcd_fold *f, const fani_number *number)
{
    if (mpz_cmp_ui(f->gcd, 1) == 0)
        return FAN_OK;
    char *scratch = fani_bytes_room(&f->scratch, number->size + 1);
    if (!scratch)
        return FAN_E_MEMORY;
    fani_number_mpz(number, scratch, f->next);
    fan_gcd_mpz(f->gcd, f->next, f->gcd);
    return FAN_OK;
}

static bool stopped(void *run)
{
    return fani_run_is_stopped(run);
}

/* A token that is not in decimal. *at and `note` say what is wrong with it. */
static fan_status add_written(gcd_fold *f, const unsigned char *token, size_t size, size_t *at,
                              char note[NOTE_SIZE])
{
    char shown[48];
    fani_expression_flaw flaw;
    const fani_expression_limits limits = {
        .digits = f->digits, .minus_allowed = true, .cancelled = stopped, .context = f->run};
    fan_status status = fani_expression_value(token, size, &limits, f->next, &flaw);
    if (status == FAN_OK)
        fan_gcd_mpz(f->gcd, f->next, f->gcd);
    if (status != FAN_E_SYNTAX)
        return status;
    fani_excerpt(token, size, shown, sizeof shown);
    *at = flaw.at;
    if (flaw.text[0])
        snprintf(note, NOTE_SIZE, "'%s' %s", shown, flaw.text);
    else
        snprintf(note, NOTE_SIZE, "'%s' %s: expected an integer", shown,
                 flaw.at == size ? "ends too early" : "is no number");
    return status;
}

static fan_status add_token(gcd_fold *f, const unsigned char *token, size_t size, size_t *at,
                            char note[NOTE_SIZE])
{
    fani_number number;
    uint64_t word;
    if (fani_plain_u64(token, size, &word)) {
        add_word(f, word);
        return FAN_OK;
    }
    if (!fani_number_scan(token, size, true, &number, at))
        return add_written(f, token, size, at, note);
    if (!fani_number_u64(&number, &word))
        return add_long(f, &number);
    add_word(f, word);
    return FAN_OK;
}

static fan_status add_items(gcd_fold *f, const fani_reader *reader, const fan_items *items,
                            fan_error *error)
{
    for (size_t i = 0; i < items->count; i++) {
        char note[NOTE_SIZE];
        size_t size, at = 0;
        const unsigned char *token = fan_items_at(items, i, &size);
        fan_status status = add_token(f, token, size, &at, note);
        if (status == FAN_E_SYNTAX) {
            fani_place place = fani_reader_place(reader, items->first + i);
            fani_reader_explain(reader, place, at, note, error);
        } else if (status != FAN_OK) {
            fani_error_set(error, status, "%s", fan_status_text(status));
        }
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

static fan_status read_all(gcd_fold *f, fani_reader *reader, fan_error *error)
{
    fan_status status = FAN_OK;
    while (status == FAN_OK && !fani_reader_ended(reader)) {
        fan_items items = {0};
        if (fani_run_is_stopped(f->run))
            return fani_error_set(error, FAN_E_CANCELLED, "stopped");
        status = fani_reader_pull(reader, PULL_ITEMS, PULL_BYTES, true, &items, error);
        if (status == FAN_OK)
            status = add_items(f, reader, &items, error);
        if (status == FAN_OK)
            fani_reader_forget(reader, items.first + items.count);
    }
    return status;
}

static fan_status take_text(const gcd_fold *f, fan_buffer *text, fan_error *error)
{
    char *digits = fani_bytes_room(text, mpz_sizeinbase(f->gcd, 10) + 2);
    if (!digits)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    mpz_get_str(digits, 10, f->gcd);
    return FAN_OK;
}

fan_status fani_gcd_all(fani_job_run *run, fan_buffer *text, fan_error *error)
{
    const fani_list tokens = {.name = "gcd", .unit = FANI_UNIT_TOKEN};
    fani_list_state lr = {.run = run, .list = &tokens};
    gcd_fold f = {.run = run,
                  .digits = (size_t)fani_job_count(run->job, FANI_KEY_MAX_DIGITS, FANI_TOKEN_MAX)};
    fani_reader *reader = NULL;
    fan_error what = {0};
    mpz_inits(f.gcd, f.next, NULL);
    fan_status status = fani_list_reader(&lr, &reader, &what);
    if (status == FAN_OK)
        status = read_all(&f, reader, &what);
    fold_words(&f);
    if (status == FAN_OK)
        status = take_text(&f, text, &what);
    if (status != FAN_OK && error)
        *error = what;
    fani_reader_free(reader);
    fan_buffer_clear(&f.scratch);
    mpz_clears(f.gcd, f.next, NULL);
    return status;
}
