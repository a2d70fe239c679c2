/* Files over http from a server that stalls, resets, lies and changes its mind. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "fanfold/stage.h"
#include "http_server.h"
#include "shim.h"

enum { HANG_MS = 120000, SIZE = 300000, STALL_MS = 300, ANY = 99 };

static fan_files *open_files(fan_files_options options)
{
    fan_files *files;
    fan_error error;
    options.backoff_ms = 1;
    options.tries = options.tries ? options.tries : 4;
    options.stall_ms = options.stall_ms ? options.stall_ms : HANG_MS; /* machines stall too */
    EXPECT_I64(fan_files_open(&options, &files, &error), FAN_OK);
    return files;
}

static void close_files(fan_files *files)
{
    EXPECT_I64(fan_files_close(files, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

static void add(fan_files *files, const http_server *server, const char *way, size_t size)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/%zu", http_port(server), way, size);
    EXPECT_I64(fan_files_add(files, url), FAN_OK);
}

static void expect_whole(const fan_file *file, size_t size)
{
    size_t wrong = 0;
    SHIM_CHECK(!file->error, return, "%s", file->error->text);
    ASSERT_U64(file->size, size);
    for (size_t i = 0; i < size; i++)
        wrong += file->bytes[i] != (unsigned char)(i % 251);
    EXPECT_U64(wrong, 0);
}

/* One file, fetched by so many requests, of which so many for a range. */
static void expect_fetched(const char *way, http_way number, size_t size, unsigned requests,
                           unsigned ranges)
{
    http_server *server = http_start();
    fan_file file;
    ASSERT_TRUE(server);
    fan_files *files =
        open_files(number == HTTP_stall ? (fan_files_options){.stall_ms = STALL_MS, .tries = 30}
                                        : (fan_files_options){0});
    add(files, server, way, size);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    expect_whole(&file, size);
    if (requests != ANY)
        EXPECT_U64(http_requests(server, number), requests);
    else
        EXPECT_TRUE(http_requests(server, number) > 1);
    if (ranges != ANY)
        EXPECT_U64(http_ranges(server, number), ranges);
    EXPECT_I64(fan_files_next(files, FAN_NOW, &file), FAN_E_CLOSED);
    close_files(files);
    http_stop(server);
}

static void expect_failed(const char *way, http_way number, unsigned requests, const char *text)
{
    http_server *server = http_start();
    fan_file file;
    ASSERT_TRUE(server);
    fan_files *files = open_files((fan_files_options){.tries = 3});
    add(files, server, way, SIZE);
    add(files, server, "plain", 10); /* it costs no other */
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    ASSERT_TRUE(file.error);
    EXPECT_I64(file.error->status, FAN_E_INPUT);
    EXPECT_CONTAINS(file.error->text, text);
    EXPECT_CONTAINS(file.error->text, way);
    EXPECT_U64(http_requests(server, number), requests);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    expect_whole(&file, 10);
    close_files(files);
    http_stop(server);
}

FAN_TEST(stage_fetch, whole_files)
{
    expect_fetched("plain", HTTP_plain, SIZE, 1, 0);
    expect_fetched("plain", HTTP_plain, 1, 1, 0);
    expect_fetched("plain", HTTP_plain, 0, 1, 0);
    expect_fetched("slow", HTTP_slow, SIZE, 1, 0);
    expect_fetched("moved", HTTP_moved, SIZE, 1, 0);
    expect_fetched("packed", HTTP_packed, SIZE, 1, 0);
}

FAN_TEST(stage_fetch, tried_again)
{
    expect_fetched("twice500", HTTP_twice500, SIZE, 3, 0);
    expect_fetched("unknown", HTTP_unknown, SIZE, 2, 0); /* from the start */
}

FAN_TEST(stage_fetch, gone_on_with)
{
    expect_fetched("cut", HTTP_cut, SIZE, 2, 1);
    expect_fetched("dated", HTTP_dated, SIZE, 2, 1);
    expect_fetched("reset", HTTP_reset, SIZE, 2, ANY);
    expect_fetched("stall", HTTP_stall, SIZE, ANY, ANY); /* slow machines stall too */
}

FAN_TEST(stage_fetch, what_has_changed_is_fetched_anew)
{
    expect_fetched("changed", HTTP_changed, SIZE, 2, 1);
    expect_fetched("otherpart", HTTP_otherpart, SIZE, 3, 1);
    expect_fetched("norange", HTTP_norange, SIZE, 3, 1);
}

/* The same when much of them was read already. */
FAN_TEST(stage_fetch, large_files_are_gone_on_with_or_fetched_anew)
{
    enum { LARGE = 3000000 };
    expect_fetched("cut", HTTP_cut, LARGE, 2, 1);
    expect_fetched("unknown", HTTP_unknown, LARGE, 2, 0);
    expect_fetched("changed", HTTP_changed, LARGE, 2, 1);
    expect_fetched("norange", HTTP_norange, LARGE, 3, 1);
    expect_fetched("packed", HTTP_packed, LARGE, 1, 0);
}

/* A length that is too small is noticed by nobody but a manifest, and costs no other file. */
FAN_TEST(stage_fetch, a_server_that_says_less_than_it_sends)
{
    http_server *server = http_start();
    char path[] = "/tmp/fan_fetch_XXXXXX", list[256];
    fan_file file;
    int fd = mkstemp(path), port = server ? http_port(server) : 0;
    ASSERT_TRUE(server && fd >= 0);
    int size = snprintf(list, sizeof list,
                        "http://127.0.0.1:%d/modest/5000\t5000\nhttp://127.0.0.1:%d/plain/5000\n",
                        port, port);
    EXPECT_I64(write(fd, list, (size_t)size), size);
    close(fd);
    fan_files *files = open_files((fan_files_options){.ahead_files = 1});
    EXPECT_I64(fan_files_add_manifest(files, path), FAN_OK);
    ASSERT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    EXPECT_CONTAINS(file.error ? file.error->text : "", "has 4900 bytes, not the 5000");
    ASSERT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    expect_whole(&file, 5000);
    close_files(files);
    unlink(path);
    http_stop(server);
}

/* What the system keeps for a connection is much less than a file of this test. */
FAN_TEST(stage_fetch, ahead_bytes_bound_what_is_fetched_too)
{
    enum { COUNT = 4, LARGE = 16 << 20, KEPT = 12 << 20, STILL_MS = 50 };
    http_server *server = http_start();
    fan_file file;
    ASSERT_TRUE(server);
    http_keep_little(server);
    fan_files *files = open_files((fan_files_options){.ahead_bytes = 1 << 20});
    for (int i = 0; i < COUNT; i++)
        add(files, server, "plain", LARGE);
    ASSERT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    expect_whole(&file, LARGE);
    size_t before = 0; /* until nothing is sent any more */
    for (int still = 0; still < 4; still = http_sent(server) == before ? still + 1 : 0) {
        before = http_sent(server);
        usleep(STILL_MS * 1000);
    }
    EXPECT_TRUE(http_sent(server) < LARGE + (COUNT - 1) * (size_t)KEPT);
    for (int i = 1; i < COUNT; i++) {
        ASSERT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
        expect_whole(&file, LARGE);
    }
    close_files(files);
    http_stop(server);
}

/* Holds a thread of a pool until a pipe has a byte. */
static fan_status wait_for_byte(fan_call *call, void *user, fan_error *error)
{
    char byte;
    (void)call, (void)error;
    return read(*(const int *)user, &byte, 1) == 1 ? FAN_OK : FAN_E_FAILED;
}

/* One thread: the second file is asked for before the first one is again, unless that thread comes
 * to it later than the pause lasts. */
static bool second_comes_first(fan_pool *pool, uint32_t pause_ms)
{
    http_server *server = http_start();
    fan_files *files = NULL;
    fan_file file;
    int gate[2];
    const fan_files_options options = {.pool = pool, .backoff_ms = pause_ms, .stall_ms = HANG_MS};
    EXPECT_TRUE(server && pipe2(gate, O_CLOEXEC) == 0);
    EXPECT_I64(fan_files_open(&options, &files, NULL), FAN_OK);
    if (shim_failed())
        return false;
    add(files, server, "twice500", 1000);
    add(files, server, "plain", 1000);
    EXPECT_I64(fan_pool_submit(pool, wait_for_byte, &gate[0], NULL, NULL), FAN_OK);
    EXPECT_I64(fan_files_next(files, FAN_NOW, &file), FAN_E_TIMEOUT); /* both wait now */
    EXPECT_I64(write(gate[1], "", 1), 1);
    for (int i = 0; i < 2; i++) {
        EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
        expect_whole(&file, 1000);
    }
    EXPECT_U64(http_first(server, HTTP_twice500), 1);
    bool first = http_first(server, HTTP_plain) == 2;
    EXPECT_TRUE(!first || http_last(server, HTTP_twice500) == 4);
    close_files(files);
    close(gate[0]);
    close(gate[1]);
    http_stop(server);
    return first;
}

FAN_TEST(stage_fetch, a_pause_before_a_try_holds_no_thread)
{
    fan_pool *pool;
    bool first = false;
    ASSERT_I64(fan_pool_open(&(fan_pool_options){.threads = 1}, &pool, NULL), FAN_OK);
    for (uint32_t pause_ms = 50; pause_ms < 10000 && !first && !shim_failed(); pause_ms *= 2)
        first = second_comes_first(pool, pause_ms);
    EXPECT_TRUE(first);
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

/* All of them together are minutes. */
FAN_TEST(stage_fetch, a_pause_before_a_try_can_be_left)
{
    http_server *server = http_start();
    fan_files *files;
    fan_file file;
    ASSERT_TRUE(server);
    ASSERT_I64(
        fan_files_open(&(fan_files_options){.backoff_ms = 30000, .tries = 100}, &files, NULL),
        FAN_OK);
    add(files, server, "always503", 1000);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(20), &file), FAN_E_TIMEOUT);
    close_files(files);
    http_stop(server);
}

FAN_TEST(stage_fetch, what_can_t_be_fetched)
{
    expect_failed("missing", HTTP_missing, 1, "answers 404");
    expect_failed("always503", HTTP_always503, 3, "answers 503");
    expect_failed("liar", HTTP_liar, 3, "can't be fetched");
}

FAN_TEST(stage_fetch, nobody_there_and_no_server)
{
    fan_file file;
    fan_files *files = open_files((fan_files_options){.tries = 2});
    EXPECT_I64(fan_files_add(files, "http://127.0.0.1:1/x"), FAN_OK);
    EXPECT_I64(fan_files_add(files, "http://[bad/x"), FAN_OK);
    for (int i = 0; i < 2; i++) {
        EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
        EXPECT_TRUE(file.error && file.error->status == FAN_E_INPUT);
    }
    close_files(files);
}

FAN_TEST(stage_fetch, the_largest_size_counts)
{
    http_server *server = http_start();
    fan_file file;
    ASSERT_TRUE(server);
    fan_files *files = open_files((fan_files_options){.file_max = SIZE - 1});
    add(files, server, "plain", SIZE);
    add(files, server, "plain", SIZE - 1);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    EXPECT_TRUE(file.error && file.error->status == FAN_E_TOO_LARGE);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    expect_whole(&file, SIZE - 1);
    close_files(files);
    http_stop(server);
}

FAN_TEST(stage_fetch, a_server_that_hangs_can_be_left)
{
    http_server *server = http_start();
    fan_file file;
    ASSERT_TRUE(server);
    fan_files *files = open_files((fan_files_options){0});
    add(files, server, "hang", SIZE);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(20), &file), FAN_E_TIMEOUT);
    close_files(files);
    http_stop(server);
}

