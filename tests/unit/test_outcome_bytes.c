/* Outcomes as bytes come back as they were, and places are kept for those that are out. */
#include "job/outcome_bytes.h"

#include <stdio.h>
#include <stdlib.h>

#include "job/ranges.h"
#include "shim/shim.h"

/* ---- Outcomes ---------------------------------------------------------------------------------
 */

static void compare(const fan_outcome *is, const fan_outcome *was)
{
    EXPECT_U64(is->index, was->index);
    EXPECT_I64(is->kind, was->kind);
    EXPECT_U64(is->attempt, was->attempt);
    if (was->kind != FAN_OUTCOME_OK || was->attempt > 1 ||
        was->worker) { /* of others it is of no interest */
        EXPECT_U64(is->run_ns, was->run_ns);
        EXPECT_U64(is->run_items, was->run_items);
        EXPECT_I64(is->began_ns, was->began_ns);
    }
    EXPECT_U64(is->size, was->size);
    EXPECT_TRUE(is->size == was->size && (!is->size || !memcmp(is->bytes, was->bytes, is->size)));
    EXPECT_STR(is->text, was->text);
    EXPECT_STR(is->worker ? is->worker : "none", was->worker ? was->worker : "none");
    EXPECT_TRUE((is->captured != NULL) == (was->captured != NULL));
    if (!is->captured || !was->captured)
        return;
    EXPECT_STR(is->captured->out, was->captured->out);
    EXPECT_STR(is->captured->err, was->captured->err);
    EXPECT_U64(is->captured->out_size, was->captured->out_size);
    EXPECT_U64(is->captured->err_size, was->captured->err_size);
}

static const fan_captured wrote = {.out = "out", .err = "", .out_size = 3};
static const fan_outcome outcomes[] = {
    {.index = 7, .attempt = 1, .bytes = (const unsigned char *)"\0plain", .size = 6, .text = ""},
    {.index = 8, .attempt = 2, .bytes = (const unsigned char *)"\0again", .size = 6, .text = ""},
    {.index = 9, .attempt = 1, .bytes = (const unsigned char *)"\1noted", .size = 6, .text = ""},
    {.index = 10,
     .kind = FAN_OUTCOME_LOST,
     .attempt = 3,
     .text = "killed by SIGSEGV",
     .run_ns = UINT64_C(90000000000),
     .run_items = 5},
    {.index = 11, .kind = FAN_OUTCOME_CANCELLED, .text = "no"},
    {.index = 12,
     .attempt = 1,
     .bytes = (const unsigned char *)"\0x",
     .size = 2,
     .text = "",
     .captured = &wrote},
    {.index = 13, .attempt = 1, .text = ""},
    {.index = 14,
     .attempt = 1,
     .bytes = (const unsigned char *)"\0timed",
     .size = 6,
     .text = "",
     .run_ns = 17,
     .began_ns = INT64_C(1700000000123456789),
     .run_items = 1,
     .worker = "node/3.1",
     .captured = &wrote},
};
enum { OUTCOMES = sizeof outcomes / sizeof *outcomes };

/* A reader that has read the items 0 .. 19, each in a line of its own. */
static fani_reader *read_twenty(fan_items *items)
{
    char line[8];
    fani_reader *reader = NULL;
    EXPECT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(line, sizeof line, "%u", i);
        EXPECT_I64(fani_reader_add_text_of(reader, line, "in", i + 1, 2 * i), FAN_OK);
    }
    EXPECT_I64(fani_reader_pull(reader, 20, 1000, true, items, NULL), FAN_OK);
    EXPECT_U64(items->count, 20);
    return reader;
}

FAN_TEST(outcome_bytes, outcomes_come_back_as_they_were)
{
    fan_items items;
    fan_buffer bytes = {0};
    fani_reader *reader = read_twenty(&items);
    fani_places *places = fani_places_new();
    EXPECT_I64(fani_places_keep(places, reader, &items), FAN_OK);
    ASSERT_I64(fani_outcomes_to_bytes(outcomes, OUTCOMES, places, &bytes), FAN_OK);
    const unsigned char *at = bytes.bytes;
    size_t size = bytes.size;
    for (size_t i = 0; i < OUTCOMES; i++) {
        fani_outcome_read read;
        EXPECT_TRUE(fani_outcome_from_bytes(&at, &size, 7 + i, &read));
        compare(&read.outcome, &outcomes[i]);
        EXPECT_U64(read.place.input, i ? 7 + i : 0);
    }
    EXPECT_U64(size, 0);
    fan_buffer_clear(&bytes);
    fani_places_free(places);
    fani_reader_free(reader);
}

