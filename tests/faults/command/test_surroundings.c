/* Surroundings that are not as usual change nothing, or are told. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

static const char job[] = "integrate exp(-x*x)/3 --over x=0:1.5 --executor processes -j2";
static const char trace_job[] = "factor 12 35 --executor threads -j2 --trace @/trace";

/* ---- TMPDIR ---------------------------------------------------------------------------------- */

FAN_TEST(surroundings, no_folder_for_temporary_files)
{
    ran usual, r;
    char text[TEXT];
    run(&(setting){0}, job, &usual);
    EXPECT_I64(usual.code, 0);
    static const char *const folders[] = {"/nowhere/at/all", "/proc", ""};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        setting how = {.variable = "TMPDIR", .value = folders[i]};
        run(&how, job, &r);
        EXPECT_I64(r.code, 0);
        EXPECT_STR(r.out, usual.out);
        run(&how, trace_job, &r);
        EXPECT_I64(r.code, 0);
        EXPECT_TRUE(read_text(in_folder("trace"), text) && text[0] != '\0');
    }
    tidy();
}

FAN_TEST(surroundings, a_tiny_disk)
{
    ran r;
    char text[TEXT];
    ASSERT_I64(mkdir(in_folder("tiny"), 0777), 0);
    if (mount("tmpfs", in_folder("tiny"), "tmpfs", 0, "size=16k")) {
        tidy();
        SKIP("no file system can be mounted here");
    }
    FILE *many = fopen(in_folder("many"), "we");
    ASSERT_TRUE(many != NULL);
    for (int i = 0; i < 20000; i++)
        fprintf(many, "%d\n", 1000000 + i);
    ASSERT_I64(fclose(many), 0);
    write_text(in_folder("tiny/target"), "old\n");
    setting how = {.variable = "TMPDIR", .value = in_folder("tiny")};
    run(&how, "factor --input @/many --executor threads -j2 --output @/tiny/target --no-journal",
        &r);
    EXPECT_I64(r.code, 3);
    EXPECT_CONTAINS(r.err, "No space left on device");
    read_text(in_folder("tiny/target"), text);
    EXPECT_STR(text, "old\n");
    run(&how, "factor 12 --executor threads -j2 --output @/tiny/target --no-journal", &r);
    EXPECT_I64(r.code, 0);
    read_text(in_folder("tiny/target"), text);
    EXPECT_STR(text, "12: 2 2 3\n");
    EXPECT_I64(umount(in_folder("tiny")), 0);
    tidy();
}

/* Every output file is written with care, a trace too. */
FAN_TEST(surroundings, a_trace_that_can_not_be_written)
{
    static const char *const calls[] = {"write", "fsync", "rename", "link"};
    char text[TEXT];
    ran r;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        setting how = {.fault = {.call = calls[c], .what = "EIO", .who = "root", .at = 1}};
        how.fault.path = folder();
        write_text(in_folder("trace"), "old\n");
        run(&how, "factor 12 --executor threads -j2 --trace @/trace --output /dev/null", &r);
        SHIM_CHECK(r.fired == 1 && r.code == 3, (void)0, "%s: %u fired, code %d: %.200s", calls[c],
                   r.fired, r.code, r.err);
        EXPECT_CONTAINS(r.err, "Input/output error");
        read_text(in_folder("trace"), text);
        EXPECT_STR(text, "old\n");
        EXPECT_U64(entries(".fanfold"), 0);
    }
    tidy();
}

/* ---- Locale and clock ------------------------------------------------------------------------ */

FAN_TEST(surroundings, another_locale)
{
    ran usual, r;
    setting how = {.program = "/usr/bin/printf", .variable = "LC_ALL", .value = "de_DE.UTF-8"};
    run(&how, "%.1f 1,5", &r);
    if (strcmp(r.out, "1,5") != 0) {
        tidy();
        SKIP("there is no locale with a decimal comma here");
    }
    how.program = NULL;
    run(&(setting){.variable = "LC_ALL", .value = "C"}, job, &usual);
    run(&how, job, &r);
    EXPECT_I64(usual.code, 0);
    EXPECT_I64(r.code, 0);
    EXPECT_STR(r.out, usual.out);
    tidy();
}

FAN_TEST(surroundings, a_clock_that_jumps)
{
    static const char *const jobs[] = {
        "factor 12 1000000007 91 --executor processes -j2 --timeout 30 --output @/target",
        "gcd 12 18 30 --executor threads -j2 --timeout 30 --output @/target",
        "factor 12 --executor threads -j2 --trace @/trace --output @/target",
    };
    ran proof;
    run(&(setting){.program = "/bin/date", .fault = {.clock_hours = 5}}, "+%s", &proof);
    EXPECT_U64(proof.fired, 1);
    EXPECT_TRUE(labs(strtol(proof.out, NULL, 10) - (long)time(NULL)) >= 4L * 3600);
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        ran r;
        char usual[TEXT], text[TEXT];
        run(&(setting){0}, jobs[j], &r);
        EXPECT_I64(r.code, 0);
        read_text(in_folder("target"), usual);
        run(&(setting){.fault = {.clock_hours = 5}}, jobs[j], &r);
        EXPECT_I64(r.code, 0);
        read_text(in_folder("target"), text);
        EXPECT_STR(text, usual);
    }
    tidy();
}

/* ---- Privacy --------------------------------------------------------------------------------- */

/* What a process has open of Fanfold's own memory that others may read; what it looked at. */
static unsigned look_at_memory(const char *process)
{
    char path[300], link[300];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat info;
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);
        if (size <= 0 || fstatat(dirfd(dir), entry->d_name, &info, 0))
            continue;
        link[size] = '\0';
        if (strncmp(link, "/memfd:", 7) != 0 && strncmp(link, "/dev/shm", 8) != 0)
            continue;
        count++;
        SHIM_CHECK(!(info.st_mode & 077), (void)0, "%s of %s has mode %o", link, process,
                   info.st_mode & 07777U);
    }
    if (dir)
        closedir(dir);
    return count;
}

/* The command and its workers, all of one session. */
static unsigned look_at_all(pid_t leader)
{
    unsigned count = 0;
    DIR *all = opendir("/proc");
    for (struct dirent *entry; all && (entry = readdir(all));)
        if (entry->d_name[0] > '0' && entry->d_name[0] <= '9' &&
            getsid((pid_t)strtol(entry->d_name, NULL, 10)) == leader)
            count += look_at_memory(entry->d_name);
    if (all)
        closedir(all);
    return count;
}

/* Without a umask the memory that workers share is its user's alone. */
FAN_TEST(surroundings, no_umask)
{
    ran r;
    struct stat info;
    setting how = {.umask = -1};
    ASSERT_I64(mkfifo(in_folder("fifo"), 0600), 0);
    pid_t pid = start(&how, "factor --executor processes -j2 --output @/target --input @/fifo");
    int fd = open(in_folder("fifo"), O_WRONLY | O_CLOEXEC);
    ASSERT_TRUE(fd >= 0);
    ASSERT_I64(write(fd, "12\n", 3), 3);
    const struct timespec moment = {.tv_nsec = 300000000};
    unsigned seen = 0;
    for (int i = 0; i < 400 && !seen && !shim_failed(); i++) { /* until it works */
        nanosleep(&moment, NULL);
        seen = look_at_all(pid);
    }
    EXPECT_TRUE(seen > 0);
    close(fd);
    finish(pid, &r);
    EXPECT_I64(r.code, 0);
    ASSERT_I64(stat(in_folder("target"), &info), 0);
    EXPECT_I64(info.st_mode & 0777, 0666);
    tidy();
}
