/* gcd: each line of two or more numbers gives their greatest common divisor, or what follows from
 * it: the least common multiple, Bezout's factors, whether they are coprime. */
#include "fanfold/gcd.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/gcd_all.h"
#include "job/list.h"
#include "job/record.h"
#include "job/written.h"
#include "task/worker.h"

enum {
    GROUP = 480,      /* pairs of words that are worked on at once */
    LONG_GROUP = 32,  /* pairs of integers */
    LONG_LIMBS = 640, /* of each, so that a group is never large */
    TEXT_MOST = 3 * FANI_U64_DIGITS + 4,
};

typedef enum gives {
    GIVES_GCD,
    GIVES_LCM,
    GIVES_EXTENDED,
    GIVES_COPRIME,
} gives;

static const struct {
    const char *name;
    const char *columns; /* TSV header line */
} results[] = {
    [GIVES_GCD] = {"gcd", "index\tgcd\tstatus\ttext\n"},
    [GIVES_LCM] = {"lcm", "index\tlcm\tstatus\ttext\n"},
    [GIVES_EXTENDED] = {"extended", "index\textended\tstatus\ttext\n"},
    [GIVES_COPRIME] = {"coprime", "index\tcoprime\tstatus\ttext\n"},
};

/* What the task's arguments have behind fani_list_args where it is not the gcd that is wanted. */
typedef struct gcd_settings {
    uint32_t gives;
    uint32_t reserved;
} gcd_settings;

/* A worker's scratch, and the pairs that wait until there are enough. */
typedef struct gcd_state {
    fani_list_args args;
    gives gives;
    fan_buffer record, digits;
    fani_written other;
    size_t words; /* used places of these arrays */
    uint64_t a[GROUP], b[GROUP], gcd[GROUP];
    size_t items[GROUP];
    size_t longs; /* and of these; the next place has the line at work */
    mpz_t long_a[LONG_GROUP], long_b[LONG_GROUP];
    size_t long_items[LONG_GROUP];
    mpz_t x, y;
} gcd_state;

static void stop(void *state)
{
    gcd_state *s = state;
    if (!s)
        return;
    for (size_t i = 0; i < LONG_GROUP; i++)
        mpz_clears(s->long_a[i], s->long_b[i], NULL);
    mpz_clears(s->x, s->y, NULL);
    fani_written_clear(&s->other);
    fan_buffer_clear(&s->record);
    fan_buffer_clear(&s->digits);
    free(s);
}

static bool read_args(const fan_run *run, gcd_state *s)
{
    gcd_settings settings = {0};
    fan_items items = fan_run_args(run);
    size_t size = 0;
    const unsigned char *bytes = items.count ? fan_items_at(&items, 0, &size) : NULL;
    s->args = fani_record_args(run);
    if (bytes && size == sizeof s->args + sizeof settings) {
        memcpy(&s->args, bytes, sizeof s->args);
        memcpy(&settings, bytes + sizeof s->args, sizeof settings);
    }
    s->gives = (gives)settings.gives;
    return settings.gives <= GIVES_COPRIME;
}

