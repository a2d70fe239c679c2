/* Starting child processes, and what is done to them but waiting (process_wait.c). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "environment.h"
#include "error.h"
#include "process_internal.h"
#include "process_spawn.h"

enum { LIMIT = 1 << 30, FREE_MS = 1000, STREAMS = 3, SURE_TO_FIT = 4096 /* PIPE_BUF */ };

/* ---- The child's streams ---------------------------------------------------------------------
 */

/* The child's ends while it is started. */
typedef struct ends {
    int fds[STREAMS]; /* to be closed afterwards where `owned` */
    bool owned[STREAMS];
} ends;

static fan_status no_descriptor(fan_error *error)
{
    return fani_error_errno(error, FAN_E_SYSTEM, errno, "can't make the streams of a child");
}

/* A pipe of which both ends are above 2. */
static bool make_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC))
        return false;
    bool first = fani_spawn_lift(&fds[0]);
    if (first && fani_spawn_lift(&fds[1]))
        return true;
    int code = errno;
    (void)close(first ? fds[0] : fds[1]);
    errno = code;
    return false;
}

static fan_status open_pipe(fan_process *p, int stream, ends *child, fan_error *error)
{
    int fds[2];
    if (!make_pipe(fds))
        return no_descriptor(error);
    bool reads = stream == FAN_PROCESS_INPUT;
    child->fds[stream] = fds[!reads];
    child->owned[stream] = true;
    p->fds[stream] = fds[reads];
    return FAN_OK;
}

/* A pipe of which we read what can be had without waiting. */
static fan_status open_kept(fan_process *p, int stream, ends *child, fan_error *error)
{
    fan_status status = open_pipe(p, stream, child, error);
    if (status == FAN_OK && fcntl(p->fds[stream], F_SETFL, O_NONBLOCK))
        status = no_descriptor(error);
    return status;
}

static bool write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n < 0 ? 0 : n;
        size -= n < 0 ? 0 : (size_t)n;
    }
    return true;
}

/* Bytes to be read are a file in memory, which nobody has to feed and nobody can change. */
static fan_status open_bytes(const fan_process_options *o, ends *child, fan_error *error)
{
    const unsigned int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int fd = memfd_create("fanfold input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || !fani_spawn_lift(&fd))
        return no_descriptor(error);
    child->fds[FAN_PROCESS_INPUT] = fd;
    child->owned[FAN_PROCESS_INPUT] = true;
    if (!write_all(fd, o->input, o->input_size) || lseek(fd, 0, SEEK_SET) ||
        fcntl(fd, F_ADD_SEALS, seals))
        return no_descriptor(error);
    return FAN_OK;
}

/* The caller's descriptor, or a copy of one that the child's streams would be put over. */
static fan_status open_given(int fd, int stream, ends *child, fan_error *error)
{
    child->fds[stream] = fd;
    if (fd > 2)
        return FAN_OK;
    child->fds[stream] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    child->owned[stream] = child->fds[stream] >= 0;
    return child->owned[stream] ? FAN_OK : no_descriptor(error);
}

static fan_status open_stream(fan_process *p, int stream, ends *child, fan_error *error)
{
    const fan_process_options *o = &p->options;
    switch (o->streams[stream].kind) {
    case FAN_PROCESS_STANDARD:
        if (stream != FAN_PROCESS_INPUT)
            return open_kept(p, stream, child, error);
        if (o->input_size)
            return open_bytes(o, child, error);
        child->fds[stream] = FANI_SPAWN_NULL;
        return FAN_OK;
    case FAN_PROCESS_NULL:
        child->fds[stream] = FANI_SPAWN_NULL;
        return FAN_OK;
    case FAN_PROCESS_INHERIT:
        return FAN_OK;
    case FAN_PROCESS_PIPE:
        return open_pipe(p, stream, child, error);
    case FAN_PROCESS_FD:
        return open_given(o->streams[stream].fd, stream, child, error);
    case FAN_PROCESS_MERGE:
        if (stream != FAN_PROCESS_ERROR)
            break;
        /* Where output is this program's own, it has no number that can be put over error. */
        if (child->fds[FAN_PROCESS_OUTPUT] == FANI_SPAWN_INHERIT)
            return open_given(STDOUT_FILENO, stream, child, error);
        child->fds[stream] = child->fds[FAN_PROCESS_OUTPUT];
        return FAN_OK;
    }
    return fani_error_set(error, FAN_E_ARGUMENT, "stream %d of a child can't be of kind %d", stream,
                          (int)o->streams[stream].kind);
}

static void close_ends(const ends *child)
{
    for (int i = 0; i < STREAMS; i++)
        if (child->owned[i])
            (void)close(child->fds[i]); /* nothing was written through these */
}

void fani_process_close(fan_process *p, int stream)
{
    if (p->fds[stream] >= 0)
        (void)close(p->fds[stream]); /* a pipe has nothing to lose */
    p->fds[stream] = -1;
}

/* ---- Starting --------------------------------------------------------------------------------
 */

/* A command that was not started has ended, as a shell would say it. */
static fan_status refuse(fan_process *p, int code, fan_error *error)
{
    const char *name = p->options.arguments[0];
    int exit_code = fani_spawn_refusal(code);
    if (!exit_code)
        return fani_error_errno(error, code == ENOMEM ? FAN_E_MEMORY : FAN_E_SYSTEM, code,
                                "can't start %.200s", name);
    for (int i = 0; i < STREAMS; i++)
        fani_process_close(p, i);
    p->finished = true;
    p->result.end = FAN_PROCESS_NOT_STARTED;
    p->result.exit_code = exit_code;
    snprintf(p->result.text, sizeof p->result.text, "%.160s: %s", name,
             code == ENOENT ? "there is no such command" : strerrordesc_np(code));
    return FAN_OK;
}

static fan_status spawn(fan_process *p, const ends *child, int folder, fan_error *error)
{
    const fan_process_options *o = &p->options;
    fani_spawn how = {.arguments = o->arguments,
                      .environment = fani_environment_copy(o->environment, o->keep_mpi_environment),
                      .folder = folder,
                      .streams = {child->fds[0], child->fds[1], child->fds[2]},
                      .group = p->group};
    if (!how.environment)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the environment of a child");
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall); /* as the monotonic one it can't fail */
    p->result.begun_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
    p->begun = p->stepped = fani_clock_ns();
    int code = fani_spawn_start(&how, &p->id, &p->pidfd);
    if (code == EPERM && p->group) { /* all of the group are gone, and it with them */
        how.group = p->group = 0;
        code = fani_spawn_start(&how, &p->id, &p->pidfd);
    }
    free(how.environment);
    if (code)
        return refuse(p, code, error);
    if (!p->group)
        p->group = p->id;
    p->gone = p->pidfd < 0;
    return FAN_OK;
}

