#include "job/written.h"

#include <string.h>

#include "stage/number_expression.h"

void fani_written_init(fani_written *t, const fani_list_args *args, bool minus_allowed)
{
    *t = (fani_written){.digits = args->digits, .minus_allowed = minus_allowed};
}

void fani_written_clear(fani_written *t)
{
    if (t->made)
        mpz_clear(t->value);
    fan_buffer_clear(&t->decimal);
}

static bool cancelled(void *run)
{
    return fan_run_cancelled(run);
}

/* Answers the item: no number, and why. */
static fan_status answer_bad(const fani_written *t, fan_run *run, size_t i, size_t offset,
                             const unsigned char *token, size_t size,
                             const fani_expression_flaw *flaw)
{
    char shown[48];
    if (!flaw->text[0])
        return fani_record_bad_number(run, i, offset, token, size, flaw->at, t->minus_allowed);
    fani_excerpt(token, size, shown, sizeof shown);
    return fani_record_bad(run, i, offset + flaw->at, "'%s' %s", shown, flaw->text);
}

static fan_status write_decimal(fani_written *t, fani_number *number)
{
    char *text = fani_bytes_room(&t->decimal, mpz_sizeinbase(t->value, 10) + 2);
    if (!text)
        return FAN_E_MEMORY;
    mpz_get_str(text, 10, t->value);
    bool negative = text[0] == '-';
    const char *digits = text + negative;
    *number = (fani_number){
        .digits = (const unsigned char *)digits, .size = strlen(digits), .negative = negative};
    return FAN_OK;
}

fan_status fani_written_read(fani_written *t, fan_run *run, size_t i, size_t offset,
                             const unsigned char *token, size_t size, fani_number *number)
{
    fani_expression_limits limits = {.digits = t->digits,
                                     .minus_allowed = t->minus_allowed,
                                     .cancelled = cancelled,
                                     .context = run};
    fani_expression_flaw flaw;
    number->digits = NULL;
    if (!t->made)
        mpz_init(t->value);
    t->made = true;
    fan_status status = fani_expression_value(token, size, &limits, t->value, &flaw);
    if (status == FAN_E_SYNTAX)
        return answer_bad(t, run, i, offset, token, size, &flaw);
    return status == FAN_OK ? write_decimal(t, number) : status;
}
