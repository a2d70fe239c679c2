#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "process_spawn.h"

enum { PLACES = 4096, SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

/* What both see: the groups, 0 where a place is free. */
typedef struct noted {
    _Atomic int32_t groups[PLACES];
} noted;

struct fani_guard {
    noted *noted;
    int pidfd;
    int alive; /* a pipe's end that closes with this program */
};

/* ---- The program's side ----------------------------------------------------------------------
 */

/* The guard reads the notes through its standard input, and waits for the end of the pipe that is
 * its standard output: no other descriptors need to be passed. */
static int spawn(fani_guard *g, const char *name, int memory, int pipe_end)
{
    const char *const arguments[] = {name, FANI_GUARD_ARGUMENT, NULL};
    fani_spawn how = {.program = "/proc/self/exe",
                      .arguments = arguments,
                      .environment = fani_environment_copy(NULL, false),
                      .folder = -1,
                      .streams = {memory, pipe_end, FANI_SPAWN_NULL}};
    pid_t pid;
    int error = how.environment ? fani_spawn_start(&how, &pid, &g->pidfd) : ENOMEM;
    free(how.environment);
    return error;
}

static bool open_all(fani_guard *g, const char *name)
{
    int ends[2] = {-1, -1};
    int memory = memfd_create("fanfold guard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = memory >= 0 && fani_spawn_lift(&memory) &&
                ftruncate(memory, sizeof *g->noted) == 0 &&
                fcntl(memory, F_ADD_SEALS, SEALS) == 0 && pipe2(ends, O_CLOEXEC) == 0;
    void *mapped = good
                       ? mmap(NULL, sizeof *g->noted, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0)
                       : MAP_FAILED;
    g->alive = ends[1];
    g->noted = mapped != MAP_FAILED ? mapped : NULL;
    good = g->noted && fani_spawn_lift(&g->alive) && fani_spawn_lift(&ends[0]) &&
           spawn(g, name, memory, ends[0]) == 0;
    if (memory >= 0)
        (void)close(memory);
    if (ends[0] >= 0)
        (void)close(ends[0]);
    return good;
}

fani_guard *fani_guard_open(const char *name)
{
    fani_guard *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->pidfd = g->alive = -1;
    if (open_all(g, name))
        return g;
    fani_guard_close(g);
    return NULL;
}

void fani_guard_close(fani_guard *guard)
{
    if (!guard)
        return;
    siginfo_t info;
    if (guard->pidfd >= 0) { /* it may still be starting: its end is not worth a wait for that */
        (void)pidfd_send_signal(guard->pidfd, SIGKILL, NULL, 0);
        while (waitid(P_PIDFD, (id_t)guard->pidfd, &info, WEXITED) && errno == EINTR)
            ;
        (void)close(guard->pidfd);
    }
    if (guard->alive >= 0)
        (void)close(guard->alive);
    if (guard->noted)
        (void)munmap(guard->noted, sizeof *guard->noted);
    free(guard);
}

unsigned fani_guard_note(fani_guard *guard, pid_t group)
{
    for (unsigned i = 0; guard && group > 1 && i < PLACES; i++) {
        int32_t none = 0;
        if (atomic_load_explicit(&guard->noted->groups[i], memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&guard->noted->groups[i], &none, group))
            return i + 1;
    }
    return 0;
}

void fani_guard_forget(fani_guard *guard, unsigned place)
{
    if (place)
        atomic_store(&guard->noted->groups[place - 1], 0);
}

/* ---- The guard's side ------------------------------------------------------------------------
 */

int fani_guard_serve(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    struct stat info;
    char byte;
    ssize_t n;
    int seals = fcntl(STDIN_FILENO, F_GET_SEALS); /* the system may have added F_SEAL_EXEC */
    if (fstat(STDIN_FILENO, &info) || info.st_size != sizeof(noted) || seals < 0 ||
        (seals & SEALS) != SEALS) {
        (void)fputs(FANI_GUARD_ARGUMENT " is how Fanfold guards its children, and no option\n",
                    stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_IGN);
    noted *seen = mmap(NULL, sizeof *seen, PROT_READ, MAP_SHARED, STDIN_FILENO, 0);
    if (seen == MAP_FAILED)
        return 4;
    do
        n = read(STDOUT_FILENO, &byte, 1);
    while (n > 0 || (n < 0 && errno == EINTR));
    for (unsigned i = 0; i < PLACES; i++) {
        int32_t group = atomic_load(&seen->groups[i]);
        if (group > 1)
            (void)kill(-group, SIGKILL);
    }
    return 0;
}