/* Cut anywhere, they are refused, and nothing behind them is read. */
FAN_TEST(outcome_bytes, cut_ones_are_refused)
{
    fan_buffer bytes = {0};
    fani_places *places = fani_places_new();
    for (size_t i = 0; i < OUTCOMES; i++) {
        fani_outcome_read read;
        ASSERT_I64(fani_outcomes_to_bytes(&outcomes[i], 1, places, &bytes), FAN_OK);
        for (size_t size = 0; size < bytes.size; size++) {
            unsigned char *cut = malloc(size + 1);
            const unsigned char *at = cut;
            size_t left = size;
            memcpy(cut, bytes.bytes, size);
            EXPECT_TRUE(!fani_outcome_from_bytes(&at, &left, 7, &read));
            free(cut);
        }
        fan_buffer_clear(&bytes);
    }
    fani_places_free(places);
}

/* ---- Places ------------------------------------------------------------------------------------
 */

FAN_TEST(outcome_bytes, places_are_kept_until_all_of_a_call_are_dropped)
{
    fan_items all;
    fani_reader *reader = read_twenty(&all);
    fani_places *places = fani_places_new();
    for (uint64_t first = 0; first < 20; first += 5) {
        fan_items some = {.first = first, .count = 4}; /* each fifth one is left out */
        EXPECT_I64(fani_places_keep(places, reader, &some), FAN_OK);
    }
    fani_places_drop(places, 5, 3);
    fani_places_drop(places, 10, 4);
    for (unsigned i = 0; i < 20; i++)
        EXPECT_U64(fani_places_at(places, i).input, i % 5 == 4 || i / 5 == 2 ? 0 : i);
    fani_places_drop(places, 8, 1);
    fani_places_drop(places, 0, 4);
    EXPECT_U64(fani_places_at(places, 5).input, 0);
    EXPECT_U64(fani_places_at(places, 18).input, 18);
    fani_places_drop(places, 15, 4);
    EXPECT_U64(fani_places_at(places, 18).input, 0);
    fani_places_free(places);
    fani_reader_free(reader);
}

/* One that stays out keeps its place, however many come and go behind it. */
FAN_TEST(outcome_bytes, places_that_are_gone_make_room)
{
    fan_items all;
    fani_reader *reader = read_twenty(&all);
    fani_places *places = fani_places_new();
    for (uint64_t round = 0; round < 1000; round++) {
        fan_items one = {.first = round ? 20 * round + 5 : 3, .count = 1};
        /* the reader's places are those of the item modulo its ring: only item 3 is looked at */
        EXPECT_I64(fani_places_keep(places, reader, &one), FAN_OK);
        if (round)
            fani_places_drop(places, one.first, 1);
        EXPECT_U64(fani_places_at(places, 3).input, 3);
    }
    EXPECT_U64(fani_places_at(places, 25).input, 0);
    fani_places_free(places);
    fani_reader_free(reader);
}

/* ---- Ranges ------------------------------------------------------------------------------------
 */

FAN_TEST(ranges, touching_ones_become_one)
{
    enum { ALL = 64 };
    bool in[ALL] = {false};
    uint64_t random = 1;
    fani_ranges ranges = {0};
    for (int round = 0; round < 12; round++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        uint64_t first = (random >> 33) % ALL, size = (random >> 50) % 6;
        uint64_t end = first + size < ALL ? first + size : ALL;
        EXPECT_I64(fani_ranges_add(&ranges, first, end), FAN_OK);
        for (uint64_t i = first; i < end; i++)
            in[i] = true;
        size_t total = 0, count = 0;
        for (uint64_t i = 0; i < ALL; i++) {
            EXPECT_TRUE(fani_ranges_has(&ranges, i) == in[i]);
            total += in[i];
            count += in[i] && (i == 0 || !in[i - 1]);
        }
        EXPECT_U64(ranges.count, count);
        EXPECT_U64(fani_ranges_total(&ranges, 0), total);
    }
    EXPECT_I64(fani_ranges_add(&ranges, 0, ALL), FAN_OK);
    EXPECT_U64(ranges.count, 1);
    EXPECT_U64(fani_ranges_total(&ranges, 60), 4);
    EXPECT_TRUE(fani_ranges_from(&ranges, ALL) == NULL);
    fani_ranges_clear(&ranges);
}
