/* A file of results is complete or not there, whatever fails while it is written. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#define KEYS                                                                                       \
    FAN_TEST_SOURCE_DIR "/jobs/data/weak-a.pem " FAN_TEST_SOURCE_DIR "/jobs/data/weak-b.pem"

static const char *const jobs[] = {
    "gcd 12 18 30",
    "factor 12 1000003 91 --format ndjson",
    "divisors 28 97 --format tsv",
    "integrate x*x --over x=0:3",
    "weakkeys " KEYS,
};
enum { JOBS = sizeof jobs / sizeof *jobs };

static const char old_text[] = "an older file\n";

/* A job whose output is @/target, on one executor. */
static void with_output(const char *job, const char *executor, char text[400])
{
    snprintf(text, 400, "%s --executor %s --output @/target --no-journal", job, executor);
}

/* What it writes when nothing fails. */
static bool clean_run(const char *job, char expected[TEXT])
{
    char arguments[400];
    ran r;
    with_output(job, "serial", arguments);
    run(&(setting){0}, arguments, &r);
    bool good = r.code == 0 && read_text(in_folder("target"), expected) && expected[0];
    SHIM_CHECK(good, (void)0, "%s: code %d: %.300s", arguments, r.code, r.err);
    (void)unlink(in_folder("target"));
    return good;
}

/* The target is there as it was or as it should become; which of them, -1: neither. */
static int target_state(bool had_old, const char *expected)
{
    char text[TEXT];
    if (!read_text(in_folder("target"), text))
        return had_old ? -1 : 0;
    if (!strcmp(text, expected))
        return 1;
    return had_old && !strcmp(text, old_text) ? 0 : -1;
}

static void place_old(bool old)
{
    (void)unlink(in_folder("target"));
    if (old)
        write_text(in_folder("target"), old_text);
}

typedef struct trial {
    const char *arguments, *expected, *call, *what;
    bool old, named;
} trial;

static bool passes_over(const trial *t, const ran *r)
{
    return !strcmp(t->what, "EINTR") || !strcmp(t->what, "short") ||
           /* the folder was only read */
           (!strcmp(t->call, "close") && !strcmp(r->fired_path, folder()));
}

static const char *words_of(const char *what)
{
    return !strcmp(what, "ENOSPC")   ? "No space left on device"
           : !strcmp(what, "EDQUOT") ? "Disk quota exceeded"
                                     : "Input/output error";
}

/* One run in which the k-th call fails; false: it has no such call. */
static bool try_one(const trial *t, unsigned long k)
{
    char label[600], text[TEXT];
    ran r;
    setting how = {.fault = {.call = t->call,
                             .what = t->what,
                             .path = folder(),
                             .who = "root",
                             .at = k,
                             .no_nameless = t->named}};
    place_old(t->old);
    run(&how, t->arguments, &r);
    snprintf(label, sizeof label, "%s: %s of the %lu-th %s%s", t->arguments, t->what, k, t->call,
             t->named ? ", named" : "");
    if (!expect_sane(&r, label))
        return false;
    if (!r.fired) {
        SHIM_CHECK(r.code == 0, (void)0, "%s: did not fire; code %d", label, r.code);
        return false;
    }
    bool passes = passes_over(t, &r);
    int state = target_state(t->old, t->expected);
    SHIM_CHECK(r.code == (passes ? 0 : 3), (void)0, "%s: code %d: %.300s", label, r.code, r.err);
    bool after = !strcmp(t->call, "fsync") && !strcmp(r.fired_path, folder());
    SHIM_CHECK(state == (passes || after), (void)0, "%s: the target is %s: %s", label,
               state < 0 ? "broken"
               : state   ? "new"
                         : "old",
               (read_text(in_folder("target"), text), text));
    if (!passes)
        SHIM_CHECK(strstr(r.err, "/target") && strstr(r.err, words_of(t->what)), (void)0,
                   "%s: it said: %.300s", label, r.err);
    SHIM_CHECK(entries(".fanfold") == 0, (void)0, "%s: left a temporary file", label);
    return !shim_failed();
}

