/* divisors: each number gives all its divisors in ascending order. */
#include <stdlib.h>
#include <string.h>

#include "fanfold/factor.h"
#include "job/big.h"
#include "job/function.h"
#include "job/list.h"
#include "job/record.h"
#include "job/written.h"

typedef struct divisors_state {
    fani_list_args args;
    fan_buffer record, value;
    fan_buffer small; /* divisors of a number of up to 64 bits */
    fani_big big;
    fani_written other;
    const unsigned char *input; /* the token at work where it is not in decimal, or NULL */
    size_t input_size;
} divisors_state;

static void stop(void *state)
{
    divisors_state *s = state;
    fani_big_clear(&s->big);
    fani_written_clear(&s->other);
    fan_buffer_clear(&s->record);
    fan_buffer_clear(&s->value);
    fan_buffer_clear(&s->small);
    free(s);
}

static fan_status start(fan_run *run)
{
    divisors_state *s = calloc(1, sizeof *s);
    fan_status status = s ? fani_big_init(&s->big) : FAN_E_MEMORY;
    if (status != FAN_OK) {
        free(s);
        return status;
    }
    s->args = fani_record_args(run);
    fani_written_init(&s->other, &s->args, false);
    fan_run_set_state(run, s);
    return FAN_OK;
}

/* Adds one divisor to the text, and in NDJSON to the array. */
static fan_status add_divisor(divisors_state *s, const char *text, size_t size, json_t *array)
{
    fan_status status = FAN_OK;
    if (s->args.format == FANI_FORMAT_NDJSON)
        return json_array_append_new(array, json_stringn(text, size)) ? FAN_E_MEMORY : FAN_OK;
    if (s->value.size)
        status = fani_bytes_add(&s->value, " ", 1);
    return status == FAN_OK ? fani_bytes_add(&s->value, text, size) : status;
}

static fan_status list_u64(divisors_state *s, uint64_t n, json_t *array)
{
    fan_factors_u64 factors;
    fan_status status = fan_factor_u64(n, &factors);
    if (status != FAN_OK)
        return status;
    uint64_t count = fan_divisor_count_u64(&factors);
    uint64_t *divisors = (void *)fani_bytes_room(&s->small, count * sizeof *divisors);
    if (!divisors)
        return FAN_E_MEMORY;
    fan_divisors_u64(&factors, divisors);
    for (uint64_t i = 0; status == FAN_OK && i < count; i++) {
        char text[FANI_U64_DIGITS];
        status = add_divisor(s, text, fani_u64_text(divisors[i], text), array);
    }
    return status;
}

static fan_status add_all(divisors_state *s, const fan_divisor_list *list, json_t *array)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < list->count; i++) {
        char *text = fani_bytes_room(&s->big.digits, mpz_sizeinbase(list->values[i], 10) + 2);
        if (!text)
            return FAN_E_MEMORY;
        mpz_get_str(text, 10, list->values[i]);
        status = add_divisor(s, text, strlen(text), array);
    }
    return status;
}

static fan_status list_big(divisors_state *s, fan_run *run, const fani_number *number,
                           json_t *array, fan_error *error)
{
    fan_divisor_list list;
    fan_status status = fani_big_factor(&s->big, run, number, &s->args, error);
    if (status == FAN_OK)
        status = fan_divisors(s->big.factorization, 0, &list, error);
    if (status != FAN_OK)
        return status;
    status = add_all(s, &list, array);
    fan_divisor_list_clear(&list);
    return status;
}

static fan_status answer(divisors_state *s, fan_run *run, size_t i, uint64_t index,
                         const fani_number *number, const fan_factorization *factorization,
                         json_t *array)
{
    char note[FANI_BIG_NOTE];
    fani_record record = {.task = "divisors",
                          .name = "divisors",
                          .subject = number,
                          .input = s->input,
                          .input_size = s->input_size,
                          .subject_text = true,
                          .value = (const char *)s->value.bytes,
                          .value_size = s->value.size,
                          .json = array};
    if (factorization)
        fani_big_note(&record, factorization, false, note);
    return fani_record_reply(run, i, index, &s->args, &record, &s->record);
}

static fan_status one_number(divisors_state *s, fan_run *run, size_t i, uint64_t index,
                             const fani_number *number)
{
    uint64_t small;
    fan_error error = {0};
    json_t *array = s->args.format == FANI_FORMAT_NDJSON ? json_array() : NULL;
    s->value.size = 0;
    bool is_small = fani_number_u64(number, &small);
    fan_status status =
        is_small ? list_u64(s, small, array) : list_big(s, run, number, array, &error);
    if (status == FAN_OK)
        return answer(s, run, i, index, number, is_small ? NULL : s->big.factorization, array);
    json_decref(array);
    if (status == FAN_E_CANCELLED || status == FAN_E_MEMORY)
        return status;
    return fan_run_fail(run, i, "%s", error.text[0] ? error.text : fan_status_text(status));
}

static fan_status one_token(divisors_state *s, fan_run *run, size_t i, const fan_items *in)
{
    fani_number number;
    size_t size, bad;
    const unsigned char *token = fan_items_at(in, i, &size);
    fan_status status = FAN_OK;
    s->input = NULL;
    if (!fani_number_scan(token, size, false, &number, &bad)) {
        status = fani_written_read(&s->other, run, i, 0, token, size, &number);
        s->input = token;
        s->input_size = size;
    }
    if (status != FAN_OK || !number.digits)
        return status;
    if (number.digits[0] == '0')
        return fan_run_fail(run, i, "0 is divided by every number");
    return one_number(s, run, i, in->first + i, &number);
}

static fan_status run_numbers(fan_run *run, fan_items in)
{
    divisors_state *s = fan_run_state(run);
    for (size_t i = 0; i < in.count; i++) {
        fan_status status = one_token(s, run, i, &in);
        if (status != FAN_OK && status != FAN_E_TOO_LARGE)
            return status;
        if (i % 64 == 63 && fan_run_cancelled(run))
            return FAN_E_CANCELLED;
    }
    return FAN_OK;
}

const fan_task fani_task_divisors = {
    .name = "divisors", .version = 4, .run = run_numbers, .start = start, .stop = stop};

static const fani_list divisors_list = {
    .name = "divisors",
    .task = &fani_task_divisors,
    .unit = FANI_UNIT_TOKEN,
    .columns = "index\tn\tdivisors\tstatus\ttext\n",
    .value_columns = 2,
};

static fan_status run_divisors(fani_job_run *run, fan_error *error)
{
    if (fani_job_text(run->job, FANI_KEY_FUNCTION))
        return fani_function_run(run, error);
    return fani_list_run(run, &divisors_list, error);
}

const fani_job_kind fani_job_divisors = {
    .name = "divisors",
    .summary = "all divisors of each number",
    .is_list = true,
    .run = run_divisors,
};
