/* factor and divisors with the key function: each number gives the value of an arithmetic function.
 */
#include "job/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/big.h"
#include "job/list.h"
#include "job/record.h"
#include "job/written.h"

/* Numbers of up to 64 bits are factored so many at once. */
enum { GROUP = 512 };
/* A function's name with its parameter. */
enum { NAME_MAX_SIZE = 40 };
/* Below this many all small primes are tried in any number, by trial division alone. */
enum { TRIED = 65536 };

/* What the task's arguments have behind fani_list_args. */
typedef struct function_settings {
    uint64_t parameter;
    uint32_t function; /* fan_function */
    uint32_t reserved;
    char name[NAME_MAX_SIZE]; /* as it was asked for */
} function_settings;

typedef struct function_state {
    fani_list_args args;
    function_settings settings;
    const char *task;
    fan_buffer record;
    fani_big big;
    fani_written other;
    mpz_t value;
    size_t group; /* used places of the arrays below */
    uint64_t numbers[GROUP];
    size_t items[GROUP];
    fani_number texts[GROUP];
    fan_factors_u64 factors[GROUP];
} function_state;

/* A number at work. */
typedef struct subject {
    size_t item;
    uint64_t index;
    fani_number number;
    const unsigned char *input; /* NULL: it is in decimal */
    size_t input_size;
} subject;

static const struct {
    const char *name;
    fan_function function;
    uint64_t low, high; /* of the parameter; both 0: it has none */
} functions[] = {
    {"numdiv", FAN_FUNCTION_NUMDIV, 0, 0},         {"sigma", FAN_FUNCTION_SIGMA, 0, FANI_SIGMA_MAX},
    {"totient", FAN_FUNCTION_TOTIENT, 0, 0},       {"moebius", FAN_FUNCTION_MOEBIUS, 0, 0},
    {"liouville", FAN_FUNCTION_LIOUVILLE, 0, 0},   {"omega", FAN_FUNCTION_OMEGA, 0, 0},
    {"bigomega", FAN_FUNCTION_BIG_OMEGA, 0, 0},    {"radical", FAN_FUNCTION_RADICAL, 0, 0},
    {"squarefree", FAN_FUNCTION_SQUAREFREE, 0, 0}, {"smooth", FAN_FUNCTION_SMOOTH, 1, UINT64_MAX},
};

bool fani_read_function(const char *text, fan_function *function, uint64_t *parameter)
{
    size_t size = strcspn(text, "=");
    if (strlen(text) >= NAME_MAX_SIZE)
        return false;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strncmp(functions[i].name, text, size) != 0 || functions[i].name[size])
            continue;
        *function = functions[i].function;
        *parameter = 1;
        if (!text[size]) /* of sigma it may be left out */
            return *function != FAN_FUNCTION_SMOOTH;
        return functions[i].high && fani_read_count(text + size + 1, parameter) &&
               *parameter >= functions[i].low && *parameter <= functions[i].high;
    }
    return false;
}

/* ---- The state ------------------------------------------------------------------------------- */

static void stop(void *state)
{
    function_state *s = state;
    fani_big_clear(&s->big);
    fani_written_clear(&s->other);
    fan_buffer_clear(&s->record);
    mpz_clear(s->value);
    free(s);
}

static fan_status start(fan_run *run, const char *task)
{
    fan_items args = fan_run_args(run);
    size_t size = 0;
    const unsigned char *bytes = args.count ? fan_items_at(&args, 0, &size) : NULL;
    if (!bytes || size != sizeof(fani_list_args) + sizeof(function_settings))
        return FAN_E_PROTOCOL;
    function_state *s = calloc(1, sizeof *s);
    fan_status status = s ? fani_big_init(&s->big) : FAN_E_MEMORY;
    if (status != FAN_OK) {
        free(s);
        return status;
    }
    memcpy(&s->args, bytes, sizeof s->args);
    memcpy(&s->settings, bytes + sizeof s->args, sizeof s->settings);
    s->task = task;
    mpz_init(s->value);
    fani_written_init(&s->other, &s->args, false);
    fan_run_set_state(run, s);
    return FAN_OK;
}

static fan_status start_factor(fan_run *run)
{
    return start(run, "factor");
}