static void try_all(trial t)
{
    static const char *const calls[] = {"write", "fsync", "close", "rename", "link"};
    static const char *const whats[] = {"ENOSPC", "EIO", "EDQUOT", "EINTR", "short"};
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (size_t w = 0; w < sizeof whats / sizeof *whats; w++) {
            unsigned long k = 1;
            if (!strcmp(whats[w], "short") && c > 0)
                continue;
            if (t.named && !strcmp(calls[c], "link"))
                continue; /* it had its name from the start */
            t.call = calls[c];
            t.what = whats[w];
            t.old = (c + w) % 2;
            while (try_one(&t, k) && k < 100)
                k++;
            SHIM_CHECK(k > 1, return, "%s: no %s was met", t.arguments, t.call);
            if (shim_failed())
                return;
        }
}

static void every_call(const char *job, const char *executor, bool named)
{
    char expected[TEXT], arguments[400];
    if (!clean_run(job, expected))
        return;
    with_output(job, executor, arguments);
    try_all((trial){.arguments = arguments, .expected = expected, .named = named});
}

FAN_TEST(output, every_call_of_gcd_fails)
{
    every_call(jobs[0], "threads -j2", false);
    tidy();
}

FAN_TEST(output, every_call_of_factor_fails_with_a_named_file)
{
    every_call(jobs[1], "serial", true);
    tidy();
}

FAN_TEST(output, every_call_of_divisors_fails)
{
    every_call(jobs[2], "processes -j2", false);
    tidy();
}

FAN_TEST(output, every_call_of_integrate_fails_with_a_named_file)
{
    every_call(jobs[3], "serial", true);
    tidy();
}

FAN_TEST(output, every_call_of_weakkeys_fails)
{
    every_call(jobs[4], "serial", false);
    tidy();
}

FAN_TEST(output, long_every_call_of_every_job_fails_everywhere)
{
    static const char *const executors[] = {"serial", "threads -j2", "processes -j2"};
    for (size_t j = 0; j < JOBS; j++)
        for (size_t e = 0; e < 3; e++)
            for (int named = 0; named < 2; named++)
                every_call(jobs[j], executors[e], named);
    tidy();
}

/* Much output: many writes, and each of them may be the one that fails. */
static void much(unsigned long step)
{
    char expected[] = "",
         arguments[] =
             "factor --executor threads -j2 --input @/many --output @/target --no-journal";
    FILE *many = fopen(in_folder("many"), "we");
    ASSERT_TRUE(many != NULL);
    for (int i = 0; i < 100000; i++)
        fprintf(many, "%d\n", 1000000 + i);
    ASSERT_I64(fclose(many), 0);
    ran r;
    setting how = {.fault = {.call = "write", .path = folder(), .who = "root"}};
    run(&how, arguments, &r);
    EXPECT_I64(r.code, 0);
    unsigned long writes = r.met;
    EXPECT_TRUE(writes > 5);
    trial t = {arguments, expected, "write", "ENOSPC", .old = true};
    for (unsigned long k = 1; k <= writes && !shim_failed(); k += step)
        EXPECT_TRUE(try_one(&t, k));
}

FAN_TEST(output, writes_in_the_middle_fail)
{
    much(4);
    tidy();
}

FAN_TEST(output, long_every_write_of_many_fails)
{
    much(1);
    tidy();
}

/* ---- Killed on the way ----------------------------------------------------------------------- */

/* Killed at the k-th call of all that publish. What may stay is one named temporary file, where the
 * file has its name already and not yet its place. */
static bool kill_at(const char *arguments, const char *expected, const char *what, bool named,
                    unsigned long k)
{
    ran r;
    setting how = {.fault = {.call = "open,write,fsync,link,close,rename",
                             .what = what,
                             .path = folder(),
                             .who = "root",
                             .at = k,
                             .no_nameless = named}};
    bool old = k % 2;
    place_old(old);
    run(&how, arguments, &r);
    if (!r.fired) {
        SHIM_CHECK(r.code == 0, (void)0, "%s, not fired: code %d: %.300s", arguments, r.code,
                   r.err);
        return false;
    }
    bool whole = target_state(old, expected) >= 0;
    unsigned left = entries(".fanfold");
    bool can_stay = named || strstr(r.fired_path, "#") || strstr(r.fired_path, ".fanfold") ||
                    strstr(r.fired_path, "/target");
    SHIM_CHECK(r.code == 128 + SIGKILL && !r.late && !r.survivors, return false,
               "%s: %s %lu: code %d, %u survivors", arguments, what, k, r.code, r.survivors);
    SHIM_CHECK(whole && left <= can_stay, return false,
               "%s: %s of call %lu on %s: %s, %u temporary files", arguments, what, k, r.fired_path,
               whole ? "whole" : "broken", left);
    /* Whatever stayed is in nobody's way. */
    run(&(setting){0}, arguments, &r);
    EXPECT_I64(r.code, 0);
    EXPECT_I64(target_state(old, expected), 1);
    EXPECT_U64(entries(".fanfold"), left);
    char name[64];
    snprintf(name, sizeof name, "find %s -name '.fanfold*' -delete", folder());
    EXPECT_I64(left ? system(name) : 0, 0);
    return !shim_failed();
}

