#include "stage/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "shim/shim.h"

/* Everything a reader gives, as "line:column:text" entries joined by '|'; a flaw as "!n". */
static void gather(fani_reader *reader, size_t max_items, char *text, size_t size)
{
    fan_items items;
    size_t used = 0;
    text[0] = '\0';
    do {
        fan_error error = {0};
        ASSERT_I64(fani_reader_pull(reader, max_items, 1 << 20, true, &items, &error), FAN_OK);
        for (size_t i = 0; i < items.count; i++) {
            size_t n;
            const unsigned char *bytes = fan_items_at(&items, i, &n);
            fani_place place = fani_reader_place(reader, items.first + i);
            used += (size_t)snprintf(text + used, size - used, "%s%u:%u:%.*s", used ? "|" : "",
                                     place.line, place.column, (int)n, (const char *)bytes);
            if (place.flaw)
                used += (size_t)snprintf(text + used, size - used, "!%u", place.flaw);
            fani_reader_forget(reader, items.first + i + 1);
        }
    } while (items.count);
    EXPECT_TRUE(fani_reader_ended(reader));
}

/* Reads `input` from packets cut at a and b: each packet is one read. */
static void read_cut(const fani_reader_options *options, const char *input, size_t size, size_t a,
                     size_t b, char *text, size_t text_size)
{
    int pair[2];
    fani_reader *reader;
    text[0] = '\0';
    ASSERT_I64(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    const size_t cuts[] = {0, a, b, size};
    for (int i = 0; i < 3; i++)
        if (cuts[i + 1] > cuts[i])
            ASSERT_I64(send(pair[1], input + cuts[i], cuts[i + 1] - cuts[i], 0),
                       (long long)(cuts[i + 1] - cuts[i]));
    ASSERT_I64(close(pair[1]), 0);
    ASSERT_I64(fani_reader_new(options, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, pair[0], "socket"), FAN_OK);
    gather(reader, 3, text, text_size);
    fani_reader_free(reader);
    ASSERT_I64(close(pair[0]), 0);
}

/* The same items and places wherever the input is cut into reads. */
static void expect_items(fani_reader_options options, const char *input, size_t size,
                         const char *expected)
{
    char text[2000];
    for (size_t a = 0; a <= size && !shim_failed(); a++)
        for (size_t b = a; b <= size && !shim_failed(); b++) {
            read_cut(&options, input, size, a, b, text, sizeof text);
            EXPECT_STR(text, expected);
        }
}

#define ITEMS(unit_, token_max_, input, expected)                                                  \
    expect_items((fani_reader_options){.unit = (unit_), .token_max = (token_max_)}, input,         \
                 sizeof(input) - 1, expected)

#define ITEMS_PACKED(bytes, size, expected)                                                        \
    expect_items((fani_reader_options){0}, (const char *)(bytes), size, expected)

FAN_TEST(reader, tokens_at_every_boundary)
{
    ITEMS(FANI_UNIT_TOKEN, 0, "12 15\t7\n\n 100\n-3\n8",
          "1:1:12|1:4:15|1:7:7|3:2:100|4:1:-3|5:1:8");
}

FAN_TEST(reader, crlf_byte_order_mark_and_no_last_newline)
{
    ITEMS(FANI_UNIT_TOKEN, 0,
          "\xEF\xBB\xBF"
          "12\r\n15\r\n\r\n7\r",
          "1:1:12|2:1:15|4:1:7");
    ITEMS(FANI_UNIT_LINE, 0, "\xEF\xBB\xBF 1 2\r\n3 4", "1:2:1 2\r|2:1:3 4");
}

FAN_TEST(reader, a_mark_counts_only_whole_and_first)
{
    ITEMS(FANI_UNIT_TOKEN, 0, "\xEF\xBB 1", "1:1:\xEF\xBB|1:4:1");
    ITEMS(FANI_UNIT_TOKEN, 0, "1 \xEF\xBB\xBF", "1:1:1|1:3:\xEF\xBB\xBF");
    ITEMS(FANI_UNIT_TOKEN, 0, "\xEF", "1:1:\xEF");
}

FAN_TEST(reader, nothing_gives_nothing)
{
    ITEMS(FANI_UNIT_TOKEN, 0, "", "");
    ITEMS(FANI_UNIT_TOKEN, 0, " \n\t\r\n\n", "");
    ITEMS(FANI_UNIT_LINE, 0, "\xEF\xBB\xBF", "");
    ITEMS(FANI_UNIT_LINE, 0, "\n \n", "");
}

FAN_TEST(reader, lines_keep_their_blanks)
{
    ITEMS(FANI_UNIT_LINE, 0, "1  2\n\n  3\t4 5 \n6", "1:1:1  2|3:3:3\t4 5 |4:1:6");
}

FAN_TEST(reader, a_token_too_long_is_an_excerpt)
{
    ITEMS(FANI_UNIT_TOKEN, 3, "123 1234 -123 +1234 5",
          "1:1:123|1:5:123...!1|1:10:-123|1:15:+123...!1"
          "|1:21:5");
}

FAN_TEST(reader, a_line_is_refused_for_one_long_token)
{
    ITEMS(FANI_UNIT_LINE, 3, "1 2\n7 12345 6\n8 9", "1:1:1 2|2:3:123...!1|3:1:8 9");
}

FAN_TEST(reader, what_is_too_long_twice_is_refused_for_what_was_first)
{
    const char input[] = "12 34 567890 1\n1 2345 67 890123\n1 2 3 456\n";
    const fani_reader_options options = {.unit = FANI_UNIT_LINE, .token_max = 3, .line_max = 9};
    expect_items(options, input, sizeof input - 1, "1:7:567...!1|2:3:234...!1|3:1:1 2 3 456");
    expect_items((fani_reader_options){.unit = FANI_UNIT_LINE, .token_max = 5, .line_max = 7},
                 input, sizeof input - 1, "1:1:12 34 5...!2|2:1:1 2345 ...!2|3:1:1 2 3 4...!2");
}

static bool third_time(void *user)
{
    int *asked = user;
    return ++*asked >= 3;
}

FAN_TEST(reader, half_a_mark_makes_nobody_wait)
{
    int pair[2], asked = 0;
    fani_reader *reader;
    fan_items items;
    char text[100];
    ASSERT_I64(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    ASSERT_I64(
        fani_reader_new(&(fani_reader_options){.stop = third_time, .stop_user = &asked}, &reader),
        FAN_OK);
    ASSERT_I64(fani_reader_add_text(reader, "1"), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, pair[0], "socket"), FAN_OK);
    ASSERT_I64(send(pair[1], "\xEF", 1, 0), 1);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 1);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 0);
    ASSERT_I64(send(pair[1], "\xBB\xBF 7", 4, 0), 4);
    ASSERT_I64(close(pair[1]), 0);
    gather(reader, 10, text, sizeof text);
    EXPECT_STR(text, "1:2:7");
    fani_reader_free(reader);
    ASSERT_I64(close(pair[0]), 0);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void read_files(const char *const paths[], size_t count, size_t max_items, char *text,
                       size_t size)
{
    fani_reader *reader;
    fani_reader_options options = {.unit = FANI_UNIT_TOKEN};
    text[0] = '\0';
    ASSERT_I64(fani_reader_new(&options, &reader), FAN_OK);
    for (size_t i = 0; i < count; i++)
        ASSERT_I64(fani_reader_add_file(reader, paths[i]), FAN_OK);
    gather(reader, max_items, text, size);
    fani_reader_free(reader);
}

