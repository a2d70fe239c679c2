/* Each call on files of a run with a journal fails, or is its last one: the run says so or does not
 * mind, what was written stays, and --resume comes to the right end. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "kept.h"

static const char old_text[] = "an older file\n";

static const char *words_of(const char *what)
{
    return !strcmp(what, "ENOSPC")   ? "No space left on device"
           : !strcmp(what, "EDQUOT") ? "Disk quota exceeded"
                                     : "Input/output error";
}

/* ---- Where a run begins ------------------------------------------------------------------------
 */

enum { AT_THE_BEGINNING, IN_THE_MIDDLE, BEGINNINGS };

/* An older output is there at the beginning; in the middle, what the killed run has left. */
static void begin(int where)
{
    kept_clear();
    if (where == IN_THE_MIDDLE)
        kept_copy("then", "target");
    else
        write_text(in_folder("target"), old_text);
}

/* Files that stay where nobody could remove them: they are in nobody's way. */
static void remove_temporary(void)
{
    kept_remove(".fanfold-");
    kept_remove(".lock.new-");
}

static bool old_or_new(int where)
{
    char text[TEXT];
    if (!read_text(in_folder("target"), text))
        return where == IN_THE_MIDDLE;
    return kept_same("target", "plain") || (where == AT_THE_BEGINNING && !strcmp(text, old_text));
}

/* ---- Failing -----------------------------------------------------------------------------------
 */

typedef struct trial {
    const kept_job *job;
    int where;
    const char *call, *what;
    bool onward, named;
} trial;

/* The folder was opened, or a file without a name in it, instead of which one with a name does. */
static bool of_the_folder(const trial *t, const ran *r)
{
    const char *name = r->fired_path + strlen(folder());
    return !strcmp(t->call, "open") && (!*name || !strcmp(name, "/.") || !strcmp(name, "/"));
}

/* While a lock is taken over, whoever can't read it looks again. */
static bool looks_again(const trial *t, const ran *r)
{
    return t->where && !strcmp(t->call, "open") && strstr(r->fired_path, ".journal.lock");
}

/* Calls after which a run may well go on: of the folder, and of what was only read, as a part is
 * once it was synced and the output is made of it. */
static bool may_pass(const trial *t, const ran *r)
{
    return !strcmp(t->what, "EINTR") || !strcmp(t->what, "short") || of_the_folder(t, r) ||
           strstr(r->fired_path, ".lock.new-") || looks_again(t, r) ||
           (!strcmp(t->call, "close") &&
            (strstr(t->job->words, "--compress") || strcmp(r->fired_path, kept_part()) != 0));
}

/* One run in which the k-th call fails, and one that goes on. False: there is no such call, or
 * (reported) something is wrong. */
static bool fail_at(const trial *t, unsigned long k)
{
    static ran r;
    char label[200];
    setting how = kept_setting("serial");
    how.fault = (fault){.call = t->call,
                        .what = t->what,
                        .path = folder(),
                        .who = "root",
                        .at = k,
                        .onward = t->onward,
                        .no_sync = true,
                        .no_nameless = t->named};
    begin(t->where);
    run(&how, kept_line(t->job, "serial", "--resume"), &r);
    snprintf(label, sizeof label, "%s of %s %lu%s%s%s, on %.60s", t->what, t->call, k,
             t->onward ? " and on" : "", t->where ? ", resumed" : "", t->named ? ", named" : "",
             r.fired_path + (r.fired ? strlen(folder()) : 0));
    if (!expect_sane(&r, label))
        return false;
    if (!r.fired || r.code == t->job->code) {
        SHIM_CHECK(!r.fired || may_pass(t, &r), return false, "%s: nothing came of it", label);
        if (!strcmp(t->call, "unlink")) { /* what could not be removed stays */
            remove_temporary();
            kept_remove("target.waiting");
        }
        return kept_expect_right(t->job, &r, label) && r.fired;
    }
    SHIM_CHECK(r.code == 3 && strstr(r.err, words_of(t->what)) && strstr(r.err, "/target") &&
                   strcmp(t->what, "EINTR") != 0 && strcmp(t->what, "short") != 0,
               return false, "%s: code %d: %.300s", label, r.code, r.err);
    SHIM_CHECK(old_or_new(t->where), return false, "%s: the target is broken", label);
    return kept_expect_resumes(t->job, "serial", label);
}