static void killed_everywhere(const char *job, const char *executor)
{
    char expected[TEXT], arguments[400];
    if (!clean_run(job, expected))
        return;
    with_output(job, executor, arguments);
    for (int way = 0; way < 4; way++) {
        unsigned long k = 1;
        while (kill_at(arguments, expected, way & 1 ? "kill-after" : "kill-before", way & 2, k))
            k++;
        EXPECT_TRUE(k > 7);
    }
}

FAN_TEST(output, killed_at_every_step_it_is_old_or_new)
{
    killed_everywhere(jobs[0], "serial");
    killed_everywhere(jobs[1], "processes -j2");
    tidy();
}

FAN_TEST(output, long_killed_at_every_step_of_every_job)
{
    for (size_t j = 0; j < JOBS; j++) {
        killed_everywhere(jobs[j], "threads -j2");
        killed_everywhere(jobs[j], "processes -j2");
    }
    tidy();
}

/* ---- Standard output ------------------------------------------------------------------------- */

static void to_stream(const char *job, int stream, const char *executor)
{
    char arguments[400], label[450];
    ran r;
    snprintf(arguments, sizeof arguments, "%s --executor %s", job, executor);
    snprintf(label, sizeof label, "%s into stream %d", arguments, stream);
    run(&(setting){.out = stream}, arguments, &r);
    expect_sane(&r, label);
    /* That nobody reads any more is no news to who ended the reader. */
    SHIM_CHECK(r.code == 3 && !strstr(r.err, "standard output") == (stream == STREAM_NOBODY),
               (void)0, "%s: code %d: %.300s", label, r.code, r.err);
}

FAN_TEST(output, a_stream_that_is_full_closed_or_unread_is_code_3)
{
    for (size_t j = 0; j < JOBS; j++) {
        to_stream(jobs[j], STREAM_FULL, "serial");
        to_stream(jobs[j], STREAM_CLOSED, "threads -j2");
        to_stream(jobs[j], STREAM_NOBODY, "processes -j2");
    }
    tidy();
}

FAN_TEST(output, writes_to_standard_output_fail)
{
    static const char *const whats[] = {"ENOSPC", "EIO", "EDQUOT", "EINTR", "short", "EAGAIN"};
    for (size_t j = 0; j < JOBS; j++) {
        ran clean, r;
        run(&(setting){0}, jobs[j], &clean);
        EXPECT_I64(clean.code, 0);
        for (size_t w = 0; w < sizeof whats / sizeof *whats; w++) {
            setting how = {.fault = {.call = "write", .what = whats[w], .who = "root", .at = 1}};
            how.fault.path = run_file("out");
            run(&how, jobs[j], &r);
            EXPECT_TRUE(expect_sane(&r, jobs[j]));
            SHIM_CHECK(r.fired == 1, (void)0, "%s: %s did not fire", jobs[j], whats[w]);
            SHIM_CHECK(r.code == (w < 3 ? 3 : 0), (void)0, "%s: %s: code %d: %.300s", jobs[j],
                       whats[w], r.code, r.err);
            if (w < 3)
                EXPECT_CONTAINS(r.err, words_of(whats[w]));
            else
                EXPECT_STR(r.out, clean.out);
        }
    }
    tidy();
}

/* ---- Hostile names --------------------------------------------------------------------------- */