static void make_file(char path[], const char *bytes, size_t size)
{
    int fd = mkstemp(path);
    ASSERT_TRUE(fd >= 0);
    ASSERT_I64(write(fd, bytes, size), (long long)size);
    ASSERT_I64(close(fd), 0);
}

FAN_TEST(reader, files_follow_each_other_and_do_not_run_together)
{
    char a[] = "/tmp/fan_reader_XXXXXX", b[] = "/tmp/fan_reader_XXXXXX", text[200];
    make_file(a, "1 2", 3);
    make_file(b, "3\n4", 3);
    read_files((const char *[]){a, b, a}, 3, 100, text, sizeof text);
    EXPECT_STR(text, "1:1:1|1:3:2|1:1:3|2:1:4|1:1:1|1:3:2");
    unlink(a);
    unlink(b);
}

FAN_TEST(reader, a_missing_file_is_an_entry_and_the_rest_is_read)
{
    char a[] = "/tmp/fan_reader_XXXXXX", text[200];
    make_file(a, "1 2", 3);
    read_files((const char *[]){a, "/nonexistent/numbers", a}, 3, 100, text, sizeof text);
    EXPECT_STR(text, "1:1:1|1:3:2|0:0:...!3|1:1:1|1:3:2");
    unlink(a);
}