static const char *const calls[] = {"write", "fsync", "fdatasync", "close",    "rename",
                                    "link",  "open",  "unlink",    "ftruncate"};
static const char *const whats[] = {"ENOSPC", "EIO", "EDQUOT", "EINTR", "short"};
enum { CALLS = sizeof calls / sizeof *calls, WHATS = sizeof whats / sizeof *whats };

/* Every step-th call fails, one way after the other; `all`: each in every way, once and from there
 * on. */
static void fail_everywhere(const kept_job *job, int where, bool named, unsigned step, bool all)
{
    unsigned way = 0;
    for (size_t c = 0; c < CALLS; c++) {
        unsigned long met = 0;
        for (unsigned w = 0; w < (all ? 2 * WHATS : 1) && !shim_failed(); w++) {
            unsigned long k = 1;
            bool there = true;
            for (; there && k < 200; k += step) {
                unsigned now = all ? w : way++ % (2 * WHATS);
                trial t = {.job = job,
                           .where = where,
                           .call = calls[c],
                           .what = whats[now % WHATS],
                           .onward = now >= WHATS,
                           .named = named};
                if (!strcmp(t.what, "short") && strcmp(t.call, "write") != 0)
                    t.what = "EIO";
                if (!strcmp(t.what, "EINTR")) /* for ever is no interruption */
                    t.onward = false;
                if (!strcmp(t.what, "EINTR") && (c == 6 || c == 7 || c == 8))
                    t.what = "EIO"; /* these never are interrupted */
                there = fail_at(&t, k);
            }
            met = k - step;
        }
        SHIM_CHECK(met > 1 || !strcmp(calls[c], "ftruncate") || shim_failed(), return,
                   "no %s was met", calls[c]);
    }
}

static bool small_job(kept_job *job)
{
    return kept_factor(job, 12, 2);
}

FAN_TEST(calls, each_fails_in_some_way)
{
    kept_job job;
    if (small_job(&job))
        fail_everywhere(&job, AT_THE_BEGINNING, false, 2, false);
    tidy();
}

FAN_TEST(calls, each_fails_in_some_way_in_a_run_that_goes_on)
{
    kept_job job;
    if (kept_factor(&job, 8000, 5) && kept_killed(&job, 60))
        fail_everywhere(&job, IN_THE_MIDDLE, true, 6, false);
    tidy();
}

/* Its output is made of the part when all is there, by more calls than others. */
FAN_TEST(calls, each_fails_in_some_way_where_the_output_is_compressed)
{
    kept_job job;
    if (kept_factor_packed(&job, 12, 2))
        fail_everywhere(&job, AT_THE_BEGINNING, true, 7, false);
    tidy();
}

FAN_TEST(calls, long_each_fails_in_every_way_where_the_output_is_compressed)
{
    kept_job job;
    if (!kept_factor_packed(&job, 12, 2))
        return;
    fail_everywhere(&job, AT_THE_BEGINNING, false, 1, true);
    if (kept_factor_packed(&job, 8000, 5) && kept_killed(&job, 85))
        fail_everywhere(&job, IN_THE_MIDDLE, true, 2, false);
    tidy();
}

FAN_TEST(calls, long_each_fails_in_every_way)
{
    kept_job job;
    if (!small_job(&job))
        return;
    fail_everywhere(&job, AT_THE_BEGINNING, false, 1, true);
    fail_everywhere(&job, AT_THE_BEGINNING, true, 1, true);
    if (kept_factor(&job, 20000, 5) && kept_killed(&job, 85))
        fail_everywhere(&job, IN_THE_MIDDLE, false, 1, true);
    tidy();
}

