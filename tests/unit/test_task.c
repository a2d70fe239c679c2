/* The task layer: replies, the wire format, workers and their states. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "shim.h"
#include "task/registry.h"
#include "task/wire.h"
#include "task/worker.h"

/* ---- Replies ------------------------------------------------------------------------------- */

FAN_TEST(replies, every_item_ends_with_an_outcome)
{
    fani_replies r = {0};
    ASSERT_I64(fani_replies_begin(&r, 4, 100), FAN_OK);
    EXPECT_I64(fani_replies_put(&r, 2, "two", 3), FAN_OK);
    EXPECT_I64(fani_replies_put(&r, 2, "again", 5), FAN_E_ARGUMENT);
    EXPECT_I64(fani_replies_put(&r, 4, "out", 3), FAN_E_ARGUMENT);
    EXPECT_I64(fani_replies_mark(&r, 0, FANI_SLOT_FAILED, "bad"), FAN_OK);
    EXPECT_TRUE(fani_replies_array(&r, 8) == NULL); /* not both in one run */
    EXPECT_I64(fani_replies_finish(&r, "nothing"), FAN_OK);
    EXPECT_STR(fani_replies_outcome(&r, 0).text, "bad");
    EXPECT_STR(fani_replies_outcome(&r, 1).text, "nothing");
    EXPECT_I64(fani_replies_outcome(&r, 2).kind, FAN_OUTCOME_OK);
    EXPECT_U64(fani_replies_outcome(&r, 2).size, 3);
    EXPECT_I64(fani_replies_outcome(&r, 3).kind, FAN_OUTCOME_FAILED);
    fani_replies_clear(&r);
}

/* Replies of all lengths, in any order, some of them written where they stay. */
FAN_TEST(replies, many_of_their_own)
{
    enum { COUNT = 1000, MOST = 200 };
    fani_replies r = {0}, all = {0};
    fan_outcome outcomes[COUNT];
    unsigned char expected[MOST], *room;
    ASSERT_I64(fani_replies_begin(&r, COUNT, MOST), FAN_OK);
    for (size_t k = 0; k < COUNT; k++) {
        size_t i = k * 377 % COUNT, size = i % MOST;
        memset(expected, (int)i, size);
        if (i % 7 == 3) {
            EXPECT_I64(fani_replies_mark(&r, i, FANI_SLOT_FAILED, "no"), FAN_OK);
            EXPECT_I64(fani_replies_room(&r, i, 1, &room), FAN_E_ARGUMENT);
        } else if (i % 2) {
            EXPECT_I64(fani_replies_put(&r, i, expected, size), FAN_OK);
        } else {
            ASSERT_I64(fani_replies_room(&r, i, MOST, &room), FAN_OK);
            memset(room, (int)i, size);
            fani_replies_take(&r, i, size);
        }
        EXPECT_I64(fani_replies_room(&r, i, 1, &room), FAN_E_ARGUMENT);
    }
    EXPECT_I64(fani_replies_room(&r, COUNT, 1, &room), FAN_E_ARGUMENT);
    EXPECT_I64(fani_replies_finish(&r, ""), FAN_OK);
    ASSERT_I64(fani_replies_begin(&all, COUNT + 3, MOST), FAN_OK);
    ASSERT_I64(fani_replies_add(&all, 3, &r, false), FAN_OK);
    fani_replies_outcomes(&all, 3, COUNT, outcomes);
    for (size_t i = 0; i < COUNT; i++) {
        memset(expected, (int)i, MOST);
        EXPECT_U64(outcomes[i].index, i + 3);
        if (i % 7 == 3) {
            EXPECT_STR(outcomes[i].text, "no");
            continue;
        }
        EXPECT_U64(outcomes[i].size, i % MOST);
        EXPECT_TRUE(!memcmp(outcomes[i].bytes, expected, outcomes[i].size));
    }
    fani_replies_clear(&r);
    fani_replies_clear(&all);
}

