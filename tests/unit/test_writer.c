#include "base/error.h"
#include "base/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/shim.h"

/* A folder of its own for a test, and what is in it. */
static void make_folder(char folder[static 64])
{
    strcpy(folder, "/tmp/fan_writer_XXXXXX");
    ASSERT_TRUE(mkdtemp(folder) != NULL);
}

static size_t files_in(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    if (dir)
        closedir(dir);
    return count;
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ASSERT_TRUE(file != NULL);
    fputs(text, file);
    ASSERT_I64(fclose(file), 0);
}

static void expect_file(const char *path, const char *expected)
{
    char text[200];
    FILE *file = fopen(path, "r");
    ASSERT_TRUE(file != NULL);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    EXPECT_STR(text, expected);
}

FAN_TEST(writer, a_file_appears_when_published)
{
    char folder[64], path[80];
    fani_writer *writer;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/out", folder);
    put_file(path, "old");
    mode_t mask = umask(027);
    ASSERT_I64(fani_writer_to_file(path, &writer, NULL), FAN_OK);
    umask(mask);
    ASSERT_I64(fani_writer_add(writer, "new\n", 4, NULL), FAN_OK);
    ASSERT_I64(fani_writer_flush(writer, NULL), FAN_OK);
    expect_file(path, "old");
    ASSERT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    expect_file(path, "new\n");
    EXPECT_U64(fani_writer_bytes(writer), 4);
    fani_writer_free(writer);
    struct stat info;
    ASSERT_I64(stat(path, &info), 0);
    EXPECT_I64(info.st_mode & 0777, 0640);
    EXPECT_U64(files_in(folder), 1);
    unlink(path);
    rmdir(folder);
}

FAN_TEST(writer, a_file_not_published_leaves_nothing)
{
    char folder[64], path[80];
    fani_writer *writer;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/out", folder);
    ASSERT_I64(fani_writer_to_file(path, &writer, NULL), FAN_OK);
    ASSERT_I64(fani_writer_add(writer, "new\n", 4, NULL), FAN_OK);
    fani_writer_free(writer);
    EXPECT_U64(files_in(folder), 0);
    rmdir(folder);
}

/* The rename fails: the target became a folder meanwhile. */
/* What a killed program leaves: nothing, as long as the system has files without names. */
static int write_half(const char *folder, bool nameless)
{
    char path[80];
    fani_writer *writer;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof code[0], .filter = code};
    if (!nameless && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
                      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)))
        return 2;
    snprintf(path, sizeof path, "%s/out", folder);
    if (fani_writer_to_file(path, &writer, NULL) || fani_writer_add(writer, "new\n", 4, NULL) ||
        fani_writer_publish(writer, NULL))
        return 3;
    fani_writer_free(writer);
    if (fani_writer_to_file(path, &writer, NULL) || fani_writer_add(writer, "half", 4, NULL) ||
        fani_writer_flush(writer, NULL))
        return 4;
    return 0;
}

