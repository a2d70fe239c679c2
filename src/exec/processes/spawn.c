#include "spawn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/error.h"
#include "base/process_spawn.h"
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

int fani_processes_spawn(const fani_processes_program *program, int region, int socket, int bell,
                         const int streams[2], int *pidfd)
{
    enum { PASSED = FANI_PROCESSES_FD_BELL - FANI_PROCESSES_FD_REGION + 1 };
    _Static_assert(FANI_PROCESSES_FD_REGION == 3 && FANI_PROCESSES_FD_SOCKET == 4 && PASSED == 3,
                   "the order in which they are passed");
    const int passed[PASSED] = {region, socket, bell};
    char argument[64];
    snprintf(argument, sizeof argument, "--fanfold-worker=processes:%d:%d:%d",
             FANI_PROCESSES_FD_REGION, FANI_PROCESSES_FD_SOCKET, FANI_PROCESSES_FD_BELL);
    const char *const arguments[] = {program->name, argument, NULL};
    const fani_spawn how = {.program = program->path,
                            .arguments = arguments,
                            .environment = program->environment,
                            .folder = -1,
                            .streams = {FANI_SPAWN_NULL, streams[0], streams[1]},
                            .passed = passed,
                            .passed_count = PASSED,
                            .group = FANI_SPAWN_OUR_GROUP};
    pid_t pid;
    int error = fani_spawn_start(&how, &pid, pidfd);
    /* Without a pidfd its end can't be watched: the program's own code has waited for it. */
    return !error && *pidfd < 0 ? ESRCH : error;
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