static fan_status spawn_in_folder(fan_process *p, const ends *child, fan_error *error)
{
    const char *name = p->options.folder;
    if (!name)
        return spawn(p, child, -1, error);
    int folder = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fani_error_errno(error, FAN_E_INPUT, errno, "can't work in the folder %.200s", name);
    if (!fani_spawn_lift(&folder))
        return no_descriptor(error);
    fan_status status;
    if (faccessat(folder, ".", X_OK, AT_EACCESS)) /* O_PATH opens what can't be gone into */
        status =
            fani_error_errno(error, FAN_E_INPUT, errno, "can't work in the folder %.200s", name);
    else
        status = spawn(p, child, folder, error);
    (void)close(folder);
    return status;
}

static fan_process *new_process(const fan_process_options *options, size_t options_size)
{
    fan_process *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    memcpy(&p->options, options, options_size);
    if (!p->options.limit)
        p->options.limit = LIMIT;
    if (p->options.limit > SIZE_MAX / 4)
        p->options.limit = SIZE_MAX / 4;
    if (!p->options.grace_ms)
        p->options.grace_ms = FAN_PROCESS_GRACE_MS;
    p->pidfd = p->fds[0] = p->fds[1] = p->fds[2] = -1;
    p->kill_at = p->drop_at = INT64_MAX;
    p->result.exit_code = -1;
    return p;
}

/* As fan_process_start, in the group of another one where `group` is not 0. */
static fan_status start(const fan_process_options *options, size_t options_size, pid_t group,
                        fan_process **process, fan_error *error)
{
    *process = NULL;
    if (options_size > sizeof *options || !options->arguments || !options->arguments[0])
        return fani_error_set(error, FAN_E_ARGUMENT, "a child needs a command");
    fan_process *p = new_process(options, options_size);
    if (!p)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a child");
    ends child = {.fds = {FANI_SPAWN_INHERIT, FANI_SPAWN_INHERIT, FANI_SPAWN_INHERIT}};
    fan_status status = FAN_OK;
    p->group = group;
    for (int i = 0; status == FAN_OK && i < STREAMS; i++)
        status = open_stream(p, i, &child, error);
    if (status == FAN_OK)
        status = spawn_in_folder(p, &child, error);
    close_ends(&child);
    if (status == FAN_OK)
        *process = p;
    else
        fan_process_free(p);
    return status;
}

