/* Readers that give every n-th entry: together they give what one reader gives, each at its place.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/shim.h"
#include "stage/reader.h"

enum { FILE_BYTES = 150000, ENTRIES_MAX = 40000, SHOWN = 64, SOCKET_BYTES = 600 };

/* What was read: each entry as "file:line:column!flaw:text". */
typedef struct entries {
    char (*at)[SHOWN];
    size_t count;
} entries;

typedef struct scene {
    char paths[2][64];
    char socket_text[SOCKET_BYTES];
    fani_unit unit;
    size_t max_items, max_bytes;
    size_t packet; /* bytes that a read of the socket brings */
} scene;

static uint64_t state;

static unsigned draw(unsigned below)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(state >> 33) % below;
}

/* Numbers, some too long, some none, with blanks, empty lines and line ends of both kinds. */
static size_t make_text(char *text, size_t size)
{
    static const char *const between[] = {" ",     "\n", "\r\n", "\t ",   "\n\n",
                                          " \r\n", "\n", " ",    "\n \n", "\r\n\r\n"};
    size_t used = 0;
    if (draw(2))
        used += (size_t)snprintf(text, size, "\xEF\xBB\xBF");
    while (used + 64 < size) {
        unsigned digits = draw(20) ? 1 + draw(12) : draw(40);
        for (unsigned i = 0; i < digits; i++)
            text[used++] = (char)(draw(50) ? '0' + (int)draw(10) : 'x');
        used += (size_t)snprintf(text + used, size - used, "%s", between[draw(10)]);
    }
    if (draw(2))
        used--; /* no last line end, or half of one */
    return used;
}

static void make_files(scene *s)
{
    static char text[FILE_BYTES];
    for (int i = 0; i < 2; i++) {
        snprintf(s->paths[i], sizeof s->paths[i], "/tmp/fan-step-%d-XXXXXX", i);
        int fd = mkstemp(s->paths[i]);
        ASSERT_TRUE(fd >= 0);
        size_t size = make_text(text, i ? 3000 : sizeof text);
        EXPECT_I64(write(fd, text, size), (long long)size);
        EXPECT_I64(close(fd), 0);
    }
    memset(s->socket_text, 0, sizeof s->socket_text);
    make_text(s->socket_text, sizeof s->socket_text);
}

static void keep(entries *to, const fani_reader *reader, const fan_items *items, size_t i)
{
    size_t size;
    const unsigned char *bytes = fan_items_at(items, i, &size);
    fani_place place = fani_reader_place(reader, items->first + i);
    fan_error error = {0};
    fani_reader_explain(reader, place, 0, "", &error);
    ASSERT_TRUE(to->count < ENTRIES_MAX);
    snprintf(to->at[to->count++], SHOWN, "%.20s:%u:%u!%u:%.*s", error.file, error.line,
             error.column, place.flaw, (int)(size < 30 ? size : 30), (const char *)bytes);
}

/* Sends the socket's text in packets: each is one read. */
static void feed(const scene *s, int fd)
{
    size_t size = strlen(s->socket_text);
    for (size_t at = 0; at < size; at += s->packet) {
        size_t n = size - at < s->packet ? size - at : s->packet;
        ASSERT_I64(send(fd, s->socket_text + at, n, 0), (long long)n);
    }
    ASSERT_I64(close(fd), 0);
}

static void add_inputs(const scene *s, fani_reader *reader, int socket)
{
    ASSERT_I64(fani_reader_add_text(reader, " 12 13 "), FAN_OK);
    ASSERT_I64(fani_reader_add_text_of(reader, "1234567890123", "a job", 3, 9), FAN_OK);
    ASSERT_I64(fani_reader_add_text_of(reader, "77", "a job", 4, 1), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, s->paths[0]), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, "/nowhere/at/all"), FAN_OK);
    ASSERT_I64(fani_reader_add_fd(reader, socket, "socket"), FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, s->paths[1]), FAN_OK);
    ASSERT_I64(fani_reader_add_text(reader, "5"), FAN_OK);
}

static void read_every(const scene *s, uint64_t first, uint64_t step, entries *to)
{
    fani_reader_options options = {.unit = s->unit, .token_max = 12, .first = first, .step = step};
    fani_reader *reader;
    int pair[2];
    to->count = 0;
    ASSERT_I64(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    ASSERT_I64(fani_reader_new(&options, &reader), FAN_OK);
    feed(s, pair[1]);
    add_inputs(s, reader, pair[0]);
    for (fan_items items = {.count = 1}; items.count && !shim_failed();) {
        ASSERT_I64(fani_reader_pull(reader, s->max_items, s->max_bytes, true, &items, NULL),
                   FAN_OK);
        EXPECT_U64(items.count ? items.first : to->count, to->count);
        for (size_t i = 0; i < items.count && !shim_failed(); i++)
            keep(to, reader, &items, i);
        fani_reader_forget(reader, items.first + items.count);
    }
    EXPECT_TRUE(fani_reader_ended(reader));
    fani_reader_free(reader);
    ASSERT_I64(close(pair[0]), 0);
}

static void compare_shards(const scene *s, const entries *whole, entries *part, uint64_t step)
{
    for (uint64_t first = 0; first < step && !shim_failed(); first++) {
        read_every(s, first, step, part);
        EXPECT_U64(part->count, (whole->count + step - 1 - first) / step);
        for (size_t i = 0; i < part->count && !shim_failed(); i++)
            EXPECT_STR(part->at[i], whole->at[first + i * step]);
    }
}

static void compare_all(scene *s)
{
    static const uint64_t steps[] = {1, 2, 3, 7};
    static char of_whole[ENTRIES_MAX][SHOWN], of_part[ENTRIES_MAX][SHOWN];
    entries whole = {.at = of_whole}, part = {.at = of_part};
    scene once = *s;
    once.max_items = SIZE_MAX;
    once.max_bytes = SIZE_MAX;
    once.packet = SOCKET_BYTES;
    read_every(&once, 0, 0, &whole);
    EXPECT_TRUE(whole.count > 8000);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !shim_failed(); i++)
        compare_shards(s, &whole, &part, steps[i]);
}