/* 50 ms each: the sum is 1 s. */
static bool many_are_quick(void)
{
    enum { COUNT = 20, LATE_MS = 50, AT_ONCE = 10 };
    http_server *server = http_start();
    fan_file file;
    if (!server)
        return false;
    fan_files *files = open_files((fan_files_options){.ahead_files = AT_ONCE});
    for (size_t i = 0; i < COUNT; i++)
        add(files, server, "late", 1000 + i);
    int64_t begin = fani_clock_ns();
    for (size_t i = 0; i < COUNT; i++) {
        EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
        expect_whole(&file, 1000 + i);
    }
    bool quick = fani_clock_ns() - begin < (int64_t)COUNT * LATE_MS * 1000000;
    EXPECT_TRUE(http_connections(server) <= AT_ONCE);
    close_files(files);
    http_stop(server);
    return quick;
}

/* A machine that pauses does so not each time. */
FAN_TEST(stage_fetch, many_at_the_same_time_over_few_connections)
{
    bool quick = false;
    for (int i = 0; i < 20 && !quick && !shim_failed(); i++)
        quick = many_are_quick();
    EXPECT_TRUE(quick);
}

FAN_TEST(stage_fetch, a_manifest_of_urls_is_held_to)
{
    http_server *server = http_start();
    char path[] = "/tmp/fan_fetch_XXXXXX", list[512];
    fan_file file;
    int fd = mkstemp(path), port = server ? http_port(server) : 0;
    ASSERT_TRUE(server && fd >= 0);
    fan_files *files = open_files((fan_files_options){0});
    add(files, server, "plain", 1000);
    ASSERT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
    unsigned long long hash = file.stored_hash;
    close_files(files);
    int size = snprintf(list, sizeof list,
                        "http://127.0.0.1:%d/plain/1000\t1000\t%016llx\n"
                        "http://127.0.0.1:%d/late/1000\t999\n"
                        "http://127.0.0.1:%d/slow/1000\t-\t%016llx\n",
                        port, hash, port, port, hash + 1);
    EXPECT_I64(write(fd, list, (size_t)size), size);
    close(fd);
    files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add_manifest(files, path), FAN_OK);
    static const char *const texts[] = {NULL, "has 1000 bytes, not the 999", "has the hash"};
    for (int i = 0; i < 3; i++) {
        ASSERT_I64(fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file), FAN_OK);
        if (texts[i])
            EXPECT_CONTAINS(file.error ? file.error->text : "", texts[i]);
        else
            expect_whole(&file, 1000);
    }
    close_files(files);
    unlink(path);
    http_stop(server);
}
