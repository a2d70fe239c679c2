/* The task factor.curves: a unit of the search for divisors. Replies are seven words and, where
 * something was found, the divisor; all numbers are little-endian. */
#include "job/curves_unit.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "job/record.h"
#include "kernel/factor/split.h"
#include "kernel/factor/unfinished.h"

enum { WORDS = 7, WORD = 8 };

/* Behind it comes the number. */
typedef struct curves_args {
    uint32_t digits, planned, pinned, reserved;
} curves_args;

typedef struct curves_state {
    mpz_t n, divisor;
    fani_effort effort;
    fan_buffer reply;
} curves_state;

/* ---- Bytes ----------------------------------------------------------------------------------- */

fan_status fani_curves_args(mpz_srcptr n, const fani_curves_options *options, fan_buffer *args)
{
    fani_effort effort = fani_curves_effort(options);
    const curves_args head = {
        .digits = options->digits, .planned = (uint32_t)effort.planned, .pinned = effort.pinned};
    size_t size = fani_unfinished_put(n, NULL);
    unsigned char *number = malloc(size);
    if (!number)
        return FAN_E_MEMORY;
    fani_unfinished_put(n, number);
    fan_status status = fani_bytes_add(args, &head, sizeof head);
    if (status == FAN_OK)
        status = fani_bytes_add(args, number, size);
    free(number);
    return status;
}

/* No instructions that this worker has not are used, whatever methods are chosen. */
static fani_effort effort_of(unsigned digits, fani_isa planned, bool pinned)
{
    const fan_factor_options options = {.digits = digits};
    fani_effort effort = {0};
    (void)fani_effort_of(&options, &effort, NULL); /* the digits were checked with the job */
    effort.planned = planned;
    effort.pinned = pinned;
    if (planned < effort.isa)
        effort.isa = planned;
    return effort;
}

fani_effort fani_curves_effort(const fani_curves_options *options)
{
    return effort_of(options->digits, options->pinned ? options->isa : fani_isa_wanted(),
                     options->pinned);
}

static fan_status add_word(fan_buffer *out, uint64_t word)
{
    word = htole64(word);
    return fani_bytes_add(out, &word, WORD);
}

fan_status fani_curves_reply(const fani_curves_search *search, mpz_srcptr divisor, fan_buffer *out)
{
    const uint64_t words[WORDS] = {divisor != NULL,  (uint64_t)search->method, search->at.round,
                                   search->at.level, search->at.run,           search->at.has_rho,
                                   search->work};
    fan_status status = FAN_OK;
    for (size_t i = 0; i < WORDS && status == FAN_OK; i++)
        status = add_word(out, words[i]);
    if (status != FAN_OK || !divisor)
        return status;
    size_t size = fani_unfinished_put(divisor, NULL);
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return FAN_E_MEMORY;
    fani_unfinished_put(divisor, bytes);
    status = fani_bytes_add(out, bytes, size);
    free(bytes);
    return status;
}

bool fani_curves_read(const unsigned char *bytes, size_t size, fani_curves_search *search,
                      mpz_ptr divisor, bool *any)
{
    uint64_t words[WORDS];
    if (size < sizeof words)
        return false;
    memcpy(words, bytes, sizeof words);
    for (size_t i = 0; i < WORDS; i++)
        words[i] = le64toh(words[i]);
    *any = words[0] != 0;
    *search = (fani_curves_search){.at = {.round = (unsigned)words[2],
                                          .level = (unsigned)words[3],
                                          .run = (uint32_t)words[4],
                                          .has_rho = words[5] != 0},
                                   .work = words[6],
                                   .method = (fan_factor_method)words[1]};
    if (words[0] > 1 || words[1] > FAN_METHOD_SIQS || words[2] > UINT32_MAX ||
        words[3] > UINT32_MAX || words[4] > UINT32_MAX || words[5] > 1)
        return false;
    bytes += sizeof words;
    size -= sizeof words;
    return !*any ? size == 0 : fani_unfinished_get(&bytes, &size, divisor) && size == 0;
}

fan_status fani_curves_record(uint64_t index, const unsigned char *reply, size_t size,
                              fan_buffer *out)
{
    fan_status status = add_word(out, index);
    return status == FAN_OK ? fani_bytes_add(out, reply, size) : status;
}

bool fani_curves_record_read(const unsigned char **bytes, size_t *size, uint64_t *index)
{
    if (*size < WORD)
        return false;
    memcpy(index, *bytes, WORD);
    *index = le64toh(*index);
    *bytes += WORD;
    *size -= WORD;
    return true;
}

/* ---- The task -------------------------------------------------------------------------------- */

static void stop(void *state)
{
    curves_state *s = state;
    mpz_clears(s->n, s->divisor, NULL);
    fan_buffer_clear(&s->reply);
    fani_factor_thread_end();
    free(s);
}

static bool read_args(curves_state *s, const fan_run *run)
{
    curves_args head;
    size_t size = 0;
    fan_items args = fan_run_args(run);
    const unsigned char *bytes = args.count ? fan_items_at(&args, 0, &size) : NULL;
    if (!bytes || size < sizeof head)
        return false;
    memcpy(&head, bytes, sizeof head);
    bytes += sizeof head;
    size -= sizeof head;
    s->effort = effort_of(head.digits, (fani_isa)head.planned, head.pinned != 0);
    return head.planned <= FANI_ISA_AVX512 && fani_unfinished_get(&bytes, &size, s->n) && !size &&
           mpz_cmp_ui(s->n, 1) > 0;
}

static fan_status start(fan_run *run)
{
    curves_state *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    mpz_inits(s->n, s->divisor, NULL);
    if (!read_args(s, run)) {
        stop(s);
        return FAN_E_ARGUMENT;
    }
    fan_run_set_state(run, s);
    return FAN_OK;
}

static bool cancelled(void *run)
{
    return fan_run_cancelled(run);
}

static fan_status one(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    curves_state *s = fan_run_state(run);
    fani_curves_unit unit;
    if (size != sizeof unit)
        return fan_run_fail(run, i, "a unit of curves is malformed");
    memcpy(&unit, input, sizeof unit);
    fani_effort effort = s->effort;
    effort.cancelled = cancelled;
    effort.context = run;
    effort.at = unit.from;
    effort.work = unit.work;
    fan_status status = fani_split_stretch(s->n, &effort, &unit.to, s->divisor);
    if (status != FAN_OK && status != FAN_E_EFFORT)
        return status;
    bool found = status == FAN_OK && mpz_cmp_ui(s->divisor, 1) > 0;
    const fani_curves_search search = {effort.at, effort.work, effort.method};
    s->reply.size = 0;
    status = fani_curves_reply(&search, found ? s->divisor : NULL, &s->reply);
    return status == FAN_OK ? fan_run_reply(run, i, s->reply.bytes, s->reply.size) : status;
}

static fan_status run_units(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, one);
}

const fan_task fani_task_curves = {
    .name = "factor.curves", .version = 1, .run = run_units, .start = start, .stop = stop};
