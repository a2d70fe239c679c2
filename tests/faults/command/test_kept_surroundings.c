/* Runs with a journal where something is not as usual: limits, a full disk, names that somebody has
 * planted, no umask, a clock that jumps, another locale. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kept.h"

/* ---- Limits ------------------------------------------------------------------------------------
 */

/* Under a limit the run is right, or says that it can't be done; without it, it goes on. 1: it
 * could not be done. */
static unsigned under(const kept_job *job, setting how, const char *executor, const char *what,
                      unsigned long most)
{
    static ran r;
    char label[100];
    snprintf(label, sizeof label, "%lu %s on %s", most, what, executor);
    kept_clear();
    how.fault.no_sync = true;
    run(&how, kept_line(job, executor, "--resume"), &r);
    if (!expect_sane(&r, label))
        return 0;
    if (r.code == job->code) {
        kept_expect_right(job, &r, label);
        return 0;
    }
    SHIM_CHECK((r.code == 1 || r.code == 3 || r.code == 4) && r.err[0], return 0,
               "%s: code %d: %.300s", label, r.code, r.err);
    kept_expect_resumes(job, "serial", label);
    return 1;
}

FAN_TEST(kept, under_few_descriptors)
{
    kept_job job;
    unsigned failed = 0;
    if (!kept_factor(&job, 12, 2))
        return;
    EXPECT_U64(under(&job, (setting){.files = 32}, "threads", "descriptors", 32), 0);
    for (unsigned long files = 6; files <= 32 && !shim_failed(); files += 3)
        failed += under(&job, (setting){.files = files}, "processes", "descriptors", files);
    EXPECT_TRUE(failed > 0);
    tidy();
}

FAN_TEST(kept, under_a_small_address_space)
{
    static ran r;
    kept_job job;
    unsigned failed = 0;
    if (!kept_factor(&job, 12, 2))
        return;
    for (unsigned long mib = 16; mib <= 256 && !shim_failed(); mib += mib / 2) {
        setting how = {.space = mib << 20};
        run(&how, "--version", &r);
        failed += r.code != 0; /* the system's loader had not enough for the libraries */
        if (r.code == 0)
            failed += under(&job, how, "threads", "MiB", mib);
    }
    EXPECT_TRUE(failed > 0);
    tidy();
}

/* Threads that can't be made: of the journal, of the run. As root alone, whom no limit binds, so as
 * somebody else, whose files root then replaces. */
FAN_TEST(kept, under_few_processes)
{
    static ran r;
    kept_job job;
    unsigned failed = 0;
    char label[64];
    if (geteuid() != 0)
        SKIP("only root can become a user whose processes nobody else counts");
    if (!kept_factor(&job, 12, 2))
        return;
    EXPECT_I64(chmod(folder(), 0777), 0);
    for (unsigned long most = 1; most <= 6 && !shim_failed(); most++) {
        setting how = {.own = most, .fault = {.no_sync = true}};
        kept_clear();
        snprintf(label, sizeof label, "%lu processes", most);
        run(&how, "factor 12 15 --executor threads -j2 --output @/target", &r);
        if (r.code >= 90) {
            tidy();
            SKIP("another user can't run the command here (code %d)", r.code);
        }
        EXPECT_TRUE(expect_sane(&r, label));
        failed += r.code != 0;
        SHIM_CHECK(r.code == 0 || ((r.code == 3 || r.code == 4) && r.err[0]), (void)0,
                   "%s: code %d: %.300s", label, r.code, r.err);
        run(&(setting){0}, "factor 12 15 --executor threads -j2 --output @/target --restart", &r);
        EXPECT_I64(r.code, 0);
        EXPECT_U64(entries("target"), 3);
    }
    EXPECT_TRUE(failed > 0);
    tidy();
}

static bool put(const char *group, const char *name, const char *value)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    FILE *file = fopen(path, "we");
    bool good = file && fputs(value, file) >= 0;
    return (file ? fclose(file) == 0 : false) && good;
}

/* The kernel ends the command for want of memory in the middle of its work: at an entry of 20 MB
 * (which is no number), behind many that are done. */