static void try_scene(fani_unit unit, size_t max_items, size_t max_bytes, size_t packet)
{
    scene s = {.unit = unit, .max_items = max_items, .max_bytes = max_bytes, .packet = packet};
    state = 4711 + max_items + packet;
    make_files(&s);
    if (!shim_failed())
        compare_all(&s);
    unlink(s.paths[0]);
    unlink(s.paths[1]);
}

FAN_TEST(reader_step, shards_of_tokens_are_the_whole)
{
    try_scene(FANI_UNIT_TOKEN, SIZE_MAX, SIZE_MAX, 7);
    try_scene(FANI_UNIT_TOKEN, 5, SIZE_MAX, 30);
    try_scene(FANI_UNIT_TOKEN, SIZE_MAX, 100, 64);
}

FAN_TEST(reader_step, shards_of_lines_are_the_whole)
{
    try_scene(FANI_UNIT_LINE, SIZE_MAX, SIZE_MAX, 7);
    try_scene(FANI_UNIT_LINE, 3, SIZE_MAX, 30);
}

/* Blanks, ends and the two halves of a line end fall between any two reads. */
FAN_TEST(reader_step, cut_everywhere)
{
    static const char text[] = "\xEF\xBB\xBF 1 22\r\n\n333 4\t\r\n5 66 \n 7\r\n8";
    static const char *const tokens[] = {"1:2:1 3:1:333 4:1:5 5:2:7 ",
                                         "1:4:22 3:5:4 4:3:66 6:1:8 "};
    for (size_t cut = 1; cut < sizeof text - 1 && !shim_failed(); cut++)
        for (uint64_t first = 0; first < 2; first++) {
            char got[200] = "";
            size_t used = 0;
            int pair[2];
            fan_items items = {.count = 1};
            fani_reader *reader;
            ASSERT_I64(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
            ASSERT_I64(send(pair[1], text, cut, 0), (long long)cut);
            ASSERT_I64(send(pair[1], text + cut, sizeof text - 1 - cut, 0),
                       (long long)(sizeof text - 1 - cut));
            ASSERT_I64(close(pair[1]), 0);
            ASSERT_I64(fani_reader_new(&(fani_reader_options){.first = first, .step = 2}, &reader),
                       FAN_OK);
            ASSERT_I64(fani_reader_add_fd(reader, pair[0], "socket"), FAN_OK);
            while (items.count && !shim_failed()) {
                ASSERT_I64(fani_reader_pull(reader, 2, 100, true, &items, NULL), FAN_OK);
                for (size_t i = 0; i < items.count; i++) {
                    size_t n;
                    const unsigned char *bytes = fan_items_at(&items, i, &n);
                    fani_place place = fani_reader_place(reader, items.first + i);
                    used += (size_t)snprintf(got + used, sizeof got - used, "%u:%u:%.*s ",
                                             place.line, place.column, (int)n, (const char *)bytes);
                }
            }
            EXPECT_STR(got, tokens[first]);
            fani_reader_free(reader);
            ASSERT_I64(close(pair[0]), 0);
        }
}

static bool asked(void *user)
{
    ++*(unsigned *)user;
    return true;
}

FAN_TEST(reader_step, a_stop_is_seen_where_nothing_is_wanted)
{
    char path[] = "/tmp/fan-step-XXXXXX";
    unsigned times = 0;
    fan_items items;
    fani_reader *reader;
    int fd = mkstemp(path);
    ASSERT_TRUE(fd >= 0);
    for (int i = 0; i < 40; i++) {
        static char blanks[100000];
        memset(blanks, '7', sizeof blanks);
        blanks[99999] = '\n';
        EXPECT_I64(write(fd, blanks, sizeof blanks), sizeof blanks);
    }
    ASSERT_I64(close(fd), 0);
    ASSERT_I64(fani_reader_new(
                   &(fani_reader_options){
                       .first = 1000000, .step = 1000001, .stop = asked, .stop_user = &times},
                   &reader),
               FAN_OK);
    ASSERT_I64(fani_reader_add_file(reader, path), FAN_OK);
    EXPECT_I64(fani_reader_pull(reader, 10, 100, false, &items, NULL), FAN_E_CANCELLED);
    EXPECT_U64(times, 1);
    fani_reader_free(reader);
    unlink(path);
}
