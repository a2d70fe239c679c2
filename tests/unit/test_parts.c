/* Batches in parts: whatever mixture of answers the parts give, and however the batch was cut, the
 * outcomes are those of the whole. */
#include <stdio.h>
#include <stdlib.h>

#include "shim.h"
#include "task/parts.h"

enum { ITEMS_MAX = 64 };

static uint64_t state = 88172645463325252;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* What the items of the next batch do; the answer of an item does not hang on its neighbours. */
enum { PLAIN, LONGER, FAILS, SILENT, STRAYS, KINDS };
static unsigned kinds[ITEMS_MAX];

static bool all_are(const fan_items *in, unsigned kind, unsigned other)
{
    for (size_t i = 0; i < in->count; i++)
        if (kinds[in->first + i] != kind && kinds[in->first + i] != other)
            return false;
    return true;
}

static size_t size_of(uint64_t index)
{
    return kinds[index] == LONGER ? 13 : 8;
}

static void answer_of(uint64_t index, unsigned char *bytes)
{
    for (size_t k = 0; k < 13; k++)
        bytes[k] = (unsigned char)(index * 31 + k);
}

/* An array where all items have one size, in two halves and asked for twice; else one by one. */
static fan_status mixed_run(fan_run *run, fan_items in)
{
    bool plain = all_are(&in, PLAIN, FAILS), longer = all_are(&in, LONGER, FAILS);
    unsigned char bytes[13], *array = NULL;
    size_t size = plain ? 8 : 13;
    fan_status status = FAN_OK;
    if (plain || longer)
        array = fan_run_reply_array(run, size);
    for (size_t i = 0; i < in.count; i++) {
        uint64_t index = in.first + i;
        answer_of(index, bytes);
        if (array && i == in.count / 2 && fan_run_reply_array(run, size) != array)
            return FAN_E_MEMORY;
        if (kinds[index] == FAILS)
            (void)fan_run_fail(run, i, "item %u fails", (unsigned)index);
        else if (array)
            memcpy(array + i * size, bytes, size);
        else if (kinds[index] == PLAIN || kinds[index] == LONGER)
            status = fan_run_reply(run, i, bytes, size_of(index));
        else if (kinds[index] == STRAYS && in.count == 1)
            return FAN_E_UNSUPPORTED;
        else if (kinds[index] == STRAYS)
            (void)fan_run_fail(run, i, "%s", fan_status_text(FAN_E_UNSUPPORTED));
        if (status != FAN_OK)
            return status;
    }
    if (array && fan_run_reply(run, 0, bytes, 1) != FAN_E_ARGUMENT)
        return FAN_E_MEMORY;
    if (array && fan_run_reply_array(run, size + 1))
        return FAN_E_MEMORY;
    return FAN_OK;
}

static const fan_task mixed_task = {.name = "mixed", .version = 1, .run = mixed_run};

static void expect_item(const fani_replies *whole, size_t i, bool cancelled)
{
    fan_outcome outcome = fani_replies_outcome(whole, i);
    unsigned char bytes[13];
    char text[80] = "";
    answer_of(i, bytes);
    if (kinds[i] == FAILS)
        snprintf(text, sizeof text, "item %u fails", (unsigned)i);
    else if (kinds[i] == SILENT)
        snprintf(text, sizeof text, "the task gave no reply");
    else if (kinds[i] == STRAYS)
        snprintf(text, sizeof text, "%s", fan_status_text(FAN_E_UNSUPPORTED));
    if (cancelled)
        snprintf(text, sizeof text, "taken back");
    EXPECT_STR(outcome.text, text);
    EXPECT_I64(outcome.kind, cancelled ? FAN_OUTCOME_CANCELLED
                             : *text   ? FAN_OUTCOME_FAILED
                                       : FAN_OUTCOME_OK);
    if (*text)
        return;
    EXPECT_U64(outcome.size, size_of(i));
    EXPECT_TRUE(outcome.size == size_of(i) && !memcmp(outcome.bytes, bytes, outcome.size));
}

/* Cuts 0..count at random, runs the parts in a random order, marks some instead. */
static void run_in_parts(fani_worker *worker, fani_parts *parts, size_t count, bool *marked)
{
    size_t starts[ITEMS_MAX + 1], pieces = 0;
    for (size_t at = 0; at < count; at += 1 + draw(draw(2) ? 3 : count))
        starts[pieces++] = at;
    starts[pieces] = count;
    bool done[ITEMS_MAX] = {false};
    ASSERT_I64(fani_worker_parts_open(worker, parts), FAN_OK);
    for (size_t left = pieces; left;) {
        size_t k = draw(pieces);
        if (done[k])
            continue;
        done[k] = true;
        left--;
        if (draw(8))
            fani_worker_part_run(worker, starts[k], starts[k + 1] - starts[k]);
        else
            for (size_t i = starts[k]; i < starts[k + 1]; i++) {
                fani_parts_mark(parts, i, 1, FANI_SLOT_CANCELLED, "taken back");
                marked[i] = true;
            }
    }
    fani_worker_parts_close(worker);
}

static void choose_kinds(void)
{
    unsigned many = (unsigned)draw(KINDS), rest = (unsigned)draw(3);
    for (size_t i = 0; i < ITEMS_MAX; i++)
        kinds[i] = rest == 0 ? (unsigned)draw(KINDS) : draw(6) ? many : (unsigned)draw(KINDS);
    for (size_t i = 0; rest == 2 && i < ITEMS_MAX; i++)
        kinds[i] = i / 16 % 2 ? LONGER : PLAIN; /* parts with arrays of different sizes */
}

