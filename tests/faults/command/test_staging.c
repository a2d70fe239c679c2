/* The stage layer where calls fail: files read ahead and shards written behind, by the program
 * stage/copy.c. What is there is whole and right, and what is not is said. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

enum { FILES = 6, SHARD = 2, PATH = 512 };

static const char *path_of(const char *sub, const char *name, char path[static PATH])
{
    snprintf(path, PATH, "%s/%s/%s", folder(), sub, name);
    return path;
}

/* The text of an input: longer than what is read at once. */
static void text_of(int i, char text[static 8192])
{
    size_t used = 0;
    while (used < 6000)
        used += (size_t)snprintf(text + used, 8192 - used, "line %zu of file %d\n", used, i);
}

static void begin(void)
{
    static char text[8192];
    char name[16], path[PATH];
    tidy();
    EXPECT_I64(mkdir(in_folder("in"), 0700), 0);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        text_of(i, text);
        write_text(path_of("in", name, path), text);
    }
}

static void copy(fault f, const char *packing, ran *r)
{
    char arguments[64];
    f.no_sync = true;
    snprintf(arguments, sizeof arguments, "@/in @/out %s %d", packing, SHARD);
    run(&(setting){.program = FAULT_COPY, .fault = f}, arguments, r);
}

/* Whether a shard has the texts that it should: `without` is a file that could not be read, or -1.
 */
static bool shard_is_right(int shard, int without)
{
    static char text[TEXT], expected[TEXT];
    char name[16], path[PATH], all[FILES][8192];
    int numbers[FILES], count = 0;
    for (int i = 0; i < FILES; i++) {
        text_of(i, all[i]);
        if (i != without)
            numbers[count++] = i;
    }
    expected[0] = '\0';
    for (int i = shard * SHARD; i < (shard + 1) * SHARD && i < count; i++)
        strcat(expected, all[numbers[i]]);
    snprintf(name, sizeof name, "%05d", shard);
    return read_text(path_of("out", name, path), text) && !strcmp(text, expected);
}

static bool is_there(const char *name)
{
    char path[PATH];
    return access(path_of("out", name, path), F_OK) == 0;
}

/* The number of the input that the last fault was in, or -1. */
static int input_of(const ran *r)
{
    const char *in = strstr(r->fired_path, "/in/");
    return in ? atoi(in + 4) : -1;
}

/* After any run: each shard is as it should be, or not there where the run has said so. */
static void expect_right(const ran *r, const char *label)
{
    char name[16];
    int without = r->code == 1 ? input_of(r) : -1;
    SHIM_CHECK(r->code == 0 || r->code == 1 || r->code == 3, return, "%s: code %d", label, r->code);
    SHIM_CHECK(r->code == 0 || r->err[0], return, "%s: said nothing", label);
    SHIM_CHECK(r->code != 1 || without >= 0, return, "%s: no input was at fault", label);
    /* The list may be there although its folder could not be synced; then all that it lists is. */
    bool all = is_there("LIST");
    SHIM_CHECK(all || r->code == 3, return, "%s: there is no list", label);
    for (int shard = 0; shard < FILES / SHARD; shard++) {
        snprintf(name, sizeof name, "%05d", shard);
        if (all || is_there(name))
            SHIM_CHECK(shard_is_right(shard, without), return, "%s: shard %d is wrong", label,
                       shard);
    }
}

/* Every step-th of these calls fails. */
static void fail_each(const char *call, const char *what, unsigned long step)
{
    static ran r;
    char label[128];
    unsigned long k = 1;
    for (; k < 200 && !shim_failed(); k += step) {
        begin();
        copy((fault){.call = call, .what = what, .path = folder(), .at = k}, "plain", &r);
        snprintf(label, sizeof label, "%s of %s %lu on %.60s", what, call, k, r.fired_path);
        if (!r.fired)
            break;
        if (expect_sane(&r, label))
            expect_right(&r, label);
        if (!strcmp(what, "short"))
            EXPECT_I64(r.code, 0);
    }
    SHIM_CHECK(k > 1 || shim_failed(), return, "%s is never called", call);
    tidy();
}

FAN_TEST(staging, files_that_can_t_be_read)
{
    fail_each("open", "EIO", 4);
    fail_each("read", "EIO", 3);
}

FAN_TEST(staging, reads_that_are_short)
{
    fail_each("read", "short", 1);
}

FAN_TEST(staging, a_disk_that_is_full_or_fails)
{
    fail_each("write", "ENOSPC", 1);
    fail_each("write", "short", 1);
    fail_each("fsync", "EIO", 2);
    fail_each("close", "EIO", 7);
}

/* Without memory files may be missing, and it is said. */
static void fail_memory(unsigned long step)
{
    static ran r;
    char label[64];
    unsigned long k = 1;
    for (; k < 2000 && !shim_failed(); k += step) {
        begin();
        copy((fault){.call = "alloc", .what = "ENOMEM", .at = k}, k % 2 ? "gzip" : "zstd", &r);
        snprintf(label, sizeof label, "allocation %lu", k);
        if (!r.fired)
            break;
        if (!expect_sane(&r, label))
            return;
        SHIM_CHECK(r.code == 0 || r.code == 1 || r.code == 3, return, "%s: code %d", label, r.code);
        SHIM_CHECK(r.code == 0 || r.err[0], return, "%s: said nothing", label);
        SHIM_CHECK(is_there("LIST") || r.code == 3, return, "%s: there is no list", label);
    }
    SHIM_CHECK(k > 1 || shim_failed(), return, "memory is never asked for");
    tidy();
}

FAN_TEST(staging, memory_that_is_short)
{
    fail_memory(11);
}

FAN_TEST(staging, long_every_call_fails)
{
    static const char *const calls[] = {"open",  "read", "write", "fsync",
                                        "close", "link", "rename"};
    static const char *const whats[] = {"EIO", "ENOSPC", "EDQUOT"};
    for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++)
        for (size_t w = 0; w < sizeof whats / sizeof whats[0]; w++)
            fail_each(calls[c], whats[w], 1);
    fail_memory(1);
}

FAN_TEST(staging, without_a_fault_all_is_there)
{
    static ran r;
    static const char *const packings[] = {"plain", "gzip", "zstd"};
    for (int i = 0; i < 3; i++) {
        begin();
        copy((fault){0}, packings[i], &r);
        EXPECT_I64(r.code, 0);
        EXPECT_STR(r.err, "");
        EXPECT_TRUE(is_there("LIST"));
        if (i == 0)
            expect_right(&r, "no fault");
    }
    tidy();
}