/* The random part of the temporary name is known, and somebody was there first. */
FAN_TEST(output, a_link_planted_at_the_temporary_name_is_not_followed)
{
    static const char *const planted[] = {".fanfold-0000000000000000.tmp",
                                          ".fanfold-0000000000000001.tmp"};
    for (int named = 0; named < 2; named++) {
        char text[TEXT];
        ran r;
        write_text(in_folder("victim"), "dear\n");
        ASSERT_I64(symlink(in_folder("victim"), in_folder(planted[0])), 0);
        ASSERT_I64(symlink("/nowhere/at/all", in_folder(planted[1])), 0);
        setting how = {.fault = {.random_counts = true, .no_nameless = named}};
        run(&how, "gcd 12 18 --executor serial --output @/target", &r);
        EXPECT_I64(r.code, 0);
        EXPECT_CONTAINS(r.log, "fired");
        read_text(in_folder("target"), text);
        EXPECT_STR(text, "6\n");
        read_text(in_folder("victim"), text);
        EXPECT_STR(text, "dear\n");
        EXPECT_U64(entries(".fanfold"), 2);
        tidy();
    }
}

FAN_TEST(output, a_folder_in_the_targets_place)
{
    ran r;
    ASSERT_I64(mkdir(in_folder("target"), 0777), 0);
    run(&(setting){0}, "gcd 12 18 --output @/target", &r);
    EXPECT_I64(r.code, 3);
    EXPECT_CONTAINS(r.err, "Is a directory");
    EXPECT_U64(entries(".fanfold"), 0);
    tidy();
}

FAN_TEST(output, a_dangling_link_in_the_targets_place_stays)
{
    char text[TEXT];
    struct stat info;
    ran r;
    ASSERT_I64(symlink("elsewhere", in_folder("target")), 0);
    run(&(setting){0}, "gcd 12 18 --output @/target", &r);
    EXPECT_I64(r.code, 0);
    ASSERT_I64(lstat(in_folder("target"), &info), 0);
    EXPECT_TRUE(S_ISLNK(info.st_mode));
    read_text(in_folder("elsewhere"), text);
    EXPECT_STR(text, "6\n");
    ASSERT_I64(unlink(in_folder("target")), 0);
    ASSERT_I64(symlink("/nowhere/at/all", in_folder("target")), 0);
    run(&(setting){0}, "gcd 12 18 --output @/target", &r);
    EXPECT_I64(r.code, 3);
    EXPECT_CONTAINS(r.err, "No such file or directory");
    tidy();
}

FAN_TEST(output, a_fifo_in_the_targets_place_is_written)
{
    ran r;
    char text[64] = "";
    ASSERT_I64(mkfifo(in_folder("target"), 0600), 0);
    int fd = open(in_folder("target"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_TRUE(fd >= 0);
    run(&(setting){0}, "gcd 12 18 --output @/target", &r);
    EXPECT_I64(r.code, 0);
    EXPECT_I64(read(fd, text, sizeof text - 1), 2);
    EXPECT_STR(text, "6\n");
    close(fd);
    tidy();
}

/* The drawing of a comparison, in one run where it is well and two where it fails. */
FAN_TEST(output, a_timeline_follows_no_link_and_appears_whole)
{
    static const char compare[] = "compare " FAN_TEST_SOURCE_DIR "/jobs/classic-gcd.job --executors"
                                  " serial --workers 1 --repeat 1 --timeline @/target";
    static const char *const calls[] = {"fsync", "open", "none"};
    char text[TEXT];
    ran r;
    write_text(in_folder("victim"), "dear\n");
    ASSERT_I64(symlink(in_folder("victim"), in_folder("target.part")), 0);
    for (size_t c = 0; c < 3; c++) {
        bool fails = c < 2;
        setting how = {.fault = {.call = calls[c], .what = "EIO", .who = "root", .at = 1}};
        how.fault.path = folder();
        place_old(true);
        run(&how, compare, &r);
        SHIM_CHECK(r.fired == fails && r.code == (fails ? 3 : 0), (void)0,
                   "%s: %u, code %d: %.300s", calls[c], r.fired, r.code, r.err);
        read_text(in_folder("target"), text);
        EXPECT_TRUE(fails ? !strcmp(text, old_text) : strstr(text, "<svg") != NULL);
        read_text(in_folder("victim"), text);
        EXPECT_STR(text, "dear\n");
        EXPECT_U64(entries("target"), 2);
    }
    tidy();
}
