#include "task/replies.h"

#include <stdlib.h>
#include <string.h>

#include "base/large.h"

enum { TEXT_MAX = 1000, ALIGNMENT = 64, AHEAD_MAX = 1 << 20 };

/* ---- Memory -------------------------------------------------------------------------------- */

/* Grows by half more than asked, aligned for vector loads. */
static bool heap_reserve(fani_heap *heap, size_t capacity)
{
    if (capacity <= heap->capacity)
        return true;
    size_t wanted = capacity + capacity / 2;
    wanted = (wanted + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    unsigned char *data = wanted < capacity ? NULL : fani_large_allocate(wanted);
    if (!data)
        return false;
    if (heap->used)
        memcpy(data, heap->data, heap->used);
    if (!heap->lent)
        free(heap->data);
    heap->data = data;
    heap->capacity = wanted;
    heap->lent = false;
    return true;
}

bool fani_heap_grow(fani_heap *heap, size_t size)
{
    return size <= SIZE_MAX / 4 && heap->used <= SIZE_MAX / 4 &&
           heap_reserve(heap, heap->used + size);
}

static bool ensure_slots(fani_replies *replies)
{
    if (replies->slots || !replies->count)
        return true;
    if (replies->count == 1) {
        replies->single = (fani_slot){0};
        replies->slots = &replies->single;
    } else {
        replies->slots = calloc(replies->count, sizeof *replies->slots);
    }
    return replies->slots;
}

static void free_slots(fani_replies *replies)
{
    if (replies->slots != &replies->single)
        free(replies->slots);
    replies->slots = NULL;
}

static void drop_captures(fani_replies *replies)
{
    for (size_t k = 0; k < replies->captures_count; k++)
        free((void *)(uintptr_t)replies->captures[k].text.out);
    free(replies->captures);
    replies->captures = NULL;
    replies->captures_count = 0;
}

fan_status fani_replies_begin(fani_replies *replies, size_t count, size_t limit)
{
    if (replies->captures_count)
        drop_captures(replies);
    return fani_replies_restart(replies, count, limit);
}

fan_status fani_replies_restart(fani_replies *replies, size_t count, size_t limit)
{
    free_slots(replies);
    replies->count = count;
    replies->item_size = 0;
    replies->array = replies->complete = false;
    replies->bytes.used = 0;
    if (replies->limit != limit)
        replies->limit = limit;
    if (replies->text.used)
        replies->text.used = 0;
    return FAN_OK;
}

void fani_replies_clear(fani_replies *replies)
{
    free_slots(replies);
    if (!replies->bytes.lent)
        free(replies->bytes.data);
    free(replies->text.data);
    drop_captures(replies);
    *replies = (fani_replies){0};
}

void fani_replies_lend(fani_replies *replies, unsigned char *memory, size_t size)
{
    replies->bytes = (fani_heap){.data = memory, .capacity = size, .lent = true};
}

void fani_replies_move(fani_replies *to, fani_replies *from)
{
    *to = *from;
    if (from->slots == &from->single)
        to->slots = &to->single;
    *from = (fani_replies){0};
}

/* ---- Answers ------------------------------------------------------------------------------- */

bool fani_replies_any(const fani_replies *replies)
{
    for (size_t i = 0; replies->slots && i < replies->count; i++)
        if (replies->slots[i].state == FANI_SLOT_REPLY)
            return true;
    return false;
}

void *fani_replies_array_raw(fani_replies *replies, size_t size)
{
    size_t total;
    if (replies->array)
        return size == replies->item_size ? replies->bytes.data : NULL;
    if ((replies->slots && fani_replies_any(replies)) || size > replies->limit ||
        __builtin_mul_overflow(size, replies->count, &total))
        return NULL;
    if (!fani_heap_extend(&replies->bytes, total ? total : 1))
        return NULL;
    replies->array = true;
    replies->item_size = size;
    return replies->bytes.data;
}

void *fani_replies_array(fani_replies *replies, size_t size)
{
    bool before = replies->array;
    void *array = fani_replies_array_raw(replies, size);
    if (array && !before)
        memset(array, 0, size * replies->count);
    return array;
}

fan_status fani_replies_unarray(fani_replies *replies)
{
    if (!replies->array)
        return FAN_OK;
    if (!ensure_slots(replies))
        return FAN_E_MEMORY;
    for (size_t i = 0; i < replies->count; i++)
        if (replies->slots[i].state == FANI_SLOT_EMPTY)
            replies->slots[i] = (fani_slot){.offset = i * replies->item_size,
                                            .size = (uint32_t)replies->item_size,
                                            .state = FANI_SLOT_REPLY};
    replies->array = false;
    return FAN_OK;
}

bool fani_replies_answered(const fani_replies *replies, size_t i)
{
    return replies->slots && replies->slots[i].state != FANI_SLOT_EMPTY;
}

bool fani_replies_failed(const fani_replies *replies, size_t i)
{
    return replies->slots && replies->slots[i].state >= FANI_SLOT_FAILED;
}

/* Room for `size` more bytes and, once some items have replies, for as many of the other items' as
 * they will be if they are like those: growing little by little would copy short replies again and
 * again. The first one's size says little: it may be the most that it could have. */
static bool reserve_bytes(fani_replies *replies, size_t i, size_t size)
{
    fani_heap *heap = &replies->bytes;
    size_t left = replies->count - i, each = i ? heap->used / i + 1 : 0;
    if (size <= heap->capacity - heap->used)
        return true;
    return fani_heap_grow(heap,
                          each * left <= AHEAD_MAX && each * left > size ? each * left : size);
}

fan_status fani_replies_make_room(fani_replies *replies, size_t i, size_t most)
{
    if (replies->array || i >= replies->count || fani_replies_answered(replies, i))
        return FAN_E_ARGUMENT;
    if (!ensure_slots(replies))
        return FAN_E_MEMORY;
    if (replies->bytes.lent && replies->count > 1 && !replies->bytes.used)
        replies->bytes = (fani_heap){0}; /* lent for an array: each reply has its place there */
    return reserve_bytes(replies, i, most) ? FAN_OK : FAN_E_MEMORY;
}

fan_status fani_replies_put(fani_replies *replies, size_t i, const void *bytes, size_t size)
{
    unsigned char *room;
    if (!bytes && size)
        return FAN_E_ARGUMENT;
    fan_status status = fani_replies_room(replies, i, size, &room);
    if (status != FAN_OK)
        return status;
    if (size)
        memcpy(room, bytes, size);
    fani_replies_take(replies, i, size);
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
    const fani_slot *slots = replies->slots;
    size_t count = replies->array ? 0 : replies->count;
    for (size_t i = 0; i < count; i++) {
        if (slots && slots[i].state != FANI_SLOT_EMPTY)
            continue;
        fan_status status = fani_replies_mark(replies, i, FANI_SLOT_FAILED, text);
        if (status != FAN_OK)
            return status;
        slots = replies->slots;
    }
    replies->complete = true;
    return FAN_OK;
}

fan_status fani_replies_fill(fani_replies *replies, size_t count, const void *bytes, size_t size)
{
    fan_status status = fani_replies_begin(replies, count, SIZE_MAX);
    unsigned char *at =
        status == FAN_OK ? fani_heap_extend(&replies->bytes, size ? size : 1) : NULL;
    if (!at)
        return FAN_E_MEMORY;
    memcpy(at, bytes, size);
    replies->array = replies->complete = true;
    replies->item_size = size / count;
    return FAN_OK;
}

/* ---- Captured streams ---------------------------------------------------------------------- */

/* One piece of memory for both texts, each with a NUL behind it: `first` and then `second`. */
static bool join(fan_captured *joined, const fan_captured *first, const fan_captured *second)
{
    size_t out_size = first->out_size + second->out_size;
    size_t err_size = first->err_size + second->err_size;
    char *out = malloc(out_size + err_size + 2), *err = out ? out + out_size + 1 : NULL;
    if (!out)
        return false;
    memcpy(out, first->out, first->out_size);
    memcpy(out + first->out_size, second->out, second->out_size);
    memcpy(err, first->err, first->err_size);
    memcpy(err + first->err_size, second->err, second->err_size);
    out[out_size] = err[err_size] = '\0';
    *joined = (fan_captured){.out = out, .err = err, .out_size = out_size, .err_size = err_size};
    return true;
}

/* Where item i's capture stands, or would. */
static size_t place_of(const fani_replies *replies, size_t i)
{
    size_t low = 0, high = replies->captures_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (replies->captures[middle].item < i)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static fani_capture *capture_of(const fani_replies *replies, size_t i)
{
    size_t place = place_of(replies, i);
    bool found = place < replies->captures_count && replies->captures[place].item == i;
    return found ? &replies->captures[place] : NULL;
}

/* Makes room for item i's, which has none. NULL: out of memory. */
static fani_capture *insert_capture(fani_replies *replies, size_t i)
{
    size_t place = place_of(replies, i), count = replies->captures_count;
    fani_capture *more = reallocarray(replies->captures, count + 1, sizeof *more);
    if (!more)
        return NULL;
    replies->captures = more;
    memmove(&more[place + 1], &more[place], (count - place) * sizeof *more);
    replies->captures_count++;
    more[place] = (fani_capture){.item = i};
    return &more[place];
}

static fani_capture *find_or_insert(fani_replies *replies, size_t i)
{
    fani_capture *at = capture_of(replies, i);
    return at ? at : insert_capture(replies, i);
}

static void remove_capture(fani_replies *replies, size_t i)
{
    fani_capture *at = capture_of(replies, i);
    if (!at)
        return;
    free((void *)(uintptr_t)at->text.out);
    replies->captures_count--;
    memmove(at, at + 1, (size_t)(replies->captures + replies->captures_count - at) * sizeof *at);
}

fan_status fani_replies_capture(fani_replies *replies, size_t i, const fan_captured *text)
{
    const fan_captured none = {.out = "", .err = ""};
    fani_capture *at = find_or_insert(replies, i);
    fan_captured joined;
    if (!at || !join(&joined, at->text.out ? &at->text : &none, text))
        return FAN_E_MEMORY;
    free((void *)(uintptr_t)at->text.out);
    at->text = joined;
    return FAN_OK;
}

fan_status fani_replies_time(fani_replies *replies, size_t i, uint64_t run_ns, uint32_t run_items)
{
    fani_capture *at = find_or_insert(replies, i);
    if (!at)
        return FAN_E_MEMORY;
    at->run_ns = run_ns;
    at->run_items = run_items;
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
    const fani_capture *capture = replies->captures ? capture_of(replies, i) : NULL;
    if (capture) {
        outcome.captured = capture->text.out ? &capture->text : NULL;
        outcome.run_ns = capture->run_ns;
        outcome.run_items = capture->run_items;
    }
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

void fani_replies_outcomes(const fani_replies *replies, size_t first, size_t count,
                           fan_outcome *outcomes)
{
    bool plain = replies->slots && !replies->captures;
    for (size_t i = 0; i < count; i++) {
        const fani_slot *slot = plain ? &replies->slots[first + i] : NULL;
        if (slot && slot->state == FANI_SLOT_REPLY)
            outcomes[i] = (fan_outcome){.index = first + i,
                                        .kind = FAN_OUTCOME_OK,
                                        .attempt = slot->attempts,
                                        .bytes = replies->bytes.data + slot->offset,
                                        .size = slot->size,
                                        .text = ""};
        else
            outcomes[i] = fani_replies_outcome(replies, first + i);
    }
}

/* A reply in the place of what item i may have: a failure that a later run made good. */
static fan_status put_over(fani_replies *to, size_t i, const fan_outcome *outcome)
{
    if (!ensure_slots(to) || (outcome->size != to->item_size && fani_replies_unarray(to) != FAN_OK))
        return FAN_E_MEMORY;
    to->slots[i] = (fani_slot){0};
    if (!to->array)
        return fani_replies_put(to, i, outcome->bytes, outcome->size);
    if (outcome->size)
        memcpy(to->bytes.data + i * to->item_size, outcome->bytes, outcome->size);
    return FAN_OK;
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
            status = put_over(to, at + i, &outcome);
        else
            status = fani_replies_mark(to, at + i, states[outcome.kind], outcome.text);
        remove_capture(to, at + i); /* of an earlier run */
        if (status == FAN_OK && outcome.captured)
            status = fani_replies_capture(to, at + i, outcome.captured);
        if (status == FAN_OK && outcome.run_ns)
            status = fani_replies_time(to, at + i, outcome.run_ns, outcome.run_items);
        if (status == FAN_OK)
            to->slots[at + i].attempts = (uint16_t)(outcome.attempt + attempts);
    }
    return status;
}

/* Where items have replies of their own and nothing else, and those that they are added to have
 * none: all bytes in one go. */
static bool is_simple(const fani_replies *to, size_t at, const fani_replies *from)
{
    if (to->array || from->array || !from->slots || from->captures ||
        (to->bytes.lent && to->count > 1 && !to->bytes.used))
        return false;
    for (size_t i = 0; i < from->count; i++)
        if (from->slots[i].state != FANI_SLOT_REPLY || fani_replies_answered(to, at + i))
            return false;
    return true;
}

static fan_status add_simple(fani_replies *to, size_t at, const fani_replies *from)
{
    uint64_t offset = to->bytes.used;
    if (!ensure_slots(to) || !reserve_bytes(to, at, from->bytes.used))
        return FAN_E_MEMORY;
    if (from->bytes.used)
        memcpy(to->bytes.data + offset, from->bytes.data, from->bytes.used);
    to->bytes.used += from->bytes.used;
    for (size_t i = 0; i < from->count; i++)
        to->slots[at + i] = (fani_slot){.offset = offset + from->slots[i].offset,
                                        .size = from->slots[i].size,
                                        .state = FANI_SLOT_REPLY};
    return FAN_OK;
}

fan_status fani_replies_add(fani_replies *to, size_t at, const fani_replies *from, bool only_marks)
{
    fan_status status = FAN_OK;
    if (is_simple(to, at, from))
        return add_simple(to, at, from);
    for (size_t i = 0; i < from->count && status == FAN_OK; i++) {
        bool marked = fani_replies_failed(from, i);
        fan_outcome outcome = {0};
        if (!marked && only_marks)
            continue;
        outcome = fani_replies_outcome(from, i);
        status = marked ? fani_replies_mark(to, at + i, (fani_slot_state)from->slots[i].state,
                                            outcome.text)
                        : put_over(to, at + i, &outcome);
    }
    return status;
}
