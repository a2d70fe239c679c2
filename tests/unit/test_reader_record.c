/* Items that are records, whole lines or what a NUL ends, and items that are made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/shim.h"
#include "stage/reader.h"

enum { SHOWN = 4096 };

/* Reads all that there is, as "line:column:text|" for each item; 0 in it is shown as '0'. */
static void show_all(fani_reader *reader, size_t max_items, char *shown)
{
    size_t used = 0;
    *shown = '\0';
    while (!fani_reader_ended(reader)) {
        fan_items items = {0};
        ASSERT_I64(fani_reader_pull(reader, max_items, SIZE_MAX, true, &items, NULL), FAN_OK);
        for (size_t i = 0; i < items.count && used + 200 < SHOWN; i++) {
            size_t size;
            const unsigned char *bytes = fan_items_at(&items, i, &size);
            fani_place place = fani_reader_place(reader, items.first + i);
            used +=
                (size_t)snprintf(shown + used, SHOWN - used, "%u:%u:", place.line, place.column);
            for (size_t k = 0; k < size; k++)
                shown[used++] = bytes[k] ? (char)bytes[k] : '0';
            used += (size_t)snprintf(shown + used, SHOWN - used, "|");
        }
    }
}

/* The items of a text that comes in packets of so many bytes. */
static void show_text(const char *text, size_t size, const fani_reader_options *options,
                      size_t packet, size_t max_items, char *shown)
{
    int ends[2];
    fani_reader *reader = NULL;
    ASSERT_I64(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    for (size_t at = 0; at < size; at += packet)
        EXPECT_TRUE(write(ends[0], text + at, size - at < packet ? size - at : packet) > 0);
    close(ends[0]);
    ASSERT_I64(fani_reader_new(options, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, ends[1], "socket"), FAN_OK);
    show_all(reader, max_items, shown);
    fani_reader_free(reader);
    close(ends[1]);
}

FAN_TEST(reader_record, as_they_are)
{
    static const struct {
        const char *text;
        size_t size;
        char separator;
        const char *expected;
    } cases[] = {
        {" a\t \n\n\nb c\r\nd", 13, '\n', "1:1: a\t |2:1:|3:1:|4:1:b c\r|5:1:d|"},
        {"x\n", 2, '\n', "1:1:x|"},
        {"\n", 1, '\n', "1:1:|"},
        {"", 0, '\n', ""},
        {"a\nb\0\0 c\0", 8, '\0', "1:1:a\nb|2:1:|3:1: c|"},
        {"a\0b\nc", 5, '\n', "1:1:a0b|2:1:c|"},
    };
    char shown[SHOWN];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t packet = 1; packet < 16; packet++)
            for (size_t most = 1; most < 4; most++) {
                fani_reader_options options = {.unit = FANI_UNIT_RECORD,
                                               .separator = cases[i].separator};
                show_text(cases[i].text, cases[i].size, &options, packet, most, shown);
                EXPECT_STR(shown, cases[i].expected);
            }
}

FAN_TEST(reader_record, every_third)
{
    static const char text[] = "0\n\n2\n3 x\n4\n5\n6\n7";
    static const char *const expected[] = {"1:1:0|4:1:3 x|7:1:6|", "2:1:|5:1:4|8:1:7|",
                                           "3:1:2|6:1:5|"};
    char shown[SHOWN];
    for (uint64_t first = 0; first < 3; first++)
        for (size_t packet = 1; packet < 20; packet++) {
            fani_reader_options options = {
                .unit = FANI_UNIT_RECORD, .separator = '\n', .first = first, .step = 3};
            show_text(text, sizeof text - 1, &options, packet, 2, shown);
            EXPECT_STR(shown, expected[first]);
        }
}

/* What is refused has a NUL in its place, which is no argument of a command. */
FAN_TEST(reader_record, refused)
{
    static const char text[] = "ab\nabcdefgh\ncd\n";
    char shown[SHOWN];
    for (size_t packet = 1; packet < 20; packet++) {
        fani_reader_options options = {.unit = FANI_UNIT_RECORD, .separator = '\n', .line_max = 4};
        show_text(text, sizeof text - 1, &options, packet, 9, shown);
        EXPECT_STR(shown, "1:1:ab|2:1:abcd...0|3:1:cd|");
    }
    fani_reader *reader = NULL;
    ASSERT_I64(fani_reader_new(&(fani_reader_options){.unit = FANI_UNIT_RECORD}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, "/no/such/file"), FAN_OK);
    show_all(reader, 9, shown);
    EXPECT_STR(shown, "0:0:...0|");
    fani_reader_free(reader);
}

static fan_status make(void *user, uint64_t i, const char **bytes, size_t *size)
{
    static char text[24];
    if (i == 5)
        return *(bool *)user ? FAN_E_MEMORY : FAN_OK;
    *size = (size_t)snprintf(text, sizeof text, " m%llu ", (unsigned long long)i);
    *bytes = text;
    return FAN_OK;
}

FAN_TEST(reader_record, made)
{
    static const char *const expected[] = {"0:0: m0 |0:0: m1 |0:0: m2 |0:0: m3 |0:0: m4 |",
                                           "0:0: m1 |0:0: m3 |"};
    bool fails = false;
    char shown[SHOWN];
    for (uint64_t step = 1; step < 3; step++) {
        fani_reader *reader = NULL;
        fani_reader_options options = {
            .unit = FANI_UNIT_RECORD, .separator = '\n', .first = step - 1, .step = step};
        ASSERT_I64(fani_reader_new(&options, &reader), FAN_OK);
        ASSERT_I64(fani_reader_add_made(reader, make, &fails), FAN_OK);
        show_all(reader, 2, shown);
        EXPECT_STR(shown, expected[step - 1]);
        fani_reader_free(reader);
    }
    fani_reader *reader = NULL;
    fan_items items;
    fails = true;
    ASSERT_I64(fani_reader_new(&(fani_reader_options){.unit = FANI_UNIT_RECORD}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_made(reader, make, &fails), FAN_OK);
    EXPECT_I64(fani_reader_pull(reader, 9, SIZE_MAX, true, &items, NULL), FAN_E_MEMORY);
    fani_reader_free(reader);
}
