#include "reap.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What Linux tells of a pidfd since 6.15, also when somebody else has reaped the process. The C
 * library does not know of it yet. */
typedef struct pidfd_facts {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t status; /* as waitpid gives it */
} pidfd_facts;

enum { HAS_STATUS = 8 };

/* The program ignores SIGCHLD, or waits for any child: the status went elsewhere, and comes here a
 * moment after the end. */
static void ask_elsewhere(int pidfd, fani_ended *ended)
{
    const struct timespec moment = {.tv_nsec = 50000};
    pidfd_facts facts = {0};
    for (int i = 0; i < 20; i++) {
        facts.mask = HAS_STATUS;
        bool told = ioctl(pidfd, _IOWR(0xff, 11, pidfd_facts), &facts) == 0;
        if (told && facts.mask & HAS_STATUS) {
            ended->known = true;
            ended->exited = WIFEXITED(facts.status);
            ended->number = ended->exited ? WEXITSTATUS(facts.status) : WTERMSIG(facts.status);
            return;
        }
        if (!told && errno != ESRCH)
            return; /* an older kernel */
        nanosleep(&moment, NULL);
    }
}

bool fani_reap(int pidfd, fani_ended *ended)
{
    siginfo_t info = {0};
    long result;
    *ended = (fani_ended){0};
    do /* the system call tells the child's use of memory, which the library's waitid keeps */
        result = syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG, &ended->usage);
    while (result < 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0)
        return false;
    if (result != 0) {
        ask_elsewhere(pidfd, ended);
        return true;
    }
    ended->known = ended->has_usage = true;
    ended->exited = info.si_code == CLD_EXITED;
    ended->number = info.si_status;
    return true;
}

void fani_ended_describe(const fani_ended *ended, char *text, size_t text_size)
{
    const char *name = ended->exited ? NULL : sigabbrev_np(ended->number);
    if (!ended->known)
        snprintf(text, text_size, "died");
    else if (ended->exited)
        snprintf(text, text_size, "exited with code %d", ended->number);
    else if (name)
        snprintf(text, text_size, "killed by SIG%s", name);
    else
        snprintf(text, text_size, "killed by signal %d", ended->number);
}
