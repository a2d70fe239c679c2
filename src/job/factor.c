/* factor: each number gives its prime factors, as coreutils factor prints them. */
#include "fanfold/factor.h"

#include <stdlib.h>
#include <string.h>

#include "job/factor_answer.h"
#include "job/function.h"
#include "job/list.h"
#include "job/record.h"
#include "job/written.h"
#include "task/worker.h"

/* Numbers of up to 64 bits are factored so many at once. */
enum { GROUP = 512 };

/* A number that is not written in decimal: as it is, and its decimal digits. */
typedef struct written_number {
    const unsigned char *input; /* NULL: it is in decimal */
    size_t input_size;
    unsigned char digits[FANI_U64_DIGITS];
} written_number;

typedef struct factor_state {
    fani_list_args args;
    fan_buffer record;
    fani_big big;
    fani_written other;
    size_t group; /* used places of the arrays below */
    uint64_t numbers[GROUP];
    size_t items[GROUP];
    fani_number texts[GROUP];
    fan_factors_u64 factors[GROUP];
    bool has_written; /* any of the group */
    written_number written[GROUP];
    const unsigned char *input; /* the token at work where it is not in decimal, or NULL */
    size_t input_size;
} factor_state;

static void stop(void *state)
{
    factor_state *s = state;
    fani_big_clear(&s->big);
    fani_written_clear(&s->other);
    fan_buffer_clear(&s->record);
    free(s);
}