static void try_mixture(fani_worker *worker, bool lent)
{
    _Alignas(64) static unsigned char memory[ITEMS_MAX * 8];
    fani_replies whole = {0};
    fani_parts parts;
    bool marked[ITEMS_MAX] = {false};
    size_t count = 1 + draw(ITEMS_MAX);
    fan_items items = {.count = count}, args = {0};
    choose_kinds();
    memset(memory, 0xAA, sizeof memory);
    if (lent)
        fani_replies_lend(&whole, memory, count * 8);
    fani_parts_init(&parts, &mixed_task, &items, &args, 100, &whole);
    run_in_parts(worker, &parts, count, marked);
    EXPECT_I64(fani_parts_end(&parts), FAN_OK);
    EXPECT_TRUE(whole.complete);
    for (size_t i = 0; i < count; i++)
        expect_item(&whole, i, marked[i]);
    fani_replies_clear(&whole);
    fani_worker_run_untimed(worker, &mixed_task, &items, &args, 100, &whole);
    for (size_t i = 0; i < count; i++)
        expect_item(&whole, i, false);
    fani_replies_clear(&whole);
}

FAN_TEST(parts, every_mixture_of_answers_is_that_of_the_whole)
{
    fani_worker *worker = fani_worker_new(&(fani_worker_host){.user = NULL});
    for (int i = 0; i < 4000 && !shim_failed(); i++)
        try_mixture(worker, i % 2);
    fani_worker_free(worker);
}

/* Memory that was too short for a part fails the whole: no item may read what was never written. */
FAN_TEST(parts, a_part_that_could_not_be_kept_fails_the_whole)
{
    fani_worker *worker = fani_worker_new(&(fani_worker_host){.user = NULL});
    fani_replies whole = {0};
    fani_parts parts;
    fan_items items = {.count = 4}, args = {0};
    for (size_t i = 0; i < ITEMS_MAX; i++)
        kinds[i] = i < 2 ? PLAIN : LONGER;
    fani_parts_init(&parts, &mixed_task, &items, &args, 100, &whole);
    ASSERT_I64(fani_worker_parts_open(worker, &parts), FAN_OK);
    fani_worker_part_run(worker, 0, 2);
    fani_worker_part_run(worker, 2, 2);
    fani_worker_parts_close(worker);
    parts.status = FAN_E_MEMORY;
    EXPECT_I64(fani_parts_end(&parts), FAN_E_MEMORY);
    fani_replies_clear(&whole);
    fani_worker_free(worker);
}

/* ---- Replies of a second run ----------------------------------------------------------------- */

FAN_TEST(replies, a_second_run_may_answer_in_another_size)
{
    fani_replies whole = {0}, again = {0};
    unsigned char bytes[13];
    fani_replies_begin(&whole, 3, 100);
    unsigned char *array = fani_replies_array(&whole, 8);
    ASSERT_TRUE(array != NULL);
    answer_of(0, bytes);
    memcpy(array, bytes, 8);
    answer_of(2, bytes);
    memcpy(array + 16, bytes, 8);
    EXPECT_I64(fani_replies_mark(&whole, 1, FANI_SLOT_FAILED, "once"), FAN_OK);
    EXPECT_I64(fani_replies_finish(&whole, ""), FAN_OK);
    fani_replies_begin(&again, 1, 100);
    answer_of(1, bytes);
    EXPECT_I64(fani_replies_put(&again, 0, bytes, 13), FAN_OK);
    EXPECT_I64(fani_replies_finish(&again, ""), FAN_OK);
    EXPECT_I64(fani_replies_merge(&whole, 1, &again, 1), FAN_OK);
    for (size_t i = 0; i < 3; i++)
        kinds[i] = i == 1 ? LONGER : PLAIN;
    for (size_t i = 0; i < 3; i++)
        expect_item(&whole, i, false);
    EXPECT_U64(fani_replies_outcome(&whole, 1).attempt, 1);
    fani_replies_clear(&again);
    fani_replies_clear(&whole);
}

/* Of parts that came in the order of their items the replies lie in that order too, so that one
 * call writes them; and one that is all of its batch is not copied. */
FAN_TEST(parts, replies_stay_in_order)
{
    enum { PARTS = 6, EACH = 50 };
    static const fan_task task = {.name = "parts", .version = 1};
    for (size_t each = EACH; each <= PARTS * EACH; each *= PARTS) {
        const fan_items items = {.count = PARTS * EACH}, none = {0};
        fani_replies all = {0}, part = {0};
        const unsigned char *bytes = NULL;
        fani_parts parts;
        fani_parts_init(&parts, &task, &items, &none, 100, &all);
        for (size_t at = 0; at < PARTS * EACH; at += each) {
            ASSERT_I64(fani_replies_begin(&part, each, 100), FAN_OK);
            for (uint64_t i = at; i < at + each; i++)
                EXPECT_I64(fani_replies_put(&part, i - at, &i, sizeof i), FAN_OK);
            EXPECT_I64(fani_replies_finish(&part, ""), FAN_OK);
            bytes = part.bytes.data;
            fani_parts_keep(&parts, at, false, &part);
        }
        ASSERT_I64(fani_parts_end(&parts), FAN_OK);
        EXPECT_TRUE((all.bytes.data == bytes) == (each > EACH));
        for (uint64_t i = 0; i < PARTS * EACH; i++) {
            fan_outcome outcome = fani_replies_outcome(&all, i);
            ASSERT_U64(outcome.size, sizeof i);
            EXPECT_TRUE(!memcmp(outcome.bytes, &i, sizeof i));
            EXPECT_TRUE(outcome.bytes == all.bytes.data + i * sizeof i);
        }
        fani_replies_clear(&all);
    }
}
