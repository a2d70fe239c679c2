#include "parcel.h"

#include <string.h>
#include <unistd.h>

#include "task/wire.h"

enum { ALIGNMENT = 16 };

/* Flags of orders. */
enum {
    HAS_OFFSETS = 1,
    HAS_BYTES = 2,
    HAS_ARGS = 4,
    BRINGS_ARGS = 8,
    HAS_MORE = 16,
    IS_SHORT = 32,
    IS_TRACED = 64,
};

/* Flags of answers, beside the verdict in the low byte. */
enum {
    IS_PLAIN = 256,
    HAS_PART = 512,
    HAS_MANY = 2048,
    OWN_PID = 1024, /* it ran in a process of its own, on its only thread */
};

typedef struct order_record {
    uint64_t ticket;
    uint64_t first;
    uint32_t task;
    uint32_t flags;
    uint32_t count;
    uint32_t item_size;
} order_record;

/* For orders that the short record has no room for. */
typedef struct order_more {
    uint64_t count;
    uint64_t item_size;
    uint64_t bytes_size;
    uint64_t reply_limit;
    int64_t timeout_ns;
    int64_t priority;
} order_more;

typedef struct order_args {
    uint64_t id;
    uint64_t size;
} order_args;

typedef struct answer_record {
    uint64_t ticket;
    uint64_t run_ns;
    int64_t begun_ns;
    uint64_t size;
    uint32_t item_size;
    uint32_t flags;
    uint32_t worker;
    int32_t thread;
} answer_record;

typedef struct answer_part {
    uint64_t first;
    uint64_t count;
} answer_part;

_Static_assert(sizeof(fani_parcel_head) % ALIGNMENT == 0 &&
                   sizeof(fani_answers_head) % ALIGNMENT == 0 &&
                   sizeof(order_record) % ALIGNMENT == 0 && sizeof(order_more) % ALIGNMENT == 0 &&
                   sizeof(order_args) % ALIGNMENT == 0 && sizeof(answer_record) % ALIGNMENT == 0 &&
                   sizeof(answer_part) % ALIGNMENT == 0,
               "records follow each other without gaps");