/* A disk that fills up while the run is at work: what was written stays. */
FAN_TEST(calls, a_disk_that_fills_up_keeps_what_was_written)
{
    static const char *const errors[] = {"ENOSPC", "EDQUOT"};
    static ran r;
    kept_job job;
    if (!kept_factor(&job, 20000, 5))
        return;
    for (size_t w = 0; w < 2 && !shim_failed(); w++) {
        setting how = kept_setting("threads");
        how.fault.call = "write";
        how.fault.what = errors[w];
        how.fault.path = kept_part();
        how.fault.who = "root";
        how.fault.at = 3;
        how.fault.onward = true;
        kept_clear();
        run(&how, kept_line(&job, "threads", ""), &r);
        EXPECT_TRUE(r.fired > 0 && expect_sane(&r, errors[w]));
        EXPECT_I64(r.code, 3);
        EXPECT_CONTAINS(r.err, words_of(errors[w]));
        EXPECT_CONTAINS(r.err, "resume with:\n");
        uint64_t kept = kept_written();
        EXPECT_TRUE(kept > 0);
        run(&(setting){0}, "results @/target", &r);
        EXPECT_I64(r.code, 75);
        EXPECT_TRUE(kept_written() == kept);
        kept_expect_resumes(&job, "processes", errors[w]);
    }
    tidy();
}

static uint64_t inode_of(const char *name)
{
    struct stat info;
    return stat(in_folder(name), &info) == 0 ? (uint64_t)info.st_ino : 0;
}

/* ---- Killed ------------------------------------------------------------------------------------
 */

/* Killed at the k-th call: the old file, or the new one, and never a part of one. */
static bool kill_at(const kept_job *job, int where, const char *what, bool named, unsigned long k)
{
    static ran r;
    char label[200];
    setting how = kept_setting("serial");
    how.fault = (fault){.call = KEPT_CALLS,
                        .what = what,
                        .path = folder(),
                        .who = "root",
                        .at = k,
                        .no_sync = true,
                        .no_nameless = named};
    begin(where);
    run(&how, kept_line(job, "serial", "--resume"), &r);
    snprintf(label, sizeof label, "%s call %lu%s%s, on %.60s", what, k, where ? ", resumed" : "",
             named ? ", named" : "", r.fired_path + (r.fired ? strlen(folder()) : 0));
    if (!r.fired) {
        kept_expect_right(job, &r, label);
        return false;
    }
    SHIM_CHECK(r.code == 128 + SIGKILL && !r.late && !r.survivors, return false,
               "%s: code %d, %u survivors", label, r.code, r.survivors);
    SHIM_CHECK(old_or_new(where), return false, "%s: the target is broken", label);
    /* A temporary file may have had its name already, from the start where it can't be without one;
     * it is in nobody's way. */
    unsigned left = entries(".fanfold") + entries("target.journal.lock.new-");
    SHIM_CHECK(left <= 1, return false, "%s: %u temporary files", label, left);
    if (left)
        remove_temporary();
    return kept_expect_resumes(job, "serial", label);
}

static void kill_everywhere(const kept_job *job, int where, bool named, unsigned long step,
                            const char *what)
{
    moments m = moments_new();
    unsigned long k = 1 + moments_below(&m, step);
    while (kill_at(job, where, what, named, k))
        k += step;
    SHIM_CHECK(k > 10, (void)0, "only %lu calls were met", k);
}

FAN_TEST(calls, killed_at_some)
{
    kept_job job;
    if (!small_job(&job))
        return;
    kill_everywhere(&job, AT_THE_BEGINNING, false, 8, "kill-before");
    kill_everywhere(&job, AT_THE_BEGINNING, true, 8, "kill-after");
    if (kept_factor(&job, 8000, 5) && kept_killed(&job, 60))
        kill_everywhere(&job, IN_THE_MIDDLE, true, 9, "kill-before");
    tidy();
}