/* Parts in which every item has a reply are added in one piece, to what is there already. */
FAN_TEST(replies, parts_are_put_together)
{
    enum { PARTS = 5, EACH = 40 };
    static const size_t order[PARTS] = {3, 0, 4, 2, 1};
    fani_replies all = {0}, part = {0};
    ASSERT_I64(fani_replies_begin(&all, PARTS * EACH, 100), FAN_OK);
    for (size_t k = 0; k < PARTS; k++) {
        ASSERT_I64(fani_replies_begin(&part, EACH, 100), FAN_OK);
        for (size_t i = EACH; i-- > 0;) {
            uint64_t value = order[k] * EACH + i;
            EXPECT_I64(fani_replies_put(&part, i, &value, sizeof value), FAN_OK);
        }
        EXPECT_I64(fani_replies_finish(&part, ""), FAN_OK);
        EXPECT_I64(fani_replies_add(&all, order[k] * EACH, &part, false), FAN_OK);
    }
    EXPECT_I64(fani_replies_finish(&all, "missing"), FAN_OK);
    for (uint64_t i = 0; i < PARTS * EACH; i++) {
        fan_outcome outcome = fani_replies_outcome(&all, i);
        ASSERT_U64(outcome.size, sizeof i);
        EXPECT_TRUE(!memcmp(outcome.bytes, &i, sizeof i));
    }
    fani_replies_clear(&part);
    fani_replies_clear(&all);
}

FAN_TEST(replies, array_answers_all_but_the_failed)
{
    fani_replies r = {0};
    ASSERT_I64(fani_replies_begin(&r, 3, 100), FAN_OK);
    uint32_t *y = fani_replies_array(&r, sizeof *y);
    ASSERT_TRUE(y != NULL);
    EXPECT_U64((uintptr_t)y % 64, 0);
    EXPECT_U64(y[0] | y[1] | y[2], 0);
    y[0] = 7, y[2] = 9;
    EXPECT_I64(fani_replies_mark(&r, 1, FANI_SLOT_FAILED, "no"), FAN_OK);
    EXPECT_I64(fani_replies_put(&r, 0, y, 4), FAN_E_ARGUMENT);
    EXPECT_I64(fani_replies_finish(&r, "unused"), FAN_OK);
    EXPECT_I64(fani_replies_outcome(&r, 0).kind, FAN_OUTCOME_OK);
    EXPECT_STR(fani_replies_outcome(&r, 1).text, "no");
    EXPECT_TRUE(!memcmp(fani_replies_outcome(&r, 2).bytes, "\x09\0\0\0", 4));
    fani_replies_clear(&r);
}