static size_t padded(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Padding is zeroed so that no stray memory leaves the process. */
static unsigned char *append(unsigned char *at, const void *bytes, size_t size)
{
    size_t end = padded(size);
    if (bytes && size) {
        memset(at + end - ALIGNMENT, 0, ALIGNMENT);
        memcpy(at, bytes, size);
    }
    return at + end;
}

static const unsigned char *take(const unsigned char **at, size_t *left, uint64_t size)
{
    if (size > *left || padded((size_t)size) > *left)
        return NULL;
    const unsigned char *taken = *at;
    *at += padded((size_t)size);
    *left -= padded((size_t)size);
    return taken;
}

/* ---- Orders -------------------------------------------------------------------------------- */

static bool needs_more(const fani_order *order, uint64_t usual_limit)
{
    const fan_items *items = &order->items;
    return items->offsets || items->count > UINT32_MAX || items->size > UINT32_MAX ||
           order->reply_limit != usual_limit || order->timeout_ns || order->priority;
}

static size_t offsets_size(const fan_items *items)
{
    return items->offsets ? (items->count + 1) * sizeof *items->offsets : 0;
}

size_t fani_order_size(const fani_order *order, uint64_t usual_limit)
{
    size_t size = sizeof(order_record);
    if (needs_more(order, usual_limit))
        size += sizeof(order_more);
    if (order->args)
        size += sizeof(order_args) + (order->args_bytes ? padded(order->args_size) : 0);
    return size + padded(offsets_size(&order->items)) + padded(fani_items_bytes(&order->items));
}

/* Offsets travel rebased to 0: a batch may be a piece of a larger one. */
static unsigned char *append_offsets(unsigned char *at, const fan_items *items)
{
    size_t size = offsets_size(items);
    for (size_t i = 0; i <= items->count; i++) {
        uint64_t offset = items->offsets[i] - items->offsets[0];
        memcpy(at + i * sizeof offset, &offset, sizeof offset);
    }
    memset(at + size, 0, padded(size) - size);
    return at + padded(size);
}

unsigned char *fani_order_write(const fani_order *order, uint64_t usual_limit, unsigned char *at)
{
    const fan_items *items = &order->items;
    bool more = needs_more(order, usual_limit);
    size_t bytes_size = fani_items_bytes(items);
    const order_record record = {
        .ticket = order->ticket,
        .first = items->first,
        .task = order->task,
        .flags = (items->offsets ? HAS_OFFSETS : 0) | (items->bytes ? HAS_BYTES : 0) |
                 (order->args ? HAS_ARGS : 0) | (order->args_bytes ? BRINGS_ARGS : 0) |
                 (more ? HAS_MORE : 0) | (order->is_short ? IS_SHORT : 0) |
                 (order->traced ? IS_TRACED : 0),
        .count = more ? 0 : (uint32_t)items->count,
        .item_size = more ? 0 : (uint32_t)items->size,
    };
    at = append(at, &record, sizeof record);
    if (more) {
        const order_more rest = {.count = items->count,
                                 .item_size = items->size,
                                 .bytes_size = bytes_size,
                                 .reply_limit = order->reply_limit,
                                 .timeout_ns = order->timeout_ns,
                                 .priority = order->priority};
        at = append(at, &rest, sizeof rest);
    }
    if (order->args) {
        at = append(at, &(order_args){.id = order->args, .size = order->args_size},
                    sizeof(order_args));
        if (order->args_bytes)
            at = append(at, order->args_bytes, order->args_size);
    }
    if (items->offsets)
        at = append_offsets(at, items);
    return append(at, items->offsets ? items->bytes + items->offsets[0] : items->bytes, bytes_size);
}

fan_status fani_parcel_open(fani_parcel *parcel, const unsigned char *bytes, size_t size)
{
    *parcel = (fani_parcel){.at = bytes, .left = size};
    const unsigned char *head = take(&parcel->at, &parcel->left, sizeof parcel->head);
    if (!head)
        return FAN_E_PROTOCOL;
    memcpy(&parcel->head, head, sizeof parcel->head);
    parcel->count = parcel->head.count;
    if (parcel->head.magic != FANI_ORDERS_MAGIC || parcel->count > size / sizeof(order_record))
        return FAN_E_PROTOCOL;
    return FAN_OK;
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

/* The inputs of an order, after what describes them. */
static fan_status read_items(fani_parcel *parcel, uint32_t flags, uint64_t bytes_size,
                             fan_items *items)
{
    uint64_t total;
    if (items->count > UINT64_MAX / 16 || (!(flags & HAS_BYTES) && bytes_size))
        return FAN_E_PROTOCOL;
    if (flags & HAS_OFFSETS) {
        const void *offsets =
            take(&parcel->at, &parcel->left, (items->count + 1) * sizeof(uint64_t));
        items->offsets = offsets;
        if (!offsets)
            return FAN_E_PROTOCOL;
    } else if (!(flags & HAS_BYTES)) {
        items->size = 0; /* a range has nothing to read */
    } else if (__builtin_mul_overflow(items->size, items->count, &total) || total != bytes_size) {
        return FAN_E_PROTOCOL;
    }
    const unsigned char *bytes = take(&parcel->at, &parcel->left, bytes_size);
    if (!bytes)
        return FAN_E_PROTOCOL;
    if (flags & HAS_BYTES)
        items->bytes = bytes;
    return items->offsets && !offsets_ascend(items, bytes_size) ? FAN_E_PROTOCOL : FAN_OK;
}

static fan_status read_args(fani_parcel *parcel, uint32_t flags, fani_order *order)
{
    order_args args;
    const unsigned char *bytes = take(&parcel->at, &parcel->left, sizeof args);
    if (!bytes)
        return FAN_E_PROTOCOL;
    memcpy(&args, bytes, sizeof args);
    if (!args.id) /* that is how an order says that it has none */
        return FAN_E_PROTOCOL;
    order->args = args.id;
    order->args_size = (size_t)args.size;
    if (flags & BRINGS_ARGS)
        order->args_bytes = take(&parcel->at, &parcel->left, args.size);
    return flags & BRINGS_ARGS && !order->args_bytes ? FAN_E_PROTOCOL : FAN_OK;
}

fan_status fani_order_read(fani_parcel *parcel, fani_order *order)
{
    order_record record;
    const unsigned char *bytes = take(&parcel->at, &parcel->left, sizeof record);
    if (!bytes)
        return FAN_E_PROTOCOL;
    memcpy(&record, bytes, sizeof record);
    *order = (fani_order){
        .ticket = record.ticket,
        .task = record.task,
        .is_short = record.flags & IS_SHORT,
        .traced = record.flags & IS_TRACED,
        .reply_limit = parcel->head.reply_limit,
        .items = {.first = record.first, .count = record.count, .size = record.item_size},
    };
    uint64_t bytes_size = record.flags & HAS_BYTES ? (uint64_t)record.count * record.item_size : 0;
    if (record.flags & HAS_MORE) {
        order_more more;
        bytes = take(&parcel->at, &parcel->left, sizeof more);
        if (!bytes)
            return FAN_E_PROTOCOL;
        memcpy(&more, bytes, sizeof more);
        order->items.count = (size_t)more.count;
        order->items.size = (size_t)more.item_size;
        order->reply_limit = more.reply_limit;
        order->timeout_ns = more.timeout_ns;
        order->priority = (int32_t)more.priority;
        bytes_size = more.bytes_size;
    }
    if (record.flags & HAS_ARGS && read_args(parcel, record.flags, order))
        return FAN_E_PROTOCOL;
    return read_items(parcel, record.flags, bytes_size, &order->items);
}

/* ---- Answers ------------------------------------------------------------------------------- */

bool fani_answer_is_plain(const fani_answer *answer)
{
    const fani_replies *replies = answer->replies;
    return answer->verdict == FANI_DONE && replies->array && !replies->slots &&
           replies->item_size <= UINT32_MAX && !replies->text.used && !replies->captures_count;
}

static size_t payload_size(const fani_answer *answer)
{
    if (answer->verdict != FANI_DONE)
        return answer->text ? strlen(answer->text) : 0;
    return fani_answer_is_plain(answer) ? answer->replies->item_size * answer->replies->count
                                        : fani_wire_replies_size(answer->replies);
}

size_t fani_answer_size(const fani_answer *answer)
{
    return sizeof(answer_record) + (answer->count ? sizeof(answer_part) : 0) +
           padded(payload_size(answer));
}

/* Whether it ran in a process of its own, which has one thread. */
static bool in_process(const fani_answer *answer)
{
    return answer->where.pid && answer->where.pid != (int32_t)getpid();
}

unsigned char *fani_answer_write(const fani_answer *answer, unsigned char *at)
{
    bool plain = fani_answer_is_plain(answer);
    const answer_record record = {
        .ticket = answer->ticket,
        .run_ns = answer->run_ns,
        .begun_ns = answer->begun_ns,
        .size = payload_size(answer),
        .item_size = plain ? (uint32_t)answer->replies->item_size : 0,
        .flags = (uint32_t)answer->verdict | (plain ? IS_PLAIN : 0) |
                 (answer->count ? HAS_PART : 0) | (in_process(answer) ? OWN_PID : 0),
        .worker = answer->where.worker,
        .thread = in_process(answer) ? answer->where.pid : answer->where.thread,
    };
    at = append(at, &record, sizeof record);
    if (answer->count)
        at = append(at, &(answer_part){.first = answer->first, .count = answer->count},
                    sizeof(answer_part));
    if (plain)
        return append(at, answer->replies->bytes.data, (size_t)record.size);
    if (answer->verdict != FANI_DONE)
        return append(at, answer->text, (size_t)record.size);
    fani_wire_replies_write(answer->replies, answer->ticket, answer->run_ns, at);
    return at + padded((size_t)record.size);
}

/* Parts are only padded to 8: most hold one small item. */
static size_t padded_part(size_t size)
{
    return (size + 7) / 8 * 8;
}

size_t fani_answer_more_size(const fani_answer *answer)
{
    return sizeof(answer_part) + padded_part(answer->replies->item_size * answer->replies->count);
}

unsigned char *fani_answer_write_many(uint64_t ticket, size_t item_size, unsigned char *at)
{
    const answer_record record = {.ticket = ticket,
                                  .item_size = (uint32_t)item_size,
                                  .flags = (uint32_t)FANI_DONE | HAS_MANY};
    return append(at, &record, sizeof record);
}

unsigned char *fani_answer_write_more(unsigned char *record, const fani_answer *answer,
                                      unsigned char *at)
{
    answer_record *many = (void *)record; /* aligned, like all records */
    const answer_part part = {.first = answer->first, .count = answer->count};
    size_t size = answer->replies->item_size * answer->replies->count;
    memcpy(at, &part, sizeof part);
    at += sizeof part;
    if (size) {
        memset(at + padded_part(size) - 8, 0, 8);
        memcpy(at, answer->replies->bytes.data, size);
    }
    many->run_ns += answer->run_ns;
    many->size += sizeof part + padded_part(size);
    return at + padded_part(size);
}

bool fani_answer_part(const fani_answer *answer, fani_answer *part)
{
    answer_part head;
    const unsigned char *end = answer->bytes + answer->size;
    const unsigned char *at = part->bytes ? part->bytes + padded_part(part->size) : answer->bytes;
    uint64_t size;
    bool ends = at == end;
    if (ends)
        return false;
    part->bytes = NULL;
    if ((size_t)(end - at) < sizeof head)
        return false;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    if (__builtin_mul_overflow(head.count, answer->item_size, &size) || size > (size_t)(end - at) ||
        padded_part((size_t)size) > (size_t)(end - at))
        return false;
    *part = (fani_answer){.ticket = answer->ticket,
                          .verdict = FANI_DONE,
                          .first = head.first,
                          .count = head.count,
                          .bytes = at,
                          .size = (size_t)size,
                          .item_size = answer->item_size,
                          .plain = true};
    return true;
}

fan_status fani_answers_open(fani_answers_read *reader, const unsigned char *bytes, size_t size)
{
    *reader = (fani_answers_read){.at = bytes, .left = size};
    const unsigned char *head = take(&reader->at, &reader->left, sizeof reader->head);
    if (!head)
        return FAN_E_PROTOCOL;
    memcpy(&reader->head, head, sizeof reader->head);
    reader->count = reader->head.count;
    if (reader->head.magic != FANI_ANSWERS_MAGIC || reader->count > size / sizeof(answer_record))
        return FAN_E_PROTOCOL;
    return FAN_OK;
}

fan_status fani_answer_next(fani_answers_read *reader, fani_answer *answer)
{
    answer_record record;
    const unsigned char *bytes = take(&reader->at, &reader->left, sizeof record);
    if (!bytes)
        return FAN_E_PROTOCOL;
    memcpy(&record, bytes, sizeof record);
    *answer =
        (fani_answer){.ticket = record.ticket,
                      .verdict = (fani_verdict)(record.flags & 255),
                      .run_ns = record.run_ns,
                      .begun_ns = record.begun_ns,
                      .size = (size_t)record.size,
                      .item_size = record.item_size,
                      .plain = record.flags & IS_PLAIN,
                      .many = record.flags & HAS_MANY,
                      .where = {.rank = reader->head.rank,
                                .worker = record.worker,
                                .pid = record.flags & OWN_PID ? record.thread : reader->head.pid,
                                .thread = record.thread}};
    if (answer->verdict > FANI_CANCELLED)
        return FAN_E_PROTOCOL;
    if (record.flags & HAS_PART) {
        answer_part part;
        bytes = take(&reader->at, &reader->left, sizeof part);
        if (!bytes)
            return FAN_E_PROTOCOL;
        memcpy(&part, bytes, sizeof part);
        answer->first = part.first;
        answer->count = part.count;
    }
    answer->bytes = take(&reader->at, &reader->left, record.size);
    return answer->bytes ? FAN_OK : FAN_E_PROTOCOL;
}

fan_status fani_answer_replies(const fani_answer *answer, size_t count, fani_replies *replies)
{
    uint64_t ticket, run_ns, total;
    if (!answer->plain)
        return fani_wire_replies_read(answer->bytes, answer->size, &ticket, &run_ns, replies);
    if (__builtin_mul_overflow(answer->item_size, count, &total) || total != answer->size)
        return FAN_E_PROTOCOL;
    fan_status status = fani_replies_begin(replies, count, SIZE_MAX);
    void *array = status ? NULL : fani_replies_array(replies, answer->item_size);
    if (!array)
        return FAN_E_MEMORY;
    memcpy(array, answer->bytes, answer->size);
    replies->complete = true;
    return FAN_OK;
}
