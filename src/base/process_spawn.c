#include "process_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fanfold/process.h"

static int add_streams(posix_spawn_file_actions_t *actions, const int streams[3])
{
    int error = 0;
    for (int i = 0; i < 3 && !error; i++) {
        if (streams[i] >= 0)
            error = posix_spawn_file_actions_adddup2(actions, streams[i], i);
        else if (streams[i] == FANI_SPAWN_NULL)
            error = posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                     i ? O_WRONLY : O_RDONLY, 0);
    }
    return error;
}

static int add_passed(posix_spawn_file_actions_t *actions, const fani_spawn *spawn)
{
    int error = 0;
    for (int i = 0; i < spawn->passed_count && !error; i++)
        error = posix_spawn_file_actions_adddup2(actions, spawn->passed[i], 3 + i);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(actions, 3 + spawn->passed_count);
    return error;
}

static int fill_actions(posix_spawn_file_actions_t *actions, const fani_spawn *spawn)
{
    int error = 0;
    if (spawn->folder >= 0)
        error = posix_spawn_file_actions_addfchdir_np(actions, spawn->folder);
    if (!error)
        error = add_streams(actions, spawn->streams);
    return error ? error : add_passed(actions, spawn);
}

static int fill_attributes(posix_spawnattr_t *attributes, pid_t group)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error && group != FANI_SPAWN_OUR_GROUP) {
        flags |= POSIX_SPAWN_SETPGROUP;
        error = posix_spawnattr_setpgroup(attributes, group);
    }
    return error ? error : posix_spawnattr_setflags(attributes, flags);
}

static int spawn_with(const fani_spawn *spawn, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, pid_t *pid, int *pidfd)
{
    /* posix_spawn takes texts that it does not change as if it might. */
    char *const *arguments = (char *const *)spawn->arguments;
    const char *program = spawn->program ? spawn->program : arguments[0];
    int error = posix_spawnp(pid, program, actions, attributes, arguments, spawn->environment);
    if (error)
        return error;
    *pidfd = pidfd_open(*pid, 0);
    if (*pidfd >= 0 || errno == ESRCH)
        return 0;
    error = errno; /* without a descriptor its end can't be watched */
    (void)kill(*pid, SIGKILL);
    if (!spawn->group)
        (void)kill(-*pid, SIGKILL); /* what it has started meanwhile */
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return error;
}

int fani_spawn_start(const fani_spawn *spawn, pid_t *pid, int *pidfd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = fill_attributes(&attributes, spawn->group);
        if (!error)
            error = fill_actions(&actions, spawn);
        if (!error)
            error = spawn_with(spawn, &actions, &attributes, pid, pidfd);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int fani_spawn_refusal(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return FAN_PROCESS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case EISDIR:
    case ELOOP:
    case E2BIG:
    case EINVAL:
    case ELIBBAD:
    case ETXTBSY:
        return FAN_PROCESS_NOT_EXECUTABLE;
    default:
        return 0;
    }
}

bool fani_spawn_lift(int *fd)
{
    if (*fd > 2)
        return true;
    int low = *fd;
    *fd = fcntl(low, F_DUPFD_CLOEXEC, 3);
    int error = errno;
    (void)close(low);
    errno = error;
    return *fd >= 0;
}