FAN_TEST(calls, killed_at_some_where_the_output_is_compressed)
{
    kept_job job;
    if (kept_factor_packed(&job, 12, 2)) {
        kill_everywhere(&job, AT_THE_BEGINNING, false, 13, "kill-before");
        kill_everywhere(&job, AT_THE_BEGINNING, true, 13, "kill-after");
    }
    tidy();
}

FAN_TEST(calls, long_killed_at_each_where_the_output_is_compressed)
{
    kept_job job;
    if (kept_factor_packed(&job, 12, 2)) {
        kill_everywhere(&job, AT_THE_BEGINNING, true, 1, "kill-before");
        kill_everywhere(&job, AT_THE_BEGINNING, false, 1, "kill-after");
    }
    if (kept_factor_packed(&job, 20000, 5) && kept_killed(&job, 85))
        kill_everywhere(&job, IN_THE_MIDDLE, true, 1, "kill-after");
    tidy();
}

FAN_TEST(calls, long_killed_at_each)
{
    static const char *const sides[] = {"kill-before", "kill-after"};
    kept_job job;
    for (int way = 0; way < 4; way++) {
        if (!small_job(&job))
            return;
        kill_everywhere(&job, AT_THE_BEGINNING, way & 1, 1, sides[way >> 1]);
        if (kept_factor(&job, 20000, 5) && kept_killed(&job, 85))
            kill_everywhere(&job, IN_THE_MIDDLE, way & 1, 1, sides[way >> 1]);
    }
    tidy();
}

/* Killed just before the output takes its place, or just behind that. A run that does not know of
 * the one before must not throw away what that one has done; once the output is in its place, it is
 * complete, whatever else could not be said any more. */
static void killed_around_publishing(const kept_job *job, const char *what)
{
    static ran r;
    bool before = !strcmp(what, "kill-before"), at = false;
    char in_place[128];
    setting how = kept_setting("serial"), usual = how;
    snprintf(in_place, sizeof in_place, "%s", in_folder("target"));
    for (unsigned long k = 1; !at && k < 10; k++) {
        how.fault = (fault){.call = "rename",
                            .what = what,
                            .path = in_place,
                            .who = "root",
                            .at = k,
                            .no_sync = true};
        kept_clear();
        remove_temporary();
        run(&how, kept_line(job, "serial", ""), &r);
        at = r.fired && !strcmp(r.fired_path, in_place);
    }
    ASSERT_TRUE(at);
    run(&(setting){0}, "results --format ndjson @/target", &r);
    EXPECT_I64(r.code, before ? 75 : 1);
    EXPECT_CONTAINS(r.out, before ? "\"finished\":false" : "\"finished\":true");
    if (before) {
        run(&usual, kept_line(job, "serial", ""), &r);
        EXPECT_I64(r.code, 2);
        EXPECT_CONTAINS(r.err, "--resume goes on with it");
    }
    uint64_t inode = inode_of(before ? "target.part" : "target");
    EXPECT_TRUE(kept_expect_resumes(job, "serial", what));
    EXPECT_U64(inode_of("target"), inode);
}

FAN_TEST(calls, killed_around_publishing)
{
    kept_job job;
    if (!kept_factor(&job, 2000, 5))
        return;
    killed_around_publishing(&job, "kill-before");
    killed_around_publishing(&job, "kill-after");
    tidy();
}

/* So many failures that the journal is replaced by what counts of it. */
FAN_TEST(calls, long_killed_at_each_while_the_journal_is_replaced)
{
    kept_job job;
    if (!kept_factor(&job, 6000, 2000))
        return;
    kill_everywhere(&job, AT_THE_BEGINNING, false, 1, "kill-before");
    kill_everywhere(&job, AT_THE_BEGINNING, false, 1, "kill-after");
    tidy();
}
