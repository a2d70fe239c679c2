#include "job/ledger.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/writer.h"
#include "job/record.h"

/* ---- Numbers --------------------------------------------------------------------------------- */

enum { STATE_NUMBERS = 18, FAILURE_NUMBERS = 8, HELD_NUMBERS = 5 };

static fan_status put_numbers(const uint64_t *numbers, size_t count, fan_buffer *to)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        uint64_t number = htole64(numbers[i]);
        status = fani_bytes_add(to, &number, sizeof number);
    }
    return status;
}

/* Reads numbers off the front of a payload. */
static bool get_numbers(const unsigned char **payload, size_t *size, uint64_t *numbers,
                        size_t count)
{
    if (*size < count * sizeof *numbers)
        return false;
    memcpy(numbers, *payload, count * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = le64toh(numbers[i]);
    *payload += count * sizeof *numbers;
    *size -= count * sizeof *numbers;
    return true;
}

/* ---- State ----------------------------------------------------------------------------------- */

fan_status fani_ledger_put_state(const fani_ledger_state *s, fan_buffer *to)
{
    const uint64_t numbers[STATE_NUMBERS] = {
        s->done,      s->output_bytes, s->ok,    s->failed,    s->lost,      s->timed_out,
        s->cancelled, s->bad,          s->read,  s->read_hash, s->run_ns,    s->output_hash,
        s->finished,  s->retries,      s->again, s->copied,    s->old_bytes, s->old_hash};
    to->size = 0;
    return put_numbers(numbers, STATE_NUMBERS, to);
}

bool fani_ledger_get_state(const void *payload, size_t size, fani_ledger_state *state)
{
    const unsigned char *at = payload;
    uint64_t n[STATE_NUMBERS];
    if (!get_numbers(&at, &size, n, STATE_NUMBERS) || size || n[12] > 1)
        return false;
    *state = (fani_ledger_state){.done = n[0],
                                 .output_bytes = n[1],
                                 .ok = n[2],
                                 .failed = n[3],
                                 .lost = n[4],
                                 .timed_out = n[5],
                                 .cancelled = n[6],
                                 .bad = n[7],
                                 .read = n[8],
                                 .read_hash = n[9],
                                 .run_ns = n[10],
                                 .output_hash = n[11],
                                 .finished = n[12],
                                 .retries = n[13],
                                 .again = n[14],
                                 .copied = n[15],
                                 .old_bytes = n[16],
                                 .old_hash = n[17]};
    return true;
}

/* ---- Failures -------------------------------------------------------------------------------- */

fan_status fani_ledger_put_failure(const fani_ledger_failure *f, fan_buffer *to)
{
    const uint64_t numbers[FAILURE_NUMBERS] = {
        f->index,       f->outcome, f->attempt,   f->output_at,
        f->output_size, f->run_ns,  f->run_items, (uint64_t)f->line << 32 | f->column};
    to->size = 0;
    fan_status status = put_numbers(numbers, FAILURE_NUMBERS, to);
    if (status == FAN_OK)
        status = fani_bytes_add(to, f->file, strlen(f->file) + 1);
    return status == FAN_OK ? fani_bytes_add(to, f->text, strlen(f->text) + 1) : status;
}

bool fani_ledger_get_failure(const void *payload, size_t size, fani_ledger_failure *failure)
{
    const unsigned char *at = payload;
    uint64_t n[FAILURE_NUMBERS];
    if (!get_numbers(&at, &size, n, FAILURE_NUMBERS))
        return false;
    const char *file = (const char *)at;
    size_t file_size = strnlen(file, size);
    if (file_size == size)
        return false;
    const char *text = file + file_size + 1;
    size -= file_size + 1;
    if (!size || strnlen(text, size) != size - 1)
        return false;
    *failure = (fani_ledger_failure){.index = n[0],
                                     .outcome = (uint32_t)n[1],
                                     .attempt = (uint32_t)n[2],
                                     .output_at = n[3],
                                     .output_size = n[4],
                                     .run_ns = n[5],
                                     .run_items = (uint32_t)n[6],
                                     .line = (uint32_t)(n[7] >> 32),
                                     .column = (uint32_t)n[7],
                                     .file = file,
                                     .text = text};
    return true;
}

const char *fani_ledger_outcome_name(uint32_t outcome)
{
    if (outcome == FANI_LEDGER_BAD_INPUT)
        return "bad input";
    if (outcome == FANI_LEDGER_PARTIAL)
        return "partial";
    return fan_outcome_name((fan_outcome_kind)outcome);
}

/* ---- Indices --------------------------------------------------------------------------------- */

fan_status fani_ledger_put_index(uint64_t index, fan_buffer *to)
{
    to->size = 0;
    return put_numbers(&index, 1, to);
}

bool fani_ledger_get_index(const void *payload, size_t size, uint64_t *index)
{
    const unsigned char *at = payload;
    return get_numbers(&at, &size, index, 1) && !size;
}

/* ---- What is done, or waits ------------------------------------------------------------------ */

/* No number of items that would be beyond all indices. */
static bool are_indices(uint64_t first, uint64_t count)
{
    return count && count <= UINT64_MAX - first;
}

fan_status fani_ledger_put_held(const fani_ledger_held *h, fan_buffer *to)
{
    const uint64_t numbers[HELD_NUMBERS] = {h->first, h->count, h->place, h->size, h->hash};
    to->size = 0;
    return put_numbers(numbers, HELD_NUMBERS, to);
}

bool fani_ledger_get_held(const void *payload, size_t size, fani_ledger_held *held)
{
    const unsigned char *at = payload;
    uint64_t n[HELD_NUMBERS];
    if (!get_numbers(&at, &size, n, HELD_NUMBERS) || size || !are_indices(n[0], n[1]) ||
        n[3] > UINT64_MAX - n[2])
        return false;
    *held =
        (fani_ledger_held){.first = n[0], .count = n[1], .place = n[2], .size = n[3], .hash = n[4]};
    return true;
}

fan_status fani_ledger_put_done(uint64_t first, uint64_t count, fan_buffer *to)
{
    const uint64_t numbers[] = {first, count};
    to->size = 0;
    return put_numbers(numbers, 2, to);
}

bool fani_ledger_get_done(const void *payload, size_t size, uint64_t *first, uint64_t *count)
{
    const unsigned char *at = payload;
    uint64_t n[2];
    if (!get_numbers(&at, &size, n, 2) || size || !are_indices(n[0], n[1]))
        return false;
    *first = n[0];
    *count = n[1];
    return true;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* Beside the file itself: who writes it by another name, a link, finds the same ledger and lock. */
static char *with_suffix(const char *output, const char *suffix)
{
    char *path = NULL, *target = fani_writer_target(output);
    if (target && asprintf(&path, "%s%s", target, suffix) < 0)
        path = NULL;
    free(target);
    return path;
}

char *fani_ledger_path(const char *output)
{
    return with_suffix(output, ".journal");
}

char *fani_ledger_waiting_path(const char *output)
{
    return with_suffix(output, ".waiting");
}

char *fani_ledger_run_json_path(const char *output)
{
    return with_suffix(output, ".run.json");
}

bool fani_ledger_has_part(const char *output)
{
    return fani_writer_part_exists(output, FANI_LEDGER_PART);
}
