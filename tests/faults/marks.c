#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

fan_executor *fault_open(unsigned workers)
{
    return fault_open_limited(workers, 0);
}

fan_executor *fault_open_limited(unsigned workers, size_t worker_memory)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    fan_status status = fan_executor_open(&(fan_executor_options){.kind = "processes",
                                                                  .workers = workers,
                                                                  .worker_memory = worker_memory},
                                          &executor, &error);
    SHIM_CHECK(status == FAN_OK, return NULL, "open: %s", error.text);
    return executor;
}

/* ---- Marks --------------------------------------------------------------------------------- */

bool fault_marks_open(fault_marks *marks, size_t count)
{
    *marks = (fault_marks){.path = "/tmp/fan-marks-XXXXXX", .count = count};
    int fd = mkstemp(marks->path);
    void *at = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)(count * sizeof(uint32_t))) == 0)
        at = mmap(NULL, count * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    SHIM_CHECK(at != MAP_FAILED, return false, "can't make %s", marks->path);
    marks->counts = at;
    return true;
}

void fault_marks_close(fault_marks *marks)
{
    if (marks->counts)
        munmap((void *)marks->counts, marks->count * sizeof(uint32_t));
    unlink(marks->path);
}

bool fault_marks_wait(const fault_marks *marks, size_t i)
{
    for (int ms = 0; ms < 120000; ms += 5) {
        if (atomic_load(&marks->counts[i]))
            return true;
        pause_ms(5);
    }
    SHIM_CHECK(false, return false, "item %zu never came to its fault", i);
}

/* ---- Census -------------------------------------------------------------------------------- */

static bool read_stat(const char *pid, char *state, int *parent)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const char *end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && sscanf(end + 1, " %c %d", state, parent) == 2;
}

static unsigned lines_with(const char *path, const char *part)
{
    char line[4096];
    unsigned count = 0;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        count += strstr(line, part) != NULL;
    if (file)
        fclose(file);
    return count;
}

static unsigned links_to(const char *folder, const char *part)
{
    char path[512], target[4096];
    unsigned count = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n > 0) {
            target[n] = '\0';
            count += strstr(target, part) != NULL;
        }
    }
    if (d)
        closedir(d);
    return count;
}

static unsigned shared_files(const char *pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    unsigned count = lines_with(path, " /dev/shm/");
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    return count + links_to(path, "/dev/shm/");
}

fault_census fault_count(void)
{
    fault_census census = {.shm = shared_files("self")};
    DIR *d = opendir("/proc");
    for (const struct dirent *e; d && (e = readdir(d));) {
        char state;
        int parent;
        if (e->d_name[0] < '0' || e->d_name[0] > '9' || !read_stat(e->d_name, &state, &parent) ||
            parent != getpid())
            continue;
        census.zombies += state == 'Z';
        census.living += state != 'Z';
        census.shm += shared_files(e->d_name);
    }
    if (d)
        closedir(d);
    return census;
}

void fault_expect_children(unsigned living)
{
    fault_census census = {0};
    for (int ms = 0; ms < 120000; ms += 10) {
        census = fault_count();
        if (census.living == living && !census.zombies)
            break;
        pause_ms(10);
    }
    EXPECT_U64(census.living, living);
    EXPECT_U64(census.zombies, 0);
    EXPECT_U64(census.shm, 0);
}
