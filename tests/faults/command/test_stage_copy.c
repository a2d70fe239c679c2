/* fanfold stage, and map with --stage-in and --stage-out, where calls fail or the command is
 * killed: what is there is whole and right, what is not is said, and a run that is gone on with
 * publishes each item's files once. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

enum { FILES = 4, ITEMS = 3, PATH = 512 };

static const char *path_of(const char *sub, const char *name, char path[static PATH])
{
    snprintf(path, PATH, "%s/%s/%s", folder(), sub, name);
    return path;
}

/* Whether a file has a text; one that is not there has none. */
static bool has(const char *sub, const char *name, const char *expected)
{
    static char text[TEXT];
    char path[PATH];
    return read_text(path_of(sub, name, path), text) && !strcmp(text, expected);
}

static bool is_there(const char *sub, const char *name)
{
    char path[PATH];
    return access(path_of(sub, name, path), F_OK) == 0;
}

/* Entries of a folder that no finished file has the name of. */
static unsigned leftovers(const char *sub)
{
    unsigned count = 0;
    DIR *entries = opendir(in_folder(sub));
    for (const struct dirent *e; entries && (e = readdir(entries));)
        count += strstr(e->d_name, "fanfold") != NULL;
    if (entries)
        (void)closedir(entries);
    return count;
}

/* ---- fanfold stage ----------------------------------------------------------------------------
 */

static void begin(void)
{
    char name[16], path[PATH], text[64];
    tidy();
    EXPECT_I64(mkdir(in_folder("in"), 0700), 0);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        snprintf(text, sizeof text, "file %d", i);
        write_text(path_of("in", name, path), text);
    }
}

static void expect_copies(const ran *r, const char *label)
{
    char name[16], text[64];
    int there = 0;
    SHIM_CHECK(r->code == 0 || r->code == 3, return, "%s: code %d", label, r->code);
    SHIM_CHECK(r->code == 0 || r->err[0], return, "%s: said nothing", label);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "in/%d", i);
        snprintf(text, sizeof text, "file %d", i);
        bool is = is_there("to", name);
        SHIM_CHECK(!is || has("to", name, text), return, "%s: %s is wrong", label, name);
        there += is;
    }
    SHIM_CHECK(there == FILES || r->code == 3, return, "%s: only %d are there", label, there);
}

/* Every step-th of these calls fails. */
static void fail_each(const char *call, const char *what, bool no_nameless, unsigned long step)
{
    static ran r;
    char label[384];
    unsigned long k = 1;
    for (; k < 300 && !shim_failed(); k += step) {
        begin();
        run(&(setting){.fault = {.call = call,
                                 .what = what,
                                 .path = folder(),
                                 .at = k,
                                 .no_nameless = no_nameless,
                                 .no_sync = true}},
            "stage -j 2 --to @/to --manifest LIST @/in", &r);
        snprintf(label, sizeof label, "%s of %s %lu on %s", what, call, k, r.fired_path);
        if (!r.fired)
            break;
        if (expect_sane(&r, label))
            expect_copies(&r, label);
        EXPECT_U64(leftovers("to") + leftovers("to/in"), 0);
    }
    SHIM_CHECK(k > 1 || shim_failed(), return, "%s is never called", call);
    tidy();
}

FAN_TEST(stage_copy, files_that_can_t_be_read)
{
    fail_each("open", "EIO", false, 5);
    fail_each("read", "EIO", false, 3);
}

FAN_TEST(stage_copy, a_disk_that_is_full_or_fails)
{
    fail_each("write", "ENOSPC", true, 1);
    fail_each("write", "short", false, 2);
    fail_each("fsync", "EIO", false, 4);
    fail_each("rename", "EIO", true, 2);
    fail_each("link", "EIO", false, 3);
}

/* Where the folder of a copy is new, its name is to be on the disk too: one of these calls is for
 * that, and its error is said. */