FAN_TEST(reader, a_missing_file_is_explained)
{
    fani_reader *reader;
    fan_items items;
    fan_error error = {0};
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, "/nonexistent/numbers"), FAN_OK);
    ASSERT_I64(fani_reader_pull(reader, 10, 100, true, &items, &error), FAN_OK);
    ASSERT_U64(items.count, 1);
    fani_reader_explain(reader, fani_reader_place(reader, 0), 0, "", &error);
    EXPECT_I64(error.status, FAN_E_INPUT);
    EXPECT_I64(error.errno_code, ENOENT);
    EXPECT_STR(error.file, "/nonexistent/numbers");
    fani_reader_free(reader);
}

FAN_TEST(reader, a_folder_is_a_read_error_after_what_came_before)
{
    fani_reader *reader;
    fan_items items;
    fan_error error = {0};
    char a[] = "/tmp/fan_reader_XXXXXX";
    make_file(a, "1 2", 3);
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, a), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, "/tmp"), FAN_OK);
    ASSERT_I64(fani_reader_pull(reader, 10, 100, true, &items, &error), FAN_OK);
    EXPECT_U64(items.count, 2);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, true, &items, &error), FAN_E_INPUT);
    EXPECT_I64(error.errno_code, EISDIR);
    EXPECT_STR(error.file, "/tmp");
    EXPECT_TRUE(!fani_reader_ended(reader));
    fani_reader_free(reader);
    unlink(a);
}

/* Numbers 1..n through chunks, with line ends of changing kinds: sum, count and last line. */
FAN_TEST(reader, many_chunks)
{
    enum { N = 200000 };
    char path[] = "/tmp/fan_reader_XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    ASSERT_TRUE(file != NULL);
    for (int i = 1; i <= N; i++)
        fprintf(file, "%d%s", i, i % 3 ? "\n" : "\r\n");
    ASSERT_I64(fclose(file), 0);
    fani_reader *reader;
    fan_items items = {.count = 1};
    uint64_t sum = 0, count = 0;
    uint32_t line = 0;
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, path), FAN_OK);
    while (items.count) {
        ASSERT_I64(fani_reader_pull(reader, 999, 7777, true, &items, NULL), FAN_OK);
        for (size_t i = 0; i < items.count; i++) {
            size_t n;
            char text[32] = "";
            const unsigned char *bytes = fan_items_at(&items, i, &n);
            memcpy(text, bytes, n);
            sum += strtoull(text, NULL, 10);
            line = fani_reader_place(reader, items.first + i).line;
        }
        count += items.count;
        fani_reader_forget(reader, count);
    }
    EXPECT_U64(count, N);
    EXPECT_U64(sum, (uint64_t)N * (N + 1) / 2);
    EXPECT_U64(line, N);
    fani_reader_free(reader);
    unlink(path);
}

/* Byte k of line i. */
static char byte_of(size_t i, size_t k)
{
    return (char)(k % 11 == 7 ? ' ' : '0' + (i + k) % 10);
}

static size_t write_lines(FILE *file, size_t count)
{
    size_t lines = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i % 400; k++)
            putc(byte_of(i, k), file);
        putc('\n', file);
        lines += i % 400 > 0;
    }
    return lines;
}

/* Lines of 0 to 399 bytes, which begin anywhere in a chunk: each byte of them, and their places. */
FAN_TEST(reader, lines_of_all_lengths)
{
    enum { N = 4000 };
    char path[] = "/tmp/fan_reader_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    ASSERT_TRUE(file != NULL);
    size_t lines = write_lines(file, N), count = 0, wrong = 0;
    ASSERT_I64(fclose(file), 0);
    fani_reader *reader;
    fan_items items = {.count = 1};
    ASSERT_I64(fani_reader_new(&(fani_reader_options){.unit = FANI_UNIT_LINE}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, path), FAN_OK);
    while (items.count) {
        ASSERT_I64(fani_reader_pull(reader, 999, 77777, true, &items, NULL), FAN_OK);
        for (size_t i = 0; i < items.count; i++) {
            size_t n;
            const unsigned char *bytes = fan_items_at(&items, i, &n);
            fani_place place = fani_reader_place(reader, items.first + i);
            wrong += n != (place.line - 1) % 400 || place.column != 1 || place.flaw;
            for (size_t k = 0; k < n; k++)
                wrong += bytes[k] != (unsigned char)byte_of(place.line - 1, k);
        }
        count += items.count;
        fani_reader_forget(reader, count);
    }
    EXPECT_U64(count, lines);
    EXPECT_U64(wrong, 0);
    fani_reader_free(reader);
    unlink(path);
}