fan_status fan_process_start_sized(const fan_process_options *options, size_t options_size,
                                   fan_process **process, fan_error *error)
{
    return start(options, options_size, 0, process, error);
}

/* ---- Pipelines -------------------------------------------------------------------------------
 */

/* Starts command number i, which reads from `in` (-1: it is the first), and leaves in *in what the
 * next one reads. */
static fan_status start_next(fan_process_options options, size_t size, bool last, pid_t group,
                             int *in, fan_process **process, fan_error *error)
{
    int fds[2] = {-1, -1};
    if (*in >= 0)
        options.streams[FAN_PROCESS_INPUT] = (fan_process_stream){FAN_PROCESS_FD, *in};
    if (!last && !make_pipe(fds))
        return no_descriptor(error);
    if (!last)
        options.streams[FAN_PROCESS_OUTPUT] = (fan_process_stream){FAN_PROCESS_FD, fds[1]};
    fan_status status = start(&options, size, group, process, error);
    if (!last)
        (void)close(fds[1]);
    if (*in >= 0)
        (void)close(*in);
    *in = fds[0];
    return status;
}

/* Whether the streams between the commands are left to us. */
static bool can_be_piped(const fan_process_options *o, bool first, bool last)
{
    return (first ||
            (o->streams[FAN_PROCESS_INPUT].kind == FAN_PROCESS_STANDARD && !o->input_size)) &&
           (last || o->streams[FAN_PROCESS_OUTPUT].kind == FAN_PROCESS_STANDARD);
}

/* Command number i of those given, as far as their options are known here. False: it can't be. */
static bool pick_command(const fan_process_options *commands, size_t options_size, size_t i,
                         bool last, fan_process_options *options)
{
    *options = (fan_process_options){0};
    if (options_size > sizeof *options)
        return false;
    memcpy(options, (const char *)commands + i * options_size, options_size);
    return can_be_piped(options, i == 0, last);
}

fan_status fan_process_pipeline_sized(const fan_process_options *commands, size_t options_size,
                                      size_t count, fan_process *processes[], fan_error *error)
{
    const char *why = "a pipeline has commands, and streams of its own between them";
    fan_status status = count ? FAN_OK : fani_error_set(error, FAN_E_ARGUMENT, "%s", why);
    size_t started = 0;
    pid_t group = 0;
    int in = -1;
    while (status == FAN_OK && started < count) {
        fan_process_options options;
        fan_process *made = NULL;
        bool last = started + 1 == count;
        if (pick_command(commands, options_size, started, last, &options))
            status = start_next(options, sizeof options, last, group, &in, &made, error);
        else
            status = fani_error_set(error, FAN_E_ARGUMENT, "%s", why);
        if (!made)
            break;
        processes[started++] = made;
        group = made->group ? made->group : group;
    }
    if (in >= 0)
        (void)close(in);
    while (status != FAN_OK && started)
        fan_process_free(processes[--started]);
    return status;
}

/* ---- Ending ----------------------------------------------------------------------------------
 */

void fani_process_signal(const fan_process *p, int signal)
{
    /* Until it is reaped, its number, and with it that of its group, is nobody else's. Where the
     * program ignores SIGCHLD the system reaps at once: then this is likely, not sure. */
    if (p->pidfd < 0)
        return;
    (void)kill(-p->group, signal);
    if (getpgid(p->id) != p->group) /* as a later command of a pipeline may do */
        (void)pidfd_send_signal(p->pidfd, signal, NULL, 0);
}

void fani_process_end(fan_process *p, fan_process_end why, int64_t now)
{
    if (p->finished || p->why != FAN_PROCESS_EXITED)
        return;
    p->why = why;
    p->kill_at = now + (int64_t)p->options.grace_ms * FANI_MS;
    fani_process_signal(p, SIGTERM);
    fani_process_signal(p, SIGCONT); /* one that was stopped could not end */
}

void fan_process_terminate(fan_process *process)
{
    int64_t now = fani_clock_ns();
    if (!process->finished && !fani_process_look(process, now))
        fani_process_end(process, FAN_PROCESS_ENDED, now);
}

void fan_process_kill(fan_process *process)
{
    int64_t now = fani_clock_ns();
    if (process->finished ||
        (process->why == FAN_PROCESS_EXITED && fani_process_look(process, now)))
        return;
    if (process->why == FAN_PROCESS_EXITED)
        process->why = FAN_PROCESS_ENDED;
    process->killed = true;
    process->kill_at = now;
    fani_process_signal(process, SIGKILL);
}