FAN_TEST(stage_copy, new_folders_are_synced_into_their_parents)
{
    static ran r;
    char label[384], to[PATH];
    bool parent = false, middle = false;
    for (unsigned long k = 1; k < 100 && !shim_failed(); k++) {
        begin();
        snprintf(to, sizeof to, "%s/to", folder());
        run(&(setting){.fault = {.call = "fsync",
                                 .what = "EIO",
                                 .path = folder(),
                                 .at = k,
                                 .no_sync = true}},
            "stage -j 1 --to @/to @/in", &r);
        snprintf(label, sizeof label, "fsync %lu on %s", k, r.fired_path);
        if (!r.fired)
            break;
        EXPECT_I64(r.code, 3);
        expect_copies(&r, label);
        parent |= !strcmp(r.fired_path, folder());
        middle |= !strcmp(r.fired_path, to);
    }
    EXPECT_TRUE(parent);
    EXPECT_TRUE(middle);
    tidy();
}

FAN_TEST(stage_copy, memory_that_is_short)
{
    static ran r;
    char label[64];
    unsigned long k = 1;
    for (; k < 2000 && !shim_failed(); k += 17) {
        begin();
        run(&(setting){.fault = {.call = "alloc", .what = "ENOMEM", .at = k, .no_sync = true}},
            "stage -j 2 --to @/to --manifest LIST @/in", &r);
        snprintf(label, sizeof label, "allocation %lu", k);
        if (!r.fired)
            break;
        if (!expect_sane(&r, label))
            return;
        SHIM_CHECK(r.code == 0 || r.err[0], return, "%s: said nothing", label);
        EXPECT_U64(leftovers("to") + leftovers("to/in"), 0);
        SHIM_CHECK(r.code != 0 || is_there("to", "in/3"), return, "%s: not all are there", label);
    }
    SHIM_CHECK(k > 1 || shim_failed(), return, "memory is never asked for");
    tidy();
}

