/* Most outcomes are a reply at the first attempt of which nothing is to be said: four bytes with
 * twice the reply's size, and the reply. Others are a 1, thirteen numbers, and their bytes and
 * texts. All numbers are little-endian. */
#include "job/outcome_bytes.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "job/record.h"

enum { SPECIAL = 1, HEAD = 4, SPECIAL_NUMBERS = 13, NUMBERS_SIZE = SPECIAL_NUMBERS * 8 };

/* Nothing but its reply is to be kept. */
static bool is_plain(const fan_outcome *o)
{
    return o->kind == FAN_OUTCOME_OK && o->attempt == 1 && !o->captured && !o->worker && o->size &&
           (o->bytes[0] == 0 || fani_record_is_bare(o->bytes, o->size)) && o->size <= INT32_MAX;
}

/* With the NULs behind texts. */
static size_t size_of(const fan_outcome *o)
{
    if (is_plain(o))
        return HEAD + o->size;
    size_t texts = strlen(o->text) + 1;
    if (o->worker)
        texts += strlen(o->worker) + 1;
    if (o->captured)
        texts += o->captured->out_size + o->captured->err_size + 2;
    return HEAD + NUMBERS_SIZE + o->size + texts;
}

static void put(fan_buffer *to, const void *bytes, size_t size)
{
    if (size)
        memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void put_head(fan_buffer *to, uint32_t value)
{
    uint32_t head = htole32(value);
    put(to, &head, HEAD);
}

static void put_special(fan_buffer *to, const fan_outcome *o, fani_place place)
{
    static const fan_captured nothing = {0};
    const fan_captured *captured = o->captured ? o->captured : &nothing;
    uint64_t numbers[SPECIAL_NUMBERS] = {
        (uint64_t)o->kind,
        o->attempt,
        (uint64_t)place.input << 32 | place.line,
        (uint64_t)place.column << 32 | place.flaw,
        o->size,
        strlen(o->text),
        o->captured != NULL,
        captured->out_size,
        captured->err_size,
        o->run_ns,
        o->run_items,
        o->worker ? strlen(o->worker) + 1 : 0,
        (uint64_t)o->began_ns,
    };
    for (size_t i = 0; i < SPECIAL_NUMBERS; i++)
        numbers[i] = htole64(numbers[i]);
    put_head(to, SPECIAL);
    put(to, numbers, NUMBERS_SIZE);
    put(to, o->bytes, o->size);
    put(to, o->text, strlen(o->text) + 1);
    if (o->worker)
        put(to, o->worker, strlen(o->worker) + 1);
    if (!o->captured)
        return;
    put(to, captured->out, captured->out_size);
    put(to, "", 1);
    put(to, captured->err, captured->err_size);
    put(to, "", 1);
}

fan_status fani_outcomes_to_bytes(const fan_outcome *outcomes, size_t count,
                                  const fani_places *places, fan_buffer *bytes)
{
    size_t size = 1; /* never none */
    for (size_t i = 0; i < count; i++)
        size += size_of(&outcomes[i]);
    bytes->bytes = malloc(size);
    if (!bytes->bytes)
        return FAN_E_MEMORY;
    bytes->capacity = size;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        if (is_plain(o)) {
            put_head(bytes, (uint32_t)o->size << 1);
            put(bytes, o->bytes, o->size);
        } else {
            put_special(bytes, o, fani_places_at(places, o->index));
        }
    }
    return FAN_OK;
}

/* ---- Back ------------------------------------------------------------------------------------ */

typedef struct rest {
    const unsigned char *at;
    size_t size;
    bool malformed;
} rest;

/* The next `size` bytes. */
static const unsigned char *get(rest *r, uint64_t size)
{
    const unsigned char *at = r->at;
    if (size > r->size)
        r->malformed = true;
    if (r->malformed)
        return NULL;
    r->at += size;
    r->size -= (size_t)size;
    return at;
}

/* A text of `size` bytes, and its NUL. */
static const char *get_text(rest *r, uint64_t size)
{
    const unsigned char *text = get(r, size < UINT64_MAX ? size + 1 : size);
    r->malformed |= text && text[size];
    return (const char *)text;
}

static void get_special(rest *r, fani_outcome_read *read)
{
    uint64_t n[SPECIAL_NUMBERS];
    const unsigned char *numbers = get(r, NUMBERS_SIZE);
    if (!numbers)
        return;
    memcpy(n, numbers, NUMBERS_SIZE);
    for (size_t i = 0; i < SPECIAL_NUMBERS; i++)
        n[i] = le64toh(n[i]);
    r->malformed |= n[0] > FAN_OUTCOME_CANCELLED;
    read->place = (fani_place){.input = (uint32_t)(n[2] >> 32),
                               .line = (uint32_t)n[2],
                               .column = (uint32_t)(n[3] >> 32),
                               .flaw = (uint32_t)n[3]};
    fan_outcome *o = &read->outcome;
    o->kind = (fan_outcome_kind)n[0];
    o->attempt = (uint32_t)n[1];
    o->bytes = get(r, n[4]);
    o->size = (size_t)n[4];
    o->text = get_text(r, n[5]);
    o->run_ns = n[9];
    o->run_items = (uint32_t)n[10];
    if (n[11])
        o->worker = get_text(r, n[11] - 1);
    o->began_ns = (int64_t)n[12];
    if (!n[6])
        return;
    read->captured = (fan_captured){.out_size = (size_t)n[7], .err_size = (size_t)n[8]};
    read->captured.out = get_text(r, n[7]);
    read->captured.err = get_text(r, n[8]);
    o->captured = &read->captured;
}

bool fani_outcome_from_bytes(const unsigned char **bytes, size_t *size, uint64_t index,
                             fani_outcome_read *read)
{
    rest r = {.at = *bytes, .size = *size};
    uint32_t head = 0;
    const unsigned char *at = get(&r, HEAD);
    if (!at)
        return false;
    memcpy(&head, at, HEAD);
    head = le32toh(head);
    read->outcome = (fan_outcome){.index = index, .kind = FAN_OUTCOME_OK, .attempt = 1, .text = ""};
    read->place = (fani_place){0};
    if (head == SPECIAL) {
        get_special(&r, read);
    } else {
        read->outcome.size = head >> 1;
        read->outcome.bytes = get(&r, head >> 1);
        r.malformed |= head & 1;
    }
    *bytes = r.at;
    *size = r.size;
    return !r.malformed;
}
