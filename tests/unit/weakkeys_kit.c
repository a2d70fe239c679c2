#include "weakkeys_kit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const weak_executors[WEAK_EXECUTORS] = {"serial", "threads"};

static void take_report(void *user, const fan_error *error)
{
    weak_outcome *o = user;
    size_t used = strlen(o->reports);
    snprintf(o->reports + used, sizeof o->reports - used, "%s:%u: %s\n", error->file, error->line,
             error->text);
    if (!o->first_errno)
        o->first_errno = error->errno_code;
}

static void take_note(void *user, const char *text)
{
    weak_outcome *o = user;
    snprintf(o->note, sizeof o->note, "%s%s", o->note[0] ? "twice " : "", text);
}

static bool is_stopped(void *user)
{
    return ((weak_outcome *)user)->stop;
}

static char *read_all(int fd, size_t *size)
{
    struct stat info;
    char *bytes = NULL;
    if (!fstat(fd, &info) && (bytes = calloc(1, (size_t)info.st_size + 1)) &&
        pread(fd, bytes, (size_t)info.st_size, 0) != info.st_size)
        bytes[0] = '\0';
    *size = (size_t)info.st_size;
    return bytes;
}

void weak_run(weak_outcome *o, const char *executor_name, const char *const *settings,
              const char *const *files)
{
    fan_job *job = NULL;
    fan_executor *executor = NULL;
    bool stop = o->stop;
    int fd = memfd_create("output", MFD_CLOEXEC);
    *o = (weak_outcome){.stop = stop};
    ASSERT_TRUE(fd >= 0);
    ASSERT_I64(fan_job_new("weakkeys", &job, NULL), FAN_OK);
    EXPECT_I64(fan_job_set(job, "checks", "none", NULL), FAN_OK);
    for (; settings && *settings; settings++) {
        const char *equals = strchr(*settings, '=');
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)(equals - *settings), *settings);
        EXPECT_I64(fan_job_set(job, key, equals + 1, NULL), FAN_OK);
    }
    for (; *files; files++)
        EXPECT_I64(fan_job_add_argument(job, *files, NULL), FAN_OK);
    fan_executor_options options = {.kind = executor_name,
                                    .workers = strcmp(executor_name, "serial") ? 3 : 1};
    ASSERT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    fan_job_events events = {
        .report = take_report, .note = take_note, .stop = is_stopped, .user = o, .output_fd = fd};
    o->status = fan_job_run(job, executor, &events, &o->result, &o->error);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    fan_job_free(job);
    o->output = read_all(fd, &o->size);
    close(fd);
}

char weak_folder[64];

const char *weak_file(const char *name, const char *text)
{
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % 4];
    if (!weak_folder[0]) {
        snprintf(weak_folder, sizeof weak_folder, "/tmp/fanfold-weakkeys-XXXXXX");
        if (!mkdtemp(weak_folder))
            shim_fail(__FILE__, __LINE__, "no folder for test files");
    }
    snprintf(path, sizeof paths[0], "%s/%s", weak_folder, name);
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file))
        shim_fail(__FILE__, __LINE__, "%s can't be written", path);
    return path;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

void weak_clear(void)
{
    if (weak_folder[0] && nftw(weak_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS))
        shim_fail(__FILE__, __LINE__, "%s can't be removed", weak_folder);
    weak_folder[0] = '\0';
}

void weak_expect(const char *got, const char *with_at)
{
    char want[8192] = "";
    size_t at = 0;
    for (; *with_at && at < sizeof want - 128; with_at++)
        at += (size_t)snprintf(want + at, sizeof want - at, *with_at == '@' ? "%s" : "%.1s",
                               *with_at == '@' ? weak_folder : with_at);
    EXPECT_STR(got, want);
}