FAN_TEST(kept, ended_for_want_of_memory)
{
    static ran r;
    char group[128], line[300];
    const char *words = "gcd --max-digits 100000000 --input @/many --format tsv --executor serial";
    snprintf(group, sizeof group, "/sys/fs/cgroup/memory/fanfold-kept-%d", (int)getpid());
    if (geteuid() != 0 || mkdir(group, 0755))
        SKIP("no group of processes can be made here");
    if (!put(group, "memory.limit_in_bytes", "28M")) {
        rmdir(group);
        SKIP("the group's memory can't be limited");
    }
    FILE *many = fopen(in_folder("many"), "we");
    ASSERT_TRUE(many != NULL);
    for (int i = 0; i < 50000; i++)
        fprintf(many, "%d %d\n", i, 6 * i);
    for (int i = 0; i < 2000000; i++)
        fputs("9999999999", many);
    fputs("x 6\n12 18\n", many);
    ASSERT_I64(fclose(many), 0);
    snprintf(line, sizeof line, "%s --output @/plain --no-journal", words);
    run(&(setting){0}, line, &r);
    EXPECT_I64(r.code, 2);
    snprintf(line, sizeof line, "%s --output @/target --resume", words);
    setting how = {.cgroup = group, .fault = {.no_sync = true}};
    run(&how, line, &r);
    SHIM_CHECK(r.code > 2 && !r.late && !r.survivors, (void)0, "code %d: %.300s", r.code, r.err);
    run(&(setting){0}, line, &r);
    EXPECT_I64(r.code, 2);
    EXPECT_TRUE(kept_same("target", "plain"));
    EXPECT_U64(entries("target"), 3);
    rmdir(group);
    tidy();
}

/* ---- Disks and folders -------------------------------------------------------------------------
 */

/* A disk that is full in the middle: code 3, twice, and after it has grown the run goes on. */
FAN_TEST(kept, on_a_tiny_disk)
{
    static ran r;
    kept_job job;
    char line[400];
    if (!kept_factor(&job, 20000, 5))
        return;
    ASSERT_I64(mkdir(in_folder("tiny"), 0777), 0);
    if (mount("tmpfs", in_folder("tiny"), "tmpfs", 0, "size=256k")) {
        tidy();
        SKIP("no file system can be mounted here");
    }
    snprintf(line, sizeof line, "%s --output @/tiny/target --executor threads -j2 --resume",
             job.words);
    setting how = {.variable = "TMPDIR", .value = "/proc"};
    for (int i = 0; i < 2; i++) {
        run(&how, line, &r);
        EXPECT_I64(r.code, 3);
        EXPECT_CONTAINS(r.err, "No space left on device");
        EXPECT_CONTAINS(r.err, "/tiny/target");
    }
    EXPECT_TRUE(kept_size("tiny/target.part") > 0 && !kept_size("tiny/target"));
    EXPECT_I64(mount("tmpfs", in_folder("tiny"), "tmpfs", MS_REMOUNT, "size=8m"), 0);
    run(&how, line, &r);
    EXPECT_I64(r.code, job.code);
    EXPECT_TRUE(kept_same("tiny/target", "plain") && !kept_size("tiny/target.part"));
    EXPECT_I64(umount(in_folder("tiny")), 0);
    tidy();
}

/* ---- Names that somebody has planted ----------------------------------------------------------
 */

enum { PLANT_LINK, PLANT_DANGLING, PLANT_FOLDER, PLANT_FIFO, PLANTS };

static void plant(int what, const char *name)
{
    if (what == PLANT_LINK)
        EXPECT_I64(symlink(in_folder("victim"), in_folder(name)), 0);
    if (what == PLANT_DANGLING)
        EXPECT_I64(symlink(in_folder("nowhere"), in_folder(name)), 0);
    if (what == PLANT_FOLDER)
        EXPECT_I64(mkdir(in_folder(name), 0777), 0);
    if (what == PLANT_FIFO)
        EXPECT_I64(mkfifo(in_folder(name), 0666), 0);
}

/* Something else lies where a run wants to make a file of its own, at its beginning or when it goes
 * on: it is refused, or replaced, in time; what a link leads to is not touched. */
static void planted(const kept_job *job, int what, const char *name, bool resumed)
{
    static const char *const kinds[] = {"a link", "a dangling link", "a folder", "a FIFO"};
    static ran r;
    char label[100], text[TEXT];
    kept_clear();
    if (resumed)
        kept_copy("then", "target");
    (void)unlink(in_folder(name));
    write_text(in_folder("victim"), "dear\n");
    plant(what, name);
    snprintf(label, sizeof label, "%s in the place of %s%s", kinds[what], name,
             resumed ? ", resumed" : "");
    setting how = kept_setting("serial");
    run(&how, kept_line(job, "serial", resumed ? "--resume" : ""), &r);
    bool right = r.code == job->code;
    SHIM_CHECK(expect_sane(&r, label) && (right || r.code == 3 || r.code == 2), (void)0,
               "%s: code %d: %.300s", label, r.code, r.err);
    if (right)
        SHIM_CHECK(kept_same("target", "plain"), (void)0, "%s: wrong bytes", label);
    else
        EXPECT_CONTAINS(r.err, "target");
    read_text(in_folder("victim"), text);
    SHIM_CHECK(!strcmp(text, "dear\n") && !kept_size("nowhere"), (void)0, "%s: it was followed",
               label);
    (void)unlink(in_folder(name));
    (void)rmdir(in_folder(name));
    if (!right && what != PLANT_FOLDER)
        kept_expect_resumes(job, "serial", label);
}

