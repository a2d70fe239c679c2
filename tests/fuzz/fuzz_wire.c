/* Messages between processes and ranks, as a hostile peer would send them. Whatever a decoder takes
 * can be looked at in full, and encoded again it decodes to the same.
 *
 * The first byte says what the message is, and whether the rest is the message or says how one is
 * to be built and then damaged. */
#include "fuzz.h"

#include "exec/mpi/parcel.h"
#include "exec/processes/ring.h"
#include "task/wire.h"
#include "wire_job.h"

/* Ranges and empty replies can be more than there is time for. */
enum { LOOKED_AT = 300 };

static bool same_bytes(const void *a, const void *b, size_t size)
{
    return size == 0 || !memcmp(a, b, size);
}

/* ---- Items ----------------------------------------------------------------------------------- */

static void look_at_items(const fan_items *items)
{
    REQUIRE(items->bytes || items->offsets || !items->size); /* a range has nothing to read */
    for (size_t i = 0; i < items->count && i < LOOKED_AT; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(items, i, &size);
        if (items->bytes || items->offsets)
            fuzz_touch(bytes, size);
    }
}

static void require_same_items(const fan_items *a, const fan_items *b)
{
    REQUIRE(a->count == b->count && a->first == b->first);
    REQUIRE(!a->offsets == !b->offsets && !a->bytes == !b->bytes);
    for (size_t i = 0; i < a->count && i < LOOKED_AT; i++) {
        size_t size_a, size_b;
        const unsigned char *bytes_a = fan_items_at(a, i, &size_a);
        const unsigned char *bytes_b = fan_items_at(b, i, &size_b);
        REQUIRE(size_a == size_b);
        REQUIRE(!a->bytes || same_bytes(bytes_a, bytes_b, size_a));
    }
}

/* ---- Batches --------------------------------------------------------------------------------- */

static void check_batch(const unsigned char *message, size_t size)
{
    fani_wire_batch batch, again;
    if (fani_wire_batch_read(message, size, &batch) != FAN_OK)
        return;
    fuzz_touch(batch.task_name, batch.task_name_size);
    look_at_items(&batch.items);
    look_at_items(&batch.args);
    size_t written = fani_wire_batch_size(&batch);
    REQUIRE(written <= size);
    unsigned char *copy = malloc(written);
    REQUIRE(copy);
    fani_wire_batch_write(&batch, copy);
    REQUIRE(fani_wire_batch_read(copy, written, &again) == FAN_OK);
    REQUIRE(batch.posting == again.posting && batch.reply_limit == again.reply_limit);
    REQUIRE(batch.task_name_size == again.task_name_size);
    REQUIRE(same_bytes(batch.task_name, again.task_name, batch.task_name_size));
    require_same_items(&batch.args, &again.args);
    require_same_items(&batch.items, &again.items);
    free(copy);
}

/* ---- Replies --------------------------------------------------------------------------------- */

static void look_at_outcome(const fan_outcome *outcome)
{
    REQUIRE(outcome->text);
    fuzz_touch(outcome->bytes, outcome->size);
    fuzz_touch(outcome->text, strlen(outcome->text));
    if (outcome->captured) {
        fuzz_touch(outcome->captured->out, outcome->captured->out_size + 1);
        fuzz_touch(outcome->captured->err, outcome->captured->err_size + 1);
    }
}

static void require_same_outcome(const fan_outcome *a, const fan_outcome *b)
{
    REQUIRE(a->kind == b->kind && a->size == b->size);
    REQUIRE(same_bytes(a->bytes, b->bytes, a->size) && !strcmp(a->text, b->text));
    REQUIRE(!a->captured == !b->captured);
    if (a->captured) {
        REQUIRE(a->captured->out_size == b->captured->out_size);
        REQUIRE(a->captured->err_size == b->captured->err_size);
        REQUIRE(same_bytes(a->captured->out, b->captured->out, a->captured->out_size));
        REQUIRE(same_bytes(a->captured->err, b->captured->err, a->captured->err_size));
    }
}

/* The attempts of merged replies are those of the pieces, and one more. */
static void require_same_replies(const fani_replies *a, const fani_replies *b)
{
    REQUIRE(a->count == b->count);
    for (size_t i = 0; i < a->count && i < LOOKED_AT; i++) {
        fan_outcome outcome_a = fani_replies_outcome(a, i), outcome_b = fani_replies_outcome(b, i);
        look_at_outcome(&outcome_a);
        require_same_outcome(&outcome_a, &outcome_b);
    }
}

