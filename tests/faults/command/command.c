#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char own_folder[64], run_folder[64];

/* ---- The folder ------------------------------------------------------------------------------ */

const char *folder(void)
{
    if (!own_folder[0]) {
        strcpy(own_folder, "/tmp/fan_command_XXXXXX");
        strcpy(run_folder, "/tmp/fan_runs_XXXXXX");
        if (!mkdtemp(own_folder) || !mkdtemp(run_folder))
            abort();
    }
    return own_folder;
}

static const char *path_in(const char *where, const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", where, name);
    return path;
}

const char *in_folder(const char *name)
{
    return path_in(folder(), name);
}

const char *run_file(const char *name)
{
    (void)folder();
    return path_in(run_folder, name);
}

static char streams[16];

void name_streams(const char *name)
{
    snprintf(streams, sizeof streams, "%s", name);
}

static const char *stream(const char *which)
{
    char name[32];
    snprintf(name, sizeof name, "%s%s", which, streams);
    return run_file(name);
}

static void each_entry(const char *where, const char *prefix,
                       void (*visit)(int folder, const char *name), unsigned *n)
{
    DIR *dir = opendir(where);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        bool self = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
        if (self || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        (*n)++;
        if (visit)
            visit(dirfd(dir), entry->d_name);
    }
    if (dir)
        closedir(dir);
}

static void remove_entry(int at, const char *name)
{
    if (unlinkat(at, name, 0) == 0 || unlinkat(at, name, AT_REMOVEDIR) == 0)
        return;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_entry(fd, entry->d_name);
    if (dir)
        closedir(dir);
    (void)unlinkat(at, name, AT_REMOVEDIR);
}

void tidy(void)
{
    unsigned count = 0;
    each_entry(folder(), "", remove_entry, &count);
    each_entry(run_folder, "", remove_entry, &count);
    (void)rmdir(folder());
    (void)rmdir(run_folder);
    own_folder[0] = '\0';
}

unsigned entries(const char *prefix)
{
    unsigned count = 0;
    each_entry(folder(), prefix, NULL, &count);
    return count;
}

bool read_text(const char *path, char text[TEXT])
{
    text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, TEXT - 1);
    text[size > 0 ? size : 0] = '\0';
    close(fd);
    return true;
}

void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ASSERT_TRUE(file != NULL);
    fputs(text, file);
    ASSERT_I64(fclose(file), 0);
}

/* ---- In the child, before the command -------------------------------------------------------- */

static void put_number(const char *name, unsigned long number, const char *after)
{
    char text[32];
    snprintf(text, sizeof text, "%lu%s", number, after);
    setenv(name, text, 1);
}

static void put_text(const char *name, const char *text)
{
    if (text)
        setenv(name, text, 1);
}

static void set_environment(const setting *how)
{
    const fault *f = &how->fault;
    unsetenv("FANFOLD_EXECUTOR");
    unsetenv("FANFOLD_WORKERS");
    if (how->variable)
        setenv(how->variable, how->value, 1);
    setenv("LD_PRELOAD", FAULT_INTERPOSER, 1);
    setenv("FAULT_LOG", stream("log"), 1);
    put_text("FAULT_CALL", f->call);
    put_text("FAULT_DO", f->what);
    put_text("FAULT_PATH", f->path);
    put_text("FAULT_WHO", f->who);
    put_number("FAULT_AT", f->at, f->onward ? "+" : "");
    if (f->clock_hours)
        put_number("FAULT_CLOCK", (unsigned long)f->clock_hours, "");
    put_text("FAULT_NO_NAMELESS", f->no_nameless ? "1" : NULL);
    put_text("FAULT_NO_SYNC", f->no_sync ? "1" : NULL);
    put_text("FAULT_RANDOM", f->random_counts ? "1" : NULL);
}

static void open_as(int fd, const char *path, int flags)
{
    int opened = open(path, flags, 0600);
    if (opened < 0 || (opened != fd && dup2(opened, fd) != fd))
        _exit(90);
    if (opened != fd)
        close(opened);
}

static void set_streams(const setting *how)
{
    int ends[2];
    open_as(0, "/dev/null", O_RDONLY);
    open_as(2, stream("err"), O_WRONLY | O_CREAT | O_TRUNC);
    if (how->out == STREAM_FILE)
        open_as(1, stream("out"), O_WRONLY | O_CREAT | O_TRUNC);
    if (how->out == STREAM_FULL)
        open_as(1, "/dev/full", O_WRONLY);
    if (how->out == STREAM_CLOSED)
        close(1);
    if (how->out == STREAM_NOBODY) {
        if (pipe(ends) || dup2(ends[1], 1) != 1)
            _exit(91);
        close(ends[0]);
        close(ends[1]);
    }
}

static void limit(int what, unsigned long most)
{
    if (most && setrlimit(what, &(struct rlimit){most, most}))
        _exit(92);
}

static void enter_group(const char *group)
{
    char path[256];
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file))
        _exit(93);
}

/* A user that nobody else is: its processes alone are counted. */
static void become_nobody(unsigned long processes)
{
    uid_t user = 2000000 + (uid_t)getpid();
    limit(RLIMIT_NPROC, processes);
    if (setgroups(0, NULL) || setgid(user) || setuid(user))
        _exit(94);
}

