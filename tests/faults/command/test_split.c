/* An output that is a folder of files (--split), of a run whose calls fail or that is killed at
 * them: where there is a list all is there, and --resume makes it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kept.h"

enum { LEAST = 100, PATH = 512 };

/* The number of the file from which on there are none; false: not all of them are the output. */
static bool is_whole(void)
{
    char path[PATH];
    FILE *plain = fopen(in_folder("plain"), "re"), *file;
    bool same = plain != NULL;
    for (int i = 0; same; i++) {
        snprintf(path, sizeof path, "%s/target/part-%05d", folder(), i);
        file = fopen(path, "re");
        if (!file)
            break;
        int c;
        while (same && (c = getc(file)) != EOF)
            same = getc(plain) == c;
        fclose(file);
    }
    same = same && getc(plain) == EOF;
    if (plain)
        fclose(plain);
    return same;
}

static bool has_list(void)
{
    return access(in_folder("target/MANIFEST"), F_OK) == 0;
}

static void clear(void)
{
    char path[PATH];
    kept_remove(".fanfold-");
    kept_remove(".lock.new-");
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "%s/target/part-%05d", folder(), i);
        (void)unlink(path);
    }
    (void)unlink(in_folder("target/MANIFEST"));
    kept_clear();
}

static void resume(const kept_job *job, const char *more, const char *label)
{
    static ran r;
    const setting usual = kept_setting("serial");
    run(&usual, kept_line(job, "serial", more), &r);
    SHIM_CHECK(r.code == job->code && has_list() && is_whole() && !kept_written(), return,
               "%s: resumed: code %d: %.300s", label, r.code, r.err);
}

/* What happens to every step-th call from `first` on. */
static void everywhere(const kept_job *job, const char *calls, const char *what,
                       unsigned long first, unsigned long step)
{
    static ran r;
    char label[200], more[64];
    unsigned long k = first;
    snprintf(more, sizeof more, "--resume --split %d", LEAST);
    for (; k < 400 && !shim_failed(); k += step) {
        setting how = kept_setting("serial");
        how.fault = (fault){
            .call = calls, .what = what, .path = folder(), .who = "root", .at = k, .no_sync = true};
        clear();
        run(&how, kept_line(job, "serial", more), &r);
        snprintf(label, sizeof label, "%s call %lu, on %.100s", what, k, r.fired_path);
        SHIM_CHECK(!has_list() || is_whole(), return, "%s: not all is there", label);
        SHIM_CHECK(!r.late && !r.survivors, return, "%s: it lives on", label);
        if (!r.fired)
            break;
        if (what[0] == 'k')
            EXPECT_I64(r.code, 128 + SIGKILL);
        else
            SHIM_CHECK(r.code == 3 || r.code == job->code, return, "%s: code %d", label, r.code);
        resume(job, more, label);
    }
    SHIM_CHECK(k > first + step || shim_failed(), (void)0, "only %lu calls were met", k);
    clear();
    (void)rmdir(in_folder("target"));
    tidy();
}

FAN_TEST(split, killed_at_some)
{
    kept_job job;
    if (kept_factor(&job, 12, 2))
        everywhere(&job, KEPT_CALLS, "kill-before", 3, 17);
}

FAN_TEST(split, some_calls_fail)
{
    kept_job job;
    if (kept_factor(&job, 12, 2))
        everywhere(&job, "write,fsync,link,rename", "EIO", 2, 7);
}

FAN_TEST(split, long_killed_at_each_and_each_fails)
{
    kept_job job;
    if (kept_factor(&job, 12, 2))
        everywhere(&job, KEPT_CALLS, "kill-before", 1, 1);
    if (kept_factor(&job, 12, 2))
        everywhere(&job, KEPT_CALLS, "kill-after", 1, 1);
    if (kept_factor(&job, 12, 2))
        everywhere(&job, "write,fsync,link,rename", "ENOSPC", 1, 1);
}

/* Stopped at the rename of what is made of its part, while another run takes that over and comes to
 * its end: what that has made stays. `path`: what its name begins with. */
static void stopped_at_rename(const kept_job *job, const char *more, const char *path)
{
    static ran first, second;
    struct stat then = {0}, now = {0};
    char begins[PATH], line[128];
    setting how = kept_setting("serial");
    const setting usual = kept_setting("serial");
    bool stopped, met = false;
    snprintf(begins, sizeof begins, "%s/%s", folder(), path);
    snprintf(line, sizeof line, "--resume --break-lock %s", more);
    for (unsigned long k = 1; k < 20 && !met && !shim_failed(); k++) {
        clear();
        how.fault = (fault){.call = "rename",
                            .what = "stop-before",
                            .path = begins,
                            .who = "root",
                            .at = k,
                            .no_sync = true};
        name_streams("first");
        pid_t pid = start(&how, kept_line(job, "serial", more));
        stopped = wait_stopped(pid);
        name_streams("");
        if (stopped) {
            run(&usual, kept_line(job, "serial", line), &second);
            EXPECT_I64(second.code, job->code);
            EXPECT_I64(stat(in_folder(path), &then), 0);
            (void)kill(pid, SIGCONT);
        }
        name_streams("first");
        finish(pid, &first);
        name_streams("");
        SHIM_CHECK(stopped && first.fired, return, "%s: rename %lu was not met: code %d: %.300s",
                   path, k, first.code, first.err);
        met = !strcmp(first.fired_path, begins);
    }
    EXPECT_TRUE(met);
    SHIM_CHECK(first.code == 3 && strstr(first.err, "was taken over by"), (void)0,
               "%s: code %d: %.300s", path, first.code, first.err);
    EXPECT_I64(stat(in_folder(path), &now), 0);
    SHIM_CHECK(now.st_ino == then.st_ino && now.st_ctim.tv_sec == then.st_ctim.tv_sec &&
                   now.st_ctim.tv_nsec == then.st_ctim.tv_nsec,
               (void)0, "%s was replaced by the run that had lost it", path);
    EXPECT_TRUE(!entries(".fanfold-"));
}

FAN_TEST(split, taken_over_at_a_rename)
{
    kept_job job;
    char more[64];
    snprintf(more, sizeof more, "--split %d", LEAST);
    if (!kept_factor(&job, 12, 2))
        return;
    stopped_at_rename(&job, more, "target/part-00001");
    EXPECT_TRUE(has_list() && is_whole());
    stopped_at_rename(&job, more, "target/MANIFEST");
    EXPECT_TRUE(has_list() && is_whole());
    clear();
    (void)rmdir(in_folder("target"));
    tidy();
}

FAN_TEST(split, a_compressed_output_taken_over_at_its_rename)
{
    kept_job job;
    if (kept_factor_packed(&job, 12, 2))
        stopped_at_rename(&job, "", "target");
    tidy();
}