FAN_TEST(replies, texts_are_cut_at_1000_bytes)
{
    fani_replies r = {0};
    char text[3000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    ASSERT_I64(fani_replies_begin(&r, 1, 100), FAN_OK);
    EXPECT_I64(fani_replies_mark(&r, 0, FANI_SLOT_LOST, text), FAN_OK);
    EXPECT_U64(strlen(fani_replies_outcome(&r, 0).text), 1000);
    EXPECT_I64(fani_replies_outcome(&r, 0).kind, FAN_OUTCOME_LOST);
    fani_replies_clear(&r);
}

/* ---- The wire ------------------------------------------------------------------------------ */

static unsigned char *encode_batch(const fani_wire_batch *batch, size_t *size)
{
    *size = fani_wire_batch_size(batch);
    unsigned char *message = aligned_alloc(16, *size);
    if (message)
        fani_wire_batch_write(batch, message);
    return message;
}

static fani_wire_batch example(uint64_t *offsets)
{
    offsets[0] = 5, offsets[1] = 8, offsets[2] = 8, offsets[3] = 12; /* a piece of a larger one */
    return (fani_wire_batch){
        .posting = 77,
        .reply_limit = 1000,
        .task_name = "factor",
        .task_name_size = 6,
        .args = {.bytes = (const unsigned char *)"args", .size = 4, .count = 1},
        .items = {.bytes = (const unsigned char *)".....abcdefg",
                  .offsets = offsets,
                  .count = 3,
                  .first = 40},
    };
}

FAN_TEST(wire, batch_comes_back_as_it_went)
{
    uint64_t offsets[4];
    fani_wire_batch batch = example(offsets), back;
    size_t size, item;
    unsigned char *message = encode_batch(&batch, &size);
    ASSERT_I64(fani_wire_batch_read(message, size, &back), FAN_OK);
    EXPECT_U64(back.posting, 77);
    EXPECT_U64(back.items.first, 40);
    EXPECT_U64(back.items.count, 3);
    EXPECT_TRUE(back.task_name_size == 6 && !memcmp(back.task_name, "factor", 6));
    EXPECT_TRUE(back.args.count == 1 && back.args.size == 4 && !memcmp(back.args.bytes, "args", 4));
    EXPECT_TRUE(!memcmp(fan_items_at(&back.items, 0, &item), "abc", 3) && item == 3);
    fan_items_at(&back.items, 1, &item);
    EXPECT_U64(item, 0);
    EXPECT_TRUE(!memcmp(fan_items_at(&back.items, 2, &item), "defg", 4) && item == 4);
    EXPECT_U64((uintptr_t)back.items.bytes % 16, 0);
    free(message);
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* A copy with one bit flipped, on its own so that the sanitizers see every step outside it. */
static unsigned char *damaged(const unsigned char *message, size_t size, uint64_t random)
{
    unsigned char *copy = aligned_alloc(16, size);
    memcpy(copy, message, size);
    copy[random % size] ^= (unsigned char)(1u << (random >> 32) % 8);
    return copy;
}

FAN_TEST(wire, cut_or_damaged_batches_are_refused_or_harmless)
{
    uint64_t offsets[4], random = 88172645463325252u;
    fani_wire_batch batch = example(offsets), back;
    size_t size, item;
    unsigned char *message = encode_batch(&batch, &size);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *copy = malloc(cut ? cut : 1);
        memcpy(copy, message, cut);
        EXPECT_I64(fani_wire_batch_read(copy, cut, &back), FAN_E_PROTOCOL);
        free(copy);
    }
    for (int round = 0; round < 20000; round++) {
        unsigned char *copy = damaged(message, size, next_random(&random));
        fan_status status = fani_wire_batch_read(copy, size, &back);
        for (size_t i = 0; status == FAN_OK && back.items.bytes && i < back.items.count; i++) {
            const unsigned char *at = fan_items_at(&back.items, i, &item);
            ASSERT_TRUE(at >= copy && at + item <= copy + size);
        }
        free(copy);
    }
    free(message);
}

FAN_TEST(wire, damaged_replies_are_refused_or_harmless)
{
    uint64_t posting, run_ns, random = 88172645463325252u;
    fani_replies replies = {0}, read = {0};
    fani_replies_begin(&replies, 3, 100);
    fani_replies_put(&replies, 0, "hello", 5);
    fani_replies_mark(&replies, 1, FANI_SLOT_FAILED, "text");
    fani_replies_finish(&replies, "none");
    size_t size = fani_wire_replies_size(&replies);
    unsigned char *message = aligned_alloc(16, size);
    fani_wire_replies_write(&replies, 5, 6, message);
    ASSERT_I64(fani_wire_replies_read(message, size, &posting, &run_ns, &read), FAN_OK);
    EXPECT_U64(posting, 5);
    EXPECT_U64(run_ns, 6);
    EXPECT_STR(fani_replies_outcome(&read, 2).text, "none");
    for (int round = 0; round < 20000; round++) {
        unsigned char *copy = damaged(message, size, next_random(&random));
        fan_status status = fani_wire_replies_read(copy, size, &posting, &run_ns, &read);
        for (size_t i = 0; status == FAN_OK && i < read.count; i++)
            ASSERT_TRUE(strlen(fani_replies_outcome(&read, i).text) < 1001);
        free(copy);
    }
    fani_replies_clear(&read);
    fani_replies_clear(&replies);
    free(message);
}

/* What is written piece by piece into zeroed memory is the message. */
FAN_TEST(wire, pieces_of_replies_are_the_message)
{
    const fan_captured said = {.out = "out", .out_size = 3, .err = "", .err_size = 0};
    for (int marked = 0; marked < 2; marked++) {
        uint64_t head[FANI_WIRE_HEAD_WORDS];
        fani_wire_piece pieces[FANI_WIRE_PIECES];
        fani_replies replies = {0};
        fani_replies_begin(&replies, 2, 100);
        fani_replies_put(&replies, 0, "hello, world", 12 - (size_t)marked);
        if (marked)
            fani_replies_mark(&replies, 1, FANI_SLOT_FAILED, "text");
        fani_replies_finish(&replies, "none");
        size_t size = fani_wire_replies_size(&replies);
        unsigned char *message = aligned_alloc(16, size), *joined = calloc(1, size);
        fani_wire_replies_write(&replies, 5, 6, message);
        size_t count = fani_wire_replies_pieces(&replies, 5, 6, head, pieces);
        EXPECT_U64(count, FANI_WIRE_PIECES);
        for (size_t i = 0; i < count; i++) {
            ASSERT_TRUE(pieces[i].offset <= size && pieces[i].size <= size - pieces[i].offset);
            if (pieces[i].size)
                memcpy(joined + pieces[i].offset, pieces[i].bytes, pieces[i].size);
        }
        EXPECT_TRUE(!memcmp(joined, message, size));
        EXPECT_I64(fani_replies_capture(&replies, 0, &said), FAN_OK);
        EXPECT_U64(fani_wire_replies_pieces(&replies, 5, 6, head, pieces), 0);
        fani_replies_clear(&replies);
        free(message);
        free(joined);
    }
}

/* The flags of a message follow its magic. */
static fan_status read_with_flags(unsigned char *message, size_t size, uint32_t flags,
                                  fani_wire_batch *back)
{
    memcpy(message + 4, &flags, sizeof flags);
    return fani_wire_batch_read(message, size, back);
}

FAN_TEST(wire, inputs_without_their_bytes_are_refused)
{
    enum { OFFSETS = 1, BYTES = 2, ARGS = 4 };
    uint64_t offsets[4];
    fani_wire_batch batch = example(offsets), back;
    size_t size;
    unsigned char *message = encode_batch(&batch, &size);
    EXPECT_I64(read_with_flags(message, size, OFFSETS | BYTES | ARGS, &back), FAN_OK);
    EXPECT_I64(read_with_flags(message, size, OFFSETS | ARGS, &back), FAN_E_PROTOCOL);
    EXPECT_I64(read_with_flags(message, size, ARGS, &back), FAN_E_PROTOCOL);
    free(message);
    batch.items = (fan_items){.size = 8, .count = 3};
    message = encode_batch(&batch, &size);
    ASSERT_I64(fani_wire_batch_read(message, size, &back), FAN_OK);
    EXPECT_U64(back.items.size, 0);
    free(message);
}

FAN_TEST(wire, range_and_empty_batches)
{
    fani_wire_batch range = {
        .task_name = "t", .task_name_size = 1, .items = {.count = 1u << 30, .first = 9}};
    fani_wire_batch empty = {.task_name = "t",
                             .task_name_size = 1,
                             .items = {.bytes = (const unsigned char *)"", .count = 5}};
    fani_wire_batch back;
    size_t size;
    unsigned char *message = encode_batch(&range, &size);
    ASSERT_I64(fani_wire_batch_read(message, size, &back), FAN_OK);
    EXPECT_TRUE(back.items.bytes == NULL && back.items.offsets == NULL);
    EXPECT_U64(back.items.count, 1u << 30);
    EXPECT_U64(back.args.count, 0);
    free(message);
    message = encode_batch(&empty, &size);
    ASSERT_I64(fani_wire_batch_read(message, size, &back), FAN_OK);
    EXPECT_TRUE(back.items.bytes != NULL); /* five empty items are not a range */
    free(message);
}

/* ---- Workers ------------------------------------------------------------------------------- */

static int starts, stops; /* one thread in these tests */

static fan_status count_start(fan_run *run)
{
    fan_items args = fan_run_args(run);
    if (args.size == 3 && !memcmp(args.bytes, "bad", 3))
        return FAN_E_NOT_FINITE;
    starts++;
    fan_run_set_state(run, &starts);
    return FAN_OK;
}

static void count_stop(void *state)
{
    stops += state == &starts;
}

static fan_status run_nothing(fan_run *run, fan_items in)
{
    (void)in;
    return fan_run_reply_array(run, 1) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task stateful = {
    .name = "stateful", .version = 1, .run = run_nothing, .start = count_start, .stop = count_stop};

static fan_outcome_kind run_with(fani_worker *worker, const char *text)
{
    fani_replies replies = {0};
    uint64_t run_ns;
    fan_items items = {.count = 1};
    fan_items args = {.bytes = (const unsigned char *)text, .size = strlen(text), .count = 1};
    if (fani_worker_run(worker, &stateful, &items, &args, 100, &replies, &run_ns) != FAN_OK)
        return FAN_OUTCOME_LOST;
    fan_outcome_kind kind = fani_replies_outcome(&replies, 0).kind;
    fani_replies_clear(&replies);
    return kind;
}

FAN_TEST(worker, keeps_a_state_per_arguments_and_stops_every_one)
{
    fani_worker *worker = fani_worker_new(&(fani_worker_host){0});
    char text[8];
    starts = stops = 0;
    ASSERT_TRUE(worker != NULL);
    for (int round = 0; round < 3; round++) {
        EXPECT_I64(run_with(worker, "a"), FAN_OUTCOME_OK);
        EXPECT_I64(run_with(worker, "b"), FAN_OUTCOME_OK);
    }
    EXPECT_I64(starts, 2);
    for (int i = 0; i < 100; i++) { /* more than it keeps: the oldest are stopped */
        snprintf(text, sizeof text, "%d", i);
        EXPECT_I64(run_with(worker, text), FAN_OUTCOME_OK);
        EXPECT_I64(run_with(worker, "a"), FAN_OUTCOME_OK);
    }
    EXPECT_I64(starts, 102); /* "a" was used all the time and stayed */
    EXPECT_I64(run_with(worker, "bad"), FAN_OUTCOME_FAILED);
    EXPECT_I64(starts, 102);
    fani_worker_free(worker);
    EXPECT_I64(stops, starts);
}

/* ---- The registry and errors --------------------------------------------------------------- */

FAN_TEST(registry, knows_the_tasks_of_fold_without_being_told)
{
    EXPECT_TRUE(fani_registry_find("fan.leaf", 8) != NULL);
    EXPECT_TRUE(fani_registry_find("fan.leaf", 7) == NULL);
    EXPECT_TRUE(fani_registry_find("no such task", 12) == NULL);
    EXPECT_I64(fan_executor_probe(NULL, NULL), FAN_E_UNKNOWN_EXECUTOR);
}

FAN_TEST(status, every_code_has_a_name_and_a_text)
{
    EXPECT_STR(fan_status_name(FAN_E_BUSY), "FAN_E_BUSY");
    EXPECT_STR(fan_status_name((fan_status)9999), "FAN_E_?");
    for (int code = FAN_OK; code <= FAN_E_PROTOCOL; code++)
        EXPECT_TRUE(strlen(fan_status_text((fan_status)code)) > 5);
}

FAN_TEST(status, errors_keep_errno_and_place)
{
    fan_error error;
    EXPECT_I64(fani_error_errno(&error, FAN_E_INPUT, 2, "can't open %s", "x"), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "can't open x: No such file");
    EXPECT_I64(error.errno_code, 2);
    fani_error_place(&error, "a.txt", 3, 4);
    EXPECT_STR(error.file, "a.txt");
    EXPECT_U64(error.line * 10 + error.column, 34);
    EXPECT_I64(fani_error_set(NULL, FAN_E_BUSY, "nobody listens"), FAN_E_BUSY);
}