static bool has_nameless(const char *folder)
{
    int fd = open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

FAN_TEST(writer, a_killed_program_leaves_the_older_file)
{
    for (int nameless = 0; nameless <= 1; nameless++) {
        char folder[64], path[80];
        make_folder(folder);
        pid_t child = fork();
        ASSERT_TRUE(child >= 0);
        if (child == 0)
            _exit(write_half(folder, nameless));
        int status = 0;
        ASSERT_I64(waitpid(child, &status, 0), child);
        EXPECT_I64(status, 0);
        snprintf(path, sizeof path, "%s/out", folder);
        expect_file(path, "new\n");
        EXPECT_U64(files_in(folder), nameless && has_nameless(folder) ? 1 : 2);
        DIR *dir = opendir(folder);
        for (struct dirent *entry; dir && (entry = readdir(dir));)
            if (entry->d_type == DT_REG)
                unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        rmdir(folder);
    }
}

/* Several that publish what is to be new at the same time. */
enum { RACERS = 8 };

typedef struct race {
    const char *path;
    char text[8];
    bool exists;
} race;

static void *publish_new(void *user)
{
    race *r = user;
    fani_writer *writer;
    if (fani_writer_to_file(r->path, &writer, NULL) != FAN_OK)
        return "not opened";
    fan_status status = fani_writer_add(writer, r->text, strlen(r->text), NULL);
    if (status == FAN_OK)
        status = fani_writer_publish_new(writer, &r->exists, NULL);
    fani_writer_free(writer);
    return status == FAN_OK ? NULL : "not published";
}

FAN_TEST(writer, a_new_file_takes_the_place_of_none)
{
    char folder[64], path[80];
    race racers[RACERS];
    pthread_t threads[RACERS];
    unsigned won = 0;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/new", folder);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (race){.path = path};
        snprintf(racers[i].text, sizeof racers[i].text, "by %d", i);
        ASSERT_I64(pthread_create(&threads[i], NULL, publish_new, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        void *trouble = "";
        ASSERT_I64(pthread_join(threads[i], &trouble), 0);
        EXPECT_TRUE(!trouble);
        won += !racers[i].exists;
    }
    EXPECT_U64(won, 1);
    for (int i = 0; i < RACERS; i++)
        if (!racers[i].exists)
            expect_file(path, racers[i].text);
    EXPECT_U64(files_in(folder), 1);
    unlink(path);
    rmdir(folder);
}

FAN_TEST(writer, a_failed_rename_is_told_and_cleaned_up)
{
    char folder[64], path[80];
    fani_writer *writer;
    fan_error error = {0};
    make_folder(folder);
    snprintf(path, sizeof path, "%s/out", folder);
    ASSERT_I64(fani_writer_to_file(path, &writer, NULL), FAN_OK);
    ASSERT_I64(mkdir(path, 0777), 0);
    ASSERT_I64(fani_writer_add(writer, "new\n", 4, NULL), FAN_OK);
    EXPECT_I64(fani_writer_publish(writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, EISDIR);
    EXPECT_STR(error.file, path);
    fani_writer_free(writer);
    EXPECT_U64(files_in(folder), 1);
    rmdir(path);
    rmdir(folder);
}

/* ---- Parts behind a fence -------------------------------------------------------------------- */

enum { FENCE = 0x1234 };

/* What another run does to the folder while one that publishes looks at its lock. */
typedef struct meddler {
    char folder[64], path[80], part[90];
    void (*meddle)(struct meddler *m);
    bool lost; /* the lock is the other's from then on */
    int asked;
} meddler;

static fan_status still_ours(void *user, fan_error *error)
{
    meddler *m = user;
    m->asked++;
    if (m->meddle)
        m->meddle(m);
    m->meddle = NULL;
    return m->lost ? fani_error_set(error, FAN_E_OUTPUT, "was taken over") : FAN_OK;
}

/* A part of "half", whose writer is about to add " and half". */
static fani_writer *part_of(meddler *m)
{
    const fani_writer_fence fence = {.id = FENCE, .still_ours = still_ours, .user = m};
    fani_writer *writer = NULL;
    make_folder(m->folder);
    snprintf(m->path, sizeof m->path, "%s/out", m->folder);
    snprintf(m->part, sizeof m->part, "%s.part", m->path);
    EXPECT_I64(fani_writer_to_part(m->path, ".part", UINT64_MAX, &writer, NULL), FAN_OK);
    EXPECT_I64(fani_writer_add(writer, "half", 4, NULL), FAN_OK);
    EXPECT_I64(fani_writer_flush(writer, NULL), FAN_OK);
    EXPECT_I64(fani_writer_add(writer, " and half", 9, NULL), FAN_OK);
    fani_writer_set_fence(writer, &fence);
    return writer;
}

static void end_part(meddler *m, fani_writer *writer)
{
    fani_writer_free(writer);
    unlink(m->part);
    unlink(m->path);
    EXPECT_I64(rmdir(m->folder), 0);
}

FAN_TEST(writer, a_part_is_published_with_one_name)
{
    meddler m = {.asked = 0};
    fani_writer *writer = part_of(&m);
    EXPECT_TRUE(fani_writer_part_exists(m.path, ".part"));
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    expect_file(m.path, "half and half");
    EXPECT_U64(files_in(m.folder), 1);
    EXPECT_I64(m.asked, 1);
    end_part(&m, writer);
}

static void put_own_part(meddler *m)
{
    unlink(m->part);
    put_file(m->part, "the next one's");
}

static void take_over(meddler *m)
{
    m->lost = true;
    put_own_part(m);
    EXPECT_I64(fani_writer_clear_fence(m->path, FENCE, NULL), FAN_OK);
}

static void take_over_unseen(meddler *m)
{
    take_over(m);
    m->lost = false;
}

/* Seen by the look at the lock, or taken over only behind that look. */
FAN_TEST(writer, a_part_taken_over_meanwhile_is_not_published)
{
    static void (*const meddles[])(meddler * m) = {take_over, take_over_unseen};
    for (int i = 0; i < 2; i++) {
        meddler m = {.meddle = meddles[i]};
        fani_writer *writer = part_of(&m);
        EXPECT_I64(fani_writer_publish(writer, NULL), FAN_E_OUTPUT);
        expect_file(m.part, "the next one's");
        EXPECT_U64(files_in(m.folder), 1);
        end_part(&m, writer);
    }
}

/* The lock stays ours, but who has lost it before removes our part, or leaves its own there. */
FAN_TEST(writer, a_part_that_has_lost_its_name_is_published_all_the_same)
{
    meddler m = {.asked = 0};
    fani_writer *writer = part_of(&m);
    ASSERT_I64(chmod(m.part, 0600), 0);
    unlink(m.part);
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    expect_file(m.path, "half and half");
    struct stat info;
    EXPECT_I64(stat(m.path, &info), 0);
    EXPECT_I64(info.st_mode & 0777, 0600);
    EXPECT_U64(files_in(m.folder), 1);
    end_part(&m, writer);

    m = (meddler){.asked = 0};
    writer = part_of(&m);
    put_own_part(&m);
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    expect_file(m.path, "half and half");
    expect_file(m.part, "the next one's");
    EXPECT_U64(files_in(m.folder), 2);
    end_part(&m, writer);
}

static void find_ours_taken(meddler *m)
{
    m->lost = true;
}

FAN_TEST(writer, a_part_that_has_lost_its_name_and_its_lock_is_not_copied)
{
    meddler m = {.meddle = find_ours_taken};
    fani_writer *writer = part_of(&m);
    put_own_part(&m);
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_E_OUTPUT);
    expect_file(m.part, "the next one's");
    EXPECT_U64(files_in(m.folder), 1);
    end_part(&m, writer);
}

/* As a run leaves it that was killed between its rename and the removal of the part's name. */
FAN_TEST(writer, a_part_that_was_published_is_none)
{
    meddler m;
    make_folder(m.folder);
    snprintf(m.path, sizeof m.path, "%s/out", m.folder);
    snprintf(m.part, sizeof m.part, "%s.part", m.path);
    put_file(m.path, "whole");
    EXPECT_TRUE(!fani_writer_part_is_published(m.path, ".part"));
    ASSERT_I64(link(m.path, m.part), 0);
    EXPECT_TRUE(fani_writer_part_is_published(m.path, ".part"));
    EXPECT_TRUE(!fani_writer_part_exists(m.path, ".part"));
    EXPECT_I64(fani_writer_part_forget(m.path, ".part", NULL), FAN_OK);
    EXPECT_U64(files_in(m.folder), 1);
    put_file(m.part, "another");
    EXPECT_I64(fani_writer_part_forget(m.path, ".part", NULL), FAN_OK);
    expect_file(m.part, "another");
    expect_file(m.path, "whole");
    unlink(m.path);
    unlink(m.part);
    rmdir(m.folder);
}

FAN_TEST(writer, targets_that_cannot_be)
{
    fani_writer *writer = NULL;
    fan_error error = {0};
    EXPECT_I64(fani_writer_to_file("/nonexistent/out", &writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, ENOENT);
    EXPECT_I64(fani_writer_to_file("/tmp", &writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, EISDIR);
    EXPECT_I64(fani_writer_to_file("/tmp/", &writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, EISDIR);
    EXPECT_TRUE(writer == NULL);
}

FAN_TEST(writer, a_device_is_written_not_replaced)
{
    fani_writer *writer;
    struct stat info;
    ASSERT_I64(fani_writer_to_file("/dev/null", &writer, NULL), FAN_OK);
    ASSERT_I64(fani_writer_add(writer, "x", 1, NULL), FAN_OK);
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    fani_writer_free(writer);
    ASSERT_I64(stat("/dev/null", &info), 0);
    EXPECT_TRUE(S_ISCHR(info.st_mode));
}

static void write_file(const char *path, const char *text)
{
    fani_writer *writer;
    ASSERT_I64(fani_writer_to_file(path, &writer, NULL), FAN_OK);
    EXPECT_I64(fani_writer_add(writer, text, strlen(text), NULL), FAN_OK);
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    fani_writer_free(writer);
}

static bool is_link(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/* A link that was replaced would leave what it led to behind, unseen. */
FAN_TEST(writer, a_link_stays_and_what_it_leads_to_is_replaced)
{
    char folder[64], inner[80], path[100], link[100];
    make_folder(folder);
    snprintf(inner, sizeof inner, "%s/inner", folder);
    snprintf(path, sizeof path, "%s/inner/out", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    ASSERT_I64(mkdir(inner, 0700), 0);
    ASSERT_I64(symlink("inner/out", link), 0);
    write_file(link, "new\n"); /* it led nowhere yet */
    expect_file(path, "new\n");
    write_file(link, "newer\n");
    expect_file(path, "newer\n");
    EXPECT_TRUE(is_link(link));
    EXPECT_U64(files_in(folder), 2);
    EXPECT_U64(files_in(inner), 1);
    unlink(path);
    unlink(link);
    rmdir(inner);
    rmdir(folder);
}

FAN_TEST(writer, links_in_a_circle_are_told)
{
    char folder[64], link[80];
    fani_writer *writer = NULL;
    fan_error error = {0};
    make_folder(folder);
    snprintf(link, sizeof link, "%s/link", folder);
    ASSERT_I64(symlink("link", link), 0);
    EXPECT_I64(fani_writer_to_file(link, &writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, ELOOP);
    EXPECT_TRUE(is_link(link));
    unlink(link);
    rmdir(folder);
}

/* As /dev/stdout is a link to /proc/self/fd/1: the link once was replaced by the output. */
FAN_TEST(writer, a_descriptor_by_its_name_is_written_where_it_stands)
{
    char folder[64], path[80], link[80], name[40];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/out", folder);
    snprintf(link, sizeof link, "%s/stdout", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_TRUE(fd >= 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ASSERT_I64(symlink(name, link), 0);
    ASSERT_I64(write(fd, "a\n", 2), 2);
    write_file(link, "b\n");
    write_file(name, "c\n");
    ASSERT_I64(write(fd, "d\n", 2), 2);
    expect_file(path, "a\nb\nc\nd\n");
    EXPECT_TRUE(is_link(link));
    EXPECT_U64(files_in(folder), 2);
    close(fd);
    fani_writer *writer = NULL;
    EXPECT_I64(fani_writer_to_file(link, &writer, NULL), FAN_E_OUTPUT);
    unlink(path);
    unlink(link);
    rmdir(folder);
}

FAN_TEST(writer, a_full_disk_is_told_once_and_again)
{
    fani_writer *writer;
    fan_error error = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        SKIP("no /dev/full here");
    ASSERT_I64(fani_writer_to_fd(fd, "(full)", &writer, NULL), FAN_OK);
    ASSERT_I64(fani_writer_add(writer, "x", 1, &error), FAN_OK);
    EXPECT_I64(fani_writer_publish(writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, ENOSPC);
    EXPECT_STR(error.file, "(full)");
    error = (fan_error){0};
    EXPECT_I64(fani_writer_add(writer, "x", 1, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, ENOSPC);
    fani_writer_free(writer);
    close(fd);
}

FAN_TEST(writer, a_closed_pipe_and_a_closed_descriptor)
{
    int ends[2];
    fani_writer *writer;
    fan_error error = {0};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    ASSERT_I64(sigaction(SIGPIPE, &ignore, &before), 0);
    ASSERT_I64(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    ASSERT_I64(fani_writer_to_fd(ends[1], "pipe", &writer, NULL), FAN_OK);
    ASSERT_I64(fani_writer_add(writer, "x", 1, &error), FAN_OK);
    EXPECT_I64(fani_writer_flush(writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, EPIPE);
    fani_writer_free(writer);
    close(ends[1]);
    ASSERT_I64(fani_writer_to_fd(ends[1], "pipe", &writer, NULL), FAN_OK);
    ASSERT_I64(fani_writer_add(writer, "x", 1, &error), FAN_OK);
    EXPECT_I64(fani_writer_publish(writer, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, EBADF);
    fani_writer_free(writer);
    ASSERT_I64(sigaction(SIGPIPE, &before, NULL), 0);
}

FAN_TEST(writer, nothing_written_to_a_closed_descriptor_is_no_error)
{
    fani_writer *writer;
    ASSERT_I64(fani_writer_to_fd(-1, "closed", &writer, NULL), FAN_OK);
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    fani_writer_free(writer);
}

/* A reader that takes a little at a time: short writes, and EAGAIN on a pipe that does not block.
 */
typedef struct drain {
    int fd;
    uint64_t bytes, sum;
} drain;

static void *drain_slowly(void *user)
{
    drain *d = user;
    unsigned char bytes[5000];
    ssize_t n;
    while ((n = read(d->fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            d->sum += bytes[i] * (++d->bytes);
    return NULL;
}

FAN_TEST(writer, everything_passes_a_small_pipe_once)
{
    enum { PIECE = 70001, PIECES = 30 };
    int ends[2];
    pthread_t thread;
    fani_writer *writer;
    ASSERT_I64(pipe2(ends, O_CLOEXEC), 0);
    ASSERT_I64(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    drain d = {.fd = ends[0]};
    ASSERT_I64(pthread_create(&thread, NULL, drain_slowly, &d), 0);
    ASSERT_I64(fani_writer_to_fd(ends[1], "pipe", &writer, NULL), FAN_OK);
    unsigned char *piece = malloc(PIECE);
    ASSERT_TRUE(piece != NULL);
    uint64_t position = 0, sum = 0;
    for (int p = 0; p < PIECES; p++) {
        for (size_t i = 0; i < PIECE; i++) {
            piece[i] = (unsigned char)(position * 7 + position / 251);
            sum += piece[i] * (++position);
        }
        EXPECT_I64(fani_writer_add(writer, piece, PIECE, NULL), FAN_OK);
    }
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    close(ends[1]);
    pthread_join(thread, NULL);
    EXPECT_U64(d.bytes, (uint64_t)PIECE * PIECES);
    EXPECT_U64(d.sum, sum);
    fani_writer_free(writer);
    free(piece);
    close(ends[0]);
}