/* What the front does with replies. */
static void use_replies(fani_replies *replies)
{
    fani_replies merged = {0};
    if (replies->count > LOOKED_AT)
        return;
    REQUIRE(fani_replies_begin(&merged, replies->count, SIZE_MAX) == FAN_OK);
    REQUIRE(fani_replies_merge(&merged, 0, replies, 1) == FAN_OK);
    require_same_replies(replies, &merged);
    REQUIRE(fani_replies_unarray(&merged) == FAN_OK);
    require_same_replies(replies, &merged);
    fani_replies_clear(&merged);
}

static void check_replies(const unsigned char *message, size_t size)
{
    fani_replies replies = {0}, again = {0};
    uint64_t posting = 0, run_ns = 0, posting_again, run_ns_again;
    int64_t begun_ns;
    fani_where where;
    if (fani_wire_replies_read(message, size, &posting, &run_ns, &replies) == FAN_OK) {
        fani_wire_replies_stamped(message, &begun_ns, &where);
        for (size_t k = 0; k < replies.captures_count; k++) /* each belongs to an item, in order */
            REQUIRE(replies.captures[k].item < replies.count &&
                    (!k || replies.captures[k - 1].item < replies.captures[k].item));
        size_t written = fani_wire_replies_size(&replies);
        REQUIRE(written <= size + replies.captures_count);
        unsigned char *copy = malloc(written);
        REQUIRE(copy);
        fani_wire_replies_write(&replies, posting, run_ns, copy);
        REQUIRE(fani_wire_replies_read(copy, written, &posting_again, &run_ns_again, &again) ==
                FAN_OK);
        REQUIRE(posting == posting_again && run_ns == run_ns_again);
        require_same_replies(&replies, &again);
        use_replies(&replies);
        free(copy);
    }
    fani_replies_clear(&replies);
    fani_replies_clear(&again);
}

/* ---- Orders and answers of ranks ------------------------------------------------------------- */

static void require_same_order(const fani_order *a, const fani_order *b)
{
    REQUIRE(a->ticket == b->ticket && a->task == b->task && a->is_short == b->is_short);
    REQUIRE(a->traced == b->traced && a->args == b->args && a->reply_limit == b->reply_limit);
    REQUIRE(a->timeout_ns == b->timeout_ns && a->priority == b->priority);
    REQUIRE(a->args_size == b->args_size && !a->args_bytes == !b->args_bytes);
    REQUIRE(!a->args_bytes || same_bytes(a->args_bytes, b->args_bytes, a->args_size));
    require_same_items(&a->items, &b->items);
}

static void check_order(const fani_order *order, uint64_t usual_limit)
{
    look_at_items(&order->items);
    if (order->args_bytes)
        fuzz_touch(order->args_bytes, order->args_size);
    size_t size = sizeof(fani_parcel_head) + fani_order_size(order, usual_limit);
    unsigned char *copy = malloc(size);
    const fani_parcel_head head = {
        .magic = FANI_ORDERS_MAGIC, .count = 1, .reply_limit = usual_limit};
    fani_parcel parcel;
    fani_order again;
    REQUIRE(copy);
    memcpy(copy, &head, sizeof head);
    REQUIRE(fani_order_write(order, usual_limit, copy + sizeof head) == copy + size);
    REQUIRE(fani_parcel_open(&parcel, copy, size) == FAN_OK);
    REQUIRE(fani_order_read(&parcel, &again) == FAN_OK && parcel.left == 0);
    require_same_order(order, &again);
    free(copy);
}

static void check_orders(const unsigned char *message, size_t size)
{
    fani_parcel parcel;
    fani_order order;
    if (fani_parcel_open(&parcel, message, size) != FAN_OK)
        return;
    for (uint32_t i = 0; i < parcel.count && fani_order_read(&parcel, &order) == FAN_OK; i++)
        check_order(&order, parcel.head.reply_limit);
}

/* Writes an answer's replies as an answer and reads them back. */
static void write_answer(const fani_answer *answer, const fani_replies *replies)
{
    fani_answer to_write = *answer, back;
    fani_replies again = {0};
    fani_answers_head head = {.magic = FANI_ANSWERS_MAGIC, .count = 1};
    fani_answers_read reader;
    to_write.replies = replies;
    size_t size = sizeof head + fani_answer_size(&to_write);
    unsigned char *copy = malloc(size);
    REQUIRE(copy);
    memcpy(copy, &head, sizeof head);
    REQUIRE(fani_answer_write(&to_write, copy + sizeof head) == copy + size);
    REQUIRE(fani_answers_open(&reader, copy, size) == FAN_OK);
    REQUIRE(fani_answer_next(&reader, &back) == FAN_OK && reader.left == 0);
    REQUIRE(back.ticket == answer->ticket && back.verdict == FANI_DONE);
    REQUIRE(back.first == (answer->count ? answer->first : 0) && back.count == answer->count);
    REQUIRE(fani_answer_replies(&back, replies->count, &again) == FAN_OK);
    require_same_replies(replies, &again);
    fani_replies_clear(&again);
    free(copy);
}