/* Every second of them; all in the long suite. */
static void plant_all(unsigned step)
{
    static const char *const names[] = {"target.part", "target.journal", "target.journal.lock",
                                        "target.run.json", "target.journal.tmp-1"};
    kept_job job;
    for (int resumed = 0; resumed < 2; resumed++) {
        if (!kept_factor(&job, resumed ? 8000 : 12, 0) || (resumed && !kept_killed(&job, 50)))
            return;
        for (unsigned i = (unsigned)resumed; i < 5 * PLANTS && !shim_failed(); i += step)
            planted(&job, (int)(i / 5), names[i % 5], resumed);
    }
}

FAN_TEST(kept, hostile_names)
{
    plant_all(2);
    tidy();
}

FAN_TEST(kept, long_all_hostile_names)
{
    plant_all(1);
    tidy();
}

/* Two names of one output are one output. */
FAN_TEST(kept, a_second_name_of_an_output)
{
    static ran r;
    kept_job job;
    char line[400];
    if (!kept_factor(&job, 20000, 5))
        return;
    ASSERT_I64(symlink("target", in_folder("second")), 0);
    setting how = kept_slow_setting("serial");
    name_streams("first");
    pid_t first = start(&how, kept_line(&job, "serial", ""));
    ASSERT_TRUE(kept_wait_written(first, job.bytes / 3) && kill(first, SIGSTOP) == 0 &&
                wait_stopped(first));
    name_streams("");
    snprintf(line, sizeof line, "%s --output @/second --executor threads -j2 --resume", job.words);
    run(&how, line, &r);
    EXPECT_I64(r.code, 3);
    EXPECT_CONTAINS(r.err, "--break-lock");
    kill(first, SIGCONT);
    name_streams("first");
    finish(first, &r);
    name_streams("");
    kept_expect_right(&job, &r, "of two names");
    run(&how, line, &r); /* it is complete by either */
    EXPECT_I64(r.code, job.code);
    EXPECT_TRUE(kept_same("target", "plain"));
    tidy();
}

/* ---- Umask, clock, locale ----------------------------------------------------------------------
 */

static unsigned mode_of(const char *name)
{
    struct stat info;
    return stat(in_folder(name), &info) ? 0 : info.st_mode & 07777U;
}

/* Without a umask the ledger is its user's alone, and nobody else can write the lock; the part and
 * run.json are as open as the output. */
FAN_TEST(kept, no_umask)
{
    static ran r;
    kept_job job;
    if (!kept_factor(&job, 20000, 5))
        return;
    setting how = kept_slow_setting("serial");
    how.umask = -1;
    pid_t pid = start(&how, kept_line(&job, "serial", ""));
    EXPECT_TRUE(kept_wait_written(pid, job.bytes / 3));
    kill(pid, SIGSTOP);
    EXPECT_TRUE(wait_stopped(pid));
    EXPECT_I64(mode_of("target.journal"), 0600);
    EXPECT_I64(mode_of("target.journal.lock"), 0644);
    EXPECT_I64(mode_of("target.part"), 0666);
    EXPECT_I64(mode_of("target.run.json"), 0666);
    kill(pid, SIGCONT);
    finish(pid, &r);
    kept_expect_right(&job, &r, "without a umask");
    EXPECT_I64(mode_of("target"), 0666);
    EXPECT_I64(mode_of("target.journal"), 0600);
    tidy();
}

/* Killed and gone on with, while the calendar's clock jumps by 5 hours back and forth, or in a
 * locale with a decimal comma. */
static void killed_under(const setting *surroundings, const char *label)
{
    static ran r;
    kept_job job;
    if (!kept_factor(&job, 20000, 5))
        return;
    pid_t pid = start(surroundings, kept_line(&job, "threads", "--timeout 30"));
    EXPECT_TRUE(kept_wait_written(pid, job.bytes / 3));
    kill(pid, SIGKILL);
    finish(pid, &r);
    EXPECT_I64(r.code, 128 + SIGKILL);
    EXPECT_TRUE(!surroundings->fault.clock_hours || strstr(r.log, " clock "));
    run(surroundings, kept_line(&job, "processes", "--timeout 30 --resume"), &r);
    EXPECT_TRUE(r.fired > 0);
    kept_expect_right(&job, &r, label);
    tidy();
}

FAN_TEST(kept, a_clock_that_jumps)
{
    setting how = kept_slow_setting("threads");
    how.fault.clock_hours = 5;
    killed_under(&how, "with a clock that jumps");
}

FAN_TEST(kept, another_locale)
{
    static ran r;
    setting how = kept_slow_setting("threads");
    how.variable = "LC_ALL";
    how.value = "de_DE.UTF-8";
    how.program = "/usr/bin/printf";
    run(&how, "%.1f 1,5", &r);
    if (strcmp(r.out, "1,5") != 0) {
        tidy();
        SKIP("there is no locale with a decimal comma here");
    }
    how.program = NULL;
    killed_under(&how, "in another locale");
}
