/* The stage layer where what it reads from fails: servers that stall, reset, lie and err, a file
 * that shrinks while it is read, a FIFO that never ends. The program is stage/copy.c. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../unit/http_server.h"
#include "victims.h"

enum { FILES = 4, ITEMS = 2, PATH = 512, LARGE = 200000 };

/* Sizes of the files of a list; the second one is the server's that misbehaves. */
static const size_t sizes[FILES] = {3000, LARGE, 5000, 1000};

static const char *path_of(const char *sub, const char *name, char path[static PATH])
{
    snprintf(path, PATH, "%s/%s/%s", folder(), sub, name);
    return path;
}

/* Whether a shard is made of these files, as the server has them. */
static bool shard_is(int shard, const size_t *parts, int count)
{
    char name[16], path[PATH];
    snprintf(name, sizeof name, "%05d", shard);
    FILE *file = fopen(path_of("out", name, path), "re");
    bool same = file != NULL;
    for (int p = 0; same && p < count; p++)
        for (size_t i = 0; same && i < parts[p]; i++)
            same = getc(file) == (int)(i % 251);
    same = same && getc(file) == EOF;
    if (file)
        fclose(file);
    return same;
}

static bool is_there(const char *name)
{
    char path[PATH];
    return access(path_of("out", name, path), F_OK) == 0;
}

static void write_list(const http_server *server, const char *way, bool with_size)
{
    char text[600];
    int used = 0;
    for (int i = 0; i < FILES; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "http://127.0.0.1:%d/%s/%zu",
                         http_port(server), i == 1 ? way : "plain", sizes[i]);
        used += with_size && i == 1
                    ? snprintf(text + used, sizeof text - (size_t)used, "\t%zu\n", sizes[i])
                    : snprintf(text + used, sizeof text - (size_t)used, "\n");
    }
    write_text(in_folder("urls.list"), text);
}

/* `least`: requests for the second file that show that the fault was met. `said`: NULL where all
 * comes in the end, else why the second file can't be had; the others are there. */
static void serve_badly(const char *way, http_way number, bool with_size, unsigned least,
                        const char *said)
{
    static ran r;
    const size_t without[] = {sizes[0], sizes[2], sizes[3]};
    char arguments[64];
    http_server *server = http_start();
    ASSERT_TRUE(server);
    tidy();
    write_list(server, way, with_size);
    snprintf(arguments, sizeof arguments, "@/urls.list @/out plain %d", ITEMS);
    run(&(setting){.program = FAULT_COPY, .fault = {.no_sync = true}}, arguments, &r);
    SHIM_CHECK(http_requests(server, number) >= least, (void)0, "%s: %u requests", way,
               http_requests(server, number));
    EXPECT_TRUE(expect_sane(&r, way));
    SHIM_CHECK(r.code == (said ? 1 : 0), (void)0, "%s: code %d: %.300s", way, r.code, r.err);
    EXPECT_CONTAINS(r.err, said ? said : "");
    EXPECT_TRUE(is_there("LIST"));
    bool right = said ? shard_is(0, without, 2) && shard_is(1, without + 2, 1)
                      : shard_is(0, sizes, 2) && shard_is(1, sizes + 2, 2);
    SHIM_CHECK(right, (void)0, "%s: a shard is wrong", way);
    tidy();
    http_stop(server);
}

FAN_TEST(staging_sources, a_server_that_stalls)
{
    serve_badly("stall", HTTP_stall, false, 2, NULL);
    serve_badly("hang", HTTP_hang, false, 4, "nothing comes any more");
}

FAN_TEST(staging_sources, a_server_that_resets_or_ends_the_connection)
{
    serve_badly("reset", HTTP_reset, false, 2, NULL);
    serve_badly("cut", HTTP_cut, false, 2, NULL);
}

FAN_TEST(staging_sources, a_server_that_lies_about_the_length)
{
    serve_badly("liar", HTTP_liar, false, 4, "can't be fetched");
    serve_badly("modest", HTTP_modest, true, 1, "has 199900 bytes, not the 200000");
}

FAN_TEST(staging_sources, a_server_that_errs_twice_or_always)
{
    serve_badly("twice500", HTTP_twice500, false, 3, NULL);
    serve_badly("always503", HTTP_always503, false, 4, "the server answers 503");
}

/* ---- Files -------------------------------------------------------------------------------------
 */

static void write_pattern(const char *path, size_t size)
{
    FILE *file = fopen(path, "we");
    ASSERT_TRUE(file);
    for (size_t i = 0; i < size; i++)
        putc((int)(i % 251), file);
    EXPECT_I64(fclose(file), 0);
}

static void make_inputs(void)
{
    char name[16], path[PATH];
    tidy();
    EXPECT_I64(mkdir(in_folder("in"), 0700), 0);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        write_pattern(path_of("in", name, path), sizes[i]);
    }
}

/* Stopped behind its first read of the file, which is then cut. */
FAN_TEST(staging_sources, a_file_that_shrinks_while_it_is_read)
{
    static ran r;
    const size_t without[] = {sizes[0], sizes[2], sizes[3]};
    char path[PATH], arguments[64];
    make_inputs();
    const setting how = {
        .program = FAULT_COPY,
        .fault = {.call = "read", .what = "stop-after", .path = path_of("in", "1", path), .at = 1}};
    snprintf(arguments, sizeof arguments, "@/in @/out plain %d", ITEMS);
    pid_t pid = start(&how, arguments);
    bool stopped = wait_stopped(pid);
    EXPECT_TRUE(stopped && truncate(path, LARGE / 2) == 0);
    EXPECT_I64(kill(pid, SIGCONT), 0);
    finish(pid, &r);
    EXPECT_U64(r.fired, 1);
    EXPECT_TRUE(expect_sane(&r, "a file that shrinks"));
    EXPECT_I64(r.code, 1);
    EXPECT_CONTAINS(r.err, "became shorter while it was read: 100000 of 200000 bytes");
    EXPECT_TRUE(is_there("LIST") && shard_is(0, without, 2) && shard_is(1, without + 2, 1));
    tidy();
}

/* Waits up to 2 minutes until what was written to a pipe was read. */
static bool wait_read(int fd)
{
    int left = -1;
    for (int i = 0; i < 120000 && (ioctl(fd, FIONREAD, &left) != 0 || left); i++)
        usleep(1000);
    return left == 0;
}

/* It has read what there was, and can be told not to wait for more; what was not whole is not
 * there.
 */
FAN_TEST(staging_sources, a_fifo_that_never_ends)
{
    static ran r;
    char path[PATH], arguments[64];
    make_inputs();
    EXPECT_I64(unlink(path_of("in", "1", path)), 0);
    EXPECT_I64(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    EXPECT_TRUE(fd >= 0 && write(fd, "some", 4) == 4);
    write_text(in_folder("in.list"), "in/0\nin/1\nin/2\nin/3\n");
    snprintf(arguments, sizeof arguments, "@/in.list @/out plain %d @/stop", ITEMS);
    pid_t pid = start(&(setting){.program = FAULT_COPY, .fault = {.no_sync = true}}, arguments);
    EXPECT_TRUE(wait_read(fd) && !has_ended(pid));
    write_text(in_folder("stop"), "");
    finish(pid, &r);
    EXPECT_TRUE(expect_sane(&r, "a FIFO"));
    EXPECT_I64(r.code, 3);
    EXPECT_CONTAINS(r.err, "cancelled");
    EXPECT_TRUE(!is_there("LIST") && !is_there("00000") && !is_there("00001"));
    close(fd);
    tidy();
}