int64_t fan_process_id(const fan_process *process)
{
    return process->id;
}

const fan_process_result *fan_process_get_result(const fan_process *process)
{
    return process->finished ? &process->result : NULL;
}

/* ---- The caller's ends -----------------------------------------------------------------------
 */

static bool is_callers(const fan_process *p, int stream)
{
    return stream >= 0 && stream < STREAMS && p->options.streams[stream].kind == FAN_PROCESS_PIPE;
}

int fan_process_fd(const fan_process *process, int stream)
{
    return is_callers(process, stream) ? process->fds[stream] : -1;
}

void fan_process_close(fan_process *process, int stream)
{
    if (is_callers(process, stream))
        fani_process_close(process, stream);
}

/* Writes with SIGPIPE held back from this thread: one that this write raises is taken away. */
static ssize_t write_quietly(int fd, const void *bytes, size_t size)
{
    sigset_t broken, pending, before;
    const struct timespec none = {0};
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t n = write(fd, bytes, size);
    int code = errno;
    if (n < 0 && code == EPIPE && !was_pending)
        while (sigtimedwait(&broken, NULL, &none) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return n;
}

static int ms_until(fan_deadline deadline)
{
    int64_t left = deadline == FAN_FOREVER ? INT64_MAX : deadline - fani_clock_ns();
    if (left <= 0)
        return 0;
    return left / FANI_MS < 60000 ? (int)((left + FANI_MS - 1) / FANI_MS) : 60000;
}

fan_status fan_process_write(fan_process *process, const void *bytes, size_t size,
                             fan_deadline deadline, fan_error *error)
{
    const unsigned char *at = bytes;
    int fd = fan_process_fd(process, FAN_PROCESS_INPUT);
    if (fd < 0)
        return fani_error_set(error, FAN_E_ARGUMENT, "the input of this child is no open pipe");
    while (size) {
        struct pollfd entry = {.fd = fd, .events = POLLOUT};
        int ready = poll(&entry, 1, ms_until(deadline));
        if (ready == 0 && deadline != FAN_FOREVER && fani_clock_ns() >= deadline)
            return fani_error_set(error, FAN_E_TIMEOUT, "a child does not read its input");
        if (ready <= 0 && (ready == 0 || errno == EINTR))
            continue;
        ssize_t n = write_quietly(fd, at, size < SURE_TO_FIT ? size : SURE_TO_FIT);
        if (n < 0 && errno != EINTR)
            return fani_error_errno(error, FAN_E_OUTPUT, errno, "can't write to a child");
        at += n < 0 ? 0 : n;
        size -= n < 0 ? 0 : (size_t)n;
    }
    return FAN_OK;
}

/* ---- Freeing, and all in one -----------------------------------------------------------------
 */

void fan_process_result_clear(fan_process_result *result)
{
    if (!result)
        return;
    free(result->output);
    free(result->error);
    result->output = result->error = NULL;
    result->output_size = result->error_size = 0;
}

void fan_process_free(fan_process *process)
{
    if (!process)
        return;
    for (int i = 0; i < STREAMS; i++)
        fani_process_close(process, i);
    if (process->pidfd >= 0) {
        fan_process_kill(process);
        /* What a kill does not end is stuck in the kernel, and not waited for. */
        (void)fan_process_wait(process, fan_deadline_in_ms(FREE_MS));
    }
    if (process->pidfd >= 0)
        (void)close(process->pidfd);
    fan_process_result_clear(&process->result);
    free(process);
}

fan_status fan_process_run_sized(const fan_process_options *options, size_t options_size,
                                 fan_process_result *result, size_t result_size, fan_error *error)
{
    fan_process *p = NULL;
    fan_process_options filled = {0};
    if (options_size > sizeof filled || result_size > sizeof *result)
        return fani_error_set(error, FAN_E_ARGUMENT, "the options are of a newer Fanfold");
    memcpy(&filled, options, options_size);
    for (int i = 0; i < STREAMS; i++)
        if (filled.streams[i].kind == FAN_PROCESS_PIPE)
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "a child that is run to its end has nobody for a pipe");
    fan_status status = start(&filled, sizeof filled, 0, &p, error);
    if (!p)
        return status;
    status = fan_process_wait(p, FAN_FOREVER);
    if (status == FAN_OK) {
        memcpy(result, &p->result, result_size);
        p->result.output = p->result.error = NULL;
    } else {
        fani_error_set(error, status, "%s", fan_status_text(status));
    }
    fan_process_free(p);
    return status;
}
