#include "task/replies.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1000, ALIGNMENT = 64 };

/* ---- Memory -------------------------------------------------------------------------------- */

/* Grows by half more than asked, aligned for vector loads. */
static bool heap_reserve(fani_heap *heap, size_t capacity)
{
    if (capacity <= heap->capacity)
        return true;
    size_t wanted = capacity + capacity / 2;
    wanted = (wanted + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    unsigned char *data = wanted < capacity ? NULL : aligned_alloc(ALIGNMENT, wanted);
    if (!data)
        return false;
    if (heap->used)
        memcpy(data, heap->data, heap->used);
    free(heap->data);
    heap->data = data;
    heap->capacity = wanted;
    return true;
}

unsigned char *fani_heap_extend(fani_heap *heap, size_t size)
{
    if (size > SIZE_MAX / 4 || heap->used > SIZE_MAX / 4 || !heap_reserve(heap, heap->used + size))
        return NULL;
    unsigned char *at = heap->data + heap->used;
    heap->used += size;
    return at;
}

static bool ensure_slots(fani_replies *replies)
{
    if (!replies->slots && replies->count)
        replies->slots = calloc(replies->count, sizeof *replies->slots);
    return replies->slots || !replies->count;
}

fan_status fani_replies_begin(fani_replies *replies, size_t count, size_t limit)
{
    free(replies->slots);
    replies->slots = NULL;
    replies->count = count;
    replies->item_size = 0;
    replies->limit = limit;
    replies->array = replies->complete = false;
    replies->bytes.used = replies->text.used = 0;
    return FAN_OK;
}

void fani_replies_clear(fani_replies *replies)
{
    free(replies->slots);
    free(replies->bytes.data);
    free(replies->text.data);
    *replies = (fani_replies){0};
}

/* ---- Answers ------------------------------------------------------------------------------- */

void *fani_replies_array(fani_replies *replies, size_t size)
{
    size_t total;
    if (replies->array)
        return size == replies->item_size ? replies->bytes.data : NULL;
    if (replies->bytes.used || size > replies->limit ||
        __builtin_mul_overflow(size, replies->count, &total))
        return NULL;
    for (size_t i = 0; replies->slots && i < replies->count; i++)
        if (replies->slots[i].state == FANI_SLOT_REPLY)
            return NULL;
    if (!fani_heap_extend(&replies->bytes, total ? total : 1))
        return NULL;
    memset(replies->bytes.data, 0, total);
    replies->array = true;
    replies->item_size = size;
    return replies->bytes.data;
}

bool fani_replies_answered(const fani_replies *replies, size_t i)
{
    return replies->slots && replies->slots[i].state != FANI_SLOT_EMPTY;
}

bool fani_replies_failed(const fani_replies *replies, size_t i)
{
    return replies->slots && replies->slots[i].state >= FANI_SLOT_FAILED;
}

fan_status fani_replies_put(fani_replies *replies, size_t i, const void *bytes, size_t size)
{
    if (replies->array || i >= replies->count || (!bytes && size) ||
        fani_replies_answered(replies, i))
        return FAN_E_ARGUMENT;
    if (!ensure_slots(replies))
        return FAN_E_MEMORY;
    uint64_t offset = replies->bytes.used;
    unsigned char *at = fani_heap_extend(&replies->bytes, size);
    if (!at && size)
        return FAN_E_MEMORY;
    if (size)
        memcpy(at, bytes, size);
    replies->slots[i] =
        (fani_slot){.offset = offset, .size = (uint32_t)size, .state = FANI_SLOT_REPLY};
    return FAN_OK;
}

fan_status fani_replies_mark(fani_replies *replies, size_t i, fani_slot_state state,
                             const char *text)
{
    if (i >= replies->count)
        return FAN_E_ARGUMENT;
    if (!ensure_slots(replies))
        return FAN_E_MEMORY;
    size_t size = strnlen(text, TEXT_MAX);
    uint64_t offset = replies->text.used;
    unsigned char *at = fani_heap_extend(&replies->text, size + 1);
    if (!at)
        return FAN_E_MEMORY;
    memcpy(at, text, size);
    at[size] = '\0';
    replies->slots[i] =
        (fani_slot){.offset = offset, .size = (uint32_t)size, .state = (uint16_t)state};
    return FAN_OK;
}

fan_status fani_replies_finish(fani_replies *replies, const char *text)
{
    for (size_t i = 0; !replies->array && i < replies->count; i++) {
        if (fani_replies_answered(replies, i))
            continue;
        fan_status status = fani_replies_mark(replies, i, FANI_SLOT_FAILED, text);
        if (status != FAN_OK)
            return status;
    }
    replies->complete = true;
    return FAN_OK;
}

/* ---- Outcomes ------------------------------------------------------------------------------ */

fan_outcome fani_replies_outcome(const fani_replies *replies, size_t i)
{
    static const fan_outcome_kind kinds[] = {
        [FANI_SLOT_EMPTY] = FAN_OUTCOME_OK,
        [FANI_SLOT_REPLY] = FAN_OUTCOME_OK,
        [FANI_SLOT_FAILED] = FAN_OUTCOME_FAILED,
        [FANI_SLOT_LOST] = FAN_OUTCOME_LOST,
        [FANI_SLOT_TIMED_OUT] = FAN_OUTCOME_TIMED_OUT,
        [FANI_SLOT_CANCELLED] = FAN_OUTCOME_CANCELLED,
    };
    fani_slot slot = replies->slots ? replies->slots[i] : (fani_slot){0};
    if (slot.state == FANI_SLOT_EMPTY && !replies->array) /* no memory was left to say why */
        return (fan_outcome){.index = i, .kind = FAN_OUTCOME_FAILED, .text = "out of memory"};
    fan_outcome outcome = {
        .index = i, .kind = kinds[slot.state], .attempt = slot.attempts, .text = ""};
    if (slot.state == FANI_SLOT_EMPTY) {
        outcome.bytes = replies->bytes.data + i * replies->item_size;
        outcome.size = replies->item_size;
    } else if (slot.state == FANI_SLOT_REPLY) {
        outcome.bytes = replies->bytes.data + slot.offset;
        outcome.size = slot.size;
    } else {
        outcome.text = (const char *)replies->text.data + slot.offset;
    }
    return outcome;
}

fan_status fani_replies_merge(fani_replies *to, size_t at, const fani_replies *from,
                              unsigned attempts)
{
    static const fani_slot_state states[] = {
        [FAN_OUTCOME_FAILED] = FANI_SLOT_FAILED,
        [FAN_OUTCOME_LOST] = FANI_SLOT_LOST,
        [FAN_OUTCOME_TIMED_OUT] = FANI_SLOT_TIMED_OUT,
        [FAN_OUTCOME_CANCELLED] = FANI_SLOT_CANCELLED,
    };
    fan_status status = FAN_OK;
    for (size_t i = 0; i < from->count && status == FAN_OK; i++) {
        fan_outcome outcome = fani_replies_outcome(from, i);
        if (outcome.kind == FAN_OUTCOME_OK)
            status = fani_replies_put(to, at + i, outcome.bytes, outcome.size);
        else
            status = fani_replies_mark(to, at + i, states[outcome.kind], outcome.text);
        if (status == FAN_OK)
            to->slots[at + i].attempts = (uint16_t)(outcome.attempt + attempts);
    }
    return status;
}
