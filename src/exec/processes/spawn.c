#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/error.h"
#include "base/reap.h"
#include "memory.h"
#include "region.h"
#include "task/registry.h"

/* ---- The program --------------------------------------------------------------------------- */

fan_status fani_processes_program_init(fani_processes_program *program, const char *path,
                                       fan_error *error)
{
    const char *own = fani_registry_program();
    fani_processes_program made = {0};
    if (path)
        made.path = realpath(path, NULL); /* the program may change its folder later */
    else
        made.path = strdup("/proc/self/exe");
    if (path && !made.path && errno != ENOMEM)
        return fani_error_errno(error, FAN_E_UNAVAILABLE, errno, "can't find the worker program %s",
                                path);
    made.name = strdup(path ? path : own ? own : "fanfold");
    /* Copied once, by the opening thread: the pump would race with a setenv of the program. */
    made.environment = fani_environment_copy(NULL, false);
    if (!made.path || !made.name || !made.environment) {
        fani_processes_program_clear(&made);
        return fani_error_set(error, FAN_E_MEMORY, "no memory for starting workers");
    }
    *program = made;
    return FAN_OK;
}

void fani_processes_program_clear(fani_processes_program *program)
{
    free(program->path);
    free(program->name);
    free(program->environment);
    *program = (fani_processes_program){0};
}

/* ---- Starting ------------------------------------------------------------------------------ */

static int add_standard_streams(posix_spawn_file_actions_t *actions, const int streams[2])
{
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    for (int i = 0; i < 2 && !error; i++)
        error = posix_spawn_file_actions_adddup2(actions, streams[i], i + 1);
    return error;
}

static int fill_actions(posix_spawn_file_actions_t *actions, int region, int socket, int bell,
                        const int streams[2])
{
    int error = add_standard_streams(actions, streams);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, region, FANI_PROCESSES_FD_REGION);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, socket, FANI_PROCESSES_FD_SOCKET);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, bell, FANI_PROCESSES_FD_BELL);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(actions, FANI_PROCESSES_FD_BELL + 1);
    return error;
}

/* The pump blocks all signals and the program may ignore some: an image starts afresh. */
static int fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error)
        error =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

static int spawn_with(const fani_processes_program *program,
                      const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, int *pidfd)
{
    char argument[64];
    snprintf(argument, sizeof argument, "--fanfold-worker=processes:%d:%d:%d",
             FANI_PROCESSES_FD_REGION, FANI_PROCESSES_FD_SOCKET, FANI_PROCESSES_FD_BELL);
    char *arguments[] = {program->name, argument, NULL};
    pid_t pid;
    int error =
        posix_spawn(&pid, program->path, actions, attributes, arguments, program->environment);
    if (error)
        return error;
    *pidfd = pidfd_open(pid, 0);
    if (*pidfd >= 0)
        return 0;
    error = errno;
    /* Without a pidfd its end can't be watched; ESRCH: the program's own code has reaped it. */
    if (error != ESRCH) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return error;
}

int fani_processes_spawn(const fani_processes_program *program, int region, int socket, int bell,
                         const int streams[2], int *pidfd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = fill_attributes(&attributes);
        if (!error)
            error = fill_actions(&actions, region, socket, bell, streams);
        if (!error)
            error = spawn_with(program, &actions, &attributes, pidfd);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* ---- Ending -------------------------------------------------------------------------------- */

/* The peak is what it had in memory: less than its limit, by what it had asked for and not touched.
 */
static bool used_up(const struct rusage *usage, size_t limit)
{
    return limit && (size_t)usage->ru_maxrss * 1024 >= limit - limit / 8;
}

bool fani_processes_is_stopped(int pidfd, int64_t *cpu_us)
{
    siginfo_t info = {0};
    struct rusage usage = {0};
    /* WNOWAIT: it stays to be told to whoever else asks. */
    if (syscall(SYS_waitid, P_PIDFD, pidfd, &info, WSTOPPED | WNOHANG | WNOWAIT, &usage) != 0 ||
        info.si_pid == 0)
        return false;
    *cpu_us = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
              usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    return true;
}

bool fani_processes_reap(int pidfd, size_t memory_limit, char *text, size_t text_size)
{
    fani_ended ended;
    if (!fani_reap(pidfd, &ended))
        return false;
    fani_ended_describe(&ended, text, text_size);
    size_t used = strlen(text);
    if (ended.has_usage && used_up(&ended.usage, memory_limit))
        snprintf(text + used, text_size - used,
                 ", its memory used up: a worker may use %zu MiB (worker_memory)",
                 memory_limit >> 20);
    return true;
}