static void check_answer(const fani_answer *answer)
{
    fani_replies replies = {0};
    size_t count = answer->count       ? answer->count
                   : answer->item_size ? answer->size / answer->item_size
                                       : 3;
    if (fani_answer_replies(answer, count, &replies) == FAN_OK) {
        write_answer(answer, &replies);
        use_replies(&replies);
    }
    fani_replies_clear(&replies);
}

static void check_answers(const unsigned char *message, size_t size)
{
    fani_answers_read reader;
    fani_answer answer;
    if (fani_answers_open(&reader, message, size) != FAN_OK)
        return;
    for (uint32_t i = 0; i < reader.count && fani_answer_next(&reader, &answer) == FAN_OK; i++) {
        fani_answer part = {0};
        fuzz_touch(answer.bytes, answer.size);
        if (answer.verdict == FANI_DONE && !answer.many)
            check_answer(&answer);
        while (answer.verdict == FANI_DONE && answer.many && fani_answer_part(&answer, &part))
            check_answer(&part);
    }
}

/* ---- Rings ----------------------------------------------------------------------------------- */

/* A consumer whose producer wrote what it liked, and says that it has written as much. Its first
 * byte says where in the ring the consumer stands. */
static void check_ring(const unsigned char *message, size_t size)
{
    enum { CAPACITY = 512 };
    fani_processes_ends ends = {0};
    fani_processes_ring ring = {.ends = &ends, .capacity = CAPACITY};
    fani_processes_message found;
    uint64_t head;
    if (size < 1 + sizeof head)
        return;
    ring.at = ring.far = ring.next = ring.released = (uint64_t)message[0] * FANI_PROCESSES_LINE;
    memcpy(&head, message + 1, sizeof head);
    atomic_store(&ends.head, ring.at + head);
    ring.bytes = aligned_alloc(64, CAPACITY);
    REQUIRE(ring.bytes);
    for (size_t i = 0, from = 1 + sizeof head; i < CAPACITY; i++)
        ring.bytes[(ring.at + i) % CAPACITY] = from + i < size ? message[from + i] : 0;
    unsigned frames = 0;
    while (fani_processes_ring_peek(&ring, &found) == FAN_OK && found.frame) {
        REQUIRE(++frames <= CAPACITY / FANI_PROCESSES_LINE);
        fuzz_touch(found.bytes, found.size);
        fani_processes_ring_pass(&ring);
        fani_processes_ring_release_some(&ring);
    }
    free(ring.bytes);
}

/* ---- Messages built and damaged -------------------------------------------------------------- */

/* Replies as a task could give them. */
static void build_replies(fuzz_bytes *in, fani_replies *replies)
{
    size_t size;
    REQUIRE(fani_replies_begin(replies, fuzz_byte(in) % 9, 64) == FAN_OK);
    unsigned how = fuzz_byte(in);
    if (how & 1)
        REQUIRE(fani_replies_array(replies, how >> 1 & 15));
    for (size_t i = 0; i < replies->count; i++) {
        unsigned what = fuzz_byte(in);
        const uint8_t *bytes = fuzz_take(in, what & 15, &size);
        const fan_captured text = {.out = (const char *)bytes,
                                   .err = (const char *)bytes,
                                   .out_size = size,
                                   .err_size = size / 2};
        if (what & 16)
            REQUIRE(fani_replies_mark(replies, i, FANI_SLOT_FAILED + (what >> 5 & 3), "no") ==
                    FAN_OK);
        else if (!replies->array)
            REQUIRE(fani_replies_put(replies, i, bytes, size) == FAN_OK);
        if (what & 128)
            REQUIRE(fani_replies_capture(replies, i, &text) == FAN_OK);
    }
    REQUIRE(fani_replies_finish(replies, "no answer") == FAN_OK);
}

/* Inputs in one of their shapes; `offsets` has room for 9. */
static fan_items build_items(fuzz_bytes *in, uint64_t *offsets)
{
    fan_items items = {.first = fuzz_byte(in), .count = fuzz_byte(in) % 9};
    unsigned how = fuzz_byte(in);
    if (how % 3 == 0)
        return items;
    items.size = how >> 2 & 7;
    if (items.count * items.size > in->left)
        items.size = 0;
    items.bytes = in->at;
    if (how % 3 == 2) {
        for (size_t i = 0; i <= items.count; i++)
            offsets[i] = i * items.size;
        items.offsets = offsets;
        items.size = 0;
    }
    return items;
}

