/* gcd: each line of two or more numbers gives their greatest common divisor. */
#include "fanfold/gcd.h"

#include <stdlib.h>
#include <string.h>

#include "job/list.h"
#include "job/record.h"
#include "job/written.h"

/* A worker's scratch, and the line it is on. */
typedef struct gcd_state {
    fani_list_args args;
    fan_buffer record, digits;
    fani_written other;
    mpz_t big, next;
    bool is_big; /* the gcd so far is in `big`, else in `small` */
    uint64_t small;
    size_t numbers; /* of this line so far */
} gcd_state;

static fan_status start(fan_run *run)
{
    gcd_state *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    s->args = fani_record_args(run);
    mpz_init(s->big);
    mpz_init(s->next);
    fani_written_init(&s->other, &s->args, true);
    fan_run_set_state(run, s);
    return FAN_OK;
}

static void stop(void *state)
{
    gcd_state *s = state;
    if (!s)
        return;
    mpz_clear(s->big);
    mpz_clear(s->next);
    fani_written_clear(&s->other);
    fan_buffer_clear(&s->record);
    fan_buffer_clear(&s->digits);
    free(s);
}

static fan_status fold_big(gcd_state *s, const fani_number *number)
{
    char *scratch = fani_bytes_room(&s->digits, number->size + 1);
    if (!scratch)
        return FAN_E_MEMORY;
    if (!s->is_big)
        mpz_set_ui(s->big, s->small);
    s->is_big = true;
    fani_number_mpz(number, scratch, s->next);
    fan_gcd_mpz(s->big, s->next, s->big);
    return FAN_OK;
}

/* Takes one more number of the line into the gcd; gcd(0, n) = n makes 0 the right start. */
static fan_status fold(gcd_state *s, const fani_number *number)
{
    uint64_t value;
    s->numbers++;
    if (!s->is_big && s->small == 1)
        return FAN_OK;
    if (s->is_big || !fani_number_u64(number, &value))
        return fold_big(s, number);
    s->small = fan_gcd_u64(s->small, value);
    return FAN_OK;
}

static fan_status answer(gcd_state *s, fan_run *run, size_t i, uint64_t index)
{
    char small[FANI_U64_DIGITS];
    fani_record record = {.task = "gcd", .name = "gcd", .value = small};
    if (s->is_big) {
        char *text = fani_bytes_room(&s->digits, mpz_sizeinbase(s->big, 10) + 2);
        if (!text)
            return FAN_E_MEMORY;
        record.value_size = strlen(mpz_get_str(text, 10, s->big));
        record.value = text;
    } else {
        record.value_size = fani_u64_text(s->small, small);
    }
    if (s->args.format == FANI_FORMAT_NDJSON)
        record.json = json_stringn(record.value, record.value_size);
    return fani_record_reply(run, i, index, &s->args, &record, &s->record);
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next token of a line from *at on: its start and size; false at the end. */
static bool next_token(const unsigned char *line, size_t size, size_t *at, size_t *token_size)
{
    while (*at < size && is_blank(line[*at]))
        ++*at;
    size_t end = *at;
    while (end < size && !is_blank(line[end]))
        end++;
    *token_size = end - *at;
    return *token_size > 0;
}

static fan_status one_line(gcd_state *s, fan_run *run, size_t i, uint64_t index,
                           const unsigned char *line, size_t size)
{
    size_t at = 0, token_size, bad;
    s->is_big = false;
    s->small = 0;
    s->numbers = 0;
    for (; next_token(line, size, &at, &token_size); at += token_size) {
        fani_number number;
        fan_status status = FAN_OK;
        if (!fani_number_scan(line + at, token_size, true, &number, &bad))
            status = fani_written_read(&s->other, run, i, at, line + at, token_size, &number);
        if (status != FAN_OK || !number.digits)
            return status;
        status = fold(s, &number);
        if (status != FAN_OK)
            return status;
    }
    if (s->numbers < 2)
        return fani_record_bad(run, i, 0, "%zu number%s: expected two or more", s->numbers,
                               s->numbers == 1 ? "" : "s");
    return answer(s, run, i, index);
}

static fan_status run_lines(fan_run *run, fan_items in)
{
    gcd_state *s = fan_run_state(run);
    for (size_t i = 0; i < in.count; i++) {
        size_t size;
        const unsigned char *line = fan_items_at(&in, i, &size);
        fan_status status = one_line(s, run, i, in.first + i, line, size);
        if (status == FAN_E_MEMORY || status == FAN_E_CANCELLED)
            return status;
        if (i % 64 == 63 && fan_run_cancelled(run))
            return FAN_E_CANCELLED;
    }
    return FAN_OK;
}

const fan_task fani_task_gcd = {
    .name = "gcd", .version = 2, .run = run_lines, .start = start, .stop = stop};

static const fani_list gcd_list = {
    .name = "gcd",
    .task = &fani_task_gcd,
    .unit = FANI_UNIT_LINE,
    .join_arguments = true,
    .columns = "index\tgcd\tstatus\ttext\n",
    .value_columns = 1,
};

static fan_status run_gcd(fani_job_run *run, fan_error *error)
{
    return fani_list_run(run, &gcd_list, error);
}

const fani_job_kind fani_job_gcd = {
    .name = "gcd",
    .summary = "greatest common divisor of each line of two or more numbers",
    .is_list = true,
    .run = run_gcd,
};