static fan_status start(fan_run *run)
{
    gcd_state *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    if (!read_args(run, s)) {
        free(s);
        return FAN_E_PROTOCOL;
    }
    for (size_t i = 0; i < LONG_GROUP; i++)
        mpz_inits(s->long_a[i], s->long_b[i], NULL);
    mpz_inits(s->x, s->y, NULL);
    fani_written_init(&s->other, &s->args, true);
    fan_run_set_state(run, s);
    return FAN_OK;
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* The value as JSON: of three numbers an array of them, of a truth that, else a string. */
static json_t *json_of(const gcd_state *s, const char *value, size_t size)
{
    if (s->gives == GIVES_COPRIME)
        return json_boolean(value[0] == 't');
    if (s->gives != GIVES_EXTENDED)
        return json_stringn(value, size);
    json_t *array = json_array();
    const char *end = value + size;
    while (array && value < end) {
        const char *blank = memchr(value, ' ', (size_t)(end - value));
        size_t part = blank ? (size_t)(blank - value) : (size_t)(end - value);
        if (json_array_append_new(array, json_stringn(value, part)) != 0) {
            json_decref(array);
            return NULL;
        }
        value += part + 1;
    }
    return array;
}

static fan_status answer(gcd_state *s, fan_run *run, size_t i, uint64_t first, const char *value,
                         size_t size)
{
    const char *name = results[s->gives].name;
    fani_record record = {.task = "gcd", .name = name, .value = value, .value_size = size};
    if (s->args.format == FANI_FORMAT_NDJSON)
        record.json = json_of(s, value, size);
    return fani_record_reply(run, i, first + i, &s->args, &record, &s->record);
}

static fan_status answer_truth(gcd_state *s, fan_run *run, size_t i, uint64_t first, bool truth)
{
    const char *text = truth ? "true" : "false";
    return answer(s, run, i, first, text, strlen(text));
}

/* These, with blanks between them. */
static fan_status answer_integers(gcd_state *s, fan_run *run, size_t i, uint64_t first,
                                  mpz_srcptr const *values, size_t count)
{
    size_t most = 1, size = 0;
    for (size_t k = 0; k < count; k++)
        most += mpz_sizeinbase(values[k], 10) + 2;
    char *text = fani_bytes_room(&s->digits, most);
    if (!text)
        return FAN_E_MEMORY;
    for (size_t k = 0; k < count; k++) {
        if (k)
            text[size++] = ' ';
        size += strlen(mpz_get_str(text + size, 10, values[k]));
    }
    return answer(s, run, i, first, text, size);
}

/* ---- Pairs of words -------------------------------------------------------------------------- */

static size_t signed_text(int64_t value, char *text)
{
    if (value >= 0)
        return fani_u64_text((uint64_t)value, text);
    text[0] = '-';
    return 1 + fani_u64_text(-(uint64_t)value, text + 1);
}

/* a x + b y = g: "g x y". */
static size_t extended_text(uint64_t a, uint64_t b, char *text)
{
    int64_t x, y;
    size_t size = fani_u64_text(fan_gcdext_u64(a, b, &x, &y), text);
    text[size++] = ' ';
    size += signed_text(x, text + size);
    text[size++] = ' ';
    return size + signed_text(y, text + size);
}

static void set_u64(mpz_ptr x, uint64_t value)
{
    mpz_import(x, 1, 1, sizeof value, 0, 0, &value);
}

static fan_status answer_lcm(gcd_state *s, fan_run *run, size_t at, uint64_t first)
{
    char text[TEXT_MOST];
    uint64_t a = s->a[at] / (s->gcd[at] ? s->gcd[at] : 1), lcm;
    if (!__builtin_mul_overflow(a, s->b[at], &lcm))
        return answer(s, run, s->items[at], first, text, fani_u64_text(lcm, text));
    set_u64(s->x, a);
    set_u64(s->y, s->b[at]);
    mpz_mul(s->x, s->x, s->y);
    mpz_srcptr product = s->x;
    return answer_integers(s, run, s->items[at], first, &product, 1);
}

/* Written where the reply stays: what a list of short numbers costs is decided here. */
static fan_status answer_gcd_text(const gcd_state *s, fan_run *run, size_t at)
{
    unsigned char *room;
    fan_status status = fani_run_reply_room(run, s->items[at], FANI_U64_DIGITS + 1, &room);
    if (status != FAN_OK)
        return status;
    size_t size = fani_u64_text(s->gcd[at], (char *)room);
    room[size++] = '\n';
    return fani_run_reply_take(run, s->items[at], size);
}

static fan_status answer_words(gcd_state *s, fan_run *run, size_t at, uint64_t first)
{
    char text[TEXT_MOST];
    size_t item = s->items[at];
    switch (s->gives) {
    case GIVES_GCD:
        break;
    case GIVES_LCM:
        return answer_lcm(s, run, at, first);
    case GIVES_EXTENDED:
        return answer(s, run, item, first, text, extended_text(s->a[at], s->b[at], text));
    case GIVES_COPRIME:
        return answer_truth(s, run, item, first, s->gcd[at] == 1);
    }
    if (s->args.format == FANI_FORMAT_TEXT)
        return answer_gcd_text(s, run, at);
    return answer(s, run, item, first, text, fani_u64_text(s->gcd[at], text));
}

static fan_status finish_words(gcd_state *s, fan_run *run, uint64_t first)
{
    fan_status status = FAN_OK;
    if (s->gives != GIVES_EXTENDED)
        fan_gcd_u64_array(s->a, s->b, s->gcd, s->words);
    for (size_t at = 0; status == FAN_OK && at < s->words; at++) {
        status = answer_words(s, run, at, first);
        if (status == FAN_E_TOO_LARGE) /* this one item failed, and says so */
            status = FAN_OK;
    }
    s->words = 0;
    return status;
}

static fan_status gather_words(gcd_state *s, fan_run *run, uint64_t first, size_t i)
{
    s->items[s->words] = i;
    return ++s->words == GROUP ? finish_words(s, run, first) : FAN_OK;
}

/* ---- Other lines ----------------------------------------------------------------------------- */

static fan_status answer_long(gcd_state *s, fan_run *run, size_t i, uint64_t first,
                              mpz_srcptr value)
{
    if (s->gives == GIVES_COPRIME)
        return answer_truth(s, run, i, first, mpz_cmp_ui(value, 1) == 0);
    return answer_integers(s, run, i, first, &value, 1);
}

static fan_status finish_longs(gcd_state *s, fan_run *run, uint64_t first)
{
    if (s->longs == 0)
        return FAN_OK;
    fan_status status = fan_gcd_mpz_array(s->long_a[0], s->long_b[0], s->long_a[0], s->longs);
    for (size_t at = 0; status == FAN_OK && at < s->longs; at++) {
        status = answer_long(s, run, s->long_items[at], first, s->long_a[at]);
        if (status == FAN_E_TOO_LARGE)
            status = FAN_OK;
    }
    s->longs = 0;
    return status;
}

static bool gives_gcd(const gcd_state *s)
{
    return s->gives == GIVES_GCD || s->gives == GIVES_COPRIME;
}

static fan_status answer_extended(gcd_state *s, fan_run *run, size_t i, uint64_t first, mpz_ptr a,
                                  mpz_srcptr b)
{
    fan_gcdext_mpz(a, b, a, s->x, s->y);
    mpz_srcptr values[] = {a, s->x, s->y};
    return answer_integers(s, run, i, first, values, 3);
}

/* The line at work had so many numbers, the last of them in b, what the others give in a. */
static fan_status finish_line(gcd_state *s, fan_run *run, uint64_t first, size_t i, size_t numbers)
{
    mpz_ptr a = s->long_a[s->longs], b = s->long_b[s->longs];
    bool is_long = mpz_size(a) > LONG_LIMBS || mpz_size(b) > LONG_LIMBS;
    if (numbers < 2)
        return fani_record_bad(run, i, 0, "%zu number%s: expected two or more", numbers,
                               numbers == 1 ? "" : "s");
    if (s->gives == GIVES_EXTENDED && numbers > 2)
        return fani_record_bad(run, i, 0, "%zu numbers: expected two", numbers);
    if (s->gives == GIVES_EXTENDED)
        return answer_extended(s, run, i, first, a, b);
    if (gives_gcd(s) && numbers == 2 && !is_long) {
        s->long_items[s->longs] = i;
        return ++s->longs == LONG_GROUP ? finish_longs(s, run, first) : FAN_OK;
    }
    if (numbers == 2 && gives_gcd(s))
        fan_gcd_mpz(a, b, a);
    else if (numbers == 2)
        fan_lcm_mpz(a, b, a);
    return answer_long(s, run, i, first, a);
}

/* Takes one more number of the line, which had so many before. */
static fan_status take(gcd_state *s, const fani_number *number, size_t numbers)
{
    uint64_t value;
    mpz_ptr a = s->long_a[s->longs], b = s->long_b[s->longs], to = numbers == 0 ? a : b;
    bool more = s->gives != GIVES_EXTENDED && numbers >= 2;
    if (more && numbers == 2 && gives_gcd(s))
        fan_gcd_mpz(a, b, a);
    else if (more && numbers == 2)
        fan_lcm_mpz(a, b, a);
    if (fani_number_u64(number, &value)) {
        set_u64(to, value);
        if (number->negative)
            mpz_neg(to, to);
    } else {
        char *scratch = fani_bytes_room(&s->digits, number->size + 1);
        if (!scratch)
            return FAN_E_MEMORY;
        fani_number_mpz(number, scratch, to);
    }
    if (more && gives_gcd(s))
        fan_gcd_mpz(a, b, a);
    else if (more)
        fan_lcm_mpz(a, b, a);
    return FAN_OK;
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

static fan_status any_line(gcd_state *s, fan_run *run, uint64_t first, size_t i,
                           const unsigned char *line, size_t size)
{
    size_t at = 0, numbers = 0, token_size, bad;
    for (; next_token(line, size, &at, &token_size); at += token_size) {
        fani_number number;
        fan_status status = FAN_OK;
        if (!fani_number_scan(line + at, token_size, true, &number, &bad))
            status = fani_written_read(&s->other, run, i, at, line + at, token_size, &number);
        if (status != FAN_OK || !number.digits)
            return status;
        status = take(s, &number, numbers++);
        if (status != FAN_OK)
            return status;
    }
    return finish_line(s, run, first, i, numbers);
}

/* ---- The task -------------------------------------------------------------------------------- */

/* A line as most are: two words in decimal, one blank between them. */
static bool plain_pair(const unsigned char *line, size_t size, uint64_t *a, uint64_t *b)
{
    size_t cut = 0;
    while (cut < size && line[cut] > ' ')
        cut++;
    return cut < size && is_blank(line[cut]) && fani_plain_u64(line, cut, a) &&
           fani_plain_u64(line + cut + 1, size - cut - 1, b);
}

static fan_status run_lines(fan_run *run, fan_items in)
{
    gcd_state *s = fan_run_state(run);
    s->words = s->longs = 0; /* what a run that was cancelled has left */
    for (size_t i = 0; i < in.count; i++) {
        size_t size;
        const unsigned char *line = fan_items_at(&in, i, &size);
        fan_status status = plain_pair(line, size, &s->a[s->words], &s->b[s->words])
                                ? gather_words(s, run, in.first, i)
                                : any_line(s, run, in.first, i, line, size);
        if (status != FAN_OK && status != FAN_E_TOO_LARGE)
            return status;
        if (i % 64 == 63 && fan_run_cancelled(run))
            return FAN_E_CANCELLED;
    }
    fan_status status = finish_words(s, run, in.first);
    return status == FAN_OK ? finish_longs(s, run, in.first) : status;
}

const fan_task fani_task_gcd = {
    .name = "gcd", .version = 2, .together = GROUP, .run = run_lines, .start = start, .stop = stop};

static gives wanted(const fan_job *job)
{
    if (fani_job_flag(job, FANI_KEY_LCM))
        return GIVES_LCM;
    if (fani_job_flag(job, FANI_KEY_EXTENDED))
        return GIVES_EXTENDED;
    return fani_job_flag(job, FANI_KEY_COPRIME) ? GIVES_COPRIME : GIVES_GCD;
}

/* The one item of a run with the key all: gcd(g, 0) is g. */
static fan_status add_all(const fani_list *list, fani_reader *reader, const fan_job *job)
{
    (void)job;
    return fani_reader_add_text(reader, list->user);
}

/* With the key all: the gcd, behind it the 0 that makes it a line of two. */
static fan_status text_of_all(fani_job_run *run, fan_buffer *line, fan_error *error)
{
    fan_buffer text = {0};
    fan_status status = fani_gcd_all(run, &text, error);
    if (status != FAN_OK)
        return status;
    status = fani_bytes_add(line, text.bytes, strlen((const char *)text.bytes));
    if (status == FAN_OK)
        status = fani_bytes_add(line, " 0", sizeof " 0");
    fan_buffer_clear(&text);
    return status == FAN_OK ? FAN_OK : fani_error_set(error, status, "out of memory");
}

static fan_status run_gcd(fani_job_run *run, fan_error *error)
{
    gcd_settings settings = {.gives = wanted(run->job)};
    fan_buffer bytes = {.bytes = (unsigned char *)&settings, .size = sizeof settings}, line = {0};
    bool all = fani_job_flag(run->job, FANI_KEY_ALL);
    fani_list list = {.name = "gcd",
                      .task = &fani_task_gcd,
                      .unit = FANI_UNIT_LINE,
                      .join_arguments = true,
                      .columns = results[settings.gives].columns,
                      .value_columns = 1,
                      .settings = settings.gives == GIVES_GCD ? NULL : &bytes,
                      .inputs = all ? add_all : NULL};
    fan_status status = all ? text_of_all(run, &line, error) : FAN_OK;
    list.user = line.bytes;
    if (status == FAN_OK)
        status = fani_list_run(run, &list, error);
    fan_buffer_clear(&line);
    return status;
}

static fan_status check_gcd(const fan_job *job, fan_error *error)
{
    bool lcm = fani_job_flag(job, FANI_KEY_LCM), extended = fani_job_flag(job, FANI_KEY_EXTENDED);
    if (lcm + extended + fani_job_flag(job, FANI_KEY_COPRIME) > 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "lcm, extended and coprime: at most one of them");
    if (fani_job_flag(job, FANI_KEY_ALL) && (lcm || extended || fani_job_text(job, FANI_KEY_SHARD)))
        return fani_error_set(error, FAN_E_ARGUMENT, "all goes with none of lcm, extended, shard");
    return FAN_OK;
}

const fani_job_kind fani_job_gcd = {
    .name = "gcd",
    .summary = "greatest common divisor of each line of two or more numbers",
    .is_list = true,
    .check = check_gcd,
    .run = run_gcd,
};
