/* Eight bytes of hash, and what it is of: two numbers of four bytes (size of the digits; of the
 * input, with 1 for that there is one), these texts, and the factorization's bytes. All
 * numbers are little-endian. */
#include "job/left.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "job/factor_answer.h"
#include "kernel/factor/unfinished.h"
#include "kernel/qs/split.h"

enum { HASH = 8, NUMBERS = 2, HEAD = HASH + NUMBERS * 4 };

bool fani_left_is(const fan_factorization *f)
{
    return fani_unfinished_next(f) != SIZE_MAX;
}

static fan_status add_pieces(const fani_left *left, const fan_factorization *f, fan_buffer *out)
{
    const uint32_t numbers[NUMBERS] = {htole32((uint32_t)left->digits_size),
                                       htole32(left->input ? (uint32_t)left->input_size + 1 : 0)};
    const unsigned char hash[HASH] = {0};
    unsigned char *bytes = NULL;
    size_t size = 0;
    fan_status status = fani_bytes_add(out, hash, HASH);
    if (status == FAN_OK)
        status = fani_bytes_add(out, numbers, sizeof numbers);
    if (status == FAN_OK)
        status = fani_bytes_add(out, left->digits, left->digits_size);
    if (status == FAN_OK && left->input)
        status = fani_bytes_add(out, left->input, left->input_size);
    if (status == FAN_OK)
        status = fani_unfinished_write(f, &bytes, &size);
    if (status == FAN_OK)
        status = fani_bytes_add(out, bytes, size);
    free(bytes);
    return status;
}

fan_status fani_left_write(const fani_left *left, const fan_factorization *f, fan_buffer *out)
{
    size_t at = out->size;
    fan_status status = add_pieces(left, f, out);
    if (status != FAN_OK)
        return status;
    uint64_t hash = htole64(XXH3_64bits(out->bytes + at + HASH, out->size - at - HASH));
    memcpy(out->bytes + at, &hash, HASH);
    return FAN_OK;
}

bool fani_left_read(const unsigned char *bytes, size_t size, fani_left *left)
{
    uint64_t hash;
    uint32_t numbers[NUMBERS];
    if (size < HEAD)
        return false;
    memcpy(&hash, bytes, HASH);
    memcpy(numbers, bytes + HASH, sizeof numbers);
    size_t digits = le32toh(numbers[0]), input = le32toh(numbers[1]);
    size_t texts = digits + (input ? input - 1 : 0);
    if (le64toh(hash) != XXH3_64bits(bytes + HASH, size - HASH) || texts > size - HEAD)
        return false;
    *left = (fani_left){.digits = bytes + HEAD,
                        .digits_size = digits,
                        .input = input ? bytes + HEAD + digits : NULL,
                        .input_size = input ? input - 1 : 0,
                        .bytes = bytes + HEAD + texts,
                        .size = size - HEAD - texts};
    return true;
}

/* ---- The task -------------------------------------------------------------------------------- */

typedef struct more_state {
    fani_list_args args;
    fani_big big;
} more_state;

static void stop(void *state)
{
    more_state *s = state;
    fani_big_clear(&s->big);
    free(s);
}

static fan_status start(fan_run *run)
{
    more_state *s = calloc(1, sizeof *s);
    fan_status status = s ? fani_big_init(&s->big) : FAN_E_MEMORY;
    if (status != FAN_OK) {
        free(s);
        return status;
    }
    s->args = fani_record_args(run);
    fan_run_set_state(run, s);
    return FAN_OK;
}

static fan_status one(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    more_state *s = fan_run_state(run);
    fani_more_head head;
    fani_left left;
    fan_error error = {0};
    if (size < sizeof head || !fani_left_read(input + sizeof head, size - sizeof head, &left))
        return fan_run_fail(run, i, "what is known of a number has come damaged");
    memcpy(&head, input, sizeof head);
    fan_status status = fani_unfinished_read(left.bytes, left.size, s->big.factorization);
    if (status == FAN_OK && head.how != FANI_MORE_LAST)
        status =
            fani_big_go_on(&s->big, run, &s->args, head.how == FANI_MORE_GO_ON ? s->args.leave : 0,
                           head.timeout_ms, &error);
    bool is_over = head.how != FANI_MORE_LAST && fani_big_is_over(&s->big, status);
    if (status == FAN_E_FAILED || status == FAN_E_ARGUMENT)
        return fan_run_fail(run, i, "%s", error.text[0] ? error.text : fan_status_text(status));
    if (status != FAN_OK && status != FAN_E_EFFORT && !is_over)
        return status;
    const fani_number number = {.digits = left.digits, .size = left.digits_size};
    const fani_big_subject subject = {.number = &number,
                                      .input = left.input,
                                      .input_size = left.input_size,
                                      .index = head.index,
                                      .is_last = head.how == FANI_MORE_LAST || is_over};
    return fani_factor_answer(&s->big, run, i, &subject, &s->args);
}

static fan_status run_more(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, one);
}

const fan_task fani_task_factor_more = {
    .name = "factor.more", .version = 2, .run = run_more, .start = start, .stop = stop};
