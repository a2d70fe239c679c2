#include "task/wire.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECTION_ALIGNMENT = 16,
    BATCH_MAGIC = 0x46424e31,   /* "FBN1" */
    REPLIES_MAGIC = 0x46524e31, /* "FRN1" */
    HAS_OFFSETS = 1,
    HAS_BYTES = 2,
    HAS_ARGS = 4,
    HAS_SLOTS = 8,
    HAS_ARRAY = 16,
};

typedef struct batch_header {
    uint32_t magic;
    uint32_t flags;
    uint64_t posting;
    uint64_t reply_limit;
    uint64_t name_size;
    uint64_t args_size;
    uint64_t count;
    uint64_t first;
    uint64_t item_size;
    uint64_t bytes_size;
} batch_header;

typedef struct replies_header {
    uint32_t magic;
    uint32_t flags;
    uint64_t posting;
    uint64_t run_ns;
    uint64_t count;
    uint64_t item_size;
    uint64_t bytes_size;
    uint64_t text_size;
    uint64_t captures;
    uint64_t unused;
    int64_t begun_ns;
    fani_where where;
} replies_header;

/* What is known of an item alone: in front of the two texts that it wrote. */
typedef struct capture_header {
    uint64_t item, out_size, err_size;
    uint64_t run_ns, run_items;
} capture_header;

/* ---- Sections ------------------------------------------------------------------------------ */