/* A copy that takes its time ends at a signal, with whole files alone. */
FAN_TEST(stage_copy, a_signal_leaves_whole_files)
{
    static ran r;
    char name[16], path[PATH], in[PATH];
    begin();
    snprintf(in, sizeof in, "%s/in", folder());
    for (int i = FILES; i < 100; i++) {
        snprintf(name, sizeof name, "%d", i);
        write_text(path_of("in", name, path), "more");
    }
    pid_t pid = start(&(setting){.fault = {.call = "read",
                                           .what = "slow-after",
                                           .path = in,
                                           .at = 1,
                                           .onward = true,
                                           .no_sync = true}},
                      "stage -j 1 --to @/to @/in");
    for (int i = 0; i < 1200 && !is_there("to", "in/1"); i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    EXPECT_I64(kill(pid, SIGINT), 0);
    finish(pid, &r);
    EXPECT_TRUE(!r.late);
    EXPECT_I64(r.code, 75);
    EXPECT_TRUE(has("to", "in/0", "file 0"));
    EXPECT_TRUE(!is_there("to", "in/99"));
    EXPECT_U64(leftovers("to") + leftovers("to/in"), 0);
    tidy();
}

/* ---- map --stage-out --------------------------------------------------------------------------
 */

#define MAP                                                                                        \
    "map -j 1 --executor threads --output @/done --stage-in @/in/0 --stage-out @/res --input "     \
    "@/items "

static void begin_map(void)
{
    char items[64] = "";
    begin();
    EXPECT_I64(mkdir(in_folder("tmp"), 0700), 0);
    for (int i = 1; i <= ITEMS; i++)
        snprintf(items + strlen(items), sizeof items - strlen(items), "%d\n", i);
    write_text(in_folder("items"), items);
    write_text(in_folder("work.sh"), "cat $FANFOLD_STAGE/0 >$FANFOLD_STAGE_OUT/a\n"
                                     "echo $1 >$FANFOLD_STAGE_OUT/b\necho $1\n");
}

static void map(fault f, bool resumes, ran *r)
{
    char arguments[256], tmp[PATH];
    f.no_sync = true;
    snprintf(tmp, sizeof tmp, "%s/tmp", folder());
    snprintf(arguments, sizeof arguments, MAP "%s-- sh @/work.sh {}", resumes ? "--resume " : "");
    run(&(setting){.fault = f, .variable = "TMPDIR", .value = tmp}, arguments, r);
}

/* Whether an item's files are there and whole; false: none are. */
static bool published(int item, const char *label)
{
    char sub[16], text[16];
    snprintf(sub, sizeof sub, "res/%d", item);
    snprintf(text, sizeof text, "%d\n", item);
    if (access(in_folder(sub), F_OK) != 0)
        return false;
    SHIM_CHECK(has(sub, "a", "file 0") && has(sub, "b", text), return true, "%s: item %d is wrong",
               label, item);
    return true;
}

/* After a fault and a run that goes on: all is there, once, and nothing else. */
static void expect_gone_on(const char *label)
{
    static ran r;
    map((fault){0}, true, &r);
    SHIM_CHECK(r.code == 0, return, "%s: going on ends with %d: %s", label, r.code, r.err);
    for (int i = 1; i <= ITEMS; i++)
        SHIM_CHECK(published(i, label), return, "%s: item %d is not there", label, i);
    EXPECT_TRUE(has(".", "done", "1\n2\n3\n"));
    SHIM_CHECK(leftovers("tmp") + leftovers("res") == 0, , "%s: something is left", label);
}

/* Each step-th call of the command itself is where it is killed. */
static void kill_each(const char *call, const char *where, unsigned long step)
{
    static ran r;
    char label[384];
    unsigned long k = 1;
    for (; k < 300 && !shim_failed(); k += step) {
        begin_map();
        map((fault){.call = call, .what = where, .path = folder(), .who = "root", .at = k}, false,
            &r);
        snprintf(label, sizeof label, "%s %s %lu on %s", where, call, k, r.fired_path);
        if (!r.fired)
            break;
        for (int i = 1; i <= ITEMS; i++)
            (void)published(i, label);
        if (r.code == 137)
            expect_gone_on(label);
    }
    SHIM_CHECK(k > 1 || shim_failed(), return, "%s is never called", call);
    tidy();
}

FAN_TEST(stage_copy, killed_and_gone_on_with)
{
    kill_each("rename", "kill-before", 5);
    kill_each("rename", "kill-after", 7);
    kill_each("link", "kill-after", 9);
}

/* An item whose files can't be published has failed, and has published nothing. */
FAN_TEST(stage_copy, files_that_can_t_be_published)
{
    static ran r;
    char label[384], res[PATH];
    for (unsigned long k = 1; k < 40 && !shim_failed(); k += 2) {
        begin_map();
        snprintf(res, sizeof res, "%s/res/", folder());
        map((fault){.call = "write", .what = "ENOSPC", .path = res, .at = k, .no_nameless = true},
            false, &r);
        snprintf(label, sizeof label, "write %lu on %s", k, r.fired_path);
        if (!r.fired)
            break;
        bool all = true;
        for (int i = 1; i <= ITEMS; i++)
            all &= published(i, label);
        SHIM_CHECK(all ? r.code == 0 : r.code != 0, return, "%s: code %d", label, r.code);
        SHIM_CHECK(leftovers("res") == 0, return, "%s: something is left", label);
    }
    tidy();
}

FAN_TEST(stage_copy, long_every_call_fails)
{
    static const char *const calls[] = {"open",  "read",   "write", "fsync",
                                        "close", "rename", "link"};
    static const char *const whats[] = {"EIO", "ENOSPC"};
    for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++)
        for (size_t w = 0; w < sizeof whats / sizeof whats[0]; w++)
            fail_each(calls[c], whats[w], c % 2, 1);
    kill_each("rename", "kill-before", 1);
    kill_each("rename", "kill-after", 1);
    kill_each("link", "kill-before", 1);
    kill_each("write", "kill-after", 1);
}