static void become_command(const setting *how, char *const *arguments)
{
    setsid();
    umask(how->umask ? (mode_t)(how->umask < 0 ? 0 : how->umask) : 022);
    if (how->cgroup)
        enter_group(how->cgroup);
    set_streams(how);
    set_environment(how);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, how->files);
    limit(RLIMIT_AS, how->space);
    if (how->own)
        become_nobody(how->own);
    execv(how->program ? how->program : FAULT_COMMAND, arguments);
    _exit(95);
}

/* ---- Running --------------------------------------------------------------------------------- */

enum { WORDS = 64 };

/* Cuts the words apart in place and puts the folder where "@" stands. */
static void split(const char *arguments, char text[TEXT], char *words[WORDS])
{
    size_t used = 0, count = 0;
    for (const char *at = arguments; *at && used < TEXT - 128; at++) {
        if (*at == '@')
            used += (size_t)snprintf(text + used, TEXT - used, "%s", folder());
        else
            text[used++] = *at;
    }
    text[used] = '\0';
    char *rest = text;
    words[count++] = "fanfold";
    for (char *word; count < WORDS - 1 && (word = strsep(&rest, " "));)
        if (*word)
            words[count++] = word;
    words[count] = NULL;
}

/* Those that were started and not yet waited for. */
static pid_t under_way[8];

static bool swap_under_way(pid_t from, pid_t to)
{
    for (size_t i = 0; i < sizeof under_way / sizeof *under_way; i++)
        if (under_way[i] == from) {
            under_way[i] = to;
            return true;
        }
    return false;
}

static bool is_under_way(pid_t pid)
{
    return swap_under_way(pid, pid);
}

pid_t start(const setting *how, const char *arguments)
{
    char text[TEXT], *words[WORDS];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    split(arguments, text, words);
    (void)unlink(stream("log"));
    (void)unlink(stream("out"));
    pid_t pid = fork();
    if (pid == 0)
        become_command(how, words);
    if (!swap_under_way(0, pid))
        abort();
    return pid;
}

static bool wait_ms(pid_t pid, int ms)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    bool ended = fd < 0 || poll(&entry, 1, ms) != 0;
    if (fd >= 0)
        close(fd);
    return ended;
}

static bool is_stranded(const char *number, pid_t *pid)
{
    char path[64], text[512];
    *pid = (pid_t)strtol(number, NULL, 10);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)*pid);
    int fd = *pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *after = strrchr(text, ')');
    return after && strtol(after + 3, NULL, 10) == getpid() && !is_under_way(*pid);
}

/* Whom the command left behind becomes a child of this process. Waits for those that have ended,
 * and with `kills` for all; how many had not. */
static unsigned reap_stranded(bool kills)
{
    unsigned count = 0;
    DIR *all = opendir("/proc");
    for (struct dirent *entry; all && (entry = readdir(all));) {
        pid_t pid;
        if (!is_stranded(entry->d_name, &pid))
            continue;
        if (kills)
            kill(pid, SIGKILL);
        count += waitpid(pid, NULL, kills ? 0 : WNOHANG) != pid || kills;
    }
    if (all)
        closedir(all);
    return count;
}

/* Gives the others 2 minutes to end by themselves. */
static unsigned count_survivors(void)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    siginfo_t info;
    for (int i = 0; i < 24000; i++) {
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || reap_stranded(false) == 0)
            return 0;
        nanosleep(&moment, NULL);
    }
    return reap_stranded(true);
}

static void read_log(ran *r)
{
    char line[512];
    FILE *file = fopen(stream("log"), "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        r->met += !strncmp(line, "met ", 4);
        if (strncmp(line, "fired ", 6) != 0)
            continue;
        r->fired++;
        int path = 0;
        sscanf(line, "fired %*d %*s %*u %*s %n", &path);
        snprintf(r->fired_path, sizeof r->fired_path, "%s", path ? line + path : "");
    }
    if (file)
        fclose(file);
    (void)read_text(stream("log"), r->log);
}

void finish(pid_t pid, ran *r)
{
    int status = 0;
    memset(r, 0, sizeof *r);
    r->late = !wait_ms(pid, RUN_LIMIT_MS);
    if (r->late)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)swap_under_way(pid, 0);
    r->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    r->survivors = count_survivors();
    (void)read_text(stream("out"), r->out);
    (void)read_text(stream("err"), r->err);
    r->out_size = strlen(r->out);
    read_log(r);
}

void wait_said(const char *text, int ms)
{
    static char said[TEXT];
    const struct timespec moment = {.tv_nsec = 5000000};
    for (int i = 0; i < ms / 5 && !(read_text(stream("err"), said) && strstr(said, text)); i++)
        nanosleep(&moment, NULL);
}

void run(const setting *how, const char *arguments, ran *result)
{
    finish(start(how, arguments), result);
}

bool expect_sane(const ran *r, const char *label)
{
    bool sane = !r->late && !r->survivors && r->code < 90;
    SHIM_CHECK(sane, (void)0, "%s: code %d%s, %u processes live on; it said: %.300s", label,
               r->code, r->late ? ", killed after its time" : "", r->survivors, r->err);
    return sane;
}
