#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

extern char **environ;

struct bench_child {
    pid_t pid;
    int line; /* a socket: its both ends are the child's input and output */
    char *text;
    size_t used, room;
    size_t given; /* bytes of the line that was heard last, to be dropped at the next */
};

/* ---- Starting ------------------------------------------------------------------------------- */

static bool of_a_launcher(const char *variable)
{
    static const char *const prefixes[] = {"OMPI_", "PMIX_", "PMI_", "MPI_", "HYDRA_", "HYDI_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* The environment without a launcher's variables; the array is the caller's, its texts are not. */
static char **own_environment(void)
{
    static char as_root[] = "OMPI_ALLOW_RUN_AS_ROOT=1";
    static char confirmed[] = "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **own = bench_alloc(count + 3, sizeof *own);
    for (size_t i = 0; i < count; i++)
        if (!of_a_launcher(environ[i]))
            own[kept++] = environ[i];
    if (!geteuid()) {
        own[kept++] = as_root;
        own[kept++] = confirmed;
    }
    return own;
}

static int spawn(pid_t *pid, char *const argv[], int line)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = own_environment();
    if (posix_spawn_file_actions_init(&actions) || posix_spawnattr_init(&attributes) ||
        posix_spawn_file_actions_adddup2(&actions, line, STDIN_FILENO) ||
        posix_spawn_file_actions_adddup2(&actions, line, STDOUT_FILENO) ||
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP))
        bench_fail("no memory for a child");
    int code = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return code;
}

bench_child *bench_child_start(char *const argv[], char *why, unsigned size)
{
    int ends[2];
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        bench_fail("no socket for a child: %s", strerror(errno));
    int code = spawn(&pid, argv, ends[1]);
    close(ends[1]);
    if (code) {
        close(ends[0]);
        snprintf(why, size, "%s: %s", argv[0], strerror(code));
        return NULL;
    }
    bench_child *child = bench_alloc(1, sizeof *child);
    *child = (bench_child){.pid = pid, .line = ends[0]};
    return child;
}

/* ---- Talking -------------------------------------------------------------------------------- */

bool bench_child_tell(bench_child *child, const char *line)
{
    for (size_t left = strlen(line); left;) {
        ssize_t sent = send(child->line, line, left, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        line += sent;
        left -= (size_t)sent;
    }
    return true;
}

/* Reads what there is; false at the end, on an error, or when nothing comes until the deadline. */
static bool read_more(bench_child *child, double deadline_ns)
{
    double left_ms = (deadline_ns - bench_wall_ns()) / 1e6;
    struct pollfd ready = {.fd = child->line, .events = POLLIN};
    int code = left_ms > 0 ? poll(&ready, 1, (int)left_ms + 1) : 0;
    if (code < 0 && errno == EINTR)
        return true;
    if (code <= 0)
        return false;
    if (child->room - child->used < 4096) {
        child->room = 2 * child->room + 65536;
        char *text = realloc(child->text, child->room);
        if (!text)
            bench_fail("no memory for a child's answer");
        child->text = text;
    }
    ssize_t got = read(child->line, child->text + child->used, child->room - child->used);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    child->used += (size_t)got;
    return true;
}

char *bench_child_hear(bench_child *child, double seconds)
{
    double deadline = bench_wall_ns() + seconds * 1e9;
    if (child->given) {
        child->used -= child->given;
        memmove(child->text, child->text + child->given, child->used);
        child->given = 0;
    }
    for (size_t seen = 0;;) {
        char *end =
            child->used > seen ? memchr(child->text + seen, '\n', child->used - seen) : NULL;
        if (end) {
            *end = '\0';
            child->given = (size_t)(end - child->text) + 1;
            return child->text;
        }
        seen = child->used;
        if (!read_more(child, deadline)) {
            shutdown(child->line, SHUT_RDWR);
            return NULL;
        }
    }
}

/* ---- Ending --------------------------------------------------------------------------------- */

static void send_away(pid_t pid)
{
    struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < 500; i++) {
        pid_t ended = waitpid(pid, NULL, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return;
        nanosleep(&pause, NULL);
    }
    if (kill(-pid, SIGKILL) && errno != ESRCH)
        fprintf(stderr, "bench: ending child %d: %s\n", (int)pid, strerror(errno));
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

void bench_child_end(void *self)
{
    bench_child *child = self;
    if (!child)
        return;
    shutdown(child->line, SHUT_WR);
    send_away(child->pid);
    close(child->line);
    free(child->text);
    free(child);
}
