#include "victims.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = 4096, PIECE = 8192 };

typedef struct process {
    pid_t pid, parent;
    char state;
} process;

/* ---- /proc ----------------------------------------------------------------------------------- */

/* A file of a process, at most size - 1 bytes, its NULs kept; how many. */
static size_t read_about(pid_t pid, const char *what, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && used < size - 1) {
        n = read(fd, text + used, size - 1 - used);
        used += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    text[used] = '\0';
    return used;
}

static bool read_process(pid_t pid, process *p)
{
    char text[512];
    read_about(pid, "stat", text, sizeof text);
    const char *after = strrchr(text, ')');
    if (!after || after[1] != ' ')
        return false;
    *p = (process){.pid = pid, .parent = (pid_t)strtol(after + 3, NULL, 10), .state = after[2]};
    return true;
}

static size_t read_all(process *all)
{
    size_t count = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && count < PROCESSES && (entry = readdir(dir));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        count += pid > 0 && read_process(pid, &all[count]);
    }
    if (dir)
        closedir(dir);
    return count;
}

/* Whether one of a file's texts, each ended by a NUL, begins so. */
static bool has_text(pid_t pid, const char *file, const char *prefix)
{
    static char texts[1 << 16];
    size_t size = read_about(pid, file, texts, sizeof texts);
    for (const char *at = texts; at < texts + size; at += strlen(at) + 1)
        if (!strncmp(at, prefix, strlen(prefix)))
            return true;
    return false;
}

/* ---- Who is who ------------------------------------------------------------------------------ */

static bool descends(const process *all, size_t count, pid_t pid, pid_t from)
{
    for (int depth = 0; pid > 1 && depth < 16; depth++) {
        if (pid == from)
            return true;
        size_t i = 0;
        while (i < count && all[i].pid != pid)
            i++;
        pid = i < count ? all[i].parent : 0;
    }
    return false;
}

static bool is_meant(pid_t pid, victim_kind who)
{
    bool worker = has_text(pid, "cmdline", "--fanfold-worker");
    if (who == VICTIM_WORKER || worker)
        return who == VICTIM_WORKER && worker;
    bool first = has_text(pid, "environ", "OMPI_COMM_WORLD_RANK=0") ||
                 has_text(pid, "environ", "PMI_RANK=0");
    bool rank =
        has_text(pid, "environ", "OMPI_COMM_WORLD_RANK=") || has_text(pid, "environ", "PMI_RANK=");
    return rank && first == (who == VICTIM_RANK_0);
}

static pid_t look_for(pid_t pid, victim_kind who, unsigned choice)
{
    static process all[PROCESSES];
    pid_t found[64];
    size_t count = read_all(all), candidates = 0;
    for (size_t i = 0; i < count && candidates < 64; i++)
        if (all[i].pid != pid && all[i].state != 'Z' && descends(all, count, all[i].pid, pid) &&
            is_meant(all[i].pid, who))
            found[candidates++] = all[i].pid;
    return candidates ? found[choice % candidates] : 0;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

pid_t victim_of(pid_t pid, victim_kind who, unsigned choice)
{
    if (who == VICTIM_COMMAND)
        return has_ended(pid) ? 0 : pid;
    for (int i = 0; i < 24000 && !has_ended(pid); i++) {
        pid_t found = look_for(pid, who, choice);
        if (found)
            return found;
        pause_ms(5);
    }
    return 0;
}

bool has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

bool has_open(pid_t pid, const char *path)
{
    char name[64];
    struct stat file, opened;
    bool open = false;
    snprintf(name, sizeof name, "/proc/%d/fd", (int)pid);
    DIR *dir = stat(path, &file) == 0 ? opendir(name) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        open |= fstatat(dirfd(dir), entry->d_name, &opened, 0) == 0 &&
                opened.st_dev == file.st_dev && opened.st_ino == file.st_ino;
    if (dir)
        closedir(dir);
    return open;
}

bool is_alive(pid_t pid)
{
    process p;
    return read_process(pid, &p) && p.state != 'Z';
}

bool wait_stopped(pid_t pid)
{
    process p = {0};
    for (int i = 0; i < 120000 && read_process(pid, &p) && p.state != 'Z'; i++) {
        if (p.state == 'T')
            return true;
        pause_ms(1);
    }
    return false;
}

/* ---- Random moments -------------------------------------------------------------------------- */

moments moments_new(void)
{
    const char *given = getenv("FAULT_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given ? strtoull(given, NULL, 10)
                          : (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec;
    printf("FAULT_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    return (moments){.seed = seed, .next = seed};
}

/* splitmix64 */
uint64_t moments_below(moments *m, uint64_t limit)
{
    uint64_t z = m->next += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return limit ? z % limit : z;
}