static fan_status start(fan_run *run)
{
    factor_state *s = calloc(1, sizeof *s);
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

/* ---- Up to 64 bits --------------------------------------------------------------------------- */

/* "n: p q r", written where the reply stays: what a list of short numbers costs is decided here. */
static fan_status answer_text(factor_state *s, fan_run *run, size_t at)
{
    const fani_number *n = &s->texts[at];
    unsigned char *room;
    fan_status status =
        fani_run_reply_room(run, s->items[at], n->size + sizeof ": " + FAN_FACTORS_U64_TEXT, &room);
    if (status != FAN_OK)
        return status;
    char *to = (char *)room + n->size;
    if (n->digits)
        memcpy(room, n->digits, n->size);
    *to++ = ':';
    *to = ' ';
    size_t size = fan_factors_u64_text(&s->factors[at], to + 1);
    to += size ? size + 1 : 0;
    *to++ = '\n';
    return fani_run_reply_take(run, s->items[at], (size_t)(to - (char *)room));
}

static fan_status answer_u64(factor_state *s, fan_run *run, uint64_t first, size_t at)
{
    char text[FAN_FACTORS_U64_TEXT];
    if (s->args.format == FANI_FORMAT_TEXT)
        return answer_text(s, run, at);
    fani_record record = {.task = "factor",
                          .name = "factors",
                          .subject = &s->texts[at],
                          .subject_text = true,
                          .value = text,
                          .value_size = fan_factors_u64_text(&s->factors[at], text)};
    if (s->args.format == FANI_FORMAT_NDJSON) {
        record.input = s->written[at].input;
        record.input_size = s->written[at].input_size;
        record.json = fani_factor_json_u64(&s->factors[at]);
    }
    return fani_record_reply(run, s->items[at], first + s->items[at], &s->args, &record,
                             &s->record);
}

static void empty_group(factor_state *s)
{
    s->group = 0;
    if (s->has_written)
        memset(s->written, 0, sizeof s->written);
    s->has_written = false;
}

/* Factors and answers the gathered numbers. */
static fan_status finish_group(factor_state *s, fan_run *run, uint64_t first)
{
    fan_status status = fan_factor_u64_array(s->numbers, s->factors, s->group);
    for (size_t i = 0; status == FAN_OK && i < s->group; i++) {
        status = answer_u64(s, run, first, i);
        if (status == FAN_E_TOO_LARGE) /* this one item failed, and says so */
            status = FAN_OK;
    }
    empty_group(s);
    return status;
}

static fan_status gather(factor_state *s, fan_run *run, uint64_t first, size_t i,
                         const fani_number *number, uint64_t value)
{
    s->numbers[s->group] = value;
    s->items[s->group] = i;
    s->texts[s->group] = *number;
    return ++s->group == GROUP ? finish_group(s, run, first) : FAN_OK;
}

/* The same of the token that was read last, which is not in decimal: the next one will have its
 * digits' room. */
static fan_status gather_written(factor_state *s, fan_run *run, uint64_t first, size_t i,
                                 const fani_number *number, uint64_t value)
{
    written_number *written = &s->written[s->group];
    fani_number copy = {.digits = written->digits, .size = number->size};
    memcpy(written->digits, number->digits, number->size);
    written->input = s->input;
    written->input_size = s->input_size;
    s->has_written = true;
    return gather(s, run, first, i, &copy, value);
}

/* ---- Beyond ---------------------------------------------------------------------------------- */

static fan_status one_big(factor_state *s, fan_run *run, size_t i, uint64_t index,
                          const fani_number *number)
{
    fan_error error = {0};
    fan_status status = fani_big_factor(&s->big, run, number, &s->args, &error);
    const fani_big_subject subject = {.number = number,
                                      .input = s->input,
                                      .input_size = s->input_size,
                                      .index = index,
                                      .is_last = fani_big_is_over(&s->big, status)};
    if (status == FAN_OK || status == FAN_E_EFFORT || subject.is_last)
        return fani_factor_answer(&s->big, run, i, &subject, &s->args);
    if (status == FAN_E_CANCELLED || status == FAN_E_MEMORY)
        return status;
    return fan_run_fail(run, i, "%s", error.text);
}

/* ---- The task -------------------------------------------------------------------------------- */

static fan_status one_written(factor_state *s, fan_run *run, size_t i, uint64_t first,
                              const unsigned char *token, size_t size)
{
    fani_number number;
    uint64_t value;
    fan_status status = fani_written_read(&s->other, run, i, 0, token, size, &number);
    if (status != FAN_OK || !number.digits)
        return status;
    s->input = token;
    s->input_size = size;
    if (fani_number_u64(&number, &value))
        status = gather_written(s, run, first, i, &number, value);
    else
        status = one_big(s, run, i, first + i, &number);
    s->input = NULL;
    return status;
}

static fan_status one(factor_state *s, fan_run *run, size_t i, const fan_items *in)
{
    fani_number number;
    uint64_t value;
    size_t size, bad;
    const unsigned char *token = fan_items_at(in, i, &size);
    if (fani_plain_u64(token, size, &value)) {
        number = (fani_number){.digits = token, .size = size};
        return gather(s, run, in->first, i, &number, value);
    }
    if (!fani_number_scan(token, size, false, &number, &bad))
        return one_written(s, run, i, in->first, token, size);
    if (fani_number_u64(&number, &value))
        return gather(s, run, in->first, i, &number, value);
    return one_big(s, run, i, in->first + i, &number);
}

static fan_status run_numbers(fan_run *run, fan_items in)
{
    factor_state *s = fan_run_state(run);
    empty_group(s); /* what a run that was cancelled has left */
    for (size_t i = 0; i < in.count; i++) {
        fan_status status = one(s, run, i, &in);
        if (status != FAN_OK && status != FAN_E_TOO_LARGE)
            return status;
        if (i % 64 == 63 && fan_run_cancelled(run))
            return FAN_E_CANCELLED;
    }
    return finish_group(s, run, in.first);
}

const fan_task fani_task_factor = {.name = "factor",
                                   .version = 6,
                                   .together = GROUP,
                                   .run = run_numbers,
                                   .start = start,
                                   .stop = stop};

static const fani_list factor_list = {
    .name = "factor",
    .task = &fani_task_factor,
    .unit = FANI_UNIT_TOKEN,
    .columns = "index\tn\tfactors\tstatus\ttext\n",
    .value_columns = 2,
    .leaves = true,
};

static fan_status run_factor(fani_job_run *run, fan_error *error)
{
    if (fani_job_text(run->job, FANI_KEY_FUNCTION))
        return fani_function_run(run, error);
    return fani_list_run(run, &factor_list, error);
}

const fani_job_kind fani_job_factor = {
    .name = "factor",
    .summary = "prime factors of each number, of any size",
    .is_list = true,
    .run = run_factor,
};