FAN_TEST(reader, one_token_of_many_chunks)
{
    enum { N = 300000 };
    char path[] = "/tmp/fan_reader_XXXXXX";
    char *digits = malloc(N + 4);
    ASSERT_TRUE(digits != NULL);
    memset(digits, '7', N);
    memcpy(digits + N, " 5\n", 3);
    make_file(path, digits, N + 3);
    fani_reader *reader;
    fan_items items;
    size_t n;
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, path), FAN_OK);
    ASSERT_I64(fani_reader_pull(reader, 1, 100, true, &items, NULL), FAN_OK);
    ASSERT_U64(items.count, 1);
    const unsigned char *bytes = fan_items_at(&items, 0, &n);
    EXPECT_U64(n, N);
    EXPECT_TRUE(!memcmp(bytes, digits, N));
    ASSERT_I64(fani_reader_pull(reader, 1, 100, true, &items, NULL), FAN_OK);
    ASSERT_U64(items.count, 1);
    EXPECT_U64(fani_reader_place(reader, 1).column, N + 2);
    fani_reader_free(reader);
    unlink(path);
    free(digits);
}

/* ---- Arguments ------------------------------------------------------------------------------- */

FAN_TEST(reader, arguments_are_items_as_they_stand)
{
    char text[200];
    fani_reader *reader;
    fani_reader_options options = {.token_max = 5};
    const char *const arguments[] = {"12", " 15\n", "1 2", "", "1234567"};
    ASSERT_I64(fani_reader_new(&options, &reader), FAN_OK);
    for (size_t i = 0; i < 5; i++)
        ASSERT_I64(fani_reader_add_text(reader, arguments[i]), FAN_OK);
    gather(reader, 2, text, sizeof text);
    EXPECT_STR(text, "0:0:12|0:0:15|0:0:1 2|0:0:|0:0:...!1");
    fani_reader_free(reader);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

FAN_TEST(reader, a_slow_pipe_gives_what_is_there)
{
    int ends[2];
    fani_reader *reader;
    fan_items items;
    ASSERT_I64(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, ends[0], "pipe"), FAN_OK);
    ASSERT_I64(fani_reader_pull(reader, 9, 99, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 0);
    EXPECT_TRUE(!fani_reader_ended(reader));
    ASSERT_I64(write(ends[1], "12 1", 4), 4);
    ASSERT_I64(fani_reader_pull(reader, 9, 99, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 1); /* "1" may go on */
    ASSERT_I64(close(ends[1]), 0);
    ASSERT_I64(fani_reader_pull(reader, 9, 99, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 1);
    EXPECT_TRUE(fani_reader_ended(reader));
    fani_reader_free(reader);
    close(ends[0]);
}

/* A token that comes in pieces, with items given between them, and is too long in the end. */
FAN_TEST(reader, a_slow_token_may_turn_out_too_long)
{
    int ends[2];
    char text[200];
    fani_reader *reader;
    fan_items items;
    fani_reader_options options = {.unit = FANI_UNIT_LINE, .token_max = 3};
    ASSERT_I64(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    ASSERT_I64(fani_reader_new(&options, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, ends[0], "pipe"), FAN_OK);
    ASSERT_I64(write(ends[1], "100 200\n7 89", 12), 12);
    ASSERT_I64(fani_reader_pull(reader, 9, 99, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 1);
    ASSERT_I64(write(ends[1], "123 4\n5 6", 9), 9);
    ASSERT_I64(close(ends[1]), 0);
    gather(reader, 9, text, sizeof text);
    EXPECT_STR(text, "2:3:891...!1|3:1:5 6");
    fani_reader_free(reader);
    close(ends[0]);
}

static bool always(void *user)
{
    ++*(int *)user;
    return true;
}

FAN_TEST(reader, waiting_ends_by_stop)
{
    int ends[2], asked = 0;
    fani_reader *reader;
    fan_items items;
    fan_error error = {0};
    fani_reader_options options = {.stop = always, .stop_user = &asked};
    ASSERT_I64(pipe2(ends, O_CLOEXEC), 0);
    ASSERT_I64(fani_reader_new(&options, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, ends[0], "pipe"), FAN_OK);
    EXPECT_I64(fani_reader_pull(reader, 9, 99, true, &items, &error), FAN_E_CANCELLED);
    EXPECT_I64(asked, 1);
    fani_reader_free(reader);
    close(ends[0]);
    close(ends[1]);
}

/* Opening a pipe by its name does not wait for somebody who writes to it. */
FAN_TEST(reader, a_named_pipe_without_a_writer_ends_by_stop_too)
{
    char folder[] = "/tmp/fanfold-reader-XXXXXX", path[64];
    int asked = 0;
    fani_reader *reader;
    fan_items items;
    fan_error error = {0};
    fani_reader_options options = {.stop = always, .stop_user = &asked};
    ASSERT_TRUE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/pipe", folder);
    ASSERT_I64(mkfifo(path, 0600), 0);
    ASSERT_I64(fani_reader_new(&options, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, path), FAN_OK);
    alarm(120); /* where it waits for ever, the test ends */
    EXPECT_I64(fani_reader_pull(reader, 9, 99, true, &items, &error), FAN_E_CANCELLED);
    alarm(0);
    EXPECT_I64(asked, 1);
    fani_reader_free(reader);
    EXPECT_I64(unlink(path), 0);
    EXPECT_I64(rmdir(folder), 0);
}

/* ---- Compressed inputs ----------------------------------------------------------------------- */

static size_t pack_gzip(const char *text, size_t size, unsigned char *to, size_t room)
{
    z_stream z = {0};
    EXPECT_I64(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)size;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    EXPECT_I64(deflate(&z, Z_FINISH), Z_STREAM_END);
    EXPECT_I64(deflateEnd(&z), Z_OK);
    return room - z.avail_out;
}

static size_t pack_zstd(const char *text, size_t size, unsigned char *to, size_t room)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    EXPECT_TRUE(context && !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    size_t packed = ZSTD_compress2(context, to, room, text, size);
    EXPECT_TRUE(!ZSTD_isError(packed));
    ZSTD_freeCCtx(context);
    return packed;
}

typedef size_t packer(const char *text, size_t size, unsigned char *to, size_t room);
static packer *const packers[] = {pack_gzip, pack_zstd};

FAN_TEST(reader, compressed_tokens_at_every_boundary)
{
    const char text[] = "\xEF\xBB\xBF 12 34\n5";
    for (int i = 0; i < 2; i++) {
        unsigned char packed[400];
        size_t size = packers[i](text, sizeof text - 1, packed, 200);
        size += packers[i]("6 7", 3, packed + size, 200); /* another member or frame goes on */
        ITEMS_PACKED(packed, size, "1:2:12|1:5:34|2:1:56|2:4:7");
        memset(packed + size, 0, 10);
        if (i == 0) /* gzip's padding */
            ITEMS_PACKED(packed, size + 10, "1:2:12|1:5:34|2:1:56|2:4:7");
    }
}

FAN_TEST(reader, what_only_begins_like_compressed_data_is_text)
{
    ITEMS(FANI_UNIT_TOKEN, 0, "\x1F\x8B", "1:1:\x1F\x8B");
    ITEMS(FANI_UNIT_TOKEN, 0, "\x1F\x8B 7", "1:1:\x1F\x8B|1:4:7");
    ITEMS(FANI_UNIT_TOKEN, 0, "(\xB5 8", "1:1:(\xB5|1:4:8");
}

FAN_TEST(reader, empty_compressed_inputs_are_empty)
{
    char text[100];
    for (int i = 0; i < 2; i++) {
        unsigned char packed[100];
        size_t size = packers[i]("", 0, packed, sizeof packed);
        char a[] = "/tmp/fan_reader_XXXXXX", b[] = "/tmp/fan_reader_XXXXXX";
        make_file(a, (const char *)packed, size);
        make_file(b, "9", 1);
        read_files((const char *const[]){a, b, a}, 3, 4, text, sizeof text);
        EXPECT_STR(text, "1:1:9");
        unlink(a);
        unlink(b);
    }
}

/* Numbers 1..N packed: their count and sum as above, and how many were given before an error. */
static void read_packed(packer *pack, size_t cut_off, bool damage, const char *why)
{
    enum { N = 100000, ROOM = 1 << 20 };
    char path[] = "/tmp/fan_reader_XXXXXX", *text = malloc(ROOM);
    unsigned char *packed = malloc(ROOM);
    size_t used = 0;
    ASSERT_TRUE(text && packed);
    for (int i = 1; i <= N; i++)
        used += (size_t)snprintf(text + used, ROOM - used, "%d\n", i);
    size_t size = pack(text, used, packed, ROOM);
    if (damage)
        memset(packed + size / 2, 0xA5, 50);
    make_file(path, (const char *)packed, size - cut_off);
    fani_reader *reader;
    fan_items items = {.count = 1};
    fan_error error = {0};
    fan_status status = FAN_OK;
    uint64_t count = 0;
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, path), FAN_OK);
    while (status == FAN_OK && items.count) {
        status = fani_reader_pull(reader, 999, 7777, true, &items, &error);
        if (status == FAN_OK)
            count += items.count;
        fani_reader_forget(reader, count);
    }
    EXPECT_I64(status, why ? FAN_E_INPUT : FAN_OK);
    if (why) {
        EXPECT_STR(error.file, path);
        EXPECT_CONTAINS(error.text, path);
        EXPECT_CONTAINS(error.text, why);
        EXPECT_TRUE(count <= N);
        EXPECT_TRUE(!fani_reader_ended(reader));
    } else {
        EXPECT_U64(count, N);
    }
    fani_reader_free(reader);
    unlink(path);
    free(text);
    free(packed);
}

FAN_TEST(reader, compressed_files_of_many_chunks)
{
    for (int i = 0; i < 2; i++) {
        read_packed(packers[i], 0, false, NULL);
        read_packed(packers[i], 100, false, "ends too early");
        read_packed(packers[i], 1, false, "ends too early");
        read_packed(packers[i], 0, true, "can't be read: ");
    }
}

FAN_TEST(reader, what_follows_compressed_data_is_told)
{
    unsigned char packed[200];
    char a[] = "/tmp/fan_reader_XXXXXX";
    fani_reader *reader;
    fan_items items;
    fan_error error = {0};
    size_t size = pack_gzip("1 2\n", 4, packed, sizeof packed);
    memcpy(packed + size, "3 4\n", 4);
    make_file(a, (const char *)packed, size + 4);
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, a), FAN_OK);
    ASSERT_I64(fani_reader_pull(reader, 10, 100, true, &items, &error), FAN_OK);
    EXPECT_U64(items.count, 2);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, true, &items, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "other bytes follow");
    fani_reader_free(reader);
    unlink(a);
}

FAN_TEST(reader, a_slow_compressed_pipe_gives_what_is_there)
{
    int pair[2];
    unsigned char packed[2][100];
    fani_reader *reader;
    fan_items items;
    size_t sizes[2] = {pack_zstd("1 2\n", 4, packed[0], 100), pack_zstd("3\n", 2, packed[1], 100)};
    ASSERT_I64(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ASSERT_I64(fani_reader_new(&(fani_reader_options){0}, &reader), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, pair[0], "socket"), FAN_OK);
    ASSERT_I64(send(pair[1], packed[0], 2, 0), 2);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 0);
    ASSERT_I64(send(pair[1], packed[0] + 2, sizes[0] - 2, 0), (long long)sizes[0] - 2);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, false, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 2);
    EXPECT_TRUE(!fani_reader_ended(reader));
    ASSERT_I64(send(pair[1], packed[1], sizes[1], 0), (long long)sizes[1]);
    ASSERT_I64(close(pair[1]), 0);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, true, &items, NULL), FAN_OK);
    EXPECT_U64(items.count, 1);
    fani_reader_free(reader);
    ASSERT_I64(close(pair[0]), 0);
}