static unsigned char *build_batch(fuzz_bytes *in, size_t *size)
{
    uint64_t offsets[9];
    fani_wire_batch batch = {.posting = fuzz_byte(in), .reply_limit = 1000, .task_name = "task"};
    batch.task_name_size = fuzz_byte(in) % 5;
    if (fuzz_byte(in) & 1)
        batch.args = (fan_items){.bytes = in->at, .size = in->left / 2, .count = 1};
    batch.items = build_items(in, offsets);
    *size = fani_wire_batch_size(&batch);
    unsigned char *message = malloc(*size);
    REQUIRE(message);
    fani_wire_batch_write(&batch, message);
    return message;
}

static unsigned char *build_wire_replies(fuzz_bytes *in, size_t *size)
{
    fani_replies replies = {0};
    build_replies(in, &replies);
    *size = fani_wire_replies_size(&replies);
    unsigned char *message = malloc(*size);
    REQUIRE(message);
    fani_wire_replies_write(&replies, 5, 6, message);
    fani_replies_clear(&replies);
    return message;
}

static unsigned char *build_orders(fuzz_bytes *in, size_t *size)
{
    uint64_t offsets[9];
    unsigned how = fuzz_byte(in);
    fani_order order = {.ticket = 7, .task = how, .is_short = how & 1, .reply_limit = 64};
    order.items = build_items(in, offsets);
    order.timeout_ns = how & 2 ? 1000 : 0;
    order.args = how & 4 ? 9 : 0;
    if (how & 8 && order.args) {
        order.args_bytes = in->at;
        order.args_size = in->left;
    }
    const fani_parcel_head head = {.magic = FANI_ORDERS_MAGIC, .count = 2, .reply_limit = 64};
    size_t one = fani_order_size(&order, 64);
    *size = sizeof head + 2 * one;
    unsigned char *message = malloc(*size);
    REQUIRE(message);
    memcpy(message, &head, sizeof head);
    fani_order_write(&order, 64, fani_order_write(&order, 64, message + sizeof head));
    return message;
}

/* Two answers, the second one of two parts where the replies are plain. */
static unsigned char *build_answers(fuzz_bytes *in, size_t *size)
{
    fani_replies replies = {0};
    build_replies(in, &replies);
    const fani_answer answer = {
        .ticket = 8, .verdict = FANI_DONE, .replies = &replies, .first = 3, .count = replies.count};
    bool plain = fani_answer_is_plain(&answer);
    const fani_answers_head head = {.magic = FANI_ANSWERS_MAGIC, .count = plain ? 2 : 1};
    size_t room = sizeof head + 2 * fani_answer_size(&answer) + 2 * fani_answer_more_size(&answer);
    unsigned char *message = malloc(room + 64), *at = message;
    REQUIRE(message);
    memcpy(at, &head, sizeof head);
    at = fani_answer_write(&answer, at + sizeof head);
    if (plain) {
        unsigned char *record = at;
        at = fani_answer_write_many(8, replies.item_size, record);
        at = fani_answer_write_more(record, &answer, at);
        at = fani_answer_write_more(record, &answer, at);
        while ((at - message) % 16)
            *at++ = 0;
    }
    *size = (size_t)(at - message);
    fani_replies_clear(&replies);
    return message;
}

static unsigned char *build_integral(fuzz_bytes *in, size_t *size)
{
    return fuzz_build_flat_integral(fuzz_byte(in), size);
}

/* Up to three bytes are changed, and perhaps the end is cut off. */
static void damage(fuzz_bytes *in, unsigned char *message, size_t *size)
{
    unsigned how = fuzz_byte(in);
    for (unsigned i = 0; i < (how & 3) && *size; i++) {
        size_t at = fuzz_byte(in);
        message[(at | (size_t)fuzz_byte(in) << 8) % *size] = fuzz_byte(in);
    }
    if (how & 4 && *size)
        *size -= 1 + fuzz_byte(in) % *size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        void (*check)(const unsigned char *message, size_t size);
        unsigned char *(*build)(fuzz_bytes *in, size_t *size); /* NULL: only as it comes */
    } kinds[] = {
        {check_batch, build_batch},
        {check_replies, build_wire_replies},
        {check_orders, build_orders},
        {check_answers, build_answers},
        {fuzz_record, NULL},
        {check_ring, NULL},
        {fuzz_flat_integral, build_integral},
    };
    fuzz_bytes in = {.at = data, .left = size};
    unsigned choice = fuzz_byte(&in), kind = (choice & 127) % (sizeof kinds / sizeof *kinds);
    size_t built = in.left;
    unsigned char *message;
    if (choice & 128 && kinds[kind].build) {
        size_t damages;
        fuzz_bytes harm = in;
        harm.at = fuzz_take(&in, 12, &damages);
        harm.left = damages;
        unsigned char *made = kinds[kind].build(&in, &built);
        damage(&harm, made, &built);
        message = fuzz_copy(made, built);
        free(made);
    } else {
        message = fuzz_copy(in.at, in.left);
    }
    kinds[kind].check(message, built);
    free(message);
    return 0;
}