static fan_status start_divisors(fan_run *run)
{
    return start(run, "divisors");
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* `factorization` is NULL where nothing is to be said about it. */
static fan_status answer(function_state *s, fan_run *run, const subject *of, const char *text,
                         size_t size, const fan_factorization *factorization)
{
    char note[FANI_BIG_NOTE];
    fani_record record = {.task = s->task,
                          .name = s->settings.name,
                          .subject = &of->number,
                          .input = of->input,
                          .input_size = of->input_size,
                          .subject_text = true,
                          .value = text,
                          .value_size = size};
    if (factorization)
        fani_big_note(&record, factorization, false, note);
    if (s->args.format == FANI_FORMAT_NDJSON)
        record.json = json_stringn(text, size);
    return fani_record_reply(run, of->item, of->index, &s->args, &record, &s->record);
}

/* Answers with s->value. */
static fan_status answer_value(function_state *s, fan_run *run, const subject *of,
                               const fan_factorization *factorization)
{
    char *text = fani_bytes_room(&s->big.digits, mpz_sizeinbase(s->value, 10) + 2);
    if (!text)
        return FAN_E_MEMORY;
    mpz_get_str(text, 10, s->value);
    return answer(s, run, of, text, strlen(text), factorization);
}

static fan_status answer_sigma(function_state *s, fan_run *run, const subject *of,
                               const fan_factors_u64 *factors)
{
    uint64_t sum[2];
    char text[FANI_U64_DIGITS];
    fan_divisor_sum_u64(factors, sum);
    if (!sum[1])
        return answer(s, run, of, text, fani_u64_text(sum[0], text), NULL);
    mpz_set_ui(s->value, sum[1]);
    mpz_mul_2exp(s->value, s->value, 64);
    mpz_add_ui(s->value, s->value, sum[0]);
    return answer_value(s, run, of, NULL);
}

static uint64_t small_value(const function_state *s, const fan_factors_u64 *factors)
{
    switch ((fan_function)s->settings.function) {
    case FAN_FUNCTION_NUMDIV:
        return fan_divisor_count_u64(factors);
    case FAN_FUNCTION_TOTIENT:
        return fan_totient_u64(factors);
    case FAN_FUNCTION_OMEGA:
        return factors->count;
    case FAN_FUNCTION_BIG_OMEGA:
        return fan_big_omega_u64(factors);
    case FAN_FUNCTION_RADICAL:
        return fan_radical_u64(factors);
    case FAN_FUNCTION_SQUAREFREE:
        return fan_squarefree_part_u64(factors);
    case FAN_FUNCTION_SMOOTH:
        return fan_smooth_part_u64(factors, s->settings.parameter);
    case FAN_FUNCTION_SIGMA: /* these three are no words */
    case FAN_FUNCTION_MOEBIUS:
    case FAN_FUNCTION_LIOUVILLE:
        break;
    }
    return 0;
}

static fan_status answer_u64(function_state *s, fan_run *run, const subject *of,
                             const fan_factors_u64 *factors)
{
    char text[FANI_U64_DIGITS];
    fan_function function = s->settings.function;
    if (function == FAN_FUNCTION_SIGMA)
        return answer_sigma(s, run, of, factors);
    if (function == FAN_FUNCTION_MOEBIUS || function == FAN_FUNCTION_LIOUVILLE) {
        int sign = function == FAN_FUNCTION_MOEBIUS ? fan_moebius_u64(factors)
                                                    : fan_liouville_u64(factors);
        const char *shown = sign < 0 ? "-1" : sign ? "1" : "0";
        return answer(s, run, of, shown, strlen(shown), NULL);
    }
    return answer(s, run, of, text, fani_u64_text(small_value(s, factors), text), NULL);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* Factors and answers the gathered numbers. */
static fan_status finish_group(function_state *s, fan_run *run, uint64_t first)
{
    fan_status status = fan_factor_u64_array(s->numbers, s->factors, s->group);
    for (size_t i = 0; status == FAN_OK && i < s->group; i++) {
        subject of = {.item = s->items[i], .index = first + s->items[i], .number = s->texts[i]};
        status = answer_u64(s, run, &of, &s->factors[i]);
        if (status == FAN_E_TOO_LARGE) /* this one item failed, and says so */
            status = FAN_OK;
    }
    s->group = 0;
    return status;
}

/* Factors as `args` have it, and evaluates into s->value. */
static fan_status evaluate(function_state *s, fan_run *run, const subject *of,
                           const fani_list_args *args, fan_error *error)
{
    fan_status status = fani_big_factor(&s->big, run, &of->number, args, error);
    if (status != FAN_OK && status != FAN_E_EFFORT)
        return status;
    return fan_factorization_function(s->big.factorization, s->settings.function,
                                      s->settings.parameter, s->value, error);
}

/* For a smooth part trial division is mostly enough, and anything else is tried only where it was
 * not. */
static fan_status one_big(function_state *s, fan_run *run, const subject *of)
{
    fan_error error = {0};
    bool smooth = s->settings.function == FAN_FUNCTION_SMOOTH;
    fani_list_args little = s->args;
    little.effort = 1;
    fan_status status = FAN_E_EFFORT;
    if (smooth && s->settings.parameter < TRIED)
        status = evaluate(s, run, of, &little, &error);
    if (status == FAN_E_EFFORT)
        status = evaluate(s, run, of, &s->args, &error);
    if (status == FAN_OK)
        return answer_value(s, run, of, smooth ? NULL : s->big.factorization);
    if (status == FAN_E_CANCELLED || status == FAN_E_MEMORY)
        return status;
    return fan_run_fail(run, of->item, "%s", error.text);
}

/* Whether the functions for words have the answer: there is none for 0, or for other powers. */
static bool is_word(const function_state *s, const fani_number *number, uint64_t *value)
{
    bool powers = s->settings.function == FAN_FUNCTION_SIGMA && s->settings.parameter != 1;
    return !powers && fani_number_u64(number, value) && *value;
}

/* A number that is not in decimal: alone, as the next one will have its digits' room. */
static fan_status one_written(function_state *s, fan_run *run, subject *of)
{
    uint64_t value;
    fan_factors_u64 factors;
    fan_status status =
        fani_written_read(&s->other, run, of->item, 0, of->input, of->input_size, &of->number);
    if (status != FAN_OK || !of->number.digits)
        return status;
    if (!is_word(s, &of->number, &value))
        return one_big(s, run, of);
    status = fan_factor_u64(value, &factors);
    return status == FAN_OK ? answer_u64(s, run, of, &factors) : status;
}

static fan_status one(function_state *s, fan_run *run, size_t i, const fan_items *in)
{
    subject of = {.item = i, .index = in->first + i};
    uint64_t value;
    size_t size, bad;
    const unsigned char *token = fan_items_at(in, i, &size);
    if (!fani_number_scan(token, size, false, &of.number, &bad)) {
        of.input = token;
        of.input_size = size;
        return one_written(s, run, &of);
    }
    if (!is_word(s, &of.number, &value))
        return one_big(s, run, &of);
    s->numbers[s->group] = value;
    s->items[s->group] = i;
    s->texts[s->group] = of.number;
    return ++s->group == GROUP ? finish_group(s, run, in->first) : FAN_OK;
}

static fan_status run_numbers(fan_run *run, fan_items in)
{
    function_state *s = fan_run_state(run);
    s->group = 0;
    for (size_t i = 0; i < in.count; i++) {
        fan_status status = one(s, run, i, &in);
        if (status != FAN_OK && status != FAN_E_TOO_LARGE)
            return status;
        if (i % 64 == 63 && fan_run_cancelled(run))
            return FAN_E_CANCELLED;
    }
    return finish_group(s, run, in.first);
}

const fan_task fani_task_factor_function = {.name = "factor.function",
                                            .version = 2,
                                            .together = GROUP,
                                            .run = run_numbers,
                                            .start = start_factor,
                                            .stop = stop};

const fan_task fani_task_divisors_function = {.name = "divisors.function",
                                              .version = 2,
                                              .together = GROUP,
                                              .run = run_numbers,
                                              .start = start_divisors,
                                              .stop = stop};

/* ---- The job --------------------------------------------------------------------------------- */

fan_status fani_function_run(fani_job_run *run, fan_error *error)
{
    const char *name = fani_job_text(run->job, FANI_KEY_FUNCTION);
    function_settings settings = {0};
    fan_function function;
    char columns[NAME_MAX_SIZE + 40];
    /* The key was checked when it was set. */
    if (!fani_read_function(name, &function, &settings.parameter))
        return fani_error_set(error, FAN_E_ARGUMENT, "function is '%.64s'", name);
    settings.function = function;
    snprintf(settings.name, sizeof settings.name, "%s", name);
    snprintf(columns, sizeof columns, "index\tn\t%s\tstatus\ttext\n", name);
    fan_buffer bytes = {.bytes = (unsigned char *)&settings, .size = sizeof settings};
    bool divisors = run->job->kind == &fani_job_divisors;
    fani_list list = {.name = run->job->kind->name,
                      .task = divisors ? &fani_task_divisors_function : &fani_task_factor_function,
                      .unit = FANI_UNIT_TOKEN,
                      .columns = columns,
                      .value_columns = 2,
                      .settings = &bytes};
    return fani_list_run(run, &list, error);
}