static size_t padded(size_t size)
{
    return (size + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT * SECTION_ALIGNMENT;
}

/* Appends a section and returns where the next one begins; padding is zeroed so that no stray
 * memory leaves the process. */
static unsigned char *append(unsigned char *at, const void *bytes, size_t size)
{
    if (bytes) /* NULL goes with size 0 */
        memcpy(at, bytes, size);
    memset(at + size, 0, padded(size) - size);
    return at + padded(size);
}

typedef struct reader {
    const unsigned char *at;
    size_t left;
    bool broken;
} reader;

static const unsigned char *take(reader *r, uint64_t size)
{
    if (r->broken || size > r->left || padded((size_t)size) > r->left) {
        r->broken = true;
        return NULL;
    }
    const unsigned char *at = r->at;
    r->at += padded((size_t)size);
    r->left -= padded((size_t)size);
    return at;
}

/* ---- Batches ------------------------------------------------------------------------------- */

size_t fani_items_bytes(const fan_items *items)
{
    if (items->offsets)
        return (size_t)(items->offsets[items->count] - items->offsets[0]);
    return items->bytes ? items->size * items->count : 0;
}

static size_t offsets_size(const fan_items *items)
{
    return items->offsets ? (items->count + 1) * sizeof *items->offsets : 0;
}

size_t fani_wire_batch_size(const fani_wire_batch *batch)
{
    return padded(sizeof(batch_header)) + padded(batch->task_name_size) +
           padded(batch->args.count ? batch->args.size : 0) + padded(offsets_size(&batch->items)) +
           padded(fani_items_bytes(&batch->items));
}

/* Offsets travel rebased to 0: a batch may be a piece of a larger one. */
static unsigned char *append_offsets(unsigned char *at, const fan_items *items)
{
    for (size_t i = 0; i <= items->count; i++) {
        uint64_t offset = items->offsets[i] - items->offsets[0];
        memcpy(at + i * sizeof offset, &offset, sizeof offset);
    }
    size_t size = offsets_size(items);
    memset(at + size, 0, padded(size) - size);
    return at + padded(size);
}

void fani_wire_batch_write(const fani_wire_batch *batch, unsigned char *message)
{
    const fan_items *items = &batch->items;
    batch_header header = {
        .magic = BATCH_MAGIC,
        .flags = (items->offsets ? HAS_OFFSETS : 0) | (items->bytes ? HAS_BYTES : 0) |
                 (batch->args.count ? HAS_ARGS : 0),
        .posting = batch->posting,
        .reply_limit = batch->reply_limit,
        .name_size = batch->task_name_size,
        .args_size = batch->args.count ? batch->args.size : 0,
        .count = items->count,
        .first = items->first,
        .item_size = items->size,
        .bytes_size = fani_items_bytes(items),
    };
    unsigned char *at = append(message, &header, sizeof header);
    at = append(at, batch->task_name, batch->task_name_size);
    at = append(at, batch->args.bytes, (size_t)header.args_size);
    if (items->offsets)
        at = append_offsets(at, items);
    append(at, items->offsets ? items->bytes + items->offsets[0] : items->bytes,
           (size_t)header.bytes_size);
}

static bool offsets_ascend(const fan_items *items, uint64_t bytes_size)
{
    if (items->offsets[0] != 0 || items->offsets[items->count] != bytes_size)
        return false;
    for (size_t i = 0; i < items->count; i++)
        if (items->offsets[i] > items->offsets[i + 1])
            return false;
    return true;
}

fan_status fani_wire_batch_read(const unsigned char *message, size_t size, fani_wire_batch *batch)
{
    reader r = {.at = message, .left = size};
    batch_header header;
    uint64_t total;
    const unsigned char *head = take(&r, sizeof header);
    if (!head)
        return FAN_E_PROTOCOL;
    memcpy(&header, head, sizeof header);
    if (header.magic != BATCH_MAGIC || header.count > UINT64_MAX / 16)
        return FAN_E_PROTOCOL;
    *batch = (fani_wire_batch){
        .posting = header.posting,
        .reply_limit = header.reply_limit,
        .task_name_size = (size_t)header.name_size,
        .items = {.size = (size_t)header.item_size,
                  .count = (size_t)header.count,
                  .first = header.first},
    };
    batch->task_name = (const char *)take(&r, header.name_size);
    const unsigned char *args = take(&r, header.args_size);
    if (header.flags & HAS_ARGS)
        batch->args = (fan_items){.bytes = args, .size = (size_t)header.args_size, .count = 1};
    if (header.flags & HAS_OFFSETS)
        batch->items.offsets = (const void *)take(&r, (header.count + 1) * sizeof(uint64_t));
    const unsigned char *bytes = take(&r, header.bytes_size);
    if (header.flags & HAS_BYTES)
        batch->items.bytes = bytes;
    if (r.broken || r.left || (header.bytes_size && !batch->items.bytes))
        return FAN_E_PROTOCOL;
    if (batch->items.offsets)
        return offsets_ascend(&batch->items, header.bytes_size) ? FAN_OK : FAN_E_PROTOCOL;
    if (!batch->items.bytes)
        batch->items.size = 0; /* a range has nothing to read */
    if (batch->items.bytes && (__builtin_mul_overflow(header.item_size, header.count, &total) ||
                               total != header.bytes_size))
        return FAN_E_PROTOCOL;
    return FAN_OK;
}

/* ---- Replies ------------------------------------------------------------------------------- */

static size_t slots_size(const fani_replies *replies)
{
    return replies->slots ? replies->count * sizeof *replies->slots : 0;
}

static size_t captures_size(const fani_replies *replies)
{
    size_t size = 0;
    for (size_t k = 0; k < replies->captures_count; k++)
        size += padded(sizeof(capture_header)) + padded(replies->captures[k].text.out_size) +
                padded(replies->captures[k].text.err_size);
    return size;
}

static void append_captures(unsigned char *at, const fani_replies *replies)
{
    for (size_t k = 0; k < replies->captures_count; k++) {
        const fan_captured *text = &replies->captures[k].text;
        const capture_header header = {.item = replies->captures[k].item,
                                       .out_size = text->out_size,
                                       .err_size = text->err_size,
                                       .run_ns = replies->captures[k].run_ns,
                                       .run_items = replies->captures[k].run_items};
        at = append(at, &header, sizeof header);
        at = append(at, text->out, text->out_size);
        at = append(at, text->err, text->err_size);
    }
}

static fan_status read_captures(reader *r, uint64_t count, fani_replies *replies)
{
    size_t least = 0; /* their items ascend */
    for (uint64_t k = 0; k < count; k++) {
        capture_header header = {0};
        const unsigned char *head = take(r, sizeof header);
        if (head)
            memcpy(&header, head, sizeof header);
        const fan_captured text = {.out_size = (size_t)header.out_size,
                                   .err_size = (size_t)header.err_size,
                                   .out = (const char *)take(r, header.out_size),
                                   .err = (const char *)take(r, header.err_size)};
        if (r->broken || header.item >= replies->count || header.item < least)
            return FAN_E_PROTOCOL;
        least = (size_t)header.item + 1;
        fan_status status = FAN_OK;
        if (text.out_size || text.err_size)
            status = fani_replies_capture(replies, (size_t)header.item, &text);
        if (status == FAN_OK && header.run_ns)
            status = fani_replies_time(replies, (size_t)header.item, header.run_ns,
                                       (uint32_t)header.run_items);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

size_t fani_wire_replies_size(const fani_replies *replies)
{
    return padded(sizeof(replies_header)) + padded(slots_size(replies)) +
           padded(replies->bytes.used) + padded(replies->text.used) + captures_size(replies);
}

static replies_header header_of(const fani_replies *replies, uint64_t posting, uint64_t run_ns)
{
    return (replies_header){
        .magic = REPLIES_MAGIC,
        .flags = (replies->slots ? HAS_SLOTS : 0) | (replies->array ? HAS_ARRAY : 0),
        .posting = posting,
        .run_ns = run_ns,
        .count = replies->count,
        .item_size = replies->item_size,
        .bytes_size = replies->bytes.used,
        .text_size = replies->text.used,
        .captures = replies->captures_count,
    };
}

size_t fani_wire_replies_pieces(const fani_replies *replies, uint64_t posting, uint64_t run_ns,
                                uint64_t head[FANI_WIRE_HEAD_WORDS],
                                fani_wire_piece pieces[FANI_WIRE_PIECES])
{
    const replies_header header = header_of(replies, posting, run_ns);
    _Static_assert(sizeof header <= FANI_WIRE_HEAD_WORDS * sizeof *head, "the header has room");
    const fani_wire_piece sections[FANI_WIRE_PIECES] = {
        {.bytes = head, .size = sizeof header},
        {.bytes = replies->slots, .size = slots_size(replies)},
        {.bytes = replies->bytes.data, .size = replies->bytes.used},
        {.bytes = replies->text.data, .size = replies->text.used}};
    size_t offset = 0;
    if (replies->captures_count)
        return 0;
    memcpy(head, &header, sizeof header);
    for (size_t i = 0; i < FANI_WIRE_PIECES; i++) {
        pieces[i] = sections[i];
        pieces[i].offset = offset;
        offset += padded(sections[i].size);
    }
    return FANI_WIRE_PIECES;
}

void fani_wire_replies_write(const fani_replies *replies, uint64_t posting, uint64_t run_ns,
                             unsigned char *message)
{
    const replies_header header = header_of(replies, posting, run_ns);
    unsigned char *at = append(message, &header, sizeof header);
    at = append(at, replies->slots, slots_size(replies));
    at = append(at, replies->bytes.data, replies->bytes.used);
    at = append(at, replies->text.data, replies->text.used);
    append_captures(at, replies);
}

void fani_wire_replies_stamp(unsigned char *message, int64_t begun_ns, fani_where where)
{
    memcpy(message + offsetof(replies_header, begun_ns), &begun_ns, sizeof begun_ns);
    memcpy(message + offsetof(replies_header, where), &where, sizeof where);
}

void fani_wire_replies_stamped(const unsigned char *message, int64_t *begun_ns, fani_where *where)
{
    memcpy(begun_ns, message + offsetof(replies_header, begun_ns), sizeof *begun_ns);
    memcpy(where, message + offsetof(replies_header, where), sizeof *where);
}

static bool fill_heap(fani_heap *heap, const unsigned char *bytes, uint64_t size)
{
    heap->used = 0;
    unsigned char *at = size ? fani_heap_extend(heap, (size_t)size) : heap->data;
    if (size && at)
        memcpy(at, bytes, (size_t)size);
    return at || !size;
}

/* Every slot must lie inside its heap, and a text must end with NUL. */
static bool slots_sound(const fani_replies *replies)
{
    for (size_t i = 0; replies->slots && i < replies->count; i++) {
        fani_slot slot = replies->slots[i];
        bool reply = slot.state == FANI_SLOT_REPLY;
        const fani_heap *heap = reply ? &replies->bytes : &replies->text;
        if (slot.state > FANI_SLOT_CANCELLED)
            return false;
        if (slot.state == FANI_SLOT_EMPTY) {
            if (!replies->array)
                return false;
        } else if (slot.offset > heap->used || slot.size > heap->used - slot.offset ||
                   (!reply && (slot.size == heap->used - slot.offset ||
                               heap->data[slot.offset + slot.size] != '\0'))) {
            return false;
        }
    }
    return true;
}

fan_status fani_wire_replies_read(const unsigned char *message, size_t size, uint64_t *posting,
                                  uint64_t *run_ns, fani_replies *replies)
{
    reader r = {.at = message, .left = size};
    replies_header header;
    uint64_t total;
    const unsigned char *head = take(&r, sizeof header);
    if (!head)
        return FAN_E_PROTOCOL;
    memcpy(&header, head, sizeof header);
    if (header.magic != REPLIES_MAGIC || header.count > UINT64_MAX / sizeof(fani_slot))
        return FAN_E_PROTOCOL;
    bool has_slots = header.flags & HAS_SLOTS, array = header.flags & HAS_ARRAY;
    const unsigned char *slots = take(&r, has_slots ? header.count * sizeof(fani_slot) : 0);
    const unsigned char *bytes = take(&r, header.bytes_size);
    const unsigned char *text = take(&r, header.text_size);
    if (r.broken || (r.left && !header.captures) || (!has_slots && !array && header.count))
        return FAN_E_PROTOCOL;
    if (array && (__builtin_mul_overflow(header.item_size, header.count, &total) ||
                  total > header.bytes_size))
        return FAN_E_PROTOCOL;
    fan_status status = fani_replies_begin(replies, (size_t)header.count, SIZE_MAX);
    if (status != FAN_OK)
        return status;
    if (has_slots && header.count) {
        replies->slots = reallocarray(NULL, replies->count, sizeof *replies->slots);
        if (!replies->slots)
            return FAN_E_MEMORY;
        memcpy(replies->slots, slots, slots_size(replies));
    }
    if (!fill_heap(&replies->bytes, bytes, header.bytes_size) ||
        !fill_heap(&replies->text, text, header.text_size))
        return FAN_E_MEMORY;
    status = read_captures(&r, header.captures, replies);
    if (status != FAN_OK || r.left)
        return status != FAN_OK ? status : FAN_E_PROTOCOL;
    replies->array = array;
    replies->item_size = (size_t)header.item_size;
    replies->complete = true;
    *posting = header.posting;
    *run_ns = header.run_ns;
    return slots_sound(replies) ? FAN_OK : FAN_E_PROTOCOL;
}
