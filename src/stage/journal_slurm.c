#include "stage/journal_slurm.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { OUTPUT = 4096, NS_PER_MS = 1000000, LOOK_MS = 20 };

extern char **environ;

/* Starts a command with its output in a pipe, and no signal ignored or blocked that would keep it
 * from ending. Answers its pid, or -1. */
static pid_t start(char *const arguments[], int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid = -1;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions))
        return -1;
    if (posix_spawnattr_init(&attributes)) {
        posix_spawn_file_actions_destroy(&actions);
        return -1;
    }
    if (posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) ||
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO) ||
        posix_spawnattr_setsigmask(&attributes, &none) ||
        posix_spawnattr_setsigdefault(&attributes, &all) ||
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) ||
        posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments, environ))
        pid = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int ms_left(fan_deadline deadline)
{
    int64_t left = (deadline - fani_clock_ns()) / NS_PER_MS;
    return left <= 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Reads until the end of the output; what does not fit is dropped. False: not by the deadline. */
static bool read_output(int fd, char text[static OUTPUT], fan_deadline deadline)
{
    size_t used = 0;
    char spill[256] = "";
    for (;;) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        int ready = poll(&entry, 1, ms_left(deadline));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        bool room = used + 1 < OUTPUT;
        ssize_t n = read(fd, room ? text + used : spill, room ? OUTPUT - 1 - used : sizeof spill);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += room ? (size_t)n : 0;
    }
    text[used] = '\0';
    return true;
}

/* Waits for a command to end, then kills it. Its exit code is not asked for: where the program
 * ignores SIGCHLD there is none. */
static void finish(pid_t pid, fan_deadline deadline)
{
    for (;;) {
        pid_t ended = waitpid(pid, NULL, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return;
        if (ms_left(deadline) == 0)
            break;
        (void)poll(NULL, 0, LOOK_MS);
    }
    (void)kill(pid, SIGKILL); /* it has not been waited for: the pid is still its own */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static bool run(char *const arguments[], char text[static OUTPUT], fan_deadline deadline)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return false;
    pid_t pid = start(arguments, ends[1]);
    (void)close(ends[1]);
    bool whole = pid > 0 && read_output(ends[0], text, deadline);
    (void)close(ends[0]);
    if (pid > 0)
        finish(pid, whole ? deadline : FAN_NOW);
    return whole;
}

static bool among(const char *word, size_t size, const char *const words[])
{
    for (size_t i = 0; words[i]; i++) {
        if (strlen(words[i]) == size && memcmp(words[i], word, size) == 0)
            return true;
    }
    return false;
}

/* What a state's name at the start of a text means; a '+' or a blank may follow it. */
static fani_slurm_answer meaning(const char *text)
{
    static const char *const ended[] = {
        "BOOT_FAIL",     "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL",
        "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",   "TIMEOUT",  NULL};
    static const char *const lives[] = {
        "COMPLETING",   "CONFIGURING", "PENDING",   "REQUEUED",  "REQUEUE_FED",
        "REQUEUE_HOLD", "RESIZING",    "RUNNING",   "SIGNALING", "SPECIAL_EXIT",
        "STAGE_OUT",    "STOPPED",     "SUSPENDED", NULL};
    size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    if (among(text, size, ended))
        return FANI_SLURM_ENDED;
    return among(text, size, lives) ? FANI_SLURM_LIVES : FANI_SLURM_UNKNOWN;
}

/* An array or a heterogeneous job has a state for each part: it has ended when all have. */
static fani_slurm_answer meaning_of_lines(const char *text)
{
    fani_slurm_answer answer = FANI_SLURM_UNKNOWN;
    while (*text) {
        fani_slurm_answer line = meaning(text);
        if (line != FANI_SLURM_ENDED)
            return line;
        answer = line;
        text += strcspn(text, "\n");
        text += strspn(text, "\n");
    }
    return answer;
}

fani_slurm_answer fani_slurm_ask(const char *job, fan_deadline deadline)
{
    char text[OUTPUT], id[64];
    if (strspn(job, "0123456789_") != strlen(job) || !isdigit((unsigned char)job[0]))
        return FANI_SLURM_UNKNOWN;
    snprintf(id, sizeof id, "%s", job);
    char *squeue[] = {(char[]){"squeue"},
                      (char[]){"-h"},
                      (char[]){"-j"},
                      id,
                      (char[]){"-o"},
                      (char[]){"%T"},
                      NULL};
    if (run(squeue, text, deadline)) {
        fani_slurm_answer answer = meaning_of_lines(text);
        if (answer != FANI_SLURM_UNKNOWN)
            return answer;
        /* Ended jobs leave the queue: an empty answer and this error both say so. */
        if (text[0] && !strstr(text, "Invalid job id"))
            return FANI_SLURM_UNKNOWN;
    } else
        return FANI_SLURM_UNKNOWN;
    char *scontrol[] = {(char[]){"scontrol"}, (char[]){"show"}, (char[]){"job"}, id, NULL};
    if (!run(scontrol, text, deadline))
        return FANI_SLURM_UNKNOWN;
    const char *state = strstr(text, "JobState=");
    if (state)
        return meaning(state + strlen("JobState="));
    return strstr(text, "Invalid job id") ? FANI_SLURM_ENDED : FANI_SLURM_UNKNOWN;
}
