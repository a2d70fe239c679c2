/* Threads, processes and the calendar's clock. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "interpose.h"

/* The next definition of a function: the C library's. */
static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&real = next("pthread_create");
    if (fault_meet(FAULT_THREAD, -1, NULL) == FAULT_FAIL)
        return errno;
    return real(thread, attributes, start, argument);
}

typedef int starts(pid_t *, const char *, const posix_spawn_file_actions_t *,
                   const posix_spawnattr_t *, char *const[], char *const[]);

/* A child by the next definition of `call`, or the fault. */
static int start_by(const char *call, pid_t *pid, const char *path,
                    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                    char *const argv[], char *const envp[])
{
    starts *real;
    *(void **)&real = next(call);
    if (fault_meet(FAULT_SPAWN, -1, path) == FAULT_FAIL)
        return errno;
    return real(pid, path, actions, attributes, argv, envp);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return start_by("posix_spawn", pid, path, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return start_by("posix_spawnp", pid, path, actions, attributes, argv, envp);
}

/* ---- The clock ------------------------------------------------------------------------------- */

static time_t jump(void)
{
    static _Atomic unsigned looks;
    long hours = fault_clock_hours();
    return (atomic_fetch_add(&looks, 1) & 1 ? -hours : hours) * 3600;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += jump();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return result;
}

time_t time(time_t *now)
{
    struct timespec here;
    (void)clock_gettime(CLOCK_REALTIME, &here);
    if (now)
        *now = here.tv_sec;
    return here.tv_sec;
}
